//! Looking for items by values.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    ports::{Candidates, MatchKey, Place},
    value::fields_from_json,
};

use crate::world::World;

async fn find(world: &World, place: &dyn Place, key: Json) -> Candidates {
    let keys = [MatchKey { fields: fields_from_json(&key) }];
    let mut found = place.find(&keys, &world.call()).await.unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn titles(found: &Candidates) -> Vec<String> {
    found.items.iter().map(|item| item.fields["title"].name()).collect()
}

#[tokio::test]
async fn issues_are_found_by_title() {
    let world = World::new().await;
    world.person_creates(json!({ "title": "Fix \"the\" login: now", "state": "closed" }));
    world.person_creates(json!({ "title": "Another", "body": "Fix the login now" }));
    world.person_creates(json!({ "title": "Fix the login now", "pull_request": true }));
    world.control("POST", "/github/repos/acme/secret/issues", json!({ "title": "Fix the login now" }));
    world.advance(10);
    let place = world.open().await;
    let found = find(&world, &*place, json!({ "title": "Fix \"the\" login: now" })).await;
    assert_eq!((titles(&found), found.complete), (vec!["Fix \"the\" login: now".to_owned()], true));
    let none = find(&world, &*place, json!({ "title": "nothing like it" })).await;
    assert_eq!((none.items.len(), none.complete), (0, true));
}

#[rstest]
#[case(json!({ "labels": ["bug"] }))]
#[case(json!({ "title": "!?" }))]
#[case(json!({ "title": null }))]
#[tokio::test]
async fn what_cannot_be_looked_for_is_not_known(#[case] key: Json) {
    let world = World::new().await;
    let place = world.open().await;
    world.forget();
    let found = find(&world, &*place, key).await;
    assert_eq!((found.items.len(), found.complete), (0, false));
    assert_eq!(world.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn an_answer_that_was_cut_is_not_complete() {
    let world = World::new().await;
    for _ in 0..120 {
        world.person_creates(json!({ "title": "the same title" }));
    }
    world.advance(10);
    let place = world.open().await;
    assert!(!find(&world, &*place, json!({ "title": "the same title" })).await.complete);
    world.switch(json!({ "search_incomplete": true }));
    assert!(!find(&world, &*place, json!({ "title": "another" })).await.complete);
}

#[tokio::test]
async fn a_number_is_found_exactly() {
    let world = World::new().await;
    world.person_creates(json!({ "title": "one" }));
    let place = world.open().await;
    let found = find(&world, &*place, json!({ "number": 1 })).await;
    assert_eq!((titles(&found), found.complete), (vec!["one".to_owned()], true));
    let none = find(&world, &*place, json!({ "number": 2 })).await;
    assert_eq!((none.items.len(), none.complete), (0, true));
}
