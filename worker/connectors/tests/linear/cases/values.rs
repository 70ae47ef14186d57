//! Status, labels, sub-issues, dates.

use serde_json::json;
use syncline_engine::ports::{ErrorKind, ReadMode};

use crate::world::{World, create, done, field, in_part, update};

/// The same name is another state in another team.
#[tokio::test]
async fn states_are_those_of_the_team() {
    let world = World::new().await;
    for (team, marker) in [("ENG", "sl-a"), ("OPS", "sl-b")] {
        let place = world.open_with(json!({ "team": team }), &world.account(), &[]).await;
        let made = create(marker, json!({ "title": "T", "status": "In Review" }));
        let item = done(world.write(&*place, made).await);
        assert_eq!(field(&item, "status"), "In Review");
        assert_eq!(item.key, Some(format!("{team}-1")));
    }
}

/// `needs triage` and `needs-triage` are two labels, and removing one removes one.
#[tokio::test]
async fn case_71_labels_with_spaces_stay_what_they_are() {
    let world = World::new().await;
    let place = world.open().await;
    let both = json!({ "title": "T", "labels": ["needs triage", "needs-triage"] });
    let made = done(world.write(&*place, create("sl-a", both)).await);
    assert_eq!(field(&made, "labels"), json!(["needs triage", "needs-triage"]));
    let fewer = update(&made.id, json!({ "labels": ["needs-triage"] }));
    assert_eq!(field(&done(world.write(&*place, fewer).await), "labels"), json!(["needs-triage"]));
}

/// A name with an emoji, at the longest title.
#[tokio::test]
async fn case_67_long_titles_are_refused_with_the_reason() {
    let world = World::new().await;
    let place = world.open().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let title = "📏".repeat(255);
    let item = done(world.write(&*place, update(&id, json!({ "title": title }))).await);
    assert_eq!(field(&item, "title"), title);
    let (item, left_out) = in_part(
        world.write(&*place, update(&id, json!({ "title": "x".repeat(256), "priority": "Low" }))).await,
    );
    assert_eq!((field(&item, "priority"), field(&item, "title")), (json!("Low"), json!(title)));
    assert!(left_out[0].contains("255 characters"), "{left_out:?}");
}

/// A parent that is not there keeps nothing else back.
#[tokio::test]
async fn a_parent_that_is_not_found_is_left_out() {
    let world = World::new().await;
    let place = world.open().await;
    let fields = json!({ "title": "T", "parent": "ENG-99" });
    let (item, left_out) = in_part(world.write(&*place, create("sl-a", fields)).await);
    assert!(left_out.len() == 1 && left_out[0].starts_with("parent: "), "{left_out:?}");
    let change = update(&item.id, json!({ "parent": "ENG-99", "title": "U" }));
    let (item, left_out) = in_part(world.write(&*place, change).await);
    assert_eq!((field(&item, "title"), left_out.len()), (json!("U"), 1));
    // The issue itself is not there.
    let nobody = update("3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a", json!({ "parent": "ENG-1", "title": "U" }));
    assert_eq!(world.write(&*place, nobody).await.error().unwrap().kind, ErrorKind::NotFound);
}

/// 20 issues change in one millisecond: all of them are listed.
#[tokio::test]
async fn a_bulk_edit_of_one_time_is_listed_whole() {
    let world = World::new().await;
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    for n in 0..60 {
        let time = "2027-01-01T00:00:00.123Z";
        world.person_creates(json!({ "title": format!("{n}"), "updated_at": time }));
    }
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    assert_eq!(items.len(), 60);
}
