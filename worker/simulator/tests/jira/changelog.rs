//! Histories of issues: author, field and time of each change.

use serde_json::{Value, json};

use crate::common::{Place, document};

#[tokio::test]
async fn each_change_is_remembered_with_its_author() {
    let place = Place::new().await;
    let key = place.person_creates(json!({ "summary": "A", "labels": ["x"] }));
    let path = format!("/jira/issues/{key}");
    let change = json!({ "as": "bruno", "summary": "B", "labels": ["x", "y"], "assignee": "bruno", "description": "text", "status": "Done" });
    place.control("PATCH", &path, change);
    let log = place.get(&format!("/issue/{key}/changelog")).await.expect(200).body;
    assert_eq!((&log["total"], &log["isLast"]), (&json!(1), &json!(true)));
    let entry = &log["values"][0];
    assert_eq!(entry["author"]["displayName"], "Bruno Tamm");
    let item = |field: &str| {
        entry["items"].as_array().unwrap().iter().find(|item| item["field"] == field).unwrap().clone()
    };
    assert_eq!(
        item("summary"),
        json!({ "field": "summary", "fieldId": "summary", "fieldtype": "jira", "fromString": "A", "toString": "B" })
    );
    assert_eq!((&item("labels")["fromString"], &item("labels")["toString"]), (&json!("x"), &json!("x y")));
    assert_eq!(
        (item("assignee").get("from"), &item("assignee")["to"]),
        (None, &json!(place.account("bruno")))
    );
    assert_eq!(item("description")["toString"], "text");
    assert_eq!(
        (&item("status")["fromString"], &item("status")["toString"]),
        (&json!("To Do"), &json!("Done"))
    );
    for at in 0..4 {
        place.edit(&key, json!({ "summary": format!("{at}") })).await.expect(204);
    }
    let page = place.get(&format!("/issue/{key}/changelog?startAt=1&maxResults=2")).await.expect(200).body;
    assert_eq!((&page["values"][0]["items"][0]["toString"], &page["isLast"]), (&json!("0"), &json!(false)));
    place.settings(json!({ "changelog_nulls": true }));
    let first = place.get(&format!("/issue/{key}/changelog")).await.expect(200).body["values"][0].clone();
    let assignee =
        first["items"].as_array().unwrap().iter().find(|item| item["field"] == "assignee").unwrap().clone();
    assert_eq!(assignee.get("from"), Some(&Value::Null));
    place.get("/issue/SYNC-99/changelog").await.expect(404);
}

#[tokio::test]
async fn many_histories_are_read_at_once_by_field() {
    let place = Place::new().await;
    let number = place.control("POST", "/jira/fields", json!({ "name": "Points", "kind": "number" }))["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (one, other) = (place.creates(json!({})).await, place.creates(json!({})).await);
    place.edit(&one, json!({ "summary": "B", "description": document("x") })).await.expect(204);
    place.edit(&other, json!({ "summary": "C" })).await.expect(204);
    place.edit(&one, json!({ &number: 3 })).await.expect(204);
    let ask = |body: Value| {
        let request = place.request("POST", "/changelog/bulkfetch").json(&body);
        async move { crate::common::got(request).await }
    };
    let both = json!([one, other]);
    let all = ask(json!({ "issueIdsOrKeys": both })).await.expect(200).body;
    let logs = all["issueChangeLogs"].as_array().unwrap();
    assert_eq!((logs.len(), logs[0]["changeHistories"].as_array().unwrap().len()), (2, 2));
    assert!(logs[0]["changeHistories"][0]["created"].is_string());
    let some = ask(json!({ "issueIdsOrKeys": both, "fieldIds": ["summary"] })).await.expect(200).body;
    assert_eq!(some["issueChangeLogs"][0]["changeHistories"][0]["items"].as_array().unwrap().len(), 1);
    let custom = ask(json!({ "issueIdsOrKeys": both, "fieldIds": [number] })).await.expect(200).body;
    let item = &custom["issueChangeLogs"][0]["changeHistories"][0]["items"][0];
    assert_eq!(
        (&item["field"], &item["fieldtype"], &item["toString"]),
        (&json!("Points"), &json!("custom"), &json!("3.0"))
    );
    let first = ask(json!({ "issueIdsOrKeys": both, "maxResults": 2 })).await.expect(200).body;
    let token = first["nextPageToken"].clone();
    let second = ask(json!({ "issueIdsOrKeys": both, "maxResults": 2, "nextPageToken": token }))
        .await
        .expect(200)
        .body;
    assert!(
        second.get("nextPageToken").is_none() && second["issueChangeLogs"].as_array().unwrap().len() == 1
    );
    place.settings(json!({ "bulk_changelog_numbers": true }));
    let numbers = ask(json!({ "issueIdsOrKeys": both })).await.expect(200).body;
    assert!(numbers["issueChangeLogs"][0]["changeHistories"][0]["created"].is_i64());
    ask(json!({ "issueIdsOrKeys": [] })).await.expect(400);
}
