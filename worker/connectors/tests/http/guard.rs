//! Hosts that are not public are not called unless the operator allows them.

use rstest::rstest;
use syncline_connectors::http::{Auth, HttpConfig, Sent};
use syncline_engine::{
    limits::CallResult,
    ports::{ErrorKind, ErrorScope},
};

use crate::{
    server::{Act, Server, response},
    stage::{Acme, Stage, account, client, client_with, quick},
};

fn closed() -> HttpConfig {
    HttpConfig { allow_private: Default::default(), ..quick() }
}

#[rstest]
#[case("https://127.0.0.1")]
#[case("https://127.1")]
#[case("https://0x7f.0.0.1")]
#[case("https://2130706433")]
#[case("https://017700000001")]
#[case("https://[::1]")]
#[case("https://[::ffff:127.0.0.1]")]
#[case("https://0.0.0.0")]
#[case("https://169.254.169.254")]
#[case("https://localhost")]
#[case("https://LOCALHOST")]
#[tokio::test]
async fn a_private_host_is_not_called_in_any_spelling(#[case] host: &str) {
    let server = Server::answering(200, &[], "{}").await;
    let stage = Stage::new();
    let client = client_with(&format!("{host}:{}", server.port), closed());
    let failed = client.post(&["items"]).send(&stage.call()).await.unwrap_err();
    assert_eq!(
        (failed.sent, failed.error.kind, failed.error.scope),
        (Sent::No, ErrorKind::Permanent, ErrorScope::Account)
    );
    assert!(failed.error.message.contains("SYNCLINE_ALLOW_PRIVATE_HOSTS"), "{failed}");
    assert_eq!(server.seen().len(), 0);
    // It tells nothing about a platform.
    if !stage.gate.asked().is_empty() {
        assert_eq!(stage.gate.ended().0, CallResult::Unknown);
    }
}

#[tokio::test]
async fn a_listed_host_is_called() {
    let server = Server::answering(200, &[], "{}").await;
    for (host, listed) in
        [("127.0.0.1", "127.0.0.0/8"), ("localhost", "localhost"), ("[::ffff:127.0.0.1]", "127.0.0.1")]
    {
        let config = HttpConfig { allow_private: listed.parse().unwrap(), ..quick() };
        let client = client_with(&format!("http://{host}:{}", server.port), config);
        client.get(&["items"]).send(&Stage::new().call()).await.unwrap();
    }
    assert_eq!(server.seen().len(), 3);
}

#[rstest]
#[tokio::test]
async fn no_redirect_is_followed(#[values(301, 302, 303, 307, 308)] status: u16) {
    let inner = Server::answering(200, &[], r#"{"secret": 1}"#).await;
    let target = format!("http://localhost:{}/latest/meta-data", inner.port);
    let outer = Server::answering(status, &[("location", &target)], "").await;
    let stage = Stage::new();
    let failed = client(&outer.url()).get(&["items"]).send(&stage.call()).await.unwrap_err();
    assert_eq!((failed.error.kind, failed.error.answer.unwrap().status), (ErrorKind::Permanent, status));
    assert!(failed.error.message.contains("set base_url to where it leads"), "{}", failed.error.message);
    assert_eq!((inner.seen().len(), outer.seen().len(), stage.meter.requests()), (0, 1, 1));
}

#[tokio::test]
async fn a_moved_item_is_followed_on_the_same_server_alone() {
    let elsewhere = Server::answering(200, &[], "{}").await;
    let there = format!("http://127.0.0.1:{}/items/8", elsewhere.port);
    let server = Server::start(move |seen| {
        vec![Act::Send(match seen.target() {
            "/items/7" => response(301, &[("location", "/items/8?x=1")], ""),
            "/items/9" => response(308, &[("location", &there)], ""),
            _ => response(200, &[], r#"{"id": 8}"#),
        })]
    })
    .await;
    let (client, stage) = (client(&server.url()), Stage::new());
    let moved = client.get(&["items", "7"]).or_moved().send(&stage.call()).await.unwrap();
    assert_eq!((moved.status(), moved.moved_to()), (301, Some("/items/8?x=1")));
    let reply = client.follow(moved.moved_to().unwrap()).send(&stage.call()).await.unwrap();
    assert_eq!((reply.moved_to(), server.seen()[1].target()), (None, "/items/8?x=1"));

    let moved = client.get(&["items", "9"]).or_moved().send(&stage.call()).await.unwrap();
    let failed = client.follow(moved.moved_to().unwrap()).send(&stage.call()).await.unwrap_err();
    assert!(failed.error.message.contains("leads to another server, http://127.0.0.1"), "{failed}");
    assert_eq!((failed.sent, elsewhere.seen().len()), (Sent::No, 0));
}

#[rstest]
#[case("ftp://acme.example", "must begin with https://")]
#[case("acme.example", "is not an address like https://gitlab.example.org")]
#[case("https://ann:secret@acme.example", "has a user or a password; the account's secret belongs elsewhere")]
#[case("https://acme.example/?token=secret", "has a part after ? or #; leave it out")]
#[case(
    "http://acme.example",
    "http://acme.example would send the secret unencrypted; use https, or add the host to SYNCLINE_ALLOW_PRIVATE_HOSTS if \
     it is your own"
)]
#[case(
    "http://10.0.0.1",
    "http://10.0.0.1 would send the secret unencrypted; use https, or add the host to SYNCLINE_ALLOW_PRIVATE_HOSTS if it \
     is your own"
)]
fn an_address_that_is_no_platforms_is_refused(#[case] url: &str, #[case] why: &str) {
    let refused = account(url, quick()).client(&Acme, "https://unused.example", Auth::Bearer).unwrap_err();
    assert_eq!((refused.kind, refused.message), (ErrorKind::Permanent, format!("base_url: {why}")));
}
