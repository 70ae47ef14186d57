//! Tests of unique, concurrency and order keys.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use syncline_queue::{
    Cancelled, ClaimRequest, Concurrency, NewJob, Next, Outcome, Priority, Pushed, RetryPolicy, Settled,
    SourceConfig,
};
use uuid::Uuid;

use super::{
    LEASE, QUEUE, claim, claim_one, failed, job, kinds, request, settle, waiting,
    workers::{config, start_on},
};
use crate::support::Stage;

fn unique(kind: &str) -> NewJob {
    NewJob { unique: waiting("sync 1"), ..job(kind) }
}

fn exclusive(kind: &str, key: &str) -> NewJob {
    NewJob { concurrency: Some(Concurrency::one(key)), ..job(kind) }
}

fn ordered(kind: &str, key: &str) -> NewJob {
    NewJob { order_key: Some(key.to_owned()), ..job(kind) }
}

pub(crate) async fn a_unique_key_joins_the_waiting_job(stage: &Stage) {
    let (first, second) = (unique("first"), unique("second"));
    let elsewhere = NewJob { queue: "other".to_owned(), ..unique("elsewhere") };
    let pushed = stage.backend.push(&[first.clone(), second.clone(), elsewhere]).await.expect("a push");
    assert_eq!(pushed, [Pushed::New, Pushed::Joined { winner: first.id }, Pushed::New]);
    let pushed = stage.backend.push(&[second]).await.expect("a push");
    assert_eq!(pushed, [Pushed::Joined { winner: first.id }]);
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["first"]);
}

pub(crate) async fn a_running_job_gets_one_follow_up(stage: &Stage) {
    stage.backend.push(&[unique("running")]).await.expect("a push");
    claim_one(&*stage.backend).await;
    let follow_up = unique("follow-up");
    let pushed = stage.backend.push(&[follow_up.clone(), unique("too many")]).await.expect("a push");
    assert_eq!(pushed, [Pushed::New, Pushed::Joined { winner: follow_up.id }]);
}

pub(crate) async fn a_retry_makes_way_for_its_follow_up(stage: &Stage) {
    let (one, two) = (unique("one"), unique("two"));
    stage.backend.push(std::slice::from_ref(&one)).await.expect("a push");
    let first = claim_one(&*stage.backend).await;
    stage.backend.push(&[two]).await.expect("a push");
    let second = claim_one(&*stage.backend).await;
    // Both run and both fail in one call; both wait again, one of them with the key.
    let settlements = [&first, &second]
        .map(|job| syncline_queue::Settlement { lease: job.lease_ref(), outcome: failed("not now") });
    let settled = stage.backend.settle(&settlements).await.expect("a settlement");
    assert!(
        settled.iter().all(|settled| matches!(settled, Settled::Applied(Next::Waiting { .. }))),
        "{settled:?}"
    );
    let mut keyed = 0;
    for id in [first.id, second.id] {
        keyed +=
            usize::from(stage.backend.get(id).await.expect("a look").expect("a job").unique_key.is_some());
    }
    assert_eq!(keyed, 1);
    let pushed = stage.backend.push(&[unique("three")]).await.expect("a push");
    assert!(matches!(pushed[0], Pushed::Joined { .. }), "{pushed:?}");
}

pub(crate) async fn a_key_within_one_push_changes_no_order(stage: &Stage) {
    let (mut first, mut second, third) = (job("first"), job("second"), job("third"));
    for one in [&mut first, &mut second] {
        one.unique = waiting("k");
    }
    let winner = second.id;
    let pushed = stage.backend.push(&[third, second, first]).await.expect("a push");
    assert_eq!(pushed, [Pushed::New, Pushed::New, Pushed::Joined { winner }]);
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["second", "third"]);
}

pub(crate) async fn one_of_many_pushes_wins_a_key(stage: &Stage) {
    for round in 0..10 {
        let pushes = (0..8).map(|n| {
            let backend = Arc::clone(&stage.backend);
            let one = NewJob { unique: waiting(&format!("key {round}")), ..job(&n.to_string()) };
            tokio::spawn(async move { backend.push(&[one]).await.expect("a push").remove(0) })
        });
        let mut new = 0;
        for push in pushes.collect::<Vec<_>>() {
            new += usize::from(push.await.expect("a push") == Pushed::New);
        }
        assert_eq!(new, 1);
    }
}

pub(crate) async fn a_concurrency_key_runs_one_at_a_time(stage: &Stage) {
    let jobs: Vec<_> = (0..3).map(|n| exclusive(&format!("job {n}"), "sync 1")).collect();
    stage.backend.push(&jobs).await.expect("a push");
    for n in 0..3 {
        let running = claim_one(&*stage.backend).await;
        assert_eq!(running.kind, format!("job {n}"));
        assert!(claim(&*stage.backend, 9).await.is_empty(), "the key is busy");
        // A job that waits for its retry does not hold the key.
        if n == 0 {
            let snooze = Outcome::Snooze { delay: Duration::from_secs(60) };
            settle(&*stage.backend, &running, snooze).await;
        } else {
            settle(&*stage.backend, &running, Outcome::Done).await;
        }
    }
}

pub(crate) async fn a_busy_key_does_not_block_the_line(stage: &Stage) {
    let mut jobs: Vec<_> = (0..30)
        .map(|n| NewJob { priority: Priority::High, ..exclusive(&format!("busy {n}"), "sync 1") })
        .collect();
    jobs.push(job("free"));
    jobs.push(exclusive("other key", "sync 2"));
    stage.backend.push(&jobs).await.expect("a push");
    // One claim or several, while each reports that there may be more.
    let mut taken = Vec::new();
    loop {
        let claimed = stage.backend.claim(&request(5, LEASE)).await.expect("a claim");
        taken.extend(claimed.jobs);
        if !claimed.more {
            break;
        }
    }
    assert_eq!(kinds(&taken), ["busy 0", "free", "other key"], "one job of the busy key, and the free ones");
}

pub(crate) async fn a_key_runs_once_among_many_claimers(stage: &Stage) {
    const KEYS: usize = 3;
    for round in 0..15 {
        let jobs: Vec<_> =
            (0..24).map(|n| exclusive(&format!("{round}-{n}"), &format!("sync {}", n % KEYS))).collect();
        stage.backend.push(&jobs).await.expect("a push");
        let claimers = (0..8).map(|_| {
            let backend = Arc::clone(&stage.backend);
            tokio::spawn(async move { claim(&*backend, 4).await })
        });
        let mut running = Vec::new();
        for claimer in claimers.collect::<Vec<_>>() {
            running.extend(claimer.await.expect("a claimer"));
        }
        let keys: HashSet<_> = running.iter().map(|job| job.concurrency_key.clone()).collect();
        assert_eq!(keys.len(), running.len(), "a key runs twice: {running:?}");
        assert!(!running.is_empty());
        for job in &running {
            settle(&*stage.backend, job, Outcome::Done).await;
        }
    }
}

pub(crate) async fn an_order_key_keeps_order(stage: &Stage) {
    let first = NewJob { priority: Priority::Low, ..ordered("first", "link 1") };
    let second = NewJob { priority: Priority::Critical, ..ordered("second", "link 1") };
    stage.backend.push(&[second, first, ordered("other", "link 2")]).await.expect("a push");
    let jobs = claim(&*stage.backend, 9).await;
    assert_eq!(kinds(&jobs), ["other", "first"]);
    assert!(claim(&*stage.backend, 9).await.is_empty(), "the second waits for the first");
    settle(&*stage.backend, &jobs[1], failed("once more")).await;
    let again = claim_one(&*stage.backend).await;
    assert_eq!(again.kind, "first");
    settle(&*stage.backend, &again, Outcome::Done).await;
    assert_eq!(claim_one(&*stage.backend).await.kind, "second");
}

/// With concurrent claimers and failing jobs, each job is claimed only after all earlier ones of its key have left.
pub(crate) async fn an_order_key_keeps_its_order_among_many_claimers(stage: &Stage) {
    const KEYS: usize = 4;
    let jobs: Vec<_> = (0..80).map(|n| ordered(&n.to_string(), &format!("link {}", n % KEYS))).collect();
    let (late, early): (Vec<_>, Vec<_>) = jobs.iter().cloned().enumerate().partition(|(n, _)| n % 7 == 0);
    let only = |jobs: Vec<(usize, NewJob)>| jobs.into_iter().map(|(_, job)| job).collect::<Vec<_>>();
    stage.backend.push(&only(early)).await.expect("a push");
    let running: Arc<Mutex<HashSet<String>>> = Arc::default();
    let done: Arc<Mutex<Vec<(String, Uuid)>>> = Arc::default();
    let claimers = (0..6).map(|_| {
        let (backend, running, done) = (Arc::clone(&stage.backend), Arc::clone(&running), Arc::clone(&done));
        tokio::spawn(async move {
            while done.lock().expect("a lock").len() < 80 {
                for one in claim(&*backend, 3).await {
                    let key = one.order_key.clone().expect("a key");
                    assert!(running.lock().expect("a lock").insert(key.clone()), "{key} runs twice");
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    // Every third job fails once.
                    let fails = one.attempt == 1 && one.kind.parse::<usize>().expect("a number") % 3 == 0;
                    if !fails {
                        done.lock().expect("a lock").push((key.clone(), one.id));
                    }
                    running.lock().expect("a lock").remove(&key);
                    settle(&*backend, &one, if fails { failed("once more") } else { Outcome::Done }).await;
                }
            }
        })
    });
    let claimers: Vec<_> = claimers.collect();
    // These are older than the running ones; none may run beside another of its key.
    stage.backend.push(&only(late.clone())).await.expect("a push");
    for claimer in claimers {
        tokio::time::timeout(Duration::from_secs(60), claimer).await.expect("an end").expect("a claimer");
    }
    let late: HashSet<_> = late.into_iter().map(|(_, job)| job.id).collect();
    let done = done.lock().expect("a lock");
    for key in 0..KEYS {
        let key = format!("link {key}");
        let ids: Vec<_> =
            done.iter().filter(|(of, id)| *of == key && !late.contains(id)).map(|(_, id)| *id).collect();
        assert!(ids.is_sorted(), "{key} is out of order");
    }
}

pub(crate) async fn an_older_job_pushed_late_waits_for_the_running_one(stage: &Stage) {
    let (older, newer, newest) = (ordered("older", "k"), ordered("newer", "k"), ordered("newest", "k"));
    stage.backend.push(&[newer, newest]).await.expect("a push");
    let running = claim_one(&*stage.backend).await;
    assert_eq!(running.kind, "newer");
    stage.backend.push(&[NewJob { priority: Priority::Critical, ..older }]).await.expect("a push");
    assert!(claim(&*stage.backend, 9).await.is_empty(), "never two at once");
    settle(&*stage.backend, &running, failed("once more")).await;
    for kind in ["older", "newer", "newest"] {
        let running = claim_one(&*stage.backend).await;
        assert_eq!(running.kind, kind);
        settle(&*stage.backend, &running, Outcome::Done).await;
    }
}

fn limited(kind: &str, limit: u32) -> NewJob {
    NewJob { concurrency: Some(Concurrency { key: "account 1".to_owned(), limit }), ..job(kind) }
}

pub(crate) async fn a_key_runs_up_to_its_limit(stage: &Stage) {
    let jobs: Vec<_> = (0..5).map(|n| limited(&n.to_string(), 2)).collect();
    stage.backend.push(&jobs).await.expect("a push");
    stage.backend.push(&[job("free")]).await.expect("a push");
    let first = claim(&*stage.backend, 9).await;
    let second = claim(&*stage.backend, 9).await;
    let running: Vec<_> = first.iter().chain(&second).collect();
    assert_eq!(running.iter().map(|job| job.kind.as_str()).collect::<Vec<_>>(), ["0", "1", "free"]);
    settle(&*stage.backend, running[0], Outcome::Done).await;
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["2"]);
    assert!(claim(&*stage.backend, 9).await.is_empty(), "two run again");
}

pub(crate) async fn each_job_keeps_its_own_limit(stage: &Stage) {
    stage.backend.push(&[limited("a", 3), limited("b", 3)]).await.expect("a push");
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["a", "b"]);
    stage.backend.push(&[limited("of one", 1), limited("of three", 3)]).await.expect("a push");
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["of three"]);
    let zero = limited("of none, which is one", 0);
    let other = NewJob { concurrency: Some(Concurrency { key: "account 2".to_owned(), limit: 0 }), ..zero };
    stage.backend.push(&[other]).await.expect("a push");
    assert_eq!(claim(&*stage.backend, 9).await.len(), 1);
}

pub(crate) async fn a_limit_of_a_key_holds_among_many_claimers(stage: &Stage) {
    for round in 0..10 {
        let jobs: Vec<_> = (0..24).map(|n| limited(&format!("{round}-{n}"), 3)).collect();
        stage.backend.push(&jobs).await.expect("a push");
        let claimers = (0..8).map(|_| {
            let backend = Arc::clone(&stage.backend);
            tokio::spawn(async move { claim(&*backend, 4).await })
        });
        let mut running = Vec::new();
        for claimer in claimers.collect::<Vec<_>>() {
            running.extend(claimer.await.expect("a claimer"));
        }
        assert!((1..=3).contains(&running.len()), "{} run at once", running.len());
        for job in &running {
            settle(&*stage.backend, job, Outcome::Done).await;
        }
        while let Some(job) = claim(&*stage.backend, 1).await.pop() {
            settle(&*stage.backend, &job, Outcome::Done).await;
        }
    }
}

pub(crate) async fn a_cancelled_job_makes_way_for_the_next_of_its_key(stage: &Stage) {
    // The retry is far away, so only the cancel lets the next job start.
    let far = RetryPolicy { base: Duration::from_secs(1000), cap: Duration::from_secs(1000) };
    let first = NewJob { delay: Duration::from_secs(1000), retry: far, ..ordered("first", "link") };
    stage.backend.push(&[first.clone(), ordered("second", "link")]).await.expect("a push");
    let patient = SourceConfig { poll_interval: Duration::from_secs(600), ..config("worker") };
    let mut worker = start_on(Arc::clone(&stage.backend), patient, |_| async { Ok(Outcome::Done) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stage.backend.cancel(first.id).await.expect("a cancel"), Cancelled::Removed);
    assert_eq!(worker.settled().await.1, Settled::Applied(Next::Gone));
    worker.stop().await;
}

pub(crate) async fn a_claim_can_ask_for_one_key(stage: &Stage) {
    let jobs = [job("none"), exclusive("mine", "sync 1"), exclusive("theirs", "sync 2")];
    stage.backend.push(&jobs).await.expect("a push");
    let asked = ClaimRequest { concurrency_key: Some("sync 1".to_owned()), ..request(9, LEASE) };
    let claimed = stage.backend.claim(&asked).await.expect("a claim");
    assert_eq!(kinds(&claimed.jobs), ["mine"]);
    assert_eq!(stage.backend.counts(QUEUE).await.expect("counts").len(), 2);
}
