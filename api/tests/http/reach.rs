//! How a server is reached: its names, its prefix, its second listener, its limits, and its sockets.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde_json::json;
use syncline_api::{ApiState, Hosts, Limits, Peer, Rates, ops_router, router, serve};
use syncline_entity::{alert, types::AlertLevel};
use syncline_service::{
    Caller, Scope,
    tokens::{self, Gate, NewToken},
};
use syncline_support::http::client;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::stage::{Stage, send};

async fn token(stage: &Stage) -> String {
    let scopes = [Scope::Admin].into_iter().collect();
    let new = NewToken { name: "admin", scopes, project: None, expires_at: None, environment: "test" };
    tokens::create(&stage.db, &Caller::person("mia"), &new).await.unwrap().1.to_string()
}

fn public(stage: &Stage, url: Option<&str>, allowed: Option<&str>) -> ApiState {
    let hosts = Arc::new(Hosts::new(false, url, allowed).unwrap());
    ApiState { gate: Gate::public(), hosts, ..stage.state.clone() }
}

fn get(path: &str, host: &str, token: &str) -> Request<Body> {
    let request = Request::get(path).header("host", host).header("authorization", format!("Bearer {token}"));
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_public_server_answers_under_its_names_and_addresses() {
    let stage = Stage::sqlite().await;
    let token = token(&stage).await;
    let api = router(public(&stage, Some("https://sync.example.com"), Some("syncline:8080")));
    for host in ["sync.example.com", "syncline:8080", "10.1.2.3:8080", "[2001:db8::1]:8080", "localhost"] {
        assert_eq!(send(&api, get("/api/v1/jobs", host, &token)).await.status, 200, "{host}");
    }
    // Names that a page may point here, and spellings of an address that only some programs know.
    for host in ["evil.example", "10.1.2.3.nip.io", "syncline", "2130706433", "0x7f.1", "0177.0.0.1", "127.1"]
    {
        let problem = send(&api, get("/api/v1/jobs", host, &token)).await.problem(421, "foreign-host");
        assert!(problem["detail"].as_str().unwrap().contains("SYNCLINE_ALLOWED_HOSTS"), "{problem}");
    }
}

#[tokio::test]
async fn routes_and_links_stand_under_the_prefix() {
    let stage = Stage::sqlite().await;
    stage.sync("own", |_| {}).await;
    let token = token(&stage).await;
    let api = router(public(&stage, Some("https://example.com/tools/sync/"), None));
    // A proxy may take the prefix off, or not.
    for path in ["/tools/sync/api/v1/jobs", "/api/v1/jobs"] {
        let post =
            Request::post(path).header("host", "example.com").header("content-type", "application/json");
        let post = post.header("authorization", format!("Bearer {token}"));
        let reply = send(&api, post.body(Body::from(json!({ "sync": "own" }).to_string())).unwrap()).await;
        assert_eq!(reply.status, 202, "{path}: {}", reply.text);
        let location = reply.header("location").to_owned();
        assert!(location.starts_with("/tools/sync/api/v1/jobs/"), "{location}");
        assert_eq!(reply.json()["links"]["self"], location.as_str());
        assert_eq!(send(&api, get(&location, "example.com", &token)).await.status, 200);
    }
    let other = send(&api, get("/tools/syncline/api/v1/jobs", "example.com", &token)).await;
    other.problem(404, "unknown-route");
}

#[tokio::test]
async fn the_second_listener_tells_how_it_is_and_nothing_else() {
    let stage = Stage::sqlite().await;
    token(&stage).await;
    let ops = ops_router(ApiState { gate: Gate::public(), ..public(&stage, None, None) });
    let ask = async |path: &str| {
        let request = Request::get(path).header("host", "10.1.2.3:9090").body(Body::empty()).unwrap();
        send(&ops, request).await
    };
    for path in ["/healthz", "/readyz", "/metrics", "/health", "/alerts"] {
        assert_eq!(ask(path).await.status, 200, "{path}");
    }
    ask("/api/v1/jobs").await.problem(404, "unknown-route");
    let renamed = Request::get("/metrics").header("host", "evil.example").body(Body::empty()).unwrap();
    send(&ops, renamed).await.problem(421, "foreign-host");
}

#[tokio::test]
async fn health_names_the_parts_and_since_when() {
    let stage = Stage::sqlite().await;
    stage.sync("own", |_| {}).await;
    stage.post("/api/v1/jobs", json!({ "sync": "own" })).await;
    let health = stage.get("/health").await.json();
    assert_eq!((&health["queueSize"], &health["activeSyncs"]), (&json!(1), &json!(0)), "{health}");
    assert_eq!(health["overall"], "unhealthy", "no worker is there");
    let parts = &health["components"];
    assert_eq!(
        (&parts["database"]["status"], &parts["queue"]["status"]),
        (&json!("healthy"), &json!("healthy"))
    );
    assert_eq!(parts["workers"]["status"], "unhealthy");
    assert!(parts["workers"]["reason"].as_str().unwrap().contains("no worker"), "{health}");
    let again = stage.get("/health").await.json();
    assert_eq!(again["components"]["workers"]["since"], parts["workers"]["since"]);
    stage.db.close_by_ref().await.unwrap();
    let without = stage.get("/health").await.json();
    assert_eq!(without["components"]["database"]["status"], "unhealthy", "{without}");
    assert_ne!(without["components"]["database"]["since"], parts["database"]["since"]);
}

#[tokio::test]
async fn alerts_that_are_over_are_left_out() {
    let stage = Stage::sqlite().await;
    let now = chrono::Utc::now();
    for (rule, cleared_at) in [("failure_rate", None), ("queue_size", Some(now))] {
        let row = alert::ActiveModel {
            rule: Set(rule.to_owned()),
            subject: Set("default".to_owned()),
            level: Set(AlertLevel::Warning),
            value: Set(0.5),
            threshold: Set(0.1),
            message: Set("half of the runs fail".to_owned()),
            raised_at: Set(now),
            cleared_at: Set(cleared_at),
            ..Default::default()
        };
        row.insert(&stage.db).await.unwrap();
    }
    let alerts = stage.get("/alerts").await.json();
    assert_eq!(alerts["alerts"].as_array().unwrap().len(), 1, "{alerts}");
    assert_eq!(alerts["alerts"][0]["rule"], "failure_rate");
}

#[tokio::test]
async fn a_token_that_asks_too_much_is_told_when_to_come_back() {
    let stage = Stage::sqlite().await;
    let token = token(&stage).await;
    let rates = Rates::new(Limits { reads: NonZeroU32::new(1), writes: NonZeroU32::new(1) });
    let api = router(ApiState { rates, ..public(&stage, None, None) });
    let first = send(&api, get("/api/v1/jobs", "localhost", &token)).await;
    assert_eq!(first.header("ratelimit-policy"), "\"reads\";q=4;w=4");
    assert_eq!(first.header("ratelimit"), "\"reads\";r=3");
    let mut last = first;
    for _ in 0..6 {
        last = send(&api, get("/api/v1/jobs", "localhost", &token)).await;
    }
    last.problem(429, "rate-limited");
    assert_eq!(last.header("retry-after"), "1");
}

#[tokio::test]
async fn an_address_that_guesses_tokens_is_slowed_down_and_a_right_token_passes() {
    let stage = Stage::sqlite().await;
    let token = token(&stage).await;
    let api = router(public(&stage, None, None));
    let ask = async |token: &str| {
        let mut request = get("/api/v1/jobs", "localhost", token);
        request.extensions_mut().insert(Peer("192.0.2.9:1000".parse().unwrap()));
        send(&api, request).await
    };
    for _ in 0..5 {
        ask("wrong").await.problem(401, "unauthenticated");
    }
    ask("wrong").await.problem(429, "rate-limited");
    assert_eq!(ask(&token).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_sockets_do_not_hold_up_honest_requests() {
    let stage = Stage::sqlite().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(serve(listener, None, stage.router.clone(), shutdown.clone()));
    // More than there is room for, where this process may have as many files open: both ends are in it.
    let most = procfs::process::Process::myself().unwrap().limits().unwrap().max_open_files.soft_limit;
    let most = match most {
        procfs::process::LimitValue::Value(files) => usize::try_from(files).unwrap(),
        procfs::process::LimitValue::Unlimited => 1 << 20,
    };
    let count = 2_000.min(most.saturating_sub(200) / 2);
    let mut slow = Vec::with_capacity(count);
    for _ in 0..count {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ").await.unwrap();
        slow.push(socket);
    }
    let client = client();
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        let answer = client.get(format!("http://{address}/api/v1/jobs")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        times.push(begun.elapsed());
    }
    times.sort();
    assert!(times[197] < Duration::from_millis(500), "{count} slow ones, p99 {:?}", times[197]);
    drop(slow);
    shutdown.cancel();
    served.await.unwrap().unwrap();
}
