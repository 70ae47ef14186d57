//! The bodies of creates and updates.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, value::RawValue};

/// What a field is set to.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Entry {
    Value(Json),
    /// A document, written as it is sent.
    Document(Box<RawValue>),
}

/// Fields by Jira's ids.
pub(super) type Entries = BTreeMap<String, Entry>;

impl From<Json> for Entry {
    fn from(value: Json) -> Entry {
        Entry::Value(value)
    }
}

/// The body of an update.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Update {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) fields: Entries,
    /// Steps by the ids of their fields.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) update: BTreeMap<String, Json>,
}

impl Update {
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.update.is_empty()
    }

    /// Takes fields out. Returns those that were there.
    pub(super) fn without(&mut self, ids: &[&str]) -> Vec<String> {
        let mut removed = Vec::new();
        for id in ids {
            let of_fields = self.fields.remove(*id).is_some();
            if self.update.remove(*id).is_some() || of_fields {
                removed.push((*id).to_owned());
            }
        }
        removed
    }
}

/// The body of a create.
#[derive(Debug, Serialize)]
pub(super) struct Create<'c> {
    pub(super) fields: BTreeMap<&'c str, &'c Entry>,
    pub(super) properties: [Json; 1],
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refused_fields_are_taken_out_of_a_body() {
        let document: Entry = Entry::Document(serde_json::value::to_raw_value(&json!({ "c": [1] })).unwrap());
        let fields = [("a", json!(1).into()), ("b", json!(2).into()), ("d", document)];
        let mut body = Update {
            fields: fields.map(|(id, entry)| (id.to_owned(), entry)).into(),
            update: [("labels".to_owned(), json!([]))].into(),
        };
        assert_eq!(body.without(&["a", "labels", "c"]), ["a", "labels"]);
        assert_eq!(serde_json::to_string(&body).unwrap(), r#"{"fields":{"b":2,"d":{"c":[1]}}}"#);
        assert!(!body.is_empty());
        assert_eq!(body.without(&["b", "d"]), ["b", "d"]);
        assert!(body.is_empty());
    }
}
