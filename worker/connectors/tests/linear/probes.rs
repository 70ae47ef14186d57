//! Issues by the markers of their creates.

use serde_json::json;

use crate::world::{World, create, done};

#[tokio::test]
async fn markers_are_looked_for_by_id_in_one_request() {
    let world = World::new().await;
    let place = world.open().await;
    let made = done(world.write(&*place, create("sl-a", json!({ "title": "T" }))).await);
    world.control("POST", "/linear/teams/ENG/seed", json!({ "items": 150 }));
    let again = world.open().await;
    world.forget();
    let found = world.probe(&*again, &["sl-b", "sl-a"]).await;
    assert_eq!(found, [None, Some(made.id.clone())]);
    assert_eq!(world.operations(), ["Fetch"]);
    // It is still the one that was made if it is elsewhere now, and not if somebody threw it away.
    world.person_does(&made.id, "move", json!({ "team": "OPS" }));
    assert_eq!(world.probe(&*again, &["sl-a"]).await, [Some(made.id.clone())]);
    world.person_does(&made.id, "archive", json!({ "trash": true }));
    assert_eq!(world.probe(&*again, &["sl-a"]).await, [None]);
}
