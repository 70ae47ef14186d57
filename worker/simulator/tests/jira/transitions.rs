//! Statuses change only by transitions, which depend on the workflow, the status and the user.

use serde_json::{Value, json};

use crate::common::{Got, Place};

/// To Do -> In Progress -> Review -> Done; only ada ends the review, and the end needs a resolution.
async fn strict() -> Place {
    let place = Place::new().await;
    place.control(
        "POST",
        "/jira/workflows",
        json!({
            "name": "Strict", "projects": ["SYNC"],
            "statuses": [
                { "name": "Open", "category": "new" }, { "name": "Doing", "category": "indeterminate" },
                { "name": "Review", "category": "indeterminate" }, { "name": "Closed", "category": "done" },
                { "name": "Rejected", "category": "done" },
            ],
            "transitions": [
                { "name": "Start", "from": ["Open"], "to": "Doing" },
                { "name": "Ask", "from": ["Doing"], "to": "Review" },
                { "name": "Fertig", "from": ["Review"], "to": "Closed", "users": ["ada"], "screen": [{ "field": "resolution", "required": true }] },
                { "name": "Quiet end", "from": ["Review"], "to": "Closed", "no_resolution": true },
                { "name": "Reject", "to": "Rejected", "resolution": "Won't Do", "screen": [{ "field": "resolution", "listed": false }] },
                { "name": "Reopen", "from": ["Closed", "Rejected"], "to": "Open" },
            ],
        }),
    );
    place
}

async fn open(place: &Place, key: &str) -> Vec<Value> {
    let got = place.get(&format!("/issue/{key}/transitions?expand=transitions.fields")).await.expect(200);
    got.body["transitions"].as_array().unwrap().clone()
}

fn names(transitions: &[Value]) -> Vec<&str> {
    transitions.iter().map(|one| one["name"].as_str().unwrap()).collect()
}

async fn make(place: &Place, key: &str, name: &str, fields: Value) -> Got {
    let all = open(place, key).await;
    let id = all.iter().find(|one| one["name"] == name).map(|one| one["id"].clone()).unwrap();
    place
        .post(&format!("/issue/{key}/transitions"), json!({ "transition": { "id": id }, "fields": fields }))
        .await
}

#[tokio::test]
async fn the_workflow_is_followed_step_by_step() {
    let place = strict().await;
    let key = place.creates(json!({})).await;
    assert_eq!(place.field(&key, "status").await["name"], "Open");
    let first = open(&place, &key).await;
    assert_eq!(names(&first), ["Start", "Reject"]);
    assert_eq!(first[0]["to"]["statusCategory"]["key"], "indeterminate");
    assert_eq!((&first[0]["isGlobal"], &first[1]["isGlobal"]), (&json!(false), &json!(true)));
    let skip = json!({ "transition": { "id": "31" } });
    let refused = place.post(&format!("/issue/{key}/transitions"), skip).await.expect(400);
    assert_eq!(refused.message(), "Transition id '31' is not valid for this issue.");
    place.post(&format!("/issue/{key}/transitions"), json!({})).await.expect(400);
    assert!(make(&place, &key, "Start", json!({})).await.expect(204).text.is_empty());
    assert_eq!(place.field(&key, "status").await["name"], "Doing");
    let status = place.edit(&key, json!({ "status": { "name": "Review" } })).await.expect(400);
    assert!(status.body["errors"]["status"].is_string(), "the field cannot be written");
}

#[tokio::test]
async fn transitions_depend_on_the_user() {
    let place = strict().await;
    let key = place.creates(json!({})).await;
    place.control("PATCH", &format!("/jira/issues/{key}"), json!({ "status": "Review" }));
    assert_eq!(names(&open(&place, &key).await), ["Fertig", "Quiet end", "Reject"]);
    let place = place.acting("bruno");
    assert_eq!(names(&open(&place, &key).await), ["Quiet end", "Reject"]);
    place
        .post(&format!("/issue/{key}/transitions"), json!({ "transition": { "id": "31" } }))
        .await
        .expect(400);
    // Without the permission the list is empty.
    let place = place.acting("emil");
    assert!(open(&place, &key).await.is_empty());
    place
        .post(&format!("/issue/{key}/transitions"), json!({ "transition": { "id": "41" } }))
        .await
        .expect(400);
}

#[tokio::test]
async fn resolutions_follow_the_screen() {
    let place = strict().await;
    let key = place.creates(json!({})).await;
    let path = format!("/jira/issues/{key}");
    let done = json!({ "resolution": { "name": "Duplicate" } });
    // Required on the screen.
    place.control("PATCH", &path, json!({ "status": "Review" }));
    let all = open(&place, &key).await;
    let field = &all.iter().find(|one| one["name"] == "Fertig").unwrap()["fields"]["resolution"];
    assert_eq!((&field["required"], &field["allowedValues"][2]["name"]), (&json!(true), &json!("Duplicate")));
    let missing = make(&place, &key, "Fertig", json!({})).await.expect(400);
    assert_eq!(missing.body["errors"]["resolution"], "Resolution is required.");
    make(&place, &key, "Fertig", done.clone()).await.expect(204);
    assert_eq!(place.field(&key, "resolution").await["name"], "Duplicate");
    assert!(place.field(&key, "resolutiondate").await.is_string());
    // Leaving the last category clears it.
    make(&place, &key, "Reopen", json!({})).await.expect(204);
    assert_eq!(place.field(&key, "resolution").await, Value::Null);
    // Not on the screen.
    place.control("PATCH", &path, json!({ "status": "Review" }));
    let refused = make(&place, &key, "Quiet end", done.clone()).await.expect(400);
    let message = "Field 'resolution' cannot be set. It is not on the appropriate screen, or unknown.";
    assert_eq!(refused.body["errors"]["resolution"], message);
    make(&place, &key, "Quiet end", json!({})).await.expect(204);
    assert_eq!(place.field(&key, "resolution").await, Value::Null, "this one sets none");
    // Not in the metadata, but accepted.
    make(&place, &key, "Reopen", json!({})).await.expect(204);
    let all = open(&place, &key).await;
    assert!(
        all.iter().find(|one| one["name"] == "Reject").unwrap()["fields"].as_object().unwrap().is_empty()
    );
    make(&place, &key, "Reject", done).await.expect(204);
    assert_eq!(place.field(&key, "resolution").await["name"], "Duplicate");
    make(&place, &key, "Reopen", json!({})).await.expect(204);
    make(&place, &key, "Reject", json!({})).await.expect(204);
    assert_eq!(place.field(&key, "resolution").await["name"], "Won't Do", "set by the workflow itself");
}

#[tokio::test]
async fn the_usual_workflow_leads_everywhere_and_sets_the_resolution() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    assert_eq!(names(&open(&place, &key).await), ["To Do", "In Progress", "In Review", "Done"]);
    make(&place, &key, "Done", json!({})).await.expect(204);
    assert_eq!(place.field(&key, "resolution").await["name"], "Done");
    let history = place.get(&format!("/issue/{key}/changelog")).await.body["values"][0]["items"].clone();
    assert_eq!((&history[0]["field"], &history[0]["toString"]), (&json!("status"), &json!("Done")));
    assert_eq!((&history[1]["field"], &history[1]["toString"]), (&json!("resolution"), &json!("Done")));
}

#[tokio::test]
async fn a_new_issue_may_have_a_transition() {
    let place = strict().await;
    let mut draft = crate::common::draft(json!({}));
    draft["transition"] = json!({ "id": "11" });
    let key = place.post("/issue", draft.clone()).await.expect(201).body["key"].as_str().unwrap().to_owned();
    assert_eq!(place.field(&key, "status").await["name"], "Doing");
    draft["transition"] = json!({ "id": "21" });
    place.post("/issue", draft).await.expect(400);
}
