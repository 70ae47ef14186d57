//! An issue as an item.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use syncline_engine::{
    Item, Value,
    value::{Fields, Instant, Precision, parse_date},
};

use super::{
    fields,
    issue::{FieldValue, Issue},
    marker::Body,
    status,
};
use crate::sets;

/// The item of an issue, and the marker in its body.
pub(super) fn item(issue: &Issue) -> (Item, Option<String>) {
    let body = Body::read(issue.body.as_deref().unwrap_or_default());
    let mut fields = Fields::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::text);
    set("title", Value::text(issue.title.as_str()));
    // No body and an empty one are the same to people, and GitHub stores either.
    set("body", if body.text.is_empty() { Value::Null } else { Value::Text(body.text) });
    set("state", Value::text(issue.state.as_str()));
    set("state_reason", text(issue.state_reason.as_deref()));
    set("status", Value::text(status::of(issue)));
    set("labels", sets::value(issue.label_names()));
    set("assignees", sets::value(issue.logins()));
    set("type", text(issue.issue_type.as_ref().map(|known| known.name.as_str())));
    set("milestone", text(issue.milestone.as_ref().map(|milestone| milestone.title.as_str())));
    let count =
        |number: Option<u64>| number.and_then(|n| i64::try_from(n).ok()).map_or(Value::Null, Value::Int);
    set("number", count(Some(issue.number)));
    set("comments", count(issue.comments));
    set("url", text(issue.html_url.as_deref()));
    set("author", text(issue.user.as_ref().map(|user| user.login.as_str())));
    set("created_at", time(issue.created_at));
    set("updated_at", time(issue.updated_at));
    set("closed_at", time(issue.closed_at));
    for value in issue.issue_field_values.iter().flatten() {
        if let Some(name) = &value.name {
            set(&format!("{}{name}", fields::CUSTOM), custom(value));
        }
    }
    let item = Item {
        key: Some(format!("#{}", issue.number)),
        url: issue.html_url.clone(),
        modified: issue.updated_at.map(|at| Instant::new(at, Precision::Second)),
        ..Item::new(issue.id(), fields)
    };
    (item, body.marker)
}

fn time(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| Value::DateTime(Instant::new(at, Precision::Second)))
}

/// The value of an organisation's field.
pub(super) fn custom(value: &FieldValue) -> Value {
    if let Some(options) = &value.multi_select_options {
        return sets::value(options.iter().map(|option| option.name.as_str()));
    }
    if let Some(option) = &value.single_select_option {
        return Value::text(option.name.as_str());
    }
    match (&value.value, value.data_type.as_str()) {
        (Json::String(text), "date") => parse_date(text).map_or_else(|| Value::text(text), Value::Date),
        // The names of options, as versions without details write them.
        (Json::Array(names), _) => sets::value(names.iter().filter_map(Json::as_str)),
        (value, _) => Value::from_json(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(issue: Json) -> (Item, Option<String>) {
        item(&serde_json::from_value(issue).unwrap())
    }

    fn whole() -> Json {
        json!({
            "number": 42, "title": "Größe 📏", "state": "closed", "state_reason": "not_planned",
            "body": "one\r\ntwo\r\n\r\n<!-- syncline:sl-a -->",
            "labels": [{"name": "ui"}, {"name": "Bug"}, "old"], "assignees": [{"login": "chen"}, {"login": "ada"}],
            "milestone": {"title": "1.0"}, "type": {"name": "Task"}, "user": {"login": "renovate[bot]"}, "comments": 3,
            "html_url": "https://github.com/acme/web/issues/42",
            "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-02-03T04:05:06Z", "closed_at": null,
            "issue_field_values": [
                {"issue_field_id": 1, "issue_field_name": "Priority", "node_id": "a", "data_type": "single_select",
                 "value": "High", "single_select_option": {"id": 9, "name": "High", "color": "red"}},
                {"issue_field_id": 2, "issue_field_name": "Areas", "node_id": "b", "data_type": "multi_select",
                 "value": "web,api", "multi_select_options": [{"name": "web"}, {"name": "api"}]},
                {"issue_field_id": 3, "issue_field_name": "Due", "node_id": "c", "data_type": "date", "value": "2026-11-20"},
                {"issue_field_id": 4, "issue_field_name": "Effort", "node_id": "d", "data_type": "number", "value": 2.5},
            ],
        })
    }

    #[test]
    fn an_issue_becomes_an_item() {
        let (item, marker) = read(whole());
        assert_eq!((item.id.as_str(), item.key.as_deref()), ("42", Some("#42")));
        assert_eq!(marker.as_deref(), Some("sl-a"));
        let field = |name: &str| item.fields[name].to_json();
        assert_eq!(field("title"), "Größe 📏");
        assert_eq!(field("body"), "one\ntwo");
        assert_eq!(
            [field("state"), field("state_reason"), field("status")],
            ["closed", "not_planned", "not_planned"]
        );
        assert_eq!(field("labels"), json!(["Bug", "old", "ui"]));
        assert_eq!(field("assignees"), json!(["ada", "chen"]));
        assert_eq!([field("type"), field("milestone"), field("author")], ["Task", "1.0", "renovate[bot]"]);
        assert_eq!([field("number"), field("closed_at")], [json!(42), Json::Null]);
        assert_eq!(field("updated_at"), "2026-02-03T04:05:06Z");
        assert_eq!(item.modified.unwrap().to_text(), "2026-02-03T04:05:06Z");
        assert_eq!([field("fields.Priority"), field("fields.Areas")], [json!("High"), json!(["api", "web"])]);
        assert_eq!(item.fields["fields.Due"], Value::Date(parse_date("2026-11-20").unwrap()));
        assert_eq!(item.fields["fields.Effort"], Value::Float(2.5));
    }

    /// Both versions of the API, other editions, and deleted users leave things out.
    #[test]
    fn what_is_left_out_is_null() {
        let (item, marker) =
            read(json!({"number": 1, "title": "t", "state": "open", "body": null, "user": null}));
        assert_eq!(marker, None);
        let null = ["body", "state_reason", "type", "milestone", "author", "closed_at", "url"];
        assert!(null.iter().all(|name| item.fields[*name] == Value::Null));
        assert_eq!(item.fields["labels"], Value::List(Vec::new()));
    }

    #[test]
    fn an_empty_body_is_no_body() {
        for body in [json!(null), json!(""), json!("<!-- syncline:sl-a -->")] {
            let (item, _) = read(json!({"number": 1, "title": "t", "state": "open", "body": body}));
            assert_eq!(item.fields["body"], Value::Null);
        }
    }

    #[test]
    fn pull_requests_are_told_apart() {
        let issue: Issue = serde_json::from_value(
            json!({"number": 1, "title": "t", "state": "open", "pull_request": {"url": "u"}}),
        )
        .unwrap();
        assert!(issue.is_pull_request());
    }
}
