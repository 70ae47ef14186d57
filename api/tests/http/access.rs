//! Tokens: what each scope may do, in its own and in a foreign project, and what the audit log says of it.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Method, Request, request::Builder},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, QueryOrder};
use serde_json::{Value, json};
use syncline_api::{Peer, router};
use syncline_entity::{account, audit_log, project};
use syncline_service::{
    Caller, Scope,
    tokens::{self, Gate, NewToken},
};
use uuid::Uuid;

use crate::{
    document::{Operation, operations},
    stage::{Reply, Stage, send},
};

/// Makes a token for these scopes.
pub(crate) async fn token(stage: &Stage, scopes: &[Scope], project: Option<&str>) -> String {
    let name = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join("+");
    let scopes = scopes.iter().copied().collect();
    let new = NewToken { name: &name, scopes, project, expires_at: None, environment: "test" };
    let (_, text) = tokens::create(&stage.db, &Caller::person("mia"), &new).await.unwrap();
    text.to_string()
}

fn with(builder: Builder, token: &str) -> Builder {
    builder.header("host", "localhost").header("authorization", format!("Bearer {token}"))
}

fn request(method: &str, path: &str, token: &str, body: &str) -> Request<Body> {
    let builder = with(Request::builder().method(method).uri(path), token);
    builder.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap()
}

pub(crate) async fn project(stage: &Stage, key: &str) -> i64 {
    let row = project::ActiveModel {
        key: Set(key.to_owned()),
        name: Set(key.to_owned()),
        people_revision: Set(0),
        ..Default::default()
    };
    row.insert(&stage.db).await.unwrap().id
}

/// A request for each route that does something where it is allowed.
fn body_of(method: &str, path: &str, project: &str, run: &str) -> (String, String) {
    let path =
        path.replace("/jobs/{id}", &format!("/jobs/{run}")).replace("/platforms/{name}", "/platforms/github");
    let path = path.replace("{name}", "default");
    let body = match (method, path.as_str()) {
        ("POST", "/api/v1/jobs") => json!({ "sync": "own", "project": project }),
        ("POST", path) if path.starts_with("/api/v1/dead") => json!({ "ids": [run] }),
        ("POST", _) => json!({}),
        _ => Value::Null,
    };
    let path = path.replace("{run}", run).replace("{revision}", "1");
    (path, if body.is_null() { String::new() } else { body.to_string() })
}

/// Things that routes name, and the path with their ids.
async fn with_things(stage: &Stage, path: &str, sync: i64) -> String {
    if path.starts_with("/api/v1/accounts/{id}") {
        // A former request may have removed the account.
        let name = Uuid::now_v7().to_string();
        let new = account::ActiveModel {
            project_id: Set(1),
            platform: Set("github".to_owned()),
            name: Set(name),
            secret_ref: Set(Some("env:NONE".to_owned())),
            ..Default::default()
        };
        let id = new.insert(&stage.db).await.unwrap().id;
        return path.replace("{id}", &id.to_string());
    }
    if path.starts_with("/api/v1/workers/{id}") {
        let name = Uuid::now_v7().to_string();
        stage
            .execute(&format!(
                "INSERT INTO workers (id, name, role, host, pid, version, schema_version, queues, concurrency, running, \
                 stopping, beat_ms, started_at, heartbeat_at) VALUES (randomblob(16), '{name}', 'worker', 'h', 1, '1', '1', \
                 '[]', 1, 0, FALSE, 3600000, 0, CAST(unixepoch('subsec') * 1000000 AS INTEGER))"
            ))
            .await;
        return path.replace("{id}", &name);
    }
    path.replace("{fingerprint}", "abc").replace("{id}", &sync.to_string())
}

#[tokio::test]
async fn every_route_takes_its_own_scope_and_no_other() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("own", |_| {}).await;
    stage
        .execute(&format!(
            "INSERT INTO schedules (id, sync_config_id, name, kind, expression, timezone, missed_policy, created_at, \
             updated_at) VALUES ({sync}, {sync}, 'default', 'interval', '60', 'UTC', 'once', CURRENT_TIMESTAMP, \
             CURRENT_TIMESTAMP)"
        ))
        .await;
    stage.post("/api/v1/jobs", json!({ "sync": "own", "kind": "plan" })).await;
    stage
        .execute(
            "UPDATE sync_history SET status = 'failed', completed_at = queued_at, dead_at = queued_at, \
             error_fingerprint = 'abc', waiting_key = NULL",
        )
        .await;
    let accepted = stage.post("/api/v1/jobs", json!({ "sync": "own" })).await.json();
    let run = accepted["id"].as_str().unwrap();
    let router = router(syncline_api::ApiState { gate: Gate::public(), ..stage.state.clone() });
    let mut tokens = BTreeMap::new();
    for scope in Scope::ALL {
        tokens.insert(scope, token(&stage, &[scope], None).await);
    }
    token(&stage, &[Scope::Read], Some("default")).await;
    let spare = tokens.len() + 1;
    // What is deleted is no other route's.
    let deleted = stage.sync("deleted", |_| {}).await;
    let (link, conflict) = crate::history::link(&stage, sync, run.parse().unwrap()).await;
    stage.revision(sync).await;
    let mut seen = 0;
    for Operation { method, path, value } in operations() {
        let needed: Scope = value["x-scope"].as_str().unwrap().parse().unwrap();
        let (path, body) = body_of(method, path, "default", run);
        let path = match path.strip_suffix("/tokens/{id}") {
            Some(start) => format!("{start}/tokens/{spare}"),
            None if method == "DELETE" && path.contains("/configs/") => {
                path.replace("{id}", &deleted.to_string())
            }
            None if path.contains("/mappings/") => path.replace("{id}", &link.to_string()),
            None if path.contains("/conflicts/") => path.replace("{id}", &conflict.to_string()),
            None => with_things(&stage, &path, sync).await,
        };
        for (scope, token) in &tokens {
            let reply = send(&router, request(method, &path, token, &body)).await;
            if *scope == needed || *scope == Scope::Admin {
                assert!(
                    !matches!(reply.status.as_u16(), 401 | 403 | 404 | 405),
                    "{scope}: {method} {path}: {reply:?}"
                );
            } else {
                let problem = reply.problem(403, "missing-scope");
                assert!(problem["detail"].as_str().unwrap().contains(needed.as_str()), "{problem}");
            }
            seen += 1;
        }
        for wrong in ["", "x", &tokens[&Scope::Admin][1..]] {
            let reply = send(&router, request(method, &path, wrong, &body)).await;
            reply.problem(401, "unauthenticated");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
        let bare = Request::builder().method(method).uri(&path).header("host", "localhost");
        send(&router, bare.body(Body::from(body)).unwrap()).await.problem(401, "unauthenticated");
    }
    assert!(seen >= 5 * 20, "only {seen} were tried");
}

/// Whether a reply has a trace of the foreign project.
fn leaks(reply: &Reply) -> bool {
    ["foreign-sync", "other-project"].iter().any(|name| reply.text.contains(name))
}

#[tokio::test]
async fn a_token_of_one_project_finds_nothing_of_another() {
    let stage = Stage::sqlite().await;
    let (web, other) = (project(&stage, "web").await, project(&stage, "other-project").await);
    let own = stage.sync("own", |row| row.project_id = Set(web)).await;
    let foreign = stage.sync("foreign-sync", |row| row.project_id = Set(other)).await;
    let run_of = async |sync: &str, project: &str| {
        let reply = stage.post("/api/v1/jobs", json!({ "sync": sync, "project": project })).await;
        reply.json()["id"].as_str().unwrap().to_owned()
    };
    let (own_run, foreign_run) = (run_of("own", "web").await, run_of("foreign-sync", "other-project").await);
    let (foreign_link, foreign_conflict) =
        crate::history::link(&stage, foreign, foreign_run.parse().unwrap()).await;
    let account = account::ActiveModel {
        project_id: Set(other),
        platform: Set("github".to_owned()),
        name: Set("foreign-sync-account".to_owned()),
        secret_ref: Set(Some("env:NONE".to_owned())),
        ..Default::default()
    };
    let foreign_account = account.insert(&stage.db).await.unwrap().id;
    let foreign_token = token(&stage, &[Scope::Read], Some("other-project")).await;
    let foreign_token = foreign_token.split('_').nth(2).unwrap().to_owned();
    let token = token(&stage, &[Scope::Admin], Some("web")).await;
    let router = router(syncline_api::ApiState { gate: Gate::public(), ..stage.state.clone() });
    let ask =
        async |method: &str, path: &str, body: &str| send(&router, request(method, path, &token, body)).await;

    for (method, path, body) in [
        ("GET", format!("/api/v1/jobs/{foreign_run}"), String::new()),
        ("POST", format!("/api/v1/jobs/{foreign_run}/cancel"), String::new()),
        ("POST", format!("/api/v1/sync/configs/{foreign}/pause"), "{}".to_owned()),
        ("GET", format!("/api/v1/sync/configs/{foreign}/revisions"), String::new()),
        ("GET", format!("/api/v1/sync/configs/{foreign}/diff"), String::new()),
        ("POST", format!("/api/v1/sync/configs/{foreign}/run"), "{}".to_owned()),
        ("POST", format!("/api/v1/sync/configs/{foreign}/dry-run"), "{}".to_owned()),
        ("POST", format!("/api/v1/sync/configs/{foreign}/validate"), String::new()),
        ("POST", format!("/api/v1/sync/configs/{foreign}/revisions/1/restore"), String::new()),
        ("GET", format!("/api/v1/sync/history/{foreign_run}"), String::new()),
        ("GET", format!("/api/v1/sync/history/{foreign_run}/changes"), String::new()),
        ("GET", format!("/api/v1/sync/history/{foreign_run}/items"), String::new()),
        ("GET", format!("/api/v1/sync/history/{foreign_run}/plan"), String::new()),
        ("GET", format!("/api/v1/sync/history?config_id={foreign}"), String::new()),
        ("GET", format!("/api/v1/sync/mappings/{foreign_link}"), String::new()),
        ("GET", format!("/api/v1/sync/mappings/{foreign_link}/history"), String::new()),
        ("GET", format!("/api/v1/sync/conflicts/{foreign_conflict}"), String::new()),
        (
            "POST",
            format!("/api/v1/sync/conflicts/{foreign_conflict}/resolve"),
            json!({ "take": "source" }).to_string(),
        ),
        (
            "POST",
            "/sync/start".to_owned(),
            json!({ "sync": "foreign-sync", "project_id": "other-project" }).to_string(),
        ),
        ("POST", format!("/api/v1/sync/configs/{foreign}/resume"), String::new()),
        ("DELETE", format!("/api/v1/tokens/{foreign_token}"), String::new()),
        ("POST", format!("/api/v1/jobs/{foreign_run}/priority"), json!({ "priority": "low" }).to_string()),
        ("GET", format!("/api/v1/accounts/{foreign_account}"), String::new()),
        ("DELETE", format!("/api/v1/accounts/{foreign_account}"), String::new()),
        ("POST", format!("/api/v1/accounts/{foreign_account}/check"), String::new()),
        ("GET", "/api/v1/people?project=other-project".to_owned(), String::new()),
        ("GET", "/api/v1/dead/groups?sync=foreign-sync&project=other-project".to_owned(), String::new()),
        ("GET", "/api/v1/jobs?sync=foreign-sync&project=other-project".to_owned(), String::new()),
        ("GET", "/api/v1/sync/stats?project=other-project".to_owned(), String::new()),
        (
            "POST",
            "/api/v1/jobs".to_owned(),
            json!({ "sync": "foreign-sync", "project": "other-project" }).to_string(),
        ),
    ] {
        let reply = ask(method, &path, &body).await;
        assert_eq!(reply.status, 404, "{method} {path}: {}", reply.text);
        // The same answer as for what does not exist, but for the name that was asked for.
        let missing = path.replace(&foreign_run, &Uuid::now_v7().to_string());
        let missing = missing.replace(&format!("/tokens/{foreign_token}"), "/tokens/999");
        let missing = missing.replace(&format!("/{foreign}/"), "/999/").replace("foreign-sync", "nowhere");
        let missing = missing.replace(&format!("config_id={foreign}"), "config_id=999");
        let missing = missing.replace(&format!("mappings/{foreign_link}"), "mappings/999");
        let missing = missing.replace(&format!("conflicts/{foreign_conflict}"), "conflicts/999");
        let missing = missing.replace(&format!("/accounts/{foreign_account}"), "/accounts/999");
        let missing = missing.replace("other-project", "nowhere");
        let body = body.replace("foreign-sync", "nowhere").replace("other-project", "nowhere");
        let absent = ask(method, &missing, &body).await;
        assert_eq!(absent.json()["type"], reply.json()["type"], "{method} {path}");
    }
    for path in [
        "/api/v1/jobs",
        "/api/v1/jobs?state=undispatched",
        "/api/v1/dead",
        "/api/v1/schedules",
        "/api/v1/audit",
        "/api/v1/tokens",
        "/api/v1/sync/stats",
        "/api/v1/sync/stats/series",
        "/api/v1/sync/configs",
        "/api/v1/sync/configs.yaml",
        "/api/v1/sync/status",
        "/api/v1/sync/history",
        "/api/v1/sync/history?q=-sync:x",
        "/api/v1/sync/mappings",
        "/api/v1/sync/conflicts",
        "/api/v1/sync/conflicts/groups",
        "/api/v1/accounts",
        "/api/v1/dead/groups",
        "/api/v1/operations",
        "/api/v1/pauses",
        "/api/v1/people",
        "/api/v1/projects",
    ] {
        let reply = ask("GET", path, "").await;
        assert!(reply.status == 200 && !leaks(&reply), "{path}: {}", reply.text);
    }
    let listed = ask("GET", "/api/v1/jobs", "").await.json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["jobs"][0]["id"], own_run.as_str());
    for body in [json!({ "ids": [foreign_run] }), json!({ "all": true, "confirm": true })] {
        for what in ["replay", "discard"] {
            let reply = ask("POST", &format!("/api/v1/dead/{what}"), &body.to_string()).await;
            assert_eq!((reply.status.as_u16(), &reply.json()["done"]), (200, &json!(0)), "{}", reply.text);
        }
    }
    for (method, path) in [
        ("GET", "/api/v1/queues"),
        ("GET", "/api/v1/workers"),
        ("POST", "/api/v1/workers/nobody/drain"),
        ("GET", "/api/v1/queues/default/scale"),
        ("GET", "/metrics"),
        ("POST", "/api/v1/queues/default/pause"),
        ("POST", "/api/v1/queues/default/resume"),
    ] {
        ask(method, path, "{}").await.problem(403, "one-project");
    }
    assert_eq!(ask("GET", &format!("/api/v1/jobs/{own_run}"), "").await.status, 200);
    assert_eq!(ask("POST", &format!("/api/v1/sync/configs/{own}/pause"), "{}").await.status, 200);
}

#[tokio::test]
async fn a_token_in_the_address_is_refused_even_if_it_is_right() {
    let stage = Stage::sqlite().await;
    let token = token(&stage, &[Scope::Admin], None).await;
    for query in [format!("token={token}"), format!("state=dead&access_token={token}")] {
        let reply = stage.send(request("GET", &format!("/api/v1/jobs?{query}"), &token, "")).await;
        reply.problem(400, "token-in-query");
        assert!(!reply.text.contains(&token), "{}", reply.text);
    }
}

#[tokio::test]
async fn this_machine_needs_a_token_from_the_first_one_on() {
    let stage = Stage::sqlite().await;
    assert_eq!(stage.get("/api/v1/jobs").await.status, 200);
    let token = token(&stage, &[Scope::Read], None).await;
    // What is known of tokens holds for a second.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    stage.get("/api/v1/jobs").await.problem(401, "unauthenticated");
    assert_eq!(stage.send(request("GET", "/api/v1/jobs", &token, "")).await.status, 200);
    assert_eq!(stage.get("/healthz").await.status, 200, "probes of this machine need none");
}

#[tokio::test]
async fn values_are_for_those_who_may_read_data() {
    let stage = Stage::sqlite().await;
    stage.sync("own", |_| {}).await;
    let id = stage.post("/api/v1/jobs", json!({ "sync": "own", "kind": "plan" })).await.json()["id"].clone();
    let id = id.as_str().unwrap();
    let details = json!({ "plan": { "counts": {}, "items": [{ "item": "1", "writes": [{ "fields": [
        { "field": "a", "before": "top secret", "after": null, "rule": "source" }] }] }] } });
    let sql = format!("UPDATE sync_history SET sync_metadata = '{details}' WHERE kind = 'plan'");
    sea_orm::ConnectionTrait::execute_unprepared(&stage.db, &sql).await.unwrap();
    let path = format!("/api/v1/jobs/{id}");
    let bare = token(&stage, &[Scope::Read], None).await;
    let reply = stage.send(request("GET", &path, &bare, "")).await;
    assert!(reply.status == 200 && !reply.text.contains("top secret"), "{}", reply.text);
    let full = token(&stage, &[Scope::Read, Scope::DataRead], None).await;
    let reply = stage.send(request("GET", &path, &full, "")).await;
    assert!(reply.text.contains("top secret"), "{}", reply.text);
}

#[tokio::test]
async fn every_change_is_a_row_with_who_where_and_what() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("own", |_| {}).await;
    let token = token(&stage, &[Scope::Admin], None).await;
    let change = async |path: String, body: Value| {
        let mut request = request("POST", &path, &token, &body.to_string());
        request.headers_mut().insert("x-request-id", "change-1".parse().unwrap());
        request.extensions_mut().insert(Peer("192.0.2.7:999".parse().unwrap()));
        let reply = stage.send(request).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.text);
        assert_eq!(reply.header("x-request-id"), "change-1");
        reply.json()
    };
    let before = stage.audit().await.len();
    let config = format!("/api/v1/sync/configs/{sync}");
    let job = change("/api/v1/jobs".to_owned(), json!({ "sync": "own" })).await["id"].clone();
    let again = change("/api/v1/jobs".to_owned(), json!({ "sync": "own" })).await;
    assert_eq!(again["joined"], true, "which changes nothing and is no row");
    change(format!("{config}/pause"), json!({ "reason": "moving" })).await;
    assert_eq!(change(format!("{config}/pause"), json!({})).await["changed"], false);
    change(format!("{config}/resume"), json!({})).await;
    change("/api/v1/queues/default/pause".to_owned(), json!({})).await;
    change("/api/v1/queues/default/resume".to_owned(), json!({})).await;
    change(format!("/api/v1/jobs/{}/cancel", job.as_str().unwrap()), json!({})).await;
    change("/api/v1/dead/discard".to_owned(), json!({ "all": true, "confirm": true })).await;

    let rows = stage.audit().await.split_off(before);
    let told: Vec<_> = rows.iter().map(|row| (row.action.as_str(), row.subject_kind.as_str())).collect();
    let expected = [
        ("run.enqueue", "run"),
        ("pause", "sync"),
        ("resume", "sync"),
        ("pause", "queue"),
        ("resume", "queue"),
        ("run.cancel", "run"),
    ];
    assert_eq!(told, expected, "nothing was dead, so nothing was discarded");
    for row in &rows {
        assert_eq!((row.actor.as_str(), row.request_id.as_deref()), ("token admin", Some("change-1")));
        assert_eq!(row.details.as_ref().unwrap()["from"], "192.0.2.7", "{row:?}");
    }
    assert_eq!(rows[1].details.as_ref().unwrap()["after"]["reason"], "moving");
    assert_eq!(rows[2].details.as_ref().unwrap()["before"]["reason"], "moving");
    assert_eq!(rows[2].details.as_ref().unwrap()["before"]["by"], "token admin");
    assert_eq!((rows[1].project_id, rows[3].project_id), (Some(project::DEFAULT_PROJECT), None));
}

#[tokio::test]
async fn a_refused_request_is_no_row() {
    let stage = Stage::sqlite().await;
    stage.sync("own", |_| {}).await;
    let token = token(&stage, &[Scope::Read], None).await;
    let before = stage.audit().await.len();
    for method in [Method::POST, Method::DELETE] {
        let body = json!({ "sync": "own" }).to_string();
        let reply = stage.send(request(method.as_str(), "/api/v1/jobs", &token, &body)).await;
        assert!(reply.status.is_client_error(), "{}", reply.text);
    }
    assert_eq!(stage.audit().await.len(), before);
}

impl Stage {
    /// The audit log, the oldest first.
    async fn audit(&self) -> Vec<audit_log::Model> {
        audit_log::Entity::find().order_by_asc(audit_log::Column::Id).all(&self.db).await.unwrap()
    }
}

#[tokio::test]
async fn the_log_and_the_tokens_are_listed_for_admins() {
    let stage = Stage::sqlite().await;
    let token = token(&stage, &[Scope::Admin], None).await;
    let spare = self::token(&stage, &[Scope::Read], None).await;
    let ask = async |method: &str, path: &str| stage.send(request(method, path, &token, "")).await;
    let listed = ask("GET", "/api/v1/tokens").await;
    assert!(!listed.text.contains(&token[14..]) && !listed.text.contains("hash"), "{}", listed.text);
    assert_eq!(listed.json()["tokens"][1]["scopes"], json!(["read"]), "{}", listed.text);
    let id = listed.json()["tokens"][1]["id"].as_i64().unwrap();
    let revoked = ask("DELETE", &format!("/api/v1/tokens/{id}")).await.json();
    assert_eq!((&revoked["changed"], &revoked["token"]["standing"]), (&json!(true), &json!("revoked")));
    assert_eq!(ask("DELETE", &format!("/api/v1/tokens/{id}")).await.json()["changed"], false);
    stage.send(request("GET", "/api/v1/jobs", &spare, "")).await.problem(401, "unauthenticated");
    ask("DELETE", "/api/v1/tokens/999").await.problem(404, "unknown-token");
    ask("DELETE", "/api/v1/tokens/x").await.problem(400, "invalid-id");

    let first = ask("GET", "/api/v1/audit?limit=2").await.json();
    let actions = |page: &Value| -> Vec<String> {
        let rows = page["changes"].as_array().unwrap().iter();
        rows.map(|row| row["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&first), ["token.revoke", "token.create"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = ask("GET", &format!("/api/v1/audit?limit=2&cursor={cursor}")).await.json();
    assert_eq!((actions(&second), &second["next_cursor"]), (vec!["token.create".to_owned()], &Value::Null));
    ask("GET", &format!("/api/v1/audit?action=pause&cursor={cursor}")).await.problem(400, "invalid-cursor");
    let revokes = ask("GET", &format!("/api/v1/audit?action=token.revoke&subject_id={id}")).await.json();
    assert_eq!(revokes["changes"][0]["actor"], "token admin", "{revokes}");
}
