//! Tests of `Caller`, the interface for connectors.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use syncline_limits::{
    BreakerPolicy, CallResult, Caller, Cause, Dimension, Lane, Learned, Limits, MemoryLimits, Phase,
    RedisLimits, TestClock,
};
use syncline_support::redis::Server;

use crate::places::{POLICY, queue};

fn caller(limits: &Arc<dyn Limits>) -> Caller {
    Caller::new(Arc::clone(limits), "account:12", "acme-github")
}

async fn in_use(limits: &Arc<dyn Limits>) -> usize {
    limits.status("account:12").await.expect("the store").dimensions.iter().map(|one| one.in_use).sum()
}

#[tokio::test]
async fn a_short_wait_is_waited_out_and_a_long_one_is_refused() {
    let limits: Arc<dyn Limits> = Arc::new(MemoryLimits::default());
    let calls = Dimension::steady("calls", 10.0, Duration::from_secs(1)).with_burst(1.0);
    let patient = caller(&limits).with_lane(Lane::Edit).with_patience(Duration::from_secs(60));
    let began = Instant::now();
    for _ in 0..3 {
        patient
            .permit(&[(&calls, 1.0)])
            .await
            .expect("a turn")
            .finish(CallResult::Works, Learned::default())
            .await;
    }
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    let slow = Dimension::steady("slow", 1.0, Duration::from_secs(600)).with_burst(1.0);
    let hasty = caller(&limits).with_lane(Lane::Edit).with_patience(Duration::from_secs(1));
    hasty.permit(&[(&slow, 1.0)]).await.expect("a turn").finish(CallResult::Works, Learned::default()).await;
    let refused = hasty.permit(&[(&slow, 1.0)]).await.expect_err("a turn in ten minutes");
    assert_eq!(refused.cause, Some(Cause::Dimension("slow".to_owned())));
    assert!(
        refused.delay > Duration::from_secs(590) && refused.delay < Duration::from_secs(661),
        "{refused:?}"
    );
    assert!(refused.to_string().starts_with("acme-github: its limit \"slow\" is used up for now; again in "));
}

#[tokio::test]
async fn a_dropped_permit_gives_its_slot_back() {
    let limits: Arc<dyn Limits> = Arc::new(MemoryLimits::default());
    let slots = Dimension::concurrent("at-once", 1, Duration::from_secs(600));
    let permit = caller(&limits).permit(&[(&slots, 1.0)]).await.expect("a slot");
    assert_eq!(in_use(&limits).await, 1);
    drop(permit);
    for _ in 0..1_000 {
        if in_use(&limits).await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    caller(&limits).permit(&[(&slots, 1.0)]).await.expect("its slot");
}

#[tokio::test]
async fn calls_of_a_probe_report_for_it() {
    let clock = TestClock::at(1_800_000_000_000_000);
    let limits: Arc<dyn Limits> = Arc::new(MemoryLimits::new(POLICY).with_clock(clock.clone()));
    let fails = || CallResult::Fails { error: "no answer".to_owned() };
    for _ in 0..3 {
        caller(&limits).permit(&[]).await.expect("closed").finish(fails(), Learned::default()).await;
    }
    let refused = caller(&limits).permit(&[]).await.expect_err("open");
    assert_eq!(refused.cause, Some(Cause::Breaker));
    clock.advance(10_000_000);
    let run = caller(&limits).permit(&[]).await.expect("a try");
    let within = caller(&limits).under(&run);
    for _ in 0..2 {
        within.permit(&[]).await.expect("part of it").finish(CallResult::Works, Learned::default()).await;
    }
    assert_eq!(limits.status("account:12").await.expect("the store").phase, Phase::Closed);
}

/// While the store is down nothing passes, and the error says why; when it is back, calls pass again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_passes_while_the_store_is_down() {
    let mut server = Server::start(&[]).expect("a Redis server");
    let limits: Arc<dyn Limits> = Arc::new(RedisLimits::new(&queue(&server.url()), BreakerPolicy::default()));
    let caller = caller(&limits);
    let permit = caller.permit(&[]).await.expect("the store");
    server.kill().expect("the server");
    let refused = caller.permit(&[]).await.expect_err("no store");
    assert_eq!(refused.cause, None);
    assert!(refused.to_string().contains("cannot be reached"), "{refused}");
    // A result that cannot be reported does not fail the call.
    permit.finish(CallResult::Fails { error: "x".to_owned() }, Learned::default()).await;
    server.restart().expect("the server");
    for _ in 0..500 {
        if caller.permit(&[]).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the store is back, and nothing passes");
}
