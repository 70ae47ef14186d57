//! Area A: creating, echo, loops.

use serde_json::json;
use syncline_engine::ports::{ReadMode, Written};

use crate::world::{World, create, done, update};

/// The answer is lost; the issue is there, and is adopted by its marker.
#[tokio::test]
async fn case_2_create_answered_too_late() {
    for kind in ["hang", "reset"] {
        let world = World::new().await;
        let place = world.open().await;
        world.fault(json!({ "method": "POST", "path": "/repos/*/*/issues", "kind": kind, "when": "after" }));
        let outcome = world.write(&*place, create("sl-a", json!({ "title": "T" }))).await;
        assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
        // The process starts anew, and search is behind.
        let place = world.open().await;
        let found = world.probe(&*place, &["sl-b", "sl-a"]).await;
        assert_eq!(found, [None, Some("1".to_owned())]);
        assert_eq!(done(world.write(&*place, create("sl-a", json!({ "title": "T" }))).await).id, "1");
        assert_eq!(world.count(), 1);
    }
}

/// Search is behind, and the probe does not use it.
#[tokio::test]
async fn case_4_probe_survives_index_lag() {
    let world = World::new().await;
    world.switch(json!({ "search_lag_ms": 60_000 }));
    let place = world.open().await;
    world.fault(json!({ "method": "POST", "path": "/repos/*/*/issues", "kind": "reset", "when": "after" }));
    world.write(&*place, create("sl-a", json!({ "title": "T" }))).await;
    assert_eq!(world.probe(&*place, &["sl-a"]).await, [Some("1".to_owned())]);
}

/// A second reading of what was written is not a change.
#[tokio::test]
async fn case_10_push_then_pull_is_nothing() {
    let world = World::new().await;
    let place = world.open().await;
    let fields =
        json!({ "title": "  T  ", "body": "one\r\ntwo\n", "labels": ["BUG", "new"], "assignees": ["ADA"] });
    let made = done(world.write(&*place, create("sl-a", fields.clone())).await);
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items, std::slice::from_ref(&made));
    assert_eq!(done(world.write(&*place, update(&made.id, fields)).await).fields, made.fields);
}
