//! Tests of what is kept of a job: the failed attempts, and how it went.

use std::time::Duration;

use serde_json::json;
use syncline_queue::{Cancelled, NewJob, Outcome};

use super::{SHORT, claim, claim_one, eventually, failed, job, request, settle};
use crate::support::Stage;

const HOUR: Duration = Duration::from_secs(3600);

fn kept(kind: &str) -> NewJob {
    NewJob { keep_result: HOUR, ..job(kind) }
}

pub(crate) async fn a_result_is_kept(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[kept("answers")]).await.expect("a push");
    let running = claim_one(backend).await;
    assert_eq!(backend.ended(running.id).await.expect("a look"), None, "it runs");
    settle(backend, &running, failed("down")).await;
    let running = claim_one(backend).await;
    let answer = json!({ "items": 7, "names": ["é", null] });
    settle(backend, &running, Outcome::Answered(answer.clone())).await;
    let ended = backend.ended(running.id).await.expect("a look").expect("how it went");
    assert_eq!((ended.id, ended.queue.as_str(), ended.kind.as_str()), (running.id, "work", "answers"));
    assert_eq!((ended.cancelled, ended.attempt, ended.result), (false, 2, Some(answer)));
    assert_eq!(ended.last_error.as_deref(), Some("down"));
    assert!((chrono::Utc::now() - ended.ended_at).num_seconds().abs() < 30);
    assert_eq!(backend.get(running.id).await.expect("a look"), None, "it has left");
}

pub(crate) async fn every_end_is_kept(stage: &Stage) {
    let backend = &*stage.backend;
    let jobs = ["done", "cancelled", "stopped", "not wanted"].map(kept);
    backend.push(&jobs).await.expect("a push");
    let running = claim(backend, 3).await;
    settle(backend, &running[0], Outcome::Done).await;
    settle(backend, &running[1], Outcome::Cancelled).await;
    assert_eq!(backend.cancel(jobs[2].id).await.expect("a cancel"), Cancelled::Requested);
    settle(backend, &running[2], failed("it was asked to stop")).await;
    assert_eq!(backend.cancel(jobs[3].id).await.expect("a cancel"), Cancelled::Removed);
    for (job, cancelled) in jobs.iter().zip([false, true, true, true]) {
        let ended = backend.ended(job.id).await.expect("a look").expect("how it went");
        assert_eq!((ended.cancelled, ended.result), (cancelled, None), "{}", job.kind);
    }
}

pub(crate) async fn nothing_is_kept_unasked_or_for_long(stage: &Stage) {
    let backend = &*stage.backend;
    let jobs = [job("not kept"), NewJob { keep_result: Duration::from_secs(2), ..job("kept shortly") }];
    backend.push(&jobs).await.expect("a push");
    for running in claim(backend, 2).await {
        settle(backend, &running, Outcome::Answered(json!(1))).await;
    }
    assert_eq!(backend.ended(jobs[0].id).await.expect("a look"), None);
    assert!(backend.ended(jobs[1].id).await.expect("a look").is_some());
    eventually("its end", || async {
        backend.ended(jobs[1].id).await.expect("a look").is_none().then_some(())
    })
    .await;
}

pub(crate) async fn the_dead_have_their_history(stage: &Stage) {
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
