//! Parses the scope of a sync's side: the mapping under `source:` and `target:`.

use serde_json::{Map, Value as Json};
use syncline_engine::spec::Finding;

/// Why a scope cannot be used: the key and what is allowed there. Never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", self.place())]
pub struct ScopeError {
    /// The wrong key; empty if the error is about the whole scope.
    pub field: String,
    /// What is wrong and what is allowed, for people; does not repeat the key.
    pub message: String,
}

impl ScopeError {
    pub(crate) fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into() }
    }

    /// The error as a finding about the scope at this path.
    pub(crate) fn at(self, path: &str) -> Finding {
        let path = if self.field.is_empty() { path.to_owned() } else { format!("{path}.{}", self.field) };
        Finding::error(path, self.message)
    }

    fn place(&self) -> String {
        if self.field.is_empty() { String::new() } else { format!("{}: ", self.field) }
    }
}

/// A scope's keys. Keys that only a newer version knows are ignored; [`crate::Platform::check`] refuses them in
/// documents that people submit.
pub(crate) struct ScopeReader<'a> {
    object: &'a Map<String, Json>,
}

impl<'a> ScopeReader<'a> {
    /// Refuses a value that is not an object.
    pub(crate) fn new(scope: &'a Json) -> Result<Self, ScopeError> {
        let Json::Object(object) = scope else {
            return Err(ScopeError::new("", "must be keys and values"));
        };
        Ok(Self { object })
    }

    /// The raw value of a key; null counts as absent.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Json> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    /// Optional text, not empty.
    pub(crate) fn optional_text(&self, field: &str) -> Result<Option<String>, ScopeError> {
        match self.get(field) {
            None => Ok(None),
            Some(Json::String(text)) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(other) => Err(ScopeError::new(field, format!("must be text, not {other}"))),
        }
    }

    /// Required text; `meaning` describes it in the error.
    pub(crate) fn text(&self, field: &str, meaning: &str) -> Result<String, ScopeError> {
        self.optional_text(field)?.ok_or_else(|| ScopeError::new(field, format!("is missing: {meaning}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_a_newer_version_are_ignored() {
        let scope = json!({"path": "a.csv", "colour": 1});
        assert_eq!(ScopeReader::new(&scope).unwrap().text("path", ""), Ok("a.csv".to_owned()));
    }

    #[test]
    fn values_must_be_text() {
        let scope = json!({"path": 7, "key": null});
        let reader = ScopeReader::new(&scope).unwrap();
        assert_eq!(reader.text("path", "").unwrap_err().to_string(), "path: must be text, not 7");
        assert_eq!(reader.optional_text("key"), Ok(None));
        let missing = reader.text("key", "the key column").unwrap_err();
        assert_eq!(missing.to_string(), "key: is missing: the key column");
    }
}
