//! Dead secrets, limits, outages, answers that make no sense.

use serde_json::json;
use syncline_engine::ports::{ErrorKind, ErrorScope, ReadMode, Written};

use crate::world::{World, create, update};

#[tokio::test]
async fn a_dead_secret_is_an_error_of_the_account() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one" }));
    let place = world.open().await;
    world.control("PATCH", &format!("/linear/tokens/{}", world.token), json!({ "revoked": true }));
    let mut errors = vec![
        world.list(&*place, ReadMode::Full).await.unwrap_err(),
        world.fetch(&*place, &id).await.unwrap_err(),
        place.reader(&world.call()).await.unwrap_err(),
    ];
    let writes = [update(&id, json!({ "title": "x" })), update(&id, json!({ "title": "y" }))];
    let outcomes = place.write(&writes, &world.call()).await;
    assert!(matches!(outcomes[..], [Written::Refused(_), Written::NotSent(_)]), "{outcomes:?}");
    errors.extend(outcomes.iter().map(|outcome| outcome.error().unwrap().clone()));
    for error in errors {
        assert_eq!((error.kind, error.scope), (ErrorKind::Auth, ErrorScope::Account), "{error}");
        assert!(!error.message.contains(&world.token), "{error}");
    }
}

/// A key that may only read.
#[tokio::test]
async fn a_write_without_the_right_is_refused() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one" }));
    world.control("PATCH", &format!("/linear/tokens/{}", world.token), json!({ "scopes": ["read"] }));
    let place = world.open().await;
    assert_eq!(world.list(&*place, ReadMode::Full).await.unwrap().0.len(), 1);
    for write in [update(&id, json!({ "title": "x" })), create("sl-a", json!({ "title": "x" }))] {
        let outcome = world.write(&*place, write).await;
        let error = outcome.error().unwrap();
        assert!(matches!(outcome, Written::Refused(_)) && error.kind == ErrorKind::Permanent, "{error:?}");
        assert!(error.message.contains("required"), "{error}");
    }
}

#[tokio::test]
async fn an_outage_passes() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one" }));
    let place = world.open().await;
    for status in [500, 502, 503] {
        world.fault(json!({ "kind": "status", "status": status }));
        assert_eq!(world.list(&*place, ReadMode::Full).await.unwrap_err().kind, ErrorKind::Transient);
        world.fault(json!({ "kind": "status", "status": status }));
        let outcome = world.write(&*place, update(&id, json!({ "title": "x" }))).await;
        assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
    }
    assert!(world.list(&*place, ReadMode::Full).await.unwrap().1.complete);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_unknown() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "one" }));
    let place = world.open().await;
    world.fault(json!({ "kind": "truncate" }));
    let outcome = world.write(&*place, update(&id, json!({ "title": "x" }))).await;
    assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
    assert_eq!(world.stored(&id)["title"], "x");
    for body in
        [json!([1]), json!("no"), json!({ "data": null }), json!({ "data": { "teams": 7 } }), json!({})]
    {
        world.fault(json!({ "kind": "status", "status": 200, "body": body }));
        let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient, "{body}: {error}");
        world.fault(json!({ "kind": "status", "status": 200, "body": body }));
        let outcome = world.write(&*place, update(&id, json!({ "title": "x" }))).await;
        assert!(!matches!(outcome, Written::Refused(_)), "{body}: {outcome:?}");
    }
}
