//! Looking for markers: after a crash, and after a restore.

use serde_json::json;
use syncline_engine::ports::ReadMode;

use crate::world::{World, create, done};

/// The issue is not among the youngest any more.
#[tokio::test]
async fn a_marker_is_found_on_any_page() {
    let world = World::new().await;
    let made = done(world.write(&*world.open().await, create("sl-a", json!({ "summary": "T" }))).await);
    for _ in 0..150 {
        world.person_creates(json!({ "summary": "later" }));
    }
    let place = world.open().await;
    assert_eq!(world.probe(&*place, &["sl-none", "sl-a"]).await, [None, Some(made.id)]);
}

/// After a whole reading the issues are not read again for each call.
#[tokio::test]
async fn a_whole_reading_knows_all_markers() {
    let world = World::new().await;
    world.seed(json!({ "items": 500, "every": 60 }));
    let made = done(world.write(&*world.open().await, create("sl-a", json!({ "summary": "T" }))).await);
    let place = world.open().await;
    world.list(&*place, ReadMode::Full).await.unwrap();
    world.forget();
    assert_eq!(world.probe(&*place, &["sl-none", "sl-a"]).await, [None, Some(made.id.clone())]);
    assert_eq!(world.requests().len(), 2, "{:?}", world.requests());
    world.person_deletes(&made.id);
    assert_eq!(world.probe(&*place, &["sl-a"]).await, [None]);
}

#[tokio::test]
async fn an_empty_project_has_no_markers() {
    let world = World::new().await;
    let place = world.open().await;
    assert_eq!(world.probe(&*place, &["sl-a"]).await, [None]);
    assert_eq!(world.probe(&*place, &[]).await, Vec::<Option<String>>::new());
}
