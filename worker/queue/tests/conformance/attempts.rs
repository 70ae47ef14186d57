//! Claims, tokens and the count of attempts.

use std::time::Duration;

use serde_json::json;
use syncline_queue::{MAX_DELAY, NewJob, Next, Outcome, Renewal, RetryPolicy, Settled, Settlement, State};

use super::{LEASE, claim, claim_one, failed, job, kinds, settle};
use crate::support::Stage;

pub(crate) async fn a_stale_token_changes_nothing(stage: &Stage) {
    let backend = &*stage.backend;
    stage.backend.push(&[job("job")]).await.expect("a push");
    let stale = claim_one(backend).await;
    backend.give_back(&[stale.lease_ref()]).await.expect("a return");
    let newest = claim_one(backend).await;
    assert!(newest.token > stale.token);
    let before = backend.get(newest.id).await.expect("a look");

    let outcomes = [
        Outcome::Done,
        Outcome::Cancelled,
        failed("late"),
        Outcome::Snooze { delay: Duration::ZERO },
        Outcome::Dead { reason: "late".to_owned(), error: "late".to_owned() },
    ];
    for outcome in outcomes {
        assert_eq!(settle(backend, &stale, outcome.clone()).await, Settled::Stale, "{outcome:?}");
    }
    assert_eq!(backend.give_back(&[stale.lease_ref()]).await.expect("a return"), [Settled::Stale]);
    let renewals = backend.renew(&[stale.lease_ref(), newest.lease_ref()], LEASE).await.expect("a renewal");
    assert_eq!(renewals, [Renewal::Lost, Renewal::Held]);
    assert!(!backend.progress(stale.lease_ref(), &json!(1)).await.expect("progress"));

    let mut after = backend.get(newest.id).await.expect("a look").expect("the job");
    let before = before.expect("the job");
    after.lease_until = before.lease_until;
    assert_eq!(after, before);
    assert_eq!(settle(backend, &newest, Outcome::Done).await, Settled::Applied(Next::Gone));
    assert_eq!(settle(backend, &newest, Outcome::Done).await, Settled::Stale, "it has left already");
}

pub(crate) async fn retries_wait_within_their_bounds(stage: &Stage) {
    let backend = &*stage.backend;
    let retry = RetryPolicy { base: Duration::from_secs(100), cap: Duration::from_secs(300) };
    let bounds = [100, 200, 300, 300];
    let jobs: Vec<_> = (0..10).map(|n| NewJob { retry, max_attempts: 9, ..job(&n.to_string()) }).collect();
    backend.push(&jobs).await.expect("a push");
    for bound in bounds {
        let running = claim(backend, 99).await;
        assert_eq!(running.len(), jobs.len());
        let mut waits = Vec::new();
        for one in &running {
            let Settled::Applied(Next::Waiting { delay }) = settle(backend, one, failed("not yet")).await
            else {
                panic!("not waiting");
            };
            assert!(delay <= Duration::from_secs(bound), "{delay:?} after attempt {}", one.attempt);
            let stored = backend.get(one.id).await.expect("a look").expect("the job");
            assert_eq!((stored.state, stored.attempt), (State::Waiting, one.attempt));
            assert_eq!(stored.last_error.as_deref(), Some("not yet"));
            let due_in = (stored.run_at - chrono::Utc::now()).as_seconds_f64();
            assert!((due_in - delay.as_secs_f64()).abs() < 5.0, "due in {due_in} s, said {delay:?}");
            waits.push(delay);
        }
        waits.dedup();
        assert!(waits.len() > 1, "no jitter: {waits:?}");
        stage.hooks.make_due().await;
    }
}

pub(crate) async fn a_platforms_delay_is_the_minimum(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[job("patient"), job("absurd")]).await.expect("a push");
    let jobs = claim(backend, 2).await;
    let asked = [Duration::from_secs(77), Duration::from_secs(9_999_999)];
    for (one, at_least) in jobs.iter().zip(asked) {
        let outcome = Outcome::Retry { error: "slow down".to_owned(), at_least: Some(at_least) };
        let expected = at_least.min(MAX_DELAY);
        assert_eq!(settle(backend, one, outcome).await, Settled::Applied(Next::Waiting { delay: expected }));
    }
}

pub(crate) async fn jobs_that_wait_again_together_keep_the_order_of_their_ids(stage: &Stage) {
    let backend = &*stage.backend;
    let names = ["first", "second", "third", "fourth"];
    backend.push(&names.map(job)).await.expect("a push");
    let running = claim(backend, 4).await;
    let snooze = || Outcome::Snooze { delay: Duration::ZERO };
    let outcomes = [failed("not yet"), snooze(), snooze(), failed("not yet")];
    let reversed: Vec<_> = running
        .iter()
        .zip(outcomes)
        .map(|(job, outcome)| Settlement { lease: job.lease_ref(), outcome })
        .rev()
        .collect();
    backend.settle(&reversed).await.expect("a settlement");
    assert_eq!(kinds(&claim(backend, 4).await), names);
}

pub(crate) async fn a_snooze_uses_no_attempt(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[NewJob { max_attempts: 1, ..job("job") }]).await.expect("a push");
    for _ in 0..5 {
        let running = claim_one(backend).await;
        assert_eq!(running.attempt, 1);
        let settled = settle(backend, &running, Outcome::Snooze { delay: Duration::ZERO }).await;
        assert_eq!(settled, Settled::Applied(Next::Waiting { delay: Duration::ZERO }));
    }
}

pub(crate) async fn giving_back_uses_no_attempt(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[NewJob { max_attempts: 1, ..job("first") }, job("second")]).await.expect("a push");
    for _ in 0..3 {
        let running = claim(backend, 1).await;
        assert_eq!((running[0].kind.as_str(), running[0].attempt), ("first", 1), "it keeps its place");
        backend.give_back(&[running[0].lease_ref()]).await.expect("a return");
    }
}

pub(crate) async fn progress_is_kept(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[job("job")]).await.expect("a push");
    let running = claim_one(backend).await;
    assert_eq!(running.payload, json!({ "for": "job" }));
    assert!(backend.progress(running.lease_ref(), &json!({ "items": 7 })).await.expect("progress"));
    let stored = backend.get(running.id).await.expect("a look").expect("the job");
    assert_eq!(stored.progress, Some(json!({ "items": 7 })));
    assert_eq!(stored.worker_id.as_deref(), Some("tester"));
}
