//! Pauses hold for every replica, over restarts and over an emptied store.

use std::sync::Arc;

use rstest::rstest;
use syncline_entity::types::RunStatus;
use syncline_queue::{Lease, LeasedJob, Outcome, Settlement};
use syncline_runs::{
    RUN_QUEUE, accept,
    pause::{self, NewPause, Subject},
};

use crate::stage::{On, Stage, new, whole};

fn pause_of(subject: Subject) -> NewPause {
    NewPause {
        subject,
        project_id: None,
        reason: Some("holidays".to_owned()),
        by: "ann".to_owned(),
        note: None,
    }
}

async fn handle_next(stage: &Stage) -> Outcome {
    let asked = std::time::Instant::now();
    let job = stage.claim().await.expect("a job");
    let claim = job.lease_ref();
    let lease = Lease::new(stage.queue.backend(), claim, asked, std::time::Duration::from_secs(60));
    let environment = Arc::new(stage.environment("w"));
    let outcome = syncline_worker::handlers::handle(environment, LeasedJob { job, lease }).await.unwrap();
    stage.queue.settle(&[Settlement { lease: claim, outcome: outcome.clone() }]).await.unwrap();
    outcome
}

#[rstest]
#[tokio::test]
async fn a_paused_sync_runs_nothing_until_it_is_resumed(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let (db, queue) = (&stage.db, &stage.queue);
    let waiting = new(accept(db, queue, &whole(&config)).await.unwrap());
    let subject = Subject::Sync(config.id);
    assert!(pause::pause(db, queue, &pause_of(subject.clone())).await.unwrap());
    assert!(!pause::pause(db, queue, &pause_of(subject.clone())).await.unwrap(), "it holds already");
    let listed = pause::list(db).await.unwrap();
    assert_eq!((&listed[0].subject, listed[0].by.as_str()), (&subject, "ann"));
    assert!(pause::is_paused(db, config.id).await.unwrap());

    // One that waits is parked when a worker claims it, and no attempt is used.
    assert_eq!(handle_next(&stage).await, Outcome::Cancelled);
    let parked = stage.run(waiting).await;
    assert_eq!((parked.status, parked.dispatched_at, parked.fence), (RunStatus::Queued, None, 0));
    assert!(stage.queue.get(waiting).await.unwrap().is_none());
    // One that is accepted meanwhile waits as well.
    let mut plan = whole(&config);
    plan.kind = syncline_entity::types::RunKind::Plan;
    let later = new(accept(db, queue, &plan).await.unwrap());
    assert!(stage.run(later).await.dispatched_at.is_none());
    stage.flush().await;
    assert_eq!(stage.dispatcher().look().await.unwrap().dispatched, 0);
    assert!(stage.claim().await.is_none());

    assert!(pause::resume(db, queue, &subject).await.unwrap());
    assert!(!pause::resume(db, queue, &subject).await.unwrap(), "it is over already");
    assert!(
        stage.run(waiting).await.dispatched_at.is_some() && stage.run(later).await.dispatched_at.is_some()
    );
    assert_eq!(stage.claim().await.expect("the job").attempt, 1);
}

#[rstest]
#[tokio::test]
async fn a_paused_platform_holds_all_its_syncs(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let subject = Subject::Platform("sql".to_owned());
    pause::pause(&stage.db, &stage.queue, &pause_of(subject.clone())).await.unwrap();
    assert!(pause::is_paused(&stage.db, config.id).await.unwrap());
    new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    assert!(stage.claim().await.is_none());
    pause::resume(&stage.db, &stage.queue, &subject).await.unwrap();
    assert!(stage.claim().await.is_some());
}

#[rstest]
#[tokio::test]
async fn a_pause_of_an_older_version_holds_and_ends(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    stage.execute("UPDATE sync_configs SET paused_at = CURRENT_TIMESTAMP").await;
    assert_eq!(pause::list(&stage.db).await.unwrap()[0].subject, Subject::Sync(config.id));
    new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    assert!(stage.claim().await.is_none());
    assert!(pause::resume(&stage.db, &stage.queue, &Subject::Sync(config.id)).await.unwrap());
    assert!(stage.claim().await.is_some());
}

#[rstest]
#[tokio::test]
async fn an_emptied_store_does_not_forget_the_queues_pause(
    #[values(On::SqliteAndStore, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let subject = Subject::Queue(RUN_QUEUE.to_owned());
    pause::pause(&stage.db, &stage.queue, &pause_of(subject.clone())).await.unwrap();
    new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    stage.flush().await;
    stage.dispatcher().look().await.unwrap();
    assert!(stage.queue.is_paused(RUN_QUEUE).await.unwrap());
    assert!(stage.claim().await.is_none());
    // Its end reaches a store that was away, too.
    stage.set_away(true);
    assert!(pause::resume(&stage.db, &stage.queue, &subject).await.unwrap());
    stage.set_away(false);
    stage.dispatcher().look().await.unwrap();
    assert!(stage.claim().await.is_some());
}
