//! Tests of a queue's limit, and of jobs that are put back beyond it.

use std::sync::Arc;

use syncline_queue::{Error, NewJob, Outcome, Pushed};

use super::{QUEUE, claim, claim_one, failed, job, settle};
use crate::support::Stage;

fn jobs(count: usize) -> Vec<NewJob> {
    (0..count).map(|n| job(&n.to_string())).collect()
}

fn is_full(result: Result<Vec<Pushed>, Error>, expected: (u64, u64)) {
    match result {
        Err(Error::Full { queue, waiting, limit }) => {
            assert_eq!((queue.as_str(), (waiting, limit)), (QUEUE, expected));
        }
        other => panic!("not full: {other:?}"),
    }
}

pub(crate) async fn a_full_queue_takes_no_more(stage: &Stage) {
    let backend = stage.hooks.another(Some(3)).await;
    backend.push(&jobs(2)).await.expect("a push");
    let two = jobs(2);
    is_full(backend.push(&two).await, (2, 3));
    assert_eq!(backend.known(&[two[0].id, two[1].id]).await.expect("a look"), [false, false], "none of them");
    backend.push(&jobs(1)).await.expect("a push");
    is_full(backend.push(&jobs(1)).await, (3, 3));
    let elsewhere = NewJob { queue: "other".to_owned(), ..job("elsewhere") };
    assert_eq!(backend.push(&[elsewhere]).await.expect("another queue"), [Pushed::New]);
    // Running jobs do not count as waiting, and jobs that have left make room.
    let running = claim(&*backend, 2).await;
    backend.push(&jobs(2)).await.expect("a push");
    is_full(backend.push(&jobs(1)).await, (3, 3));
    for one in &running {
        settle(&*backend, one, Outcome::Done).await;
    }
    let error = backend.push(&jobs(1)).await.expect_err("it is full");
    assert!(!error.is_temporary() && error.to_string().contains("full"), "{error}");
}

pub(crate) async fn a_limit_holds_for_many_pushers(stage: &Stage) {
    let backend = stage.hooks.another(Some(50)).await;
    let pushers = (0..8).map(|_| {
        let backend = Arc::clone(&backend);
        tokio::spawn(async move {
            let mut taken = 0;
            for _ in 0..20 {
                taken += usize::from(backend.push(&jobs(1)).await.is_ok());
            }
            taken
        })
    });
    let mut taken = 0;
    for pusher in pushers.collect::<Vec<_>>() {
        taken += pusher.await.expect("a pusher");
    }
    assert_eq!(taken, 50);
    assert_eq!(claim(&*backend, 99).await.len(), 50);
}

pub(crate) async fn accepted_jobs_are_put_back_past_the_limit(stage: &Stage) {
    let backend = stage.hooks.another(Some(1)).await;
    let accepted = NewJob { attempts_used: 2, max_attempts: 3, ..job("accepted") };
    backend.push(&jobs(1)).await.expect("a push");
    let pushed = backend.put_back(&[accepted.clone(), accepted.clone()]).await.expect("a return");
    assert_eq!(pushed, [Pushed::New, Pushed::Known]);
    assert_eq!(backend.put_back(&[accepted]).await.expect("a return"), [Pushed::Known]);
    assert_eq!(claim(&*backend, 9).await.len(), 2);
}

pub(crate) async fn attempts_used_before_count(stage: &Stage) {
    let backend = &*stage.backend;
    backend.put_back(&[NewJob { attempts_used: 2, max_attempts: 3, ..job("job") }]).await.expect("a return");
    let running = claim_one(backend).await;
    assert_eq!((running.attempt, running.is_last_attempt()), (3, true));
    settle(backend, &running, failed("down")).await;
    let stored = backend.get(running.id).await.expect("a look").expect("the job");
    assert_eq!(stored.dead_reason.as_deref(), Some("failed 3 times"));
}

pub(crate) async fn known_returns_which_jobs_exist(stage: &Stage) {
    let backend = &*stage.backend;
    let jobs = [NewJob { max_attempts: 1, ..job("dead") }, job("running"), job("gone"), job("waiting")];
    backend.push(&jobs).await.expect("a push");
    let running = claim(backend, 3).await;
    settle(backend, &running[0], failed("down")).await;
    settle(backend, &running[2], Outcome::Done).await;
    let ids = [jobs[3].id, job("never pushed").id, jobs[0].id, jobs[2].id, jobs[1].id];
    assert_eq!(backend.known(&ids).await.expect("a look"), [true, false, true, false, true]);
    assert_eq!(backend.known(&[]).await.expect("a look"), [false; 0]);
}
