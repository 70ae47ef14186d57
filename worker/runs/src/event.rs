//! Events of single items from platforms: a burst of events for one item becomes one run with all of them.
//!
//! The row is authoritative here too: an event is merged into the arguments of the run that waits for the item, in one
//! transaction, and the job only has the run's id. A worker that begins the run removes the key under the same lock, so
//! an event is either in the arguments that the worker reads or in a later run.

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr};
use serde_json::Value;
use syncline_entity::{
    sync_config,
    types::{RunKind, SyncMethod},
};
use syncline_queue::Error;
use syncline_sql::{begin, statement};
use uuid::Uuid;

use super::{
    accept::{accept_as, committed},
    job::{EVENT_KEY, link_key, sync_key},
    queue::RunQueue,
    run::{Accepted, NewRun, RunArgs},
};

/// The most events of a run; the next one starts a new run.
pub const MAX_EVENTS: usize = 1_000;

/// How often to try again when two first events collide.
const TRIES: usize = 10;

/// An event from a platform.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The link of the item; `None` if it has none yet, so that the sync must search for it.
    pub link: Option<i64>,
    /// The event, in the form that the handler reads.
    pub event: Value,
}

/// Accepts an event: merges it into the run that waits for its item, or starts a new run. Events of items without a
/// link share one run of the whole sync.
pub async fn accept_event(
    db: &DatabaseConnection,
    queue: &RunQueue,
    config: &sync_config::Model,
    event: &NewEvent,
) -> Result<Accepted, Error> {
    let of = event.link.map_or_else(String::new, |link| format!(":{}", link_key(link)));
    let key = format!("{EVENT_KEY}{}{of}", sync_key(config.id));
    let run = NewRun::of(config, RunKind::Sync, SyncMethod::Webhook)
        .map_err(|error| Error::Refused(error.into()))?;
    let links = event.link.map(|link| vec![link]);
    let args = RunArgs { links, events: vec![event.event.clone()], ..RunArgs::default() };
    let run = NewRun { args, ..run };
    for _ in 0..TRIES {
        // Checked before the transaction, which may use the only connection. A full queue does not stop a merge into a
        // waiting run.
        let room = queue.check_room(db).await;
        let tx = begin(db).await?;
        match accept_within(&tx, queue, &run, &key, room).await {
            Ok(Some(accepted)) => {
                tx.commit().await?;
                committed(db, queue, accepted).await;
                return Ok(accepted);
            }
            Ok(None) => tx.rollback().await?,
            Err(error) => {
                tx.rollback().await?;
                return Err(error);
            }
        }
    }
    Err(Error::Contended(key))
}

/// Returns `None` if another first event was faster.
async fn accept_within(
    tx: &DatabaseTransaction,
    queue: &RunQueue,
    run: &NewRun,
    key: &str,
    room: Result<(), Error>,
) -> Result<Option<Accepted>, Error> {
    if let Some((waiting, mut args)) = waiting(tx, key).await? {
        if args.events.len() < MAX_EVENTS {
            args.events.extend(run.args.events.iter().cloned());
            store(tx, waiting, &args).await?;
            return Ok(Some(Accepted::Joined(waiting)));
        }
        // The run is full: it keeps waiting without its key, and a new run takes the later events.
        let sql = "UPDATE sync_history SET waiting_key = NULL WHERE run_uid = ?";
        tx.execute_raw(statement(tx.get_database_backend(), sql, [waiting.into()])).await?;
    }
    room?;
    match accept_as(tx, queue, run, Some(key)).await? {
        accepted @ Accepted::New(_) => Ok(Some(accepted)),
        Accepted::Joined(_) | Accepted::TickTaken => Ok(None),
    }
}

/// Returns the run that waits under a key, locked until the transaction ends.
async fn waiting(tx: &DatabaseTransaction, key: &str) -> Result<Option<(Uuid, RunArgs)>, Error> {
    let backend = tx.get_database_backend();
    let lock = if backend == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT run_uid, args FROM sync_history WHERE waiting_key = ? AND completed_at IS NULL{lock}"
    );
    let Some(row) = tx.query_one_raw(statement(backend, &sql, [key.into()])).await? else { return Ok(None) };
    let args: Value = row.try_get("", "args")?;
    let args = serde_json::from_value(args).map_err(|error| Error::Refused(error.into()))?;
    Ok(Some((row.try_get("", "run_uid")?, args)))
}

async fn store(tx: &DatabaseTransaction, run: Uuid, args: &RunArgs) -> Result<(), Error> {
    let args = serde_json::to_value(args).map_err(|error| DbErr::Json(error.to_string()))?;
    let sql = "UPDATE sync_history SET args = ? WHERE run_uid = ?";
    tx.execute_raw(statement(tx.get_database_backend(), sql, [args.into(), run.into()])).await?;
    Ok(())
}
