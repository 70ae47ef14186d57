//! What is not there: deleted, hidden, moved.

use serde_json::{Value as Json, json};
use syncline_engine::ports::{ErrorKind, ErrorScope, Found, ReadMode};

use crate::world::{World, close, done, refused, update};

#[tokio::test]
async fn a_deleted_issue_is_gone() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    world.control("DELETE", &format!("/github/repos/acme/web/issues/{id}"), Json::Null);
    assert_eq!(world.fetch(&*place, &id).await, Ok(Found::Gone));
    let error = refused(world.write(&*place, update(&id, json!({ "title": "U" }))).await);
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(done(world.write(&*place, close(&id)).await).deleted);
}

#[tokio::test]
async fn what_is_not_shown_is_not_gone() {
    let world = World::new().await;
    let place = world.open().await;
    for id in ["4711", "no number"] {
        assert_eq!(world.fetch(&*place, id).await, Ok(Found::NotVisible));
    }
    world.person_creates(json!({ "title": "pull request", "pull_request": true }));
    assert_eq!(world.fetch(&*place, "1").await, Ok(Found::OutOfScope));
}

/// All issues answer as if they were deleted, and none is.
#[tokio::test]
async fn disabled_issues_are_no_deletion() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    world.control("PATCH", "/github/repos/acme/web", json!({ "has_issues": false }));
    for error in
        [world.fetch(&*place, &id).await.unwrap_err(), world.list(&*place, ReadMode::Full).await.unwrap_err()]
    {
        assert_eq!((error.kind, error.scope), (ErrorKind::Permanent, ErrorScope::Endpoint), "{error}");
        assert!(error.message.contains("its issues are disabled"), "{error}");
    }
}

/// The other repository is hidden from the token.
#[tokio::test]
async fn a_transfer_to_where_nothing_is_shown_is_not_gone() {
    let world = World::new().await;
    world.control("POST", "/github/repos", json!({ "owner": "acme", "name": "hidden", "private": true }));
    world.control("PATCH", "/github/repos/acme/web", json!({ "private": true }));
    let id = world.person_creates(json!({ "title": "T" }));
    world.transfer(&id, "acme/hidden");
    let place = world.open_as(&world.token_of("emil")).await;
    assert_eq!(world.fetch(&*place, &id).await, Ok(Found::NotVisible));
}

#[tokio::test]
async fn many_are_fetched_and_each_has_its_own_answer() {
    let world = World::new().await;
    for title in ["one", "two", "three"] {
        world.person_creates(json!({ "title": title }));
    }
    world.control("DELETE", "/github/repos/acme/web/issues/2", Json::Null);
    world.fault(
        json!({ "method": "GET", "path": "/repos/acme/web/issues/3", "kind": "status", "status": 500 }),
    );
    let place = world.open().await;
    let ids: Vec<String> = ["1", "2", "3", "99", "#1"].map(str::to_owned).to_vec();
    let answers = place.fetch(&ids, &world.call()).await;
    assert_eq!(answers.iter().map(|(id, _)| id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    assert!(matches!(&answers[0].1, Ok(Found::Item(item)) if item.id == "1"));
    assert_eq!(answers[1].1, Ok(Found::Gone));
    assert_eq!(answers[2].1.as_ref().unwrap_err().kind, ErrorKind::Transient);
    assert_eq!(answers[3].1, Ok(Found::NotVisible));
    assert!(matches!(&answers[4].1, Ok(Found::Item(item)) if item.id == "1"));
}

/// The remaining ids are not asked for.
#[tokio::test]
async fn an_error_of_the_account_ends_a_fetch() {
    let world = World::new().await;
    let place = world.open().await;
    world.control("PATCH", &format!("/github/tokens/{}", world.token), json!({ "revoked": true }));
    world.forget();
    let ids: Vec<String> = (1..=40).map(|number| number.to_string()).collect();
    let answers = place.fetch(&ids, &world.call()).await;
    assert_eq!(answers.len(), 40);
    assert!(answers.iter().all(|(_, answer)| answer.as_ref().unwrap_err().kind == ErrorKind::Auth));
    assert!(world.requests().len() <= 4);
}
