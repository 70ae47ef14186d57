//! Area B: moves, deletes, lost access.

use serde_json::{Value as Json, json};
use syncline_engine::ports::{ErrorKind, ErrorScope, Found, ReadMode};

use crate::world::{World, field, refused, update};

/// Elsewhere is out of scope; back in the repository, the issue has another number and is told to have moved.
#[tokio::test]
async fn case_22_issue_transferred_and_back() {
    let world = World::new().await;
    world.control(
        "POST",
        "/github/repos",
        json!({ "owner": "acme", "name": "other", "members": { "ada": "admin" } }),
    );
    let id = world.person_creates(json!({ "title": "T", "body": "B" }));
    let place = world.open().await;
    let moved = world.transfer(&id, "acme/other")["number"].to_string();
    assert_eq!(world.fetch(&*place, &id).await, Ok(Found::OutOfScope));
    let (items, end) = world.list(&*place, ReadMode::Full).await.unwrap();
    assert!(items.is_empty() && end.complete);
    let error = refused(world.write(&*place, update(&id, json!({ "title": "U" }))).await);
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::NotFound, "issue #1 of acme/web: it was transferred")
    );

    world.control(
        "POST",
        &format!("/github/repos/acme/other/issues/{moved}/transfer"),
        json!({ "to": "acme/web" }),
    );
    let Ok(Found::Moved { id: now, item }) = world.fetch(&*place, &id).await else { panic!("moved") };
    assert_ne!(now, id);
    assert_eq!((&item.id, field(&item, "title")), (&now, json!("T")));
}

/// An issue that was just transferred has no body yet; here it is out of scope, so nothing is taken from it.
#[tokio::test]
async fn case_23_transferred_issue_looks_empty_at_first() {
    let world = World::new().await;
    world.switch(json!({ "transfer_empty_reads": 3 }));
    let id = world.person_creates(json!({ "title": "T", "body": "B" }));
    let place = world.open().await;
    world.control(
        "POST",
        "/github/repos",
        json!({ "owner": "acme", "name": "other", "members": { "ada": "admin" } }),
    );
    world.transfer(&id, "acme/other");
    assert_eq!(world.fetch(&*place, &id).await, Ok(Found::OutOfScope));
}

/// One of several repositories is dead; the others are read.
#[tokio::test]
async fn case_29_one_dead_container() {
    let world = World::new().await;
    world.person_creates(json!({ "title": "T" }));
    world.control("DELETE", "/github/repos/acme/secret", Json::Null);
    let dead = world.open_with(json!({ "repository": "acme/secret" }), &world.account(), &[]).await;
    let error = world.list(&*dead, ReadMode::Full).await.unwrap_err();
    assert!(error.message.starts_with("repository acme/secret:") && error.scope == ErrorScope::Endpoint);
    let place = world.open().await;
    assert_eq!(world.list(&*place, ReadMode::Full).await.unwrap().0.len(), 1);
}
