//! Tests of jobs whose lease runs out, and of jobs that should stop.

use std::time::{Duration, Instant};

use syncline_queue::{Backend, Cancelled, NewJob, Next, Outcome, Renewal, Rescued, Settled, State};

use super::{SHORT, claim, claim_one, eventually, failed, job, request, settle};
use crate::support::Stage;

async fn claim_shortly(backend: &dyn Backend) -> syncline_queue::ClaimedJob {
    backend.claim(&request(1, SHORT)).await.expect("a claim").jobs.pop().expect("a job")
}

async fn rescued(backend: &dyn Backend) -> Vec<Rescued> {
    eventually("a rescue", || async {
        let rescued = backend.rescue().await.expect("a rescue");
        (!rescued.is_empty()).then_some(rescued)
    })
    .await
}

pub(crate) async fn a_lease_that_ran_out_is_rescued(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[job("job")]).await.expect("a push");
    let (claimed_at, lost) = (Instant::now(), claim_shortly(backend).await);
    let next = Next::Waiting { delay: Duration::ZERO };
    assert_eq!(rescued(backend).await, [Rescued { id: lost.id, next }]);
    assert!(claimed_at.elapsed() >= SHORT, "too early");
    assert_eq!(settle(backend, &lost, Outcome::Done).await, Settled::Stale);
    let again = claim_one(backend).await;
    assert_eq!(again.attempt, 2, "the attempt stays used");
    assert!(again.token > lost.token);
    assert!(again.last_error.is_some_and(|error| error.contains("tester")));
}

pub(crate) async fn a_crash_loop_makes_a_job_dead(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[NewJob { max_attempts: 2, ..job("job") }]).await.expect("a push");
    claim_shortly(backend).await;
    rescued(backend).await;
    let id = claim_shortly(backend).await.id;
    let reason = "crashed 2 times".to_owned();
    assert_eq!(rescued(backend).await, [Rescued { id, next: Next::Dead { reason: reason.clone() } }]);
    let stored = backend.get(id).await.expect("a look").expect("the job");
    assert_eq!((stored.state, stored.dead_reason), (State::Dead, Some(reason)));
}

pub(crate) async fn renewal_keeps_a_job(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[job("job")]).await.expect("a push");
    let running = claim_shortly(backend).await;
    let until = Instant::now() + SHORT * 3;
    while Instant::now() < until {
        let renewals = backend.renew(&[running.lease_ref()], SHORT).await.expect("a renewal");
        assert_eq!(renewals, [Renewal::Held]);
        assert_eq!(backend.rescue().await.expect("a rescue"), []);
        tokio::time::sleep(SHORT / 6).await;
    }
    assert_eq!(settle(backend, &running, Outcome::Done).await, Settled::Applied(Next::Gone));
}

pub(crate) async fn a_waiting_job_is_cancelled_at_once(stage: &Stage) {
    let backend = &*stage.backend;
    let unwanted = job("unwanted");
    backend.push(std::slice::from_ref(&unwanted)).await.expect("a push");
    assert_eq!(backend.cancel(unwanted.id).await.expect("a cancel"), Cancelled::Removed);
    assert_eq!(backend.cancel(unwanted.id).await.expect("a cancel"), Cancelled::Unknown);
    assert!(claim(backend, 1).await.is_empty());
}

pub(crate) async fn a_running_job_is_asked_to_stop(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[job("job")]).await.expect("a push");
    let running = claim_one(backend).await;
    assert_eq!(backend.cancel(running.id).await.expect("a cancel"), Cancelled::Requested);
    let renewals = backend.renew(&[running.lease_ref()], SHORT).await.expect("a renewal");
    assert_eq!(renewals, [Renewal::CancelRequested]);
    assert_eq!(settle(backend, &running, Outcome::Cancelled).await, Settled::Applied(Next::Gone));
}

pub(crate) async fn a_cancelled_job_is_not_tried_again(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[job("fails"), job("crashes")]).await.expect("a push");
    let jobs = [claim_shortly(backend).await, claim_shortly(backend).await];
    for running in &jobs {
        assert_eq!(backend.cancel(running.id).await.expect("a cancel"), Cancelled::Requested);
    }
    assert_eq!(settle(backend, &jobs[0], failed("down")).await, Settled::Applied(Next::Gone));
    assert_eq!(rescued(backend).await, [Rescued { id: jobs[1].id, next: Next::Gone }]);
    for running in &jobs {
        assert_eq!(backend.get(running.id).await.expect("a look"), None);
    }
}
