//! The control API: actions of a person, and the example.

use serde_json::{Value, json};
use syncline_simulator::Settings;

use crate::common::Place;

#[tokio::test]
async fn a_person_writes_in_simple_form() {
    let place = Place::new().await;
    place.control(
        "POST",
        "/jira/fields",
        json!({ "name": "Severity", "kind": "select", "options": ["Major"] }),
    );
    let issue = json!({
        "as": "bruno", "type": "Bug", "summary": "A", "description": "one\n\ntwo", "priority": "High", "assignee": "ada",
        "Severity": "Major", "properties": { "x": 1 }, "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-02-02T03:04:05Z",
    });
    let key = place.person_creates(issue);
    let read = place.get(&format!("/issue/{key}")).await.expect(200).body["fields"].clone();
    assert_eq!(
        (&read["creator"]["displayName"], &read["issuetype"]["name"]),
        (&json!("Bruno Tamm"), &json!("Bug"))
    );
    assert_eq!(read["description"]["content"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&read["created"], &read["updated"]),
        (&json!("2026-01-02T03:04:05.000+0000"), &json!("2026-02-02T03:04:05.000+0000"))
    );
    let robot = place.person_creates(json!({ "as": null, "summary": "Without an author" }));
    assert_eq!(place.field(&robot, "creator").await, Value::Null);
    assert_eq!(
        place.search("project = SYNC and updated <= 2026-02-03").await.expect(200).keys(),
        [key.as_str()]
    );
    for wrong in [
        json!({ "sumary": "B" }),
        json!({ "assignee": "nobody" }),
        json!({ "status": "Nope" }),
        json!({ "labels": ["a b"] }),
    ] {
        let (status, told) = place.running.control("PATCH", &format!("/jira/issues/{key}"), &wrong);
        assert!((400..500).contains(&status) && told["error"].is_string(), "{wrong}: {told}");
    }
    let (status, _) = place.running.control("POST", "/jira/projects", &json!({ "key": "SYNC" }));
    assert_eq!(status, 422);
    let (status, _) = place.running.control("PATCH", "/jira/settings", &json!({ "lag": 1 }));
    assert_eq!(status, 422);
}

#[tokio::test]
async fn the_example_is_ready_to_use_and_repeats_with_its_seed() {
    let mut states = Vec::new();
    for seed in [7, 7, 8] {
        let place = Place::with(Settings { seed, ..Settings::default() }).await;
        place.control("POST", "/reset", Value::Null);
        let made = place.control("POST", "/example", json!({ "items": 12 }))["jira"].clone();
        let (email, token) =
            (made["email"].as_str().unwrap().to_owned(), made["token"].as_str().unwrap().to_owned());
        let place = Place { email, token, ..place };
        assert_eq!(place.get("/myself").await.expect(200).body["accountId"], made["account_id"]);
        let found = place.search("project = WEB ORDER BY key").await.expect(200).body;
        let titles: Vec<Value> =
            found["issues"].as_array().unwrap().iter().map(|one| one["fields"]["summary"].clone()).collect();
        assert_eq!((titles.len(), place.search("project = MOB").await.keys().len()), (12, 12));
        states.push(titles);
    }
    assert_eq!(states[0], states[1]);
    assert_ne!(states[0], states[2]);
}

#[tokio::test]
async fn the_whole_state_is_shown() {
    let place = Place::new().await;
    place.person_creates(json!({ "summary": "A" }));
    let state = place.control("GET", "/state", Value::Null)["jira"].clone();
    let sync = state["projects"].as_array().unwrap().iter().find(|one| one["key"] == "SYNC").unwrap();
    assert_eq!(
        (&sync["issues"][0]["fields"]["summary"], &sync["members"]["emil"]),
        (&json!("A"), &json!(["BROWSE_PROJECTS"]))
    );
    assert_eq!(state["tokens"][0]["user"], "ada");
    assert!(
        place.control("GET", "/log?path=/rest/api/3/issue/*", Value::Null)["entries"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    place.get("/issue/SYNC-1").await.expect(200);
    let log = place.control("GET", "/log?path=/rest/api/3/issue/*", Value::Null)["entries"].clone();
    assert_eq!(
        (&log[0]["platform"], &log[0]["headers"]["authorization"]),
        (&json!("jira"), &json!("Basic ***"))
    );
}
