//! Which workers there are: each one's row while it runs, and what rows tell about those that are gone.
//!
//! Nothing about a run depends on this. Leases and fences keep runs safe; the registry is for people, and for commands
//! that must not pull the tables from under somebody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, EntityTrait};
use serde::Serialize;
use serde_json::json;
use syncline_entity::worker;
use syncline_runs::RUN_QUEUE;
use syncline_sql::statement;
use tokio::{sync::Mutex, task::JoinHandle, time};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{environment::Environment, local, pool::PoolConfig};

/// Rows of workers that were killed stay for so long, so that people see them.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
/// How long one call may take. A worker neither starts nor ends later than that for its row's sake.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so many beats old rows are looked for, and at the first.
const TIDY_EACH: u64 = 30;

/// How a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Liveness {
    /// It beats.
    Live,
    /// It beats, and ends when its jobs have.
    Stopping,
    /// It has missed several beats: killed, frozen, or cut off from the database.
    Silent,
    /// Its process on this machine is gone.
    Dead,
}

impl Liveness {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Liveness::Live => "live",
            Liveness::Stopping => "stopping",
            Liveness::Silent => "silent",
            Liveness::Dead => "dead",
        }
    }
}

/// A worker as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// As jobs and attempts name it.
    pub name: String,
    /// The command it is.
    pub role: String,
    /// The machine.
    pub host: String,
    /// The process there.
    pub pid: i64,
    /// The program's version.
    pub version: String,
    /// The newest migration that the program knows.
    pub schema_version: String,
    /// How it is.
    pub standing: Liveness,
    /// Jobs at its last beat.
    pub running: i32,
    /// Jobs at once, at most.
    pub concurrency: i32,
    /// When it registered, by the database's clock.
    pub since: DateTime<Utc>,
    /// When it last said that it lives, by the same clock.
    pub last_heartbeat: DateTime<Utc>,
    /// Milliseconds since then.
    pub silent_ms: i64,
}

impl From<worker::Seen> for Registered {
    fn from(seen: worker::Seen) -> Self {
        let standing = match (seen.is_live(), seen.worker.stopping) {
            _ if local::is_dead(&seen.worker.name) => Liveness::Dead,
            (true, false) => Liveness::Live,
            (true, true) => Liveness::Stopping,
            (false, _) => Liveness::Silent,
        };
        let (worker, silent) = (seen.worker, seen.silent);
        Self {
            silent_ms: (silent / 1000).max(0),
            name: worker.name,
            role: worker.role,
            host: worker.host,
            pid: worker.pid,
            version: worker.version,
            schema_version: worker.schema_version,
            standing,
            running: worker.running,
            concurrency: worker.concurrency,
            since: DateTime::from_timestamp_micros(worker.started_at).unwrap_or_default(),
            last_heartbeat: DateTime::from_timestamp_micros(worker.heartbeat_at).unwrap_or_default(),
        }
    }
}

/// Every worker on record, also those that are gone; none where the schema has no table of them yet.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Registered>, DbErr> {
    if !worker::exists(db).await? {
        return Ok(Vec::new());
    }
    Ok(worker::all(db).await?.into_iter().map(Registered::from).collect())
}

/// The workers that run jobs on this database now, as far as that can be known: those that beat and whose process has
/// not certainly ended.
pub async fn live(db: &impl ConnectionTrait) -> Result<Vec<Registered>, DbErr> {
    let mut workers = all(db).await?;
    workers.retain(|worker| matches!(worker.standing, Liveness::Live | Liveness::Stopping));
    Ok(workers)
}

/// This process in the registry, from its first beat until [`Registration::leave`].
pub(crate) struct Registration {
    running: Arc<AtomicI32>,
    ended: CancellationToken,
    beats: JoinHandle<()>,
}

/// A job of this worker that runs; it counts until it is dropped.
pub(crate) struct RunningJob(Arc<AtomicI32>);

impl Drop for RunningJob {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts the jobs that run.
#[derive(Clone)]
pub(crate) struct RunningJobs(Arc<AtomicI32>);

impl RunningJobs {
    pub(crate) fn begin(&self) -> RunningJob {
        self.0.fetch_add(1, Ordering::Relaxed);
        RunningJob(Arc::clone(&self.0))
    }
}

impl Registration {
    /// Registers before the first job is claimed. A database that does not answer keeps no worker from starting: the
    /// row comes with a later beat.
    pub(crate) async fn enter(
        environment: &Environment,
        config: &PoolConfig,
        shutdown: CancellationToken,
    ) -> Registration {
        let running = Arc::new(AtomicI32::new(0));
        let mut heart = Heart {
            id: Uuid::now_v7(),
            since: Instant::now(),
            name: environment.worker.clone(),
            role: config.role.clone(),
            schema_version: config.schema_version.clone(),
            concurrency: i32::try_from(config.concurrency).unwrap_or(i32::MAX),
            beat: config.heartbeat,
            running: Arc::clone(&running),
            db: environment.db.clone(),
            beats: 0,
            failing: false,
        };
        heart.beat(false).await;
        let ended = CancellationToken::new();
        let (tasks, over, heart) = (environment.tasks.clone(), ended.clone(), Mutex::new(heart));
        let beats = tokio::spawn(async move {
            let work = || async { heart.lock().await.run(&shutdown, &over).await };
            tasks.keep("heartbeat", &over, work).await;
        });
        Registration { running, ended, beats }
    }

    /// Where the pool notes its jobs.
    pub(crate) fn running(&self) -> RunningJobs {
        RunningJobs(Arc::clone(&self.running))
    }

    /// Takes the row away.
    pub(crate) async fn leave(self) {
        self.ended.cancel();
        if let Err(error) = self.beats.await {
            tracing::warn!(%error, "the worker's row stays until it is old");
        }
    }
}

struct Heart {
    id: Uuid,
    since: Instant,
    name: String,
    role: String,
    schema_version: String,
    concurrency: i32,
    beat: Duration,
    running: Arc<AtomicI32>,
    db: DatabaseConnection,
    beats: u64,
    failing: bool,
}

impl Heart {
    async fn run(&mut self, shutdown: &CancellationToken, ended: &CancellationToken) {
        let mut stopping = false;
        loop {
            tokio::select! {
                () = ended.cancelled() => break,
                () = shutdown.cancelled(), if !stopping => {
                    stopping = true;
                    if self.running.load(Ordering::Relaxed) == 0 {
                        // It ends at once, and its row with it.
                        continue;
                    }
                }
                () = time::sleep(self.beat) => {}
            }
            self.beat(stopping).await;
        }
        let remove = worker::Entity::delete_by_id(self.id).exec(&self.db);
        let told = time::timeout(PATIENCE, remove).await.map_err(|_| "no answer in time".to_owned());
        if let Err(error) = told.and_then(|result| result.map_err(|error| error.to_string())) {
            tracing::debug!(error, "the worker's row stays until it is old");
        }
    }

    /// Says that this worker lives. A failure is told once and is over with the first success.
    async fn beat(&mut self, stopping: bool) {
        let written = match time::timeout(PATIENCE, self.write(stopping)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        match &written {
            Ok(()) if self.failing => tracing::info!("the worker is registered again"),
            Err(error) if !self.failing => {
                tracing::warn!(error, "the worker could not be registered; trying again with each beat");
            }
            Ok(()) | Err(_) => {}
        }
        self.failing = written.is_err();
    }

    /// One statement, whether the row is there or not: it may have been taken for a dead worker's, or the tables may
    /// have been made anew. A row of the same name is an earlier process's, whose number this one was given.
    async fn write(&mut self, stopping: bool) -> Result<(), DbErr> {
        let backend = self.db.get_database_backend();
        let now = worker::now(backend);
        let sql = format!(
            "INSERT INTO workers (id, name, role, host, pid, version, schema_version, queues, concurrency, running, \
             stopping, beat_ms, started_at, heartbeat_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {now} - ?, {now}) \
             ON CONFLICT (name) DO UPDATE SET id = excluded.id, role = excluded.role, host = excluded.host, \
             pid = excluded.pid, version = excluded.version, schema_version = excluded.schema_version, \
             queues = excluded.queues, concurrency = excluded.concurrency, running = excluded.running, \
             stopping = excluded.stopping, beat_ms = excluded.beat_ms, heartbeat_at = excluded.heartbeat_at, \
             started_at = CASE WHEN workers.id = excluded.id THEN workers.started_at ELSE excluded.started_at END"
        );
        let millis = |length: Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let values = [
            self.id.into(),
            self.name.as_str().into(),
            self.role.as_str().into(),
            local::host().into(),
            i64::from(std::process::id()).into(),
            env!("CARGO_PKG_VERSION").into(),
            self.schema_version.as_str().into(),
            json!([RUN_QUEUE]).into(),
            self.concurrency.into(),
            self.running.load(Ordering::Relaxed).into(),
            stopping.into(),
            millis(self.beat).into(),
            millis(self.since.elapsed()).saturating_mul(1000).into(),
        ];
        self.db.execute_raw(statement(backend, &sql, values)).await?;
        if self.beats.is_multiple_of(TIDY_EACH) {
            worker::forget_dead(&self.db, millis(REMEMBERED) * 1000).await?;
        }
        self.beats += 1;
        Ok(())
    }
}
