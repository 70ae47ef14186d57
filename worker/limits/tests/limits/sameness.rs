//! Every store gives exactly the results of the arithmetic, for random histories from a seed.

use std::{sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use syncline_limits::{
    Answer, CallResult, Dimension, Lane, Learned, Limits, MemoryLimits, Observed, Request, TestClock, Ticket,
};

use crate::places::{self, POLICY, Place};

const STEPS: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_answers_as_the_arithmetic() {
    let place = places::redis().await;
    for seed in 0..12 {
        same(&place, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_answers_as_the_arithmetic() {
    let place = places::sqlite().await;
    for seed in 100..103 {
        same(&place, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_answers_as_the_arithmetic() {
    let place = places::postgres().await;
    for seed in 200..203 {
        same(&place, seed).await;
    }
}

async fn same(place: &Place, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let subject = format!("account:{seed}");
    let clock = TestClock::at(1_800_000_000_000_000 + random.random_range(0..1_000_000));
    let model: Arc<dyn Limits> = Arc::new(MemoryLimits::new(POLICY).with_clock(clock.clone()));
    let store = (place.open)(Some(clock.clone()));
    let dimensions = [
        Dimension::steady("steady", 7.0, Duration::from_millis(1_100)).with_burst(5.5),
        Dimension::windowed("windowed", 90.0, Duration::from_secs(30)).with_burst(21.0),
        Dimension::concurrent("at-once", 3, Duration::from_secs(4)),
    ];
    let mut out: Vec<Ticket> = Vec::new();
    for step in 0..STEPS {
        if random.random_bool(0.6) {
            clock.advance(random.random_range(0..900_000));
        }
        if random.random_bool(0.02) {
            clock.advance(40_000_000);
        }
        if random.random_bool(0.65) {
            let mut request = Request::new(subject.as_str(), *Lane::ALL.choose(&mut random).expect("lanes"));
            for dimension in &dimensions {
                if random.random_bool(0.6) {
                    let whole = random.random_bool(0.5);
                    let amount: f64 = random.random_range(0.0..12.0);
                    request = request.cost(dimension, if whole { amount.floor() } else { amount });
                }
            }
            request.under = out.choose(&mut random).filter(|_| random_bool(step)).cloned();
            let (expected, answer) = (model.take(&request).await, store.take(&request).await);
            let (expected, answer) = (expected.expect("the model"), answer.expect("the store"));
            assert_eq!(answer, expected, "seed {seed}, step {step}: {request:?}");
            if let Answer::Granted(ticket) = answer {
                out.push(ticket);
            }
        } else {
            let ticket = match out.is_empty() {
                true => Ticket::default(),
                false => out.swap_remove(random.random_range(0..out.len())),
            };
            let result = match random.random_range(0..4) {
                0 => CallResult::Works,
                1 | 2 => CallResult::Fails { error: format!("failure {step}") },
                _ => CallResult::Unknown,
            };
            let learned = learned(&mut random, &dimensions);
            let expected = model.finish(&subject, &ticket, &result, &learned).await.expect("the model");
            let phase = store.finish(&subject, &ticket, &result, &learned).await.expect("the store");
            assert_eq!(phase, expected, "seed {seed}, step {step}: {ticket:?} {result:?} {learned:?}");
        }
        if step % 20 == 0 {
            let expected = model.status(&subject).await.expect("the model");
            assert_eq!(
                store.status(&subject).await.expect("the store"),
                expected,
                "seed {seed}, step {step}"
            );
        }
    }
}

fn random_bool(step: usize) -> bool {
    step.is_multiple_of(3)
}

fn learned(random: &mut StdRng, dimensions: &[Dimension]) -> Learned {
    let mut learned = Learned::default();
    if random.random_bool(0.05) {
        learned.blocked_for = Some(Duration::from_millis(random.random_range(0..3_000)));
    }
    for dimension in dimensions {
        if random.random_bool(0.2) {
            learned.observed.push(Observed {
                dimension: dimension.clone(),
                limit: random.random_bool(0.3).then(|| random.random_range(1.0..200.0)),
                remaining: random.random_bool(0.8).then(|| random.random_range(0.0..100.0)),
                reset_in: random
                    .random_bool(0.8)
                    .then(|| Duration::from_millis(random.random_range(0..40_000))),
            });
        }
    }
    learned
}
