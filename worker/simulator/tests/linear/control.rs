//! The control API.

use serde_json::{Value, json};
use syncline_simulator::Settings;

use crate::common::Place;

#[tokio::test]
async fn the_log_has_every_request_body() {
    let place = Place::new().await;
    place.create(json!({ "title": "A" })).await;
    place.update("ENG-1", json!({ "priority": 1 })).await.data();
    let log = place.control("GET", "/log?path=/graphql", Value::Null);
    let entries = log["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[1]["platform"]), (2, &json!("linear")));
    assert_eq!(
        entries[1]["body"]["variables"]["input"],
        json!({ "priority": 1 }),
        "what was not sent is not there"
    );
    assert_eq!(entries[1]["headers"]["authorization"], "***");
    assert!(!log.to_string().contains(&place.credentials));
}

#[tokio::test]
async fn a_person_creates_and_edits() {
    let place = Place::new().await;
    place.control("POST", "/linear/projects", json!({ "name": "Launch", "teams": ["ENG"] }));
    let made = place.person_creates(json!({
        "title": "A", "description": "- a", "state": "In Review", "priority": 3, "estimate": 2, "due_date": "2026-12-24",
        "assignee": "emil", "labels": ["bug", "new"], "project": "Launch", "as": null, "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-02T00:00:00.500Z",
    }));
    assert_eq!((&made["description"], &made["creator"]), (&json!("* a"), &Value::Null));
    assert_eq!(
        (&made["created_at"], &made["updated_at"]),
        (&json!("2026-01-01T00:00:00.000Z"), &json!("2026-01-02T00:00:00.500Z"))
    );
    assert_eq!((&made["labels"], &made["project"]), (&json!(["bug", "new"]), &json!("Launch")));
    let edited = place.control(
        "PATCH",
        "/linear/issues/ENG-1",
        json!({ "title": "B", "description": "- x", "raw_description": true }),
    );
    assert_eq!(
        (&edited["title"], &edited["description"], &edited["state"]),
        (&json!("B"), &json!("- x"), &json!("In Review"))
    );
    assert_eq!(place.control("GET", "/linear/issues/ENG-1", Value::Null)["title"], "B");
    place.control("DELETE", "/linear/issues/ENG-1", Value::Null);
    for (method, path, body, status) in [
        ("POST", "/linear/teams/ENG/issues", json!({ "titel": "A" }), 422),
        ("POST", "/linear/teams/ENG/issues", json!({ "title": "A", "state": "Nowhere" }), 422),
        ("POST", "/linear/teams/NONE/issues", json!({ "title": "A" }), 404),
        ("PATCH", "/linear/issues/ENG-1", json!({}), 404),
        ("POST", "/linear/teams", json!({ "key": "ENG" }), 409),
        ("POST", "/linear/teams", json!({ "key": "eng" }), 422),
        ("POST", "/linear/users", json!({ "display_name": "ada" }), 409),
        ("PATCH", "/linear/settings", json!({ "titel_limit": 5 }), 422),
        ("GET", "/linear/nothing", Value::Null, 404),
    ] {
        let (got, shown) = place.running.control(method, path, &body);
        assert_eq!(got, status, "{method} {path} {body}: {shown}");
        assert!(shown["error"].is_string());
    }
}

#[tokio::test]
async fn teams_states_and_labels_change() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A", "labels": ["bug"] }));
    let made = place.control(
        "POST",
        "/linear/teams/ENG/states",
        json!({ "name": "QA", "type": "started", "position": 2.5 }),
    );
    let review = place.state("ENG", "In Review");
    place.control("PATCH", &format!("/linear/states/{review}"), json!({ "name": "Review" }));
    place.control("DELETE", &format!("/linear/states/{}", place.state("ENG", "Duplicate")), Value::Null);
    place.control("PATCH", &format!("/linear/labels/{}", place.label("bug")), json!({ "name": "defect" }));
    place.control(
        "PATCH",
        "/linear/teams/ENG",
        json!({ "key": "DEV", "name": "Development", "default_state": "Backlog" }),
    );
    let query = "{ team(id: \"DEV\") { name defaultIssueState { name } states(first: 20) { nodes { id name type } } } issue(id: \"ENG-1\") { identifier previousIdentifiers labels { nodes { name } } } }";
    let data = place.graphql(query, json!({})).await.data();
    let names = data["team"]["states"].to_string();
    assert!(
        names.contains(made["id"].as_str().unwrap())
            && names.contains("Review")
            && !names.contains("Duplicate")
    );
    assert_eq!(data["team"]["defaultIssueState"]["name"], "Backlog");
    let issue = &data["issue"];
    assert_eq!((&issue["identifier"], &issue["previousIdentifiers"]), (&json!("DEV-1"), &json!(["ENG-1"])));
    assert_eq!(issue["labels"]["nodes"], json!([{ "name": "defect" }]));
    place.control("DELETE", "/linear/teams/DEV", Value::Null);
    assert!(place.identifiers("").await.is_empty());
}

#[tokio::test]
async fn the_example_is_ready_to_use_and_repeats_with_its_seed() {
    let mut states = Vec::new();
    for seed in [7, 7, 8] {
        let place = Place::with(Settings { seed, ..Settings::default() }).await;
        place.control("POST", "/reset", Value::Null);
        let made = place.control("POST", "/example", json!({ "items": 12 }));
        assert_eq!(made["linear"]["teams"], json!(["ENG", "OPS"]));
        let place = place.acting(made["linear"]["token"].as_str().unwrap());
        let query =
            "{ viewer { displayName } issues(first: 100) { nodes { id title description priority } } }";
        let data = place.graphql(query, json!({})).await.data();
        assert_eq!(
            (&data["viewer"]["displayName"], data["issues"]["nodes"].as_array().unwrap().len()),
            (&json!("ada"), 24)
        );
        states.push(data);
    }
    assert_eq!(states[0], states[1]);
    assert_ne!(states[0], states[2]);
}
