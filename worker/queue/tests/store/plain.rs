//! Tests of the memory that jobs take, and of computations inside the store.

use std::time::Duration;

use serde_json::json;
use syncline_queue::{
    Backend, ClaimRequest, JobQuery, NewJob, Next, Outcome, RetryPolicy, Settled, Settlement, State,
};
use syncline_support::redis::Server;
use uuid::Uuid;

use crate::{
    conformance::{LEASE, claim, failed, job, request, settle},
    support::redis::{backend, prefix, redis},
};

fn used_memory(server: &Server) -> u64 {
    let told = server.command(&["INFO", "memory"]).expect("numbers");
    let line = told.lines().find_map(|line| line.strip_prefix("used_memory:")).expect("a number");
    line.trim().parse().expect("a number")
}

#[tokio::test]
async fn a_waiting_job_takes_no_more_than_400_bytes() {
    const JOBS: usize = 100_000;
    let server =
        tokio::task::spawn_blocking(|| Server::start(&[])).await.expect("a thread").expect("a server");
    let backend = backend(&server.url(), &prefix(), None);
    let payload = json!({ "text": "x".repeat(200 - r#"{"text":""}"#.len()) });
    assert_eq!(payload.to_string().len(), 200);
    let job = |_| NewJob { payload: payload.clone(), ..job("benchmark") };
    // Scripts and other memory of the first job do not count.
    backend.push(&[job(0)]).await.expect("a push");
    let before = used_memory(&server);
    for _ in 0..JOBS / 1000 {
        backend.push(&(0..1000).map(job).collect::<Vec<_>>()).await.expect("a push");
    }
    let each = (used_memory(&server) - before) as f64 / JOBS as f64;
    println!("{each:.0} bytes of Redis per waiting job");
    assert!(each <= 400.0, "{each} bytes");
}

/// The script doubles delays as retry.rs does: no draw is above the bound, and some come near it.
#[tokio::test]
async fn the_store_doubles_delays_as_the_policy_does() {
    let stage = redis().await;
    let policies = [(1_000, 600_000), (100, 1_000), (7, 86_400_000), (0, 5_000), (90_000_000, 90_000_000)];
    for (base, cap) in policies {
        let retry = RetryPolicy { base: Duration::from_millis(base), cap: Duration::from_millis(cap) };
        for attempt in [1, 2, 3, 8, 24, 60, 200] {
            let jobs: Vec<_> = (0..24)
                .map(|_| NewJob { retry, attempts_used: attempt - 1, max_attempts: 1_000, ..job("failing") })
                .collect();
            stage.backend.push(&jobs).await.expect("a push");
            let bound = retry.bound(attempt);
            let mut longest = Duration::ZERO;
            for one in claim(&*stage.backend, jobs.len()).await {
                assert_eq!(one.attempt, attempt);
                let settled = settle(&*stage.backend, &one, failed("down")).await;
                let Settled::Applied(Next::Waiting { delay }) = settled else { panic!("{settled:?}") };
                assert!(delay <= bound, "{delay:?} after attempt {attempt} of {retry:?}");
                longest = longest.max(delay);
                stage.backend.cancel(one.id).await.expect("a cancel");
            }
            // All of 24 draws are in the lower half once in sixteen million runs.
            assert!(longest >= bound / 2, "{longest:?} of {bound:?} after attempt {attempt} of {retry:?}");
        }
    }
}

#[tokio::test]
async fn a_lease_finds_its_queue_among_several() {
    let stage = redis().await;
    let queues = ["first", "second", "third"];
    let jobs: Vec<_> =
        queues.iter().map(|queue| NewJob { queue: (*queue).to_owned(), ..job("job") }).collect();
    stage.backend.push(&jobs).await.expect("a push");
    // This process has seen none of the queues.
    let other = stage.hooks.another(None).await;
    for (at, queue) in queues.iter().enumerate() {
        let asked = ClaimRequest { queue: (*queue).to_owned(), ..request(1, LEASE) };
        let claimed = stage.backend.claim(&asked).await.expect("a claim").jobs.remove(0);
        assert_eq!((claimed.queue.as_str(), claimed.id), (*queue, jobs[at].id));
        let settlements = [Settlement { lease: claimed.lease_ref(), outcome: Outcome::Done }];
        let by = if at == 1 { &other } else { &stage.backend };
        assert_eq!(by.settle(&settlements).await.expect("a settlement"), [Settled::Applied(Next::Gone)]);
        assert!(!other.known(&[claimed.id]).await.expect("a look")[0]);
    }
}

#[tokio::test]
async fn pages_go_through_all_places_once() {
    let stage = redis().await;
    let backend = &*stage.backend;
    let mut jobs: Vec<_> = (0..70).map(|n| job(&format!("due {n}"))).collect();
    jobs.extend((0..30).map(|n| NewJob { delay: Duration::from_secs(60), ..job(&format!("later {n}")) }));
    backend.push(&jobs).await.expect("a push");
    let (mut seen, mut after): (Vec<Uuid>, _) = (Vec::new(), None);
    loop {
        let query = JobQuery { limit: 7, after, ..JobQuery::new("work", State::Waiting) };
        let page = backend.list(&query).await.expect("a list");
        seen.extend(page.jobs.iter().map(|job| job.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, jobs.iter().map(|job| job.id).collect::<Vec<_>>());
    for odd in ["", "99.0.", "0.x.", "0.0.zz", "0.0.00"] {
        let query = JobQuery { after: Some(odd.to_owned()), ..JobQuery::new("work", State::Waiting) };
        assert!(backend.list(&query).await.is_err_and(|error| !error.is_temporary()), "{odd:?}");
    }
}

/// A cancelled job leaves a mark in the line that is skipped; the same id pushed again is in line once.
#[tokio::test]
async fn a_cancelled_job_can_come_again() {
    let stage = redis().await;
    let backend = &*stage.backend;
    let (again, other) = (job("again"), job("other"));
    backend.push(&[again.clone(), other]).await.expect("a push");
    for _ in 0..3 {
        backend.cancel(again.id).await.expect("a cancel");
        assert_eq!(backend.known(&[again.id]).await.expect("a look"), [false]);
        assert_eq!(backend.counts("work").await.expect("counts")[0].jobs, 1);
        backend.push(std::slice::from_ref(&again)).await.expect("a push");
        assert_eq!(backend.counts("work").await.expect("counts")[0].jobs, 2);
    }
    let kinds: Vec<_> = claim(backend, 9).await.into_iter().map(|job| job.kind).collect();
    assert_eq!(kinds, ["other", "again"]);
    assert_eq!(claim(backend, 9).await, []);
}
