//! Creating, reading, changing and deleting issues.

use serde_json::{Value, json};

use crate::common::{Place, document, draft};

#[tokio::test]
async fn an_issue_is_created_read_changed_and_deleted() {
    let place = Place::new().await;
    let fields = json!({
        "summary": "  First ", "description": document("text"), "labels": ["b", "a", "b"], "duedate": "2026-12-24",
        "priority": { "name": "High" }, "assignee": { "accountId": place.account("bruno") },
    });
    let made = place.post("/issue", draft(fields)).await.expect(201);
    assert_eq!(made.body["key"], "SYNC-1");
    assert!(
        made.body["self"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/rest/api/3/issue/{}", made.body["id"].as_str().unwrap()))
    );
    let read = place.get("/issue/SYNC-1").await.expect(200);
    let fields = &read.body["fields"];
    assert_eq!((&fields["summary"], &fields["labels"]), (&json!("First"), &json!(["a", "b"])));
    assert_eq!(fields["description"], document("text"));
    assert_eq!((&fields["priority"]["name"], &fields["status"]["name"]), (&json!("High"), &json!("To Do")));
    assert_eq!(fields["status"]["statusCategory"]["key"], "new");
    assert_eq!(fields["assignee"]["displayName"], "Bruno Tamm");
    assert_eq!(
        (&fields["reporter"]["displayName"], &fields["resolution"]),
        (&json!("Ada Quist"), &Value::Null)
    );
    let updated = fields["updated"].as_str().unwrap().to_owned();
    assert!(updated.ends_with("+0000") && updated.len() == 28, "{updated}");
    let changed = place.edit("SYNC-1", json!({ "summary": "Second", "duedate": null })).await.expect(204);
    assert!(changed.text.is_empty());
    assert_eq!(place.field("SYNC-1", "summary").await, "Second");
    assert_eq!(place.field("SYNC-1", "duedate").await, Value::Null);
    assert_eq!(place.field("SYNC-1", "labels").await, json!(["a", "b"]), "what is not named stays");
    place.send("DELETE", "/issue/SYNC-1", Value::Null).await.expect(204);
    let gone = place.get("/issue/SYNC-1").await.expect(404);
    assert_eq!(gone.message(), "Issue does not exist or you do not have permission to see it.");
    assert_eq!(place.creates(json!({})).await, "SYNC-2", "a number is not used again");
}

#[tokio::test]
async fn an_edit_without_a_change_leaves_the_time() {
    let place = Place::new().await;
    let key = place.creates(json!({ "labels": ["a"] })).await;
    let before = place.field(&key, "updated").await;
    place.control("POST", "/clock", json!({ "advance": 5 }));
    place.edit(&key, json!({ "summary": "A", "labels": ["a", "a"] })).await.expect(204);
    assert_eq!(place.field(&key, "updated").await, before);
    place.edit(&key, json!({ "summary": "B" })).await.expect(204);
    assert_ne!(place.field(&key, "updated").await, before);
}

#[tokio::test]
async fn an_update_may_return_the_issue() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    let body = json!({ "fields": { "summary": "B" } });
    let got = place.put(&format!("/issue/{key}?returnIssue=true"), body).await.expect(200);
    assert_eq!((&got.body["key"], &got.body["fields"]["summary"]), (&json!(key), &json!("B")));
}

#[tokio::test]
async fn lists_are_changed_by_element() {
    let place = Place::new().await;
    let key = place.creates(json!({ "labels": ["a", "b"] })).await;
    let update = |operations: Value| json!({ "update": { "labels": operations } });
    let path = format!("/issue/{key}");
    place.put(&path, update(json!([{ "add": "c" }, { "remove": "a" }, { "add": "b" }]))).await.expect(204);
    assert_eq!(place.field(&key, "labels").await, json!(["b", "c"]));
    place.put(&path, update(json!([{ "set": [] }]))).await.expect(204);
    assert_eq!(place.field(&key, "labels").await, json!([]));
    let both = json!({ "fields": { "labels": ["x"] }, "update": { "labels": [{ "add": "y" }] } });
    assert!(
        place.put(&path, both).await.expect(400).body["errors"]["labels"].as_str().unwrap().contains("both")
    );
    let wrong = json!({ "update": { "summary": [{ "add": "y" }] } });
    place.put(&path, wrong).await.expect(400);
}

#[tokio::test]
async fn many_are_created_and_the_wrong_ones_are_listed() {
    let place = Place::new().await;
    let drafts = json!([
        draft(json!({ "summary": "A" })),
        draft(json!({ "summary": "" })),
        draft(json!({ "summary": "C" }))
    ]);
    let made = place.post("/issue/bulk", json!({ "issueUpdates": drafts })).await.expect(201);
    let keys: Vec<&Value> =
        made.body["issues"].as_array().unwrap().iter().map(|issue| &issue["key"]).collect();
    assert_eq!(keys, [&json!("SYNC-1"), &json!("SYNC-2")]);
    let error = &made.body["errors"][0];
    assert_eq!((&error["failedElementNumber"], &error["status"]), (&json!(1), &json!(400)));
    assert!(error["elementErrors"]["errors"]["summary"].is_string());
    let none = json!({ "issueUpdates": [draft(json!({ "summary": "" }))] });
    assert_eq!(place.post("/issue/bulk", none).await.expect(400).body["errors"][0]["failedElementNumber"], 0);
    let many: Vec<Value> = (0..51).map(|_| draft(json!({}))).collect();
    place.post("/issue/bulk", json!({ "issueUpdates": many[..50] })).await.expect(201);
    place.post("/issue/bulk", json!({ "issueUpdates": many })).await.expect(400);
}

#[tokio::test]
async fn many_are_read_in_the_order_of_their_ids() {
    let place = Place::new().await;
    for at in 1..=3 {
        place.person_creates(json!({ "summary": format!("{at}") }));
    }
    let wanted = json!({ "issueIdsOrKeys": ["SYNC-3", "SYNC-99", "SYNC-1"], "fields": ["summary"] });
    let got = place.post("/issue/bulkfetch", wanted).await.expect(200);
    assert_eq!(got.keys(), ["SYNC-1", "SYNC-3"]);
    assert_eq!(got.body["issues"][0]["fields"], json!({ "summary": "1" }));
    assert_eq!(got.body["issueErrors"][0]["id"], "SYNC-99");
    let many: Vec<String> = (0..101).map(|at| format!("SYNC-{at}")).collect();
    place.post("/issue/bulkfetch", json!({ "issueIdsOrKeys": many })).await.expect(400);
    place.post("/issue/bulkfetch", json!({ "issueIdsOrKeys": [] })).await.expect(400);
    place
        .post("/issue/bulkfetch", json!({ "issueIdsOrKeys": ["SYNC-1"], "expand": "names" }))
        .await
        .expect(400);
}

#[tokio::test]
async fn a_moved_issue_answers_to_its_former_key() {
    let place = Place::new().await;
    let key = place.person_creates(json!({ "summary": "A", "labels": ["x"] }));
    let id = place.get("/issue/SYNC-1").await.body["id"].clone();
    let moved =
        place.control("POST", &format!("/jira/issues/{key}/move"), json!({ "to": "TEAM", "as": "bruno" }));
    assert_eq!((&moved["key"], &moved["id"]), (&json!("TEAM-1"), &id));
    let read = place.get("/issue/SYNC-1").await.expect(200);
    assert_eq!((&read.body["key"], &read.body["id"]), (&json!("TEAM-1"), &id));
    assert_eq!(
        place.post("/issue/bulkfetch", json!({ "issueIdsOrKeys": ["SYNC-1"] })).await.keys(),
        ["TEAM-1"]
    );
    assert_eq!(place.search("project = SYNC").await.expect(200).keys(), [] as [String; 0]);
    assert_eq!(place.search("key = SYNC-1").await.expect(200).keys(), ["TEAM-1"]);
    let history = place.get("/issue/TEAM-1/changelog").await.expect(200);
    let items = history.body["values"][0]["items"].as_array().unwrap();
    let key = items.iter().find(|item| item["field"] == "Key").unwrap();
    assert_eq!((&key["fromString"], &key["toString"]), (&json!("SYNC-1"), &json!("TEAM-1")));
    assert_eq!(history.body["values"][0]["author"]["displayName"], "Bruno Tamm");
    // Into a project that the viewer does not see.
    place.control("POST", "/jira/issues/TEAM-1/move", json!({ "to": "SEC" }));
    let place = place.acting("bruno");
    place.get("/issue/SYNC-1").await.expect(404);
}

#[tokio::test]
async fn a_renamed_project_keeps_its_former_keys() {
    let place = Place::new().await;
    place.person_creates(json!({ "summary": "A" }));
    place.control("PATCH", "/jira/projects/SYNC", json!({ "key": "LINK" }));
    assert_eq!(place.get("/issue/SYNC-1").await.expect(200).body["key"], "LINK-1");
    assert_eq!(place.get("/project/SYNC").await.expect(200).body["key"], "LINK");
}

#[tokio::test]
async fn subtasks_hold_their_parent() {
    let place = Place::new().await;
    let parent = place.creates(json!({})).await;
    let subtask = |parent: Value| draft(json!({ "issuetype": { "name": "Subtask" }, "parent": parent }));
    let child = place.post("/issue", subtask(json!({ "key": parent }))).await.expect(201).body["key"].clone();
    assert_eq!(place.field(child.as_str().unwrap(), "parent").await["key"], json!(parent));
    assert_eq!(place.field(&parent, "subtasks").await[0]["key"], child);
    place.post("/issue", draft(json!({ "issuetype": { "name": "Subtask" } }))).await.expect(400);
    place.post("/issue", subtask(json!({ "key": child }))).await.expect(400);
    place.send("DELETE", &format!("/issue/{parent}"), Value::Null).await.expect(400);
    place.send("DELETE", &format!("/issue/{parent}?deleteSubtasks=true"), Value::Null).await.expect(204);
    place.get(&format!("/issue/{}", child.as_str().unwrap())).await.expect(404);
}

#[tokio::test]
async fn archived_issues_stay_readable_and_are_not_found() {
    let place = Place::new().await;
    let key = place.creates(json!({})).await;
    let body = json!({ "issueIdsOrKeys": [key, "SYNC-9"] });
    let done = place.put("/issue/archive", body.clone()).await.expect(200);
    assert_eq!(done.body["numberOfIssuesUpdated"], 1);
    assert_eq!(done.body["errors"]["issuesNotFound"]["issueIdsOrKeys"], json!(["SYNC-9"]));
    place.get(&format!("/issue/{key}")).await.expect(200);
    assert!(place.search("project = SYNC").await.keys().is_empty());
    place.edit(&key, json!({ "summary": "B" })).await.expect(400);
    let place = place.acting("bruno");
    place.put("/issue/archive", body).await.expect(403);
}

#[tokio::test]
async fn properties_are_kept_apart_from_fields() {
    let place = Place::new().await;
    let mut draft = draft(json!({}));
    draft["properties"] = json!([{ "key": "born", "value": { "x": 1 } }]);
    let key = place.post("/issue", draft).await.expect(201).body["key"].as_str().unwrap().to_owned();
    let path = format!("/issue/{key}/properties");
    assert_eq!(
        place.get(&format!("{path}/born")).await.expect(200).body,
        json!({ "key": "born", "value": { "x": 1 } })
    );
    let before = place.field(&key, "updated").await;
    place.control("POST", "/clock", json!({ "advance": 5 }));
    place.put(&format!("{path}/syncline"), json!({ "id": "7" })).await.expect(201);
    place.put(&format!("{path}/syncline"), json!({ "id": "8" })).await.expect(200);
    assert_eq!(place.field(&key, "updated").await, before, "a property leaves the time");
    let keys = place.get(&path).await.expect(200).body["keys"].clone();
    assert_eq!((&keys[0]["key"], &keys[1]["key"]), (&json!("born"), &json!("syncline")));
    let searched = json!({ "jql": "project = SYNC", "fields": ["summary"], "properties": ["syncline"] });
    let found = place.post("/search/jql", searched).await.expect(200);
    assert_eq!(found.body["issues"][0]["properties"], json!({ "syncline": { "id": "8" } }));
    place.send("DELETE", &format!("{path}/syncline"), Value::Null).await.expect(204);
    place.get(&format!("{path}/syncline")).await.expect(404);
    place.send("DELETE", &format!("{path}/syncline"), Value::Null).await.expect(404);
    place.put(&format!("{path}/big"), json!("x".repeat(32_768))).await.expect(400);
    place.settings(json!({ "property_touches": true }));
    place.put(&format!("{path}/syncline"), json!(1)).await.expect(201);
    assert_ne!(place.field(&key, "updated").await, before);
}

#[tokio::test]
async fn reading_takes_the_fields_that_are_named() {
    let place = Place::new().await;
    let key = place.creates(json!({ "labels": ["a"] })).await;
    let read = |query: &'static str| {
        let path = format!("/issue/{key}{query}");
        let place = &place;
        async move { place.get(&path).await.expect(200).body }
    };
    assert_eq!(read("?fields=summary,labels").await["fields"], json!({ "summary": "A", "labels": ["a"] }));
    assert_eq!(read("?fields=summary&fields=labels").await["fields"].as_object().unwrap().len(), 2);
    let without = read("?fields=-summary").await;
    assert!(without["fields"].get("summary").is_none() && without["fields"].get("labels").is_some());
    assert!(read("?fields=*all").await["fields"].get("created").is_some());
    let expanded = read("?fields=summary&expand=names,schema,changelog,editmeta,transitions").await;
    assert_eq!(
        (&expanded["names"]["summary"], &expanded["schema"]["summary"]["type"]),
        (&json!("Summary"), &json!("string"))
    );
    assert!(expanded["editmeta"]["fields"]["summary"]["required"].as_bool().unwrap());
    assert_eq!(expanded["transitions"].as_array().unwrap().len(), 4);
    assert_eq!(expanded["changelog"]["total"], 0);
}
