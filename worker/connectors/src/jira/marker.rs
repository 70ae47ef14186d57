//! The marker of a create: a property of the issue, which Jira shows to programs only.

use serde_json::{Value as Json, json};

/// The key of the property.
pub(super) const PROPERTY: &str = "syncline";

/// The property of a new issue.
pub(super) fn property(marker: &str) -> Json {
    json!({ "key": PROPERTY, "value": { "marker": marker } })
}

/// The marker among the properties of an issue.
pub(super) fn read(properties: &Json) -> Option<&str> {
    properties[PROPERTY]["marker"].as_str()
}
