//! Transfers between repositories.

use serde_json::{Value, json};

use crate::common::{ISSUES, Place};

fn transfer(place: &Place, number: u64, more: Value) -> Value {
    let mut body = json!({ "to": "acme/app" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    place.control("POST", &format!("/github/repos/acme/web/issues/{number}/transfer"), body)
}

async fn with_target() -> Place {
    let place = Place::new().await;
    let new = json!({ "owner": "acme", "name": "app", "labels": ["bug"], "members": { "ada": "admin" } });
    place.control("POST", "/github/repos", new);
    place
}

#[tokio::test]
async fn a_transferred_issue_redirects_and_has_another_id() {
    let place = with_target().await;
    place.person_creates(json!({ "title": "A", "body": "Text", "labels": ["bug", "needs triage"], "assignees": ["ada", "bruno"] }));
    let before = place.get(&format!("{ISSUES}/1")).await.body;
    transfer(&place, 1, json!({}));
    let moved = place.get(&format!("{ISSUES}/1")).await.expect(301);
    let after = place.get(moved.header("location")).await.expect(200).body;
    assert_eq!(after["number"], 1);
    assert!(after["url"].as_str().unwrap().ends_with("/repos/acme/app/issues/1"));
    assert_ne!((&after["id"], &after["node_id"]), (&before["id"], &before["node_id"]));
    assert_eq!(
        (&after["title"], &after["body"], &after["created_at"]),
        (&before["title"], &before["body"], &before["created_at"])
    );
    assert_eq!(after["labels"].as_array().unwrap().len(), 1, "only labels that the target has");
    assert_eq!(after["assignees"].as_array().unwrap().len(), 1, "only members of the target");
    place.patch(&format!("{ISSUES}/1"), json!({ "title": "B" })).await.expect(301);
    place.get(&format!("{ISSUES}/1/labels")).await.expect(404);
    assert!(place.get(&format!("{ISSUES}?state=all")).await.numbers().is_empty());
}

#[tokio::test]
async fn a_transfer_back_gets_a_new_number_and_one_redirect() {
    let place = with_target().await;
    place.person_creates(json!({ "title": "A", "labels": ["needs triage"] }));
    transfer(&place, 1, json!({ "create_labels": true }));
    let body = json!({ "to": "acme/web" });
    place.control("POST", "/github/repos/acme/app/issues/1/transfer", body);
    let moved = place.get(&format!("{ISSUES}/1")).await.expect(301);
    let back = place.get(moved.header("location")).await.expect(200);
    assert_eq!((&back.body["number"], &back.body["labels"][0]["name"]), (&json!(2), &json!("needs triage")));
}

#[tokio::test]
async fn the_first_read_after_a_transfer_may_have_no_body() {
    let place = with_target().await;
    place.person_creates(json!({ "title": "A", "body": "Text" }));
    transfer(&place, 1, json!({ "empty_reads": 1 }));
    let path = "/repos/acme/app/issues/1";
    assert_eq!(place.get(path).await.expect(200).body["body"], Value::Null);
    assert_eq!(place.get(path).await.expect(200).body["body"], "Text");
}

#[tokio::test]
async fn a_hidden_target_is_no_redirect() {
    let place = with_target().await;
    place.person_creates(json!({ "title": "A" }));
    place.control("PATCH", "/github/repos/acme/app", json!({ "private": true }));
    transfer(&place, 1, json!({}));
    place.get(&format!("{ISSUES}/1")).await.expect(301);
    let place = {
        let token = place.token_of("bruno");
        place.acting(&token)
    };
    place.get(&format!("{ISSUES}/1")).await.expect(404);
}

#[tokio::test]
async fn transfers_stay_with_the_owner_and_never_become_public() {
    let place = with_target().await;
    place.control("POST", "/github/repos", json!({ "owner": "other", "name": "x" }));
    place.control("POST", "/github/repos/acme/secret/issues", json!({ "title": "S" }));
    place.person_creates(json!({ "title": "A" }));
    let status = |from: &str, to: &str| {
        place
            .running
            .control("POST", &format!("/github/repos/{from}/issues/1/transfer"), &json!({ "to": to }))
            .0
    };
    assert_eq!(status("acme/web", "other/x"), 422);
    assert_eq!(status("acme/secret", "acme/web"), 422);
    assert_eq!(status("acme/web", "acme/secret"), 200);
}
