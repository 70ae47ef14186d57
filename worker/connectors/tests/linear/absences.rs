//! Issues that are in the trash, in the archive, in another team, or not there.

use serde_json::json;
use syncline_engine::ports::{Found, ReadMode};

use crate::world::{World, titles};

const NOBODY: &str = "3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a";

#[tokio::test]
async fn each_absence_has_its_own_word() {
    let world = World::new().await;
    let ids: Vec<String> = ["trashed", "archived", "moved", "erased", "hidden", "here"]
        .into_iter()
        .map(|title| world.person_creates(json!({ "title": title })))
        .collect();
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    let [trashed, archived, moved, erased, hidden, here] = &ids[..] else { panic!() };
    world.advance(600);
    world.person_does(trashed, "archive", json!({ "trash": true }));
    world.person_does(archived, "archive", json!({}));
    world.person_does(moved, "move", json!({ "team": "OPS" }));
    world.control("DELETE", &format!("/linear/issues/{erased}"), json!(null));
    world.person_does(hidden, "hide", json!({}));
    let mut asked = ids.clone();
    asked.extend([NOBODY.to_owned(), "ENG-1".to_owned()]);
    world.forget();
    let answers = place.fetch(&asked, &world.call()).await;
    assert_eq!(world.operations(), ["Fetch"], "all of them in one request");
    let found: Vec<&str> = answers
        .iter()
        .map(|(_, found)| match found.as_ref().unwrap() {
            Found::Item(_) => "here",
            Found::Gone => "gone",
            Found::OutOfScope => "out of scope",
            Found::NotVisible => "not visible",
            Found::Moved { .. } => "moved",
        })
        .collect();
    let expected = [
        "gone",
        "out of scope",
        "out of scope",
        "not visible",
        "not visible",
        "here",
        "not visible",
        "not visible",
    ];
    assert_eq!(found, expected);
    // A whole listing has what is here; an incremental one tells of the tombstone and of what is in the archive, too.
    let (items, whole) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!((titles(&items), whole.complete), (vec!["here".to_owned()], true));
    let (items, _) = world.list(&*place, ReadMode::Since(end.cursor.unwrap())).await.unwrap();
    let tombstones: Vec<&String> = items.iter().filter(|item| item.deleted).map(|item| &item.id).collect();
    assert_eq!(tombstones, [trashed]);
    let others = items.iter().filter(|item| !item.deleted && !item.out_of_scope);
    assert!(others.clone().count() == 1 && others.clone().all(|item| item.id == *here), "{items:?}");
    assert_eq!(items.iter().filter(|item| item.out_of_scope).count(), 1, "{items:?}");
}

/// What comes back is the same item.
#[tokio::test]
async fn what_comes_back_is_here_again() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one" }));
    let place = world.open().await;
    for (away, back) in [("archive", "unarchive"), ("move", "move")] {
        world.person_does(&id, away, json!({ "team": "OPS" }));
        assert_eq!(world.fetch(&*place, &id).await, Ok(Found::OutOfScope));
        world.person_does(&id, back, json!({ "team": "ENG" }));
        assert_eq!(world.item(&*place, &id).await.id, id);
    }
    // It has another number now, and keeps its id.
    assert_eq!(world.item(&*place, &id).await.key.as_deref(), Some("ENG-2"));
    assert_eq!(place.canonical_id(&id.to_uppercase()), id);
}
