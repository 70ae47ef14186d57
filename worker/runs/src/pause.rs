//! Pauses, stored in `pauses`: subjects whose work must not run until a person resumes them.
//!
//! A paused queue gives out no jobs. A sync is paused by itself, its account or its platform: no waiting run of it is
//! dispatched, and one that a worker claims is parked, which removes its job from the queue and keeps its row. Running
//! ones continue. Columns `paused_at` of older versions count as pauses and are no longer written; a resume clears
//! them.

use std::collections::HashSet;

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait,
    QueryOrder, Value,
};
use serde_json::json;
use syncline_entity::{
    audit_log,
    event::{NewEvent, record},
    pause,
    types::{EventType, PauseScope},
};
use syncline_queue::Error;
use syncline_sql::{begin, marks, statement};
use uuid::Uuid;

use super::{RUN_QUEUE, dispatch::dispatch_due, queue::RunQueue};

/// The rule of the alert about a sync that paused itself because everyone may read its items by now.
pub const AUDIENCE_ALERT: &str = "audience";

/// The subject of a pause.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// By name.
    Queue(String),
    /// By the id of its row.
    Sync(i64),
    /// By the id of its row.
    Account(i64),
    /// Every sync that has a side on the platform, by the platform's name.
    Platform(String),
}

impl Subject {
    pub fn scope(&self) -> PauseScope {
        match self {
            Subject::Queue(_) => PauseScope::Queue,
            Subject::Sync(_) => PauseScope::Sync,
            Subject::Account(_) => PauseScope::Account,
            Subject::Platform(_) => PauseScope::Platform,
        }
    }

    /// Returns the text in `pauses.subject`.
    pub fn name(&self) -> String {
        match self {
            Subject::Queue(name) | Subject::Platform(name) => name.clone(),
            Subject::Sync(id) | Subject::Account(id) => id.to_string(),
        }
    }

    fn of(scope: PauseScope, name: &str) -> Option<Subject> {
        Some(match scope {
            PauseScope::Queue => Subject::Queue(name.to_owned()),
            PauseScope::Sync => Subject::Sync(name.parse().ok()?),
            PauseScope::Account => Subject::Account(name.parse().ok()?),
            PauseScope::Platform => Subject::Platform(name.to_owned()),
        })
    }
}

/// A pause to begin.
#[derive(Debug, Clone)]
pub struct NewPause {
    pub subject: Subject,
    /// The project of a sync or account.
    pub project_id: Option<i64>,
    /// The reason for display.
    pub reason: Option<String>,
    /// The name of the person or program.
    pub by: String,
    /// The row of the audit log, written in the same transaction.
    pub note: Option<audit_log::ActiveModel>,
}

/// A pause in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paused {
    pub subject: Subject,
    /// The project of a sync or account.
    pub project_id: Option<i64>,
    /// The reason for display.
    pub reason: Option<String>,
    /// The name of the person or program; empty if an older version stored the pause.
    pub by: String,
    pub at: DateTime<Utc>,
}

/// Returns the SQL condition that a sync is paused, in parentheses, for an alias of `sync_configs`.
pub fn condition(config: &str) -> String {
    format!(
        "({config}.paused_at IS NOT NULL OR EXISTS (SELECT 1 FROM pauses p WHERE \
         (p.scope = 'sync' AND p.subject = CAST({config}.id AS text)) \
         OR (p.scope = 'account' AND p.subject IN (CAST({config}.source_account_id AS text), \
         CAST({config}.target_account_id AS text))) \
         OR (p.scope = 'platform' AND p.subject IN ({config}.source_platform, {config}.target_platform))) \
         OR EXISTS (SELECT 1 FROM accounts a WHERE a.paused_at IS NOT NULL \
         AND a.id IN ({config}.source_account_id, {config}.target_account_id)))"
    )
}

/// Begins a pause. Returns false if it is in force already. If the store is down, the dispatcher applies a queue's
/// pause to it later.
pub async fn pause(db: &DatabaseConnection, queue: &RunQueue, pause: &NewPause) -> Result<bool, Error> {
    let tx = begin(db).await?;
    let begun = pause_in(&tx, pause).await?;
    tx.commit().await?;
    if let Subject::Queue(name) = &pause.subject
        && let Err(error) = queue.pause(name).await
    {
        tracing::warn!(queue = name, %error, "the pause is on record; the queue's store hears of it later");
    }
    Ok(begun)
}

/// Begins a pause of anything but a queue in a transaction. Returns false if it is in force already.
pub async fn pause_in(tx: &DatabaseTransaction, pause: &NewPause) -> Result<bool, DbErr> {
    let sql = "INSERT INTO pauses (scope, subject, project_id, reason, \"by\", at) VALUES (?, ?, ?, ?, ?, ?) \
               ON CONFLICT (scope, subject) DO NOTHING";
    let values: [Value; 6] = [
        pause.subject.scope().as_str().into(),
        pause.subject.name().into(),
        pause.project_id.into(),
        pause.reason.clone().into(),
        pause.by.clone().into(),
        Utc::now().trunc_subsecs(6).into(),
    ];
    let written = tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?;
    let begun = written.rows_affected() > 0;
    if begun {
        if let Some(note) = &pause.note {
            note.clone().insert(tx).await?;
        }
        tell(tx, &pause.subject, true, &pause.by).await?;
    }
    Ok(begun)
}

/// Ends a pause and dispatches the runs that waited for its end. Returns false if there was no pause.
pub async fn resume(db: &DatabaseConnection, queue: &RunQueue, subject: &Subject) -> Result<bool, Error> {
    resume_noted(db, queue, subject, None).await
}

/// As [`resume`], with a row of the audit log in the transaction that ends the pause.
pub async fn resume_noted(
    db: &DatabaseConnection,
    queue: &RunQueue,
    subject: &Subject,
    note: Option<audit_log::ActiveModel>,
) -> Result<bool, Error> {
    let tx = begin(db).await?;
    let backend = tx.get_database_backend();
    let sql = "DELETE FROM pauses WHERE scope = ? AND subject = ?";
    let values = [subject.scope().as_str().into(), subject.name().into()];
    let mut ended = tx.execute_raw(statement(backend, sql, values)).await?.rows_affected();
    let older = match subject {
        Subject::Sync(id) => Some(("sync_configs", *id)),
        Subject::Account(id) => Some(("accounts", *id)),
        Subject::Queue(_) | Subject::Platform(_) => None,
    };
    if let Some((table, id)) = older {
        let sql = format!("UPDATE {table} SET paused_at = NULL WHERE id = ? AND paused_at IS NOT NULL");
        ended += tx.execute_raw(statement(backend, &sql, [id.into()])).await?.rows_affected();
    }
    if let (Some(note), true) = (note, ended > 0) {
        note.insert(&tx).await?;
    }
    if let Subject::Sync(id) = subject {
        let sql = "UPDATE alerts SET cleared_at = ?, delivered_at = NULL \
                   WHERE rule = ? AND subject = ? AND cleared_at IS NULL";
        let values = [Utc::now().trunc_subsecs(6).into(), AUDIENCE_ALERT.into(), id.to_string().into()];
        tx.execute_raw(statement(backend, sql, values)).await?;
    }
    if ended > 0 {
        tell(&tx, subject, false, "").await?;
    }
    tx.commit().await?;
    if let Subject::Queue(name) = subject {
        if let Err(error) = queue.resume(name).await {
            tracing::warn!(queue = name, %error, "the pause is over; the queue's store hears of it later");
        }
        queue.wake();
    } else if let Err(error) = dispatch_due(db, queue).await {
        tracing::warn!(%error, "the pause is over; waiting runs go to the queue when its store is back");
    }
    Ok(ended > 0)
}

/// Writes the event that a pause of a sync or an account began or ended.
async fn tell(tx: &DatabaseTransaction, subject: &Subject, begun: bool, by: &str) -> Result<(), DbErr> {
    let (table, id, kind) = match (subject, begun) {
        (Subject::Sync(id), true) => ("sync_configs", *id, EventType::ConfigPaused),
        (Subject::Sync(id), false) => ("sync_configs", *id, EventType::ConfigResumed),
        (Subject::Account(id), true) => ("accounts", *id, EventType::AccountBlocked),
        (Subject::Account(id), false) => ("accounts", *id, EventType::AccountRecovered),
        (Subject::Queue(_) | Subject::Platform(_), _) => return Ok(()),
    };
    let sql = format!("SELECT project_id, name FROM {table} WHERE id = ?");
    let row = tx.query_one_raw(statement(tx.get_database_backend(), &sql, [id.into()])).await?;
    let Some(row) = row else { return Ok(()) };
    let mut facts = json!({ "name": row.try_get::<String>("", "name")? });
    if begun {
        facts["by"] = json!(by);
    }
    let event = NewEvent::new(kind, Some(row.try_get("", "project_id")?), facts).about(id);
    let event = if matches!(subject, Subject::Sync(_)) { event.of_sync(id) } else { event };
    record(tx, Utc::now().trunc_subsecs(6), [event]).await
}

/// Lists all pauses, the oldest first, including those that an older version stored.
pub async fn list(db: &impl ConnectionTrait) -> Result<Vec<Paused>, DbErr> {
    let rows = pause::Entity::find().order_by_asc(pause::Column::Id).all(db).await?;
    let mut paused: Vec<Paused> = rows.into_iter().filter_map(paused_row).collect();
    let backend = db.get_database_backend();
    type Of = fn(i64) -> Subject;
    for (table, of) in [("sync_configs", Subject::Sync as Of), ("accounts", Subject::Account as Of)] {
        let sql =
            format!("SELECT id, project_id, paused_at FROM {table} WHERE paused_at IS NOT NULL ORDER BY id");
        for row in db.query_all_raw(statement(backend, &sql, [])).await? {
            let subject = of(row.try_get("", "id")?);
            if !paused.iter().any(|paused| paused.subject == subject) {
                let (project_id, at) = (Some(row.try_get("", "project_id")?), row.try_get("", "paused_at")?);
                paused.push(Paused { subject, project_id, reason: None, by: String::new(), at });
            }
        }
    }
    Ok(paused)
}

fn paused_row(row: pause::Model) -> Option<Paused> {
    let subject = Subject::of(row.scope, &row.subject)?;
    Some(Paused { subject, project_id: row.project_id, reason: row.reason, by: row.by, at: row.at })
}

/// Returns the pause of exactly this subject.
pub async fn of_subject(db: &impl ConnectionTrait, subject: &Subject) -> Result<Option<Paused>, DbErr> {
    Ok(list(db).await?.into_iter().find(|paused| paused.subject == *subject))
}

/// True if a sync is paused, by itself, one of its accounts or one of its platforms.
pub async fn is_paused(db: &impl ConnectionTrait, sync: i64) -> Result<bool, DbErr> {
    Ok(paused_of(db, [sync]).await?.contains(&sync))
}

/// Returns which of these syncs are paused.
pub async fn paused_of(
    db: &impl ConnectionTrait,
    syncs: impl IntoIterator<Item = i64>,
) -> Result<HashSet<i64>, DbErr> {
    let syncs: HashSet<i64> = syncs.into_iter().collect();
    if syncs.is_empty() {
        return Ok(syncs);
    }
    let sql = format!(
        "SELECT c.id FROM sync_configs c WHERE c.id IN ({}) AND {}",
        marks(syncs.len()),
        condition("c")
    );
    let values = syncs.into_iter().map(Value::from);
    let rows = db.query_all_raw(statement(db.get_database_backend(), &sql, values)).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Parks a run whose sync is paused: its row waits, and its job may leave the queue. Returns false if the sync is not
/// paused, or the run is over.
pub async fn park(db: &DatabaseConnection, run: Uuid) -> Result<bool, DbErr> {
    let sql = format!(
        "UPDATE sync_history SET dispatched_at = NULL, status = 'queued' WHERE run_uid = ? AND completed_at IS NULL \
         AND EXISTS (SELECT 1 FROM sync_configs c WHERE c.id = sync_history.sync_config_id AND {})",
        condition("c")
    );
    let parked = db.execute_raw(statement(db.get_database_backend(), &sql, [run.into()])).await?;
    Ok(parked.rows_affected() > 0)
}

/// Parks runs that the queue does not have.
pub(super) async fn park_all(db: &DatabaseConnection, runs: impl Iterator<Item = Uuid>) -> Result<(), DbErr> {
    let values: Vec<Value> = runs.map(Value::from).collect();
    let sql = format!(
        "UPDATE sync_history SET dispatched_at = NULL, status = 'queued' WHERE completed_at IS NULL \
         AND run_uid IN ({})",
        marks(values.len())
    );
    db.execute_raw(statement(db.get_database_backend(), &sql, values)).await?;
    Ok(())
}

/// Pauses the queue of runs in the store exactly while a pause is stored in the database: an emptied store has lost the
/// pause, and a store that was down did not get it.
pub(super) async fn assert(db: &DatabaseConnection, queue: &RunQueue) -> Result<(), Error> {
    let wanted = pause::of_subject(db, PauseScope::Queue, RUN_QUEUE).await?.is_some();
    match (wanted, queue.is_paused(RUN_QUEUE).await?) {
        (true, false) => queue.pause(RUN_QUEUE).await.map(drop),
        (false, true) => queue.resume(RUN_QUEUE).await.map(drop),
        (true, true) | (false, false) => Ok(()),
    }
}
