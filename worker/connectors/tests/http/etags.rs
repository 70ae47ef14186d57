//! What has not changed need not be sent again.

use syncline_connectors::{
    Token,
    http::{Auth, Client, Http},
};
use syncline_engine::limits::CallResult;

use crate::{
    server::{Act, Seen, Server, response},
    stage::{Acme, Stage, client, quick},
};

/// Answers 304 to who has the newest version, which `x-version` in the address decides.
fn versioned(seen: &Seen) -> Vec<Act> {
    let version = if seen.target().contains("new") { "\"2\"" } else { "\"1\"" };
    vec![Act::Send(match seen.header("if-none-match") == Some(version) {
        true => response(304, &[("etag", version), ("x-limit", "9"), ("x-remaining", "8")], ""),
        false => response(
            200,
            &[("etag", version), ("link", "</items?page=2>; rel=\"next\"")],
            &format!("{{\"version\": {version}}}"),
        ),
    })]
}

#[tokio::test]
async fn an_unchanged_response_is_the_one_from_then() {
    let server = Server::start(versioned).await;
    let client = client(&server.url());
    let first = client.get(&["items"]).conditional().send(&Stage::new().call()).await.unwrap();
    let stage = Stage::new();
    let again = client.get(&["items"]).conditional().send(&stage.call()).await.unwrap();
    assert_eq!((first.is_unchanged(), again.is_unchanged()), (false, true));
    assert_eq!((again.status(), again.body(), again.next_page()), (200, first.body(), Some("/items?page=2")));
    // The limits are those of now.
    let (result, learned) = stage.gate.ended();
    assert_eq!((result, learned.observed[0].remaining), (CallResult::Works, Some(8.0)));
    let asked: Vec<_> =
        server.seen().iter().map(|seen| seen.header("if-none-match").map(str::to_owned)).collect();
    assert_eq!(asked, [None, Some("\"1\"".to_owned())]);
}

#[tokio::test]
async fn only_conditional_requests_of_the_same_address_are_conditional() {
    let server = Server::start(versioned).await;
    let (client, stage) = (client(&server.url()), Stage::new());
    client.get(&["items"]).conditional().send(&stage.call()).await.unwrap();
    client.get(&["items"]).send(&stage.call()).await.unwrap();
    client.get(&["items"]).query("page", 2).conditional().send(&stage.call()).await.unwrap();
    client.get(&["other"]).conditional().send(&stage.call()).await.unwrap();
    client.get(&["items"]).header("accept-language", "de").conditional().send(&stage.call()).await.unwrap();
    assert!(server.seen().iter().all(|seen| seen.header("if-none-match").is_none()));
}

/// Clients of one process share the cache, so that it outlives a run, but not across credentials.
#[tokio::test]
async fn two_accounts_share_no_responses() {
    let server = Server::start(versioned).await;
    let http = Http::new(&quick()).unwrap();
    for (token, unchanged) in [("one", false), ("two", false), ("one", true)] {
        let client =
            Client::new(&http, &Acme, &server.url(), "same", Auth::Bearer(Token::new(token))).unwrap();
        let reply = client.get(&["items"]).conditional().send(&Stage::new().call()).await.unwrap();
        assert_eq!(reply.is_unchanged(), unchanged, "{token}");
    }
}
