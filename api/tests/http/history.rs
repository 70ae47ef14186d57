//! Runs, links and conflicts over HTTP: pages, filters, plans, and choices.

use std::time::Duration;

use axum::{body::Body, http::Request};
use chrono::{SubsecRound, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use syncline_entity::{
    sync_change, sync_conflict, sync_history, sync_metadata,
    types::{ChangeState, LinkState, Side, SyncDirection, SyncStatus},
};
use syncline_service::{Caller, Scope, tokens};
use uuid::Uuid;

use crate::stage::{Reply, Stage};

const HISTORY: &str = "/api/v1/sync/history";

fn ids(list: &Value, of: &str) -> Vec<Value> {
    list[of].as_array().unwrap_or_else(|| panic!("{list}")).iter().map(|one| one["id"].clone()).collect()
}

/// A link of a sync with a conflict in its title, and a change by a run.
pub(crate) async fn link(stage: &Stage, sync: i64, run: Uuid) -> (i64, i64) {
    let now = Utc::now().trunc_subsecs(6);
    let link = sync_metadata::ActiveModel {
        sync_config_id: Set(sync),
        entity_type: Set("record".to_owned()),
        entity_id: Set(Some("s1".to_owned())),
        external_id: Set(Some("t1".to_owned())),
        source_key: Set(Some("T-1".to_owned())),
        sync_status: Set(SyncStatus::Conflict),
        link_state: Set(LinkState::Linked),
        sync_direction: Set(SyncDirection::Bidirectional),
        last_error: Set(Some("secret is too long".to_owned())),
        base_source: Set(Some(json!({ "a": "secret" }))),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    let link = link.insert(&stage.db).await.unwrap().id;
    let conflict = sync_conflict::ActiveModel {
        link_id: Set(link),
        run_id: Set(run),
        field: Set(Some("a".to_owned())),
        conflict_type: Set("field_mismatch".to_owned()),
        source_data: Set(Some(json!("secret ours"))),
        target_data: Set(Some(json!("secret theirs"))),
        resolved: Set(false),
        occurrences: Set(1),
        created_at: Set(now),
        ..Default::default()
    };
    let conflict = conflict.insert(&stage.db).await.unwrap().id;
    let change = sync_change::ActiveModel {
        link_id: Set(link),
        seq: Set(1),
        run_id: Set(run),
        side: Set(Side::Target),
        field: Set(Some("a".to_owned())),
        before: Set(Some(json!("secret before"))),
        after: Set(None),
        rule: Set("source changed".to_owned()),
        origin_system: Set("csv".to_owned()),
        state: Set(ChangeState::Confirmed),
        hash: Set("00".to_owned()),
        at: Set(now),
        ..Default::default()
    };
    change.insert(&stage.db).await.unwrap();
    (link, conflict)
}

async fn run(stage: &Stage, sync: i64, body: &Value) -> Uuid {
    let reply = stage.post(&format!("/api/v1/sync/configs/{sync}/run"), body).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    reply.json()["id"].as_str().unwrap().parse().unwrap()
}

async fn runs_are_listed(stage: Stage) {
    let (a, b) = (stage.sync("a", |_| {}).await, stage.sync("b", |_| {}).await);
    let first = run(&stage, a, &json!({})).await;
    let second = run(&stage, a, &json!({ "full": true })).await;
    let third = run(&stage, b, &json!({})).await;
    let list = async |query: &str| stage.get(&format!("{HISTORY}{query}")).await.json();
    assert_eq!(ids(&list("").await, "runs"), [json!(third), json!(second), json!(first)]);
    let page = list("?page=1&per_page=2").await;
    assert_eq!((ids(&page, "runs"), &page["page"]), (vec![json!(third), json!(second)], &json!(1)));
    assert_eq!(ids(&list("?page=2&per_page=2").await, "runs"), [json!(first)]);
    let page = list(&format!("?config_id={a}&limit=1")).await;
    assert_eq!(ids(&page, "runs"), [json!(second)]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let last = list(&format!("?config_id={a}&limit=1&cursor={cursor}")).await;
    assert_eq!((ids(&last, "runs"), &last["next_cursor"]), (vec![json!(first)], &Value::Null));
    for (query, found) in [
        ("?q=sync:b", 1),
        ("?q=status:failed", 0),
        ("?sync=a&status=queued", 2),
        ("?q=-sync:b%20age:%3C1h", 2),
    ] {
        assert_eq!(ids(&list(query).await, "runs").len(), found, "{query}");
    }
    for (query, status, kind) in [
        ("?page=201", 400, "invalid-query"),
        ("?page=1&cursor=x", 400, "invalid-query"),
        ("?per_page=0", 400, "invalid-query"),
        ("?status=bogus", 400, "invalid-query"),
        ("?config_id=99", 404, "unknown-sync"),
        ("?q=bogus:1", 422, "invalid-filter"),
    ] {
        stage.get(&format!("{HISTORY}{query}")).await.problem(status, kind);
    }
    stage.get(&format!("{HISTORY}?config_id={b}&cursor={cursor}")).await.problem(400, "invalid-cursor");
    assert_eq!(stage.get(&format!("{HISTORY}/{first}")).await.json()["id"], json!(first));
    stage.get(&format!("{HISTORY}/{}", Uuid::now_v7())).await.problem(404, "unknown-run");

    let (link, conflict) = link(&stage, a, first).await;
    let changes = stage.get(&format!("{HISTORY}/{first}/changes")).await.json();
    let change = &changes["changes"][0];
    assert_eq!(
        (&change["item"], &change["before"], &change["after"]),
        (&json!("T-1"), &json!("secret before"), &Value::Null)
    );
    let items = stage.get(&format!("{HISTORY}/{first}/items")).await.json();
    let item = &items["items"][0];
    let told =
        [&item["item_id"], &item["status"], &item["changes"], &item["conflicts"], &item["source_platform"]];
    assert_eq!(told, [&json!("T-1"), &json!("conflict"), &json!(1), &json!(1), &json!("csv")]);
    let of_link = stage.get(&format!("/api/v1/sync/mappings/{link}/history")).await.json();
    assert_eq!(of_link["changes"][0]["run"], json!(first));

    let found = async |query: &str| {
        ids(&stage.get(&format!("/api/v1/sync/mappings{query}")).await.json(), "mappings")
    };
    for query in [
        format!("?config_id={a}&elder_type=record"),
        "?sync_status=conflict".to_owned(),
        "?jira_id=t1".to_owned(),
        "?q=item:T-1".to_owned(),
    ] {
        assert_eq!(found(&query).await, [json!(link)], "{query}");
    }
    for query in [format!("?config_id={b}"), "?sync_status=synced".to_owned(), "?external_id=s1".to_owned()] {
        assert!(found(&query).await.is_empty(), "{query}");
    }
    conflicts_are_decided(&stage, a, conflict).await;
}

async fn conflicts_are_decided(stage: &Stage, sync: i64, conflict: i64) {
    let path = format!("/api/v1/sync/conflicts/{conflict}");
    let open = stage.get("/api/v1/sync/conflicts?resolved=false").await.json();
    assert_eq!(ids(&open, "conflicts"), [json!(conflict)]);
    let shown = stage.get(&path).await.json();
    assert_eq!((&shown["elder_data"], &shown["target"]), (&json!("secret ours"), &json!("secret theirs")));
    let groups = stage.get("/api/v1/sync/conflicts/groups").await.json();
    let group = &groups["groups"][0];
    assert_eq!(
        (&group["conflicts"], &group["field"], &group["config_id"]),
        (&json!(1), &json!("a"), &json!(sync))
    );
    let q = group["q"].as_str().unwrap().replace(' ', "%20");
    let of_group = stage.get(&format!("/api/v1/sync/conflicts?q={q}")).await.json();
    assert_eq!(ids(&of_group, "conflicts"), [json!(conflict)]);

    let resolve = async |body: Value| stage.post(&format!("{path}/resolve"), body).await;
    resolve(json!({ "take": "source", "seen": "00" })).await.problem(409, "conflict-moved");
    resolve(json!({ "resolution_strategy": "manual" })).await.problem(422, "undecidable-conflict");
    resolve(json!({ "fields": { "b": { "take": "source" } } })).await.problem(422, "undecidable-conflict");
    resolve(json!({ "resolution_strategy": "merge" })).await.problem(422, "invalid-body");
    resolve(json!({})).await.problem(422, "invalid-body");
    let done = resolve(json!({ "fields": { "a": { "take": "target", "seen": shown["seen"] } } })).await;
    assert_eq!(done.status, 202, "{}", done.text);
    assert_eq!(done.json()["conflicts"][0]["resolution"], "target");
    let done = resolve(json!({ "resolution_strategy": "elder_wins" })).await;
    let told = done.json();
    assert_eq!(
        (done.status.as_u16(), &told["conflicts"][0]["resolution"]),
        (202, &json!("source")),
        "{told}"
    );
    assert_eq!(done.header("location"), format!("/api/v1/jobs/{}", told["runs"][0].as_str().unwrap()));
    let row = sync_conflict::Entity::find_by_id(conflict).one(&stage.db).await.unwrap().unwrap();
    assert_eq!((row.resolution, row.resolved), (Some(Side::Source), false), "a run carries it out");
    stage.get("/api/v1/sync/conflicts/999").await.problem(404, "unknown-conflict");
    for exact in ["12345678901234567890.12345678901234567890", "1.50", "18446744073709551617"] {
        for body in [
            format!(r#"{{ "take": "value", "value": {exact} }}"#),
            format!(r#"{{ "fields": {{ "a": {{ "take": "value", "value": {exact} }} }} }}"#),
        ] {
            let done = resolve(serde_json::from_str(&body).unwrap()).await;
            assert_eq!(done.json()["conflicts"][0]["value"].to_string(), exact, "{}", done.text);
            assert_eq!(stage.get(&path).await.json()["value"].to_string(), exact);
        }
    }
}

#[tokio::test]
async fn runs_links_and_conflicts_on_sqlite() {
    runs_are_listed(Stage::sqlite().await).await;
}

#[tokio::test]
async fn runs_links_and_conflicts_on_postgres() {
    runs_are_listed(Stage::postgres().await).await;
}

#[tokio::test]
async fn a_caller_may_wait_for_the_end_and_reads_the_plan_in_pages() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("a", |_| {}).await;
    let ask = async |wait: &str| -> Reply {
        let path = format!("/api/v1/sync/configs/{sync}/dry-run");
        let request =
            Request::post(path).header("host", "localhost").header("prefer", format!("wait={wait}"));
        stage.send(request.body(Body::empty()).unwrap()).await
    };
    let early = ask("1").await;
    assert_eq!((early.status.as_u16(), &early.json()["kind"]), (202, &json!("plan")), "nobody works here");
    let run: Uuid = early.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(stage.get(&format!("{HISTORY}/{run}/plan")).await.json()["has_plan"], false);
    let items: Vec<Value> = (0..3).map(|n| json!({ "item": format!("T-{n}"), "action": "create" })).collect();
    let details = json!({ "plan": { "counts": { "creates": 3 }, "items": items } });
    let sql = format!(
        "UPDATE sync_history SET status = 'completed', success = TRUE, completed_at = queued_at, waiting_key = NULL, \
         sync_metadata = '{details}'"
    );
    let end = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stage.db.execute_unprepared(&sql).await.unwrap();
    };
    let (waited, ()) = tokio::join!(ask("20"), end);
    assert_eq!(
        (waited.status.as_u16(), waited.header("preference-applied")),
        (200, "wait=20"),
        "{}",
        waited.text
    );
    assert_eq!(waited.json()["status"], "completed");
    let first = stage.get(&format!("{HISTORY}/{run}/plan?limit=2")).await.json();
    assert_eq!((first["items"].as_array().unwrap().len(), &first["counts"]["creates"]), (2, &json!(3)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = stage.get(&format!("{HISTORY}/{run}/plan?limit=2&cursor={cursor}")).await.json();
    assert_eq!((&rest["items"][0]["item"], &rest["next_cursor"]), (&json!("T-2"), &Value::Null));
    assert!(sync_history::by_run(&stage.db, run).await.unwrap().is_some());
}

#[tokio::test]
async fn without_data_read_no_value_is_told() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("a", |_| {}).await;
    let first = run(&stage, sync, &json!({})).await;
    let (link, conflict) = link(&stage, sync, first).await;
    let new = tokens::NewToken {
        name: "reader",
        scopes: [Scope::Read].into_iter().collect(),
        project: None,
        expires_at: None,
        environment: "test",
    };
    let (_, token) = tokens::create(&stage.db, &Caller::person("mia"), &new).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for path in [
        format!("{HISTORY}/{first}/changes"),
        format!("{HISTORY}/{first}/items"),
        format!("/api/v1/sync/mappings/{link}"),
        format!("/api/v1/sync/mappings/{link}/history"),
        "/api/v1/sync/mappings".to_owned(),
        format!("/api/v1/sync/conflicts/{conflict}"),
        "/api/v1/sync/conflicts".to_owned(),
    ] {
        let request = Request::get(&path).header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {}", token.as_str()));
        let reply = stage.send(request.body(Body::empty()).unwrap()).await;
        assert!(reply.status == 200 && !reply.text.contains("secret"), "{path}: {}", reply.text);
    }
}

#[tokio::test]
async fn a_sync_is_started_in_the_words_of_older_systems() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("a", |_| {}).await;
    let start = async |body: Value| stage.post("/sync/start", body).await;
    let body = json!({ "project_id": 1, "sync_type": "bidirectional", "source_platform": "CSV", "target_entity": "record" });
    let sql = "UPDATE sync_history SET status = 'completed', success = TRUE, completed_at = queued_at, items_synced = 4, \
               waiting_key = NULL";
    let end = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stage.db.execute_unprepared(sql).await.unwrap();
    };
    let (reply, ()) = tokio::join!(start(body.clone()), end);
    let told = reply.json();
    let expected = [&json!("success"), &json!(4), &json!(0), &json!("none")];
    let keys = ["status", "synced_items", "conflicts_detected", "conflict_resolution"];
    assert_eq!(keys.map(|key| &told[key]), expected, "{told}");
    assert!(told["last_sync"].is_string() && told["sync"] == "a", "{told}");

    start(json!({ "source_platform": "jira" })).await.problem(404, "unknown-sync");
    start(json!({ "source_platform": "csv", "sync_type": "push" })).await.problem(422, "unsuitable-sync");
    start(json!({ "source_platform": "csv", "sync_type": "up" })).await.problem(422, "invalid-body");
    start(json!({})).await.problem(422, "invalid-body");
    start(json!({ "sync": "a", "project_id": "nowhere" })).await.problem(404, "unknown-project");
    stage.sync("b", |_| {}).await;
    start(json!({ "source_platform": "csv" })).await.problem(422, "unsuitable-sync");
    let status = stage.get("/api/v1/sync/status").await.json();
    let one = status["syncs"].as_array().unwrap().iter().find(|one| one["id"] == sync).unwrap();
    assert_eq!((&one["items_synced"], &one["status"]), (&json!(4), &json!("idle")), "{one}");
}
