//! The scope of the issues of a project: which project, and which of its issues.

use serde_json::Value as Json;
use syncline_engine::spec::keys::{Form, Key};

use crate::scope::{ScopeError, ScopeReader};

/// The keys of a scope.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    Key::optional("account", Form::Text, "The account whose token is used."),
    Key::optional("project_key", Form::Text, "The key of the project, such as PROJ."),
    Key::optional("jql", Form::Text, "Only issues that this JQL finds, without ORDER BY."),
    Key::default("issue_type", Form::Text, "\"Task\"", "The type of new issues, where none is mapped."),
    Key::optional("resolution", Form::Text, "The resolution of issues that are closed, where none is mapped."),
    Key::default("resolution_always", Form::Flag, "false", "Send the resolution although the screen of a transition does not list it."),
];

/// Which issues of which project.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ProjectScope {
    /// In upper case, as Jira writes keys.
    pub(super) project: String,
    pub(super) jql: Option<String>,
    pub(super) issue_type: String,
    pub(super) resolution: Option<String>,
    pub(super) resolution_always: bool,
}

impl ProjectScope {
    pub(super) fn parse(scope: &Json) -> Result<Self, ScopeError> {
        let reader = ScopeReader::new(scope)?;
        let project = reader.text("project_key", "the key of the project, such as PROJ")?;
        let project = project.trim().to_ascii_uppercase();
        if !is_key(&project) {
            let message =
                format!("{project:?} is no key of a project; it is the part of PROJ-12 before the dash");
            return Err(ScopeError::new("project_key", message));
        }
        let text = |key: &str| Ok(reader.optional_text(key)?.map(|text| text.trim().to_owned()));
        let jql = text("jql")?;
        if let Some(why) = jql.as_deref().and_then(unusable) {
            return Err(ScopeError::new("jql", why));
        }
        let resolution_always = match reader.get("resolution_always") {
            None => false,
            Some(Json::Bool(always)) => *always,
            Some(other) => {
                return Err(ScopeError::new(
                    "resolution_always",
                    format!("must be true or false, not {other}"),
                ));
            }
        };
        Ok(Self {
            project,
            jql,
            issue_type: text("issue_type")?.unwrap_or_else(|| "Task".to_owned()),
            resolution: text("resolution")?,
            resolution_always,
        })
    }

    /// The JQL of the place, to which a restriction may be added.
    pub(super) fn jql(&self) -> String {
        let project = self.whole_project();
        match &self.jql {
            None => project,
            Some(filter) => format!("{project} AND ({filter})"),
        }
    }

    /// The JQL of the project without the filter.
    pub(super) fn whole_project(&self) -> String {
        format!("project = \"{}\"", self.project)
    }
}

/// Letters, digits and underscores, a letter first.
fn is_key(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (2..=255).contains(&text.len())
        && text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(allowed)
}

/// Why a filter cannot stand in parentheses behind a restriction of ours.
fn unusable(jql: &str) -> Option<String> {
    let mut depth = 0_i32;
    let mut quote = None;
    let mut plain = String::new();
    let mut letters = jql.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => {
                letters.next();
            }
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, other) => plain.push(if other.is_whitespace() { ' ' } else { other.to_ascii_lowercase() }),
        }
        if depth < 0 {
            return Some("closes a parenthesis that it did not open".to_owned());
        }
    }
    let words: Vec<&str> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    if depth > 0 || quote.is_some() {
        Some("has a parenthesis or a quote that is not closed".to_owned())
    } else if words.windows(2).any(|pair| pair == ["order", "by"]) {
        Some("has an order of its own; leave ORDER BY out".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_filter_narrows_the_project() {
        let whole = ProjectScope::parse(&json!({"account": "acme", "project_key": "proj"})).unwrap();
        assert_eq!((whole.jql(), whole.issue_type.as_str()), ("project = \"PROJ\"".to_owned(), "Task"));
        let scope = json!({"project_key": "PROJ", "jql": "labels = \"a) b\" OR type in (Bug, Task)"});
        assert_eq!(
            ProjectScope::parse(&scope).unwrap().jql(),
            "project = \"PROJ\" AND (labels = \"a) b\" OR type in (Bug, Task))"
        );
    }

    #[rstest]
    #[case(json!({}), "project_key: is missing: the key of the project, such as PROJ")]
    #[case(json!({"project_key": "PROJ-1"}), "project_key: \"PROJ-1\" is no key of a project; it is the part of PROJ-12 before the dash")]
    #[case(json!({"project_key": "PROJ", "jql": "a = b) OR (c = d"}), "jql: closes a parenthesis that it did not open")]
    #[case(json!({"project_key": "PROJ", "jql": "a = \"b"}), "jql: has a parenthesis or a quote that is not closed")]
    #[case(json!({"project_key": "PROJ", "jql": "a = b order  BY c"}), "jql: has an order of its own; leave ORDER BY out")]
    #[case(json!({"project_key": "PROJ", "resolution_always": "yes"}), "resolution_always: must be true or false, not \"yes\"")]
    fn refusals_name_the_key(#[case] scope: Json, #[case] message: &str) {
        assert_eq!(ProjectScope::parse(&scope).unwrap_err().to_string(), message);
    }
}
