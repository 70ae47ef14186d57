//! A server without limits: what is charged, and several writes at once.

use std::{sync::Mutex, time::Instant};

use async_trait::async_trait;
use serde_json::json;
use syncline_connectors::{Account, platform};
use syncline_engine::{
    limits::{Dimension, Lane},
    ports::{Call, Done, Gate, Meter, OpenGate, Pass, Place, ReadMode, Refusal, Write, Written},
};

use crate::world::{Always, World, create, update};

/// Lets everything pass, and notes what it costs.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

#[async_trait]
impl Gate for Notes {
    fn lane(&self) -> Lane {
        Lane::Poll
    }

    async fn ask(&self, costs: &[(&Dimension, f64)]) -> Result<Box<dyn Pass>, Refusal> {
        let names = costs.iter().map(|(dimension, _)| dimension.name.to_string());
        self.0.lock().unwrap().extend(names);
        Ok(Box::new(OpenGate))
    }
}

async fn open(world: &World, keeps_limits: bool) -> Box<dyn Place> {
    let account = Account { keeps_limits, ..world.account() };
    world.open_with(json!({ "repository": "acme/web" }), &account, &[]).await
}

fn creates(name: &str, count: usize) -> Vec<Write> {
    (0..count)
        .map(|at| create(&format!("sl-{name}-{at}"), json!({ "title": format!("{name} {at}") })))
        .collect()
}

#[tokio::test]
async fn only_the_requests_at_once_are_charged() {
    let world = World::new().await;
    for (keeps_limits, charged) in [(false, &["concurrent"][..]), (true, &["concurrent", "core", "points"])] {
        let (gate, meter) = (Notes::default(), Meter::default());
        let call = Call::new(&Always, &gate, &meter, chrono::Utc::now());
        let place = open(&world, keeps_limits).await;
        place.list(ReadMode::Full, None, &call).await.unwrap().next_page(&call).await.unwrap();
        assert_eq!(*gate.0.lock().unwrap(), charged);
        place.write(&creates(&format!("{keeps_limits}"), 1), &call).await;
        let asked = gate.0.lock().unwrap().clone();
        assert_eq!(asked.iter().any(|name| name == "creates-a-minute"), keeps_limits, "{asked:?}");
        assert_eq!(asked.iter().any(|name| name != "concurrent"), keeps_limits, "{asked:?}");
    }
}

#[tokio::test]
async fn writes_go_out_at_once_and_answer_in_their_order() {
    let world = World::new().await;
    world.control("PATCH", "/settings", json!({ "latency_ms": 50 }));
    let mut took = Vec::new();
    for (name, keeps_limits) in [("slow", true), ("fast", false)] {
        let place = open(&world, keeps_limits).await;
        let began = Instant::now();
        let outcomes = place.write(&creates(name, 20), &world.call()).await;
        took.push(began.elapsed());
        for (at, outcome) in outcomes.iter().enumerate() {
            let Written::Done(Done { item: Some(item), .. }) = outcome else { panic!("{outcome:?}") };
            assert_eq!(item.fields["title"].name(), format!("{name} {at}"));
        }
    }
    assert!(took[1] * 2 < took[0], "{took:?}");
    assert_eq!(world.count(), 40);
}

/// Also what was declared without an account holds: an opened place may do less.
#[tokio::test]
async fn updates_go_out_at_once_only_without_limits() {
    let world = World::new().await;
    let declared =
        platform("github").unwrap().declare("issue", &json!({ "repository": "acme/web" })).unwrap();
    for (keeps_limits, most) in [(true, 1), (false, declared.update_batch)] {
        assert_eq!(open(&world, keeps_limits).await.capabilities().update_batch, most);
    }
    assert!(declared.update_batch > 1);
}

/// Issues are read several at once, and after an error of the account no more are asked for.
#[tokio::test]
async fn reading_stops_at_an_error_of_the_account() {
    let world = World::new().await;
    let ids: Vec<String> =
        (0..40).map(|at| world.person_creates(json!({ "title": format!("{at}") }))).collect();
    let place = open(&world, false).await;
    let found = place.fetch(&ids, &world.call()).await;
    assert!(found.iter().zip(&ids).all(|((id, found), asked)| id == asked && found.is_ok()));
    world.control("PATCH", &format!("/github/tokens/{}", world.token), json!({ "revoked": true }));
    world.forget();
    let found = place.fetch(&ids, &world.call()).await;
    assert!(found.len() == 40 && found.iter().all(|(_, found)| found.is_err()));
    assert!(world.requests().len() <= 20, "{}", world.requests().len());
}

/// Two writes of one issue keep their order, and one marker makes one issue.
#[tokio::test]
async fn writes_of_one_issue_are_sent_in_their_order() {
    let world = World::new().await;
    let place = open(&world, false).await;
    let id = world.person_creates(json!({ "title": "T" }));
    world.control("PATCH", "/settings", json!({ "latency_ms": 20 }));
    let mut writes: Vec<Write> =
        (0..8).map(|at| update(&id, json!({ "title": format!("edit {at}") }))).collect();
    writes.extend((0..5).map(|_| create("sl-same", json!({ "title": "once" }))));
    let outcomes = place.write(&writes, &world.call()).await;
    assert!(outcomes.iter().all(Written::is_done), "{outcomes:?}");
    assert_eq!(world.stored(&id)["title"], "edit 7");
    assert_eq!(world.count(), 2);
}

/// What is under way ends, and nothing more is begun.
#[tokio::test]
async fn an_error_of_the_account_stops_what_was_not_sent() {
    let world = World::new().await;
    let place = open(&world, false).await;
    world.fault(json!({ "method": "POST", "path": "/repos/*/*/issues", "nth": 3, "times": 0, "kind": "status", "status": 401 }));
    let outcomes = place.write(&creates("n", 40), &world.call()).await;
    let count = |is: fn(&Written) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    assert_eq!(count(Written::is_done), 2);
    let refused = count(|outcome| matches!(outcome, Written::Refused(_)));
    assert!((1..=12).contains(&refused), "{refused}");
    assert_eq!(count(|outcome| matches!(outcome, Written::NotSent(_))), 38 - refused);
    assert_eq!(world.count(), 2);
}
