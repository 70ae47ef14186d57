//! Dead letters of runs are rows, and are replayed from there.

use std::sync::Arc;

use rstest::rstest;
use syncline_entity::{sync_config, types::RunStatus};
use syncline_queue::{JobQuery, Lease, LeasedJob, Settlement, State};
use syncline_runs::{
    RUN_QUEUE, accept,
    dead::{self, DeadQuery, Replayed},
};
use uuid::Uuid;

use crate::stage::{On, Stage, new, whole};

/// A document that can be read and never run: there is no such platform.
const HOPELESS: &str = r#"{"name": "a", "source_platform": "fax", "source": {}, "target_platform": "fax", "target": {}, "field_mappings": []}"#;

/// A run that dies at once.
async fn die(stage: &Stage, name: &str) -> Uuid {
    let config = stage.sync(name).await;
    die_of(stage, &config, None).await
}

async fn die_of(stage: &Stage, config: &sync_config::Model, schedule: Option<i64>) -> Uuid {
    let id = new(accept(&stage.db, &stage.queue, &whole(config)).await.unwrap());
    if let Some(schedule) = schedule {
        let sql = format!("UPDATE sync_history SET schedule_id = {schedule} WHERE completed_at IS NULL");
        stage.execute(&sql).await;
    }
    let id_of_sync = config.id;
    stage
        .execute(&format!("UPDATE sync_configs SET config_json = '{HOPELESS}' WHERE id = {id_of_sync}"))
        .await;
    let asked = std::time::Instant::now();
    let job = stage.claim().await.expect("the job");
    let claim = job.lease_ref();
    let lease = Lease::new(stage.queue.backend(), claim, asked, std::time::Duration::from_secs(60));
    let environment = Arc::new(stage.environment("w"));
    let leased = LeasedJob { job, lease };
    let outcome = syncline_worker::handlers::handle(Arc::clone(&environment), leased).await.unwrap();
    stage.queue.settle(&[Settlement { lease: claim, outcome }]).await.unwrap();
    assert!(environment.run_book().move_letter(id, "x", "y").await.unwrap());
    id
}

#[rstest]
#[tokio::test]
async fn a_dead_run_is_a_letter_in_the_database_alone(
    #[values(On::Sqlite, On::Postgres, On::SqliteAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let id = die(&stage, "a").await;
    assert!(stage.queue.list(&JobQuery::new(RUN_QUEUE, State::Dead)).await.unwrap().jobs.is_empty());
    let (row, attempts) = dead::show(&stage.db, id).await.unwrap().expect("a dead letter");
    assert_eq!((row.status, row.success), (RunStatus::Failed, Some(false)));
    assert_eq!(row.dead_reason.as_deref(), Some("trying again would not help"), "the first reason stays");
    assert_eq!((attempts.len(), attempts[0].outcome.as_deref()), (1, Some("dead")));
}

#[rstest]
#[tokio::test]
async fn letters_are_found_by_what_they_say(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(die(&stage, name).await);
    }
    let all = DeadQuery::default();
    assert_eq!(dead::count(&stage.db, &all).await.unwrap(), 3);
    let first = dead::list(&stage.db, &all, 2, None).await.unwrap();
    let second = dead::list(&stage.db, &all, 2, first.next.as_deref()).await.unwrap();
    let listed: Vec<Uuid> = first.runs.iter().chain(&second.runs).map(|run| run.run_uid).collect();
    assert_eq!(listed, ids.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(second.next, None);
    assert!(dead::list(&stage.db, &all, 2, Some("nonsense")).await.is_err());

    let sync = stage.run(ids[1]).await.sync_config_id;
    let count = async |query: DeadQuery| dead::count(&stage.db, &query).await.unwrap();
    assert_eq!(count(DeadQuery { sync: Some(sync), ..all.clone() }).await, 1);
    assert_eq!(count(DeadQuery { text: Some("would not help".to_owned()), ..all.clone() }).await, 3);
    assert_eq!(count(DeadQuery { text: Some("WOULD NOT".to_owned()), ..all.clone() }).await, 0);
    let old = Some(std::time::Duration::from_secs(3_600));
    assert_eq!(count(DeadQuery { older_than: old, ..all.clone() }).await, 0);
}

#[rstest]
#[tokio::test]
async fn a_letter_is_replayed_as_a_run_of_its_own_or_discarded(
    #[values(On::Sqlite, On::Postgres, On::PostgresAndStore)] on: On,
) {
    let stage = Stage::new(on).await;
    let (a, b) = (die(&stage, "a").await, die(&stage, "b").await);
    let Replayed::As(again) = dead::replay(&stage.db, &stage.queue, a).await.unwrap() else {
        panic!("not replayed")
    };
    let (before, after) = (stage.run(a).await, stage.run(again).await);
    assert_eq!((before.dead_at, before.status), (None, RunStatus::Failed));
    assert_eq!((after.parent_run_id, after.correlation_id), (Some(a), before.correlation_id));
    assert_eq!((after.kind, &after.args), (before.kind, &before.args));
    assert_eq!(stage.claim().await.expect("the job").id, again);
    assert_eq!(dead::replay(&stage.db, &stage.queue, a).await.unwrap(), Replayed::NotDead);

    assert!(dead::discard(&stage.db, b).await.unwrap());
    assert!(!dead::discard(&stage.db, b).await.unwrap());
    let row = stage.run(b).await;
    assert!(row.dead_at.is_none() && row.dead_reason.is_some(), "history stays");
    assert_eq!(dead::count(&stage.db, &DeadQuery::default()).await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn many_are_replayed_or_discarded_by_what_they_say(#[values(On::Sqlite, On::PostgresAndStore)] on: On) {
    let stage = Stage::new(on).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(die(&stage, &format!("sync-{number}")).await);
    }
    let gone = stage.run(ids[0]).await.sync_config_id;
    stage.execute(&format!("UPDATE sync_configs SET deleted_at = CURRENT_TIMESTAMP WHERE id = {gone}")).await;
    let all = DeadQuery::default();
    let many = dead::replay_many(&stage.db, &stage.queue, &all).await.unwrap();
    assert_eq!((many.replayed, many.sync_gone), (4, 1));
    assert_eq!(dead::discard_many(&stage.db, &all).await.unwrap(), 1);
    assert_eq!(dead::count(&stage.db, &all).await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn a_schedule_that_cannot_run_is_one_letter_until_a_run_succeeds(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let schedule = stage.schedule(config.id).await;
    let mut last = Uuid::nil();
    for _ in 0..3 {
        last = die_of(&stage, &config, Some(schedule)).await;
    }
    let letters = dead::list(&stage.db, &DeadQuery::default(), 10, None).await.unwrap().runs;
    assert_eq!(letters.iter().map(|row| row.run_uid).collect::<Vec<_>>(), [last]);
    assert!(letters[0].dead_reason.as_deref().unwrap().contains("3 runs since"), "{letters:?}");
    assert_eq!(letters[0].sync_metadata.as_ref().unwrap()["repeated"]["count"], 3);

    // What a person asked for is not the schedule's letter.
    let asked = die_of(&stage, &config, None).await;
    let id = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    let environment = stage.environment("w");
    let begun = environment.run_book().begin(id, 1).await.unwrap().begun().expect("the run");
    let ending = syncline_runs::Ending {
        status: RunStatus::Completed,
        outcome: "done",
        error: None,
        dead: None,
        report: None,
        calls: 0,
        plan: None,
        restore_over: None,
    };
    assert!(environment.run_book().end(&begun, ending).await.unwrap());
    let letters = dead::list(&stage.db, &DeadQuery::default(), 10, None).await.unwrap().runs;
    assert_eq!(letters.iter().map(|row| row.run_uid).collect::<Vec<_>>(), [asked]);
}
