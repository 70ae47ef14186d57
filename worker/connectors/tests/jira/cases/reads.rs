//! Pages, cursors, and the clocks of accounts.

use rstest::rstest;
use serde_json::json;
use syncline_engine::ports::ReadMode;

use crate::world::{World, create, done, field, ids, update};

/// The listing ends as incomplete after a bounded number of requests, so that nothing is taken for deleted.
#[rstest]
#[case(json!({ "stuck_token": true }), 350)]
#[case(json!({ "stuck_token": true, "empty_pages": 1 }), 0)]
#[tokio::test]
async fn case_97_a_token_that_comes_again_ends_the_listing_as_incomplete(
    #[case] switch: serde_json::Value,
    #[case] items: usize,
) {
    let world = World::new().await;
    world.seed(json!({ "items": items.max(101) }));
    world.switch(switch);
    let place = world.open().await;
    world.forget();
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert!(!end.complete && end.cursor.is_none(), "{end:?}");
    assert!(world.requests().len() <= 10, "{:?}", world.requests());
}

/// An issue that was updated a minute ago is found in the next run, and no hour is read twice for ever.
#[rstest]
#[case("America/Los_Angeles")]
#[case("Europe/Moscow")]
#[case("Europe/Berlin")]
#[case("Pacific/Kiritimati")]
#[tokio::test]
async fn case_98_the_zone_of_the_account_does_not_matter(#[case] zone: &str) {
    let world = World::new().await;
    world.control("PATCH", "/jira/users/ada", json!({ "time_zone": zone }));
    let old = world.person_creates(json!({ "summary": "old" }));
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut cursor = end.cursor.unwrap();
    world.advance(3_600);
    let new = world.person_creates(json!({ "summary": "new" }));
    world.advance(60);
    let mut found = Vec::new();
    for wait in [0, 600, 3_600] {
        world.advance(wait);
        let (items, end) = world.list(&*place, ReadMode::Since(cursor)).await.unwrap();
        found.push(ids(&items));
        cursor = end.cursor.unwrap();
    }
    let new: u64 = new.parse().unwrap();
    assert!(found[0].contains(&new), "{found:?}");
    assert!(found[0].len() <= 2 && !found[2].contains(&old.parse().unwrap()), "{found:?}");
    assert!(found[2].is_empty(), "{found:?}");
}

/// Written, normalised by Jira, read: nothing is to do.
#[tokio::test]
async fn case_10_what_was_pushed_is_pulled_without_a_difference() {
    let world = World::new().await;
    let place = world.open().await;
    let fields = json!({
        "summary": "  two   spaces\tand a tab ", "description": "A text.\n\nIn two parts.", "labels": ["b", "a", "b"],
        "duedate": "2026-12-24", "priority": "high",
    });
    let made = done(world.write(&*place, create("sl-a", fields)).await);
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items, std::slice::from_ref(&made));
    let again = update(
        &made.id,
        json!({ "summary": field(&made, "summary"), "description": field(&made, "description") }),
    );
    let item = done(world.write(&*place, again).await);
    assert_eq!(item.fields, made.fields);
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    assert_eq!(items[0].fields, made.fields);
}

/// A civil day is one in Jira, and stays it in whichever zone the account is.
#[rstest]
#[case("America/Los_Angeles")]
#[case("Pacific/Kiritimati")]
#[tokio::test]
async fn case_145_a_day_stays_the_day(#[case] zone: &str) {
    let world = World::new().await;
    world.control("PATCH", "/jira/users/ada", json!({ "time_zone": zone }));
    let place = world.open().await;
    for (number, day) in ["2026-10-30", "2026-03-29", "2028-02-29"].into_iter().enumerate() {
        let new = create(&format!("sl-{number}"), json!({ "summary": "T", "duedate": day }));
        let made = done(world.write(&*place, new).await);
        assert_eq!((field(&made, "duedate"), world.shown(&made.id, "duedate")), (json!(day), json!(day)));
    }
}

/// Jira's index may show a change four minutes late. A poll goes back by more.
#[tokio::test]
async fn case_106_late_index() {
    let world = World::new().await;
    world.person_creates(json!({ "summary": "on time" }));
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let late = world.person_creates(json!({ "summary": "late", "lag_ms": 240_000 }));
    let new = world.person_creates(json!({ "summary": "new" }));
    let (items, end) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    let (late, new): (u64, u64) = (late.parse().unwrap(), new.parse().unwrap());
    assert!(ids(&items).contains(&new) && !ids(&items).contains(&late), "{items:?}");
    world.advance(241);
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    assert!(ids(&items).contains(&late), "{items:?}");
}
