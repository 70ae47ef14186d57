//! An issue as an item.

use chrono::{DateTime, Utc};
use syncline_engine::{
    Item, Value,
    value::{Fields, Instant, Precision, parse_date},
};

use super::{fields::PRIORITIES, ids, issue::Issue, quiet};
use crate::sets;

/// The item of an issue. `label` tells what a label is called.
pub(super) fn item(issue: &Issue, label: impl Fn(&str) -> Option<String>) -> Item {
    let mut fields = Fields::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::text);
    set("title", Value::text(issue.title.as_str()));
    set("description", description(issue));
    set("status", Value::text(issue.state.name.as_str()));
    set("status_type", Value::text(issue.state.kind.as_str()));
    set("priority", priority(issue.priority));
    set("estimate", issue.estimate.map_or(Value::Null, Value::float));
    let labels: Vec<String> = issue.label_ids.iter().filter_map(|id| label(id)).collect();
    set("labels", sets::value(labels.iter().map(String::as_str)));
    set("assignee", text(issue.assignee.as_ref().map(|person| person.display_name.as_str())));
    let day = |day: &str| parse_date(day).map_or_else(|| Value::text(day), Value::Date);
    set("due_date", issue.due_date.as_deref().map_or(Value::Null, day));
    set("parent", text(issue.parent.as_ref().map(|parent| parent.identifier.as_str())));
    set("identifier", Value::text(issue.identifier.as_str()));
    set("project", text(issue.project.as_ref().map(|project| project.name.as_str())));
    set("url", text(issue.url.as_deref()));
    set("creator", text(issue.creator.as_ref().map(|person| person.display_name.as_str())));
    set("created_at", time(Some(issue.created_at)));
    set("updated_at", time(Some(issue.updated_at)));
    set("started_at", time(issue.started_at));
    set("completed_at", time(issue.completed_at));
    set("canceled_at", time(issue.canceled_at));
    Item {
        key: Some(issue.identifier.clone()),
        url: issue.url.clone(),
        modified: Some(Instant::new(issue.updated_at, Precision::Milli)),
        deleted: issue.is_trashed(),
        ..Item::new(issue.id.clone(), fields)
    }
}

/// No description and an empty one are the same to people.
fn description(issue: &Issue) -> Value {
    match issue.description.as_deref().unwrap_or_default() {
        "" => Value::Null,
        // Only copies were kept from notifying people.
        text if ids::is_ours(&issue.id) => Value::Text(quiet::restored(text)),
        text => Value::text(text),
    }
}

fn priority(number: f64) -> Value {
    let known = PRIORITIES.iter().enumerate().find(|(at, _)| *at as f64 == number);
    known.map_or_else(|| Value::float(number), |(_, name)| Value::text(*name))
}

fn time(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| Value::DateTime(Instant::new(at, Precision::Milli)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn read(more: Json) -> Item {
        let mut issue = json!({
            "id": "3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a", "identifier": "ENG-12", "title": "Größe 📏", "priority": 2,
            "createdAt": "2026-01-02T03:04:05.006Z", "updatedAt": "2026-02-03T04:05:06.789Z",
            "state": { "id": "s", "name": "In Review", "type": "started" }, "team": { "id": "t", "key": "ENG" },
        });
        issue.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let name = |id: &str| (id != "unknown").then(|| id.to_uppercase());
        item(&serde_json::from_value(issue).unwrap(), name)
    }

    #[test]
    fn an_issue_becomes_an_item() {
        let item = read(json!({
            "description": "one\n\ntwo @\u{200b}ada", "estimate": 3.0, "dueDate": "2026-11-20", "trashed": null,
            "url": "https://linear.app/acme/issue/ENG-12", "labelIds": ["ui", "bug", "unknown"],
            "assignee": { "id": "u", "displayName": "ada" }, "creator": null,
            "parent": { "id": "p", "identifier": "ENG-1" }, "project": { "id": "q", "name": "Launch" },
            "completedAt": "2026-02-03T04:05:06.789Z",
        }));
        assert_eq!(item.key.as_deref(), Some("ENG-12"));
        let field = |name: &str| item.fields[name].to_json();
        assert_eq!(
            [field("title"), field("status"), field("status_type")],
            ["Größe 📏", "In Review", "started"]
        );
        assert_eq!(field("description"), "one\n\ntwo @\u{200b}ada", "a person's own text stays as it is");
        assert_eq!([field("priority"), field("estimate")], [json!("High"), json!(3)]);
        assert_eq!([field("labels"), field("assignee")], [json!(["BUG", "UI"]), json!("ada")]);
        assert_eq!(item.fields["due_date"], Value::Date(parse_date("2026-11-20").unwrap()));
        assert_eq!([field("parent"), field("project")], ["ENG-1", "Launch"]);
        assert_eq!([field("creator"), field("canceled_at")], [Json::Null, Json::Null]);
        assert_eq!(field("completed_at"), "2026-02-03T04:05:06.789Z");
        assert_eq!(item.modified.unwrap().to_text(), "2026-02-03T04:05:06.789Z");
        assert!(!item.deleted);
    }

    #[test]
    fn what_is_left_out_is_null() {
        let item = read(json!({ "description": "", "trashed": true, "priority": 0 }));
        let null =
            ["description", "estimate", "assignee", "due_date", "parent", "project", "url", "started_at"];
        assert!(null.iter().all(|name| item.fields[*name] == Value::Null));
        assert_eq!(item.fields["priority"], Value::text("No priority"));
        assert!(item.deleted);
    }

    #[test]
    fn a_copy_reads_as_it_was() {
        let id = ids::of_marker("sl-a");
        let item = read(json!({ "id": id, "description": "two @\u{200b}ada" }));
        assert_eq!(item.fields["description"].to_json(), "two @ada");
    }
}
