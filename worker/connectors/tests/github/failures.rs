//! Limits, credentials, outages, answers that cannot be read.

use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{TimeDelta, Utc};
use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    limits::{Dimension, Lane},
    ports::{
        Call, ConnectorError, ErrorKind, ErrorScope, Gate, MatchKey, OpenGate, Pass, ReadMode, Refusal,
        Written,
    },
};

use crate::world::{World, create, done, update};

/// How long to wait, in seconds.
#[track_caller]
fn wait(error: &ConnectorError) -> i64 {
    match error.kind {
        ErrorKind::RateLimited { until } => (until - Utc::now() + TimeDelta::milliseconds(500)).num_seconds(),
        other => panic!("{other:?}: {error}"),
    }
}

#[rstest]
#[case(json!({ "kind": "rate_limit", "status": 429, "retry_after": 300 }), 299..=301)]
#[case(json!({ "kind": "rate_limit", "status": 403, "retry_after": 90 }), 89..=91)]
#[case(json!({ "kind": "rate_limit", "status": 403, "retry_after": null }), 59..=61)]
#[case(json!({ "kind": "status", "status": 429, "body": {} }), 59..=61)]
#[case(json!({ "kind": "rate_limit", "limit": "primary", "status": 403 }), 1..=3_601)]
#[case(json!({ "kind": "rate_limit", "limit": "primary", "status": 429 }), 1..=3_601)]
#[tokio::test]
async fn limits_say_when_to_go_on(#[case] fault: Json, #[case] seconds: std::ops::RangeInclusive<i64>) {
    let world = World::new().await;
    let place = world.open().await;
    world.fault(fault);
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    assert!(seconds.contains(&wait(&error)), "{} {error}", wait(&error));
    assert_eq!(error.scope, ErrorScope::Account);
}

/// The token may read this repository only.
#[tokio::test]
async fn a_token_without_the_permission_stops_the_batch() {
    let world = World::new().await;
    let made = world.control(
        "POST",
        "/github/tokens",
        json!({ "account": "ada", "kind": "fine_grained", "permissions": { "issues": "read", "metadata": "read" } }),
    );
    let place = world.open_as(made["token"].as_str().unwrap()).await;
    let writes = ["sl-a", "sl-b"].map(|text| create(text, json!({ "title": "T" })));
    let outcomes = place.write(&writes, &world.call()).await;
    let [Written::Refused(error), Written::NotSent(_)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((error.kind, error.scope), (ErrorKind::Permanent, ErrorScope::Endpoint));
    assert!(error.message.contains("give the token access"), "{error}");
}

#[rstest]
#[case(500, ErrorScope::Item)]
#[case(502, ErrorScope::Endpoint)]
#[case(503, ErrorScope::Endpoint)]
#[tokio::test]
async fn an_outage_passes(#[case] status: u16, #[case] scope: ErrorScope) {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    world.fault(json!({ "kind": "status", "status": status, "times": 1 }));
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    assert_eq!((error.kind, error.scope), (ErrorKind::Transient, scope));
    // The server failed while it worked on a write.
    world.fault(json!({ "method": "PATCH", "kind": "status", "status": status }));
    let outcome = world.write(&*place, update(&id, json!({ "title": "U" }))).await;
    assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
    done(world.write(&*place, update(&id, json!({ "title": "U" }))).await);
}

#[rstest]
#[case(json!({ "kind": "truncate", "keep": 0.4 }))]
#[case(json!({ "kind": "hang", "when": "after" }))]
#[case(json!({ "kind": "reset", "when": "after" }))]
#[case(json!({ "kind": "status", "status": 200, "body": "<html>" }))]
#[tokio::test]
async fn an_answer_that_cannot_be_read_is_no_answer(#[case] fault: Json) {
    let world = World::new().await;
    let id = world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    let on = |method: &str| {
        let mut fault = fault.clone();
        fault["method"] = json!(method);
        fault
    };
    world.fault(on("GET"));
    let error = world.list(&*place, ReadMode::Full).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient, "{error}");
    world.fault(on("PATCH"));
    let outcome = world.write(&*place, update(&id, json!({ "title": "U" }))).await;
    assert!(matches!(outcome, Written::Unknown(_)), "{outcome:?}");
}

/// A redirect that names no address, and one to another server, which must not get the token.
#[tokio::test]
async fn redirects_lead_nowhere_else() {
    let world = World::new().await;
    let place = world.open().await;
    world.fault(json!({ "kind": "status", "status": 301, "times": 0 }));
    let listed = world.list(&*place, ReadMode::Full).await.unwrap_err();
    let fetched = world.fetch(&*place, "1").await.unwrap_err();
    for error in [listed, fetched] {
        assert_eq!((error.kind, error.scope), (ErrorKind::Permanent, ErrorScope::Endpoint), "{error}");
    }
}

/// Remembers what requests cost, and refuses creates.
#[derive(Default)]
struct Counting(Mutex<Vec<String>>);

#[async_trait]
impl Gate for Counting {
    fn lane(&self) -> Lane {
        Lane::Poll
    }

    async fn ask(&self, costs: &[(&Dimension, f64)]) -> Result<Box<dyn Pass>, Refusal> {
        let costs: Vec<String> = costs.iter().map(|(one, amount)| format!("{} {amount}", one.name)).collect();
        let creates = costs.iter().any(|cost| cost.starts_with("creates"));
        self.0.lock().unwrap().push(costs.join(", "));
        if creates {
            let until = Utc::now() + TimeDelta::seconds(30);
            return Err(Refusal { until, why: "too many creates".to_owned() });
        }
        Ok(Box::new(OpenGate))
    }
}

#[tokio::test]
async fn the_gate_is_asked_for_each_request() {
    let world = World::new().await;
    world.person_creates(json!({ "title": "T" }));
    let place = world.open().await;
    let gate = Counting::default();
    let call = Call { gate: &gate, ..world.call() };
    place.fetch(&["1".to_owned()], &call).await;
    place.write(&[update("1", json!({ "title": "U" }))], &call).await;
    let fields = syncline_engine::value::fields_from_json(&json!({ "title": "U" }));
    place.find(&[MatchKey { fields }], &call).await.unwrap();
    let outcomes =
        place.write(&["sl-a", "sl-b"].map(|text| create(text, json!({ "title": "T" }))), &call).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Written::NotSent(_))), "{outcomes:?}");
    assert!((29..=31).contains(&wait(outcomes[0].error().unwrap())));
    assert_eq!(world.count(), 1);
    assert_eq!(
        *gate.0.lock().unwrap(),
        [
            "concurrent 1, core 1, points 1",
            "concurrent 1, core 1, points 5",
            "concurrent 1, search 1",
            "concurrent 1, core 1, points 1",
            "concurrent 1, core 1, points 5, creates-a-minute 1, creates-an-hour 1",
        ]
    );
}
