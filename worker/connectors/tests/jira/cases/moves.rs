//! Issues that move, and tokens that see nothing.

use serde_json::{Value as Json, json};
use syncline_engine::ports::{ErrorKind, Found, ReadMode};

use crate::world::{World, refused, update};

/// The id of an item outlives moves, so a key that comes twice joins nothing.
#[tokio::test]
async fn case_19_a_move_onto_a_known_key_changes_the_key_alone() {
    let world = World::new().await;
    let scope = json!({ "project_key": "OTHER" });
    let here = world.control("POST", "/jira/projects/OTHER/issues", json!({ "summary": "here" }));
    let there = world.person_creates(json!({ "summary": "there" }));
    let place = world.open_with(scope, &world.account(), &[]).await;
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(
        (items[0].id.as_str(), items[0].key.as_deref()),
        (here["id"].as_str().unwrap(), Some("OTHER-1"))
    );
    world.person_moves(&there, "OTHER");
    let item = world.item(&*place, &there).await;
    assert_eq!((item.id.as_str(), item.key.as_deref()), (there.as_str(), Some("OTHER-2")));
    let (items, _) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert_eq!(items.len(), 2);
    // By its former key it is found, too.
    match world.fetch(&*place, "SYNC-1").await {
        Ok(Found::Moved { id, item }) => assert_eq!((id, item.key.as_deref()), (there, Some("OTHER-2"))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn case_20_an_issue_that_moved_away_is_out_of_scope() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    world.person_moves(&id, "OTHER");
    assert_eq!(world.fetch(&*place, &id).await, Ok(Found::OutOfScope));
    for mode in [ReadMode::Full, ReadMode::Since(end.cursor.unwrap())] {
        assert!(world.list(&*place, mode).await.unwrap().0.is_empty());
    }
    world.person_moves(&id, "SYNC");
    assert!(matches!(world.fetch(&*place, &id).await, Ok(Found::Item(_))));
}

/// 200 and empty is no empty project.
#[tokio::test]
async fn case_26_an_expired_token_looks_like_an_empty_site_and_is_none() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    let token = world.token.split_once(':').unwrap().1.to_owned();
    world.control("PATCH", &format!("/jira/tokens/{token}"), json!({ "expires_in": -1 }));
    let listed = world.list(&*place, ReadMode::Full).await;
    assert_eq!(listed.unwrap_err().kind, ErrorKind::Auth);
    assert_eq!(world.fetch(&*place, &id).await.unwrap_err().kind, ErrorKind::Auth);
    assert_eq!(place.reader(&world.call()).await.unwrap_err().kind, ErrorKind::Auth);
}

/// All issues are really deleted.
#[tokio::test]
async fn case_28_an_empty_project_is_read_completely() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    world.person_deletes(&id);
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert!(items.is_empty() && end.complete);
    assert_eq!(place.reader(&world.call()).await.unwrap(), Some(world.person("ada")));
    assert_eq!(world.fetch(&*place, &id).await, Ok(Found::NotVisible), "a 404 proves no deletion");
}

#[tokio::test]
async fn an_issue_that_is_hidden_is_not_visible() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    world.person_edits(&id, json!({ "visible_to": ["ada"] }));
    let place = world.open_as(&world.token_of("bruno")).await;
    assert_eq!(world.fetch(&*place, &id).await, Ok(Found::NotVisible));
    let error = refused(world.write(&*place, update(&id, json!({ "summary": "x" }))).await);
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert_eq!(world.shown(&id, "summary"), Json::from("one"));
}
