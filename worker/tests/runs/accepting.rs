//! What is accepted is on record, whatever the queue's store does.

use chrono::{TimeDelta, Utc};
use rstest::rstest;
use sea_orm::TransactionTrait;
use syncline_entity::types::RunStatus;
use syncline_queue::{Error, State};
use syncline_runs::{Accepted, NewRun, RunArgs, RunCancelled, accept, accept_in, committed};
use uuid::Uuid;

use crate::stage::{On, Stage, in_an_hour, new, whole};

#[rstest]
#[tokio::test]
async fn a_run_is_accepted_once_while_it_waits(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let id = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    assert_eq!(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap(), Accepted::Joined(id));
    let row = stage.run(id).await;
    assert_eq!((row.status, row.dispatched_at.is_some()), (RunStatus::Queued, true));
    let job = stage.queue.get(id).await.unwrap().expect("the job");
    assert_eq!((job.max_attempts, job.priority.as_str()), (3, "high"));
    // Other arguments are another run.
    let full = NewRun { args: RunArgs { full: true, ..RunArgs::default() }, ..whole(&config) };
    new(accept(&stage.db, &stage.queue, &full).await.unwrap());
    assert_eq!(stage.runs().await.len(), 2);
}

#[rstest]
#[tokio::test]
async fn a_running_run_has_one_follow_up(#[values(On::Sqlite, On::Postgres, On::PostgresAndStore)] on: On) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let first = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    let job = stage.claim().await.expect("the job");
    // Between claim and begin the run has done nothing yet, so it does for a second request as well.
    assert_eq!(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap(), Accepted::Joined(first));
    let environment = stage.environment("w");
    environment.run_book().begin(first, job.attempt).await.unwrap().begun().expect("begun");
    let second = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    assert_eq!(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap(), Accepted::Joined(second));
}

#[rstest]
#[tokio::test]
async fn a_store_that_is_away_costs_time_and_not_the_run(
    #[values(On::SqliteAndStore, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    stage.set_away(true);
    let id = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    assert_eq!(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap(), Accepted::Joined(id));
    assert_eq!(stage.run(id).await.dispatched_at, None);
    assert!(stage.dispatcher().look().await.is_err(), "the store is away");
    stage.set_away(false);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let looked = stage.dispatcher().look().await.unwrap();
    assert_eq!((looked.dispatched, looked.put_back), (1, 0));
    assert!(stage.run(id).await.dispatched_at.is_some());
    assert_eq!(stage.claim().await.expect("the job").id, id);
}

#[rstest]
#[tokio::test]
async fn what_follows_is_accepted_with_its_cause_or_not_at_all(
    #[values(On::Sqlite, On::SqliteAndStore, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let tx = stage.db.begin().await.unwrap();
    new(accept_in(&tx, &stage.queue, &whole(&config)).await.unwrap());
    tx.rollback().await.unwrap();
    assert!(stage.runs().await.is_empty() && stage.claim().await.is_none());

    let tx = stage.db.begin().await.unwrap();
    let accepted = accept_in(&tx, &stage.queue, &whole(&config)).await.unwrap();
    let id = new(accepted);
    tx.commit().await.unwrap();
    if on.has_store() {
        assert!(stage.queue.get(id).await.unwrap().is_none(), "not before the commit");
    }
    committed(&stage.db, &stage.queue, accepted).await;
    assert_eq!(stage.claim().await.expect("the job").id, id);
}

#[rstest]
#[tokio::test]
async fn a_full_queue_refuses_and_writes_nothing(#[values(On::Sqlite, On::PostgresAndStore)] on: On) {
    let stage = Stage::new(on).await;
    let queue = stage.queue.clone().with_limit(2);
    for name in ["a", "b"] {
        new(accept(&stage.db, &queue, &whole(&stage.sync(name).await)).await.unwrap());
    }
    let third = stage.sync("c").await;
    let refused = accept(&stage.db, &queue, &whole(&third)).await.unwrap_err();
    assert!(matches!(refused, Error::Full { limit: 2, waiting: 2, .. }), "{refused}");
    assert_eq!(stage.runs().await.len(), 2);
}

#[rstest]
#[tokio::test]
async fn a_chosen_id_is_accepted_once(#[values(On::Sqlite, On::PostgresAndStore)] on: On) {
    let stage = Stage::new(on).await;
    let (a, b) = (stage.sync("a").await, stage.sync("b").await);
    let id = Uuid::now_v7();
    let run = |config| NewRun { id: Some(id), ..whole(config) };
    assert_eq!(accept(&stage.db, &stage.queue, &run(&a)).await.unwrap(), Accepted::New(id));
    assert_eq!(accept(&stage.db, &stage.queue, &run(&a)).await.unwrap(), Accepted::Joined(id));
    assert_eq!(accept(&stage.db, &stage.queue, &run(&b)).await.unwrap(), Accepted::Joined(id));
    assert_eq!(stage.runs().await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn a_delayed_run_waits_for_its_time(#[values(On::Sqlite, On::SqliteAndStore)] on: On) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let later = NewRun { not_before: Some(in_an_hour()), ..whole(&config) };
    let id = new(accept(&stage.db, &stage.queue, &later).await.unwrap());
    assert!(stage.claim().await.is_none(), "not yet");
    // A store that lost it gets it back when it is due.
    stage.flush().await;
    assert_eq!(stage.dispatcher().look().await.unwrap().put_back, 0);
    stage.execute("UPDATE sync_history SET not_before = queued_at").await;
    assert_eq!(stage.dispatcher().look().await.unwrap().put_back, 1);
    assert_eq!(stage.claim().await.expect("the job").id, id);
}

#[rstest]
#[tokio::test]
async fn a_delayed_run_is_never_due_before_its_time(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    // However the clocks of this program and of its database are rounded.
    for seconds in 0..20 {
        let time = in_an_hour() + TimeDelta::seconds(seconds);
        let later = NewRun { not_before: Some(time), ..whole(&config) };
        let id = new(accept(&stage.db, &stage.queue, &later).await.unwrap());
        let job = stage.queue.get(id).await.unwrap().expect("the job");
        assert!(job.run_at >= time && job.run_at < time + TimeDelta::minutes(1), "{} for {time}", job.run_at);
    }
}

#[rstest]
#[tokio::test]
async fn a_waiting_run_is_cancelled_whether_the_queue_holds_it_or_not(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let (a, b) = (stage.sync("a").await, stage.sync("b").await);
    let held = new(accept(&stage.db, &stage.queue, &whole(&a)).await.unwrap());
    let lost = new(accept(&stage.db, &stage.queue, &whole(&b)).await.unwrap());
    assert_eq!(syncline_runs::cancel(&stage.db, &stage.queue, held).await.unwrap(), RunCancelled::Ended);
    assert!(stage.queue.get(held).await.unwrap().is_none());
    stage.flush().await;
    assert_eq!(syncline_runs::cancel(&stage.db, &stage.queue, lost).await.unwrap(), RunCancelled::Ended);
    assert_eq!(syncline_runs::cancel(&stage.db, &stage.queue, lost).await.unwrap(), RunCancelled::Over);
    assert_eq!(
        syncline_runs::cancel(&stage.db, &stage.queue, Uuid::now_v7()).await.unwrap(),
        RunCancelled::Unknown
    );
    for run in stage.runs().await {
        assert_eq!((run.status, run.success), (RunStatus::Cancelled, Some(false)));
    }
    assert_eq!(stage.dispatcher().look().await.unwrap(), syncline_runs::Looked::default());
    // Nothing waits any more, so the next one is new.
    new(accept(&stage.db, &stage.queue, &whole(&a)).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_running_run_is_asked_to_stop_and_never_taken_up_again(
    #[values(On::Sqlite, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let id = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    let job = stage.claim().await.expect("the job");
    let environment = stage.environment("w");
    environment.run_book().begin(id, job.attempt).await.unwrap().begun().expect("begun");
    assert_eq!(syncline_runs::cancel(&stage.db, &stage.queue, id).await.unwrap(), RunCancelled::Requested);
    let asked = stage.queue.get(id).await.unwrap().expect("the job");
    assert!(asked.cancel_requested && asked.state == State::Running);
    // Its worker dies and the store loses the job: the request is on record all the same.
    stage.flush().await;
    assert_eq!(stage.dispatcher().look().await.unwrap().ended, 1);
    let row = stage.run(id).await;
    assert_eq!(row.status, RunStatus::Cancelled);
    assert!(row.completed_at.unwrap() > Utc::now() - TimeDelta::minutes(1));
}
