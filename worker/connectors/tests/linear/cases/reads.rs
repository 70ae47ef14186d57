//! Changes that a list shows late.

use serde_json::json;
use syncline_engine::ports::ReadMode;

use crate::world::World;

/// An issue appears four minutes after the time that it bears. Each poll is one request, before and after.
#[tokio::test]
async fn case_106_late_index() {
    let world = World::new().await;
    world.person_creates(json!({ "title": "on time" }));
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let mut cursor = end.cursor.unwrap();
    let time = (chrono::Utc::now() - chrono::TimeDelta::minutes(4)).to_rfc3339();
    let late = world.person_creates(json!({ "title": "late", "created_at": time, "updated_at": time }));
    let mut found = Vec::new();
    for wait in [0, 600, 0] {
        world.advance(wait);
        let place = world.open().await;
        world.forget();
        let (items, end) = world.list(&*place, ReadMode::Since(cursor)).await.unwrap();
        assert_eq!(world.operations().len(), 1, "{:?}", world.operations());
        found.push(items.iter().any(|item| item.id == late));
        cursor = end.cursor.unwrap();
    }
    assert_eq!((found[0], found[2]), (true, false), "{found:?}");
}
