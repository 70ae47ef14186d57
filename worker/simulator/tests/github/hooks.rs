//! Webhooks, delivered once, twice or not at all.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Mutex,
};

use crate::common::{ISSUES, Place};

/// The requests that a receiver got: the head and the body.
type Received = Arc<Mutex<Vec<(String, Value)>>>;

async fn receiver() -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = Received::default();
    let all = Arc::clone(&received);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            let mut some = [0; 8192];
            loop {
                let read = stream.read(&mut some).await.unwrap_or(0);
                bytes.extend_from_slice(&some[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
                if read == 0 || length.and_then(|length| length.parse().ok()) == Some(body.len()) {
                    all.lock().await.push((head.to_owned(), serde_json::from_str(body).unwrap()));
                    break;
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    (format!("http://{address}/hook"), received)
}

async fn wait_for(received: &Received, count: usize) -> Vec<(String, Value)> {
    for _ in 0..100 {
        if received.lock().await.len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    received.lock().await.clone()
}

fn id(head: &str) -> &str {
    head.split("x-github-delivery: ").nth(1).unwrap().split("\r\n").next().unwrap()
}

#[tokio::test]
async fn changes_are_announced_with_a_signature() {
    let place = Place::new().await;
    let (url, received) = receiver().await;
    let config = json!({ "url": url, "content_type": "json", "secret": "s" });
    let new = json!({ "name": "web", "events": ["issues"], "config": config });
    let hook = place.post("/repos/acme/web/hooks", new.clone()).await.expect(201);
    assert_eq!(hook.body["config"]["secret"], "********");
    place.post("/repos/acme/web/hooks", new).await.expect(422);
    place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    place
        .patch(&format!("{ISSUES}/1"), json!({ "title": "B", "labels": ["bug"], "state": "closed" }))
        .await
        .expect(200);
    let all = wait_for(&received, 4).await;
    let mut actions: Vec<_> = all.iter().map(|(_, body)| body["action"].as_str().unwrap()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["closed", "edited", "labeled", "opened"]);
    assert!(
        all.iter().all(|(head, _)| head.contains("x-github-event: issues")
            && head.contains("x-hub-signature-256: sha256="))
    );
    assert!(
        all.iter().all(
            |(_, body)| body["repository"]["full_name"] == "acme/web" && body["sender"]["login"] == "ada"
        )
    );
    let id = hook.body["id"].as_u64().unwrap();
    place.send("DELETE", &format!("/repos/acme/web/hooks/{id}"), Value::Null).await.expect(204);
}

#[tokio::test]
async fn an_event_can_be_delivered_twice_or_never() {
    let place = Place::new().await;
    let (url, received) = receiver().await;
    place.control("POST", "/github/repos/acme/web/hooks", json!({ "url": url }));
    place.fault(json!({ "method": "EVENT", "path": "/issues/opened", "kind": "twice" }));
    place.post(ISSUES, json!({ "title": "A" })).await.expect(201);
    let all = wait_for(&received, 2).await;
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].1, all[1].1);
    assert_ne!(id(&all[0].0), id(&all[1].0), "under two delivery ids");
    place.fault(json!({ "method": "EVENT", "kind": "lost" }));
    place.post(ISSUES, json!({ "title": "B" })).await.expect(201);
    assert_eq!(wait_for(&received, 3).await.len(), 2);
}
