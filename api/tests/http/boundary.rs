//! What every request passes: who may ask, in what form, and how a refusal looks.

use axum::{
    body::Body,
    http::{Request, request::Builder},
};

use crate::stage::Stage;

fn post() -> Builder {
    Request::post("/api/v1/jobs").header("host", "localhost").header("content-type", "application/json")
}

#[tokio::test]
async fn only_names_of_this_machine_are_answered() {
    let stage = Stage::sqlite().await;
    let asked = |host: &str, path: &str| Request::get(path).header("host", host).body(Body::empty()).unwrap();
    for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080"] {
        assert_eq!(stage.send(asked(host, "/healthz")).await.status, 200, "{host}");
    }
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1", "/api/v1/sync/stats", "/nowhere"] {
        let reply = stage.send(asked("rebound.example.com:8080", path)).await;
        let problem = reply.problem(421, "foreign-host");
        assert!(problem["detail"].as_str().unwrap().contains("rebound.example.com"), "{problem}");
    }
    let nameless = Request::get("/healthz").body(Body::empty()).unwrap();
    stage.send(nameless).await.problem(421, "foreign-host");
    let absolute = asked("localhost", "http://example.com/healthz");
    stage.send(absolute).await.problem(421, "foreign-host");
    let twice = Request::get("/healthz").header("host", "localhost").header("host", "example.com");
    stage.send(twice.body(Body::empty()).unwrap()).await.problem(421, "foreign-host");
}

#[tokio::test]
async fn a_foreign_page_can_neither_post_json_nor_a_form() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    let body = || Body::from(r#"{"sync": "a"}"#);
    let foreign = post().header("origin", "https://example.com").body(body()).unwrap();
    stage.send(foreign).await.problem(403, "foreign-origin");
    let opaque = post().header("origin", "null").body(body()).unwrap();
    stage.send(opaque).await.problem(403, "foreign-origin");
    let own = post().header("origin", "http://localhost:5173").body(body()).unwrap();
    assert_eq!(stage.send(own).await.status, 202);

    let form = Request::post("/api/v1/jobs").header("host", "localhost").header("content-type", "text/plain");
    stage.send(form.body(body()).unwrap()).await.problem(415, "unsupported-media-type");
    let untyped = Request::post("/api/v1/jobs").header("host", "localhost").body(body()).unwrap();
    stage.send(untyped).await.problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn refusals_are_problem_documents() {
    let stage = Stage::sqlite().await;
    let problem = stage.get("/api/v1/nothing").await.problem(404, "unknown-route");
    assert!(problem["detail"].as_str().unwrap().contains("/api/v1/nothing"));

    let deleted = Request::delete("/api/v1/jobs").header("host", "localhost").body(Body::empty()).unwrap();
    let reply = stage.send(deleted).await;
    reply.problem(405, "wrong-method");
    assert_eq!(reply.header("allow"), "GET,HEAD,POST");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("cache-control"), "no-store");

    stage.post("/api/v1/jobs", "{\"sync\": ").await.problem(400, "malformed-json");
    stage.post("/api/v1/jobs", "").await.problem(400, "malformed-json");
}

#[tokio::test]
async fn a_body_has_its_limit_whether_announced_or_not() {
    let stage = Stage::sqlite().await;
    let announced = post()
        .header("content-length", 2 << 20)
        .header("expect", "100-continue")
        .body(Body::empty())
        .unwrap();
    stage.send(announced).await.problem(413, "body-too-large");
    let large = format!("{{\"sync\": \"{}\"}}", "a".repeat(2 << 20));
    stage.post("/api/v1/jobs", large).await.problem(413, "body-too-large");
}

#[tokio::test]
async fn a_broken_database_is_not_quoted() {
    let stage = Stage::sqlite().await;
    let renamed = "ALTER TABLE sync_history RENAME TO sync_history_gone";
    sea_orm::ConnectionTrait::execute_unprepared(&stage.db, renamed).await.unwrap();
    let reply = stage.get("/api/v1/jobs/01890a5d-ac96-774b-bcce-b302099a8057").await;
    let problem = reply.problem(500, "internal");
    assert!(!reply.text.contains("sync_history"), "{}", reply.text);
    let id = problem["instance"].as_str().unwrap().strip_prefix("urn:uuid:").unwrap();
    assert!(problem["detail"].as_str().unwrap().ends_with(id));

    stage.db.close_by_ref().await.unwrap();
    let reply = stage.get("/api/v1/jobs/01890a5d-ac96-774b-bcce-b302099a8057").await;
    reply.problem(503, "database-unavailable");
    assert_eq!(reply.header("retry-after"), "5");
}

#[tokio::test]
async fn the_index_leads_to_the_document() {
    let stage = Stage::sqlite().await;
    let index = stage.get("/api/v1").await.json();
    assert_eq!((index["name"].as_str(), index["version"].as_str()), (Some("syncline"), Some("1.2.3")));
    assert_eq!((index["openapi"].as_str(), index["docs"].as_str()), (Some("/openapi.json"), Some("/docs/")));
    assert_eq!(stage.get("/openapi.json").await.json()["info"]["version"], "1.2.3");
}
