//! Projects.

use serde_json::{Value, json};

use crate::common::Place;

#[tokio::test]
async fn projects_are_searched_and_paged() {
    let place = Place::new().await;
    let page = place.get("/project/search?maxResults=2").await.expect(200).body;
    let keys: Vec<&Value> = page["values"].as_array().unwrap().iter().map(|one| &one["key"]).collect();
    assert_eq!(keys, [&json!("SEC"), &json!("SYNC")]);
    assert_eq!((&page["isLast"], &page["total"]), (&json!(false), &json!(3)));
    let next = page["nextPage"].as_str().unwrap().split("/rest/api/3").last().unwrap().to_owned();
    let last = place.get(&next).await.expect(200).body;
    assert_eq!((&last["values"][0]["key"], &last["isLast"]), (&json!("TEAM"), &json!(true)));
    assert_eq!(place.get("/project/search?keys=SYNC&keys=TEAM").await.body["total"], 2);
    assert_eq!(place.get("/project/search?query=tea").await.body["values"][0]["style"], "next-gen");
    let place = place.acting("emil");
    assert_eq!(place.get("/project/search?action=create").await.body["total"], 0);
}

#[tokio::test]
async fn a_project_lists_its_types() {
    let place = Place::new().await;
    let project = place.get("/project/sync").await.expect(200).body;
    assert_eq!(
        (&project["style"], &project["lead"]["displayName"]),
        (&json!("classic"), &json!("Ada Quist"))
    );
    assert_eq!(project["issueTypes"].as_array().unwrap().len(), 5);
    let by_id = place.get(&format!("/project/{}", project["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(by_id.body["key"], "SYNC");
    place.get("/project/NOPE").await.expect(404);
}

#[tokio::test]
async fn a_public_project_needs_no_credentials() {
    let place = Place::new().await;
    place.person_creates(json!({ "summary": "A" }));
    place.control("PATCH", "/jira/projects/SYNC", json!({ "anonymous": true }));
    let place = place.anonymous();
    place.get("/issue/SYNC-1").await.expect(200);
    assert_eq!(place.search("project = SYNC").await.expect(200).keys(), ["SYNC-1"]);
    place.edit("SYNC-1", json!({ "summary": "B" })).await.expect(401);
}

#[tokio::test]
async fn an_archived_project_takes_nothing_new() {
    let place = Place::new().await;
    place.person_creates(json!({ "summary": "A" }));
    place.control("PATCH", "/jira/projects/SYNC", json!({ "archived": true }));
    place.edit("SYNC-1", json!({ "summary": "B" })).await.expect(400);
    place.post("/issue", crate::common::draft(json!({}))).await.expect(400);
    place.control("DELETE", "/jira/projects/SYNC", Value::Null);
    place.get("/issue/SYNC-1").await.expect(404);
    place.get("/project/SYNC").await.expect(404);
}
