//! Descriptions: what Linear makes of them, and what of it is a change.

use serde_json::json;

use crate::world::{World, create, done, field, in_part, update};

/// What comes back is what is stored from then on.
#[tokio::test]
async fn the_answer_has_the_text_as_linear_stores_it() {
    let world = World::new().await;
    let place = world.open().await;
    let text = "* one\n* two\n\n\n\nlast  ";
    let made = done(world.write(&*place, create("sl-a", json!({ "title": "T", "description": text }))).await);
    assert_ne!(field(&made, "description"), text, "Linear writes lists in its own way");
    assert_eq!(world.item(&*place, &made.id).await, made);
    // Written again, it stays.
    let same = update(&made.id, json!({ "description": field(&made, "description") }));
    assert_eq!(field(&done(world.write(&*place, same).await), "description"), field(&made, "description"));
}

#[tokio::test]
async fn line_ends_are_unified_and_nothing_is_no_text() {
    let world = World::new().await;
    world.switch(json!({ "rewrite_markdown": false }));
    let place = world.open().await;
    let id = world.person_creates(json!({ "title": "one" }));
    let change = |text: serde_json::Value| update(&id, json!({ "description": text }));
    let item = done(world.write(&*place, change(json!("one\r\ntwo"))).await);
    assert_eq!(field(&item, "description"), "one\ntwo");
    for nothing in [json!(""), json!(null)] {
        done(world.write(&*place, change(json!("text"))).await);
        assert_eq!(field(&done(world.write(&*place, change(nothing)).await), "description"), json!(null));
    }
}

/// Linear's limit may be another one than is reported.
#[tokio::test]
async fn a_text_that_linear_finds_too_long_is_left_out() {
    let world = World::new().await;
    world.switch(json!({ "description_limit": 10 }));
    let place = world.open().await;
    let long = json!({ "title": "T", "description": "longer than that", "status": "Done" });
    let (made, left_out) = in_part(world.write(&*place, create("sl-a", long.clone())).await);
    assert!(left_out.len() == 1 && left_out[0].starts_with("description: "), "{left_out:?}");
    assert_eq!(field(&made, "status"), "Done");
    let (item, left_out) = in_part(world.write(&*place, update(&made.id, long)).await);
    assert_eq!((left_out.len(), field(&item, "title")), (1, json!("T")));
}
