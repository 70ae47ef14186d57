//! What platforms tell of single items: a burst of events for one item becomes one run that carries them all.
//!
//! The row is the truth here as well: an event is merged into the arguments of the run that waits for the item, in one
//! transaction, and the job holds no more than the run's id. A worker that begins the run takes the key away under the
//! same lock, so an event is either in the arguments that the worker reads or in a run that follows.

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr};
use serde_json::Value;
use syncline_entity::{
    sync_config,
    types::{RunKind, SyncMethod},
};
use syncline_queue::{Error, MAX_MERGES};
use syncline_sql::{begin, statement};
use uuid::Uuid;

use super::{
    accept::{accept_as, committed},
    job::{EVENT_KEY, link_key, sync_key},
    queue::RunQueue,
    run::{Accepted, NewRun, RunArgs},
};

/// A run takes up so many events; the next one starts a new run.
pub const MAX_EVENTS: usize = MAX_MERGES as usize;

/// How often to look again when two first events meet.
const TRIES: usize = 10;

/// What a platform told.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The link of the item. None: it has no link yet, so the sync has to look for it.
    pub link: Option<i64>,
    /// What was told, as the handler reads it.
    pub event: Value,
}

/// Accepts an event: into the run that waits for its item, or as a run of its own. Events of items that have no link are
/// taken up by one run of the whole sync.
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
        // Before the transaction, which may hold the only connection. A run that waits takes up more even so.
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

/// `None`: another first event was quicker.
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
        // It is full: it waits on without its key, and the next one takes up what follows.
        let sql = "UPDATE sync_history SET waiting_key = NULL WHERE run_uid = ?";
        tx.execute_raw(statement(tx.get_database_backend(), sql, [waiting.into()])).await?;
    }
    room?;
    match accept_as(tx, queue, run, Some(key)).await? {
        accepted @ Accepted::New(_) => Ok(Some(accepted)),
        Accepted::Joined(_) | Accepted::TickTaken => Ok(None),
    }
}

/// The run that waits under a key, held until the transaction ends.
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
