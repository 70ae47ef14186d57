//! Listings: whole, since a cursor, page by page.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Item,
    ports::{ErrorKind, ErrorScope, ReadMode},
};

use crate::world::{World, create, done, field, titles, update};

#[rstest]
#[case(0, 1)]
#[case(1, 1)]
#[case(100, 1)]
#[case(101, 2)]
#[case(1_050, 11)]
#[tokio::test]
async fn a_whole_listing_takes_a_request_for_each_page(#[case] count: usize, #[case] pages: usize) {
    let world = World::new().await;
    world.control("POST", "/linear/teams/ENG/seed", json!({ "items": count, "closed": 40 }));
    let place = world.open_with(json!({ "team": "ENG" }), &world.account(), &["title"]).await;
    world.forget();
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let found: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!((items.len(), found.len(), end.complete), (count, count, true));
    assert_eq!(world.operations(), vec!["Issues"; pages]);
}

/// An import makes many issues of one time.
#[tokio::test]
async fn more_issues_of_one_time_than_a_page_are_all_listed() {
    let world = World::new().await;
    for _ in 0..230 {
        let time = "2026-01-01T00:00:00.000Z";
        world.person_creates(json!({ "title": "t", "created_at": time, "updated_at": time }));
    }
    let place = world.open().await;
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!((items.len(), end.complete), (230, true));
}

/// A poll without a change is one small request.
#[tokio::test]
async fn once_nothing_has_changed_for_a_while_a_poll_lists_nothing() {
    let world = World::new().await;
    for title in ["one", "two", "three"] {
        world.person_creates(json!({ "title": title, "labels": ["Bug"] }));
    }
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut cursor = end.cursor.unwrap();
    let mut counts = Vec::new();
    for wait in [60, 250, 60, 3_600] {
        world.advance(wait);
        let place = world.open().await;
        world.forget();
        let (items, end) = world.list(&*place, ReadMode::Since(cursor)).await.unwrap();
        assert!(!end.complete);
        cursor = end.cursor.unwrap();
        counts.push((items.len(), world.operations().len()));
    }
    assert_eq!(counts, [(3, 1), (3, 1), (0, 1), (0, 1)]);
}

#[tokio::test]
async fn a_poll_lists_what_was_edited_whenever_it_was_created() {
    let world = World::new().await;
    let long_ago = "2025-01-01T00:00:00.000Z";
    let old = world.person_creates(json!({ "title": "old", "created_at": long_ago, "updated_at": long_ago }));
    world.control("POST", "/linear/teams/ENG/seed", json!({ "items": 120 }));
    world.advance(3_600);
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    world.person_edits(&old, json!({ "title": "old, edited" }));
    let made = done(world.write(&*place, create("sl-a", json!({ "title": "new" }))).await);
    let (items, end) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    assert_eq!(titles(&items), ["new", "old, edited"]);
    assert!(items.iter().any(|item| item.id == made.id));
    // The overlap shows them once more, and then not any longer.
    world.advance(3_600);
    let (_, end) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    assert_eq!(items, []);
}

/// A team whose key is wrong, or that is not shown, is no empty team.
#[tokio::test]
async fn a_team_that_is_not_shown_is_an_error() {
    let world = World::new().await;
    world.control("POST", "/linear/teams", json!({ "key": "SEC", "private": true, "members": ["bruno"] }));
    for team in ["NOPE", "SEC"] {
        let place = world.open_with(json!({ "team": team }), &world.account(), &[]).await;
        for mode in [ReadMode::Full, ReadMode::Since(json!({}))] {
            let error = world.list(&*place, mode).await.unwrap_err();
            assert_eq!((error.kind, error.scope), (ErrorKind::Permanent, ErrorScope::Endpoint), "{error}");
            assert!(error.message.contains(team), "{error}");
        }
        assert!(place.reader(&world.call()).await.is_err());
    }
}

/// The id of the team stays when its key changes.
#[tokio::test]
async fn a_team_may_be_named_by_its_id() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one" }));
    let team = world.control("GET", "/linear/teams/ENG", json!(null))["id"].as_str().unwrap().to_owned();
    world.control("PATCH", "/linear/teams/ENG", json!({ "key": "CORE" }));
    let place = world.open_with(json!({ "team": team }), &world.account(), &[]).await;
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!((items[0].id.as_str(), items[0].key.as_deref()), (id.as_str(), Some("CORE-1")));
    done(world.write(&*place, create("sl-a", json!({ "title": "new" }))).await);
    assert!(place.reader(&world.call()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_project_narrows_the_place() {
    let world = World::new().await;
    world.control("POST", "/linear/projects", json!({ "name": "Launch", "teams": ["ENG"] }));
    let inside = world.person_creates(json!({ "title": "inside", "project": "Launch" }));
    let outside = world.person_creates(json!({ "title": "outside" }));
    let place = world.open_with(json!({ "team": "ENG", "project": "Launch" }), &world.account(), &[]).await;
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(titles(&items), ["inside"]);
    assert_eq!(world.fetch(&*place, &outside).await, Ok(syncline_engine::ports::Found::OutOfScope));
    // What is made here belongs here.
    let made = done(world.write(&*place, create("sl-a", json!({ "title": "made" }))).await);
    assert_eq!(field(&made, "project"), "Launch");
    world.person_edits(&outside, json!({ "title": "outside, edited" }));
    done(world.write(&*place, update(&inside, json!({ "title": "inside, edited" }))).await);
    let since = ReadMode::Since(end.cursor.unwrap());
    let (mut items, _) = world.list(&*place, since.clone()).await.unwrap();
    // Of the changes, what the filter leaves out is told as such.
    items.retain(|item| *item != Item::outside(outside.as_str()));
    assert_eq!(titles(&items), ["inside, edited", "made"]);
    world.person_edits(&inside, json!({ "project": null }));
    let (items, _) = world.list(&*place, since).await.unwrap();
    assert!(items.contains(&Item::outside(inside)), "{items:#?}");
}

/// A listing that was broken off goes on at a time; what was edited meanwhile is for the next one.
#[tokio::test]
async fn an_incremental_listing_goes_on_in_another_process() {
    let world = World::new().await;
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    for number in 0..160 {
        world.advance(1);
        world.person_creates(json!({ "title": format!("{number:03}") }));
    }
    let since = ReadMode::Since(end.cursor.unwrap());
    let mut listing = place.list(since.clone(), None, &world.call()).await.unwrap();
    let first = listing.next_page(&world.call()).await.unwrap().unwrap();
    let position = listing.position();
    let again = world.open().await;
    world.advance(1);
    world.person_edits(&first[0].id, json!({ "title": "edited meanwhile" }));
    let mut listing = again.list(since, position, &world.call()).await.unwrap();
    let mut all = titles(&first);
    while let Some(page) = listing.next_page(&world.call()).await.unwrap() {
        all.extend(titles(&page));
    }
    let all: BTreeSet<String> = all.into_iter().collect();
    assert_eq!(all.len(), 160);
    let cursor = listing.end().cursor.unwrap();
    let (items, _) = world.list(&*again, ReadMode::Since(cursor)).await.unwrap();
    assert!(titles(&items).contains(&"edited meanwhile".to_owned()));
}

#[tokio::test]
async fn a_position_of_another_version_is_not_known() {
    let world = World::new().await;
    let place = world.open().await;
    let refused = place.list(ReadMode::Full, Some(json!("x")), &world.call()).await.err().unwrap();
    assert_eq!(refused.kind, ErrorKind::Conflict);
}
