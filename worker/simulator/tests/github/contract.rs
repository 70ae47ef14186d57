//! Recorded exchanges against GitHub's own description of its API.
//!
//! SYNCLINE_CONTRACTS names a folder with a program `check-openapi` that reads recorded exchanges as JSON lines.
//! Without it the test reports that and passes.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use syncline_simulator::{Limits, Settings};

use crate::common::{ISSUES, Place};

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
        .args(["--quiet", "--only", "github"])
        .arg(&file)
        .output()
        .expect("the checker starts");
    let (told, errors) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    println!("{told}{errors}");
    assert!(checked.status.success(), "an exchange does not fit the contract:\n{told}{errors}");
    assert!(told.lines().any(|line| line.contains("github")), "nothing was checked:\n{told}{errors}");
}

/// Requests every route, with and without success.
async fn exercise(place: &Place) {
    place.control("POST", "/github/orgs/acme/issue-types", json!({ "names": ["Bug"] }));
    let priority = json!({ "name": "Priority", "data_type": "single_select", "options": ["High"] });
    let field = place.control("POST", "/github/orgs/acme/issue-fields", priority)["id"].clone();
    place.control("POST", "/github/orgs/acme/issue-fields", json!({ "name": "Days", "data_type": "number" }));
    place.control(
        "POST",
        "/github/repos/acme/web/hooks",
        json!({ "url": "http://127.0.0.1:9/", "secret": "s" }),
    );
    place.control("PATCH", "/github/settings", json!({ "search_lag_ms": 0 }));
    place.seed(40);
    place.person_creates(json!({ "title": "A pull request", "pull_request": true }));
    place.person_creates(json!({ "title": "Without an author", "as": null }));
    place.person_creates(json!({ "title": "To be deleted" }));
    place.control("DELETE", "/github/repos/acme/web/issues/43", Value::Null);
    let milestone = json!({ "title": "M", "description": "D", "due_on": "2026-12-24T12:00:00Z" });
    place.post("/repos/acme/web/milestones", milestone).await.expect(201);
    let full = json!({
        "title": "A", "body": "Text", "labels": ["bug", { "name": "new" }], "assignees": ["bruno"], "milestone": 1,
        "type": "Bug", "issue_field_values": [{ "field_id": field, "value": "High" }],
    });
    place.post(ISSUES, full).await.expect(201);
    reads(place).await;
    writes(place, &field).await;
    refusals(place).await;
    // Deliveries fail, since no server receives them; they are logged after that.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
}

async fn reads(place: &Place) {
    for path in [
        "/user",
        "/user/repos",
        "/users/ada",
        "/orgs/acme/repos",
        "/orgs/acme/issue-types",
        "/orgs/acme/issue-fields",
        "/rate_limit",
        "/repos/acme/web",
        "/repos/acme/web/issue-types",
        "/repos/acme/web/assignees",
        "/repos/acme/web/assignees/ada",
        "/repos/acme/web/labels?per_page=1",
        "/repos/acme/web/labels/bug",
        "/repos/acme/web/milestones?state=all",
        "/repos/acme/web/milestones/1",
        "/repos/acme/web/hooks",
        "/repos/acme/web/issues?state=all&sort=updated&direction=asc&since=2020-01-01T00:00:00Z&per_page=100",
        "/repos/acme/web/issues/44",
        "/repos/acme/web/issues/42",
        "/repos/acme/web/issues/44/labels",
        "/repos/acme/web/issues/44/issue-field-values",
        "/repos/acme/web/issues/44/sub_issues",
        // The query contains a word of the bodies, since the contract does not allow an empty body in a search,
        // although GitHub has some.
        "/search/issues?q=repo:acme/web%20is:issue%20talked%20in:body&sort=updated&order=asc",
    ] {
        let got = place.get(path).await;
        assert!(got.status < 300, "{path}: {}", got.text);
    }
    place
        .post("/graphql", json!({ "query": "{ viewer { login } rateLimit { cost remaining resetAt } }" }))
        .await
        .expect(200);
}

async fn writes(place: &Place, field: &Value) {
    let issue = format!("{ISSUES}/44");
    let id = |number: u64| async move { place.get(&format!("{ISSUES}/{number}")).await.body["id"].clone() };
    let child = json!({ "sub_issue_id": id(1).await });
    for (method, path, body) in [
        (
            "PATCH",
            issue.clone(),
            json!({ "title": "B", "state": "closed", "state_reason": "not_planned", "labels": [] }),
        ),
        (
            "PATCH",
            issue.clone(),
            json!({ "state": "open", "assignees": [], "milestone": null, "type": null, "body": null }),
        ),
        ("POST", format!("{issue}/labels"), json!({ "labels": ["bug"] })),
        ("PUT", format!("{issue}/labels"), json!({ "labels": ["bug", "new"] })),
        ("DELETE", format!("{issue}/labels/new"), Value::Null),
        ("DELETE", format!("{issue}/labels"), Value::Null),
        ("POST", format!("{issue}/assignees"), json!({ "assignees": ["ada"] })),
        ("DELETE", format!("{issue}/assignees"), json!({ "assignees": ["ada"] })),
        (
            "POST",
            format!("{issue}/issue-field-values"),
            json!({ "issue_field_values": [{ "field_id": field, "value": "High" }] }),
        ),
        (
            "PUT",
            format!("{issue}/issue-field-values"),
            json!({ "issue_field_values": [{ "field_id": field, "value": "High" }] }),
        ),
        ("DELETE", format!("{issue}/issue-field-values/{field}"), Value::Null),
        ("POST", format!("{issue}/sub_issues"), child.clone()),
        ("GET", format!("{ISSUES}/1/parent"), Value::Null),
        ("DELETE", format!("{issue}/sub_issue"), child),
        (
            "POST",
            "/repos/acme/web/labels".to_owned(),
            json!({ "name": "x", "color": "ff0000", "description": "D" }),
        ),
        ("PATCH", "/repos/acme/web/labels/x".to_owned(), json!({ "new_name": "y" })),
        ("DELETE", "/repos/acme/web/labels/y".to_owned(), Value::Null),
        ("PATCH", "/repos/acme/web/milestones/1".to_owned(), json!({ "state": "closed" })),
        ("DELETE", "/repos/acme/web/milestones/1".to_owned(), Value::Null),
    ] {
        let got = if body.is_null() {
            crate::common::got(place.request(method, &path)).await
        } else {
            place.send(method, &path, body).await
        };
        assert!(got.status < 300, "{method} {path}: {}", got.text);
    }
}

async fn refusals(place: &Place) {
    place.get("/repos/acme/none").await.expect(404);
    place.get(&format!("{ISSUES}/43")).await.expect(410);
    place.get(&format!("{ISSUES}/999")).await.expect(404);
    place.patch(&format!("{ISSUES}/44"), json!({ "title": "x".repeat(300) })).await.expect(422);
    place.post("/repos/acme/web/labels", json!({ "name": "bug" })).await.expect(422);
    place.control(
        "POST",
        "/github/repos",
        json!({ "owner": "acme", "name": "app", "members": { "ada": "admin" } }),
    );
    place.control("POST", "/github/repos/acme/web/issues/2/transfer", json!({ "to": "acme/app" }));
    place.get(&format!("{ISSUES}/2")).await.expect(301);
    place.fault(json!({ "kind": "rate_limit", "limit": "primary" }));
    place.get("/repos/acme/web").await.expect(403);
    place.fault(json!({ "kind": "status", "status": 401 }));
    place.get("/user").await.expect(401);
}
