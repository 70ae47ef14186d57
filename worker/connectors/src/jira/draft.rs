//! Turns fields into the bodies of requests.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};
use syncline_engine::{Value, ports::ConnectorError, value::Fields};

use super::{
    body::{Entries, Entry, Update},
    columns::Column,
    convert::line,
    fields::{self, LONGEST_LINE},
    labels,
    memo::Known,
    text,
};

/// Fields that were not written, with the reason.
pub(super) type LeftOut = Vec<(String, ConnectorError)>;

/// What an issue is to be. What is not named is left as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// Values by the ids of Jira's fields.
    pub(super) values: BTreeMap<String, Json>,
    /// Rich texts by the ids of their fields.
    pub(super) texts: BTreeMap<String, String>,
    /// As Jira stores them.
    pub(super) labels: Option<Vec<String>>,
    /// The name of an issue type.
    pub(super) issue_type: Option<String>,
    /// The name of a status.
    pub(super) status: Option<String>,
    /// The name of a resolution, or none.
    pub(super) resolution: Option<Option<String>>,
    /// The names of fields in mappings, by the ids of Jira's fields.
    names: HashMap<String, String>,
    /// Values that the kind of their field does not take.
    pub(super) left_out: LeftOut,
}

impl Draft {
    /// Reads fields to be written. Refuses a field that does not exist, and a value that does not fit, before anything is
    /// sent. A field that somebody has added to the site is left out instead, since its kind was not known before.
    pub(super) fn read(values: &Fields, columns: &[Column]) -> Result<Draft, ConnectorError> {
        let mut draft = Draft::default();
        for (name, value) in values {
            let refused = |why: String| ConnectorError::permanent(format!("field {name}: {why}"));
            fields::accepts(name, value).map_err(refused)?;
            let column = columns.iter().find(|column| column.name == *name);
            let id = column.map_or(name.as_str(), |column| column.id.as_str());
            draft.names.insert(id.to_owned(), name.clone());
            match column.filter(|column| column.schema.is_some()) {
                Some(column) => draft.set_custom(column, value),
                None => draft.set(name, value).map_err(refused)?,
            }
        }
        Ok(draft)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let plain = || if value.is_blank() { String::new() } else { value.name() };
        let named = || match value.is_blank() {
            true => Json::Null,
            false => json!({ "name": value.name().trim() }),
        };
        let json = match name {
            "status" => {
                self.status = Some(value.name().trim().to_owned());
                return Ok(());
            }
            "resolution" => {
                self.resolution = Some(Some(plain().trim().to_owned()).filter(|name| !name.is_empty()));
                return Ok(());
            }
            "issuetype" => {
                self.issue_type = Some(plain().trim().to_owned());
                return Ok(());
            }
            "labels" => {
                let names = labels::names(value).unwrap_or_default();
                self.labels = Some(names.iter().map(|name| labels::encode(name)).collect());
                return Ok(());
            }
            "description" | "environment" => {
                self.texts.insert(name.to_owned(), plain());
                return Ok(());
            }
            "summary" => json!(text::shortened(&line(&plain()), LONGEST_LINE)),
            "assignee" | "reporter" => {
                fields::person(value)?.map_or(Json::Null, |id| json!({ "accountId": id }))
            }
            "duedate" => json!(fields::day(value)?),
            "parent" => match plain().trim() {
                "" => Json::Null,
                id if id.bytes().all(|byte| byte.is_ascii_digit()) => json!({ "id": id }),
                key => json!({ "key": key }),
            },
            _ => named(),
        };
        self.values.insert(name.to_owned(), json);
        Ok(())
    }

    fn set_custom(&mut self, column: &Column, value: &Value) {
        let Some(schema) = &column.schema else { return };
        if column.is_rich() {
            let text = if value.is_blank() { String::new() } else { value.name() };
            self.texts.insert(column.id.clone(), text);
            return;
        }
        match schema.write(value) {
            Ok(Json::String(text)) if schema.kind == "string" => {
                self.values.insert(column.id.clone(), json!(text::shortened(&line(&text), LONGEST_LINE)));
            }
            Ok(json) => {
                self.values.insert(column.id.clone(), json);
            }
            Err(why) => {
                let error = ConnectorError::permanent(format!("field {}: {why}", column.name));
                self.left_out.push((column.name.clone(), error));
            }
        }
    }

    /// The ids of the fields that an update sets.
    pub(super) fn written(&self) -> impl Iterator<Item = &str> {
        let labels = self.labels.is_some().then_some("labels");
        let issue_type = self.issue_type.is_some().then_some("issuetype");
        let plain = self.values.keys().chain(self.texts.keys()).map(String::as_str);
        plain.chain(labels).chain(issue_type)
    }

    /// The name in mappings of a field of Jira's.
    pub(super) fn name_of(&self, id: &str) -> String {
        self.names.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// The `fields` of a create, without project and type.
    pub(super) fn create(&self) -> Result<Entries, ConnectorError> {
        let mut fields: Entries = self
            .values
            .iter()
            .filter(|(_, value)| !is_blank(value))
            .map(|(id, value)| (id.clone(), value.clone().into()))
            .collect();
        for (id, text) in &self.texts {
            if let Some(document) = text::write(text, None)? {
                fields.insert(id.clone(), Entry::Document(document));
            }
        }
        if let Some(labels) = self.labels.as_ref().filter(|labels| !labels.is_empty()) {
            fields.insert("labels".to_owned(), json!(labels).into());
        }
        Ok(fields)
    }

    /// The body of an update. `known` is what the issue was when it was last read.
    pub(super) fn update(&self, known: &Known) -> Result<Update, ConnectorError> {
        let mut body = Update::default();
        let mut set = |id: &str, entry: Entry| body.fields.insert(id.to_owned(), entry);
        for (id, value) in &self.values {
            set(id, value.clone().into());
        }
        for (id, text) in &self.texts {
            let document = text::write(text, known.texts.get(id))?;
            set(id, document.map_or(Entry::Value(Json::Null), Entry::Document));
        }
        if let Some(name) = &self.issue_type {
            set("issuetype", json!({ "name": name }).into());
        }
        if let (Some(resolution), None) = (&self.resolution, &self.status) {
            let value = resolution.as_ref().map_or(Json::Null, |name| json!({ "name": name }));
            set("resolution", value.into());
        }
        match (&self.labels, &known.labels) {
            (Some(wanted), Some(present)) => {
                // What others add meanwhile stays.
                let added = wanted.iter().filter(|label| !present.contains(label));
                let removed = present.iter().filter(|label| !wanted.contains(label));
                let steps: Vec<Json> = added
                    .map(|label| json!({ "add": label }))
                    .chain(removed.map(|label| json!({ "remove": label })))
                    .collect();
                if !steps.is_empty() {
                    body.update.insert("labels".to_owned(), json!(steps));
                }
            }
            (Some(wanted), None) => {
                set("labels", json!(wanted).into());
            }
            (None, _) => {}
        }
        Ok(body)
    }
}

fn is_blank(value: &Json) -> bool {
    super::convert::is_nothing(value)
}

#[cfg(test)]
mod tests {
    use syncline_engine::value::fields_from_json;

    use super::{super::columns, *};

    fn draft(fields: &Json) -> Draft {
        Draft::read(&fields_from_json(fields), &columns::of_names(&[])).unwrap()
    }

    #[test]
    fn fields_become_the_body_of_an_update() {
        let draft = draft(&json!({
            "summary": "two\nlines ", "priority": "High", "assignee": null, "parent": "PROJ-1",
            "labels": ["needs triage", "new"], "status": "Done", "resolution": "Fixed",
        }));
        let mut known = Known::default();
        known.labels = Some(vec!["needs␣triage".to_owned(), "old".to_owned()]);
        assert_eq!(
            json!(draft.update(&known).unwrap()),
            json!({
                "fields": {
                    "summary": "two lines", "priority": {"name": "High"}, "assignee": null,
                    "parent": {"key": "PROJ-1"},
                },
                "update": { "labels": [{"add": "new"}, {"remove": "old"}] },
            })
        );
        let unread = json!(draft.update(&Known::default()).unwrap());
        assert_eq!(unread["fields"]["labels"], json!(["needs␣triage", "new"]));
        assert_eq!(
            (draft.status.as_deref(), draft.resolution.clone()),
            (Some("Done"), Some(Some("Fixed".to_owned())))
        );
    }

    #[test]
    fn a_create_sets_only_what_has_a_value() {
        let draft = draft(&json!({ "summary": "a", "assignee": null, "labels": [], "description": "" }));
        assert_eq!(json!(draft.create().unwrap()), json!({ "summary": "a" }));
    }

    #[test]
    fn case_67_a_long_summary_is_shortened_on_the_border_of_a_character() {
        let draft = draft(&json!({ "summary": format!("{}📏📏", "é".repeat(252)) }));
        assert_eq!(json!(draft.create().unwrap())["summary"], json!(format!("{}📏…", "é".repeat(252))));
    }

    #[test]
    fn a_field_that_does_not_exist_is_refused_by_name() {
        let refused = Draft::read(&fields_from_json(&json!({ "colour": "red" })), &[]).unwrap_err();
        assert_eq!(refused.message, "field colour: issues of Jira have no field \"colour\"");
    }
}
