//! The row of a run carries the requests of all its attempts, however they ended.

use std::{path::Path, sync::Arc, time::Duration};

use rstest::rstest;
use sea_orm::{ConnectionTrait, Database, EntityTrait};
use syncline_entity::{
    sync_config, sync_history, sync_stats,
    types::{RunStatus, Span},
};
use syncline_queue::{Lease, LeasedJob, Settlement};
use syncline_runs::{Ending, accept};
use uuid::Uuid;

use crate::stage::{On, Stage, new, whole};

/// A sync of a file with one row to a table, whose key may be missing in a row.
async fn file_to_table(stage: &Stage, folder: &Path) -> sync_config::Model {
    let (file, table) = (folder.join("rows.csv"), folder.join("table.db"));
    std::fs::write(&file, "id,title\n1,one\n").unwrap();
    let url = format!("sqlite://{}?mode=rwc", table.display());
    let places = Database::connect(&url).await.unwrap();
    places.execute_unprepared("CREATE TABLE tasks (id TEXT UNIQUE, title TEXT)").await.unwrap();
    let config = stage.sync("a").await;
    let document = serde_json::json!({
        "name": "a",
        "source_platform": "csv", "source": { "path": file },
        "target_platform": "sql", "target": { "url": format!("sqlite://{}", table.display()), "table": "tasks" },
        "field_mappings": [
            { "source_field": "id", "target_field": "id" },
            { "source_field": "title", "target_field": "title" },
        ],
    });
    let sql = format!("UPDATE sync_configs SET config_json = '{document}' WHERE id = {}", config.id);
    stage.execute(&sql).await;
    sync_config::Entity::find_by_id(config.id).one(&stage.db).await.unwrap().unwrap()
}

/// Carries out the waiting run of a sync; `stopped` ends the worker before it begins.
async fn carry_out(stage: &Stage, config: &sync_config::Model, stopped: bool) -> sync_history::Model {
    let id = new(accept(&stage.db, &stage.queue, &whole(config)).await.unwrap());
    let asked = std::time::Instant::now();
    let job = stage.claim().await.expect("a job");
    let claim = job.lease_ref();
    let lease = Lease::new(stage.queue.backend(), claim, asked, Duration::from_secs(60));
    if stopped {
        lease.interrupt();
    }
    let environment = Arc::new(stage.environment("w"));
    let outcome = syncline_worker::handlers::handle(environment, LeasedJob { job, lease }).await.unwrap();
    stage.queue.settle(&[Settlement { lease: claim, outcome }]).await.unwrap();
    stage.run(id).await
}

#[tokio::test]
async fn a_run_that_fails_keeps_its_count_of_requests() {
    let (stage, folder) = (Stage::new(On::Sqlite).await, tempfile::tempdir().unwrap());
    let config = file_to_table(&stage, folder.path()).await;
    let places = Database::connect(format!("sqlite://{}", folder.path().join("table.db").display())).await;
    places.unwrap().execute_unprepared("INSERT INTO tasks VALUES (NULL, 'no key')").await.unwrap();
    let run = carry_out(&stage, &config, false).await;
    assert_eq!(run.status, RunStatus::Failed, "{:?}", run.error_message);
    // The file, and the search for rows without a key.
    assert_eq!(run.api_calls, 2);
    assert_eq!(counted(&stage, &config).await, 2);
}

#[tokio::test]
async fn a_run_that_is_given_back_keeps_its_count_of_requests() {
    let (stage, folder) = (Stage::new(On::Sqlite).await, tempfile::tempdir().unwrap());
    let config = file_to_table(&stage, folder.path()).await;
    let done = carry_out(&stage, &config, false).await;
    assert_eq!((done.status, done.created), (RunStatus::Completed, 1), "{:?}", done.error_message);
    std::fs::write(folder.path().join("rows.csv"), "id,title\n1,uno\n").unwrap();
    let run = carry_out(&stage, &config, true).await;
    assert_eq!((run.status, run.updated), (RunStatus::Queued, 0), "{:?}", run.error_message);
    assert!(run.api_calls > 0 && run.api_calls < done.api_calls, "{} of {}", run.api_calls, done.api_calls);
    // It counts in the statistics once it is over.
    assert_eq!(counted(&stage, &config).await, done.api_calls);
}

#[rstest]
#[tokio::test]
async fn the_requests_of_all_attempts_count_however_the_last_one_ends(
    #[values(On::Sqlite, On::Postgres)] on: On,
    #[values(RunStatus::Completed, RunStatus::Cancelled, RunStatus::Failed)] last: RunStatus,
) {
    let stage = Stage::new(on).await;
    let config = stage.sync("a").await;
    let id: Uuid = new(accept(&stage.db, &stage.queue, &whole(&config)).await.unwrap());
    let environment = stage.environment("w");
    let ways = [(RunStatus::Queued, "retry", 3), (RunStatus::Queued, "snoozed", 0), (last, "ended", 4)];
    for (attempt, (status, outcome, calls)) in (1..).zip(ways) {
        let begun = environment.run_book().begin(id, attempt).await.unwrap().begun().expect("the run");
        let ending = Ending {
            status,
            outcome,
            error: None,
            dead: None,
            report: None,
            calls,
            plan: None,
            restore_over: None,
        };
        assert!(environment.run_book().end(&begun, ending).await.unwrap());
    }
    assert_eq!(stage.run(id).await.api_calls, 7);
    assert_eq!(counted(&stage, &config).await, 7);
}

/// The requests in the statistics of a sync.
async fn counted(stage: &Stage, config: &sync_config::Model) -> i64 {
    let rows = sync_stats::Entity::find().all(&stage.db).await.unwrap();
    let hours = rows.iter().filter(|row| row.sync_config_id == config.id && row.span == Span::Hour);
    hours.map(|row| row.api_calls).sum()
}
