//! What every route does: `OPTIONS`, paths with a slash at the end, compression, and pages.

use axum::{
    body::{Body, to_bytes},
    http::{Request, Response},
};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{conforms::DOCUMENT, stage::Stage};

async fn options(stage: &Stage, path: &str) -> Response<Body> {
    let request = Request::options(path).header("host", "localhost").body(Body::empty()).unwrap();
    stage.router.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn options_tells_the_methods_of_every_route() {
    let stage = Stage::sqlite().await;
    let mut routes = 0;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        let address = path
            .split('/')
            .map(|part| if part.starts_with('{') { "1" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let reply = options(&stage, &address).await;
        assert_eq!(reply.status(), 204, "{path}");
        let allow = reply.headers()["allow"].to_str().unwrap().to_owned();
        let told: Vec<&str> = allow.split(',').map(str::trim).collect();
        for method in ["get", "post", "patch", "delete"] {
            let has = !item[method].is_null();
            assert_eq!(told.contains(&method.to_uppercase().as_str()), has, "{method} {path}: {allow}");
        }
        assert!(to_bytes(reply.into_body(), 1).await.unwrap().is_empty(), "{path}");
        routes += 1;
    }
    assert!(routes > 50, "{routes}");
    assert_eq!(options(&stage, "/api/v1/nothing").await.status(), 404);
    let foreign =
        Request::options("/api/v1/jobs").header("host", "evil.example").body(Body::empty()).unwrap();
    assert_eq!(stage.router.clone().oneshot(foreign).await.unwrap().status(), 421);
}

#[tokio::test]
async fn a_slash_at_the_end_is_told_with_the_path_without_it() {
    let stage = Stage::sqlite().await;
    for (path, told) in [
        ("/api/v1/jobs/", "try /api/v1/jobs"),
        ("/api/v1/sync/configs/tasks/", "try /api/v1/sync/configs/tasks"),
        ("/healthz//", "try /healthz"),
        ("/", "lists the routes"),
    ] {
        let problem = stage.get(path).await.problem(404, "unknown-route");
        assert!(problem["detail"].as_str().unwrap().ends_with(told), "{path}: {problem}");
    }
}

async fn asked(stage: &Stage, path: &str, accept: Option<&str>) -> (Option<String>, Option<String>, Vec<u8>) {
    let mut request = Request::get(path).header("host", "localhost");
    if let Some(accept) = accept {
        request = request.header("accept-encoding", accept);
    }
    let reply = stage.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let header = |name: &str| reply.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (encoding, vary) = (header("content-encoding"), header("vary"));
    (encoding, vary, to_bytes(reply.into_body(), 4 << 20).await.unwrap().to_vec())
}

#[tokio::test]
async fn a_large_answer_is_compressed_if_it_is_asked_for() {
    let stage = Stage::sqlite().await;
    let (plain, _, whole) = asked(&stage, "/openapi.json", None).await;
    assert_eq!((plain, whole.first()), (None, Some(&b'{')));
    for accept in ["gzip", "br, gzip;q=0.5, *;q=0"] {
        let (encoding, vary, bytes) = asked(&stage, "/openapi.json", Some(accept)).await;
        assert_eq!(
            (encoding.as_deref(), vary.as_deref()),
            (Some("gzip"), Some("accept-encoding")),
            "{accept}"
        );
        assert!(bytes.starts_with(b"\x1f\x8b") && bytes.len() * 4 < whole.len(), "{} bytes", bytes.len());
    }
    for accept in ["identity", "br", "gzip;q=0"] {
        assert_eq!(asked(&stage, "/openapi.json", Some(accept)).await.0, None, "{accept}");
    }
}

#[tokio::test]
async fn a_tiny_answer_and_a_stream_of_events_are_not_compressed() {
    let stage = Stage::sqlite().await;
    for path in ["/api/v1", "/healthz", "/api/v1/jobs", "/api/v1/nothing", "/api/v1/events"] {
        let (encoding, _, bytes) = asked(&stage, path, Some("gzip")).await;
        assert_eq!(encoding, None, "{path}");
        assert!(!bytes.starts_with(b"\x1f\x8b"), "{path}");
    }
}

/// All entries of a list, page by page.
async fn paged(stage: &Stage, path: &str, list: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..10 {
        let page = stage.get(&format!("{path}?limit=2{cursor}")).await.json();
        let entries = page[list].as_array().unwrap();
        assert!(entries.len() <= 2, "{page}");
        all.extend(entries.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
    panic!("{path} has no end");
}

#[tokio::test]
async fn short_lists_have_pages_if_they_are_asked_for() {
    let stage = Stage::sqlite().await;
    for name in ["a", "b", "c", "d", "e"] {
        let sync = stage.sync(name, |_| {}).await;
        stage
            .execute(&format!(
                "INSERT INTO schedules (sync_config_id, name, kind, expression, timezone, missed_policy, created_at, \
                 updated_at) VALUES ({sync}, 'interval', 'interval', '300', 'UTC', 'skip', \
                 '2026-11-24 05:00:00+00:00', '2026-11-24 05:00:00+00:00')"
            ))
            .await;
        let (id, backend) = (uuid::Uuid::now_v7(), stage.db.get_database_backend());
        let columns = "id, name, role, host, pid, version, schema_version, queues, concurrency, running, stopping, beat_ms, \
                       started_at, heartbeat_at, draining";
        let sql = format!(
            "INSERT INTO workers ({columns}) VALUES (?, 'w-{name}', 'worker', 'h', 1, '1', 'm', '[\"default\"]', 4, 0, \
             false, 1000, 7, 7, false)"
        );
        let row = sea_orm::Statement::from_sql_and_values(backend, sql, [id.into()]);
        stage.db.execute_raw(row).await.unwrap();
    }
    for (path, list, key) in [
        ("/api/v1/schedules", "schedules", "sync"),
        ("/api/v1/workers", "workers", "name"),
        ("/api/v1/sync/stats", "syncs", "sync"),
    ] {
        let whole = stage.get(path).await.json();
        assert_eq!(
            (whole[list].as_array().unwrap().len(), &whole["next_cursor"]),
            (5, &Value::Null),
            "{path}"
        );
        let keys = |entries: &[Value]| entries.iter().map(|entry| entry[key].clone()).collect::<Vec<_>>();
        let pages = paged(&stage, path, list).await;
        assert_eq!(keys(&pages), keys(whole[list].as_array().unwrap()), "{path}");
        let first = stage.get(&format!("{path}?limit=1")).await.json();
        let cursor = first["next_cursor"].as_str().unwrap();
        stage.get(&format!("/api/v1/jobs?cursor={cursor}")).await.problem(400, "invalid-cursor");
        stage.get(&format!("{path}?limit=201")).await.problem(400, "invalid-query");
    }
    let (all, page) =
        (stage.get("/api/v1/sync/stats").await.json(), stage.get("/api/v1/sync/stats?limit=1").await.json());
    assert_eq!(page["total"]["links"], all["total"]["links"], "the total is of all syncs");
    assert_eq!(page["syncs"].as_array().unwrap().len(), 1);
    assert_ne!(page["next_cursor"], json!(null));
}
