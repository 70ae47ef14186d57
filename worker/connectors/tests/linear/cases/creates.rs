//! Creating, echo, loops.

use serde_json::json;
use syncline_engine::ports::{ReadMode, Written};

use crate::world::{World, create, done, field, titles, update};

/// The create took effect, and no answer came; the process starts anew.
#[tokio::test]
async fn case_2_a_create_answered_too_late_makes_one_issue() {
    let world = World::new().await;
    let place = world.open().await;
    let new = || create("sl-a", json!({ "title": "T" }));
    place.statuses("status", &world.call()).await.unwrap();
    world.fault(json!({ "kind": "hang", "when": "after", "seconds": 5 }));
    assert!(matches!(world.write(&*place, new()).await, Written::Unknown(_)));
    let again = world.open().await;
    let [Some(id)] = &world.probe(&*again, &["sl-a"]).await[..] else { panic!("it is there") };
    assert_eq!(done(world.write(&*again, new()).await).id, *id);
    assert_eq!(world.count(), 1);
}

/// Items that nobody created, or an automation.
#[tokio::test]
async fn case_5_robots_are_users_too() {
    let world = World::new().await;
    world.control("POST", "/linear/users", json!({ "display_name": "robot", "app": true, "teams": ["ENG"] }));
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let nobody = world.person_creates(json!({ "title": "nobody", "as": null }));
    world.person_creates(json!({ "title": "robot", "as": "robot" }));
    world.person_creates(json!({ "title": "behind an app", "as": null, "as_user": "someone else" }));
    world.person_edits(&nobody, json!({ "title": "nobody, edited by a robot", "as": "robot" }));
    for mode in [ReadMode::Full, ReadMode::Since(end.cursor.unwrap())] {
        let (items, _) = world.list(&*place, mode).await.unwrap();
        assert_eq!(titles(&items), ["behind an app", "nobody, edited by a robot", "robot"]);
    }
}

/// Linear writes Markdown in its own way; what a write returns is what the next poll shows.
#[tokio::test]
async fn case_10_push_then_pull_is_nothing() {
    let world = World::new().await;
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let fields = json!({ "title": " T ", "description": "* one\n* two\n\n\nsee https://acme.example  ", "labels": ["BUG"] });
    let made = done(world.write(&*place, create("sl-a", fields)).await);
    let edited = done(world.write(&*place, update(&made.id, json!({ "description": "+ a\n+ b" }))).await);
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    let only = std::slice::from_ref(&edited);
    assert_eq!(items, only);
    assert_eq!(world.list(&*place, ReadMode::Full).await.unwrap().0, only);
    assert_eq!(world.item(&*place, &made.id).await, edited);
    assert_eq!(field(&edited, "labels"), json!(["Bug"]));
}

/// Oldest first, so that numbers rise like those of the source.
#[tokio::test]
async fn case_89_a_batch_keeps_its_order() {
    let world = World::new().await;
    let place = world.open().await;
    let writes: Vec<_> =
        (0..50).map(|n| create(&format!("sl-{n}"), json!({ "title": format!("{n}") }))).collect();
    let outcomes = place.write(&writes, &world.call()).await;
    let keys: Vec<String> = outcomes.into_iter().map(|written| done(written).key.unwrap()).collect();
    assert_eq!(keys, (1..=50).map(|n| format!("ENG-{n}")).collect::<Vec<_>>());
}
