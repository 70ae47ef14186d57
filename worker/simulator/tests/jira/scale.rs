//! Large projects, and many requests.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{Place, draft};

/// The bounds are generous, for an unoptimised build on a busy machine: only a scan of all issues for each request
/// would exceed them.
#[tokio::test]
async fn twenty_thousand_issues_are_listed_and_looked_for() {
    let place = Place::new().await;
    let timed = |what: &'static str, start: Instant| {
        let took = start.elapsed();
        println!("{what}: {took:?}");
        assert!(took < Duration::from_secs(60), "{what}: {took:?}");
    };
    let start = Instant::now();
    place.control("POST", "/jira/projects/SYNC/seed", json!({ "items": 20_000 }));
    timed("seeded", start);
    let start = Instant::now();
    let (mut seen, mut token) = (0, None::<String>);
    loop {
        let mut body = json!({ "jql": "project = SYNC ORDER BY updated ASC, key ASC", "maxResults": 5_000 });
        if let Some(token) = &token {
            body["nextPageToken"] = json!(token);
        }
        let page = place.post("/search/jql", body).await.expect(200);
        seen += page.body["issues"].as_array().unwrap().len();
        token = page.body["nextPageToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen, 20_000);
    timed("listed", start);
    let start = Instant::now();
    for at in 0..500 {
        let jql = format!("project = SYNC AND summary ~ \"{}\"", at + 1);
        assert_eq!(place.search(&jql).await.expect(200).keys().len(), 1);
    }
    timed("looked for 500", start);
    let start = Instant::now();
    for _ in 0..20 {
        let drafts: Vec<_> = (0..50).map(|at| draft(json!({ "summary": format!("New {at}") }))).collect();
        place.post("/issue/bulk", json!({ "issueUpdates": drafts })).await.expect(201);
    }
    timed("created 1,000", start);
    let start = Instant::now();
    for at in 0..500 {
        let key = format!("SYNC-{}", at + 1);
        place.edit(&key, json!({ "summary": format!("Edited {at}") })).await.expect(204);
        place.search("project = SYNC AND updated >= -1m ORDER BY updated DESC").await.expect(200);
    }
    timed("edited and polled 500", start);
}
