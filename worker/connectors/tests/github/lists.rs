//! Listings: whole, since a cursor, page by page.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{Item, ports::ReadMode};

use crate::world::{World, create, done, field, ids, update};

/// Each issue once, oldest change first.
fn numbers(count: u64) -> Vec<u64> {
    (1..=count).collect()
}

#[rstest]
#[case(0, 1)]
#[case(1, 1)]
#[case(100, 1)]
#[case(101, 2)]
#[case(1_050, 11)]
#[tokio::test]
async fn a_whole_listing_takes_a_request_for_each_page(#[case] count: usize, #[case] pages: usize) {
    let world = World::new().await;
    world.control(
        "POST",
        "/github/repos/acme/web/seed",
        json!({ "items": count, "pull_requests": 0, "closed": 40 }),
    );
    let place = world.open().await;
    world.forget();
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut found = ids(&items);
    found.sort_unstable();
    assert_eq!(found, numbers(count as u64));
    assert!(end.complete);
    assert_eq!(world.requests().len(), pages);
    assert!(items.iter().any(|item| field(item, "state") == "closed") || count < 50);
}

/// A repository that was imported has many issues of one second.
#[tokio::test]
async fn more_issues_of_one_second_than_a_page_are_all_listed() {
    let world = World::new().await;
    for second in ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"] {
        for _ in 0..150 {
            world.person_creates(json!({ "title": "t", "created_at": second, "updated_at": second }));
        }
    }
    let place = world.open().await;
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut found = ids(&items);
    found.sort_unstable();
    assert_eq!(found, numbers(450));
    assert!(end.complete);
}

#[tokio::test]
async fn pull_requests_are_kept_out() {
    let world = World::new().await;
    let issue = world.person_creates(json!({ "title": "issue" }));
    world.person_creates(json!({ "title": "pull request", "pull_request": true }));
    let place = world.open().await;
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items.iter().map(|item| &item.id).collect::<Vec<_>>(), [&issue]);
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    assert_eq!(items.len(), 1);
}

/// What a replica cannot show late any more is not listed again, and the address of the poll stays, so that it costs
/// nothing.
#[tokio::test]
async fn once_nothing_has_changed_for_a_while_a_poll_lists_nothing() {
    let world = World::new().await;
    for title in ["one", "two", "three"] {
        world.person_creates(json!({ "title": title }));
    }
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut cursor = end.cursor.unwrap();
    let mut counts = Vec::new();
    for wait in [60, 250, 60, 3_600] {
        world.advance(wait);
        let (items, end) = world.list(&*place, ReadMode::Since(cursor)).await.unwrap();
        counts.push(items.len());
        cursor = end.cursor.unwrap();
    }
    assert_eq!((counts[0], &counts[2..]), (3, &[0, 0][..]), "{counts:?}");
    world.forget();
    let (items, end) = world.list(&*place, ReadMode::Since(cursor)).await.unwrap();
    assert_eq!((items.len(), &world.log()[0]["status"]), (0, &json!(304)));
    world.person_edits("2", json!({ "title": "edited" }));
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    assert_eq!(ids(&items), [2]);
}

/// The list was unchanged (304), but time has passed.
#[tokio::test]
async fn an_unchanged_list_is_left_behind_as_well() {
    let world = World::new().await;
    world.person_creates(json!({ "title": "one" }));
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut cursor = end.cursor.unwrap();
    let mut counts = Vec::new();
    for wait in [0, 0, 360, 0] {
        world.advance(wait);
        let (items, end) = world.list(&*place, ReadMode::Since(cursor)).await.unwrap();
        counts.push(items.len());
        cursor = end.cursor.unwrap();
    }
    assert_eq!(counts, [1, 1, 1, 0]);
}

/// Page numbers would lose an issue: each edit of one that is behind moves all others up by one place.
#[tokio::test]
async fn edits_while_it_is_read_lose_no_issue() {
    let world = World::new().await;
    world.control("POST", "/github/repos/acme/web/seed", json!({ "items": 350, "pull_requests": 0 }));
    let place = world.open().await;
    let mut listing = place.list(ReadMode::Full, None, &world.call()).await.unwrap();
    let mut found = Vec::new();
    while let Some(page) = listing.next_page(&world.call()).await.unwrap() {
        found.extend(ids(&page));
        for number in 1..=3 {
            let title = format!("edited after {}", found.len());
            world.person_edits(&number.to_string(), json!({ "title": title }));
        }
        assert!(found.len() < 1_000);
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, numbers(350));
}

/// One request, which costs nothing.
#[tokio::test]
async fn a_poll_that_finds_nothing_is_one_free_request() {
    let world = World::new().await;
    world.control(
        "POST",
        "/github/repos/acme/web/seed",
        json!({ "items": 120, "pull_requests": 0, "every": 3600 }),
    );
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut cursor = end.cursor.unwrap();
    let mut poll = async |statuses: &[u64]| {
        world.forget();
        let (items, end) = world.list(&*place, ReadMode::Since(cursor.clone())).await.unwrap();
        cursor = end.cursor.unwrap();
        let log: Vec<u64> = world.log().iter().map(|entry| entry["status"].as_u64().unwrap()).collect();
        assert_eq!(log, statuses);
        items
    };
    let first = poll(&[200]).await;
    assert_eq!(poll(&[304]).await, first, "what an earlier run could not record is still there");
    poll(&[304]).await;
    world.advance(3_600);
    world.person_edits("5", json!({ "title": "edited" }));
    assert!(poll(&[200]).await.iter().any(|item| item.id == "5"));
    poll(&[200]).await;
    poll(&[304]).await;
}

/// What leaves the filter is no item of the place; it is still there, and not gone.
#[tokio::test]
async fn a_filter_limits_what_belongs_to_the_place() {
    let world = World::new().await;
    let kept = world.person_creates(json!({ "title": "kept", "labels": ["Sync", "bug"] }));
    let plain = world.person_creates(json!({ "title": "plain" }));
    let closed = world.person_creates(json!({ "title": "closed", "labels": ["sync"], "state": "closed" }));
    let scope = json!({ "repository": "acme/web", "labels": ["sync"], "state": "open" });
    let place = world.open_with(scope, &world.account(), &[]).await;
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items.iter().map(|item| &item.id).collect::<Vec<_>>(), [&kept]);
    assert!(end.complete);
    for id in [plain, closed] {
        assert_eq!(world.fetch(&*place, &id).await, Ok(syncline_engine::ports::Found::OutOfScope));
    }
    world.person_edits(&kept, json!({ "labels": [] }));
    let pull = json!({ "title": "a pull request", "pull_request": true });
    world.person_creates(pull);
    // Of the changes, what the filter leaves out is told as such; pull requests never are items.
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    let left = items.iter().find(|item| item.id == kept);
    assert_eq!(left, Some(&Item::outside(kept)));
    assert!(items.iter().all(|item| item.out_of_scope) && items.len() == 3, "{items:#?}");
}

/// A repository that was renamed is still found; its issues keep their numbers.
#[tokio::test]
async fn a_renamed_repository_is_followed() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one" }));
    world.control("PATCH", "/github/repos/acme/web", json!({ "name": "site" }));
    let place = world.open().await;
    assert_eq!(field(&world.item(&*place, &id).await, "title"), "one");
    let place = world.open().await;
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items[0].id, id);
    let item = done(world.write(&*place, update(&id, json!({ "title": "two" }))).await);
    assert_eq!(field(&item, "title"), "two");
    let made = done(world.write(&*world.open().await, create("sl-a", json!({ "title": "new" }))).await);
    assert_eq!(field(&made, "title"), "new");
}
