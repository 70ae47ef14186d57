//! Archived, trashed and deleted issues.

use serde_json::json;

use crate::common::Place;

const QUERY: &str = "query($id: String!) { issue(id: $id) { archivedAt trashed autoArchivedAt updatedAt } }";

#[tokio::test]
async fn an_archived_issue_is_in_lists_on_request_only() {
    let place = Place::new().await;
    place.stop_clock();
    place.create(json!({ "title": "A" })).await;
    place.create(json!({ "title": "B" })).await;
    place.advance(1.0);
    let archive = "mutation { issueArchive(id: \"ENG-1\") { success lastSyncId entity { id archivedAt trashed updatedAt } } }";
    let entity = place.graphql(archive, json!({})).await.data()["issueArchive"]["entity"].clone();
    assert!(entity["archivedAt"].is_string() && entity["trashed"].is_null());
    assert_eq!(entity["updatedAt"], entity["archivedAt"], "archiving is an update");
    assert_eq!(place.identifiers("").await, ["ENG-2"]);
    assert_eq!(place.identifiers("filter: {id: {in: [\"ENG-1\"]}}").await, [""; 0]);
    assert_eq!(place.identifiers("includeArchived: true, orderBy: updatedAt").await, ["ENG-1", "ENG-2"]);
    place.read("ENG-1", "id").await;
    place.advance(1.0);
    place.graphql("mutation { issueUnarchive(id: \"ENG-1\") { success } }", json!({})).await.data();
    assert_eq!(place.identifiers("").await.len(), 2);

    place.switch(json!({ "archive_bumps": false }));
    let before = place.read("ENG-2", "updatedAt").await;
    place.advance(1.0);
    place.control("POST", "/linear/issues/ENG-2/archive", json!({ "auto": true }));
    let after = place.graphql(QUERY, json!({ "id": "ENG-2" })).await.data()["issue"].clone();
    assert_eq!((&after["updatedAt"], after["autoArchivedAt"].is_string()), (&before["updatedAt"], true));
}

#[tokio::test]
async fn a_deleted_issue_is_in_the_trash_for_thirty_days() {
    let place = Place::new().await;
    place.create(json!({ "title": "A" })).await;
    let delete = "mutation { issueDelete(id: \"ENG-1\") { success entity { trashed archivedAt } } }";
    let entity = place.graphql(delete, json!({})).await.data()["issueDelete"]["entity"].clone();
    assert_eq!((&entity["trashed"], entity["archivedAt"].is_string()), (&json!(true), true));
    assert!(place.identifiers("").await.is_empty());
    assert_eq!(place.identifiers("includeArchived: true").await, ["ENG-1"]);
    place.graphql("mutation { issueUnarchive(id: \"ENG-1\") { success } }", json!({})).await.data();
    assert_eq!(place.read("ENG-1", "trashed").await["trashed"], json!(null));
    place.update("ENG-1", json!({ "trashed": true })).await.data();
    place.advance(29.0 * 86_400.0);
    assert_eq!(place.read("ENG-1", "trashed").await["trashed"], json!(true));
    place.advance(2.0 * 86_400.0);
    let gone = place.graphql(QUERY, json!({ "id": "ENG-1" })).await;
    assert_eq!(gone.message(), "Entity not found: Issue");
    assert!(place.identifiers("includeArchived: true").await.is_empty());
    assert_eq!(
        place.create(json!({ "title": "B" })).await["identifier"],
        "ENG-2",
        "the number is not used again"
    );
}

#[tokio::test]
async fn only_administrators_delete_for_good() {
    let place = Place::new().await;
    let parent = place.create(json!({ "title": "A" })).await;
    place.create(json!({ "title": "Child", "parentId": parent["id"] })).await;
    let delete = "mutation { issueDelete(id: \"ENG-1\", permanentlyDelete: true) { success entity { id } } }";
    let (ada, bruno) = (place.credentials.clone(), place.key_of("bruno"));
    let place = place.acting(&bruno);
    assert_eq!(place.graphql(delete, json!({})).await.code(), "FORBIDDEN");
    let place = place.acting(&ada);
    let data = place.graphql(delete, json!({})).await.data();
    assert_eq!(data["issueDelete"], json!({ "success": true, "entity": null }));
    assert_eq!(place.identifiers("includeArchived: true").await, ["ENG-2"]);
    assert!(place.read("ENG-2", "parent { id }").await["parent"].is_null());
}
