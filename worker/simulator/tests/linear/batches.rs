//! Many issues in one request.

use serde_json::{Value, json};

use crate::common::Place;

const CREATE: &str = "mutation($issues: [IssueCreateInput!]!) { issueBatchCreate(input: {issues: $issues}) { success issues { identifier title } } }";
const UPDATE: &str = "mutation($ids: [UUID!]!, $input: IssueUpdateInput!) { issueBatchUpdate(ids: $ids, input: $input) { success issues { identifier priority updatedAt } } }";

fn issues(place: &Place, count: usize) -> Value {
    (0..count).map(|at| json!({ "teamId": place.team, "title": format!("Issue {at}") })).collect()
}

#[tokio::test]
async fn a_batch_is_created_in_its_order_or_not_at_all() {
    let place = Place::new().await;
    let data = place.graphql(CREATE, json!({ "issues": issues(&place, 50) })).await.data();
    let made = data["issueBatchCreate"]["issues"].as_array().unwrap();
    assert_eq!((made.len(), &made[49]), (50, &json!({ "identifier": "ENG-50", "title": "Issue 49" })));
    let many = place.graphql(CREATE, json!({ "issues": issues(&place, 51) })).await;
    assert_eq!(many.told(), "issues must contain no more than 50 elements");
    let mut half = issues(&place, 2);
    half[1]["priority"] = json!(9);
    assert_eq!(place.graphql(CREATE, json!({ "issues": half })).await.code(), "INVALID_INPUT");
    let id = "0c2f7d1e-5a6b-4c3d-8e9f-0a1b2c3d4e5f";
    let mut same = issues(&place, 2);
    (same[0]["id"], same[1]["id"]) = (json!(id), json!(id));
    assert_eq!(
        place.graphql(CREATE, json!({ "issues": same })).await.message(),
        "conflict on insert of Issue"
    );
    assert_eq!(place.identifiers("first: 250").await.len(), 50);
}

#[tokio::test]
async fn a_batch_gets_one_change_and_one_time() {
    let place = Place::new().await;
    let mut ids = Vec::new();
    for at in 0..3 {
        ids.push(place.person_creates(json!({ "title": format!("{at}") }))["id"].clone());
    }
    let data = place.graphql(UPDATE, json!({ "ids": ids, "input": { "priority": 2 } })).await.data();
    let changed = data["issueBatchUpdate"]["issues"].as_array().unwrap();
    assert_eq!((changed.len(), &changed[2]["priority"]), (3, &json!(2)));
    assert!(changed.iter().all(|issue| issue["updatedAt"] == changed[0]["updatedAt"]));
    ids.push(json!("0c2f7d1e-5a6b-4c3d-8e9f-0a1b2c3d4e5f"));
    let missing = place.graphql(UPDATE, json!({ "ids": ids, "input": { "priority": 3 } })).await;
    assert_eq!(missing.message(), "Entity not found: Issue");
    assert_eq!(place.read("ENG-1", "priority").await["priority"], 2);
    let named =
        place.graphql(UPDATE, json!({ "ids": ["ENG-1"], "input": { "priority": 3 } })).await.expect(400);
    assert!(named.message().contains("UUID cannot represent value: \"ENG-1\""), "{}", named.message());
    let many: Vec<&Value> = std::iter::repeat_n(&ids[0], 51).collect();
    let many = place.graphql(UPDATE, json!({ "ids": many, "input": { "priority": 3 } })).await;
    assert_eq!(many.told(), "ids must contain at least 1 and no more than 50 elements");
}

#[tokio::test]
async fn mutations_of_one_document_run_in_their_order() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A" }));
    let query = "mutation { a: issueUpdate(id: \"ENG-1\", input: {title: \"B\"}) { issue { title } } \
                 b: issueUpdate(id: \"ENG-1\", input: {title: \"C\"}) { issue { title } } c: issueArchive(id: \"ENG-1\") { success entity { title archivedAt } } }";
    let data = place.graphql(query, json!({})).await.data();
    assert_eq!((&data["a"]["issue"]["title"], &data["b"]["issue"]["title"]), (&json!("B"), &json!("C")));
    assert!(data["c"]["entity"]["archivedAt"].is_string());
}

#[tokio::test]
async fn one_of_several_mutations_may_fail() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A" }));
    let query = |title: &str| {
        format!(
            "mutation {{ a: issueUpdate(id: \"ENG-1\", input: {{title: \"{title} 1\"}}) {{ success }} \
             b: issueUpdate(id: \"ENG-9\", input: {{title: \"x\"}}) {{ success }} c: issueUpdate(id: \"ENG-1\", input: {{title: \"{title} 3\"}}) {{ success }} }}"
        )
    };
    for (mode, data, title) in [
        ("null", Value::Null, "null 3"),
        ("stop", Value::Null, "stop 1"),
        ("partial", json!({ "a": { "success": true }, "b": null, "c": { "success": true } }), "partial 3"),
    ] {
        place.switch(json!({ "failed_mutation": mode }));
        let got = place.graphql(&query(mode), json!({})).await.expect(200);
        assert_eq!((got.message(), &got.error()["path"]), ("Entity not found: Issue", &json!(["b"])));
        assert_eq!(got.body["data"], data, "{mode}");
        assert_eq!(place.read("ENG-1", "title").await["title"], title);
    }
}
