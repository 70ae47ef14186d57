//! Mentions, references and sizes.

use rstest::rstest;
use serde_json::json;

use crate::world::{World, create, done, field, in_part, update};

/// In a copy a name or a number is one of another place. It comes home as it was.
#[rstest]
#[case("ask @ada, please")]
#[case("see ENG-1 and https://linear.app/acme/issue/ENG-1/parent")]
#[case("hello@acme.example and `@ada ENG-1` stay")]
#[tokio::test]
async fn case_49_and_50_mentions_come_home_and_reach_nobody(#[case] text: &str) {
    let world = World::new().await;
    let place = world.open().await;
    world.person_creates(json!({ "title": "parent" }));
    let made = done(world.write(&*place, create("sl-a", json!({ "title": "T", "description": text }))).await);
    assert_eq!(field(&made, "description"), text);
    let stored = world.stored(&made.id)["description"].as_str().unwrap().replace("`@ada ENG-1`", "");
    assert!(!stored.contains("@ada") && !stored.contains("ENG-1"), "{stored}");
    assert!(!stored.contains("https://linear.app"), "{stored}");
    // Another process, which did not make it.
    let again = world.open().await;
    let edited = format!("{text}\n\nagain @ada");
    let item = done(world.write(&*again, update(&made.id, json!({ "description": edited }))).await);
    assert_eq!(field(&item, "description"), edited);
    assert!(!world.stored(&made.id)["description"].as_str().unwrap().contains("again @ada"));
}

/// A person's own issue keeps what the person wrote, with the mention that Linear made of it.
#[tokio::test]
async fn case_49_a_text_of_ones_own_stays_as_it_is() {
    let world = World::new().await;
    let place = world.open().await;
    let id = world.person_creates(json!({ "title": "T", "description": "ask @bruno" }));
    let stored = world.stored(&id)["description"].clone();
    assert!(stored.as_str().unwrap().contains("/profiles/bruno"), "{stored}");
    assert_eq!(field(&world.item(&*place, &id).await, "description"), stored);
}

/// Inside and outside of code.
#[tokio::test]
async fn case_55_angle_brackets_are_text() {
    let world = World::new().await;
    let place = world.open().await;
    let text = "call `mcp__<server>__<tool>` now";
    let made =
        done(world.write(&*place, create("sl-a", json!({ "title": "T <b>", "description": text }))).await);
    assert_eq!([field(&made, "title"), field(&made, "description")], ["T <b>", text]);
}

/// The close crosses, and only the text is parked: before it is sent if the limit is the reported one, afterwards if it is
/// another one.
#[tokio::test]
async fn case_68_an_oversize_text_does_not_hold_the_status() {
    let world = World::new().await;
    let place = world.open().await;
    let id = world.person_creates(json!({ "title": "T", "description": "short" }));
    let long = "x".repeat(250_001);
    let why = place.accepts("description", &syncline_engine::Value::text(long)).unwrap_err();
    assert!(why.contains("250000 characters"), "{why}");
    world.switch(json!({ "description_limit": 1_000 }));
    let change = json!({ "status": "Done", "description": "x".repeat(2_000) });
    let (item, left_out) = in_part(world.write(&*place, update(&id, change)).await);
    assert_eq!([field(&item, "status"), field(&item, "description")], ["Done", "short"]);
    assert!(left_out.len() == 1 && left_out[0].starts_with("description: "), "{left_out:?}");
}
