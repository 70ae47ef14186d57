//! The scheduled job: each tick once, by whichever worker, and left alone by older ones.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use chrono::{DateTime, TimeDelta, Utc};
use rstest::rstest;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;
use syncline_engine::ports::Clock;
use syncline_entity::{job, maintenance_task, sync_history};
use syncline_queue::{ClaimRequest, Lease, LeasedJob, Outcome};
use syncline_upkeep::purge::{Age, Retention};
use syncline_worker::{
    Environment, handlers,
    maintenance::{TASKS, Task, Work, fire_due},
};

use crate::stage::{On, Stage};

#[derive(Debug, Clone)]
struct Hands(Arc<Mutex<DateTime<Utc>>>);

impl Hands {
    fn forward(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

fn workers(stage: &Stage, count: usize) -> (Hands, Vec<Environment>) {
    let hands = Hands(Arc::new(Mutex::new(stage.now)));
    let worker = |number| Environment {
        clock: Arc::new(hands.clone()),
        ..Environment::new(stage.db.clone(), format!("w{number}"))
    };
    let workers = (0..count).map(worker).collect();
    (hands, workers)
}

async fn jobs(stage: &Stage) -> u64 {
    job::Entity::find().count(&stage.db).await.unwrap()
}

async fn claim(environment: &Environment) -> LeasedJob {
    let request = ClaimRequest {
        queue: syncline_runs::RUN_QUEUE.to_owned(),
        worker_id: environment.worker.clone(),
        limit: 1,
        lease: std::time::Duration::from_secs(60),
        concurrency_key: None,
        overdue_by: None,
    };
    let asked = Instant::now();
    let job = environment.queue.claim(&request).await.unwrap().jobs.pop().expect("a job");
    let lease = Lease::new(environment.queue.backend(), job.lease_ref(), asked, request.lease);
    LeasedJob { job, lease }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tick_is_taken_once_however_many_look(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (hands, workers) = workers(&stage, 6);
    let look = async || {
        let looks: Vec<_> = workers
            .iter()
            .cloned()
            .map(|worker| tokio::spawn(async move { fire_due(&worker, TASKS).await }))
            .collect();
        for look in looks {
            look.await.unwrap().unwrap();
        }
    };
    look().await;
    assert_eq!(jobs(&stage).await, 0, "the first tick is not at once");
    let row = maintenance_task::Entity::find_by_id("purge").one(&stage.db).await.unwrap().unwrap();
    assert!(row.next_at > stage.now && row.next_at <= stage.now + TimeDelta::days(1), "{row:?}");
    hands.forward(TimeDelta::days(1));
    look().await;
    assert_eq!(jobs(&stage).await, 1);
    look().await;
    assert_eq!(jobs(&stage).await, 1);

    // While one waits, the next tick adds none; once it is under way, the next one waits for its end.
    hands.forward(TimeDelta::days(1));
    look().await;
    assert_eq!(jobs(&stage).await, 1);
    claim(&workers[0]).await;
    hands.forward(TimeDelta::days(1));
    look().await;
    assert_eq!(jobs(&stage).await, 2);
}

#[rstest]
#[tokio::test]
async fn a_worker_with_no_interval_and_a_task_turned_off_take_no_tick(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    let stage = Stage::new(on).await;
    let (hands, mut workers) = workers(&stage, 2);
    workers[0].retention = Retention { every: Age::Forever, ..Retention::default() };
    fire_due(&workers[1], TASKS).await.unwrap();
    hands.forward(TimeDelta::days(2));
    fire_due(&workers[0], TASKS).await.unwrap();
    assert_eq!(jobs(&stage).await, 0);
    stage.execute("UPDATE maintenance_tasks SET enabled = FALSE").await;
    fire_due(&workers[1], TASKS).await.unwrap();
    assert_eq!(jobs(&stage).await, 0);
    stage.execute("UPDATE maintenance_tasks SET enabled = TRUE").await;
    fire_due(&workers[1], TASKS).await.unwrap();
    assert_eq!(jobs(&stage).await, 1);
}

#[rstest]
#[tokio::test]
async fn the_job_purges_and_says_what_came_of_it(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (hands, workers) = workers(&stage, 1);
    stage.run(stage.sync, Some(300)).await;
    stage.run(stage.sync, Some(299)).await;
    fire_due(&workers[0], TASKS).await.unwrap();
    hands.forward(TimeDelta::days(1));
    fire_due(&workers[0], TASKS).await.unwrap();
    let leased = claim(&workers[0]).await;
    // What every worker before this version leaves alone for five seconds at a time.
    assert!(leased.job.payload_version > syncline_runs::PAYLOAD_VERSION);
    let outcome = handlers::handle(Arc::new(workers[0].clone()), leased).await.unwrap();
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(sync_history::Entity::find().count(&stage.db).await.unwrap(), 1);
    let row = maintenance_task::Entity::find_by_id("purge").one(&stage.db).await.unwrap().unwrap();
    let result = row.last_result.unwrap();
    let kinds = result["report"]["kinds"].as_array().unwrap();
    let runs = kinds.iter().find(|row| row["kind"] == "runs").unwrap();
    assert_eq!(runs["removed"], 1, "{result}");
    assert_eq!(row.last_at, Some(stage.now + TimeDelta::days(1)));
}

#[rstest]
#[tokio::test]
async fn a_job_whose_lease_is_gone_removes_nothing(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (_, workers) = workers(&stage, 1);
    stage.run(stage.sync, Some(300)).await;
    stage.run(stage.sync, Some(299)).await;
    workers[0].queue.push(&[handlers::purge_job()]).await.unwrap();
    let mut leased = claim(&workers[0]).await;
    let (queue, claimed) = (workers[0].queue.backend(), leased.lease.claim());
    leased.lease = Lease::new(queue, claimed, Instant::now(), std::time::Duration::ZERO);
    let outcome = handlers::handle(Arc::new(workers[0].clone()), leased).await.unwrap();
    assert!(matches!(outcome, Outcome::Snooze { .. }));
    assert_eq!(sync_history::Entity::find().count(&stage.db).await.unwrap(), 2);
}

#[rstest]
#[tokio::test]
async fn a_short_task_is_done_by_whoever_took_its_tick(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (hands, workers) = workers(&stage, 3);
    let tasks = [Task {
        name: "greet",
        every: |_| Some(std::time::Duration::from_secs(3600)),
        work: Work::Here(|environment| Box::pin(async { Ok(json!({ "by": environment.worker })) })),
    }];
    for worker in &workers {
        fire_due(worker, &tasks).await.unwrap();
    }
    hands.forward(TimeDelta::hours(1));
    for worker in &workers {
        fire_due(worker, &tasks).await.unwrap();
    }
    let row = maintenance_task::Entity::find_by_id("greet").one(&stage.db).await.unwrap().unwrap();
    assert_eq!(row.last_result, Some(json!({ "by": "w0" })));
    assert_eq!(jobs(&stage).await, 0);
}
