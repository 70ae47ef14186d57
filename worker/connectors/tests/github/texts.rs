//! Bodies and titles: line ends, the marker, sizes, every script.

use serde_json::json;

use crate::world::{World, create, done, field, update};

#[tokio::test]
async fn line_ends_are_one_kind() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T", "body": "one\ntwo" }));
    assert_eq!(world.stored(&id)["body"], "one\r\ntwo");
    let place = world.open().await;
    assert_eq!(field(&world.item(&*place, &id).await, "body"), "one\ntwo");
    let item = done(world.write(&*place, update(&id, json!({ "body": "one\r\ntwo" }))).await);
    assert_eq!(field(&item, "body"), "one\ntwo");
    let item = done(world.write(&*place, update(&id, json!({ "body": "one\r\nthree\r\n" }))).await);
    assert_eq!(field(&item, "body"), "one\nthree\n");
}

/// People edit the text around the comment; it stays, is never doubled, and nobody reads it.
#[tokio::test]
async fn the_marker_survives_edits_on_both_sides() {
    let world = World::new().await;
    let place = world.open().await;
    let id = done(world.write(&*place, create("sl-a", json!({ "title": "T", "body": "one" }))).await).id;
    let body = world.stored(&id)["body"].as_str().unwrap().replace("one", "two");
    world.person_edits(&id, json!({ "body": format!("{body}\nbelow") }));
    assert_eq!(field(&world.item(&*place, &id).await, "body"), "two\nbelow");
    for text in ["three", "four <!-- syncline:sl-b -->", ""] {
        done(world.write(&*place, update(&id, json!({ "body": text }))).await);
        let stored = world.stored(&id)["body"].as_str().unwrap().to_owned();
        assert_eq!(stored.matches("<!-- syncline:").count(), 1, "{stored}");
        assert!(stored.ends_with("<!-- syncline:sl-a -->"), "{stored}");
    }
    assert_eq!(world.probe(&*world.open().await, &["sl-a"]).await, [Some(id)]);
}

#[tokio::test]
async fn a_marker_that_a_person_removed_is_written_again() {
    let world = World::new().await;
    let place = world.open().await;
    let id = done(world.write(&*place, create("sl-a", json!({ "title": "T", "body": "one" }))).await).id;
    world.person_edits(&id, json!({ "body": "two" }));
    assert_eq!(field(&world.item(&*place, &id).await, "body"), "two");
    done(world.write(&*place, update(&id, json!({ "body": "three" }))).await);
    assert_eq!(world.stored(&id)["body"], "three\n\n<!-- syncline:sl-a -->");
    // A place that never saw it does not know it, and writes the text alone.
    world.person_edits(&id, json!({ "body": "four" }));
    done(world.write(&*world.open().await, update(&id, json!({ "body": "five" }))).await);
    assert_eq!(world.stored(&id)["body"], "five");
}

#[tokio::test]
async fn the_longest_body_fits_with_its_marker() {
    let world = World::new().await;
    let place = world.open().await;
    for letter in ["x", "ä", "📏"] {
        let mut longest = 65_536;
        let text = |length: usize| syncline_engine::Value::Text(letter.repeat(length));
        while place.accepts("body", &text(longest)).is_err() {
            longest -= 1;
        }
        assert!(longest > 65_000);
        let marker = format!("sl-abcdefghijklmnopqrstuvwx{}", letter.len());
        let fields = json!({ "title": "T", "body": letter.repeat(longest) });
        let item = done(world.write(&*place, create(&marker, fields)).await);
        assert_eq!(item.fields["body"], text(longest));
    }
}
