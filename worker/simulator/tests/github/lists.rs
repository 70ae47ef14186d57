//! Lists of issues: filters, orders, and pages that shift.

use serde_json::json;

use crate::common::{ISSUES, Place};

#[tokio::test]
async fn open_issues_come_newest_first_by_default() {
    let place = Place::new().await;
    for title in ["A", "B", "C"] {
        place.person_creates(json!({ "title": title }));
    }
    place.control("PATCH", "/github/repos/acme/web/issues/2", json!({ "state": "closed" }));
    assert_eq!(place.get(ISSUES).await.numbers(), [3, 1]);
    assert_eq!(place.get(&format!("{ISSUES}?state=all")).await.numbers(), [3, 2, 1]);
    assert_eq!(place.get(&format!("{ISSUES}?state=closed")).await.numbers(), [2]);
    assert_eq!(place.get(&format!("{ISSUES}?state=all&direction=asc")).await.numbers(), [1, 2, 3]);
    place.get(&format!("{ISSUES}?state=done")).await.expect(422);
    place.get(&format!("{ISSUES}?sort=title")).await.expect(422);
}

#[tokio::test]
async fn since_is_inclusive_and_by_the_last_update() {
    let place = Place::new().await;
    for (title, at) in
        [("A", "2026-01-01T00:00:00Z"), ("B", "2026-01-02T00:00:00Z"), ("C", "2026-01-03T00:00:00Z")]
    {
        place.person_creates(json!({ "title": title, "created_at": at }));
    }
    let path = format!("{ISSUES}?state=all&sort=updated&direction=asc&since=");
    assert_eq!(place.get(&format!("{path}2026-01-02T00:00:00Z")).await.numbers(), [2, 3]);
    assert_eq!(place.get(&format!("{path}2026-01-02T00:00:01Z")).await.numbers(), [3]);
    let change = json!({ "title": "A2", "updated_at": "2026-01-04T00:00:00Z" });
    place.control("PATCH", "/github/repos/acme/web/issues/1", change);
    assert_eq!(place.get(&format!("{path}2026-01-03T00:00:00Z")).await.numbers(), [3, 1]);
    let unsorted = place.get(&format!("{ISSUES}?since=2026-01-03T00:00:00Z")).await;
    assert_eq!(unsorted.numbers(), [3, 1], "filtered by update, sorted by creation");
    place.get(&format!("{ISSUES}?since=monday")).await.expect(422);
}

#[tokio::test]
async fn filters_combine() {
    let place = Place::new().await;
    place.control("POST", "/github/repos/acme/web/milestones", json!({ "title": "M" }));
    place.person_creates(
        json!({ "title": "A", "labels": ["bug", "needs triage"], "assignees": ["bruno"], "as": "emil" }),
    );
    place.person_creates(json!({ "title": "B", "labels": ["bug"], "milestone": 1 }));
    let numbers = async |query: &str| place.get(&format!("{ISSUES}?{query}")).await.numbers();
    assert_eq!(numbers("labels=bug").await, [2, 1]);
    assert_eq!(numbers("labels=BUG,needs%20triage").await, [1]);
    assert!(numbers("labels=bug,unknown").await.is_empty());
    assert_eq!(numbers("assignee=bruno").await, [1]);
    assert_eq!(numbers("assignee=none").await, [2]);
    assert_eq!(numbers("assignee=*").await, [1]);
    assert_eq!(numbers("creator=emil").await, [1]);
    assert_eq!(numbers("milestone=1").await, [2]);
    assert_eq!(numbers("milestone=none").await, [1]);
    place.get(&format!("{ISSUES}?assignee=stranger")).await.expect(422);
}

#[tokio::test]
async fn pull_requests_are_among_the_issues() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A" }));
    place.person_creates(json!({ "title": "B", "pull_request": true }));
    let list = place.get(ISSUES).await;
    assert!(list.body[0]["pull_request"]["url"].is_string() && list.body[1].get("pull_request").is_none());
    assert!(list.body[0]["html_url"].as_str().unwrap().ends_with("/pull/2"));
}

#[tokio::test]
async fn links_lead_through_all_pages_by_cursor_and_repository_id() {
    let place = Place::new().await;
    place.seed(25);
    let first = place.get(&format!("{ISSUES}?per_page=10&direction=asc")).await.expect(200);
    let next = first.link("next").unwrap();
    assert!(next.contains("/repositories/") && next.contains("after=") && next.contains("page=2"), "{next}");
    assert!(first.link("prev").is_none() && first.link("last").is_none());
    let second = place.get(&next).await.expect(200);
    assert_eq!(second.numbers(), (11..=20).collect::<Vec<_>>());
    let back = place.get(&second.link("prev").unwrap()).await.expect(200);
    assert_eq!(back.numbers(), (1..=10).collect::<Vec<_>>());
    let third = place.get(&second.link("next").unwrap()).await.expect(200);
    assert_eq!(third.numbers(), (21..=25).collect::<Vec<_>>());
    assert!(third.link("next").is_none());
    // A full last page has no next one either.
    let all = place.get(&format!("{ISSUES}?per_page=25")).await;
    assert!(all.link("next").is_none() && all.numbers().len() == 25);
    place.get(&format!("{ISSUES}?after=nonsense")).await.expect(422);
}

#[tokio::test]
async fn page_numbers_shift_when_items_come_and_go() {
    let place = Place::new().await;
    place.seed(20);
    let page = |number: usize| format!("{ISSUES}?per_page=10&page={number}&direction=asc");
    assert_eq!(place.get(&page(1)).await.numbers(), (1..=10).collect::<Vec<_>>());
    place.control("PATCH", "/github/repos/acme/web/issues/5", json!({ "state": "closed" }));
    let second = place.get(&page(2)).await.numbers();
    assert_eq!(second, (12..=20).collect::<Vec<_>>(), "issue 11 has slipped to the first page");
    assert!(place.get(&page(9)).await.expect(200).numbers().is_empty());
}

#[tokio::test]
async fn an_item_that_is_updated_while_paging_is_seen_again() {
    let place = Place::new().await;
    place.seed(20);
    let path = format!("{ISSUES}?state=all&per_page=10&sort=updated&direction=asc");
    let first = place.get(&path).await;
    place.control("POST", "/clock", json!({ "advance": 10 }));
    place.control("PATCH", "/github/repos/acme/web/issues/3", json!({ "title": "Moved" }));
    let second = place.get(&first.link("next").unwrap()).await;
    let third = place.get(&second.link("next").unwrap()).await;
    assert_eq!(third.numbers(), [3]);
    assert_eq!(second.numbers(), (11..=20).collect::<Vec<_>>(), "a cursor skips nothing");
}

#[tokio::test]
async fn pages_are_a_hundred_at_most_and_end_at_a_cap() {
    let place = Place::new().await;
    place.seed(1_150);
    assert_eq!(place.get(&format!("{ISSUES}?per_page=500")).await.numbers().len(), 100);
    assert_eq!(place.get(&format!("{ISSUES}?per_page=0&page=x")).await.numbers().len(), 30);
    place.get(&format!("{ISSUES}?per_page=100&page=10")).await.expect(200);
    let deep = place.get(&format!("{ISSUES}?per_page=100&page=11")).await.expect(422);
    assert!(deep.message().starts_with("Pagination with the page parameter is not supported"));
    // Followed by their links, all of them are reached.
    let mut seen = 0;
    let mut next = Some(format!("{ISSUES}?per_page=100"));
    while let Some(path) = next {
        let page = place.get(&path).await.expect(200);
        seen += page.numbers().len();
        next = page.link("next");
    }
    assert_eq!(seen, 1_150);
    place.control("PATCH", "/github/settings", json!({ "page_cap": 10_000 }));
    assert_eq!(place.get(&format!("{ISSUES}?per_page=100&page=12")).await.expect(200).numbers().len(), 50);
}

#[tokio::test]
async fn disabled_issues_are_gone() {
    let place = Place::new().await;
    place.person_creates(json!({ "title": "A" }));
    place.control("PATCH", "/github/repos/acme/web", json!({ "has_issues": false }));
    assert_eq!(place.get(ISSUES).await.expect(410).message(), "Issues are disabled for this repo");
    place.post(ISSUES, json!({ "title": "B" })).await.expect(410);
    assert_eq!(place.get("/repos/acme/web").await.expect(200).body["has_issues"], false);
}
