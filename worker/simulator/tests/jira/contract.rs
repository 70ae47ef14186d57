//! Recorded exchanges against the vendor's own description of its API.
//!
//! SYNCLINE_CONTRACTS names a folder with a program `check-openapi` that reads recorded exchanges as JSON lines.
//! Without it the test reports that and passes.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use syncline_simulator::{Limits, Settings};

use crate::common::{Place, document, draft};

#[tokio::test]
async fn responses_fit_the_contract() {
    let Some(contracts) = std::env::var_os("SYNCLINE_CONTRACTS") else {
        println!("NOT CHECKED: SYNCLINE_CONTRACTS names no folder with a contract checker");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exchanges.jsonl");
    let settings = Settings { limits: Limits::Real, log: Some(file.clone()), ..Settings::default() };
    let place = Place::with(settings).await;
    exercise(&place).await;
    let checked = Command::new(Path::new(&contracts).join("check-openapi"))
        .args(["--quiet", "--only", "jira"])
        .arg(&file)
        .output()
        .expect("the checker starts");
    let (told, errors) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    println!("{told}{errors}");
    assert!(checked.status.success(), "an exchange does not fit the contract:\n{told}{errors}");
    assert!(told.lines().any(|line| line.contains("jira")), "nothing was checked:\n{told}{errors}");
}

/// Requests every route, with and without success.
async fn exercise(place: &Place) {
    let mut fields = serde_json::Map::new();
    let mut add = |name: &str, kind: &str, options: Value, value: Value| {
        let new = json!({ "name": name, "kind": kind, "options": options });
        let made = place.control("POST", "/jira/fields", new);
        fields.insert(made["id"].as_str().unwrap().to_owned(), value);
        made["id"].as_str().unwrap().to_owned()
    };
    let nested = json!([{ "value": "A", "children": ["A1"] }]);
    let select = add("Select", "select", json!(["A"]), json!({ "value": "A" }));
    add("Many", "multi_select", json!(["A"]), json!([{ "value": "A" }]));
    add("Nested", "cascading", nested, json!({ "value": "A", "child": { "value": "A1" } }));
    add("Text", "text", json!([]), json!("text"));
    add("Area", "textarea", json!([]), document("text"));
    add("Number", "number", json!([]), json!(1.5));
    add("Day", "date", json!([]), json!("2026-12-24"));
    add("Time", "datetime", json!([]), json!("2026-12-24T12:00:00.000+0000"));
    add("Link", "url", json!([]), json!("https://x.example"));
    add("Person", "user", json!([]), json!({ "accountId": place.account("bruno") }));
    add("People", "multi_user", json!([]), json!([{ "accountId": place.account("bruno") }]));
    place.control(
        "POST",
        "/jira/fields",
        json!({ "name": "Estimate", "kind": "story_points", "team_project": "TEAM" }),
    );
    place.control("POST", "/jira/projects/SYNC/seed", json!({ "items": 30 }));
    place.control("POST", "/jira/projects/TEAM/seed", json!({ "items": 3 }));
    fields.extend(json!({
        "description": document("text"), "labels": ["a"], "assignee": { "accountId": place.account("bruno") },
        "duedate": "2026-12-24", "priority": { "id": "2" },
    }).as_object().unwrap().clone());
    let mut whole = draft(Value::Object(fields));
    whole["properties"] = json!([{ "key": "syncline", "value": { "id": "1" } }]);
    assert_eq!(place.post("/issue", whole).await.expect(201).body["key"], "SYNC-31");
    writes(place).await;
    reads(place, &select).await;
    refusals(place).await;
}

async fn writes(place: &Place) {
    let subtask = draft(json!({ "issuetype": { "name": "Subtask" }, "parent": { "key": "SYNC-31" } }));
    place
        .post("/issue/bulk", json!({ "issueUpdates": [subtask, draft(json!({ "summary": "" }))] }))
        .await
        .expect(201);
    place.edit("SYNC-31", json!({ "summary": "B", "labels": ["b"] })).await.expect(204);
    place
        .put("/issue/SYNC-31?returnIssue=true", json!({ "update": { "labels": [{ "add": "c" }] } }))
        .await
        .expect(200);
    place.put("/issue/SYNC-31/assignee", json!({ "accountId": place.account("bruno") })).await.expect(204);
    let transitions =
        place.get("/issue/SYNC-31/transitions?expand=transitions.fields").await.expect(200).body;
    let done = transitions["transitions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "Done")
        .unwrap()["id"]
        .clone();
    place.post("/issue/SYNC-31/transitions", json!({ "transition": { "id": done } })).await.expect(204);
    place.put("/issue/SYNC-31/properties/x", json!({ "y": 1 })).await.expect(201);
    place.put("/issue/SYNC-31/properties/x", json!({ "y": 2 })).await.expect(200);
    place.send("DELETE", "/issue/SYNC-31/properties/x", Value::Null).await.expect(204);
    place.send("DELETE", "/issue/SYNC-30", Value::Null).await.expect(204);
    place.put("/issue/archive", json!({ "issueIdsOrKeys": ["SYNC-29", "SYNC-99"] })).await.expect(200);
}

async fn reads(place: &Place, select: &str) {
    let sync = place.get("/project/SYNC").await.expect(200).body["id"].as_str().unwrap().to_owned();
    let context =
        place.get(&format!("/field/{select}/context")).await.expect(200).body["values"][0]["id"].clone();
    let ada = place.account("ada");
    for path in [
        "/issue/SYNC-31?expand=names,schema,changelog,editmeta,transitions&properties=syncline",
        "/issue/SYNC-32?fields=summary,parent",
        "/issue/TEAM-1",
        "/issue/SYNC-31/editmeta",
        "/issue/SYNC-31/properties",
        "/issue/SYNC-31/properties/syncline",
        "/issue/SYNC-31/changelog?maxResults=2",
        "/issue/createmeta/SYNC/issuetypes",
        "/issue/createmeta/SYNC/issuetypes/10002",
        "/search/jql?jql=project%20%3D%20SYNC&fields=summary&maxResults=5",
        "/project/search?expand=lead,issueTypes&maxResults=1",
        "/project/TEAM",
        "/project/SYNC/statuses",
        "/mypermissions?permissions=EDIT_ISSUES,ADMINISTER&projectKey=SYNC",
        "/myself",
        &format!("/user?accountId={ada}"),
        "/user/search?query=ada",
        "/user/assignable/search?project=SYNC&query=",
        &format!("/user/bulk?accountId={ada}"),
        "/users/search",
        "/serverInfo",
        "/field",
        "/field/search?type=custom",
        &format!("/field/{select}/context/{}/option", context.as_str().unwrap()),
        "/priority",
        "/priority/search",
        "/priority/2",
        "/resolution",
        "/resolution/search",
        "/status",
        "/status/Done",
        "/statuscategory",
        "/issuetype",
        &format!("/issuetype/project?projectId={sync}"),
        "/label",
    ] {
        let got = place.get(path).await;
        assert!(got.status < 300, "{path}: {}", got.text);
    }
    let search = json!({
        "jql": "project = SYNC AND updated >= 0 ORDER BY updated ASC, key ASC", "fields": ["*all"], "expand": "names,schema",
        "maxResults": 10, "properties": ["syncline"], "reconcileIssues": [10_001],
    });
    place.post("/search/jql", search).await.expect(200);
    place.post("/search/jql", json!({ "jql": "project = SYNC" })).await.expect(200);
    place.post("/search/approximate-count", json!({ "jql": "project = SYNC" })).await.expect(200);
    place
        .post("/issue/bulkfetch", json!({ "issueIdsOrKeys": ["SYNC-31", "SYNC-99"], "fields": ["*all"] }))
        .await
        .expect(200);
    place
        .post("/changelog/bulkfetch", json!({ "issueIdsOrKeys": ["SYNC-31"], "maxResults": 2 }))
        .await
        .expect(200);
    let grant = place.control("POST", "/jira/grants", json!({ "user": "ada" }));
    let url = format!(
        "{}/ex/jira/{}/rest/api/3/issue/SYNC-31",
        place.running.jira(),
        grant["cloud_id"].as_str().unwrap()
    );
    let read = place.client.get(url).bearer_auth(grant["access_token"].as_str().unwrap());
    crate::common::got(read).await.expect(200);
}

async fn refusals(place: &Place) {
    place.get("/issue/SYNC-99").await.expect(404);
    place.post("/issue", draft(json!({ "labels": ["a b"] }))).await.expect(400);
    place.post("/search/jql", json!({ "jql": "colour = red" })).await.expect(400);
    place.get("/project/NOPE").await.expect(404);
    place.control("POST", "/jira/limits", json!({ "reason": "jira-burst-based", "retry_after": 1 }));
    place.get("/myself").await.expect(429);
}
