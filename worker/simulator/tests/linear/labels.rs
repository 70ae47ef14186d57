//! Labels of teams and of the workspace, and groups.

use serde_json::{Value, json};

use crate::common::{Got, Place};

async fn create_label(place: &Place, input: Value) -> Got {
    let query = "mutation($input: IssueLabelCreateInput!) { issueLabelCreate(input: $input) { success issueLabel { id name color isGroup team { key } parent { name } } } }";
    place.graphql(query, json!({ "input": input })).await
}

#[tokio::test]
async fn labels_are_created_changed_and_deleted() {
    let place = Place::new().await;
    let made =
        create_label(&place, json!({ "name": "needs triage", "teamId": place.team, "color": "#ff0000" }))
            .await
            .data();
    let label = &made["issueLabelCreate"]["issueLabel"];
    assert_eq!(
        (&label["name"], &label["color"], &label["team"]["key"]),
        (&json!("needs triage"), &json!("#ff0000"), &json!("ENG"))
    );
    let id = label["id"].as_str().unwrap();
    let twice = create_label(&place, json!({ "name": "Needs Triage", "teamId": place.team })).await;
    assert_eq!((twice.message(), twice.code()), ("Duplicate label name", "INPUT_ERROR"));
    let chosen = "0c2f7d1e-5a6b-4c3d-8e9f-0a1b2c3d4e5f";
    create_label(&place, json!({ "id": chosen, "name": "w" })).await.data();
    let again = create_label(&place, json!({ "id": chosen, "name": "w2" })).await;
    assert_eq!(again.message(), "conflict on insert of IssueLabel");

    let update = "mutation($id: String!, $input: IssueLabelUpdateInput!) { issueLabelUpdate(id: $id, input: $input) { issueLabel { name } } }";
    place.graphql(update, json!({ "id": id, "input": { "name": "triaged" } })).await.data();
    place.create(json!({ "title": "A", "labelIds": [id] })).await;
    assert_eq!(
        place.read("ENG-1", "labels { nodes { name } }").await["labels"]["nodes"],
        json!([{ "name": "triaged" }])
    );
    let delete = "mutation($id: String!) { issueLabelDelete(id: $id) { success entityId } }";
    assert_eq!(
        place.graphql(delete, json!({ "id": id })).await.data()["issueLabelDelete"]["entityId"],
        json!(id)
    );
    assert_eq!(place.read("ENG-1", "labelIds").await["labelIds"], json!([]));
}

#[tokio::test]
async fn labels_are_added_and_removed_one_by_one() {
    let place = Place::new().await;
    let one = place.label("bug");
    let two =
        create_label(&place, json!({ "name": "two" })).await.data()["issueLabelCreate"]["issueLabel"]["id"]
            .clone();
    let made = place.create(json!({ "title": "A", "labelIds": [one, one] })).await;
    let id = made["id"].as_str().unwrap();
    place.update(id, json!({ "addedLabelIds": [two] })).await.data();
    assert_eq!(place.read(id, "labelIds").await["labelIds"], json!([one, two]));
    place.update(id, json!({ "removedLabelIds": [one], "addedLabelIds": [two] })).await.data();
    assert_eq!(place.read(id, "labelIds").await["labelIds"], json!([two]));
    let add = "mutation($id: String!, $label: String!) { issueAddLabel(id: $id, labelId: $label) { issue { labelIds } } }";
    let added = place.graphql(add, json!({ "id": id, "label": one })).await.data();
    assert_eq!(added["issueAddLabel"]["issue"]["labelIds"], json!([two, one]));
    let remove = add.replace("issueAddLabel", "issueRemoveLabel");
    let removed = place.graphql(&remove, json!({ "id": id, "label": two })).await.data();
    assert_eq!(removed["issueRemoveLabel"]["issue"]["labelIds"], json!([one]));
}

#[tokio::test]
async fn labels_of_a_group_exclude_each_other() {
    let place = Place::new().await;
    place.control("POST", "/linear/labels", json!({ "name": "Area", "group": true }));
    let group = place.label("Area");
    let child = async |name: &str| {
        let made = create_label(&place, json!({ "name": name, "parentId": group })).await.data();
        made["issueLabelCreate"]["issueLabel"]["id"].clone()
    };
    let (front, back) = (child("Frontend").await, child("Backend").await);
    let both = place.try_create(json!({ "title": "A", "labelIds": [front, back] })).await;
    assert_eq!(both.message(), "labelIds not exclusive child labels");
    assert!(both.told().starts_with("Only one label in a group can be applied"));
    let made = place.create(json!({ "title": "A", "labelIds": [front] })).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!(place.update(id, json!({ "addedLabelIds": [back] })).await.code(), "INPUT_ERROR");
    place.update(id, json!({ "addedLabelIds": [back], "removedLabelIds": [front] })).await.data();
    assert_eq!(
        place.update(id, json!({ "labelIds": [group] })).await.message(),
        "Label group cannot be applied"
    );
    let plain = create_label(&place, json!({ "name": "x", "parentId": front })).await;
    assert_eq!(plain.message(), "parent label is not a group");
    let read = "{ issueLabel(id: \"ID\") { isGroup children { nodes { name parent { name } } } } }"
        .replace("ID", &group);
    let shown = place.graphql(&read, json!({})).await.data();
    assert_eq!(shown["issueLabel"]["children"]["nodes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_label_of_another_team_is_refused() {
    let place = Place::new().await;
    place.control("POST", "/linear/labels", json!({ "name": "theirs", "team": "OPS" }));
    let got = place.try_create(json!({ "title": "A", "labelIds": [place.label("theirs")] })).await;
    assert_eq!(got.told(), "The label theirs is not one of team ENG.");
}
