//! The throughput that users see: runs without changes, from their acceptance to the end of their row, against the rate
//! at which the same database inserts and updates a row per transaction.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait,
    PaginatorTrait, QueryFilter, Statement,
};
use serde_json::json;
use syncline_entity::{
    project, sync_config, sync_history,
    types::{Direction, ManagedBy, RunKind, RunStatus, SyncMethod},
};
use syncline_runs::NewRun;
use syncline_support::places::write_csv;
use syncline_worker::{Environment, PoolConfig};
use tokio_util::sync::CancellationToken;

use crate::{
    contenders::Store,
    figures::{judge, number, quantile, table},
    ours,
    scale::Scale,
    servers::Servers,
};

const CONCURRENCY: usize = 64;
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) async fn run(servers: &Servers, scale: &Scale) -> Result<()> {
    println!("== runs that find nothing to do, with their rows ({} syncs of two files)", scale.syncs);
    let mut rows = table(&["database", "runs/s", "insert and update/s", "share"]);
    let mut shares = Vec::new();
    for store in [Store::Postgres, Store::Sqlite] {
        let Some(place) = servers.place(store).await? else { continue };
        let db = ours::database(store, &place.url).await?;
        let folder = tempfile::tempdir()?;
        let syncs = prepare(&db, folder.path(), scale.syncs).await?;
        let over = CancellationToken::new();
        let environment = Environment::new(db.clone(), "bench");
        let config = PoolConfig { concurrency: CONCURRENCY, schedules: false, ..PoolConfig::default() };
        let (worker_environment, stop) = (environment.clone(), over.clone());
        let worker =
            tokio::spawn(async move { syncline_worker::run(worker_environment, config, stop, |_| {}).await });
        // The first runs create the missing items on both sides.
        round(&environment, &syncs).await?;
        let (mut runs, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..scale.rounds.max(3) {
            if store == Store::Postgres {
                // Autovacuum does this once a minute; before that, plans are for empty tables.
                db.execute_unprepared("ANALYZE").await?;
            }
            runs.push(round(&environment, &syncs).await?);
            raw.push(insert_and_update(&db, scale.syncs).await?);
        }
        over.cancel();
        worker.await??;
        let (runs, raw) = (quantile(&runs, 0.5).context("rounds")?, quantile(&raw, 0.5).context("rounds")?);
        rows.add_row([store.to_string(), number(runs), number(raw), number(runs / raw)]);
        shares.push((store, runs / raw));
    }
    println!("{rows}");
    for (store, share) in shares {
        judge(&format!("{store}: runs over insert and update"), Some(share), "x", true, 0.5);
    }
    println!();
    Ok(())
}

/// Stores syncs of two small files each.
async fn prepare(db: &DatabaseConnection, folder: &Path, count: usize) -> Result<Vec<sync_config::Model>> {
    let project = project::Entity::find().one(db).await?.context("the default project")?;
    let mut syncs = Vec::new();
    for n in 0..count {
        let (left, right) = (folder.join(format!("{n}-left.csv")), folder.join(format!("{n}-right.csv")));
        write_csv(&left, 3)?;
        write_csv(&right, 0)?;
        let document = json!({
            "name": format!("bench-{n}"),
            "source_platform": "csv",
            "source": { "path": left, "key": "id" },
            "target_platform": "csv",
            "target": { "path": right, "key": "id" },
            "entity_type": "task",
            "field_mappings": [
                { "source_field": "id", "target_field": "id" },
                { "source_field": "title", "target_field": "title" },
                { "source_field": "state", "target_field": "state" },
            ],
        });
        let row = sync_config::ActiveModel {
            project_id: Set(project.id),
            name: Set(format!("bench-{n}")),
            source_platform: Set("csv".to_owned()),
            target_platform: Set("csv".to_owned()),
            entity_type: Set("task".to_owned()),
            direction: Set(Direction::Bidirectional),
            conflict_strategy: Set("last_write_wins".to_owned()),
            enabled: Set(true),
            batch_size: Set(100),
            max_retries: Set(3),
            config_json: Set(document),
            revision: Set(1),
            managed_by: Set(ManagedBy::File),
            ..Default::default()
        };
        syncs.push(row.insert(db).await.context("a sync")?);
    }
    Ok(syncs)
}

/// Accepts a run of each sync, as requests do: as many at once as there are slots. Returns runs per second, up to the
/// end of the last run's row.
async fn round(environment: &Environment, syncs: &[sync_config::Model]) -> Result<f64> {
    let before = completed(&environment.db).await?;
    let began = Instant::now();
    let lanes = CONCURRENCY.min(syncs.len());
    let tasks: Vec<_> = (0..lanes)
        .map(|lane| {
            let mine: Vec<_> = syncs.iter().skip(lane).step_by(lanes).cloned().collect();
            let environment = environment.clone();
            tokio::spawn(async move {
                for sync in &mine {
                    let run = NewRun::of(sync, RunKind::Sync, SyncMethod::Manual)?;
                    let accepted = syncline_runs::accept(&environment.db, &environment.queue, &run).await?;
                    ensure!(
                        matches!(accepted, syncline_runs::Accepted::New(_)),
                        "{} was waiting already",
                        sync.name
                    );
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    let open = "SELECT id FROM sync_history WHERE completed_at IS NULL LIMIT 1";
    let open = || Statement::from_string(environment.db.get_database_backend(), open);
    while environment.db.query_one_raw(open()).await?.is_some() {
        ensure!(began.elapsed() < PATIENCE, "runs do not end: {:?}", failed(&environment.db).await?);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    let completed = completed(&environment.db).await? - before;
    ensure!(completed == syncs.len() as u64, "{completed} completed: {:?}", failed(&environment.db).await?);
    Ok(syncs.len() as f64 / took.as_secs_f64())
}

async fn completed(db: &DatabaseConnection) -> Result<u64> {
    let ended = sync_history::Entity::find().filter(sync_history::Column::Status.eq(RunStatus::Completed));
    Ok(ended.count(db).await?)
}

async fn failed(db: &DatabaseConnection) -> Result<Option<String>> {
    let failed = sync_history::Entity::find().filter(sync_history::Column::ErrorMessage.is_not_null());
    Ok(failed.one(db).await?.and_then(|run| run.error_message))
}

/// Inserts and updates a row per job, each in a transaction of its own, as many at once as there are slots.
async fn insert_and_update(db: &DatabaseConnection, jobs: usize) -> Result<f64> {
    let backend = db.get_database_backend();
    db.execute_unprepared(
        "CREATE TABLE IF NOT EXISTS bench_rows (id BIGINT PRIMARY KEY, note TEXT NOT NULL)",
    )
    .await?;
    db.execute_unprepared("DELETE FROM bench_rows").await?;
    let began = Instant::now();
    let tasks: Vec<_> = (0..CONCURRENCY)
        .map(|lane| {
            let db = db.clone();
            tokio::spawn(async move {
                for id in (lane..jobs).step_by(CONCURRENCY) {
                    let id = i64::try_from(id)?;
                    let insert =
                        "INSERT INTO bench_rows (id, note) VALUES ($1, 'queued, and some more of a row')";
                    db.execute_raw(Statement::from_sql_and_values(backend, insert, [id.into()])).await?;
                    let update =
                        "UPDATE bench_rows SET note = 'completed, and some more of a row' WHERE id = $1";
                    db.execute_raw(Statement::from_sql_and_values(backend, update, [id.into()])).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(jobs as f64 / began.elapsed().as_secs_f64())
}
