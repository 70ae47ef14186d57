//! Tests of paused queues and of lists of jobs.

use std::{collections::HashSet, time::Duration};

use serde_json::json;
use syncline_queue::{Concurrency, Error, Job, JobQuery, NewJob, Outcome, Priority, SourceConfig, State};

use super::{QUEUE, claim, claim_one, eventually, failed, job, kinds, settle};
use crate::{conformance::workers, support::Stage};

pub(crate) async fn a_paused_queue_gives_no_jobs(stage: &Stage) {
    let backend = &*stage.backend;
    backend.push(&[job("running"), job("waiting")]).await.expect("a push");
    let running = claim(backend, 1).await.remove(0);
    assert!(backend.pause(QUEUE).await.expect("a pause"));
    assert!(!backend.pause(QUEUE).await.expect("a pause"), "it is already");
    assert!(backend.is_paused(QUEUE).await.expect("a look"));
    assert!(!backend.is_paused("other").await.expect("a look"));
    // The pause also applies to workers that start later.
    let another = stage.hooks.another(None).await;
    assert!(another.is_paused(QUEUE).await.expect("a look"));
    assert!(claim(backend, 9).await.is_empty() && claim(&*another, 9).await.is_empty());
    // Running jobs continue, and new ones are accepted.
    settle(backend, &running, failed("once more")).await;
    backend.push(&[job("late")]).await.expect("a push");
    assert!(claim(backend, 9).await.is_empty());
    assert!(another.resume(QUEUE).await.expect("a resumption"));
    assert!(!another.resume(QUEUE).await.expect("a resumption"), "it is already");
    assert!(!backend.is_paused(QUEUE).await.expect("a look"));
    assert_eq!(claim(backend, 9).await.len(), 3);
}

pub(crate) async fn a_resumed_queue_wakes_its_workers(stage: &Stage) {
    stage.backend.pause(QUEUE).await.expect("a pause");
    stage.backend.push(&[job("job")]).await.expect("a push");
    let far = SourceConfig { poll_interval: Duration::from_secs(600), ..workers::config("worker") };
    let mut worker =
        workers::start_on(std::sync::Arc::clone(&stage.backend), far, |_| async { Ok(Outcome::Done) });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stage.backend.counts(QUEUE).await.expect("counts")[0].state, State::Waiting);
    stage.backend.resume(QUEUE).await.expect("a resumption");
    worker.settled().await;
    worker.stop().await;
}

pub(crate) async fn a_waiting_job_gets_another_priority(stage: &Stage) {
    let backend = &*stage.backend;
    let one = || Some(Concurrency::one("key"));
    let jobs = [
        job("first"),
        job("second"),
        NewJob { delay: Duration::from_secs(3_600), ..job("late") },
        NewJob { concurrency: one(), ..job("runs") },
        NewJob { concurrency: one(), ..job("parked") },
    ];
    backend.push(&jobs).await.expect("a push");
    let claimed = claim(backend, 4).await;
    assert_eq!(kinds(&claimed), ["first", "second", "runs"]);
    for job in &claimed[..2] {
        backend.give_back(&[job.lease_ref()]).await.expect("given back");
    }
    let set =
        async |at: usize, priority| backend.set_priority(jobs[at].id, priority).await.expect("a change");
    assert!(set(1, Priority::Critical).await && set(2, Priority::High).await);
    assert!(set(4, Priority::Low).await);
    assert!(!set(3, Priority::Low).await, "it runs");
    assert!(!backend.set_priority(uuid::Uuid::now_v7(), Priority::Low).await.expect("an answer"));
    let priority = async |at: usize| backend.get(jobs[at].id).await.expect("a look").expect("a job").priority;
    assert_eq!((priority(2).await, priority(4).await), (Priority::High, Priority::Low));
    assert_eq!(kinds(&claim(backend, 9).await), ["second", "first"]);
    settle(backend, &claimed[2], Outcome::Done).await;
    assert_eq!(claim_one(backend).await.kind, "parked");
    let counts = backend.counts(QUEUE).await.expect("counts");
    let waits = |priority| {
        let of = counts.iter().filter(|count| count.state == State::Waiting && count.priority == priority);
        of.map(|count| count.jobs).sum::<u64>()
    };
    assert_eq!(Priority::ALL.map(waits), [0, 1, 0, 0]);
}

async fn listed(stage: &Stage, query: &JobQuery) -> Vec<Job> {
    let (mut jobs, mut query) = (Vec::new(), query.clone());
    // A page may be short; its cursor leads to the next one.
    for _ in 0..1000 {
        let page = stage.backend.list(&query).await.expect("a page");
        assert!(page.jobs.len() <= query.limit);
        jobs.extend(page.jobs);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return jobs,
        }
    }
    panic!("a list without an end")
}

fn names(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.kind.as_str()).collect()
}

pub(crate) async fn jobs_are_listed_by_state(stage: &Stage) {
    let backend = &*stage.backend;
    let jobs: Vec<_> =
        ["a", "b", "c", "d"].map(|kind| NewJob { max_attempts: 1, ..job(kind) }).into_iter().collect();
    backend.push(&jobs).await.expect("a push");
    backend.push(&[NewJob { queue: "other".to_owned(), ..job("elsewhere") }]).await.expect("a push");
    for running in claim(backend, 2).await {
        settle(backend, &running, failed("down")).await;
    }
    assert_eq!(kinds(&claim(backend, 1).await), ["c"]);
    let list = async |state| listed(stage, &JobQuery::new(QUEUE, state)).await;
    assert_eq!(names(&list(State::Waiting).await), ["d"]);
    let running = list(State::Running).await;
    assert_eq!((names(&running), running[0].worker_id.as_deref()), (vec!["c"], Some("tester")));
    assert!(running[0].lease_until.is_some() && running[0].attempt == 1);
    assert_eq!(names(&list(State::Dead).await), ["b", "a"], "the latest first");
}

pub(crate) async fn a_list_continues_after_its_page(stage: &Stage) {
    let backend = &*stage.backend;
    let jobs: Vec<_> = (0..25).map(|n| NewJob { max_attempts: 1, ..job(&n.to_string()) }).collect();
    backend.push(&jobs).await.expect("a push");
    let query = |state, limit| JobQuery { limit, ..JobQuery::new(QUEUE, state) };
    let first = backend.list(&query(State::Waiting, 10)).await.expect("a page");
    // Jobs that are pushed or leave meanwhile do not move others to another page.
    backend.push(&[job("late")]).await.expect("a push");
    let taken = claim(backend, 3).await;
    let rest = JobQuery { after: first.next.clone(), ..query(State::Waiting, 10) };
    let seen: Vec<_> = first.jobs.iter().map(|job| job.id).collect();
    let rest = listed(stage, &rest).await;
    let all: HashSet<_> = seen.iter().copied().chain(rest.iter().map(|job| job.id)).collect();
    assert_eq!(all.len(), seen.len() + rest.len(), "none twice");
    for one in &jobs {
        assert!(
            all.contains(&one.id) || taken.iter().any(|taken| taken.id == one.id),
            "{} is missing",
            one.kind
        );
    }
    for running in taken.into_iter().chain(claim(backend, 30).await) {
        settle(backend, &running, Outcome::Dead { reason: "no".to_owned(), error: "no".to_owned() }).await;
    }
    let dead = listed(stage, &query(State::Dead, 7)).await;
    assert_eq!(dead.iter().map(|job| job.id).collect::<HashSet<_>>().len(), 26);
    assert!(dead.windows(2).all(|pair| pair[0].finished_at >= pair[1].finished_at), "the latest first");
}

pub(crate) async fn an_invalid_cursor_is_refused(stage: &Stage) {
    stage.backend.push(&[job("a"), job("b")]).await.expect("a push");
    for after in ["", "next", "'; --", "00000000-0000-0000-0000-000000000000.x", "\u{0}é"] {
        for state in [State::Waiting, State::Running, State::Dead] {
            let query = JobQuery { after: Some(after.to_owned()), ..JobQuery::new(QUEUE, state) };
            let answer = stage.backend.list(&query).await;
            assert!(matches!(answer, Err(Error::Refused(_))), "{after:?}: {answer:?}");
        }
    }
}

pub(crate) async fn jobs_are_found(stage: &Stage) {
    let backend = &*stage.backend;
    let unique = Some("key u".to_owned());
    let jobs = [
        NewJob { unique, ..job("sync") },
        NewJob { concurrency: Some(Concurrency::one("key c")), priority: Priority::High, ..job("sync") },
        NewJob { order_key: Some("key o".to_owned()), ..job("plan") },
        NewJob { payload: json!({ "issue": "PROJ-17 Größe" }), ..job("plan") },
    ];
    backend.push(&jobs).await.expect("a push");
    let all = JobQuery::new(QUEUE, State::Waiting);
    let found = async |query: JobQuery| {
        let mut found: Vec<_> = listed(stage, &query).await.iter().map(|job| job.id).collect();
        found.sort();
        found
    };
    let ids = |at: &[usize]| at.iter().map(|at| jobs[*at].id).collect::<Vec<_>>();
    assert_eq!(found(all.clone()).await, ids(&[0, 1, 2, 3]));
    assert_eq!(found(JobQuery { kind: Some("sync".to_owned()), ..all.clone() }).await, ids(&[0, 1]));
    assert_eq!(found(JobQuery { priority: Some(Priority::High), ..all.clone() }).await, ids(&[1]));
    for (at, key) in ["key u", "key c", "key o"].into_iter().enumerate() {
        assert_eq!(found(JobQuery { key: Some(key.to_owned()), ..all.clone() }).await, ids(&[at]));
    }
    let text = |text: &str| JobQuery { text: Some(text.to_owned()), ..all.clone() };
    assert_eq!(found(text("PROJ-17")).await, ids(&[3]));
    assert_eq!(found(text("Größe")).await, ids(&[3]));
    assert_eq!(found(text("proj-17")).await, ids(&[]), "case matters");
    assert_eq!(found(text("%")).await, ids(&[]), "it is no pattern");
    let both = JobQuery { kind: Some("sync".to_owned()), limit: 1, ..text("sync") };
    assert_eq!(found(both).await, ids(&[0, 1]), "the kind is in the payload of these");

    let doomed = claim(backend, 9).await;
    for (n, running) in doomed.iter().enumerate() {
        let (reason, error) = (format!("reason {n}"), format!("error {n}"));
        settle(backend, running, Outcome::Dead { reason, error }).await;
    }
    let dead = |text: &str| JobQuery { text: Some(text.to_owned()), ..JobQuery::new(QUEUE, State::Dead) };
    assert_eq!(found(dead("error 2")).await, [doomed[2].id]);
    assert_eq!(found(dead("reason 1")).await, [doomed[1].id]);
}

pub(crate) async fn old_jobs_are_found(stage: &Stage) {
    let age = Duration::from_secs(2);
    let query = JobQuery { older_than: Some(age), ..JobQuery::new(QUEUE, State::Waiting) };
    stage.backend.push(&[job("old")]).await.expect("a push");
    assert!(listed(stage, &query).await.is_empty());
    eventually("its age", || async { (!listed(stage, &query).await.is_empty()).then_some(()) }).await;
    stage.backend.push(&[job("young")]).await.expect("a push");
    assert_eq!(names(&listed(stage, &query).await), ["old"]);
}

pub(crate) async fn an_unreadable_job_blocks_no_others(stage: &Stage) {
    let backend = &*stage.backend;
    let jobs = [job("spoilt"), job("good")];
    backend.push(&jobs).await.expect("a push");
    if !stage.hooks.spoil(jobs[0].id).await {
        return;
    }
    assert_eq!(claim_one(backend).await.kind, "good");
    let dead = listed(stage, &JobQuery::new(QUEUE, State::Dead)).await;
    assert_eq!((dead[0].id, dead[0].dead_reason.as_deref()), (jobs[0].id, Some("it cannot be read")));
    assert!(backend.discard(jobs[0].id).await.expect("a discard"));
}
