//! Tests of the order in which jobs are claimed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use syncline_queue::{NewJob, Priority, Pushed, State};

use super::{LEASE, QUEUE, claim, eventually, job, kinds, request};
use crate::support::Stage;

fn of(kind: &str, priority: Priority) -> NewJob {
    NewJob { priority, ..job(kind) }
}

pub(crate) async fn urgent_jobs_go_first(stage: &Stage) {
    let jobs = [
        of("low", Priority::Low),
        of("normal", Priority::Normal),
        of("critical", Priority::Critical),
        of("high", Priority::High),
    ];
    stage.backend.push(&jobs).await.expect("a push");
    assert_eq!(kinds(&claim(&*stage.backend, 3).await), ["critical", "high", "normal"]);
    assert_eq!(kinds(&claim(&*stage.backend, 3).await), ["low"]);
}

pub(crate) async fn equal_jobs_go_by_due_time_then_id(stage: &Stage) {
    let later = NewJob { delay: Duration::from_millis(60), ..job("later") };
    let mut soon = job("soon");
    soon.delay = Duration::from_millis(30);
    stage.backend.push(&[later, soon]).await.expect("a push");
    let (first, second) = (job("first"), job("second"));
    assert!(first.id < second.id, "ids are in the order of their making");
    // One statement means one due time, so the id decides.
    stage.backend.push(&[second, first]).await.expect("a push");
    let jobs = eventually("all are due", || async {
        let counts = stage.backend.counts(QUEUE).await.expect("counts");
        (counts[0].delayed == 0).then_some(())
    });
    jobs.await;
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["first", "second", "soon", "later"]);
}

pub(crate) async fn delayed_jobs_are_not_early(stage: &Stage) {
    let delay = Duration::from_millis(250);
    let pushed = Instant::now();
    stage.backend.push(&[NewJob { delay, ..job("delayed") }]).await.expect("a push");
    let early = stage.backend.claim(&request(1, LEASE)).await.expect("a claim");
    assert!(early.jobs.is_empty());
    let due = early.next_due.expect("the next due time");
    assert!(due <= delay && due > Duration::from_millis(50), "{due:?}");
    eventually("the job", || async { claim(&*stage.backend, 1).await.pop() }).await;
    // The store's clock counts milliseconds on SQLite.
    assert!(pushed.elapsed() + Duration::from_millis(2) >= delay, "early: {:?}", pushed.elapsed());
}

pub(crate) async fn the_same_id_is_pushed_once(stage: &Stage) {
    let one = job("one");
    let twice = [one.clone(), one.clone()];
    assert_eq!(stage.backend.push(&twice).await.expect("a push"), [Pushed::New, Pushed::Known]);
    let changed = NewJob { kind: "other".to_owned(), ..one.clone() };
    assert_eq!(stage.backend.push(&[changed]).await.expect("a push"), [Pushed::Known]);
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["one"]);
    assert_eq!(stage.backend.push(&[one]).await.expect("a push"), [Pushed::Known], "also while it runs");
}

pub(crate) async fn concurrent_pushes_are_each_answered(stage: &Stage) {
    let known = job("known");
    stage.backend.push(std::slice::from_ref(&known)).await.expect("a push");
    let pushers = (0..40_usize).map(|n| {
        let (backend, known) = (Arc::clone(&stage.backend), known.clone());
        tokio::spawn(async move {
            let mut jobs: Vec<_> = (0..=n % 5).map(|_| job("new")).collect();
            let at = n % (jobs.len() + 1);
            jobs.insert(at, known);
            let expected: Vec<_> =
                (0..jobs.len()).map(|place| if place == at { Pushed::Known } else { Pushed::New }).collect();
            assert_eq!(backend.push(&jobs).await.expect("a push"), expected);
            jobs.len() - 1
        })
    });
    let mut new = 0;
    for pusher in pushers.collect::<Vec<_>>() {
        new += pusher.await.expect("a pusher");
    }
    assert_eq!(claim(&*stage.backend, 1_000).await.len(), new + 1);
}

pub(crate) async fn overdue_jobs_can_be_asked_for(stage: &Stage) {
    stage.backend.push(&[of("old", Priority::Low)]).await.expect("a push");
    let bound = Duration::from_millis(100);
    let overdue = || async {
        let asked = syncline_queue::ClaimRequest { overdue_by: Some(bound), ..request(1, LEASE) };
        stage.backend.claim(&asked).await.expect("a claim").jobs.pop()
    };
    assert_eq!(overdue().await, None);
    let old = eventually("the old job", || async {
        stage.backend.push(&[of("urgent", Priority::Critical)]).await.expect("a push");
        overdue().await
    })
    .await;
    assert_eq!(old.kind, "old");
}

pub(crate) async fn counts_match_the_jobs(stage: &Stage) {
    assert!(stage.backend.counts(QUEUE).await.expect("counts").is_empty());
    let delayed = NewJob { delay: Duration::from_secs(60), ..job("delayed") };
    stage.backend.push(&[job("a"), job("b"), delayed, of("c", Priority::High)]).await.expect("a push");
    assert_eq!(claim(&*stage.backend, 1).await.len(), 1);
    let counts = stage.backend.counts(QUEUE).await.expect("counts");
    let seen: Vec<_> =
        counts.iter().map(|count| (count.state, count.priority, count.jobs, count.delayed)).collect();
    assert_eq!(seen, [(State::Running, Priority::High, 1, 0), (State::Waiting, Priority::Normal, 3, 1)]);
    assert!(counts.iter().all(|count| count.oldest < Duration::from_secs(20)));
}

/// True if the store can wait for work; for others there is nothing to test.
async fn waits(stage: &Stage) -> bool {
    stage.backend.claim_next(&request(1, LEASE), Duration::from_millis(1)).await.is_some()
}

pub(crate) async fn a_wait_for_work_ends_in_its_claim(stage: &Stage) {
    if !waits(stage).await {
        return;
    }
    for kind in ["first", "second"] {
        let began = Instant::now();
        let wait = async { stage.backend.claim_next(&request(9, LEASE), Duration::from_secs(1)).await };
        let push = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let other = stage.backend.own_connection().await.expect("a store").expect("another connection");
            other.push(&[job(kind)]).await.expect("a push");
        };
        let (claimed, ()) = tokio::join!(wait, push);
        let claimed = claimed.expect("a store that can wait").expect("a claim");
        assert_eq!(kinds(&claimed.jobs), [kind]);
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(100) && took < Duration::from_millis(900), "{took:?}");
        assert!(claim(&*stage.backend, 9).await.is_empty(), "it is claimed once");
    }
}

pub(crate) async fn a_wait_for_work_can_be_ended(stage: &Stage) {
    if !waits(stage).await {
        return;
    }
    let began = Instant::now();
    let wait = async { stage.backend.claim_next(&request(9, LEASE), Duration::from_secs(1)).await };
    let end = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stage.backend.rouse(QUEUE).await;
    };
    let (claimed, ()) = tokio::join!(wait, end);
    assert!(claimed.expect("a store that can wait").expect("a claim").jobs.is_empty());
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
}

pub(crate) async fn a_wait_for_work_ends_by_itself(stage: &Stage) {
    if !waits(stage).await {
        return;
    }
    // No later than a tenth of the lease, which counts from before the wait.
    let began = Instant::now();
    let lease = Duration::from_secs(1);
    let claimed = stage.backend.claim_next(&request(9, lease), Duration::from_secs(60)).await;
    assert!(claimed.expect("a store that can wait").expect("a claim").jobs.is_empty());
    assert!(began.elapsed() < Duration::from_millis(600), "{:?}", began.elapsed());
}
