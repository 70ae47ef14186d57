//! Looking for markers: after a crash, and after a restore.

use serde_json::{Value as Json, json};
use syncline_engine::ports::ReadMode;

use crate::world::{World, create, done};

/// The issue is not among the youngest any more.
#[tokio::test]
async fn a_marker_is_found_on_any_page() {
    let world = World::new().await;
    let made = done(world.write(&*world.open().await, create("sl-a", json!({ "title": "T" }))).await);
    world.control("POST", "/github/repos/acme/web/seed", json!({ "items": 250 }));
    for number in 2..200 {
        world.person_edits(&number.to_string(), json!({ "updated_at": "2020-01-01T00:00:00Z" }));
    }
    let place = world.open().await;
    assert_eq!(world.probe(&*place, &["sl-none", "sl-a"]).await, [None, Some(made.id)]);
}

/// After a whole reading the issues are not read again for each call.
#[tokio::test]
async fn a_whole_reading_knows_all_markers() {
    let world = World::new().await;
    world.control("POST", "/github/repos/acme/web/seed", json!({ "items": 500, "every": 60 }));
    let made = done(world.write(&*world.open().await, create("sl-a", json!({ "title": "T" }))).await);
    let place = world.open().await;
    world.list(&*place, ReadMode::Full).await.unwrap();
    world.forget();
    assert_eq!(world.probe(&*place, &["sl-none", "sl-a"]).await, [None, Some(made.id.clone())]);
    assert_eq!(world.requests().len(), 2, "{:?}", world.requests());
    world.control("DELETE", &format!("/github/repos/acme/web/issues/{}", made.id), Json::Null);
    assert_eq!(world.probe(&*place, &["sl-a"]).await, [None]);
}

#[tokio::test]
async fn an_empty_repository_has_no_markers() {
    let world = World::new().await;
    let place = world.open().await;
    assert_eq!(world.probe(&*place, &["sl-a"]).await, [None]);
    assert_eq!(world.probe(&*place, &[]).await, Vec::<Option<String>>::new());
}
