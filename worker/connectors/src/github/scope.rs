//! The scope of the issues of a repository: which repository, and which of its issues.

use serde_json::Value as Json;
use syncline_engine::spec::keys::{Form, Key};

use super::issue::Issue;
use crate::{
    scope::{ScopeError, ScopeReader},
    sets,
};

/// The keys of a scope.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    Key::optional("account", Form::Text, "The account whose token is used."),
    Key::optional("repository", Form::Text, "The repository, as `owner/name`."),
    Key::optional("owner", Form::Text, "The owner of the repository, if `repository` is not given."),
    Key::optional("repo", Form::Text, "The name of the repository, if `repository` is not given."),
    Key::default("state", Form::Names(&[&["all"], &["open"], &["closed"]]), "\"all\"", "Only issues in this state."),
    Key::optional("labels", Form::TextList, "Only issues that have all of these labels."),
    Key::default("api_version", Form::Names(&[&["2022-11-28"], &["2026-03-10"]]), "\"2022-11-28\"", "The version of GitHub's API."),
];

/// Which issues of which repository.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RepoScope {
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) filter: Filter,
    /// Version 2026-03-10 of the API instead of 2022-11-28.
    pub(super) later_version: bool,
}

/// Which issues of the repository belong to the place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter {
    /// Only open ones, or only closed ones.
    pub(super) state: Option<&'static str>,
    /// Only those with all of these labels; canonical.
    pub(super) labels: Vec<String>,
}

impl RepoScope {
    pub(super) fn parse(scope: &Json) -> Result<Self, ScopeError> {
        let reader = ScopeReader::new(scope)?;
        let (owner, name) = repository(&reader)?;
        let filter = Filter { state: state(&reader)?, labels: labels(&reader)? };
        Ok(Self { owner, name, filter, later_version: is_later(&reader)? })
    }

    /// The repository as `owner/name`.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

impl Filter {
    /// True if the issue belongs to the place.
    pub(super) fn takes(&self, issue: &Issue) -> bool {
        let has = |label: &String| issue.label_names().any(|name| sets::same(name, label));
        self.state.is_none_or(|state| state == issue.state) && self.labels.iter().all(has)
    }

    /// True if every issue belongs to the place.
    pub(super) fn is_open(&self) -> bool {
        *self == Filter::default()
    }
}

fn repository(reader: &ScopeReader<'_>) -> Result<(String, String), ScopeError> {
    let (owner, name) = (reader.optional_text("owner")?, reader.optional_text("repo")?);
    match reader.optional_text("repository")? {
        Some(_) if owner.is_some() || name.is_some() => {
            Err(ScopeError::new("repository", "names the repository already; remove owner and repo"))
        }
        Some(text) => {
            let parts = text.trim().split_once('/');
            let parts = parts.filter(|(owner, name)| is_owner(owner) && is_name(name));
            let refused = || ScopeError::new("repository", format!("{text:?} is not `owner/name`"));
            parts.map(|(owner, name)| (owner.to_owned(), name.to_owned())).ok_or_else(refused)
        }
        None => {
            let part = |key: &str, value: Option<String>, fits: fn(&str) -> bool| match value {
                Some(text) if fits(text.trim()) => Ok(text.trim().to_owned()),
                Some(text) => {
                    let message = format!("{text:?} is no such name; write it as in github.com/OWNER/REPO");
                    Err(ScopeError::new(key, message))
                }
                None if key == "owner" => {
                    Err(ScopeError::new("repository", "is missing: the repository, as `owner/name`"))
                }
                None => Err(ScopeError::new(key, "is missing: the name of the owner's repository")),
            };
            Ok((part("owner", owner, is_owner)?, part("repo", name, is_name)?))
        }
    }
}

/// Names become parts of paths and of search queries, so nothing else may stand in them.
fn is_owner(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    (1..=100).contains(&text.len()) && text.chars().all(allowed)
}

fn is_name(text: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (1..=100).contains(&text.len()) && text.chars().all(allowed) && ![".", ".."].contains(&text)
}

fn state(reader: &ScopeReader<'_>) -> Result<Option<&'static str>, ScopeError> {
    match reader.optional_text("state")?.as_deref().map(str::trim) {
        None | Some("all") => Ok(None),
        Some("open") => Ok(Some("open")),
        Some("closed") => Ok(Some("closed")),
        Some(other) => Err(ScopeError::new("state", format!("must be all, open or closed, not {other:?}"))),
    }
}

fn is_later(reader: &ScopeReader<'_>) -> Result<bool, ScopeError> {
    match reader.optional_text("api_version")?.as_deref().map(str::trim) {
        None | Some("2022-11-28") => Ok(false),
        Some("2026-03-10") => Ok(true),
        Some(other) => {
            Err(ScopeError::new("api_version", format!("must be 2022-11-28 or 2026-03-10, not {other:?}")))
        }
    }
}

fn labels(reader: &ScopeReader<'_>) -> Result<Vec<String>, ScopeError> {
    let refused = |what: &Json| ScopeError::new("labels", format!("must be a list of labels, not {what}"));
    let names = match reader.get("labels") {
        None => return Ok(Vec::new()),
        Some(Json::Array(names)) => names,
        Some(other) => return Err(refused(other)),
    };
    let text = |name: &Json| match name.as_str().map(str::trim) {
        // The API takes the labels of a filter separated by commas.
        Some(name) if name.contains(',') => {
            Err(ScopeError::new("labels", format!("{name:?} has a comma, by which GitHub cannot filter")))
        }
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(refused(name)),
    };
    Ok(sets::canonical(names.iter().map(text).collect::<Result<Vec<_>, _>>()?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_name_a_repository() {
        let one = RepoScope::parse(&json!({"account": "acme", "repository": "acme/web.site"})).unwrap();
        assert_eq!(one.full_name(), "acme/web.site");
        assert!(one.filter.is_open());
        let other = RepoScope::parse(&json!({"owner": "acme", "repo": "web.site", "state": "all"})).unwrap();
        assert_eq!(one, other);
    }

    #[rstest]
    #[case(json!({}), "repository: is missing: the repository, as `owner/name`")]
    #[case(json!({"owner": "acme"}), "repo: is missing: the name of the owner's repository")]
    #[case(json!({"repository": "acme"}), "repository: \"acme\" is not `owner/name`")]
    #[case(json!({"repository": "acme/web/issues"}), "repository: \"acme/web/issues\" is not `owner/name`")]
    #[case(json!({"repository": "acme/.."}), "repository: \"acme/..\" is not `owner/name`")]
    #[case(json!({"repository": "a/b", "repo": "b"}), "repository: names the repository already; remove owner and repo")]
    #[case(json!({"repository": "a/b", "state": "done"}), "state: must be all, open or closed, not \"done\"")]
    #[case(json!({"repository": "a/b", "api_version": "v3"}), "api_version: must be 2022-11-28 or 2026-03-10, not \"v3\"")]
    #[case(json!({"repository": "a/b", "labels": "bug"}), "labels: must be a list of labels, not \"bug\"")]
    #[case(json!({"repository": "a/b", "labels": ["a,b"]}), "labels: \"a,b\" has a comma, by which GitHub cannot filter")]
    fn refusals_name_the_key(#[case] scope: Json, #[case] message: &str) {
        assert_eq!(RepoScope::parse(&scope).unwrap_err().to_string(), message);
    }

    #[test]
    fn labels_are_compared_as_github_compares_them() {
        let scope = json!({"repository": "a/b", "labels": ["Sync", "bug"], "state": "open"});
        let filter = RepoScope::parse(&scope).unwrap().filter;
        let issue = |labels: &[&str], state: &str| -> Issue {
            let labels: Vec<Json> = labels.iter().map(|name| json!({ "name": name })).collect();
            serde_json::from_value(json!({"number": 1, "title": "t", "state": state, "labels": labels}))
                .unwrap()
        };
        assert!(filter.takes(&issue(&["BUG", "other", "sync"], "open")));
        assert!(!filter.takes(&issue(&["bug"], "open")));
        assert!(!filter.takes(&issue(&["bug", "sync"], "closed")));
    }
}
