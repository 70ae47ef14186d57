//! Looking for issues by their values.

use serde_json::{Value as Json, json};
use syncline_engine::{ports::MatchKey, value::fields_from_json};

use crate::world::World;

fn key(fields: Json) -> MatchKey {
    MatchKey { fields: fields_from_json(&fields) }
}

/// Ten keys are one search.
#[tokio::test]
async fn several_summaries_are_looked_for_at_once() {
    let world = World::new().await;
    let one = world.person_creates(json!({ "summary": "Fix the \"login\" form" }));
    let two = world.person_creates(json!({ "summary": "The export" }));
    world.person_creates(json!({ "summary": "The export, again" }));
    let place = world.open().await;
    world.forget();
    let keys = ["Fix the \"login\" form", "the EXPORT", "Sorting", "***"]
        .map(|text| key(json!({ "summary": text })));
    let found = place.find(&keys, &world.call()).await.unwrap();
    let ids = |at: usize| found[at].items.iter().map(|item| item.id.clone()).collect::<Vec<_>>();
    assert_eq!((ids(0), ids(1), ids(2), ids(3)), (vec![one], vec![two], vec![], vec![]));
    let complete: Vec<bool> = found.iter().map(|one| one.complete).collect();
    assert_eq!(complete, [true, true, true, false]);
    assert_eq!(world.requests(), ["POST /rest/api/3/search/jql"]);
}

#[tokio::test]
async fn a_key_is_found_exactly() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    let found = place.find(&[key(json!({ "key": "sync-1" }))], &world.call()).await.unwrap();
    assert_eq!((found[0].items[0].id.as_str(), found[0].complete), (id.as_str(), true));
}

#[tokio::test]
async fn an_answer_that_was_cut_is_not_complete() {
    let world = World::new().await;
    for _ in 0..120 {
        world.person_creates(json!({ "summary": "The same" }));
    }
    let found =
        world.open().await.find(&[key(json!({ "summary": "The same" }))], &world.call()).await.unwrap();
    assert_eq!((found[0].items.len(), found[0].complete), (100, false));
}
