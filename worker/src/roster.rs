//! The worker registry: one row per worker while it runs, and the state of workers that are gone, as derived from the
//! rows.
//!
//! No run depends on it. Leases and fences keep runs safe; the registry is for display and for commands that must not
//! drop the tables while a worker uses them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, EntityTrait};
use serde::Serialize;
use serde_json::json;
use syncline_entity::{
    event::{self, NewEvent},
    types::EventType,
    worker,
};
use syncline_runs::RUN_QUEUE;
use syncline_sql::{begin, statement};
use tokio::{sync::Mutex, task::JoinHandle, time};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{environment::Environment, local, pool::PoolConfig};

/// How long rows of killed workers are kept for display.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
/// Timeout of one call, and so the longest delay of a worker's start or end by the registry.
const PATIENCE: Duration = Duration::from_secs(5);
/// Old rows are removed at the first heartbeat and then at one in this many.
const TIDY_EACH: u64 = 30;

/// The known state of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Liveness {
    /// It sends heartbeats.
    Live,
    /// It sends heartbeats and ends as soon as its jobs have ended.
    Stopping,
    /// It has missed several heartbeats: killed, frozen, or cut off from the database.
    Silent,
    /// Its process on this machine is gone.
    Dead,
}

impl Liveness {
    pub const fn as_str(self) -> &'static str {
        match self {
            Liveness::Live => "live",
            Liveness::Stopping => "stopping",
            Liveness::Silent => "silent",
            Liveness::Dead => "dead",
        }
    }
}

/// A worker's row, for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// The name in jobs and attempts.
    pub name: String,
    /// The command of the process, such as `up` or `worker`.
    pub role: String,
    /// The host name of its machine.
    pub host: String,
    /// The process id on that machine.
    pub pid: i64,
    /// The program's version.
    pub version: String,
    /// The newest migration that the program knows.
    pub schema_version: String,
    pub standing: Liveness,
    /// Running jobs at its last heartbeat.
    pub running: i32,
    /// The most jobs that it runs at once.
    pub concurrency: i32,
    /// When it registered, by the database's clock.
    pub since: DateTime<Utc>,
    /// Its last heartbeat, by the database's clock.
    pub last_heartbeat: DateTime<Utc>,
    /// Milliseconds since the last heartbeat.
    pub silent_ms: i64,
}

impl From<worker::Process> for Registered {
    fn from(worker: worker::Process) -> Self {
        let standing = match (worker.is_live(), worker.stopping) {
            _ if local::is_dead(&worker.name) => Liveness::Dead,
            (true, false) => Liveness::Live,
            (true, true) => Liveness::Stopping,
            (false, _) => Liveness::Silent,
        };
        Self {
            silent_ms: (worker.silent / 1000).max(0),
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

/// Returns all registered workers, including those that are gone; none if the schema has no table of workers yet.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Registered>, DbErr> {
    Ok(worker::processes(db).await?.into_iter().map(Registered::from).collect())
}

/// True if the process of a worker of this machine is gone, by the worker's name.
pub fn is_dead(name: &str) -> bool {
    local::is_dead(name)
}

/// Returns the workers that run jobs on this database now, as far as known: those with recent heartbeats whose process
/// has not certainly ended.
pub async fn live(db: &impl ConnectionTrait) -> Result<Vec<Registered>, DbErr> {
    let mut workers = all(db).await?;
    workers.retain(|worker| matches!(worker.standing, Liveness::Live | Liveness::Stopping));
    Ok(workers)
}

/// This process's row in the registry, from the first heartbeat until [`Registration::leave`].
pub(crate) struct Registration {
    running: Arc<AtomicI32>,
    ended: CancellationToken,
    beats: JoinHandle<()>,
}

/// A running job of this worker; counted until it is dropped.
pub(crate) struct RunningJob(Arc<AtomicI32>);

impl Drop for RunningJob {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts the running jobs.
#[derive(Clone)]
pub(crate) struct RunningJobs(Arc<AtomicI32>);

impl RunningJobs {
    pub(crate) fn begin(&self) -> RunningJob {
        self.0.fetch_add(1, Ordering::Relaxed);
        RunningJob(Arc::clone(&self.0))
    }
}

impl Registration {
    /// Registers before the first job is claimed. An unreachable database does not keep the worker from starting: a
    /// later heartbeat inserts the row.
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
            draining: false,
            told: None,
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

    /// Returns the counter of running jobs, for the pool.
    pub(crate) fn running(&self) -> RunningJobs {
        RunningJobs(Arc::clone(&self.running))
    }

    /// Removes the row.
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
    /// True if a person requested the worker to end.
    draining: bool,
    /// The last event that was written.
    told: Option<EventType>,
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
                        // The loop ends at once and removes the row.
                        continue;
                    }
                }
                () = time::sleep(self.beat) => {}
            }
            self.beat(stopping).await;
            if self.draining && !stopping {
                tracing::info!("the worker was asked to end: it takes no more jobs");
                shutdown.cancel();
            }
        }
        let told = time::timeout(PATIENCE, self.remove()).await.map_err(|_| "no answer in time".to_owned());
        if let Err(error) = told.and_then(|result| result.map_err(|error| error.to_string())) {
            tracing::debug!(error, "the worker's row stays until it is old");
        }
    }

    /// Sends a heartbeat. A failure is logged once, until the next success.
    async fn beat(&mut self, stopping: bool) {
        let written = match time::timeout(PATIENCE, self.write(stopping)).await {
            Ok(Ok(draining)) => {
                self.draining = draining;
                Ok(())
            }
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

    /// Returns the event of what changed since the last written heartbeat.
    fn news(&self, stopping: bool) -> Option<EventType> {
        match self.told {
            None => Some(EventType::WorkerJoined),
            Some(EventType::WorkerJoined) if stopping => Some(EventType::WorkerDraining),
            Some(_) => None,
        }
    }

    async fn tell(&self, db: &impl ConnectionTrait, kind: EventType) -> Result<(), DbErr> {
        let facts = json!({ "name": self.name, "role": self.role, "concurrency": self.concurrency });
        let event = NewEvent::new(kind, None, facts).about(&self.name).of_queue(RUN_QUEUE);
        event::record(db, Utc::now().trunc_subsecs(6), [event]).await
    }

    async fn remove(&self) -> Result<(), DbErr> {
        let tx = begin(&self.db).await?;
        if worker::Entity::delete_by_id(self.id).exec(&tx).await?.rows_affected > 0 {
            self.tell(&tx, EventType::WorkerLeft).await?;
        }
        tx.commit().await
    }

    /// Writes the row in one statement, whether it exists or not: another worker may have removed it as dead, or the
    /// tables may be new. A row of the same name is that of an earlier process with the same process id.
    /// Returns true if the worker was asked to end.
    async fn write(&mut self, stopping: bool) -> Result<bool, DbErr> {
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
             started_at = CASE WHEN workers.id = excluded.id THEN workers.started_at ELSE excluded.started_at END, \
             draining = CASE WHEN workers.id = excluded.id THEN workers.draining ELSE excluded.draining END \
             RETURNING draining"
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
        let row = statement(backend, &sql, values);
        let row = match self.news(stopping) {
            Some(kind) => {
                let tx = begin(&self.db).await?;
                let row = tx.query_one_raw(row).await?;
                self.tell(&tx, kind).await?;
                tx.commit().await?;
                self.told = Some(kind);
                row
            }
            None => self.db.query_one_raw(row).await?,
        };
        let draining = row.map(|row| row.try_get("", "draining")).transpose()?.unwrap_or(false);
        if self.beats.is_multiple_of(TIDY_EACH) {
            worker::forget_dead(&self.db, millis(REMEMBERED) * 1000).await?;
        }
        self.beats += 1;
        Ok(draining)
    }
}
