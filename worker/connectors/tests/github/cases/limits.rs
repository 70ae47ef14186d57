//! Area J: rate limits.

use chrono::{TimeDelta, Utc};
use serde_json::json;
use syncline_engine::ports::{ConnectorError, ErrorKind, ErrorScope, ReadMode, Written};
use syncline_simulator::{Limits, Settings};

use crate::world::{World, create, delete, done, refused, update};

/// How long to wait, in seconds.
#[track_caller]
fn wait(error: &ConnectorError) -> i64 {
    match error.kind {
        ErrorKind::RateLimited { until } => (until - Utc::now() + TimeDelta::milliseconds(500)).num_seconds(),
        other => panic!("{other:?}: {error}"),
    }
}

/// After too many creates GitHub refuses further ones, and nothing is doubled or lost.
#[tokio::test]
async fn case_115_content_creation_limit() {
    for status in [403, 429] {
        let world = World::with(Settings { limits: Limits::Real, ..Settings::default() }).await;
        world.switch(json!({ "creates_a_minute": 3, "limit_status": status }));
        let place = world.open().await;
        let writes: Vec<_> =
            (0..6).map(|at| create(&format!("sl-{at}"), json!({ "title": format!("{at}") }))).collect();
        let outcomes = place.write(&writes, &world.call()).await;
        assert!(outcomes[..3].iter().all(Written::is_done));
        let Written::Refused(error) = &outcomes[3] else { panic!("{:?}", outcomes[3]) };
        assert_eq!((wait(error), error.scope), (60, ErrorScope::Endpoint));
        assert!(outcomes[4..].iter().all(|outcome| matches!(outcome, Written::NotSent(_))));
        // Edits are not blocked.
        done(world.write(&*place, update("1", json!({ "title": "edited" }))).await);
        world.advance(61);
        let outcomes = place.write(&writes[3..], &world.call()).await;
        assert!(outcomes.iter().all(Written::is_done), "{outcomes:?}");
        assert_eq!(world.count(), 6);
    }
}

/// GraphQL answers 200, and says in the body that a limit was met.
#[tokio::test]
async fn case_112_a_limit_in_disguise() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    let body = json!({ "errors": [{ "type": "RATE_LIMITED", "message": "API rate limit exceeded" }] });
    world.fault(json!({ "path": "/graphql", "kind": "status", "status": 200, "body": body }));
    let error = refused(world.write(&*place, delete(&id)).await);
    assert_eq!((wait(&error), error.scope), (60, ErrorScope::Account));
    assert_eq!(world.count(), 1);
    done(world.write(&*place, delete(&id)).await);
}

/// It is waited for in full.
#[tokio::test]
async fn case_116_a_wait_longer_than_a_minute() {
    let world = World::new().await;
    let place = world.open().await;
    world.fault(json!({ "kind": "rate_limit", "status": 429, "retry_after": 300 }));
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    assert_eq!((wait(&error), error.scope), (300, ErrorScope::Account));
}

/// Too many creates stop creates, too much of anything stops the account, and a refusal is about one issue.
#[tokio::test]
async fn case_119_react_by_reason() {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    let text = |text: &str| json!({ "message": text });
    for (message, scope) in [
        (
            "You have exceeded a secondary rate limit and have been temporarily blocked from content creation.",
            ErrorScope::Endpoint,
        ),
        (
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            ErrorScope::Account,
        ),
        ("Must have admin rights to Repository.", ErrorScope::Item),
    ] {
        world.fault(json!({ "method": "PATCH", "kind": "status", "status": 403, "body": text(message) }));
        let error = refused(world.write(&*place, update(&id, json!({ "title": "U" }))).await);
        assert_eq!(error.scope, scope, "{error}");
        assert_eq!(matches!(error.kind, ErrorKind::RateLimited { .. }), scope != ErrorScope::Item, "{error}");
    }
}
