//! The scope of the issues of a team: which team, and which of its issues.

use serde_json::{Value as Json, json};
use syncline_engine::spec::keys::{Form, Key};

use super::{ids, issue::Issue};
use crate::scope::{ScopeError, ScopeReader};

/// The keys of a scope.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    Key::optional("account", Form::Text, "The account whose API key or access token is used."),
    Key::required("team", Form::Text, "The team, by the key before the numbers of its issues (`ENG`), or by its id."),
    Key::optional("project", Form::Text, "Only issues of this project, by its name or its id."),
];

/// Which issues of which team.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TeamScope {
    pub(super) team: Name,
    pub(super) project: Option<Name>,
}

/// What a scope calls a thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Name {
    /// Its id, which stays.
    Id(String),
    /// The key of a team, the name of a project.
    Text(String),
}

impl Name {
    fn read(text: &str) -> Name {
        ids::canonical(text).map_or_else(|| Name::Text(text.trim().to_owned()), Name::Id)
    }

    /// True if a thing of this id and this name is meant.
    fn is(&self, id: &str, text: &str) -> bool {
        match self {
            Name::Id(wanted) => wanted.eq_ignore_ascii_case(id),
            Name::Text(wanted) => wanted.eq_ignore_ascii_case(text),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Name::Id(text) | Name::Text(text) => text,
        }
    }

    /// A filter that has the id, or the text under this key.
    pub(super) fn filter(&self, key: &str) -> Json {
        match self {
            Name::Id(id) => json!({ "id": { "eq": id } }),
            Name::Text(text) => json!({ key: { "eq": text } }),
        }
    }
}

impl TeamScope {
    pub(super) fn parse(scope: &Json) -> Result<Self, ScopeError> {
        let reader = ScopeReader::new(scope)?;
        let team = reader.text("team", "the team, by the key before the numbers of its issues, like ENG")?;
        let team = match Name::read(&team) {
            // Keys are written in capitals.
            Name::Text(key) if is_key(&key) => Name::Text(key.to_ascii_uppercase()),
            Name::Text(other) => {
                let message = format!(
                    "{other:?} is no key of a team; write what stands before the numbers of its issues, like ENG, or \
                     the team's id"
                );
                return Err(ScopeError::new("team", message));
            }
            id => id,
        };
        let project = reader.optional_text("project")?.map(|text| Name::read(&text));
        Ok(Self { team, project })
    }

    /// The filter that has the team.
    pub(super) fn team_filter(&self) -> Json {
        self.team.filter("key")
    }

    /// The filter that has the project.
    pub(super) fn project_filter(&self) -> Option<Json> {
        self.project.as_ref().map(|project| project.filter("name"))
    }

    /// True if the issue belongs to the place. One in the archive does not, until somebody takes it out.
    pub(super) fn takes(&self, issue: &Issue) -> bool {
        let in_project = |wanted: &Name| {
            issue.project.as_ref().is_some_and(|project| wanted.is(&project.id, &project.name))
        };
        self.team.is(&issue.team.id, &issue.team.key)
            && self.project.as_ref().is_none_or(in_project)
            && issue.archived_at.is_none()
    }
}

fn is_key(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ID: &str = "3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a";

    #[test]
    fn a_team_is_named_by_its_key_or_its_id() {
        let by_key = TeamScope::parse(&json!({ "account": "acme", "team": " eng " })).unwrap();
        assert_eq!(by_key.team_filter(), json!({ "key": { "eq": "ENG" } }));
        let by_id = TeamScope::parse(&json!({ "team": ID.to_uppercase(), "project": "Launch" })).unwrap();
        assert_eq!(by_id.team_filter(), json!({ "id": { "eq": ID } }));
        assert_eq!(by_id.project_filter(), Some(json!({ "name": { "eq": "Launch" } })));
    }

    #[rstest]
    #[case(json!({}), "team: is missing: the team, by the key before the numbers of its issues, like ENG")]
    #[case(json!({ "team": "The Team" }), "team: \"The Team\" is no key of a team; write what stands before the numbers of its issues, like ENG, or the team's id")]
    #[case(json!({ "team": "ENG", "project": 7 }), "project: must be text, not 7")]
    fn refusals_name_the_key(#[case] scope: Json, #[case] message: &str) {
        assert_eq!(TeamScope::parse(&scope).unwrap_err().to_string(), message);
    }
}
