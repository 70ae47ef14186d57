//! Issue types, issue fields and sub-issues.

use serde_json::json;

use crate::common::{ISSUES, Place};

#[tokio::test]
async fn types_belong_to_the_organization() {
    let place = Place::new().await;
    place.control("POST", "/github/orgs/acme/issue-types", json!({ "names": ["Bug", "Task"] }));
    let types = place.get("/orgs/acme/issue-types").await.expect(200);
    assert_eq!(types.body[1]["name"], "Task");
    assert_eq!(place.get("/repos/acme/web/issue-types").await.expect(200).body, types.body);
    let made = place.post(ISSUES, json!({ "title": "A", "type": "bug" })).await.expect(201);
    assert_eq!(made.body["type"]["name"], "Bug");
    place.post(ISSUES, json!({ "title": "B" })).await.expect(201);
    assert_eq!(place.get(&format!("{ISSUES}?type=Bug")).await.numbers(), [1]);
    assert_eq!(place.get(&format!("{ISSUES}?type=none")).await.numbers(), [2]);
    let cleared = place.patch(&format!("{ISSUES}/1"), json!({ "type": null })).await.expect(200);
    assert!(cleared.body["type"].is_null());
    place.get("/orgs/nobody/issue-types").await.expect(404);
}

#[tokio::test]
async fn fields_of_the_organization_have_values_on_issues() {
    let place = Place::new().await;
    let field = |new| place.control("POST", "/github/orgs/acme/issue-fields", new)["id"].as_u64().unwrap();
    let priority =
        field(json!({ "name": "Priority", "data_type": "single_select", "options": ["High", "Low"] }));
    let due = field(json!({ "name": "Due", "data_type": "date" }));
    assert_eq!(place.get("/orgs/acme/issue-fields").await.expect(200).body[0]["options"][0]["name"], "High");
    let given = json!([{ "field_id": priority, "value": "High" }]);
    let made = place.post(ISSUES, json!({ "title": "A", "issue_field_values": given })).await.expect(201);
    let value = &made.body["issue_field_values"][0];
    assert_eq!((&value["value"], &value["single_select_option"]["name"]), (&json!("High"), &json!("High")));

    let path = format!("{ISSUES}/1/issue-field-values");
    let added = json!({ "issue_field_values": [{ "field_id": due, "value": "2026-12-24" }] });
    assert_eq!(place.post(&path, added.clone()).await.expect(200).body.as_array().unwrap().len(), 2);
    assert_eq!(place.send("PUT", &path, added).await.expect(200).body.as_array().unwrap().len(), 1);
    let wrong = json!({ "issue_field_values": [{ "field_id": priority, "value": "Middle" }] });
    place.post(&path, wrong).await.expect(422);
    place.send("DELETE", &format!("{path}/{due}"), json!(null)).await.expect(204);
    place.send("DELETE", &format!("{path}/{due}"), json!(null)).await.expect(404);
    place.post(&path, json!({ "issue_field_values": [] })).await.expect(200);
    let place = {
        let token = place.token_of("emil");
        place.acting(&token)
    };
    place.post(&path, json!({ "issue_field_values": [] })).await.expect(403);
}

#[tokio::test]
async fn a_sub_issue_has_one_parent_and_a_parent_a_hundred_children() {
    let place = Place::new().await;
    place.seed(104);
    let id = async |number: u64| place.get(&format!("{ISSUES}/{number}")).await.body["id"].as_u64().unwrap();
    let path = format!("{ISSUES}/1/sub_issues");
    for number in 2..=101 {
        place.post(&path, json!({ "sub_issue_id": id(number).await })).await.expect(201);
    }
    let full = place.post(&path, json!({ "sub_issue_id": id(102).await })).await.expect(422);
    assert!(full.body["errors"][0]["message"].as_str().unwrap().contains("100"));
    let other = format!("{ISSUES}/103/sub_issues");
    let second = place.post(&other, json!({ "sub_issue_id": id(2).await })).await.expect(422);
    assert!(second.body["errors"][0]["message"].as_str().unwrap().contains("one parent"));
    place.post(&other, json!({ "sub_issue_id": id(2).await, "replace_parent": true })).await.expect(201);
    assert_eq!(place.get(&format!("{ISSUES}/2/parent")).await.expect(200).body["number"], 103);
    assert!(
        place.get(&format!("{ISSUES}/2")).await.body["parent_issue_url"].as_str().unwrap().ends_with("/103")
    );
    let summary = place.get(&format!("{ISSUES}/1")).await.body["sub_issues_summary"].clone();
    assert_eq!(summary["total"], 99);
    let child = json!({ "sub_issue_id": id(2).await });
    place.send("DELETE", &format!("{ISSUES}/103/sub_issue"), child).await.expect(200);
    place.get(&format!("{ISSUES}/2/parent")).await.expect(404);
    let circle = json!({ "sub_issue_id": id(1).await });
    place.post(&format!("{ISSUES}/3/sub_issues"), circle).await.expect(422);
}
