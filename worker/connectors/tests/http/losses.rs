//! Requests without an answer: what certainly was not sent, and what nobody knows.

use std::time::{Duration, Instant};

use rstest::rstest;
use syncline_connectors::http::{Client, Failed, Sent};
use syncline_engine::{
    limits::CallResult,
    ports::{ErrorKind, ErrorScope, Written},
};
use tokio::net::TcpListener;

use crate::{
    server::{Act, Server, response},
    stage::{Stage, client, quick},
};

async fn post(client: &Client, stage: &Stage) -> Failed {
    client.post(&["items"]).send(&stage.call()).await.unwrap_err()
}

#[track_caller]
fn is_outage(stage: &Stage) {
    assert!(matches!(stage.gate.ended().0, CallResult::Fails { .. }));
    assert_eq!(stage.meter.requests(), 1);
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let stage = Stage::new();
    let failed = post(&client(&url), &stage).await;
    assert_eq!(
        (failed.sent, failed.error.kind, failed.error.scope),
        (Sent::No, ErrorKind::Transient, ErrorScope::Endpoint)
    );
    assert!(
        failed.error.message.starts_with("acme: POST /items: no connection: Connection refused"),
        "{failed}"
    );
    is_outage(&stage);
    assert!(matches!(failed.written(), Written::NotSent(_)));
}

/// The handshake of TLS belongs to the connection.
#[tokio::test]
async fn a_server_that_does_not_finish_the_handshake_gets_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let stage = Stage::new();
    let began = Instant::now();
    let failed = post(&client(&url), &stage).await;
    assert_eq!(failed.sent, Sent::No);
    assert_eq!(failed.error.message, "acme: POST /items: no connection within 0.3 s");
    assert!(began.elapsed() < Duration::from_secs(1));
    is_outage(&stage);
}

#[rstest]
#[case::silent(|| vec![Act::Wait(Duration::from_secs(9))], "no answer within 1.5 s, or nothing of it for 0.4 s")]
#[case::closed(|| vec![Act::Close], "the connection was lost before the answer")]
#[case::reset(|| vec![Act::Reset], "the connection was lost before the answer")]
#[case::garbage(|| vec![Act::Send(b"220 smtp ready\r\n\r\n".to_vec()), Act::Close], "the connection was lost before the answer")]
#[case::half_a_head(|| vec![Act::Send(b"HTTP/1.1 201 Cre".to_vec()), Act::Close], "the connection was lost before the answer")]
#[case::half_a_body(|| vec![Act::Send(half()), Act::Close], "the answer was cut off")]
#[case::reset_in_the_body(|| vec![Act::Send(half()), Act::Wait(Duration::from_millis(50)), Act::Reset], "the answer was cut off")]
#[case::silent_in_the_body(|| vec![Act::Send(half()), Act::Wait(Duration::from_secs(9))], "no answer within 1.5 s")]
#[tokio::test]
async fn of_a_write_that_was_sent_and_not_answered_nobody_knows(
    #[case] acts: fn() -> Vec<Act>,
    #[case] why: &str,
) {
    let server = Server::start(move |_| acts()).await;
    let stage = Stage::new();
    let failed = post(&client(&server.url()), &stage).await;
    assert_eq!((failed.sent, failed.error.kind), (Sent::Unknown, ErrorKind::Transient));
    assert!(failed.error.message.contains(why), "{failed}");
    is_outage(&stage);
    assert!(failed.error.answer.is_none() && !failed.error.stops_the_batch());
    assert!(matches!(failed.written(), Written::Unknown(_)));
    assert_eq!(server.seen().len(), 1, "nothing is sent again");
}

/// The first half of a response.
fn half() -> Vec<u8> {
    let whole = response(201, &[], "{\"id\": 7, \"title\": \"one\"}");
    whole[..whole.len() - 9].to_vec()
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_waited_is_no_loss() {
    let server = Server::start(|_| vec![Act::Send(response(200, &[], "{}")), Act::Close]).await;
    let client = client(&server.url());
    let stage = Stage::new();
    for _ in 0..5 {
        client.get(&["items"]).send(&stage.call()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[tokio::test]
async fn a_response_that_drips_ends_with_the_total_timeout() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n".to_vec();
    let server = Server::start(move |_| {
        vec![Act::Send(head.clone()), Act::Forever(b"x".to_vec(), Duration::from_millis(50))]
    })
    .await;
    let began = Instant::now();
    let failed = client(&server.url()).get(&["items"]).send(&Stage::new().call()).await.unwrap_err();
    assert!(failed.error.message.contains("no answer within 1.5 s"), "{failed}");
    let took = began.elapsed();
    assert!((Duration::from_millis(1400)..Duration::from_millis(2500)).contains(&took), "{took:?}");
}

#[rstest]
#[case::announced(|| vec![Act::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 10001\r\n\r\n".to_vec()), Act::Wait(Duration::from_secs(9))])]
#[case::unannounced(|| vec![
    Act::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()), Act::Forever(vec![b'x'; 4000], Duration::from_millis(1)),
])]
#[case::compressed(|| vec![Act::Send(bomb()), Act::Wait(Duration::from_secs(9))])]
#[tokio::test]
async fn a_response_larger_than_allowed_is_not_read(#[case] acts: fn() -> Vec<Act>) {
    let server = Server::start(move |_| acts()).await;
    let stage = Stage::new();
    let failed = post(&client(&server.url()), &stage).await;
    assert_eq!((failed.sent, failed.error.kind), (Sent::Unknown, ErrorKind::Permanent));
    assert!(failed.error.message.contains("more than 10000 bytes; ask for less at once"), "{failed}");
    assert_eq!(stage.gate.ended().0, CallResult::Works);
}

#[tokio::test]
async fn a_response_of_the_largest_size_is_read() {
    let server = Server::answering(200, &[], &"x".repeat(quick().largest_body)).await;
    let reply = client(&server.url()).get(&["items"]).send(&Stage::new().call()).await.unwrap();
    assert_eq!(reply.body().len(), 10_000);
}

/// A small response that becomes 20,000 zeros.
fn bomb() -> Vec<u8> {
    const ZEROS: &[u8] = include_bytes!("zeros.gz");
    let mut response =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", ZEROS.len())
            .into_bytes();
    response.extend_from_slice(ZEROS);
    response
}

#[tokio::test]
async fn compressed_responses_are_decompressed() {
    const ONE: &[u8] = include_bytes!("one.gz");
    let server = Server::start(|_| {
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", ONE.len());
        vec![Act::Send([head.as_bytes(), ONE].concat())]
    })
    .await;
    let reply = client(&server.url()).get(&["items"]).send(&Stage::new().call()).await.unwrap();
    assert_eq!(reply.json::<serde_json::Value>().unwrap(), serde_json::json!({ "id": 1 }));
}
