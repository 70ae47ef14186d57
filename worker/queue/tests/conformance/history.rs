//! Tests of the failed attempts that are kept with a job.

use std::time::Duration;

use syncline_queue::{NewJob, Outcome};

use super::{SHORT, claim_one, eventually, failed, job, request, settle};
use crate::support::Stage;

pub(crate) async fn dead_jobs_keep_their_history(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[NewJob { max_attempts: 3, ..job("doomed") }]).await.expect("a push");
    let running = claim_one(backend).await;
    let id = running.id;
    settle(backend, &running, failed("first")).await;
    settle(backend, &claim_one(backend).await, Outcome::Snooze { delay: Duration::ZERO }).await;
    let running = claim_one(backend).await;
    backend.give_back(&[running.lease_ref()]).await.expect("a return");
    backend.claim(&request(1, SHORT)).await.expect("a claim");
    eventually("a rescue", || async {
        (!backend.rescue().await.expect("a rescue").is_empty()).then_some(())
    })
    .await;
    settle(backend, &claim_one(backend).await, failed("third")).await;

    let dead = backend.get(id).await.expect("a look").expect("the job");
    let told: Vec<_> = dead.history.iter().map(|past| (past.attempt, past.outcome.as_str())).collect();
    assert_eq!(told, [(1, "retry"), (2, "crashed"), (3, "dead")]);
    let errors: Vec<_> = dead.history.iter().map(|past| past.error.as_deref().unwrap_or_default()).collect();
    assert_eq!((errors[0], errors[2]), ("first", "third"));
    assert!(errors[1].contains("tester") && errors[1].contains("ran out"), "{}", errors[1]);
    assert!(dead.history.iter().all(|past| past.worker.as_deref() == Some("tester")));
    assert!(dead.history.windows(2).all(|pair| pair[0].ended_at <= pair[1].ended_at));
    assert!((chrono::Utc::now() - dead.history[2].ended_at).num_seconds().abs() < 30);

    // A replay resets the attempts and keeps the history.
    assert!(backend.replay(id).await.expect("a replay"));
    let error = Outcome::Dead { reason: "gone".to_owned(), error: "no such item".to_owned() };
    settle(backend, &claim_one(backend).await, error).await;
    let dead = backend.get(id).await.expect("a look").expect("the job");
    let told: Vec<_> = dead.history.iter().map(|past| (past.attempt, past.outcome.as_str())).collect();
    assert_eq!(told, [(1, "retry"), (2, "crashed"), (3, "dead"), (1, "dead")]);
    assert_eq!(dead.history[3].error.as_deref(), Some("no such item"));
}

pub(crate) async fn a_history_is_bounded(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[NewJob { max_attempts: 1000, ..job("stubborn") }]).await.expect("a push");
    let mut id = None;
    for n in 1..=105 {
        let running = claim_one(backend).await;
        settle(backend, &running, failed(&format!("error {n}"))).await;
        id = Some(running.id);
    }
    let stored = backend.get(id.expect("an id")).await.expect("a look").expect("the job");
    let attempts: Vec<_> = stored.history.iter().map(|past| past.attempt).collect();
    assert_eq!(attempts, (6..=105).collect::<Vec<_>>(), "the latest hundred");
}
