//! What probes and scrapers see.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use syncline_api::{ops_router, router};

use crate::stage::{Stage, send};

fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "127.0.0.1:8000").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_live_process_that_can_work_is_ready() {
    let stage = Stage::sqlite().await;
    let health = stage.get("/healthz").await;
    assert_eq!((health.status.as_u16(), health.json()["role"].as_str()), (200, Some("up")));
    let ready = stage.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["checks"]["database"], "ok");
}

#[tokio::test]
async fn what_is_not_in_order_is_named() {
    let stage = Stage::sqlite().await;
    let mut state = stage.state.clone();
    state.ready =
        Arc::new(|| Box::pin(async { Err("it lacks 2 migrations; run `syncline migrate up`".to_owned()) }));
    state.queue_health = Arc::new(|| Err("the fetcher cannot reach its store".to_owned()));
    let reply = send(&router(state), get("/readyz")).await;
    let problem = reply.problem(503, "not-ready");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("syncline migrate up") && detail.contains("fetcher"), "{detail}");
    assert_eq!(problem["checks"]["database"], "ok");
    assert_eq!(problem["state"], "not ready");
}

#[tokio::test]
async fn a_process_without_its_database_lives_and_is_not_ready() {
    let stage = Stage::sqlite().await;
    stage.db.close_by_ref().await.unwrap();
    assert_eq!(stage.get("/healthz").await.status, 200);
    let problem = stage.get("/readyz").await.problem(503, "not-ready");
    assert!(problem["checks"]["database"].as_str().unwrap().contains("cannot be reached"), "{problem}");
    assert_eq!(stage.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn a_schema_check_that_hangs_is_not_waited_for() {
    let stage = Stage::sqlite().await;
    let mut state = stage.state.clone();
    state.ready = Arc::new(|| Box::pin(std::future::pending()));
    let problem = send(&ops_router(state), get("/readyz")).await.problem(503, "not-ready");
    assert_eq!(problem["checks"]["schema"], "no answer within 2 seconds");
}

#[tokio::test]
async fn metrics_hold_the_queue() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    assert_eq!(stage.post("/api/v1/jobs", r#"{"sync": "a"}"#).await.status, 202);
    let metrics = stage.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    let jobs = "syncline_queue_jobs{queue=\"default\",state=\"waiting\",priority=\"high\"} 1\n";
    assert!(metrics.text.contains(jobs), "{}", metrics.text);
    assert!(
        metrics.text.contains(
            "syncline_queue_oldest_seconds{queue=\"default\",state=\"waiting\",priority=\"high\"} "
        )
    );
}

#[tokio::test]
async fn a_worker_serves_its_health_and_nothing_else() {
    let stage = Stage::sqlite().await;
    let worker = ops_router(stage.state.clone());
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(send(&worker, get(path)).await.status, 200, "{path}");
    }
    send(&worker, get("/api/v1")).await.problem(404, "unknown-route");
}
