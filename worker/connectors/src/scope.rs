//! Reading the scope of a sync's side: what stands under `source:` and `target:`.

use serde_json::{Map, Value as Json};

/// Why a scope cannot be used: which key of it, and what is allowed there. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScopeError {
    /// The key at fault; empty when it is the scope as a whole.
    pub field: String,
    /// What is wrong and what is allowed, for people.
    pub message: String,
}

impl ScopeError {
    pub(crate) fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into() }
    }
}

/// A scope whose keys are known to be allowed.
pub(crate) struct ScopeReader<'a> {
    object: &'a Map<String, Json>,
}

impl<'a> ScopeReader<'a> {
    /// Refuses what is no object, and any key that is not allowed.
    pub(crate) fn new(scope: &'a Json, allowed: &[&str]) -> Result<Self, ScopeError> {
        let Json::Object(object) = scope else {
            let allowed = allowed.join(", ");
            return Err(ScopeError::new("", format!("expected keys and values ({allowed})")));
        };
        if let Some(unknown) = object.keys().find(|key| !allowed.contains(&key.as_str())) {
            let allowed = allowed.join(", ");
            return Err(ScopeError::new(unknown, format!("unknown key {unknown:?}; allowed are {allowed}")));
        }
        Ok(Self { object })
    }

    /// The raw value of a key; null counts as absent.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Json> {
        self.object.get(field).filter(|value| !value.is_null())
    }

    /// Text that may be absent, but not empty.
    pub(crate) fn optional_text(&self, field: &str) -> Result<Option<String>, ScopeError> {
        match self.get(field) {
            None => Ok(None),
            Some(Json::String(text)) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(other) => Err(ScopeError::new(field, format!("{field}: expected text, found {other}"))),
        }
    }

    /// Text that must be there; `meaning` says in the error what it is.
    pub(crate) fn text(&self, field: &str, meaning: &str) -> Result<String, ScopeError> {
        self.optional_text(field)?
            .ok_or_else(|| ScopeError::new(field, format!("{field} is missing: {meaning}")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_keys_name_the_allowed_ones() {
        let scope = json!({"path": "a.csv", "colour": 1});
        let error = ScopeReader::new(&scope, &["path", "key"]).err().unwrap();
        assert_eq!(error.field, "colour");
        assert_eq!(error.to_string(), "unknown key \"colour\"; allowed are path, key");
    }

    #[test]
    fn values_must_be_text() {
        let scope = json!({"path": 7, "key": null});
        let reader = ScopeReader::new(&scope, &["path", "key"]).unwrap();
        assert_eq!(reader.text("path", "").unwrap_err().to_string(), "path: expected text, found 7");
        assert_eq!(reader.optional_text("key"), Ok(None));
        let missing = reader.text("key", "the key column").unwrap_err();
        assert_eq!(missing.to_string(), "key is missing: the key column");
    }
}
