//! Turns fields into the inputs of mutations. Names become ids, which takes what the team calls things.

use serde_json::{Map, Value as Json, json};
use syncline_engine::{
    Value,
    ports::{Call, ConnectorError, ErrorKind},
    value::Fields,
};

use super::{fields, ids, issues::Issues, labels::Named, quiet};

/// Fields that were not written, with the reason.
pub(super) type LeftOut = Vec<(String, ConnectorError)>;

/// The keys of inputs, the fields behind them, and other words by which errors name them.
const KEYS: [(&[&str], &str, &[&str]); 9] = [
    (&["title"], "title", &[]),
    (&["description"], "description", &[]),
    (&["stateId"], "status", &["state", "WorkflowState"]),
    (&["priority"], "priority", &[]),
    (&["estimate"], "estimate", &["Estimates"]),
    (&["labelIds", "addedLabelIds", "removedLabelIds"], "labels", &["labels", "label", "IssueLabel"]),
    (&["assigneeId"], "assignee", &["assignee", "User"]),
    (&["dueDate"], "due_date", &[]),
    (&["parentId"], "parent", &["parent"]),
];

/// What an issue is to be, as far as it can be told without asking Linear. None, or nothing, is left as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Draft {
    /// Keys of the input with their values.
    plain: Map<String, Json>,
    description: Option<String>,
    status: Option<String>,
    /// The person; none unassigns.
    assignee: Option<Option<String>>,
    estimate: Option<i64>,
    pub(super) labels: Option<Vec<String>>,
}

/// What an issue is to be, in Linear's terms.
pub(super) struct Input {
    pub(super) keys: Map<String, Json>,
    pub(super) left_out: LeftOut,
}

impl Draft {
    /// Reads fields to be written. Refuses a field that does not exist, and a value that does not fit, before anything is
    /// sent.
    pub(super) fn read(values: &Fields) -> Result<Draft, ConnectorError> {
        let refused = |field: &str, why: String| ConnectorError::permanent(format!("field {field}: {why}"));
        for (name, value) in values {
            fields::accepts(name, value).map_err(|why| refused(name, why))?;
        }
        let mut draft = Draft::default();
        let mut set = |key: &str, value: Json| draft.plain.insert(key.to_owned(), value);
        let word =
            |value: &Value| Some(fields::text(value).trim().to_owned()).filter(|word| !word.is_empty());
        for (name, value) in values {
            match name.as_str() {
                "title" => _ = set("title", json!(fields::text(value))),
                "description" => draft.description = Some(fields::text(value)),
                "priority" => {
                    let number = fields::priority(value).map_err(|why| refused(name, why))?;
                    set("priority", json!(number));
                }
                "due_date" => {
                    let day = fields::date(value).map_err(|why| refused(name, why))?;
                    set("dueDate", json!(day));
                }
                "parent" => _ = set("parentId", json!(word(value))),
                "status" => draft.status = word(value),
                "assignee" => draft.assignee = Some(word(value)),
                "labels" => draft.labels = Some(fields::names(value).map_err(|why| refused(name, why))?),
                "estimate" => {
                    draft.estimate = fields::estimate(value).map_err(|why| refused(name, why))?;
                    if draft.estimate.is_none() {
                        set("estimate", Json::Null);
                    }
                }
                _ => {}
            }
        }
        Ok(draft)
    }

    /// The input for an issue: for a new one with the id that it is to get. `labels` tells what labels are called.
    pub(super) async fn input(
        &self,
        issues: &Issues,
        id: &str,
        labels: Option<&Named>,
        call: &Call<'_>,
    ) -> Result<Input, ConnectorError> {
        let mut input = Input { keys: self.plain.clone(), left_out: LeftOut::new() };
        if let Some(text) = &self.description {
            // Only in a copy are the names and numbers those of another place.
            let text = if ids::is_ours(id) { quiet::quieted(text) } else { text.clone() };
            input.set("description", if text.is_empty() { Json::Null } else { json!(text) });
        }
        if let Some(name) = &self.status {
            let mut team = issues.team(call).await?;
            if team.state(name).is_none() && issues.forget() {
                team = issues.team(call).await?;
            }
            match team.state(name) {
                Some(state) => input.set("stateId", json!(state.id)),
                None => {
                    let known: Vec<&str> = team.states.iter().map(|state| state.name.as_str()).collect();
                    let known = known.join(", ");
                    input.leave(
                        "status",
                        format!("the team has no status {name:?}; map the value to one of {known}"),
                    );
                }
            }
        }
        match &self.assignee {
            None => {}
            Some(None) => input.set("assigneeId", Json::Null),
            Some(Some(word)) => {
                let mut people = issues.people(call).await?;
                if people.find(word).is_none() && issues.forget() {
                    people = issues.people(call).await?;
                }
                match people.find(word) {
                    Some(user) => input.set("assigneeId", json!(user.id)),
                    None => {
                        let why = format!(
                            "the workspace has no active person {word:?}; map people to their display names"
                        );
                        input.leave("assignee", why);
                    }
                }
            }
        }
        if let Some(points) = self.estimate {
            match issues.team(call).await?.estimates.takes(points) {
                Ok(()) => input.set("estimate", json!(points)),
                Err(why) => input.leave("estimate", why),
            }
        }
        if let (Some(names), Some(labels)) = (&self.labels, labels) {
            match labels.ids(names) {
                Ok(ids) => input.set("labelIds", json!(ids)),
                Err(error) => input.left_out.push(("labels".to_owned(), error)),
            }
        }
        Ok(input)
    }
}

impl Input {
    fn set(&mut self, key: &str, value: Json) {
        self.keys.insert(key.to_owned(), value);
    }

    fn leave(&mut self, field: &str, why: String) {
        self.left_out.push((field.to_owned(), ConnectorError::permanent(format!("field {field}: {why}"))));
    }

    /// Says what to add and what to take away, instead of all labels: one that somebody else adds meanwhile stays.
    pub(super) fn change_labels(&mut self, present: &[String]) {
        let Some(Json::Array(all)) = self.keys.remove("labelIds") else { return };
        let wanted: Vec<&str> = all.iter().filter_map(Json::as_str).collect();
        let added: Vec<&str> =
            wanted.iter().copied().filter(|id| !present.iter().any(|known| known == id)).collect();
        let removed: Vec<&String> = present.iter().filter(|id| !wanted.contains(&id.as_str())).collect();
        if !added.is_empty() {
            self.set("addedLabelIds", json!(added));
        }
        if !removed.is_empty() {
            self.set("removedLabelIds", json!(removed));
        }
        // A mutation has to say something, and its answer has the item.
        if self.keys.is_empty() {
            self.set("labelIds", json!(all));
        }
    }

    /// What a new issue does not need to be told.
    pub(super) fn without_nothing(&mut self) {
        self.keys.retain(|_, value| !value.is_null() && value != &json!([]));
    }

    /// Takes out what Linear refused in it, so that the rest can be written. False if the error names nothing of the input,
    /// or something that it cannot do without.
    pub(super) fn leave_refused(&mut self, error: &ConnectorError, needed: &[&str]) -> bool {
        let words: Vec<&str> = error.message.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
        let mut left = false;
        for (keys, field, others) in KEYS {
            let is_sent = keys.iter().any(|key| self.keys.contains_key(*key));
            // Of an issue that is not found, the parent may be the one.
            let is_parent =
                field == "parent" && error.kind == ErrorKind::NotFound && words.contains(&"Issue");
            let is_named = keys.iter().chain(others).any(|word| words.contains(word)) || is_parent;
            if !(is_sent && is_named) {
                continue;
            }
            if keys.iter().any(|key| needed.contains(key)) {
                return false;
            }
            keys.iter().for_each(|key| _ = self.keys.remove(*key));
            self.left_out.push((field.to_owned(), error.clone()));
            left = true;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use syncline_engine::value::fields_from_json;

    use super::*;

    fn draft(fields: Json) -> Draft {
        Draft::read(&fields_from_json(&fields)).unwrap()
    }

    #[test]
    fn what_needs_no_name_is_known_at_once() {
        let read = draft(json!({
            "title": "T", "description": "one\r\ntwo", "priority": "High", "due_date": "2026-11-20", "parent": null,
            "estimate": null, "labels": ["b", "a"], "assignee": " ada ", "status": "Done",
        }));
        let plain = json!({ "title": "T", "priority": 2, "dueDate": "2026-11-20", "parentId": null, "estimate": null });
        assert_eq!(Json::Object(read.plain.clone()), plain);
        assert_eq!(read.description.as_deref(), Some("one\ntwo"));
        assert_eq!(read.labels, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(read.assignee, Some(Some("ada".to_owned())));
        assert_eq!(
            (read.status.as_deref(), draft(json!({ "assignee": null })).assignee),
            (Some("Done"), Some(None))
        );
    }

    #[rstest]
    #[case(json!({ "colour": "red" }), "field colour: issues of Linear have no field \"colour\"")]
    #[case(json!({ "url": "x" }), "field url: Linear sets it by itself; map it in the other direction only")]
    fn what_does_not_fit_is_refused_before_sending(#[case] fields: Json, #[case] message: &str) {
        assert_eq!(Draft::read(&fields_from_json(&fields)).unwrap_err().message, message);
    }

    fn input(keys: Json) -> Input {
        let Json::Object(keys) = keys else { panic!("an object") };
        Input { keys, left_out: LeftOut::new() }
    }

    #[test]
    fn labels_are_added_and_removed() {
        let mut change = input(json!({ "labelIds": ["a", "b"] }));
        change.change_labels(&["b".to_owned(), "c".to_owned()]);
        assert_eq!(Json::Object(change.keys), json!({ "addedLabelIds": ["a"], "removedLabelIds": ["c"] }));
        let mut same = input(json!({ "labelIds": ["a"] }));
        same.change_labels(&["a".to_owned()]);
        assert_eq!(Json::Object(same.keys), json!({ "labelIds": ["a"] }));
    }

    #[test]
    fn what_was_refused_is_left_out_once() {
        let mut change = input(json!({ "title": "T", "description": "x", "addedLabelIds": ["a"] }));
        let error = |text: &str| ConnectorError::permanent(text);
        assert!(!change.leave_refused(&error("no such thing"), &[]));
        assert!(!change.leave_refused(&error("title is too long"), &["title"]));
        assert!(change.leave_refused(&error("description must be shorter than 250000"), &["title"]));
        assert!(change.leave_refused(&error("labelIds not exclusive child labels"), &[]));
        assert!(!change.leave_refused(&error("labelIds not exclusive child labels"), &[]), "it is out");
        assert_eq!(Json::Object(change.keys), json!({ "title": "T" }));
        let fields: Vec<String> = change.left_out.into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["description", "labels"]);
    }
}
