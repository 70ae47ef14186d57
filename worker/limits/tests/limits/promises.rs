//! The contract of every store of limits, tested against each store.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use syncline_limits::{
    Answer, CallResult, Cause, Dimension, Lane, Learned, Limits, Observed, Phase, Request, TestClock, Ticket,
};

use crate::places::Place;

macro_rules! promises {
    ($name:ident, $make:path) => {
        mod $name {
            $crate::promises::promises! { @each $make:
                a_limit_shared_by_four_is_neither_exceeded_nor_starved, everything_is_taken_or_nothing,
                lower_lanes_leave_a_reserve_and_wait, slots_are_returned, a_dead_holders_slot_is_freed,
                reported_limits_are_shared, a_block_applies_to_all_replicas, failures_open_the_breaker_for_all_replicas,
                probes_are_limited_across_replicas, calls_belong_to_their_runs_probe, subjects_are_independent,
                state_can_be_shown_and_deleted
            }
        }
    };
    (@each $make:path: $($promise:ident),+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                $crate::promises::$promise(&$make().await).await;
            }
        )+
    };
}
pub(crate) use promises;

const SUBJECT: &str = "account:12";
const START: i64 = 1_800_000_000_000_000;
const SECOND: i64 = 1_000_000;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn request(lane: Lane, costs: &[(&Dimension, f64)]) -> Request {
    costs
        .iter()
        .fold(Request::new(SUBJECT, lane), |request, (dimension, amount)| request.cost(dimension, *amount))
}

async fn take(
    limits: &Arc<dyn Limits>,
    lane: Lane,
    costs: &[(&Dimension, f64)],
) -> Result<Ticket, (Duration, Cause)> {
    match limits.take(&request(lane, costs)).await.expect("the store") {
        Answer::Granted(ticket) => Ok(ticket),
        Answer::WaitFor { delay, cause } => Err((delay, cause)),
    }
}

async fn finish(limits: &Arc<dyn Limits>, ticket: &Ticket, works: bool) -> Phase {
    let result = if works { CallResult::Works } else { CallResult::Fails { error: "HTTP 503".to_owned() } };
    limits.finish(SUBJECT, ticket, &result, &Learned::default()).await.expect("the store")
}

async fn learn(limits: &Arc<dyn Limits>, learned: Learned) {
    limits.finish(SUBJECT, &Ticket::default(), &CallResult::Unknown, &learned).await.expect("the store");
}

/// Opens two replicas with one clock.
fn two(place: &Place) -> (Arc<dyn Limits>, Arc<dyn Limits>, TestClock) {
    let clock = TestClock::at(START);
    ((place.open)(Some(clock.clone())), (place.open)(Some(clock.clone())), clock)
}

/// By the store's own clock: a hundred per second for four tasks, each with its own store object. A grant arrives later
/// than it was made, by less than the length of a call, so the test allows for that.
pub(crate) async fn a_limit_shared_by_four_is_neither_exceeded_nor_starved(place: &Place) {
    let limit = Dimension::steady("calls", 100.0, seconds(1)).with_burst(10.0);
    let began = Instant::now();
    let length = seconds(3);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (limits, limit) = ((place.open)(None), limit.clone());
            tokio::spawn(async move {
                let mut grants = Vec::new();
                while began.elapsed() < length {
                    let asked = began.elapsed();
                    match take(&limits, Lane::Poll, &[(&limit, 1.0)]).await {
                        Ok(_) => grants.push((asked, began.elapsed())),
                        Err((delay, _)) => tokio::time::sleep(delay).await,
                    }
                }
                grants
            })
        })
        .collect();
    let mut shares = Vec::new();
    for task in tasks {
        shares.push(task.await.expect("a task"));
    }
    let mut grants: Vec<_> = shares.concat();
    grants.sort();
    // A grant was made between its request and its arrival, so grants requested after one moment that arrived before
    // another were made between the two.
    let mut arrivals: Vec<Duration> = grants.iter().map(|(_, arrived)| *arrived).collect();
    arrivals.sort();
    for (n, (from, _)) in grants.iter().enumerate().step_by(7) {
        for until in arrivals.iter().filter(|until| *until > from).step_by(5) {
            let made = grants[n..].iter().filter(|(_, arrived)| arrived <= until).count() as f64;
            let allowed = 10.0 + 100.0 * (*until - *from).as_secs_f64();
            assert!(made <= allowed + 1.0, "{made} grants within {:?}", *until - *from);
        }
    }
    let total = grants.len();
    // Three seconds allow 300 and the burst; a loaded machine may sleep through most of the time.
    assert!((60..=312).contains(&total), "{total} grants");
    for share in &shares {
        assert!(share.len() * 20 >= total, "one of four got {} of {total}", share.len());
    }
}

pub(crate) async fn everything_is_taken_or_nothing(place: &Place) {
    let (one, other, clock) = two(place);
    let hourly = Dimension::windowed("hourly", 1_000.0, seconds(3_600)).with_burst(100.0);
    let content = Dimension::steady("content", 60.0, seconds(60)).with_burst(2.0);
    let slots = Dimension::concurrent("at-once", 10, seconds(60));
    let write = [(&hourly, 5.0), (&content, 1.0), (&slots, 1.0)];
    assert!(take(&one, Lane::Edit, &write).await.is_ok());
    assert!(take(&other, Lane::Edit, &write).await.is_ok());
    for limits in [&one, &other, &one, &other] {
        let refused = take(limits, Lane::Edit, &write).await;
        assert_eq!(refused, Err((seconds(1), Cause::Dimension("content".to_owned()))));
    }
    // The refused requests took nothing in the other dimensions: ten of a hundred and two of ten slots are in use.
    assert!(take(&one, Lane::Edit, &[(&hourly, 90.0)]).await.is_ok());
    assert!(take(&other, Lane::Edit, &[(&hourly, 1.0)]).await.is_err());
    assert_eq!(one.status(SUBJECT).await.expect("the store").dimensions[0].in_use, 2);
    clock.advance(SECOND);
    assert!(take(&other, Lane::Edit, &[(&content, 1.0)]).await.is_ok());
}

pub(crate) async fn lower_lanes_leave_a_reserve_and_wait(place: &Place) {
    let (one, other, clock) = two(place);
    let calls = Dimension::steady("calls", 10.0, seconds(1)).with_burst(20.0);
    for (lane, grants) in [(Lane::Backfill, 10), (Lane::Poll, 5), (Lane::Retry, 3), (Lane::Edit, 2)] {
        for n in 0..grants {
            assert!(take(&one, lane, &[(&calls, 1.0)]).await.is_ok(), "{lane:?} {n}");
        }
        assert!(take(&other, lane, &[(&calls, 1.0)]).await.is_err(), "{lane:?}");
    }
    // The refused edit's turn is in a tenth of a second; until then it holds back lower lanes.
    clock.advance(SECOND * 2);
    assert!(take(&one, Lane::Backfill, &[(&calls, 1.0)]).await.is_ok(), "its turn is long past");
    clock.advance(SECOND * 10);
    let single = Dimension::steady("writes", 1.0, seconds(1)).with_burst(1.0);
    assert!(take(&one, Lane::Poll, &[(&single, 1.0)]).await.is_ok());
    assert!(take(&other, Lane::Edit, &[(&single, 1.0)]).await.is_err());
    clock.advance(SECOND);
    assert!(take(&one, Lane::Poll, &[(&single, 1.0)]).await.is_err(), "an edit waits for it");
    assert!(take(&other, Lane::Edit, &[(&single, 1.0)]).await.is_ok());
}

pub(crate) async fn slots_are_returned(place: &Place) {
    let (one, other, _) = two(place);
    let slots = Dimension::concurrent("at-once", 2, seconds(60));
    let first = take(&one, Lane::Edit, &[(&slots, 1.0)]).await.expect("a slot");
    let second = take(&other, Lane::Edit, &[(&slots, 1.0)]).await.expect("a slot");
    assert_ne!(first.serial, second.serial);
    assert!(matches!(take(&one, Lane::Edit, &[(&slots, 1.0)]).await, Err((_, Cause::Dimension(_)))));
    finish(&other, &first, true).await;
    // The second finish has no effect: the other slot stays in use.
    finish(&one, &first, true).await;
    assert!(take(&one, Lane::Edit, &[(&slots, 1.0)]).await.is_ok());
    assert!(take(&other, Lane::Edit, &[(&slots, 1.0)]).await.is_err());
}

pub(crate) async fn a_dead_holders_slot_is_freed(place: &Place) {
    let (one, other, clock) = two(place);
    let slots = Dimension::concurrent("at-once", 1, seconds(60));
    assert!(take(&one, Lane::Edit, &[(&slots, 1.0)]).await.is_ok());
    clock.advance(59 * SECOND);
    assert!(take(&other, Lane::Edit, &[(&slots, 1.0)]).await.is_err());
    clock.advance(SECOND);
    assert!(take(&other, Lane::Edit, &[(&slots, 1.0)]).await.is_ok());
}

pub(crate) async fn reported_limits_are_shared(place: &Place) {
    let (one, other, clock) = two(place);
    let hourly = Dimension::windowed("hourly", 1_000.0, seconds(3_600)).with_burst(100.0);
    let said = |limit, remaining, reset| Learned {
        blocked_for: None,
        observed: vec![Observed {
            dimension: hourly.clone(),
            limit: Some(limit),
            remaining: Some(remaining),
            reset_in: Some(seconds(reset)),
        }],
    };
    learn(&one, said(5_000.0, 3.0, 600)).await;
    // An answer of an older window, and a later one of the same window that did not include every call.
    learn(&other, said(5_000.0, 900.0, 30)).await;
    learn(&other, said(5_000.0, 4.0, 600)).await;
    for n in 0..3 {
        assert!(take(&other, Lane::Edit, &[(&hourly, 1.0)]).await.is_ok(), "{n}");
    }
    assert_eq!(
        take(&one, Lane::Edit, &[(&hourly, 1.0)]).await,
        Err((seconds(600), Cause::Dimension("hourly".to_owned())))
    );
    let status = other.status(SUBJECT).await.expect("the store");
    assert_eq!(status.dimensions[0].limit, Some(5_000.0));
    assert_eq!(status.dimensions[0].remaining, Some((0.0, seconds(600))));
    clock.advance(600 * SECOND);
    // The next window, with the burst scaled to the reported limit.
    assert!(take(&one, Lane::Edit, &[(&hourly, 450.0)]).await.is_ok());
}

pub(crate) async fn a_block_applies_to_all_replicas(place: &Place) {
    let (one, other, clock) = two(place);
    learn(&one, Learned { blocked_for: Some(seconds(30)), observed: Vec::new() }).await;
    // A shorter block does not lift it.
    learn(&other, Learned { blocked_for: Some(seconds(5)), observed: Vec::new() }).await;
    assert_eq!(take(&other, Lane::Edit, &[]).await, Err((seconds(30), Cause::Blocked)));
    clock.advance(30 * SECOND);
    assert!(take(&other, Lane::Edit, &[]).await.is_ok());
    learn(&one, Learned { blocked_for: Some(Duration::MAX), observed: Vec::new() }).await;
    assert_eq!(take(&other, Lane::Edit, &[]).await, Err((syncline_queue::MAX_DELAY, Cause::Blocked)));
}

pub(crate) async fn failures_open_the_breaker_for_all_replicas(place: &Place) {
    let (one, other, clock) = two(place);
    let late = take(&one, Lane::Edit, &[]).await.expect("closed");
    for (limits, phase) in [(&one, Phase::Closed), (&other, Phase::Closed), (&one, Phase::Open)] {
        let ticket = take(limits, Lane::Edit, &[]).await.expect("closed");
        assert_eq!(finish(limits, &ticket, false).await, phase);
    }
    assert_eq!(take(&other, Lane::Edit, &[]).await, Err((seconds(10), Cause::Breaker)));
    // A call that was in progress when the breaker opened does not change it.
    assert_eq!(finish(&one, &late, true).await, Phase::Open);
    let mut length = 10;
    for next in [20, 40, 40] {
        clock.advance(length * SECOND);
        let try_it = take(&other, Lane::Edit, &[]).await.expect("a try");
        assert!(try_it.probe && !try_it.quiet);
        assert_eq!(finish(&other, &try_it, false).await, Phase::Open);
        assert_eq!(take(&one, Lane::Edit, &[]).await, Err((seconds(next), Cause::Breaker)));
        length = i64::try_from(next).expect("small");
    }
    clock.advance(length * SECOND);
    for phase in [Phase::HalfOpen, Phase::Closed] {
        let try_it = take(&one, Lane::Edit, &[]).await.expect("a try");
        assert_eq!(finish(&other, &try_it, true).await, phase);
    }
    let usual = take(&other, Lane::Edit, &[]).await.expect("closed");
    assert!(usual.quiet && !usual.probe);
}

pub(crate) async fn probes_are_limited_across_replicas(place: &Place) {
    let (one, other, clock) = two(place);
    for _ in 0..3 {
        let ticket = take(&one, Lane::Edit, &[]).await.expect("closed");
        finish(&other, &ticket, false).await;
    }
    clock.advance(10 * SECOND);
    let asked: Vec<_> = (0..12)
        .map(|_| {
            let limits = (place.open)(Some(clock.clone()));
            tokio::spawn(async move { take(&limits, Lane::Edit, &[]).await })
        })
        .collect();
    let mut let_through = Vec::new();
    for answer in asked {
        let_through.extend(answer.await.expect("a task"));
    }
    assert_eq!(let_through.len(), 1);
    // A probe without a result makes room after its timeout.
    clock.advance(19 * SECOND);
    assert!(take(&one, Lane::Edit, &[]).await.is_err());
    clock.advance(SECOND);
    assert!(take(&other, Lane::Edit, &[]).await.is_ok());
}

pub(crate) async fn calls_belong_to_their_runs_probe(place: &Place) {
    let (one, other, clock) = two(place);
    for _ in 0..3 {
        let ticket = take(&one, Lane::Edit, &[]).await.expect("closed");
        finish(&other, &ticket, false).await;
    }
    clock.advance(10 * SECOND);
    let run = take(&one, Lane::Poll, &[]).await.expect("a try");
    let slots = Dimension::concurrent("at-once", 5, seconds(60));
    let mut call = request(Lane::Poll, &[(&slots, 1.0)]);
    assert!(matches!(other.take(&call).await, Ok(Answer::WaitFor { cause: Cause::Breaker, .. })));
    call.under = Some(run.clone());
    let Ok(Answer::Granted(first)) = other.take(&call).await else { panic!("its calls pass") };
    assert!(!first.probe);
    assert_eq!(finish(&other, &first, true).await, Phase::HalfOpen);
    assert_eq!(finish(&one, &run, true).await, Phase::Closed);
}

pub(crate) async fn subjects_are_independent(place: &Place) {
    let (one, other, _) = two(place);
    for _ in 0..3 {
        let ticket = take(&one, Lane::Edit, &[]).await.expect("closed");
        finish(&one, &ticket, false).await;
    }
    for subject in ["account:1", "account:123", "account:12:x", "", "{account:12}", "Zürich 'x' \"y\" %"] {
        let answer = other.take(&Request::new(subject, Lane::Edit)).await.expect("the store");
        assert!(matches!(answer, Answer::Granted(_)), "{subject}");
    }
}

pub(crate) async fn state_can_be_shown_and_deleted(place: &Place) {
    let (one, other, clock) = two(place);
    let unknown = one.status(SUBJECT).await.expect("the store");
    assert_eq!((unknown.phase, unknown.dimensions.len(), unknown.failures), (Phase::Closed, 0, 0));
    let calls = Dimension::steady("calls", 10.0, seconds(1)).with_burst(20.0);
    let slots = Dimension::concurrent("at-once", 4, seconds(60));
    let _held = take(&one, Lane::Poll, &[(&calls, 5.0), (&slots, 1.0)]).await.expect("room");
    for _ in 0..3 {
        let ticket = take(&one, Lane::Edit, &[]).await.expect("closed");
        finish(&one, &ticket, false).await;
    }
    learn(&other, Learned { blocked_for: Some(seconds(7)), observed: Vec::new() }).await;
    clock.advance(SECOND / 10);
    let shown = other.status(SUBJECT).await.expect("the store");
    assert_eq!((shown.subject.as_str(), shown.phase, shown.failures), (SUBJECT, Phase::Open, 3));
    assert_eq!(shown.error.as_deref(), Some("HTTP 503"));
    assert_eq!(shown.opens_in, Some(Duration::from_millis(9_900)));
    assert_eq!(shown.blocked_for, Some(Duration::from_millis(6_900)));
    let [first, second] = &shown.dimensions[..] else { panic!("two dimensions") };
    assert_eq!((first.name.as_str(), first.in_use), ("at-once", 1));
    assert_eq!((second.name.as_str(), second.full_in), ("calls", Duration::from_millis(400)));
    one.forget(SUBJECT).await.expect("the store");
    let forgotten = other.status(SUBJECT).await.expect("the store");
    assert_eq!(
        (forgotten.phase, forgotten.dimensions.len(), forgotten.blocked_for),
        (Phase::Closed, 0, None)
    );
    assert!(take(&other, Lane::Edit, &[(&slots, 1.0)]).await.is_ok());
}
