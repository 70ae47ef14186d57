//! The syntax of schedules in documents, and its errors.

use rstest::rstest;
use serde_json::{Value, json};
use syncline_engine::{
    schedule::When,
    spec::{Severity, SyncSpec},
};

fn spec(more: Value) -> SyncSpec {
    let mut document = json!({
        "name": "tasks",
        "source_platform": "csv",
        "source": {},
        "target_platform": "sql",
        "target": {},
        "field_mappings": [{ "source_field": "a", "target_field": "b" }],
    });
    document.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    serde_json::from_value(document).expect("a document")
}

#[rstest]
#[case(json!({ "schedule": "*/15 * * * *" }))]
#[case(json!({ "schedule": "*/15 * * * *", "timezone": "Europe/Berlin", "run_window": "Mon-Fri 06:00-22:00" }))]
#[case(json!({ "schedule": "0 8 * * MON-FRI", "missed_ticks": "skip" }))]
#[case(json!({ "schedule": "30 0 8 * * *", "missed_ticks": "all" }))]
#[case(json!({ "schedule": "@daily" }))]
#[case(json!({ "schedule": "0 0 29 2 *" }))]
#[case(json!({ "schedule": "0 0 L * *" }))]
#[case(json!({ "schedule": "every 90 seconds", "missed_ticks": "once" }))]
#[case(json!({ "sync_interval": 60, "run_window": "22:00-06:00" }))]
fn what_is_well_said_is_taken(#[case] more: Value) {
    let spec = spec(more);
    assert_eq!(spec.findings(), []);
    assert!(spec.timetable().expect("a schedule").is_some());
}

#[test]
fn no_interval_is_no_schedule() {
    assert!(spec(json!({ "sync_interval": 0 })).timetable().expect("none").is_none());
}

#[test]
fn what_is_not_said_does_not_change_the_stored_document() {
    let stored = serde_json::to_value(spec(json!({}))).expect("a document");
    for key in ["run_window", "missed_ticks", "timezone", "schedule"] {
        assert!(stored.get(key).is_none(), "{key}");
    }
}

#[rstest]
#[case(json!({ "schedule": "*/15 * * *" }), "schedule", "five fields")]
#[case(json!({ "schedule": "61 * * * *" }), "schedule", "\"61 * * * *\" is no cron expression")]
#[case(json!({ "schedule": "* * * * * * 2030" }), "schedule", "five fields")]
#[case(json!({ "schedule": "" }), "schedule", "every_N_minutes")]
#[case(json!({ "schedule": "@fortnightly" }), "schedule", "@hourly")]
#[case(json!({ "schedule": "0 0 30 2 *" }), "schedule", "never fire")]
#[case(json!({ "schedule": "every_5_moons" }), "schedule", "every_N_minutes")]
#[case(json!({ "schedule": "@daily", "timezone": "Berlin" }), "timezone", "\"Berlin\" is no IANA time zone")]
#[case(json!({ "run_window": "always" }), "run_window", "\"always\" is no day")]
#[case(
    json!({ "schedule": "0 3 * * *", "run_window": "06:00-22:00", "missed_ticks": "skip" }), "run_window", "missed_ticks: once"
)]
fn what_is_badly_said_is_an_error(#[case] more: Value, #[case] path: &str, #[case] says: &str) {
    let findings = spec(more).findings();
    let [finding] = findings.as_slice() else { panic!("{findings:?}") };
    assert_eq!((finding.severity, finding.path.as_str()), (Severity::Error, path));
    assert!(finding.message.contains(says), "{}", finding.message);
}

#[test]
fn every_fault_is_told_at_once() {
    let findings = spec(json!({ "schedule": "x", "timezone": "y", "run_window": "z" })).findings();
    assert_eq!(findings.len(), 3, "{findings:?}");
}

#[test]
fn no_text_makes_a_reader_panic() {
    for text in
        ["every_", "every_é", "0 0 * * é", "* * * * * *", "????", "0 0 31 2,4 *", "0-59/70 * * * *", "@"]
    {
        let _ = When::parse(text);
    }
}
