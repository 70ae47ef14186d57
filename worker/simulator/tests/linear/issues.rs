//! Creating, reading and changing issues.

use serde_json::{Value, json};

use crate::common::Place;

const CHOSEN: &str = "0c2f7d1e-5a6b-4c3d-8e9f-0a1b2c3d4e5f";

#[tokio::test]
async fn an_issue_is_created_read_listed_and_updated() {
    let place = Place::new().await;
    place.stop_clock();
    let (emil, bug, done) = (place.user("emil"), place.label("bug"), place.state("ENG", "Done"));
    let made = place
        .create(json!({
            "title": " A title ", "description": "Some *text*", "assigneeId": emil, "labelIds": [bug], "priority": 2,
            "estimate": 5, "dueDate": "2026-12-24",
        }))
        .await;
    assert_eq!(made["identifier"], "ENG-1");
    let id = made["id"].as_str().unwrap();
    let fields = "id identifier number title priority priorityLabel estimate dueDate state { name type } assignee { displayName } \
                  labelIds labels { nodes { name } } team { key } creator { displayName isMe } createdAt updatedAt url branchName";
    let read = place.read("eng-1", fields).await;
    assert_eq!(read["id"], id);
    assert_eq!((&read["title"], &read["number"]), (&json!("A title"), &json!(1)));
    assert_eq!((&read["priority"], &read["priorityLabel"]), (&json!(2), &json!("High")));
    assert_eq!((&read["estimate"], &read["dueDate"]), (&json!(5), &json!("2026-12-24")));
    assert_eq!(read["state"], json!({ "name": "Todo", "type": "unstarted" }), "the default state");
    assert_eq!((&read["labelIds"], &read["labels"]["nodes"][0]["name"]), (&json!([bug]), &json!("bug")));
    assert_eq!(read["creator"], json!({ "displayName": "ada", "isMe": true }));
    assert_eq!(read["branchName"], "ada/eng-1-a-title");
    assert_eq!(place.identifiers("").await, ["ENG-1"]);

    place.advance(1.0);
    let input =
        json!({ "title": "B", "stateId": done, "assigneeId": null, "dueDate": null, "estimate": null });
    place.update(id, input).await.data();
    let later =
        place.read(id, "title state { type } assignee { id } dueDate estimate completedAt updatedAt").await;
    assert_eq!((&later["title"], &later["state"]["type"]), (&json!("B"), &json!("completed")));
    assert_eq!(
        (&later["assignee"], &later["dueDate"], &later["estimate"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(later["completedAt"], later["updatedAt"]);
    assert_ne!(later["updatedAt"], read["updatedAt"]);
}

#[tokio::test]
async fn a_chosen_id_is_taken_once() {
    let place = Place::new().await;
    let made = place.create(json!({ "id": CHOSEN.to_uppercase(), "title": "A" })).await;
    assert_eq!(made["id"], CHOSEN);
    let again = place.try_create(json!({ "id": CHOSEN, "title": "A" })).await.expect(200);
    assert_eq!((again.message(), again.code()), ("conflict on insert of Issue", "INPUT_ERROR"));
    assert_eq!(again.told(), format!("Entity Issue with id {CHOSEN} already exists."));
    assert_eq!((&again.body["data"], &again.error()["path"]), (&Value::Null, &json!(["issueCreate"])));
    place.control("POST", &format!("/linear/issues/{CHOSEN}/archive"), json!({ "trash": true }));
    assert_eq!(
        place.try_create(json!({ "id": CHOSEN, "title": "A" })).await.code(),
        "INPUT_ERROR",
        "also in the trash"
    );
    assert_eq!(place.try_create(json!({ "id": "mine", "title": "A" })).await.code(), "INVALID_INPUT");
    assert_eq!(place.identifiers("includeArchived: true").await, ["ENG-1"]);
}
