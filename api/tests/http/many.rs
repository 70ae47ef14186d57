//! Many jobs at once, groups of dead letters, operations, and what is asked of accounts, people and projects.

use axum::{body::Body, http::Request};
use rstest::rstest;
use serde_json::{Value, json};
use syncline_api::{ApiState, router};
use syncline_service::operations::{Step, step};

use crate::stage::{Stage, send};

async fn stage(on_postgres: bool) -> Stage {
    if on_postgres { Stage::postgres().await } else { Stage::sqlite().await }
}

#[rstest]
#[tokio::test]
async fn of_many_jobs_each_is_accepted_or_refused(#[values(false, true)] on_postgres: bool) {
    let stage = stage(on_postgres).await;
    stage.sync("tasks", |_| {}).await;
    let item =
        |n: usize| json!({ "sync": "tasks", "items": { "side": "source", "ids": [format!("T-{n}")] } });
    let mut jobs: Vec<Value> = (0..200).map(item).collect();
    jobs.extend([
        json!({ "sync": "nowhere" }),
        json!({ "sync": "tasks", "ful": true }),
        json!({ "sync": "tasks", "items": { "side": "source", "ids": [] } }),
        item(7),
        json!({ "sync": "tasks", "priority": "low", "delay": 60 }),
    ]);
    let reply = stage.post("/api/v1/jobs", json!({ "jobs": jobs })).await;
    assert_eq!(reply.status, 207, "{}", reply.text);
    let told = reply.json();
    assert_eq!((&told["accepted"], &told["refused"]), (&json!(202), &json!(3)));
    let entry = |at: usize| &told["jobs"][at];
    assert_eq!((&entry(0)["status"], &entry(0)["job"]["joined"]), (&json!(202), &json!(false)));
    assert_eq!(entry(200)["problem"]["type"], "urn:syncline:problem:unknown-sync");
    assert_eq!(entry(201)["problem"]["errors"][0]["pointer"], "/ful");
    assert_eq!(entry(202)["status"], 422);
    assert_eq!(
        (&entry(203)["job"]["id"], &entry(203)["job"]["joined"]),
        (&entry(7)["job"]["id"], &json!(true))
    );
    let listed = stage.get("/api/v1/jobs?limit=1000").await.json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 201);

    for (body, pointer) in [
        (json!({ "jobs": [] }), "/jobs"),
        (json!({ "jobs": vec![item(1); 1_001] }), "/jobs"),
        (json!({ "jobs": {} }), "/jobs"),
        (json!({ "jobs": [item(1)], "sync": "tasks" }), "/sync"),
    ] {
        let problem = stage.post("/api/v1/jobs", body).await.problem(422, "invalid-body");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    // Repeated with its key, a request finds its jobs.
    let keyed = || {
        let body = json!({ "jobs": [{ "sync": "tasks", "full": true }, item(900)] });
        let request =
            Request::post("/api/v1/jobs").header("host", "localhost").header("idempotency-key", "k1");
        request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
    };
    let first = stage.send(keyed()).await.json();
    stage.execute("DELETE FROM idempotency_keys").await;
    let again = stage.send(keyed()).await.json();
    for at in 0..2 {
        assert_eq!(first["jobs"][at]["job"]["id"], again["jobs"][at]["job"]["id"]);
    }

    let id = entry(0)["job"]["id"].as_str().unwrap();
    let set =
        stage.post(&format!("/api/v1/jobs/{id}/priority"), json!({ "priority": "critical" })).await.json();
    assert_eq!(set["priority"], "critical");
    assert_eq!(stage.get(&format!("/api/v1/jobs/{id}")).await.json()["priority"], "critical");
    let scale = stage.get("/api/v1/queues/default/scale").await.json();
    assert_eq!((&scale["running"], &scale["slots"]), (&json!(0), &json!(0)), "{scale}");
    assert!(scale["wanted_slots"].as_u64().unwrap() >= 1, "{scale}");
}

/// Dead runs of a sync, each with an error that names its number.
async fn dead(stage: &Stage, sync: i64, runs: std::ops::Range<u32>, error: &str) {
    let postgres = stage.db.get_database_backend() == sea_orm::DbBackend::Postgres;
    let row = |n: u32| {
        let id = match postgres {
            true => format!("'0190a1b2-c3d4-7e5f-8a9b-0000{n:08x}'"),
            false => format!("x'0190a1b2c3d47e5f8a9b0000{n:08x}'"),
        };
        let (at, error) = (
            format!("'2026-01-01T00:{:02}:{:02}+00:00'", n / 60 % 60, n % 60),
            error.replace("{n}", &n.to_string()),
        );
        let args = format!("{{\"allow_deletes\":{n}}}");
        format!(
            "({id}, 1, {sync}, {id}, 'sync', 'manual', 2, '{args}', 'failed', {at}, {at}, {at}, TRUE, FALSE, \
             'trying again would not help', '{error}')"
        )
    };
    let rows: Vec<String> = runs.map(row).collect();
    stage
        .execute(&format!(
            "INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, priority, args, \
             status, queued_at, completed_at, dead_at, rolled_up, success, dead_reason, error_message) VALUES {}",
            rows.join(", ")
        ))
        .await;
    syncline_runs::sort_letters(&stage.db, 10_000).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn twelve_dead_runs_among_others_are_found_and_replayed_with_two_requests(
    #[values(false, true)] on_postgres: bool,
) {
    let stage = stage(on_postgres).await;
    let sync = stage.sync("tasks", |_| {}).await;
    dead(&stage, sync, 0..400, "no answer for T-{n}").await;
    dead(&stage, sync, 500..512, "HTTP 422: T-{n} has no such field").await;
    let groups = stage.get("/api/v1/dead/groups?sort=rarest").await.json();
    let group = &groups["groups"][0];
    assert_eq!((&group["letters"], &group["sync"]), (&json!(12), &json!("tasks")), "{groups}");
    assert_eq!(group["error"], "HTTP 422: T-511 has no such field");
    let name = group["group"].as_str().unwrap();
    let body = json!({ "filter": { "group": name }, "count": 12 });
    let done = stage.post("/api/v1/dead/replay", body).await.json();
    assert_eq!((&done["done"], &done["left"]), (&json!(12), &json!([])), "{done}");
    stage.get(&format!("/api/v1/dead/groups/{name}")).await.problem(404, "unknown-group");

    // Pages, filters, and wrong values.
    dead(&stage, sync, 600..603, "no such table").await;
    let first = stage.get("/api/v1/dead/groups?limit=1&sort=most").await.json();
    assert_eq!(first["groups"][0]["letters"], 400);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = stage.get(&format!("/api/v1/dead/groups?limit=1&sort=most&cursor={cursor}")).await.json();
    assert_eq!((&second["groups"][0]["letters"], &second["next_cursor"]), (&json!(3), &Value::Null));
    stage.get(&format!("/api/v1/dead/groups?limit=1&cursor={cursor}")).await.problem(400, "invalid-cursor");
    let found = stage.get("/api/v1/dead/groups?text=NO%20SUCH&error_kind=permanent").await.json();
    assert_eq!(found["groups"].as_array().unwrap().len(), 1);
    for wrong in ["sort=oldest", "limit=0", "limit=201", "error_kind=odd", "project=default", "x=y"] {
        stage.get(&format!("/api/v1/dead/groups?{wrong}")).await.problem(400, "invalid-query");
    }
    let group = second["groups"][0]["group"].as_str().unwrap();
    let listed = stage.get(&format!("/api/v1/dead?group={group}")).await.json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 3);
}

#[rstest]
#[tokio::test]
async fn an_operation_is_previewed_started_and_cancelled(#[values(false, true)] on_postgres: bool) {
    let stage = stage(on_postgres).await;
    let sync = stage.sync("tasks", |_| {}).await;
    dead(&stage, sync, 0..1_300, "no answer for T-{n}").await;
    let preview = async |action: &str, filter: Value| {
        stage.post("/api/v1/operations/preview", json!({ "action": action, "filter": filter })).await
    };
    let shown = preview("replay", json!({ "sync": "tasks" })).await.json();
    assert_eq!((&shown["count"], shown["sample"].as_array().unwrap().len()), (&json!(1_300), 5), "{shown}");
    let filtered = preview("replay", json!({ "q": "T-77" })).await.json();
    assert_eq!(filtered["count"], 11, "T-77, T-770 to T-779");
    preview("replay", json!({ "sync": "nowhere" })).await.problem(404, "unknown-sync");
    preview("replay", json!({ "q": "odd:1" })).await.problem(422, "invalid-filter");
    preview("resolve", json!({})).await.problem(422, "invalid-body");
    preview("remove", json!({})).await.problem(422, "invalid-body");
    // What dies later is not meant.
    stage.execute("UPDATE sync_history SET dead_at = '2126-01-01T00:00:00+00:00' WHERE error_message LIKE '%T-1299'").await;

    let start = async |token: &Value| stage.post("/api/v1/operations", json!({ "token": token })).await;
    let started = start(&shown["token"]).await;
    assert_eq!(started.status, 202, "{}", started.text);
    let operation = started.json();
    let path = format!("/api/v1/operations/{}", operation["id"].as_str().unwrap());
    assert_eq!(started.header("location"), path);
    start(&shown["token"]).await.problem(409, "no-preview");
    start(&json!("guess")).await.problem(409, "no-preview");
    let id = operation["id"].as_str().unwrap().parse().unwrap();
    let (db, queue) = (&stage.db, &stage.state.queue);
    assert!(matches!(step(db, queue, id).await.unwrap(), Step::More { done: 500, skipped: 0, .. }));
    // Another one takes some of the same letters.
    let other = start(&filtered["token"]).await.json()["id"].as_str().unwrap().parse().unwrap();
    while !matches!(step(db, queue, other).await.unwrap(), Step::Over(_)) {}
    while !matches!(step(db, queue, id).await.unwrap(), Step::Over(_)) {}
    let over = stage.get(&path).await.json();
    let twice = stage.get(&format!("/api/v1/operations/{other}")).await.json()["done"].as_i64().unwrap();
    assert_eq!((&over["state"], over["done"].as_i64().unwrap() + twice), (&json!("done"), 1_299), "{over}");
    assert_eq!(stage.get("/api/v1/dead").await.json()["jobs"].as_array().unwrap().len(), 1);

    let shown = preview("discard", json!({})).await.json();
    let started = start(&shown["token"]).await.json();
    let path = format!("/api/v1/operations/{}", started["id"].as_str().unwrap());
    let cancelled = stage.post(&format!("{path}/cancel"), "{}").await.json();
    assert_eq!(cancelled["cancel_requested"], true);
    let id = started["id"].as_str().unwrap().parse().unwrap();
    assert!(matches!(step(db, queue, id).await.unwrap(), Step::Over(_)));
    assert_eq!(stage.get(&path).await.json()["state"], "cancelled");
    let listed = stage.get("/api/v1/operations?limit=2").await.json();
    assert_eq!(listed["operations"].as_array().unwrap().len(), 2);
    assert!(listed["next_cursor"].is_string());
}

#[tokio::test]
async fn secrets_of_accounts_go_in_and_never_come_out() {
    let stage = Stage::sqlite().await;
    let allow = syncline_service::allow::AllowLists {
        variables: "CRM_*".parse().unwrap(),
        vault: "secret/syncline/*".parse().unwrap(),
        ..syncline_service::allow::AllowLists::default()
    };
    let router = router(ApiState { allow: std::sync::Arc::new(allow), ..stage.state.clone() });
    let ask = async |method: &str, path: &str, body: Value, tag: Option<&str>| {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let request = match body {
            Value::Null => request.body(Body::empty()),
            body => request.header("content-type", "application/json").body(Body::from(body.to_string())),
        };
        send(&router, request.unwrap()).await
    };
    let path = "/api/v1/accounts";
    let secret = json!({ "env": "CRM_TOKEN" });
    let made =
        ask("POST", path, json!({ "name": "acme", "platform": "github", "secret": secret }), None).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.json()["secret"]["reference"], "env:CRM_TOKEN");
    let own = made.header("location").to_owned();
    let secret = json!({ "vault": "secret/syncline/github#token" });
    let vault = json!({ "name": "of-vault", "platform": "github", "secret": secret });
    let vault = ask("POST", path, vault, None).await;
    assert_eq!(vault.status, 201, "{}", vault.text);
    let shown = &vault.json()["secret"];
    assert_eq!(
        (&shown["kind"], &shown["reference"]),
        (&json!("vault"), &json!("vault:secret/syncline/github#token"))
    );
    assert_eq!(ask("DELETE", vault.header("location"), Value::Null, None).await.status, 200);
    let again = json!({ "name": "acme", "platform": "github", "secret": { "env": "CRM_TOKEN" } });
    ask("POST", path, again, None).await.problem(409, "account-exists");
    for (body, told) in [
        (
            json!({ "name": "b", "platform": "github", "secret": { "env": "HOME" } }),
            "SYNCLINE_ALLOW_VARIABLES",
        ),
        (
            json!({ "name": "b", "platform": "github", "secret": { "file": "/etc/shadow" } }),
            "SYNCLINE_ALLOW_PATHS",
        ),
        (
            json!({ "name": "b", "platform": "github", "secret": { "vault": "secret/other#token" } }),
            "SYNCLINE_ALLOW_VAULT",
        ),
        (json!({ "name": "b", "platform": "github", "secret": { "vault": "secret" } }), "MOUNT/PATH#KEY"),
        (json!({ "name": "b", "platform": "github", "secret": {} }), "one of env, file, vault and value"),
        (
            json!({ "name": "b", "platform": "github", "secret": { "env": "CRM_TOKEN" }, "base_url": "https://evil.example" }),
            "SYNCLINE_ALLOW_HOSTS",
        ),
        (json!({ "name": "a/b", "platform": "github", "secret": { "env": "CRM_TOKEN" } }), "name"),
        // There is no key to encrypt it with.
        (
            json!({ "name": "b", "platform": "github", "secret": { "value": "ghp_topsecret" } }),
            "SYNCLINE_SECRET_KEY",
        ),
    ] {
        let problem = ask("POST", path, body, None).await;
        assert!(!problem.text.contains("topsecret"), "{}", problem.text);
        let problem = problem.problem(422, "invalid-body");
        assert!(problem["detail"].as_str().unwrap().contains(told), "{problem}");
    }
    let shown = ask("GET", &own, Value::Null, None).await;
    let tag = shown.header("etag").to_owned();
    assert_eq!(ask("GET", "/api/v1/accounts/acme", Value::Null, None).await.json(), shown.json());
    let rotated = json!({ "secret": { "env": "CRM_OTHER" } });
    assert_eq!(ask("POST", &format!("{own}/rotate"), rotated, None).await.status, 200);
    ask("DELETE", &own, Value::Null, Some(&tag)).await.problem(412, "changed-since");
    ask("PATCH", &own, json!({ "limits": false }), None).await.problem(422, "invalid-body");
    let paused = ask("POST", &format!("{own}/pause"), json!({ "reason": "moving" }), None).await.json();
    assert_eq!(paused["changed"], true);
    let pauses = ask("GET", "/api/v1/pauses", Value::Null, None).await.json();
    assert_eq!(
        (&pauses["pauses"][0]["name"], &pauses["pauses"][0]["scope"]),
        (&json!("acme"), &json!("account"))
    );
    let listed = ask("GET", path, Value::Null, None).await.json();
    assert!(
        listed["accounts"].as_array().unwrap().iter().any(|one| one["paused"]["reason"] == "moving"),
        "{listed}"
    );
    ask("POST", &format!("{own}/check"), Value::Null, None).await.problem(409, "platform-refused");
    assert_eq!(ask("POST", &format!("{own}/resume"), Value::Null, None).await.json()["changed"], true);
    assert_eq!(ask("DELETE", &own, Value::Null, None).await.status, 200);
    ask("GET", &own, Value::Null, None).await.problem(404, "unknown-account");
}

#[tokio::test]
async fn people_projects_and_tokens_are_made_over_http() {
    let stage = Stage::sqlite().await;
    let made = stage.post("/api/v1/projects", json!({ "key": "web", "name": "The web team" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    stage.post("/api/v1/projects", json!({ "key": "web" })).await.problem(409, "project-exists");
    stage.post("/api/v1/projects", json!({ "key": "a b" })).await.problem(422, "invalid-body");
    let listed = stage.get("/api/v1/projects").await.json();
    assert_eq!(listed["projects"].as_array().unwrap().len(), 2);

    let csv = "name,texts\nAda,\"Ada\n@ada\"\nBob,Bob\n";
    let request = Request::post("/api/v1/people/import?project=web").header("host", "localhost");
    let imported =
        stage.send(request.header("content-type", "text/csv").body(Body::from(csv)).unwrap()).await;
    assert_eq!(imported.json(), json!({ "people": 2, "identities": 3, "new": 3 }), "{}", imported.text);
    let exported = stage.get("/api/v1/people/export?project=web").await.json();
    let again = stage.post("/api/v1/people/import?project=web", &exported).await;
    assert_eq!(again.json()["new"], 0, "{}", again.text);
    let table = stage.get("/api/v1/people/export?project=web&format=csv").await;
    assert!(
        table.text.contains("Ada") && table.header("content-type").starts_with("text/csv"),
        "{}",
        table.text
    );
    let people = stage.get("/api/v1/people?project=web").await.json();
    let id = people["people"][0]["id"].as_str().unwrap();
    let one = stage.get(&format!("/api/v1/people/{id}?project=web")).await.json();
    assert_eq!(one, people["people"][0]);
    stage.get(&format!("/api/v1/people/{id}")).await.problem(404, "unknown-person");
    stage.get("/api/v1/people?project=nowhere").await.problem(404, "unknown-project");
    let body = json!({ "project": "web", "person": "Ada", "identity": "Bob" });
    let mapped = stage.post("/api/v1/people/map", body).await.json();
    assert_eq!(mapped["person"]["identities"].as_array().unwrap().len(), 3, "{mapped}");
    stage
        .post("/api/v1/people/import", json!({ "people": [{ "name": "x" }] }))
        .await
        .problem(422, "invalid-body");

    stage
        .post("/api/v1/tokens", json!({ "name": "ci", "scopes": ["rea"] }))
        .await
        .problem(422, "invalid-body");
    let made =
        stage.post("/api/v1/tokens", json!({ "name": "ci", "scopes": ["read"], "project": "web" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let text = made.json()["token"].as_str().unwrap().to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let request = Request::get("/api/v1/projects").header("host", "localhost");
    let request = request.header("authorization", format!("Bearer {text}")).body(Body::empty()).unwrap();
    let seen = stage.send(request).await.json();
    assert_eq!(seen["projects"][0]["key"], "web");
    assert_eq!(seen["projects"].as_array().unwrap().len(), 1);
}

#[rstest]
#[tokio::test]
async fn conflicts_are_resolved_in_bulk_as_they_were_counted(#[values(false, true)] on_postgres: bool) {
    let stage = stage(on_postgres).await;
    let sync = stage.sync("tasks", |_| {}).await;
    let run = uuid::Uuid::now_v7();
    let mut conflicts = Vec::new();
    for _ in 0..4 {
        let (link, conflict) = crate::history::link(&stage, sync, run).await;
        let ids = format!("entity_id = 's-{link}', external_id = 't-{link}', source_key = 'T-{link}'");
        stage.execute(&format!("UPDATE sync_metadata SET {ids} WHERE id = {link}")).await;
        conflicts.push(conflict);
    }
    let preview = async |more: Value| {
        let mut body = json!({ "action": "resolve", "filter": { "sync": "tasks", "q": "field:a" } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        stage.post("/api/v1/operations/preview", body).await
    };
    for (wrong, pointer) in [
        (json!({}), "/take"),
        (json!({ "take": "both" }), "/take"),
        (json!({ "resolution_strategy": "manual" }), "/resolution_strategy"),
        (json!({ "take": "source", "resolution_strategy": "source_wins" }), "/resolution_strategy"),
        (json!({ "take": "source", "filter": { "group": "x" } }), "/filter/group"),
    ] {
        let problem = preview(wrong.clone()).await.problem(422, "invalid-body");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{wrong}");
    }
    let none = preview(json!({ "take": "source", "filter": { "q": "field:other" } })).await.json();
    assert_eq!(none["count"], 0, "{none}");
    let shown = preview(json!({ "resolution_strategy": "elder_wins" })).await.json();
    assert_eq!(
        (&shown["count"], shown["conflicts"].as_array().map(Vec::len), &shown["sample"]),
        (&json!(4), Some(4), &json!([])),
        "{shown}"
    );
    // Since then one was resolved, and one was decided by somebody.
    stage.execute(&format!("UPDATE sync_conflicts SET resolved = true WHERE id = {}", conflicts[0])).await;
    let decided = format!("/api/v1/sync/conflicts/{}/resolve", conflicts[1]);
    assert_eq!(stage.post(&decided, json!({ "take": "target" })).await.status, 202);
    let started = stage.post("/api/v1/operations", json!({ "token": shown["token"] })).await;
    assert_eq!(started.status, 202, "{}", started.text);
    let id = started.json()["id"].as_str().unwrap().parse().unwrap();
    while !matches!(step(&stage.db, &stage.state.queue, id).await.unwrap(), Step::Over(_)) {}
    let over = stage.get(&format!("/api/v1/operations/{id}")).await.json();
    assert_eq!(
        (&over["state"], &over["done"], &over["skipped"], &over["total"]),
        (&json!("done"), &json!(2), &json!(2), &json!(4)),
        "{over}"
    );
    for (conflict, resolution) in [(1, "target"), (2, "source"), (3, "source")] {
        let shown = stage.get(&format!("/api/v1/sync/conflicts/{}", conflicts[conflict])).await.json();
        assert_eq!(shown["resolution"], resolution, "{shown}");
    }
    let runs = stage.get("/api/v1/jobs?kind=resolve").await.json();
    assert_eq!(runs["jobs"].as_array().unwrap().len(), 2, "one for the two of the operation: {runs}");
}

#[tokio::test]
async fn a_conflict_that_was_met_again_since_it_was_counted_is_left() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("tasks", |_| {}).await;
    let (_, conflict) = crate::history::link(&stage, sync, uuid::Uuid::now_v7()).await;
    let body = json!({ "action": "resolve", "take": "source", "filter": {} });
    let shown = stage.post("/api/v1/operations/preview", body).await.json();
    assert_eq!(shown["count"], 1, "{shown}");
    // A run meets it, with other values perhaps, and is over after the preview.
    let run = stage.post("/api/v1/jobs", json!({ "sync": "tasks" })).await.json()["id"].clone();
    let run: uuid::Uuid = run.as_str().unwrap().parse().unwrap();
    let run = run.simple();
    let of = format!("UPDATE sync_conflicts SET run_id = X'{run}' WHERE id = {conflict}");
    stage.execute(&of).await;
    let started = stage.post("/api/v1/operations", json!({ "token": shown["token"] })).await.json();
    let id = started["id"].as_str().unwrap().parse().unwrap();
    assert!(matches!(step(&stage.db, &stage.state.queue, id).await.unwrap(), Step::Over(_)));
    let over = stage.get(&format!("/api/v1/operations/{id}")).await.json();
    assert_eq!((&over["done"], &over["skipped"]), (&json!(0), &json!(1)), "{over}");
}
