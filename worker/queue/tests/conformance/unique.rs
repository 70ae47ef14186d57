//! Tests of how long a job stands in for others with its key, and of merged payloads.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use syncline_queue::{MAX_MERGES, NewJob, Outcome, Pushed, Unique, UniqueRule};

use super::{claim, claim_one, eventually, failed, job, kinds, settle};
use crate::support::Stage;

fn under(kind: &str, rule: UniqueRule) -> NewJob {
    NewJob { unique: Some(Unique { key: "link 7".to_owned(), rule }), ..job(kind) }
}

fn until_done(kind: &str) -> NewJob {
    under(kind, UniqueRule::UntilDone)
}

fn event(number: u64) -> NewJob {
    NewJob { payload: json!({ "link": 7, "events": [number] }), ..under("events", UniqueRule::Coalesce) }
}

/// Returns the events of a payload, in order.
fn events(payload: &Value) -> Vec<u64> {
    payload["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| event.as_u64().expect("a number"))
        .collect()
}

async fn push_one(stage: &Stage, job: NewJob) -> Pushed {
    stage.backend.push(&[job]).await.expect("a push").remove(0)
}

pub(crate) async fn a_key_may_stand_until_its_job_is_done(stage: &Stage) {
    let first = NewJob { max_attempts: 2, ..until_done("first") };
    let joined = Pushed::Joined { winner: first.id };
    let pushed = stage.backend.push(&[first.clone(), until_done("second")]).await.expect("a push");
    assert_eq!(pushed, [Pushed::New, joined]);
    let running = claim_one(&*stage.backend).await;
    assert_eq!(push_one(stage, until_done("while it runs")).await, joined);
    settle(&*stage.backend, &running, failed("down")).await;
    assert_eq!(push_one(stage, until_done("while it waits again")).await, joined);
    let running = claim_one(&*stage.backend).await;
    settle(&*stage.backend, &running, failed("down")).await;
    let next = until_done("after it was given up");
    assert_eq!(push_one(stage, next.clone()).await, Pushed::New);
    let running = claim_one(&*stage.backend).await;
    assert_eq!(running.id, next.id);
    // The dead job is replayed without its key, as another job has it.
    assert!(stage.backend.replay(first.id).await.expect("a replay"));
    settle(&*stage.backend, &running, Outcome::Done).await;
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["first"]);
    assert_eq!(push_one(stage, until_done("after it is done")).await, Pushed::New);
}

pub(crate) async fn the_rule_is_that_of_the_pushed_job(stage: &Stage) {
    let first = under("first", UniqueRule::WhileWaiting);
    assert_eq!(push_one(stage, first.clone()).await, Pushed::New);
    claim_one(&*stage.backend).await;
    assert_eq!(push_one(stage, until_done("second")).await, Pushed::Joined { winner: first.id });
    let third = under("third", UniqueRule::WhileWaiting);
    assert_eq!(push_one(stage, third.clone()).await, Pushed::New);
    assert_eq!(push_one(stage, until_done("fourth")).await, Pushed::Joined { winner: third.id });
}

pub(crate) async fn one_of_many_pushes_wins_a_key_until_it_is_done(stage: &Stage) {
    for round in 0..10 {
        let key = format!("key {round}");
        let pushes = (0..8).map(|n| {
            let backend = Arc::clone(&stage.backend);
            let unique = Some(Unique { key: key.clone(), rule: UniqueRule::UntilDone });
            let one = NewJob { unique, ..job(&n.to_string()) };
            tokio::spawn(async move { backend.push(&[one]).await.expect("a push").remove(0) })
        });
        let mut new = 0;
        for push in pushes.collect::<Vec<_>>() {
            new += usize::from(push.await.expect("a push") == Pushed::New);
        }
        assert_eq!(new, 1);
    }
}

pub(crate) async fn a_key_may_stand_for_a_time(stage: &Stage) {
    let window = UniqueRule::For(Duration::from_secs(3));
    let first = under("first", window);
    let joined = Pushed::Joined { winner: first.id };
    let pushed = stage.backend.push(&[first.clone(), under("second", window)]).await.expect("a push");
    assert_eq!(pushed, [Pushed::New, joined]);
    let running = claim_one(&*stage.backend).await;
    assert_eq!(push_one(stage, under("while it runs", window)).await, joined);
    settle(&*stage.backend, &running, Outcome::Done).await;
    assert_eq!(push_one(stage, under("after it is done", window)).await, joined);
    assert_eq!(push_one(stage, under("no such rule", UniqueRule::WhileWaiting)).await, Pushed::New);
    claim_one(&*stage.backend).await;
    let late = eventually("the end of the time", || async {
        let late = under("late", window);
        (push_one(stage, late.clone()).await == Pushed::New).then_some(late)
    })
    .await;
    // The time of its own window has begun.
    let running = claim_one(&*stage.backend).await;
    settle(&*stage.backend, &running, Outcome::Done).await;
    assert_eq!(push_one(stage, under("again", window)).await, Pushed::Joined { winner: late.id });
}

pub(crate) async fn one_of_many_pushes_wins_a_time(stage: &Stage) {
    let window = UniqueRule::For(Duration::from_secs(3600));
    let claimer = {
        let backend = Arc::clone(&stage.backend);
        tokio::spawn(async move {
            loop {
                for running in claim(&*backend, 9).await {
                    settle(&*backend, &running, Outcome::Done).await;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    for round in 0..10 {
        let pushes = (0..8).map(|n| {
            let backend = Arc::clone(&stage.backend);
            let unique = Some(Unique { key: format!("key {round}"), rule: window });
            let one = NewJob { unique, ..job(&n.to_string()) };
            tokio::spawn(async move { backend.push(&[one]).await.expect("a push").remove(0) })
        });
        let mut new = 0;
        for push in pushes.collect::<Vec<_>>() {
            new += usize::from(push.await.expect("a push") == Pushed::New);
        }
        assert_eq!(new, 1);
    }
    claimer.abort();
}

pub(crate) async fn a_hundred_events_become_one_job(stage: &Stage) {
    let first = event(0);
    assert_eq!(push_one(stage, first.clone()).await, Pushed::New);
    let merged = Pushed::Merged { winner: first.id };
    for number in 1..50 {
        assert_eq!(push_one(stage, event(number)).await, merged);
    }
    let rest: Vec<_> = (50..100).map(event).collect();
    assert_eq!(stage.backend.push(&rest).await.expect("a push"), vec![merged; 50]);
    let running = claim_one(&*stage.backend).await;
    assert_eq!(events(&running.payload), (0..100).collect::<Vec<_>>());
    assert_eq!(running.payload["link"], json!(7));
}

pub(crate) async fn a_burst_in_one_push_becomes_one_job(stage: &Stage) {
    let burst: Vec<_> = (0..100).map(event).collect();
    let pushed = stage.backend.push(&burst).await.expect("a push");
    assert_eq!(pushed[0], Pushed::New);
    assert_eq!(pushed[1..], vec![Pushed::Merged { winner: burst[0].id }; 99]);
    assert_eq!(events(&claim_one(&*stage.backend).await.payload), (0..100).collect::<Vec<_>>());
}

pub(crate) async fn events_of_many_pushers_are_all_kept(stage: &Stage) {
    const PUSHERS: u64 = 5;
    const EACH: u64 = 20;
    let pushers = (0..PUSHERS).map(|pusher| {
        let backend = Arc::clone(&stage.backend);
        tokio::spawn(async move {
            for n in 0..EACH {
                backend.push(&[event(pusher * EACH + n)]).await.expect("a push");
            }
        })
    });
    let pushers: Vec<_> = pushers.collect();
    // During the pushes the job is claimed from time to time, and fails: it keeps its events.
    let mut seen = Vec::new();
    for attempt in 0..3 {
        let Some(running) = claim(&*stage.backend, 1).await.pop() else { continue };
        let outcome = if attempt == 2 { Outcome::Done } else { failed("not now") };
        if outcome == Outcome::Done {
            seen.extend(events(&running.payload));
        }
        settle(&*stage.backend, &running, outcome).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for pusher in pushers {
        pusher.await.expect("a pusher");
    }
    for running in claim(&*stage.backend, 9).await {
        seen.extend(events(&running.payload));
        settle(&*stage.backend, &running, Outcome::Done).await;
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..PUSHERS * EACH).collect::<Vec<_>>());
}

pub(crate) async fn a_job_that_waits_for_its_retry_takes_events_up(stage: &Stage) {
    let first = event(0);
    push_one(stage, first.clone()).await;
    let running = claim_one(&*stage.backend).await;
    settle(&*stage.backend, &running, failed("not now")).await;
    assert_eq!(push_one(stage, event(1)).await, Pushed::Merged { winner: first.id });
    let running = claim_one(&*stage.backend).await;
    assert_eq!((events(&running.payload), running.attempt), (vec![0, 1], 2));
    // A running job takes no payloads: there is one follow-up, which does.
    let follow_up = event(2);
    assert_eq!(push_one(stage, follow_up.clone()).await, Pushed::New);
    settle(&*stage.backend, &running, failed("not now")).await;
    assert_eq!(push_one(stage, event(3)).await, Pushed::Merged { winner: follow_up.id });
}

pub(crate) async fn a_job_takes_up_only_so_many(stage: &Stage) {
    let most = u64::from(MAX_MERGES);
    let burst: Vec<_> = (0..most + 10).map(event).collect();
    let mut pushed = Vec::new();
    for part in burst.chunks(300) {
        pushed.extend(stage.backend.push(part).await.expect("a push"));
    }
    let new: Vec<_> = pushed.iter().enumerate().filter(|(_, pushed)| **pushed == Pushed::New).collect();
    assert_eq!(new.iter().map(|(at, _)| *at as u64).collect::<Vec<_>>(), [0, most + 1]);
    let jobs = claim(&*stage.backend, 9).await;
    let lengths: Vec<_> = jobs.iter().map(|job| events(&job.payload).len() as u64).collect();
    assert_eq!(lengths, [most + 1, 9]);
}

pub(crate) async fn a_key_within_one_push_changes_no_order(stage: &Stage) {
    let (mut first, mut second, third) = (job("first"), job("second"), job("third"));
    for one in [&mut first, &mut second] {
        one.unique = Some(Unique { key: "k".to_owned(), rule: UniqueRule::WhileWaiting });
    }
    let winner = second.id;
    let pushed = stage.backend.push(&[third, second, first]).await.expect("a push");
    assert_eq!(pushed, [Pushed::New, Pushed::New, Pushed::Joined { winner }]);
    assert_eq!(kinds(&claim(&*stage.backend, 9).await), ["second", "third"]);
}
