//! Answers that do not come, tokens that are dead, limits.

use std::time::Duration;

use serde_json::json;
use syncline_engine::ports::{ErrorKind, ErrorScope, Found, ReadMode, Written};

use crate::world::{World, create, done, update};

#[tokio::test]
async fn a_batch_whose_answer_is_lost_is_made_once() {
    let world = World::new().await;
    let place = world.open().await;
    world.list(&*place, ReadMode::Full).await.unwrap();
    world.fault(json!({ "path": "/rest/api/3/issue/bulk", "kind": "reset", "when": "after" }));
    let writes: Vec<_> = (0..3).map(|n| create(&format!("sl-{n}"), json!({ "summary": "T" }))).collect();
    let outcomes = place.write(&writes, &world.call()).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Written::Unknown(_))), "{outcomes:?}");
    assert_eq!(world.count(), 3);
    let again = world.open().await;
    for outcome in again.write(&writes, &world.call()).await {
        done(outcome);
    }
    assert_eq!(world.count(), 3);
}

/// The status stays what it was; what was done before stays done.
#[tokio::test]
async fn an_update_whose_answer_is_lost_is_unknown() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "summary": "one" }));
    let place = world.open().await;
    world.fault(json!({ "method": "PUT", "kind": "hang", "when": "after", "seconds": 5 }));
    let outcome = world.write(&*place, update(&id, json!({ "summary": "two" }))).await;
    assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
    assert_eq!(world.shown(&id, "summary"), "two");
}

#[tokio::test]
async fn an_issue_that_cannot_be_returned_with_others_is_asked_for_alone() {
    let world = World::new().await;
    let ids: Vec<String> = (0..3).map(|_| world.person_creates(json!({ "summary": "T" }))).collect();
    world.person_deletes(&ids[1]);
    let answers = world.open().await.fetch(&ids, &world.call()).await;
    let found: Vec<bool> = answers.iter().map(|(_, found)| matches!(found, Ok(Found::Item(_)))).collect();
    assert_eq!(found, [true, false, true]);
    assert_eq!(answers[1].1, Ok(Found::NotVisible));
}

/// Whatever Jira answers a dead token with.
#[tokio::test]
async fn a_dead_token_is_an_error_of_the_account() {
    for way in ["anonymous", "unauthorized", "forbidden"] {
        let world = World::new().await;
        let id = world.person_creates(json!({ "summary": "one" }));
        let place = world.open().await;
        let (_, end) = world.list(&*place, ReadMode::Full).await.unwrap();
        world.switch(json!({ "dead_token": way }));
        let token = world.token.split_once(':').unwrap().1.to_owned();
        world.control("PATCH", &format!("/jira/tokens/{token}"), json!({ "revoked": true }));
        let mut errors = Vec::new();
        for mode in [ReadMode::Full, ReadMode::Since(end.cursor.unwrap())] {
            errors.push(world.list(&*place, mode).await.unwrap_err());
        }
        errors.push(world.fetch(&*place, &id).await.unwrap_err());
        errors.push(place.reader(&world.call()).await.unwrap_err());
        for write in [update(&id, json!({ "summary": "x" })), create("sl-a", json!({ "summary": "x" }))] {
            errors.push(world.write(&*place, write).await.error().unwrap().clone());
        }
        for error in errors {
            assert_eq!((error.kind, error.scope), (ErrorKind::Auth, ErrorScope::Account), "{way}: {error}");
        }
    }
}

#[tokio::test]
async fn a_project_that_is_not_shown_is_named() {
    let world = World::new().await;
    world.control("POST", "/jira/projects", json!({ "key": "SEC", "members": { "bruno": "admin" } }));
    let scope = json!({ "project_key": "SEC" });
    let place = world.open_with(scope, &world.account_of(&world.token_of("emil")), &[]).await;
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    assert_eq!((error.kind, error.scope), (ErrorKind::Permanent, ErrorScope::Endpoint));
    let told = "project SEC: Jira does not show it to the account acme-jira; check the key, and give the account's user \
                the permission Browse projects there";
    assert_eq!(error.message, told);
    let cursor = json!({ "until": "2026-11-30T12:00:00Z" });
    assert_eq!(world.list(&*place, ReadMode::Since(cursor)).await.unwrap_err().message, told);
    // Where a search finds nothing instead, the end of a whole reading tells.
    world.switch(json!({ "refuse_missing": false }));
    assert!(world.list(&*place, ReadMode::Full).await.unwrap().0.is_empty());
    let error = place.reader(&world.call()).await.unwrap_err();
    assert_eq!((error.scope, error.message.as_str()), (ErrorScope::Endpoint, told));
    world.switch(json!({ "refuse_missing": true }));
    let outcome = world.write(&*place, create("sl-a", json!({ "summary": "x" }))).await;
    assert!(!outcome.is_done() && outcome.error().unwrap().message.contains("SEC"), "{outcome:?}");
}

#[tokio::test]
async fn a_filter_that_jira_does_not_take_is_told() {
    let world = World::new().await;
    let scope = json!({ "project_key": "SYNC", "jql": "colour = red" });
    let place = world.open_with(scope, &world.account(), &[]).await;
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    assert_eq!(error.scope, ErrorScope::Endpoint);
    assert!(error.message.starts_with("project SYNC: Jira refuses the search: "), "{error}");
    assert!(
        error.message.contains("colour") && error.message.ends_with("check the jql of the scope"),
        "{error}"
    );
}

/// Jira tells when the hour of a quota is over, or how long to wait.
#[tokio::test]
async fn a_quota_pauses_the_account_until_it_is_full() {
    let world = World::new().await;
    let place = world.open().await;
    world.limit(json!({ "reason": "jira-quota-tenant-based", "retry_after": 300 }));
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    let ErrorKind::RateLimited { until } = error.kind else { panic!("{error:?}") };
    let wait = (until - chrono::Utc::now()).to_std().unwrap();
    assert!(wait.abs_diff(Duration::from_secs(300)) < Duration::from_secs(5), "{wait:?}");
    assert_eq!(error.scope, ErrorScope::Account);
}
