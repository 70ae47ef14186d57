//! Listings: whole, since a cursor, page by page.

use rstest::rstest;
use serde_json::json;
use syncline_engine::ports::{Found, ReadMode};

use crate::world::{World, create, done, field, ids, update};

#[rstest]
#[case(0, 1)]
#[case(1, 1)]
#[case(100, 1)]
#[case(101, 2)]
#[case(1_050, 11)]
#[tokio::test]
async fn a_whole_listing_takes_a_request_for_each_page(#[case] count: usize, #[case] pages: usize) {
    let world = World::new().await;
    world.seed(json!({ "items": count }));
    let place = world.open().await;
    world.forget();
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut found = ids(&items);
    let in_order = found.windows(2).all(|pair| pair[0] < pair[1]);
    found.dedup();
    assert!(in_order && found.len() == count && end.complete);
    assert_eq!(world.requests(), vec!["POST /rest/api/3/search/jql"; pages]);
}

/// Only what is mapped is asked for, and no token of another query is sent.
#[tokio::test]
async fn pages_are_asked_for_by_tokens_and_fields_by_name() {
    let world = World::new().await;
    world.seed(json!({ "items": 150 }));
    let place =
        world.open_with(json!({ "project_key": "SYNC" }), &world.account(), &["summary", "assignee"]).await;
    world.forget();
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    let names: Vec<&String> = items[0].fields.keys().collect();
    assert_eq!(names, ["assignee", "summary"]);
    let log = world.log();
    let bodies: Vec<_> = log.iter().map(|entry| &entry["body"]).collect();
    let fields =
        json!(["assignee", "created", "issuetype", "labels", "project", "status", "summary", "updated"]);
    for body in &bodies {
        assert_eq!((&body["fields"], body.get("startAt")), (&fields, None));
        assert_eq!(body["jql"], bodies[0]["jql"]);
    }
    assert!(bodies[0].get("nextPageToken").is_none() && bodies[1]["nextPageToken"].is_string());
}

/// Jira may return fewer than were asked for although there are more.
#[tokio::test]
async fn short_pages_and_some_empty_ones_end_nothing() {
    let world = World::new().await;
    world.seed(json!({ "items": 120 }));
    world.switch(json!({ "short_pages": 30, "empty_pages": 2 }));
    let place = world.open().await;
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!((items.len(), end.complete), (120, true));
}

#[tokio::test]
async fn an_issue_that_a_page_repeats_is_listed_once() {
    let world = World::new().await;
    world.seed(json!({ "items": 250 }));
    world.switch(json!({ "page_repeats": true }));
    let place = world.open().await;
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!((items.len(), end.complete), (250, true));
}

/// One request of one container, which lists nothing once nothing has changed for a while.
#[tokio::test]
async fn a_poll_that_finds_nothing_is_one_request() {
    let world = World::new().await;
    for summary in ["one", "two", "three"] {
        world.person_creates(json!({ "summary": summary }));
    }
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut cursor = end.cursor.unwrap();
    let mut counts = Vec::new();
    for wait in [60, 400, 60, 3_600] {
        world.advance(wait);
        world.forget();
        let (items, end) = world.list(&*world.open().await, ReadMode::Since(cursor)).await.unwrap();
        assert_eq!(world.requests(), ["POST /rest/api/3/search/jql"]);
        assert!(!end.complete);
        counts.push(items.len());
        cursor = end.cursor.unwrap();
    }
    assert_eq!((counts[0], &counts[2..]), (3, &[0, 0][..]), "{counts:?}");
    let id = world.person_creates(json!({ "summary": "new" }));
    let (items, _) = world.list(&*place, ReadMode::Since(cursor)).await.unwrap();
    assert_eq!(ids(&items).iter().map(u64::to_string).collect::<Vec<_>>(), [id]);
}

/// The order of a whole listing is that of creation, so an edit moves nothing; the edit itself is seen by the next poll.
#[tokio::test]
async fn edits_while_it_is_read_lose_no_issue() {
    let world = World::new().await;
    world.seed(json!({ "items": 350, "every": 3600 }));
    let place = world.open().await;
    let mut listing = place.list(ReadMode::Full, None, &world.call()).await.unwrap();
    let mut found = Vec::new();
    while let Some(page) = listing.next_page(&world.call()).await.unwrap() {
        found.extend(ids(&page));
        let first = found[0].to_string();
        world.person_edits(&first, json!({ "summary": format!("edited after {}", found.len()) }));
    }
    let first = found[0];
    let count = found.len();
    found.sort_unstable();
    found.dedup();
    assert_eq!((count, found.len()), (350, 350));
    let (items, _) = world.list(&*place, ReadMode::Since(listing.end().cursor.unwrap())).await.unwrap();
    let edited = items.iter().find(|item| item.id == first.to_string()).unwrap();
    assert_eq!(field(edited, "summary"), "edited after 350");
}

/// Jira forgets a token after a week; the listing goes on from the last issue that it returned.
#[rstest]
#[case(60)]
#[case(8 * 24 * 3600)]
#[tokio::test]
async fn a_listing_that_was_broken_off_goes_on_days_later(#[case] wait: u64) {
    let world = World::new().await;
    world.seed(json!({ "items": 250, "every": 3600 }));
    let mut listing = world.open().await.list(ReadMode::Full, None, &world.call()).await.unwrap();
    let mut found = ids(&listing.next_page(&world.call()).await.unwrap().unwrap());
    let position = listing.position();
    world.advance(wait);
    let mut listing = world.open().await.list(ReadMode::Full, position, &world.call()).await.unwrap();
    while let Some(page) = listing.next_page(&world.call()).await.unwrap() {
        found.extend(ids(&page));
    }
    assert!(listing.end().complete && found.len() <= 251, "{}", found.len());
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 250);
}

/// What the filter does not find is no item of the place; it is still there, and not gone.
#[tokio::test]
async fn a_filter_limits_what_belongs_to_the_place() {
    let world = World::new().await;
    let kept = world.person_creates(json!({ "summary": "kept", "labels": ["sync"] }));
    let plain = world.person_creates(json!({ "summary": "plain" }));
    let scope = json!({ "project_key": "SYNC", "jql": "labels = sync" });
    let place = world.open_with(scope, &world.account(), &[]).await;
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items.iter().map(|item| &item.id).collect::<Vec<_>>(), [&kept]);
    assert!(end.complete);
    assert_eq!(world.fetch(&*place, &plain).await, Ok(Found::OutOfScope));
    assert!(matches!(world.fetch(&*place, &kept).await, Ok(Found::Item(_))));
    world.person_edits(&kept, json!({ "labels": [] }));
    assert_eq!(world.fetch(&*place, &kept).await, Ok(Found::OutOfScope));
}

/// Of the changes, what the filter leaves out is told as such: one more request for 50 changes, and none without one.
#[tokio::test]
async fn a_poll_tells_what_left_the_filter() {
    let world = World::new().await;
    let make = |number| world.person_creates(json!({ "summary": format!("{number}"), "labels": ["sync"] }));
    let all: Vec<String> = (0..60).map(make).collect();
    let scope = json!({ "project_key": "SYNC", "jql": "labels = sync" });
    let place = world.open_with(scope, &world.account(), &[]).await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    world.advance(3_600);
    let (_, end) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    world.forget();
    let since = ReadMode::Since(end.cursor.unwrap());
    let (items, _) = world.list(&*place, since.clone()).await.unwrap();
    assert_eq!((items.len(), world.requests().len()), (0, 1));

    world.person_edits(&all[0], json!({ "labels": [] }));
    world.person_edits(&all[1], json!({ "summary": "stays" }));
    world.forget();
    let (items, _) = world.list(&*place, since.clone()).await.unwrap();
    let told: Vec<(&str, bool)> = items.iter().map(|item| (item.id.as_str(), item.out_of_scope)).collect();
    assert_eq!(told, [(all[0].as_str(), true), (all[1].as_str(), false)]);
    assert_eq!(world.requests().len(), 2);
    for id in &all {
        world.person_edits(id, json!({ "priority": "High" }));
    }
    world.forget();
    let (items, _) = world.list(&*place, since).await.unwrap();
    assert_eq!(items.iter().filter(|item| item.out_of_scope).count(), 1);
    assert_eq!((items.len(), world.requests().len()), (60, 3));
}

/// Jira refuses to search among ids of which it does not show one.
#[tokio::test]
async fn an_issue_that_is_deleted_during_a_poll_with_a_filter_stops_nothing() {
    let world = World::new().await;
    let make = |summary| world.person_creates(json!({ "summary": summary, "labels": ["sync"] }));
    let (kept, gone) = (make("kept"), make("gone"));
    let scope = json!({ "project_key": "SYNC", "jql": "labels = sync" });
    let place = world.open_with(scope, &world.account(), &[]).await;
    world.control("PATCH", "/settings", json!({ "latency_ms": 300 }));
    // While the filter is asked for.
    let deleting = async {
        tokio::time::sleep(std::time::Duration::from_millis(450)).await;
        world.person_deletes(&gone);
    };
    let cursor = ReadMode::Since(json!({}));
    let (listed, ()) = tokio::join!(world.list(&*place, cursor), deleting);
    let (items, _) = listed.unwrap();
    assert_eq!(items.iter().map(|item| &item.id).collect::<Vec<_>>(), [&kept]);
}

/// A project whose key was changed is still found; its issues keep their ids.
#[tokio::test]
async fn a_project_with_another_key_is_followed() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    world.control("PATCH", "/jira/projects/SYNC", json!({ "key": "SITE" }));
    let place = world.open().await;
    let item = world.item(&*place, &id).await;
    assert_eq!((field(&item, "summary"), item.key.as_deref()), (json!("one"), Some("SITE-1")));
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items[0].id, id);
    let item = done(world.write(&*place, update(&id, json!({ "summary": "two" }))).await);
    assert_eq!(field(&item, "summary"), "two");
    let made = done(world.write(&*world.open().await, create("sl-a", json!({ "summary": "new" }))).await);
    assert_eq!(made.key.as_deref(), Some("SITE-2"));
}
