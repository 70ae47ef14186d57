//! Limits of Jira, by their reasons.

use serde_json::json;
use syncline_engine::ports::{ErrorKind, ErrorScope, ReadMode};

use crate::world::{World, done, update};

#[tokio::test]
async fn case_119_each_limit_holds_for_what_its_reason_says() {
    let world = World::new().await;
    let one = world.person_creates(json!({ "summary": "one" }));
    let two = world.person_creates(json!({ "summary": "two" }));
    let place = world.open().await;
    // Writes to one issue came too fast: it waits, and the others go on.
    world.limit(json!({ "reason": "jira-per-issue-on-write", "retry_after": 2 }));
    let outcome = world.write(&*place, update(&one, json!({ "summary": "x" }))).await;
    let error = outcome.error().unwrap();
    assert_eq!(
        (error.kind, error.scope, error.stops_the_batch()),
        (ErrorKind::Transient, ErrorScope::Item, false)
    );
    done(world.write(&*place, update(&two, json!({ "summary": "x" }))).await);
    for (reason, scope) in [
        ("jira-burst-based", ErrorScope::Endpoint),
        ("jira-quota-tenant-based", ErrorScope::Account),
        ("jira-quota-global-based", ErrorScope::Account),
    ] {
        world.limit(json!({ "reason": reason, "retry_after": 7 }));
        let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
        assert!(
            matches!(error.kind, ErrorKind::RateLimited { .. }) && error.scope == scope,
            "{reason}: {error:?}"
        );
        assert!(error.message.contains(reason), "{error}");
    }
}
