//! Pages of searches: tokens, and their faults.

use serde_json::{Value, json};

use crate::common::{Got, Place};

async fn seeded(items: usize) -> Place {
    let place = Place::new().await;
    place.control("POST", "/jira/projects/SYNC/seed", json!({ "items": items }));
    place
}

async fn page(place: &Place, size: usize, token: Option<&str>) -> Got {
    let jql = "project = SYNC ORDER BY updated ASC, key ASC";
    let mut body = json!({ "jql": jql, "fields": ["summary"], "maxResults": size });
    if let Some(token) = token {
        body["nextPageToken"] = json!(token);
    }
    place.post("/search/jql", body).await
}

/// Reads all pages; gives up after `most` pages.
async fn pages(place: &Place, size: usize, most: usize) -> Vec<Vec<String>> {
    let (mut all, mut token) = (Vec::new(), None::<String>);
    while all.len() < most {
        let got = page(place, size, token.as_deref()).await.expect(200);
        all.push(got.keys());
        token = got.body["nextPageToken"].as_str().map(str::to_owned);
        assert_eq!(got.body["isLast"], json!(token.is_none()));
        if token.is_none() {
            break;
        }
    }
    all
}

fn keys(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|number| format!("SYNC-{number}")).collect()
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end() {
    let place = seeded(25).await;
    let all = pages(&place, 10, 9).await;
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(all.concat(), keys(1, 25));
    // A full last page has no token.
    assert_eq!(pages(&place, 25, 9).await.len(), 1);
    // Sorted results are paged, too.
    let sorted = json!({ "jql": "project = SYNC ORDER BY summary", "fields": ["summary"], "maxResults": 20 });
    let first = place.post("/search/jql", sorted.clone()).await.expect(200);
    let mut second = sorted;
    second["nextPageToken"] = first.body["nextPageToken"].clone();
    let second = place.post("/search/jql", second).await.expect(200);
    let mut both = [first.keys(), second.keys()].concat();
    both.sort();
    both.dedup();
    assert_eq!((first.keys().len(), second.keys().len(), both.len()), (20, 5, 25));
}

#[tokio::test]
async fn an_issue_that_is_edited_meanwhile_moves_to_the_end() {
    let place = seeded(4).await;
    let first = page(&place, 2, None).await.expect(200);
    place.control("POST", "/clock", json!({ "advance": 5 }));
    place.control("PATCH", "/jira/issues/SYNC-1", json!({ "summary": "Again" }));
    let second = page(&place, 2, first.body["nextPageToken"].as_str()).await.expect(200);
    let third = page(&place, 2, second.body["nextPageToken"].as_str()).await.expect(200);
    assert_eq!((second.keys(), third.keys()), (keys(3, 4), keys(1, 1)));
}

#[tokio::test]
async fn pages_are_as_long_as_their_fields_allow() {
    let place = seeded(120).await;
    assert_eq!(page(&place, 5_000, None).await.expect(200).keys().len(), 100, "fields make pages short");
    let ids = json!({ "jql": "project = SYNC", "maxResults": 5_000, "fields": ["id"] });
    let got = place.post("/search/jql", ids).await.expect(200);
    assert_eq!((got.body["issues"].as_array().unwrap().len(), &got.body["isLast"]), (120, &json!(true)));
    assert_eq!(
        place.post("/search/jql", json!({ "jql": "project = SYNC" })).await.body["issues"]
            .as_array()
            .unwrap()
            .len(),
        50
    );
    place.settings(json!({ "short_pages": 30 }));
    let all = pages(&place, 100, 9).await;
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [30, 30, 30, 30]);
}

#[tokio::test]
async fn tokens_belong_to_their_query_and_end() {
    let place = seeded(4).await;
    let token = page(&place, 2, None).await.body["nextPageToken"].as_str().unwrap().to_owned();
    let other = json!({ "jql": "project = TEAM", "nextPageToken": token });
    assert!(place.post("/search/jql", other).await.expect(400).message().contains("token"));
    page(&place, 2, Some("bm90IGEgdG9rZW4")).await.expect(400);
    page(&place, 2, Some("not a token")).await.expect(400);
    place.control("POST", "/clock", json!({ "advance": 7 * 24 * 3600 - 60 }));
    page(&place, 2, Some(&token)).await.expect(200);
    place.control("POST", "/clock", json!({ "advance": 60 }));
    page(&place, 2, Some(&token)).await.expect(400);
}

#[tokio::test]
async fn pages_may_be_empty_and_go_on() {
    let place = seeded(6).await;
    place.settings(json!({ "empty_pages": 2 }));
    let all = pages(&place, 2, 9).await;
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [2, 0, 2, 0, 2]);
    assert_eq!(all.concat(), keys(1, 6));
}

#[tokio::test]
async fn pages_may_repeat_and_leave_out() {
    let place = seeded(6).await;
    place.settings(json!({ "page_repeats": true }));
    assert_eq!(pages(&place, 3, 9).await, [keys(1, 3), keys(3, 5), keys(5, 6)]);
    place.settings(json!({ "page_repeats": false, "page_gaps": true }));
    assert_eq!(pages(&place, 3, 9).await, [keys(1, 3), keys(5, 6)]);
}

#[tokio::test]
async fn a_token_may_repeat_for_ever() {
    let place = seeded(6).await;
    place.settings(json!({ "stuck_token": true }));
    let first = page(&place, 2, None).await.expect(200);
    let token = first.body["nextPageToken"].as_str();
    let second = page(&place, 2, token).await.expect(200);
    assert_eq!(second.body["nextPageToken"].as_str(), token);
    assert_eq!(pages(&place, 2, 20).await.len(), 20);
}

#[tokio::test]
async fn deleted_issues_leave_pages_at_once() {
    let place = seeded(3).await;
    place.control("DELETE", "/jira/issues/SYNC-2", Value::Null);
    assert_eq!(pages(&place, 10, 2).await, [vec!["SYNC-1".to_owned(), "SYNC-3".to_owned()]]);
}
