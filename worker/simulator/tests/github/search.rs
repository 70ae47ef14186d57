//! Search: an index that lags and a list that ends.

use serde_json::json;

use crate::common::{ISSUES, Place};

async fn found(place: &Place, q: &str) -> u64 {
    let path = format!("/search/issues?q={}", q.replace(' ', "%20").replace('"', "%22"));
    place.get(&path).await.expect(200).body["total_count"].as_u64().unwrap()
}

#[tokio::test]
async fn the_index_lags_behind_creation_and_edits() {
    let place = Place::new().await;
    place.control("POST", "/clock", json!({ "stop": true }));
    place.control("PATCH", "/github/settings", json!({ "search_lag_ms": 30_000 }));
    place.post(ISSUES, json!({ "title": "First", "body": "<!-- sync:AB-12 -->" })).await.expect(201);
    let q = "repo:acme/web \"sync:AB-12\" in:body";
    assert_eq!(found(&place, q).await, 0);
    place.control("POST", "/clock", json!({ "advance": 30 }));
    assert_eq!(found(&place, q).await, 1);
    place.patch(&format!("{ISSUES}/1"), json!({ "title": "Second" })).await.expect(200);
    assert_eq!(
        (found(&place, "repo:acme/web First").await, found(&place, "repo:acme/web Second").await),
        (1, 0)
    );
    place.control("POST", "/clock", json!({ "advance": 30 }));
    assert_eq!(
        (found(&place, "repo:acme/web First").await, found(&place, "repo:acme/web Second").await),
        (0, 1)
    );
}

#[tokio::test]
async fn qualifiers_select_issues() {
    let place = Place::new().await;
    place.control("PATCH", "/github/settings", json!({ "search_lag_ms": 0 }));
    place.person_creates(json!({ "title": "A b c", "labels": ["needs triage"], "assignees": ["bruno"], "as": "emil", "created_at": "2026-01-01T00:00:00Z" }));
    place.person_creates(json!({ "title": "A", "pull_request": true, "state": "closed", "as": "ada" }));
    for (q, count) in [
        ("repo:acme/web", 2),
        ("repo:acme/web is:issue", 1),
        ("repo:acme/web is:pr is:closed", 1),
        ("repo:acme/web label:\"needs triage\"", 1),
        ("org:acme author:emil", 1),
        ("repo:acme/web assignee:bruno state:open", 1),
        ("repo:acme/web \"b c\"", 1),
        ("repo:acme/web \"c b\"", 0),
        ("repo:acme/web updated:>=2026-01-02", 1),
        ("repo:acme/web a", 2),
    ] {
        assert_eq!(found(&place, q).await, count, "{q}");
    }
    place.get("/search/issues").await.expect(422);
    let hidden = place.get("/search/issues?q=repo:acme/none").await.expect(422);
    assert_eq!(hidden.body["errors"][0]["field"], "q");
}

#[tokio::test]
async fn only_a_thousand_results_are_reached() {
    let place = Place::new().await;
    place.control("PATCH", "/github/settings", json!({ "search_lag_ms": 0 }));
    place.seed(1_005);
    let last = place.get("/search/issues?q=repo:acme/web&per_page=100&page=10").await.expect(200);
    assert_eq!(
        (last.body["total_count"].as_u64(), last.body["items"].as_array().unwrap().len()),
        (Some(1_005), 100)
    );
    assert!(last.link("next").is_none());
    let beyond = place.get("/search/issues?q=repo:acme/web&per_page=100&page=11").await.expect(422);
    assert_eq!(beyond.message(), "Only the first 1000 search results are available");
    place.control("PATCH", "/github/settings", json!({ "search_incomplete": true }));
    let some = place.get("/search/issues?q=repo:acme/web").await.expect(200);
    assert_eq!(some.body["incomplete_results"], true);
    assert!(some.body["total_count"].as_u64().unwrap() < 1_005);
}
