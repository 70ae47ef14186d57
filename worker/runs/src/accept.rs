//! Accepts runs: writes the row first, then the job; both in one transaction if they are in one database.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, Value};
use syncline_entity::{event::record, sync_history, types::RunStatus};
use syncline_queue::{Error, Pushed};
use syncline_sql::{begin, statement};
use uuid::Uuid;

use super::{
    accept_together::AcceptCall,
    batch::{self, Noting},
    dispatch::{self, Handed},
    job::{Facts, link_of, waiting_key},
    pause,
    queue::RunQueue,
    run::{Accepted, NewRun},
    told,
};

/// How often an insert tries again if the conflicting run disappears between two statements.
const TRIES: usize = 5;

/// Accepts a run. If the queue has its own store and that store is down, the run is still accepted: its row waits for
/// the dispatcher. If the queue is full, the run is refused and nothing is written.
///
/// Concurrent requests share a transaction.
pub async fn accept(db: &DatabaseConnection, queue: &RunQueue, run: &NewRun) -> Result<Accepted, Error> {
    accept_noted(db, queue, run, None).await
}

/// As [`accept`], with a row of the audit log in the transaction of a new run.
pub async fn accept_noted(
    db: &DatabaseConnection,
    queue: &RunQueue,
    run: &NewRun,
    noting: Option<Noting>,
) -> Result<Accepted, Error> {
    queue.check_room(db).await?;
    let key = waiting_key(run).map_err(|error| DbErr::Json(error.to_string()))?;
    if run.tick.is_some() || run.not_before.is_some() {
        return accept_alone(db, queue, run, key.as_deref(), noting.as_ref()).await;
    }
    let asked = AcceptCall { db: db.clone(), queue: queue.clone(), run: Arc::new(run.clone()), key, noting };
    queue.accepting().call(asked).await.map_err(|cut| Error::Unavailable(cut.into()))?
}

/// Accepts a run in a transaction of its own; also handles conflicting runs.
pub(super) async fn accept_alone(
    db: &DatabaseConnection,
    queue: &RunQueue,
    run: &NewRun,
    key: Option<&str>,
    noting: Option<&Noting>,
) -> Result<Accepted, Error> {
    if queue.same_database().is_some() {
        let _turn = queue.turn(db).await;
        let tx = begin(db).await?;
        return match accept_as(&tx, queue, run, key).await {
            Ok(accepted @ Accepted::New(id)) => {
                batch::note(&tx, noting, &[id]).await?;
                tx.commit().await?;
                queue.wake();
                Ok(accepted)
            }
            other => {
                tx.rollback().await?;
                other
            }
        };
    }
    let now = Utc::now().trunc_subsecs(6);
    let turn = queue.turn(db).await;
    let tx = begin(db).await?;
    let inserted = match insert(&tx, run, key, now, false).await? {
        Inserted::New(inserted) => inserted,
        Inserted::InTheWay(accepted) => {
            tx.rollback().await?;
            return Ok(accepted);
        }
    };
    batch::note(&tx, noting, &[inserted.id]).await?;
    record(&tx, now, [told::accepted(inserted.id, run)]).await?;
    tx.commit().await?;
    drop(turn);
    if inserted.paused {
        return Ok(Accepted::New(inserted.id));
    }
    let job = Facts::new(inserted.id, run, key).job(now);
    match dispatch::hand_over(db, queue, std::slice::from_ref(&job)).await {
        Ok(handed) => match handed.into_iter().next() {
            Some(Handed::Joined(winner)) => Ok(Accepted::Joined(winner)),
            Some(Handed::Over | Handed::Later) | None => Ok(Accepted::New(inserted.id)),
        },
        Err(error) => {
            tracing::debug!(run = %inserted.id, %error, "accepted; the queue's store will have the run later");
            Ok(Accepted::New(inserted.id))
        }
    }
}

/// Accepts a run within the caller's transaction, even if the queue is full: the run is part of other work. Nothing is
/// written if this does not return [`Accepted::New`]. Call [`committed`] after the commit.
pub async fn accept_in(tx: &DatabaseTransaction, queue: &RunQueue, run: &NewRun) -> Result<Accepted, Error> {
    let key = waiting_key(run).map_err(|error| DbErr::Json(error.to_string()))?;
    accept_as(tx, queue, run, key.as_deref()).await
}

/// As [`accept_in`], with a waiting key of the caller's choice.
pub(super) async fn accept_as(
    tx: &DatabaseTransaction,
    queue: &RunQueue,
    run: &NewRun,
    key: Option<&str>,
) -> Result<Accepted, Error> {
    let now = Utc::now().trunc_subsecs(6);
    let sql = queue.same_database();
    let inserted = match insert(tx, run, key, now, sql.is_some()).await? {
        Inserted::New(inserted) => inserted,
        Inserted::InTheWay(accepted) => return Ok(accepted),
    };
    if let (Some(sql), false) = (sql, inserted.paused) {
        let job = Facts::new(inserted.id, run, key).job(now);
        // A run that waits for a retry has no waiting key any more, but its job still joins equal ones.
        if let Some(winner) = sql.push_in(tx, &[job]).await?.first().copied().and_then(Pushed::winner) {
            undo(tx, inserted.id).await?;
            return Ok(Accepted::Joined(winner));
        }
    }
    record(tx, now, [told::accepted(inserted.id, run)]).await?;
    Ok(Accepted::New(inserted.id))
}

/// Deletes a row that was written in this transaction.
pub(super) async fn undo(tx: &DatabaseTransaction, run: Uuid) -> Result<(), DbErr> {
    let sql = "DELETE FROM sync_history WHERE run_uid = ?";
    tx.execute_raw(statement(tx.get_database_backend(), sql, [run.into()])).await?;
    Ok(())
}

/// Hands a run to the queue after the transaction that accepted it has committed. A store that is down is no error: the
/// dispatcher retries.
pub async fn committed(db: &DatabaseConnection, queue: &RunQueue, accepted: Accepted) {
    let Accepted::New(run) = accepted else { return };
    if queue.same_database().is_some() {
        queue.wake();
        return;
    }
    if let Err(error) = dispatch::dispatch_run(db, queue, run).await {
        tracing::debug!(%run, %error, "accepted; the queue's store will have the run later");
    }
}

struct Row {
    id: Uuid,
    /// Its sync is paused, so it must not be dispatched.
    paused: bool,
}

enum Inserted {
    New(Row),
    InTheWay(Accepted),
}

/// Writes the row, unless an equal run waits, the tick already has a run, or the id is in use. `dispatched`: the caller
/// writes the job in the same transaction.
async fn insert(
    db: &impl ConnectionTrait,
    run: &NewRun,
    key: Option<&str>,
    now: DateTime<Utc>,
    dispatched: bool,
) -> Result<Inserted, Error> {
    let id = run.id.unwrap_or_else(Uuid::now_v7);
    for _ in 0..TRIES {
        if let Some(row) = try_insert(db, id, run, key, now, dispatched).await? {
            return Ok(Inserted::New(row));
        }
        if let Some(accepted) = in_the_way(db, id, run, key).await? {
            return Ok(Inserted::InTheWay(accepted));
        }
    }
    Err(Error::Contended(format!("a run of sync {}", run.sync_config_id)))
}

async fn try_insert(
    db: &impl ConnectionTrait,
    id: Uuid,
    run: &NewRun,
    key: Option<&str>,
    now: DateTime<Utc>,
    dispatched: bool,
) -> Result<Option<Row>, Error> {
    let paused = pause::condition("c");
    // A run of a paused sync is not dispatched. A separate store gets the job after the commit, and the row is marked
    // only then.
    let (dispatched_at, told) = match dispatched {
        true => (format!("CASE WHEN {paused} THEN NULL ELSE ? END"), "dispatched_at IS NULL".to_owned()),
        false => ("?".to_owned(), format!("(SELECT {paused} FROM sync_configs c WHERE c.id = ?)")),
    };
    let sql = format!(
        "INSERT INTO sync_history (run_uid, project_id, sync_config_id, link_id, parent_run_id, correlation_id, kind, \
         sync_type, priority, args, status, queued_at, schedule_id, tick_at, not_before, waiting_key, dispatched_at) \
         SELECT ?, ?, c.id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {dispatched_at} FROM sync_configs c WHERE c.id = ? \
         ON CONFLICT DO NOTHING RETURNING {told} AS paused"
    );
    let args = serde_json::to_value(&run.args).map_err(|error| DbErr::Json(error.to_string()))?;
    let (schedule, tick) = run.tick.unzip();
    let mut values: Vec<Value> = vec![
        id.into(),
        run.project_id.into(),
        link_of(&run.args).into(),
        run.parent.into(),
        run.correlation.or(run.parent).unwrap_or(id).into(),
        run.kind.as_str().into(),
        run.method.as_str().into(),
        run.priority.rank().into(),
        args.into(),
        RunStatus::Queued.as_str().into(),
        now.into(),
        schedule.into(),
        tick.into(),
        run.not_before.map(|time| time.trunc_subsecs(6)).into(),
        key.into(),
        dispatched.then_some(now).into(),
        run.sync_config_id.into(),
    ];
    if !dispatched {
        values.push(run.sync_config_id.into());
    }
    let row = db.query_one_raw(statement(db.get_database_backend(), &sql, values)).await?;
    Ok(row.map(|row| Ok::<_, DbErr>(Row { id, paused: row.try_get("", "paused")? })).transpose()?)
}

/// Finds the run that kept the row from being written; `None` if it no longer does.
async fn in_the_way(
    db: &impl ConnectionTrait,
    id: Uuid,
    run: &NewRun,
    key: Option<&str>,
) -> Result<Option<Accepted>, Error> {
    if run.id.is_some() && sync_history::by_run(db, id).await?.is_some() {
        return Ok(Some(Accepted::Joined(id)));
    }
    let backend = db.get_database_backend();
    if let Some((schedule, tick)) = run.tick {
        let sql = "SELECT 1 AS one FROM sync_history WHERE schedule_id = ? AND tick_at = ?";
        let values = [schedule.into(), tick.into()];
        if db.query_one_raw(statement(backend, sql, values)).await?.is_some() {
            return Ok(Some(Accepted::TickTaken));
        }
    }
    if let Some(key) = key {
        let sql = "SELECT run_uid FROM sync_history WHERE waiting_key = ? AND completed_at IS NULL";
        if let Some(row) = db.query_one_raw(statement(backend, sql, [key.into()])).await? {
            return Ok(Some(Accepted::Joined(row.try_get("", "run_uid")?)));
        }
    }
    let sql = "SELECT 1 AS one FROM sync_configs WHERE id = ?";
    if db.query_one_raw(statement(backend, sql, [run.sync_config_id.into()])).await?.is_none() {
        return Err(DbErr::RecordNotFound(format!("sync_configs {}", run.sync_config_id)).into());
    }
    Ok(None)
}
