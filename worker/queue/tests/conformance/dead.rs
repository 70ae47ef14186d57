//! Tests of dead jobs, and of replays and discards.

use syncline_queue::{Job, JobQuery, NewJob, Next, Outcome, Settled, State};

use super::{QUEUE, claim, claim_one, failed, job, settle, waiting};
use crate::support::Stage;

async fn dead(stage: &Stage) -> Vec<Job> {
    stage.backend.list(&JobQuery::new(QUEUE, State::Dead)).await.expect("a list").jobs
}

pub(crate) async fn a_job_is_dead_after_its_last_attempt(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[NewJob { max_attempts: 3, ..job("doomed") }]).await.expect("a push");
    for attempt in 1..=3 {
        let running = claim_one(backend).await;
        assert_eq!((running.attempt, running.is_last_attempt()), (attempt, attempt == 3));
        let settled = settle(backend, &running, failed(&format!("error {attempt}"))).await;
        assert_eq!(matches!(settled, Settled::Applied(Next::Dead { .. })), attempt == 3, "{settled:?}");
    }
    assert!(claim(backend, 1).await.is_empty());
    let dead = dead(stage).await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].dead_reason.as_deref(), Some("failed 3 times"));
    assert_eq!(dead[0].last_error.as_deref(), Some("error 3"));
    assert!(dead[0].finished_at.is_some());
}

pub(crate) async fn a_permanent_error_makes_a_job_dead_at_once(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[job("doomed")]).await.expect("a push");
    let running = claim_one(backend).await;
    let error = format!("no\0body {}", "é".repeat(20_000));
    let outcome = Outcome::Dead { reason: "the item is gone".to_owned(), error };
    let next = Next::Dead { reason: "the item is gone".to_owned() };
    assert_eq!(settle(backend, &running, outcome).await, Settled::Applied(next));
    let stored = backend.get(running.id).await.expect("a look").expect("the job");
    assert_eq!((stored.state, stored.dead_reason.as_deref()), (State::Dead, Some("the item is gone")));
    let error = stored.last_error.expect("an error");
    assert!(error.starts_with("no\u{FFFD}body é") && error.len() < 20_000, "text that every store takes");
}

pub(crate) async fn dead_jobs_can_be_replayed(stage: &Stage) {
    let backend = &*stage.backend;
    let doomed = NewJob { max_attempts: 1, unique: waiting("sync"), ..job("doomed") };
    backend.push(std::slice::from_ref(&doomed)).await.expect("a push");
    assert!(!backend.replay(doomed.id).await.expect("a replay"), "it waits");
    settle(backend, &claim_one(backend).await, failed("down")).await;
    // A twin has taken the key meanwhile, so the replayed job has none.
    backend.push(&[NewJob { unique: waiting("sync"), ..job("twin") }]).await.expect("a push");
    assert!(backend.replay(doomed.id).await.expect("a replay"));
    assert!(!backend.replay(doomed.id).await.expect("a replay"), "once");
    let jobs = claim(backend, 9).await;
    assert_eq!(jobs.len(), 2);
    let again = jobs.iter().find(|job| job.id == doomed.id).expect("the replayed job");
    assert_eq!((again.attempt, again.last_error.as_deref()), (1, Some("down")));
    assert!(dead(stage).await.is_empty());
}

pub(crate) async fn dead_jobs_can_be_discarded(stage: &Stage) {
    let backend = &*stage.backend;
    let doomed = NewJob { max_attempts: 1, ..job("doomed") };
    backend.push(std::slice::from_ref(&doomed)).await.expect("a push");
    assert!(!backend.discard(doomed.id).await.expect("a discard"), "it is not dead");
    settle(backend, &claim_one(backend).await, Outcome::Retry { error: "down".to_owned(), at_least: None })
        .await;
    assert!(backend.discard(doomed.id).await.expect("a discard"));
    assert_eq!(backend.get(doomed.id).await.expect("a look"), None);
}
