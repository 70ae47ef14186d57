//! What the database says is due and the queue does not hold is put back.

use std::time::Duration;

use chrono::Utc;
use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};
use syncline_entity::{sync_attempt, types::RunStatus};
use syncline_queue::{NewJob, Outcome, Settlement};
use syncline_runs::{Accepted, Looked, RUN_QUEUE, accept};

use crate::stage::{On, Stage, new, whole};

#[rstest]
#[tokio::test]
async fn an_emptied_store_loses_no_run(#[values(On::SqliteAndStore, On::PostgresAndStore)] on: On) {
    let stage = Stage::new(on).await;
    let mut ids = Vec::new();
    // More than a page of the dispatcher.
    for number in 0..1_100 {
        let config = stage.sync(&format!("sync-{number}")).await;
        ids.push(new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap()));
    }
    let mut dispatcher = stage.dispatcher();
    for _ in 0..3 {
        assert_eq!(dispatcher.look().await.unwrap(), Looked::default(), "a healthy queue is left alone");
    }
    stage.flush().await;
    let (mut put_back, mut looks) = (0, 0);
    while put_back < ids.len() {
        put_back += dispatcher.look().await.unwrap().put_back;
        looks += 1;
        assert!(looks < 10, "{put_back} after {looks} looks");
    }
    assert!(stage.queue.known(&ids).await.unwrap().into_iter().all(|known| known));
    assert_eq!(dispatcher.look().await.unwrap().put_back, 0);
}

#[rstest]
#[tokio::test]
async fn attempts_outlive_the_store_and_snoozes_do_not_count(
    #[values(On::SqliteAndStore, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let id = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    let job = stage.claim().await.expect("the job");
    stage.environment("w1").run_book().begin(id, job.attempt).await.unwrap().begun().expect("begun");
    for (attempt, outcome) in [(2, "snoozed"), (3, "returned")] {
        let row = sync_attempt::ActiveModel {
            run_id: Set(id),
            attempt: Set(attempt),
            worker: Set("w2".to_owned()),
            started_at: Set(Utc::now()),
            ended_at: Set(Some(Utc::now())),
            outcome: Set(Some(outcome.to_owned())),
            error: Set(None),
        };
        row.insert(&stage.db).await.unwrap();
    }
    stage.flush().await;
    assert_eq!(stage.dispatcher().look().await.unwrap().put_back, 1);
    let again = stage.claim().await.expect("the job");
    assert_eq!((again.id, again.attempt, again.max_attempts), (id, 2, 3));
    assert_eq!((again.kind.as_str(), again.payload), ("sync", job.payload));
    assert_eq!(again.concurrency_key.as_deref(), Some(&*format!("sync:{}", config.id)));
    // The first worker, should it still be there, can write no more.
    let begun = stage.environment("w2").run_book().begin(id, 2).await.unwrap().begun().expect("begun");
    assert_eq!(begun.row.fence, 2);
    // An attempt that was given back is taken up by another worker, and still says who had it.
    stage.environment("w3").run_book().begin(id, 3).await.unwrap().begun().expect("begun");
    let third = sync_attempt::Entity::find_by_id((id, 3)).one(&stage.db).await.unwrap().expect("a row");
    assert_eq!((third.worker.as_str(), third.error.as_deref()), ("w3", Some("given back by w2")));
}

#[rstest]
#[tokio::test]
async fn a_run_that_another_stands_for_ends_and_names_it(#[values(On::SqliteAndStore)] on: On) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let first = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    // The first one waits for another attempt, so it is not on record as waiting for its first.
    let job = stage.claim().await.expect("the job");
    stage.environment("w").run_book().begin(first, job.attempt).await.unwrap().begun().expect("begun");
    let outcome = Outcome::Retry { error: "busy".to_owned(), at_least: Some(Duration::from_secs(600)) };
    stage.queue.settle(&[Settlement { lease: job.lease_ref(), outcome }]).await.unwrap();
    let accepted = accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap();
    assert_eq!(accepted, Accepted::Joined(first));
    let ended = stage.runs().await.into_iter().find(|run| run.run_uid != first).expect("the second run");
    assert_eq!(ended.status, RunStatus::Cancelled);
    assert!(ended.error_message.unwrap().contains(&first.to_string()));
}

#[rstest]
#[tokio::test]
async fn a_job_without_a_run_stands_for_none(#[values(On::SqliteAndStore)] on: On) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let key = format!("sync:{}:sync:{{}}", config.id);
    let ghost = NewJob {
        queue: RUN_QUEUE.to_owned(),
        unique: Some(key),
        ..NewJob::new("sync", serde_json::json!({}))
    };
    let ghost_id = ghost.id;
    stage.queue.push(&[ghost]).await.unwrap();
    let id = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    assert!(stage.queue.get(ghost_id).await.unwrap().is_none());
    assert_eq!(stage.claim().await.expect("the job").id, id);
}
