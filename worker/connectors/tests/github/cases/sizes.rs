//! Area F: sizes.

use serde_json::json;
use syncline_engine::{Value, ports::Place};

use crate::world::{World, create, done, field, in_part, refused, update};

/// The oversize text is refused before it is sent; the state is written.
#[tokio::test]
async fn case_68_oversize_text_does_not_hold_the_status() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    let long = "x".repeat(70_000);
    assert!(place.accepts("body", &syncline_engine::Value::Text(long)).is_err());
    // GitHub's own limit may be lower than ours.
    world.switch(json!({ "body_limit": 100 }));
    let change = json!({ "body": "x".repeat(200), "state": "closed" });
    let (item, left_out) = in_part(world.write(&*place, update(&id, change)).await);
    assert_eq!((left_out, field(&item, "state")), (vec!["body".to_owned()], json!("closed")));
}

/// What the text field says of a text.
fn refusal(place: &dyn Place, field: &str, text: &str) -> Option<String> {
    place.accepts(field, &Value::Text(text.to_owned())).err()
}

/// Before it is sent, with the limit and the remedy. What GitHub has is not touched.
#[tokio::test]
async fn case_65_a_description_over_the_limit() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T", "body": "short" }));
    let place = world.open().await;
    let why = refusal(&*place, "body", &"x".repeat(65_537)).unwrap();
    assert!(why.contains("takes 65436 characters, and the text has 65537; shorten it"), "{why}");
    world.forget();
    let error = refused(world.write(&*place, update(&id, json!({ "body": "x".repeat(65_537) }))).await);
    assert!(error.message.contains("shorten it"), "{error}");
    assert_eq!(world.requests(), Vec::<String>::new());
    assert_eq!(world.stored(&id)["body"], "short");
}

/// A character is a character, whatever it is written with.
#[tokio::test]
async fn case_67_long_titles() {
    let world = World::new().await;
    let place = world.open().await;
    for letter in ["x", "ä", "📏"] {
        let title = letter.repeat(256);
        let item = done(
            world.write(&*place, create(&format!("sl-{}", letter.len()), json!({ "title": title }))).await,
        );
        assert_eq!(field(&item, "title"), title);
        let longer = format!("{title}{letter}");
        assert!(refusal(&*place, "title", &longer).unwrap().contains("takes 256 characters"));
        refused(world.write(&*place, update(&item.id, json!({ "title": longer }))).await);
        assert_eq!(world.stored(&item.id)["title"], title);
    }
}
