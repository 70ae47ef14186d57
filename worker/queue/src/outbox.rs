//! Accepting runs: the run's row and its job, in one transaction.
//!
//! The run row (`sync_history`) is the outbox of the queue: it is written when a job is accepted and holds everything
//! the job needs, so that a queue which lost its jobs is filled again from there. This is the one file of the queue that
//! knows run rows; it is here because the API, the workers and the commands all accept runs.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseConnection, DatabaseTransaction, DbErr, SqlErr,
    TransactionTrait,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use syncline_entity::{
    sync_config, sync_history,
    types::{Priority as StoredPriority, RunKind, RunStatus, SyncMethod},
};
use uuid::Uuid;

use crate::{
    backend::{Backend, Error, Pushed},
    job::{Concurrency, NewJob, Priority, Unique, UniqueRule},
    retry::RetryPolicy,
    sql::SqlBackend,
};

/// The queue that runs go to.
pub const RUN_QUEUE: &str = "default";

/// The version of a run job's payload: `{"run": "<id>"}`.
pub const PAYLOAD_VERSION: i32 = 1;

/// What a run is asked to do; kept on its row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunArgs {
    /// Read both sides whole.
    #[serde(skip_serializing_if = "is_false")]
    pub full: bool,
    /// Act on absences at once.
    #[serde(skip_serializing_if = "is_false")]
    pub confirm_deletes: bool,
    /// So many deletes are agreed to, past the guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_deletes: Option<u64>,
    /// Only these links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<i64>>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A run to accept.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its project.
    pub project_id: i64,
    /// Its sync.
    pub sync_config_id: i64,
    /// What it does.
    pub kind: RunKind,
    /// What set it off.
    pub method: SyncMethod,
    /// How urgent it is.
    pub priority: Priority,
    /// What it is asked to do.
    pub args: RunArgs,
    /// Attempts before it is dead.
    pub max_attempts: u32,
    /// First delay before a retry.
    pub retry_base: Duration,
    /// The run that caused it.
    pub parent: Option<Uuid>,
    /// The schedule that fired, and its tick.
    pub tick: Option<(i64, DateTime<Utc>)>,
}

/// What a sync's document says of its jobs; the rest of it is the engine's business.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct JobSettings {
    priority: StoredPriority,
    max_retries: u32,
    retry_delay: f64,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self { priority: StoredPriority::Normal, max_retries: 3, retry_delay: 1.0 }
    }
}

impl NewRun {
    /// A run of a sync with the sync's own settings. An error: the stored document cannot be read.
    pub fn of(
        config: &sync_config::Model,
        kind: RunKind,
        method: SyncMethod,
    ) -> Result<NewRun, serde_json::Error> {
        let settings: JobSettings = serde_json::from_value(config.config_json.clone())?;
        Ok(NewRun {
            project_id: config.project_id,
            sync_config_id: config.id,
            kind,
            method,
            priority: settings.priority.into(),
            args: RunArgs::default(),
            max_attempts: settings.max_retries.saturating_add(1),
            retry_base: Duration::try_from_secs_f64(settings.retry_delay).unwrap_or(Duration::from_secs(1)),
            parent: None,
            tick: None,
        })
    }
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is on record and in the queue.
    New(Uuid),
    /// The same is waiting already; that one's id.
    Joined(Uuid),
    /// This tick of this schedule has had its run.
    TickTaken,
}

impl Accepted {
    /// The run to look at.
    pub fn id(self) -> Option<Uuid> {
        match self {
            Accepted::New(id) | Accepted::Joined(id) => Some(id),
            Accepted::TickTaken => None,
        }
    }
}

/// The key of which one run at a time executes: the sync.
pub fn sync_key(sync_config_id: i64) -> String {
    format!("sync:{sync_config_id}")
}

/// Accepts a run: row and job in one transaction.
pub async fn accept(db: &DatabaseConnection, queue: &SqlBackend, run: &NewRun) -> Result<Accepted, Error> {
    let tx = db.begin().await?;
    let accepted = accept_in(&tx, queue, run).await;
    match accepted {
        Ok(accepted @ Accepted::New(_)) => {
            tx.commit().await?;
            queue.wake();
            Ok(accepted)
        }
        other => {
            tx.rollback().await?;
            other
        }
    }
}

/// Accepts a run within the caller's transaction. Nothing was written when this answers other than [`Accepted::New`],
/// and after [`Accepted::TickTaken`] the transaction can only be rolled back. Call [`Backend::wake`] after the commit.
pub async fn accept_in(
    tx: &DatabaseTransaction,
    queue: &SqlBackend,
    run: &NewRun,
) -> Result<Accepted, Error> {
    let id = Uuid::now_v7();
    match queue.push_in(tx, &[job(id, run)?]).await?.first() {
        Some(Pushed::Joined { winner } | Pushed::Merged { winner }) => return Ok(Accepted::Joined(*winner)),
        Some(Pushed::Known) | Some(Pushed::New) | None => {}
    }
    match row(id, run)?.insert(tx).await {
        Ok(_) => Ok(Accepted::New(id)),
        Err(error) if run.tick.is_some() && is_unique_violation(&error) => Ok(Accepted::TickTaken),
        Err(error) => Err(error.into()),
    }
}

fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// The job that a run row stands for; the same row gives the same job, so pushing it again is a no-op.
fn job(id: Uuid, run: &NewRun) -> Result<NewJob, Error> {
    let args = serde_json::to_string(&run.args).map_err(|error| DbErr::Json(error.to_string()))?;
    Ok(NewJob {
        id,
        queue: RUN_QUEUE.to_owned(),
        payload_version: PAYLOAD_VERSION,
        priority: run.priority,
        max_attempts: run.max_attempts.max(1),
        retry: RetryPolicy { base: run.retry_base, ..RetryPolicy::default() },
        // Two requests for the same, both waiting, are one; with other arguments they are two.
        unique: Some(Unique {
            key: format!("{}:{}:{args}", sync_key(run.sync_config_id), run.kind),
            rule: UniqueRule::WhileWaiting,
        }),
        concurrency: Some(Concurrency::one(sync_key(run.sync_config_id))),
        ..NewJob::new(run.kind.as_str(), json!({ "run": id }))
    })
}

fn row(id: Uuid, run: &NewRun) -> Result<sync_history::ActiveModel, Error> {
    let now = Utc::now().trunc_subsecs(6);
    Ok(sync_history::ActiveModel {
        run_uid: Set(id),
        project_id: Set(run.project_id),
        sync_config_id: Set(run.sync_config_id),
        link_id: Set(run.args.links.as_ref().filter(|links| links.len() == 1).map(|links| links[0])),
        parent_run_id: Set(run.parent),
        correlation_id: Set(run.parent.unwrap_or(id)),
        kind: Set(run.kind),
        sync_type: Set(run.method),
        priority: Set(stored(run.priority)),
        args: Set(serde_json::to_value(&run.args).map_err(|error| DbErr::Json(error.to_string()))?),
        status: Set(RunStatus::Queued),
        // The job is written in the same transaction, so the queue has it as soon as the row exists.
        dispatched_at: Set(Some(now)),
        queued_at: Set(now),
        schedule_id: Set(run.tick.map(|(schedule, _)| schedule)),
        tick_at: Set(run.tick.map(|(_, tick)| tick)),
        ..Default::default()
    })
}

fn stored(priority: Priority) -> StoredPriority {
    match priority {
        Priority::Critical => StoredPriority::Critical,
        Priority::High => StoredPriority::High,
        Priority::Normal => StoredPriority::Normal,
        Priority::Low => StoredPriority::Low,
    }
}
