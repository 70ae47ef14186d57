//! The scope of a file: its path and the meaning of its columns.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use syncline_engine::spec::keys::{Form, Key};

use crate::scope::{ScopeError, ScopeReader};

/// The keys of a scope.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    Key::required("path", Form::Text, "The path of the CSV file; a relative one starts at the document's folder."),
    Key::default("key", Form::Text, "\"id\"", "The column that identifies a row."),
    Key::optional("modified", Form::Text, "The column that says when a row was changed."),
    Key::optional("delimiter", Form::Character, "The character between cells: a comma, unless a `sep=` line of the file names another."),
];

#[derive(Debug, Clone)]
pub(super) struct FileScope {
    pub(super) path: PathBuf,
    /// The column that identifies a row.
    pub(super) key: String,
    /// The column that records when a row was changed.
    pub(super) modified: Option<String>,
    /// As set in the document; without it a comma, or the delimiter of the file's `sep=` line.
    pub(super) delimiter: Option<u8>,
    /// The columns that the sync maps; empty means all of them.
    pub(super) mapped: Vec<String>,
}

impl FileScope {
    pub(super) fn parse(scope: &Json) -> Result<Self, ScopeError> {
        let reader = ScopeReader::new(scope)?;
        Ok(Self {
            path: PathBuf::from(reader.text("path", "the path of the CSV file")?),
            key: reader.optional_text("key")?.unwrap_or_else(|| "id".to_owned()),
            modified: reader.optional_text("modified")?,
            delimiter: delimiter(&reader)?,
            mapped: Vec::new(),
        })
    }
}

fn delimiter(reader: &ScopeReader<'_>) -> Result<Option<u8>, ScopeError> {
    match reader.get("delimiter") {
        None => Ok(None),
        Some(Json::String(text)) if text.len() == 1 && !["\"", "\r", "\n", "\0"].contains(&text.as_str()) => {
            Ok(Some(text.as_bytes()[0]))
        }
        Some(other) => {
            let message = format!("must be one character such as \",\", \";\" or a tab, not {other}");
            Err(ScopeError::new("delimiter", message))
        }
    }
}

pub(super) fn resolve(scope: &mut Json, base_dir: &Path) {
    if let Some(path) = scope.get_mut("path")
        && let Some(text) = path.as_str()
    {
        *path = Json::String(base_dir.join(text).to_string_lossy().into_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults() {
        let scope = FileScope::parse(&json!({"path": "a.csv"})).unwrap();
        assert_eq!((scope.key.as_str(), scope.delimiter, scope.modified), ("id", None, None));
    }

    #[test]
    fn refusals_name_the_field() {
        let error = FileScope::parse(&json!({"path": "a.csv", "delimiter": "ab"})).unwrap_err();
        assert_eq!(error.field, "delimiter");
        assert!(error.message.ends_with("not \"ab\""), "{error}");
        assert_eq!(FileScope::parse(&json!({})).unwrap_err().field, "path");
    }

    #[test]
    fn relative_paths_start_at_the_base() {
        let mut scope = json!({"path": "data/a.csv"});
        resolve(&mut scope, Path::new("/srv"));
        assert_eq!(scope["path"], "/srv/data/a.csv");
        resolve(&mut scope, Path::new("/elsewhere"));
        assert_eq!(scope["path"], "/srv/data/a.csv");
    }
}
