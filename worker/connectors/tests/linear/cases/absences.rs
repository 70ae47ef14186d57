//! Moves, deletes, lost access.

use serde_json::json;
use syncline_engine::ports::{ErrorScope, Found, ReadMode};

use crate::world::World;

/// All issues were deleted by somebody. The listing is complete, and the reading names whose it was.
#[tokio::test]
async fn case_28_a_truly_empty_team_is_read_completely() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one" }));
    let place = world.open().await;
    world.person_does(&id, "archive", json!({ "trash": true }));
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!((items.len(), end.complete), (0, true));
    assert!(place.reader(&world.call()).await.unwrap().is_some());
    assert_eq!(world.fetch(&*place, &id).await, Ok(Found::Gone));
}

/// The other teams are read on.
#[tokio::test]
async fn case_29_one_dead_team_is_named() {
    let world = World::new().await;
    let other = world.open_with(json!({ "team": "OPS" }), &world.account(), &[]).await;
    let place = world.open().await;
    world.control("DELETE", "/linear/teams/OPS", json!(null));
    let error = world.list(&*other, ReadMode::Full).await.unwrap_err();
    assert!(error.scope == ErrorScope::Endpoint && error.message.contains("team OPS"), "{error}");
    assert!(world.list(&*place, ReadMode::Full).await.unwrap().1.complete);
}
