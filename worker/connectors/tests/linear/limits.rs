//! Requests and complexity: what the gate is asked for, and what a limit says.

use std::{pin::Pin, sync::Mutex};

use async_trait::async_trait;
use serde_json::json;
use syncline_engine::{
    limits::{CallResult, Dimension, Lane, Learned},
    ports::{Call, Gate, MatchKey, Pass, Place, ReadMode, Refusal, Write, Written},
    value::fields_from_json,
};
use syncline_simulator::{Limits, Settings};

use crate::world::{World, create, update};

/// Lets everything pass, and notes what is asked and learned.
#[derive(Default)]
struct Notes {
    asked: Mutex<Vec<Vec<(String, f64)>>>,
    learned: std::sync::Arc<Mutex<Vec<Learned>>>,
}

struct Noted(std::sync::Arc<Mutex<Vec<Learned>>>);

#[async_trait]
impl Gate for Notes {
    fn lane(&self) -> Lane {
        Lane::Poll
    }

    async fn ask(&self, costs: &[(&Dimension, f64)]) -> Result<Box<dyn Pass>, Refusal> {
        let costs = costs.iter().map(|(dimension, amount)| (dimension.name.to_string(), *amount)).collect();
        self.asked.lock().unwrap().push(costs);
        Ok(Box::new(Noted(self.learned.clone())))
    }
}

#[async_trait]
impl Pass for Noted {
    async fn report(self: Box<Self>, _: CallResult, learned: Learned) {
        self.0.lock().unwrap().push(learned);
    }
}

/// One of the requests that a place makes.
type Request =
    for<'a> fn(&'a dyn Place, &'a [String], &'a Call<'a>) -> Pin<Box<dyn Future<Output = bool> + 'a>>;

fn requests() -> Vec<(&'static str, Request)> {
    async fn listing(place: &dyn Place, mode: ReadMode, call: &Call<'_>) -> bool {
        let mut listing = place.list(mode, None, call).await.unwrap();
        listing.next_page(call).await.is_ok()
    }
    async fn write(place: &dyn Place, writes: Vec<Write>, call: &Call<'_>) -> bool {
        place.write(&writes, call).await.iter().all(Written::is_done)
    }
    vec![
        ("a page", |place, _, call| Box::pin(listing(place, ReadMode::Full, call))),
        ("a poll", |place, _, call| Box::pin(listing(place, ReadMode::Since(json!({})), call))),
        ("five by id", |place, ids, call| {
            Box::pin(async { place.fetch(&ids[..5], call).await.iter().all(|(_, found)| found.is_ok()) })
        }),
        ("a hundred by id", |place, ids, call| {
            Box::pin(async { place.fetch(&ids[..100], call).await.iter().all(|(_, found)| found.is_ok()) })
        }),
        ("a search", |place, _, call| {
            let key = MatchKey { fields: fields_from_json(&json!({ "title": "x" })) };
            Box::pin(async move { place.find(&[key], call).await.is_ok() })
        }),
        ("the reader", |place, _, call| Box::pin(async { place.reader(call).await.is_ok() })),
        ("the workflow", |place, _, call| Box::pin(async { place.statuses("status", call).await.is_ok() })),
        ("an edit", |place, ids, call| {
            Box::pin(write(place, vec![update(&ids[0], json!({ "title": "x" }))], call))
        }),
        ("twenty edits", |place, ids, call| {
            let edits = ids[..20].iter().map(|id| update(id, json!({ "title": "x" }))).collect();
            Box::pin(write(place, edits, call))
        }),
    ]
}

/// The gate is asked for as much as Linear charges, or a little more: with so much as its limit Linear takes the request,
/// and with half of it not.
#[tokio::test]
async fn the_gate_is_asked_for_what_a_request_costs() {
    let world = World::new().await;
    let seeded = world.control("POST", "/linear/teams/ENG/seed", json!({ "items": 120 }));
    let ids: Vec<String> =
        seeded["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    for (name, request) in requests() {
        // What is kept of the team is kept for one secret.
        let open = async || {
            world
                .open_with(json!({ "team": "ENG" }), &world.account_of(&world.key_of("ada")), &["title"])
                .await
        };
        let notes = Notes::default();
        assert!(request(&*open().await, &ids, &world.call_through(&notes)).await, "{name}");
        let asked = notes.asked.lock().unwrap().clone();
        let [costs] = &asked[..] else { panic!("{name}: {asked:?}") };
        let [(requests, one), (complexity, points)] = &costs[..] else { panic!("{name}: {costs:?}") };
        assert_eq!((requests.as_str(), *one, complexity.as_str()), ("requests", 1.0, "complexity"));
        for (most, passes) in [(*points, true), (points / 2.0 - 15.0, false)] {
            world.switch(json!({ "max_complexity": most.max(0.0) as u64 }));
            let notes = Notes::default();
            let done = request(&*open().await, &ids, &world.call_through(&notes)).await;
            // Edits that are too many for one request are sent one by one.
            let at_once = done && notes.asked.lock().unwrap().len() == 1;
            assert_eq!(at_once, passes, "{name} asks for {points}, with a limit of {most}");
        }
        world.switch(json!({ "max_complexity": 10_000 }));
    }
}

/// Both budgets are learned from every answer.
#[tokio::test]
async fn the_headers_tell_both_budgets() {
    let world = World::with(Settings { limits: Limits::Real, ..Settings::default() }).await;
    let place = world.open().await;
    let notes = Notes::default();
    place.reader(&world.call_through(&notes)).await.unwrap();
    let learned = notes.learned.lock().unwrap();
    let told: Vec<(&str, Option<f64>)> =
        learned[0].observed.iter().map(|one| (one.dimension.name.as_ref(), one.limit)).collect();
    assert_eq!(told, [("requests", Some(2_500.0)), ("complexity", Some(3_000_000.0))]);
}

/// What a first sync of a thousand issues takes: 20 requests, and one to know the team.
#[tokio::test]
async fn a_thousand_creates_are_twenty_requests() {
    let world = World::new().await;
    let place = world.open().await;
    let writes: Vec<Write> = (0..1_000)
        .map(|n| create(&format!("sl-{n}"), json!({ "title": format!("{n}"), "status": "Done" })))
        .collect();
    world.forget();
    for some in writes.chunks(place.capabilities().create_batch) {
        assert!(place.write(some, &world.call()).await.iter().all(Written::is_done));
    }
    let mut operations = world.operations();
    operations.retain(|operation| operation != "Team");
    assert_eq!(operations, vec!["Create"; 20]);
    assert_eq!(world.count(), 1_000);
}
