//! Who may listen to what, and how much.

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use sea_orm::ActiveValue::Set;
use serde_json::json;
use syncline_entity::{project::DEFAULT_PROJECT, types::EventType};
use syncline_service::Scope;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::{Server, write};
use crate::{
    access::{project, token},
    stage::Stage,
};

fn refused(opened: Result<super::client::Socket, Error>) -> u16 {
    match opened {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn a_stranger_is_turned_away() {
    let server = Server::over(Stage::sqlite().await).await;
    let admin = token(&server.stage, &[Scope::Admin], None).await;
    let enqueue = token(&server.stage, &[Scope::Enqueue], None).await;
    let bearer = |token: &str| format!("Bearer {token}");
    for (header, status) in [("wrong", 401), (enqueue.as_str(), 403)] {
        let request = server.request(&[("authorization", &bearer(header))]);
        assert_eq!(refused(server.try_open(request).await), status);
    }
    let page = server.request(&[("authorization", &bearer(&admin)), ("origin", "https://example.com")]);
    assert_eq!(refused(server.try_open(page).await), 403);
    for (token, code) in [("wrong", 4401), (enqueue.as_str(), 4403)] {
        assert_eq!(server.open(Some(token)).await.closed().await.0, code, "{token}");
    }
    let mut rude = server.open(None).await;
    rude.say(json!({ "op": "subscribe" })).await;
    assert_eq!(rude.closed().await.0, 4401);
    let begun = Instant::now();
    assert_eq!(server.open(None).await.closed().await.0, 4401);
    assert!(begun.elapsed() >= Duration::from_secs(5));
    assert_eq!(server.open(Some(&admin)).await.hear().await["op"], "hello");
    let own = server.request(&[("authorization", &bearer(&admin)), ("origin", "http://localhost:1")]);
    assert_eq!(server.try_open(own).await.unwrap().hear().await["op"], "hello");
}

#[tokio::test]
async fn a_token_of_one_project_hears_of_no_other() {
    let server = Server::over(Stage::sqlite().await).await;
    let stage = &server.stage;
    let other = project(stage, "other").await;
    let own = stage.sync("own", |_| {}).await;
    let foreign = stage.sync("foreign", |row| row.project_id = Set(other)).await;
    let token = token(stage, &[Scope::Read], Some("default")).await;
    let mut socket = server.open(Some(&token)).await;
    socket.hear().await;
    for (room, code) in [
        (format!("sync:{foreign}"), "unknown-room"),
        ("project:other".to_owned(), "unknown-room"),
        ("project:nowhere".to_owned(), "unknown-room"),
        ("sync:999".to_owned(), "unknown-room"),
        ("entity:999".to_owned(), "unknown-room"),
        ("queue:default".to_owned(), "one-project"),
        ("sync:x".to_owned(), "invalid-room"),
        ("hall".to_owned(), "invalid-room"),
    ] {
        socket.say(json!({ "op": "subscribe", "rooms": [room], "ref": "a" })).await;
        let told = socket.hear().await;
        assert_eq!(
            (&told["op"], &told["code"], &told["ref"]),
            (&json!("error"), &json!(code), &json!("a")),
            "{room}"
        );
    }
    socket.say(json!({ "op": "subscribe", "types": ["rum.*"] })).await;
    assert_eq!(socket.hear().await["code"], "invalid-type");
    socket.say(json!({ "op": "subscribe" })).await;
    socket.hear().await;
    write(&stage.db, Some(other), foreign, &[EventType::RunStarted]).await;
    write(&stage.db, None, own, &[EventType::WorkerJoined]).await;
    server.write(own, &[EventType::RunStarted]).await;
    assert_eq!(socket.seqs(1).await, [3]);
    let mut events = server.stream("?after=0", None, Some(&token)).await;
    assert_eq!(events.ids(1).await.unwrap(), [3]);
    // The streams of a sync, of a project and of all.
    let all = super::super::access::token(stage, &[Scope::Read], None).await;
    let mut events = server.stream(&format!("?after=0&rooms=sync:{own}"), None, Some(&all)).await;
    assert_eq!(events.ids(2).await.unwrap(), [2, 3]);
    let mut events = server.stream("?after=0&rooms=project:other,project:default", None, Some(&all)).await;
    assert_eq!(events.ids(2).await.unwrap(), [1, 3]);
    assert_eq!(DEFAULT_PROJECT, 1);
}

#[tokio::test]
async fn there_are_limits() {
    let server = Server::over(Stage::sqlite().await).await;
    let token = token(&server.stage, &[Scope::Read], None).await;
    let mut socket = server.open(Some(&token)).await;
    let hello = socket.hear().await;
    assert_eq!(hello["limits"]["rooms"], 50);
    socket.say(json!({ "op": "ping", "ref": "7" })).await;
    assert_eq!(socket.hear().await, json!({ "op": "pong", "ref": "7" }));
    socket.say(json!({ "op": "shout" })).await;
    assert_eq!(socket.hear().await["code"], "invalid-message");
    socket.0.send(Message::binary(vec![1, 2])).await.unwrap();
    assert_eq!(socket.hear().await["code"], "invalid-message");
    socket.say(json!({ "op": "subscribe", "rooms": vec!["all"; 51] })).await;
    assert_eq!(socket.closed().await.0, 4429);

    let mut chatty = server.open(Some(&token)).await;
    for _ in 0..21 {
        chatty.say(json!({ "op": "ping" })).await;
    }
    assert_eq!(chatty.closed().await.0, 4429);

    let mut large = server.open(Some(&token)).await;
    large.hear().await;
    large.say(json!({ "op": "ping", "ref": "x".repeat(64 * 1024) })).await;
    let end = tokio::time::timeout(super::PATIENCE, futures_util::StreamExt::next(&mut large.0)).await;
    assert!(!matches!(end.expect("an end in time"), Some(Ok(Message::Text(_)))), "it was answered");

    drop(large);
    let mut open = Vec::new();
    for _ in 0..50 {
        let mut socket = server.open(Some(&token)).await;
        assert_eq!(socket.hear().await["op"], "hello");
        open.push(socket);
    }
    let (code, reason) = server.open(Some(&token)).await.closed().await;
    assert!(code == 4429 && reason.contains("50 streams"), "{code} {reason}");
    drop(open);
}
