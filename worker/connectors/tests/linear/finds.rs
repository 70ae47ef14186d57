//! Issues by the values of their fields.

use serde_json::{Value as Json, json};
use syncline_engine::{
    ports::{Candidates, MatchKey},
    value::fields_from_json,
};

use crate::world::{World, titles};

async fn find(world: &World, keys: &[Json]) -> Vec<Candidates> {
    let place = world.open().await;
    let keys: Vec<MatchKey> =
        keys.iter().map(|fields| MatchKey { fields: fields_from_json(fields) }).collect();
    place.find(&keys, &world.call()).await.unwrap()
}

#[tokio::test]
async fn twenty_titles_are_one_request() {
    let world = World::new().await;
    for n in 0..30 {
        world.person_creates(json!({ "title": format!("title {n}") }));
    }
    let keys: Vec<Json> = (0..20).map(|n| json!({ "title": format!("title {n}") })).collect();
    world.forget();
    let found = find(&world, &keys).await;
    assert_eq!(world.operations(), ["Fetch"]);
    for (n, candidates) in found.iter().enumerate() {
        assert_eq!((titles(&candidates.items), candidates.complete), (vec![format!("title {n}")], true));
    }
}

#[tokio::test]
async fn several_none_and_what_cannot_be_looked_for() {
    let world = World::new().await;
    world.person_creates(json!({ "title": "twice" }));
    world.person_creates(json!({ "title": "twice" }));
    let gone = world.person_creates(json!({ "title": "gone" }));
    world.person_does(&gone, "archive", json!({ "trash": true }));
    let keys = [
        json!({ "title": "twice" }),
        json!({ "title": "nowhere" }),
        json!({ "title": "gone" }),
        json!({ "identifier": "ENG-2" }),
        json!({ "identifier": "OPS-2" }),
        json!({ "title": null }),
        json!({ "status": "Todo" }),
    ];
    let found: Vec<(usize, bool)> =
        find(&world, &keys).await.into_iter().map(|one| (one.items.len(), one.complete)).collect();
    assert_eq!(found, [(2, true), (0, true), (0, true), (1, true), (0, true), (0, false), (0, false)]);
}

/// What a search cut off may be anywhere.
#[tokio::test]
async fn more_than_a_page_is_not_complete() {
    let world = World::new().await;
    for _ in 0..101 {
        world.person_creates(json!({ "title": "same" }));
    }
    let found = find(&world, &[json!({ "title": "same" }), json!({ "title": "other" })]).await;
    assert!(found.iter().all(|candidates| !candidates.complete));
}
