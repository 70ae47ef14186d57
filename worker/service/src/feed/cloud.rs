//! Events as CloudEvents 1.0, in structured JSON.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use syncline_entity::event;
use uuid::Uuid;

use super::names::Names;

/// A CloudEvent. Each member is an attribute of CloudEvents 1.0, but for `sequence`, which is an extension of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CloudEvent {
    specversion: &'static str,
    id: Uuid,
    /// What it is about, such as `/projects/default/syncs/tasks`.
    source: String,
    /// For example `syncline.run.completed.v1`.
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    /// The position in the feed, to go on from; none for what is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    data: Json,
}

impl std::fmt::Display for CloudEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

/// The CloudEvent of a row. A row that is not stored has no position.
pub(super) fn cloud_event(row: &event::Model, names: &Names) -> CloudEvent {
    CloudEvent {
        id: row.id,
        source: names.source(row),
        subject: row.subject.clone().filter(|subject| !subject.is_empty()),
        ..bare(&row.kind, (row.seq > 0).then_some(row.seq), row.time, row.data.clone())
    }
}

/// An event of the feed itself, which is no row: `feed.reset`.
pub fn control_event(kind: &str, seq: i64, data: Json) -> CloudEvent {
    bare(kind, Some(seq), Utc::now().trunc_subsecs(6), data)
}

fn bare(kind: &str, seq: Option<i64>, time: DateTime<Utc>, data: Json) -> CloudEvent {
    CloudEvent {
        specversion: "1.0",
        id: Uuid::now_v7(),
        source: "/".to_owned(),
        r#type: format!("syncline.{kind}.v1"),
        subject: None,
        time: time.to_rfc3339_opts(SecondsFormat::Micros, true),
        datacontenttype: "application/json",
        sequence: seq.map(|seq| seq.to_string()),
        data,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> event::Model {
        event::Model {
            seq: 7,
            id: Uuid::now_v7(),
            project_id: Some(1),
            rooms: "sync:4 entity:9".to_owned(),
            kind: "run.completed".to_owned(),
            subject: Some("r-1".to_owned()),
            time: DateTime::from_timestamp_micros(1_800_000_000_000_001).unwrap(),
            data: json!({ "created": 3 }),
        }
    }

    /// The rules of the JSON schema of CloudEvents 1.0.
    fn check(event: &CloudEvent) {
        let json: Json = serde_json::from_str(&event.to_string()).unwrap();
        let members = json.as_object().unwrap();
        for required in ["id", "source", "specversion", "type"] {
            assert!(members[required].as_str().is_some_and(|text| !text.is_empty()), "{required}");
        }
        for (name, value) in members {
            let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            assert!(plain && name.len() <= 20, "{name}");
            let is_text = value.as_str().is_some_and(|text| !text.is_empty());
            assert!(is_text || name == "data", "{name} is {value}");
        }
        assert_eq!(members["specversion"], "1.0");
        assert_eq!(members["datacontenttype"], "application/json");
        let time = DateTime::parse_from_rfc3339(members["time"].as_str().unwrap());
        assert!(time.is_ok(), "{}", members["time"]);
        // A reference to a resource: no space, and nothing else that must be escaped.
        let source = members["source"].as_str().unwrap();
        assert!(
            source.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~%".contains(&byte)),
            "{source}"
        );
    }

    #[test]
    fn an_event_follows_the_schema_of_cloudevents() {
        let names = Names::of(&[(1, "default")], &[(4, "jira-github")]);
        let event = cloud_event(&row(), &names);
        check(&event);
        assert_eq!(
            (event.source.as_str(), event.r#type.as_str()),
            ("/projects/default/syncs/jira-github", "syncline.run.completed.v1")
        );
        assert_eq!(
            (event.time.as_str(), event.sequence.as_deref()),
            ("2027-01-15T08:00:00.000001Z", Some("7"))
        );
        // An empty subject is none: the schema wants one character or more.
        let bare = event::Model {
            project_id: None,
            rooms: String::new(),
            subject: Some(String::new()),
            data: Json::Null,
            ..row()
        };
        check(&cloud_event(&bare, &names));
        check(&cloud_event(&event::Model { rooms: "queue:default".to_owned(), ..row() }, &names));
        check(&control_event("feed.reset", 9, json!({ "asked": 1 })));
        let passing = cloud_event(&event::Model { seq: 0, ..row() }, &names);
        check(&passing);
        assert_eq!(passing.sequence, None);
    }

    #[test]
    fn a_source_is_made_of_names() {
        let names = Names::of(&[(1, "team a")], &[(4, "ü/x y")]);
        let of = |project, rooms: &str| {
            let row = event::Model { project_id: project, rooms: rooms.to_owned(), ..row() };
            cloud_event(&row, &names).source
        };
        assert_eq!(of(Some(1), "sync:4"), "/projects/team%20a/syncs/%C3%BC%2Fx%20y");
        assert_eq!(of(Some(1), "queue:x"), "/projects/team%20a");
        assert_eq!(of(None, ""), "/");
        // What is gone for good has its number only.
        assert_eq!(of(Some(2), "sync:9"), "/projects/2/syncs/9");
    }
}
