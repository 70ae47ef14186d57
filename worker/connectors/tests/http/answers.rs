//! What statuses and bodies mean.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_connectors::http::Sent;
use syncline_engine::{
    limits::CallResult,
    ports::{Answer, ErrorKind, ErrorScope, Written},
};

use crate::{
    server::Server,
    stage::{Stage, client},
};

#[tokio::test]
async fn a_success_is_a_reply_with_status_headers_and_body() {
    let server = Server::answering(201, &[("x-one", "1")], r#"{"id": 7}"#).await;
    let stage = Stage::new();
    let client = client(&server.url());
    let reply = client.post(&["items"]).json(&json!({ "title": "é" })).send(&stage.call()).await.unwrap();
    assert_eq!((reply.status(), reply.header("x-one")), (201, Some("1")));
    assert_eq!(reply.json::<Json>().unwrap(), json!({ "id": 7 }));
    let seen = server.only();
    assert_eq!((&*seen.line, &*seen.body), ("POST /items HTTP/1.1", r#"{"title":"é"}"#));
    for (name, value) in [
        ("authorization", "Bearer s3cr3t-t0k3n"),
        ("content-type", "application/json"),
        ("accept", "application/vnd.acme+json"),
        ("x-acme-version", "7"),
        ("accept-encoding", "gzip"),
        ("user-agent", concat!("syncline/", env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert_eq!((stage.meter.requests(), stage.gate.ended().0), (1, CallResult::Works));
}

fn works() -> CallResult {
    CallResult::Works
}

fn fails(error: &str) -> CallResult {
    CallResult::Fails { error: error.to_owned() }
}

#[rstest]
#[case(400, ErrorKind::Permanent, ErrorScope::Item, Sent::Refused, works())]
#[case(401, ErrorKind::Auth, ErrorScope::Account, Sent::Refused, fails("HTTP 401 Unauthorized"))]
#[case(402, ErrorKind::Permanent, ErrorScope::Account, Sent::Refused, works())]
#[case(403, ErrorKind::Permanent, ErrorScope::Item, Sent::Refused, works())]
#[case(404, ErrorKind::NotFound, ErrorScope::Item, Sent::Refused, works())]
#[case(405, ErrorKind::Permanent, ErrorScope::Endpoint, Sent::Refused, works())]
#[case(408, ErrorKind::Transient, ErrorScope::Item, Sent::Refused, works())]
#[case(409, ErrorKind::Conflict, ErrorScope::Item, Sent::Refused, works())]
#[case(410, ErrorKind::NotFound, ErrorScope::Item, Sent::Refused, works())]
#[case(412, ErrorKind::Conflict, ErrorScope::Item, Sent::Refused, works())]
#[case(422, ErrorKind::Permanent, ErrorScope::Item, Sent::Refused, works())]
#[case(451, ErrorKind::Permanent, ErrorScope::Item, Sent::Refused, works())]
#[case(500, ErrorKind::Transient, ErrorScope::Item, Sent::Unknown, fails("HTTP 500 Internal Server Error"))]
#[case(501, ErrorKind::Permanent, ErrorScope::Endpoint, Sent::Refused, fails("HTTP 501 Not Implemented"))]
#[case(502, ErrorKind::Transient, ErrorScope::Endpoint, Sent::Unknown, fails("HTTP 502 Bad Gateway"))]
#[case(503, ErrorKind::Transient, ErrorScope::Endpoint, Sent::Unknown, fails("HTTP 503 Service Unavailable"))]
#[case(504, ErrorKind::Transient, ErrorScope::Endpoint, Sent::Unknown, fails("HTTP 504 Gateway Timeout"))]
#[case(599, ErrorKind::Transient, ErrorScope::Item, Sent::Unknown, fails("HTTP 599"))]
#[case(302, ErrorKind::Permanent, ErrorScope::Item, Sent::Refused, works())]
#[case(304, ErrorKind::Permanent, ErrorScope::Item, Sent::Refused, works())]
#[tokio::test]
async fn a_status_has_a_kind_a_scope_and_an_effect(
    #[case] status: u16,
    #[case] kind: ErrorKind,
    #[case] scope: ErrorScope,
    #[case] sent: Sent,
    #[case] heard: CallResult,
) {
    let body = if status == 304 { "" } else { "<html>what a proxy says</html>" };
    let server = Server::answering(status, &[("x-request-id", "r-1")], body).await;
    let stage = Stage::new();
    let client = client(&server.url());
    let failed = client.patch(&["items", "7"]).send(&stage.call()).await.unwrap_err();
    assert_eq!((failed.error.kind, failed.error.scope, failed.sent), (kind, scope, sent));
    assert_eq!(stage.gate.ended().0, heard);
    let answer = Answer { status, code: None, request_id: Some("r-1".to_owned()) };
    assert_eq!(failed.error.answer.as_deref(), Some(&answer));
    let text = failed.error.message.clone();
    assert!(text.starts_with(&format!("acme: PATCH /items/7: HTTP {status}")), "{text}");
    assert!(!text.contains("html"), "{text}");
    match (sent, failed.written()) {
        (Sent::Refused, Written::Refused(_)) | (Sent::Unknown, Written::Unknown(_)) => {}
        (_, other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_says_what_the_platform_says() {
    let body = json!({ "code": "too_long", "message": "title\n is\ttoo long" }).to_string();
    let server = Server::answering(422, &[], &body).await;
    let client = client(&server.url());
    let failed = client.get(&["items"]).query("q", "what people search for").send(&Stage::new().call()).await;
    let error = failed.unwrap_err().error;
    let told = "acme: GET /items: HTTP 422 Unprocessable Entity (too_long): title is too long";
    assert_eq!(error.message, told);
    assert_eq!(error.answer.unwrap().code.as_deref(), Some("too_long"));
}

#[tokio::test]
async fn a_long_text_of_a_platform_is_shortened() {
    let body = json!({ "message": "é".repeat(5_000) }).to_string();
    let server = Server::answering(400, &[], &body).await;
    let failed = client(&server.url()).get(&["items"]).send(&Stage::new().call()).await.unwrap_err();
    assert!(failed.error.message.chars().count() < 400 && failed.error.message.ends_with(" ..."));
}

#[tokio::test]
async fn case_26_an_expired_token_looks_like_an_empty_site() {
    let server = Server::answering(401, &[], "").await;
    let failed = client(&server.url()).get(&["items"]).send(&Stage::new().call()).await.unwrap_err();
    assert!(failed.error.message.ends_with("missing, wrong or expired: set a valid one"), "{failed}");

    let server = Server::answering(200, &[("x-login", "AUTHENTICATED_FAILED")], r#"{"issues": []}"#).await;
    let stage = Stage::new();
    let failed = client(&server.url()).get(&["items"]).send(&stage.call()).await.unwrap_err();
    assert_eq!((failed.error.kind, failed.error.scope), (ErrorKind::Auth, ErrorScope::Account));
    assert!(matches!(stage.gate.ended().0, CallResult::Fails { .. }));
}

#[rstest]
#[case("", "it is empty")]
#[case("<html>", "it is not JSON (line 1, column 1)")]
#[case(r#"{"items": [{"id": "classified"}]}"#, "items[0].id is not what it should be (line 1, column 30)")]
#[tokio::test]
async fn what_cannot_be_read_is_named_and_not_shown(#[case] body: &str, #[case] why: &str) {
    #[derive(Debug, serde::Deserialize)]
    struct Page {
        #[allow(dead_code)]
        items: Vec<Item>,
    }
    #[derive(Debug, serde::Deserialize)]
    struct Item {
        #[allow(dead_code)]
        id: u64,
    }
    let server = Server::answering(200, &[], body).await;
    let client = client(&server.url());
    let reply = client.get(&["items"]).send(&Stage::new().call()).await.unwrap();
    let failed = reply.json::<Page>().unwrap_err();
    assert_eq!(failed.error.message, format!("acme: GET /items: the response cannot be read: {why}"));
    assert!(!format!("{failed:?}{reply:?}").contains("classified"));
    // A write was applied all the same.
    let reply = client.post(&["items"]).send(&Stage::new().call()).await.unwrap();
    assert_eq!(reply.json::<Page>().unwrap_err().sent, Sent::Unknown);
}
