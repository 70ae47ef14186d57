//! Labels and milestones.

use serde_json::json;

use crate::common::{ISSUES, Place};

const LABELS: &str = "/repos/acme/web/labels";
const MILESTONES: &str = "/repos/acme/web/milestones";

#[tokio::test]
async fn labels_are_made_renamed_and_deleted() {
    let place = Place::new().await;
    let made = place
        .post(LABELS, json!({ "name": "a/b c", "color": "FF00aa", "description": "D" }))
        .await
        .expect(201);
    assert_eq!((&made.body["color"], &made.body["description"]), (&json!("ff00aa"), &json!("D")));
    let path = format!("{LABELS}/a%2Fb%20c");
    place.get(&path).await.expect(200);
    assert_eq!(place.get(made.body["url"].as_str().unwrap()).await.expect(200).body, made.body);
    place.person_creates(json!({ "title": "A", "labels": ["a/b c"], "created_at": "2026-01-01T00:00:00Z" }));
    let renamed = place.patch(&path, json!({ "new_name": "Other" })).await.expect(200);
    assert_eq!(renamed.body["id"], made.body["id"]);
    let issue = place.get(&format!("{ISSUES}/1")).await;
    assert_eq!(issue.body["labels"][0]["name"], "Other");
    assert_eq!(
        issue.body["updated_at"], "2026-01-01T00:00:00Z",
        "a renamed label is no update of its issues"
    );
    place.send("DELETE", &format!("{LABELS}/other"), json!(null)).await.expect(204);
    assert_eq!(place.get(&format!("{ISSUES}/1")).await.body["labels"], json!([]));
    place.get(&path).await.expect(404);
}

#[tokio::test]
async fn labels_are_checked() {
    let place = Place::new().await;
    let twice = place.post(LABELS, json!({ "name": "BUG" })).await.expect(422);
    assert_eq!(
        twice.body["errors"],
        json!([{ "resource": "Label", "field": "name", "code": "already_exists" }])
    );
    let colour = place.post(LABELS, json!({ "name": "x", "color": "#ff0000" })).await.expect(422);
    assert_eq!(colour.body["errors"][0]["field"], "color");
    place.post(LABELS, json!({ "name": "x".repeat(51) })).await.expect(422);
    let long = place.post(ISSUES, json!({ "title": "A", "labels": ["x".repeat(51)] })).await.expect(422);
    assert_eq!(long.body["errors"][0]["message"], "name is too long (maximum is 50 characters)");
    let names: Vec<String> = (0..101).map(|at| format!("label {at}")).collect();
    place.post(ISSUES, json!({ "title": "A", "labels": names })).await.expect(422);
}

#[tokio::test]
async fn labels_of_an_issue_change_one_by_one() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A", "labels": ["bug"] }));
    let path = format!("{ISSUES}/1/labels");
    let names = |got: crate::common::Got| -> Vec<String> {
        got.body.as_array().unwrap().iter().map(|label| label["name"].as_str().unwrap().to_owned()).collect()
    };
    let both = place.post(&path, json!({ "labels": ["needs triage", "bug"] })).await.expect(200);
    assert_eq!(names(both), ["bug", "needs triage"]);
    let one = place.send("DELETE", &format!("{path}/bug"), json!(null)).await.expect(200);
    assert_eq!(names(one), ["needs triage"]);
    let gone = place.send("DELETE", &format!("{path}/bug"), json!(null)).await.expect(404);
    assert_eq!(gone.message(), "Label does not exist");
    assert_eq!(names(place.send("PUT", &path, json!({ "labels": ["new"] })).await.expect(200)), ["new"]);
    place.send("DELETE", &path, json!(null)).await.expect(204);
    assert!(names(place.get(&path).await.expect(200)).is_empty());
    assert_eq!(names(place.get(LABELS).await), ["bug", "needs triage", "new"]);
}

#[tokio::test]
async fn milestones_are_due_at_midnight_in_california() {
    let place = Place::new().await;
    let made =
        place.post(MILESTONES, json!({ "title": "M", "due_on": "2026-07-15T12:00:00Z" })).await.expect(201);
    assert_eq!(made.body["due_on"], "2026-07-15T07:00:00Z");
    let early = place
        .patch(&format!("{MILESTONES}/1"), json!({ "due_on": "2026-07-15T06:59:00Z" }))
        .await
        .expect(200);
    assert_eq!(early.body["due_on"], "2026-07-14T07:00:00Z", "an early time falls on the day before");
    place.post(ISSUES, json!({ "title": "A", "milestone": 1 })).await.expect(201);
    assert_eq!(place.get(&format!("{ISSUES}/1")).await.body["milestone"]["open_issues"], 1);
    place.patch(&format!("{ISSUES}/1"), json!({ "state": "closed" })).await.expect(200);
    let counted = place.get(&format!("{MILESTONES}/1")).await.body;
    assert_eq!((&counted["open_issues"], &counted["closed_issues"]), (&json!(0), &json!(1)));
    let cleared = place.patch(&format!("{ISSUES}/1"), json!({ "milestone": null })).await.expect(200);
    assert!(cleared.body["milestone"].is_null());
    place.post(MILESTONES, json!({ "title": "M" })).await.expect(422);
    place.patch(&format!("{MILESTONES}/1"), json!({ "state": "closed" })).await.expect(200);
    assert_eq!(place.get(MILESTONES).await.body, json!([]));
    assert_eq!(place.get(&format!("{MILESTONES}?state=all")).await.body.as_array().unwrap().len(), 1);
    place.send("DELETE", &format!("{MILESTONES}/1"), json!(null)).await.expect(204);
}
