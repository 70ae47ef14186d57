//! What is not there: deleted, hidden, moved.

use serde_json::{Value as Json, json};
use syncline_engine::ports::{ErrorKind, ErrorScope, Found, ReadMode};

use crate::world::{World, close, done, field, refused, update};

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

/// The token lost its right to a private repository. Nothing is taken for deleted, and the listing fails.
#[tokio::test]
async fn a_lost_permission_is_no_deletion() {
    let world = World::new().await;
    world.control("POST", "/github/repos/acme/secret/issues", json!({ "title": "T" }));
    let scope = json!({ "owner": "acme", "repo": "secret" });
    let place = world.open_with(scope, &world.account_of(&world.token_of("emil")), &[]).await;
    assert!(world.list(&*place, ReadMode::Full).await.unwrap().1.complete);
    world.control("DELETE", "/github/repos/acme/secret/members/emil", Json::Null);
    assert_eq!(world.fetch(&*place, "1").await, Ok(Found::NotVisible));
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    assert_eq!((error.kind, error.scope), (ErrorKind::Permanent, ErrorScope::Endpoint));
    assert_eq!(
        error.message,
        "repository acme/secret: GitHub does not show it: check its name, and that the account's token has access to it"
    );
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
