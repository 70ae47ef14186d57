//! Callers that want to use the server up.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use serde_json::json;
use syncline_api::{ApiState, router, serve};
use syncline_service::allow::AllowLists;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::stage::{Stage, send};

const PATIENCE: Duration = Duration::from_secs(60);

async fn served(stage: &Stage) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, None, stage.router.clone(), CancellationToken::new()));
    address
}

#[tokio::test]
async fn a_gigabyte_in_chunks_is_cut_off_early() {
    let stage = Stage::sqlite().await;
    let mut stream = TcpStream::connect(served(&stage).await).await.unwrap();
    let head = "POST /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let chunk = [b"100000\r\n".as_slice(), &vec![b'0'; 1 << 20], b"\r\n"].concat();
    let send = async {
        let mut sent = 0_u64;
        // The server closes after its answer; the rest is not taken.
        while sent < 1 << 30 && write.write_all(&chunk).await.is_ok() {
            sent += 1 << 20;
        }
        sent
    };
    let hear = async {
        let mut text = Vec::new();
        // The end may be a reset, since not all was read.
        let _ = read.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    };
    let (sent, text) = timeout(PATIENCE, async { tokio::join!(send, hear) }).await.expect("an end in time");
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 413"), "{text}");
}

#[tokio::test]
async fn a_hundred_thousand_forged_cursors_open_nothing() {
    let stage = Stage::sqlite().await;
    for name in ["a", "b"] {
        stage.sync(name, |_| {}).await;
        stage.post("/api/v1/jobs", json!({ "sync": name })).await;
    }
    let page = stage.get("/api/v1/jobs?limit=1").await.json();
    let real = page["next_cursor"].as_str().unwrap().to_owned();
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // A generator of numbers that are the same in each run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    for turn in 0..100_000 {
        let mut forged = real.clone().into_bytes();
        for _ in 0..=turn % 8 {
            let place = next() % forged.len();
            forged[place] = letters[next() % letters.len()];
        }
        let forged = String::from_utf8(forged).unwrap();
        if forged == real {
            continue;
        }
        let path = format!("/api/v1/jobs?limit=1&cursor={forged}");
        let request = Request::get(&path).header("host", "localhost").body(Body::empty()).unwrap();
        let status = stage.router.clone().oneshot(request).await.unwrap().status();
        assert_eq!(status, 400, "{path}");
    }
    assert_eq!(stage.get(&format!("/api/v1/jobs?limit=1&cursor={real}")).await.status, 200);
}

#[tokio::test]
async fn pages_that_lie_far_out_are_refused() {
    let stage = Stage::sqlite().await;
    for query in
        ["page=1000000", "page=201", "page=0", "page=-1", "per_page=1000000000", "page=18446744073709551616"]
    {
        stage.get(&format!("/api/v1/sync/history?{query}")).await.problem(400, "invalid-query");
    }
    assert_eq!(stage.get("/api/v1/sync/history?page=200").await.status, 200);
}

/// The head of a request that never ends, on many sockets; others must not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_sockets_hold_nobody_up() {
    const SLOW: usize = 2_000;
    let stage = Stage::sqlite().await;
    let address = served(&stage).await;
    let mut slow = Vec::with_capacity(SLOW);
    for _ in 0..SLOW {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /api/v1/jobs HTTP/1.1\r\nhost: local").await.unwrap();
        slow.push(stream);
    }
    let mut times = Vec::new();
    for _ in 0..300 {
        let began = Instant::now();
        let mut honest = TcpStream::connect(address).await.unwrap();
        honest
            .write_all(b"GET /api/v1/jobs HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut text = String::new();
        timeout(PATIENCE, honest.read_to_string(&mut text)).await.expect("an answer").unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        times.push(began.elapsed());
        // They trickle on meanwhile.
        for stream in slow.iter_mut().skip(times.len() % 40).step_by(40) {
            let _ = stream.write_all(b"h").await;
        }
    }
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(500), "p99 is {p99:?}");
}

/// Addresses of this machine, of its network and of the metadata service of a cloud, in the spellings that a URL may have.
const NEIGHBOURS: [&str; 16] = [
    "127.0.0.1",
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "017700000001",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "10.0.0.7:8443",
    "192.168.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
];

#[tokio::test]
async fn no_account_gets_an_address_next_door_in_any_spelling() {
    let stage = Stage::sqlite().await;
    // The operator trusts the names and the variable; that makes no neighbour reachable.
    let allow = AllowLists {
        variables: "TOKEN".parse().unwrap(),
        hosts: "127.0.0.1,169.254.169.254,0xa9fea9fe,2852039166,2130706433,127.1".parse().unwrap(),
        ..AllowLists::default()
    };
    let router = router(ApiState { allow: Arc::new(allow), ..stage.state.clone() });
    for host in NEIGHBOURS {
        for (scheme, secret) in [
            ("https", json!({ "env": "TOKEN" })),
            ("https", json!({ "value": "s3cret" })),
            ("http", json!({ "value": "s3cret" })),
        ] {
            let base = format!("{scheme}://{host}/api/v3");
            let body = json!({ "name": "acme", "platform": "github", "base_url": base, "secret": secret });
            let request = Request::post("/api/v1/accounts").header("host", "localhost");
            let request = request.header("content-type", "application/json");
            let reply = send(&router, request.body(Body::from(body.to_string())).unwrap()).await;
            let problem = reply.problem(422, "invalid-body");
            assert_eq!(problem["errors"][0]["pointer"], "/base_url", "{base}: {problem}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("SYNCLINE_ALLOW_"), "{base}: {problem}");
            assert!(!reply.text.contains("s3cret"), "{base}: {problem}");
        }
    }
    let kept = stage.get("/api/v1/accounts").await.json();
    let added =
        kept["accounts"].as_array().unwrap().iter().filter(|account| account["name"] == "acme").count();
    assert_eq!(added, 0, "{kept}");
}

#[tokio::test]
async fn no_document_names_a_server_next_door_in_any_spelling() {
    let stage = Stage::sqlite().await;
    for host in NEIGHBOURS {
        let document = json!({
            "name": "tasks", "source_platform": "sql", "source": { "url": format!("postgres://app@{host}/x"), "table": "a" },
            "target_platform": "sql", "target": { "url": format!("postgres://app@db.internal/x?host={host}"), "table": "b" },
            "field_mappings": [{ "source_field": "id", "target_field": "id" }],
        });
        let problem = stage.post("/api/v1/sync/configs", &document).await.problem(422, "invalid-document");
        let errors = problem["errors"].as_array().unwrap();
        for side in ["/source/url", "/target/url"] {
            assert!(errors.iter().any(|error| error["pointer"] == side), "{host} {side}: {problem}");
        }
    }
    assert_eq!(stage.get("/api/v1/sync/configs").await.json()["syncs"], json!([]));
}
