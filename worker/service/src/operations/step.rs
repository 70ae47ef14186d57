//! Carries operations out, step by step.

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection,
    DatabaseTransaction, DbBackend, EntityTrait, QueryFilter, QuerySelect,
};
use syncline_entity::{
    operation,
    types::{OperationAction, OperationState},
};
use syncline_runs::{
    RunQueue, committed,
    dead::{self, Replays, TOGETHER, discard_in, replay_in},
};
use syncline_sql::begin;
use uuid::Uuid;

use super::{
    Letters, also, meant,
    resolve::{Conflicts, left, resolve_in},
};
use crate::Error;

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// There may be more to do; how far it has come.
    More { done: i64, skipped: i64, total: i64 },
    /// The queue has no room for runs now.
    Full,
    /// It is over, by now or before.
    Over(OperationState),
    /// There is no such operation.
    Unknown,
}

/// Changes the next subjects of an operation, in one transaction with how far it has come. Two workers with one operation
/// wait for each other, and neither repeats what the other did.
pub async fn step(db: &DatabaseConnection, queue: &RunQueue, id: Uuid) -> Result<Step, Error> {
    let Some(row) = operation::by_uid(db, id).await? else { return Ok(Step::Unknown) };
    if row.action == OperationAction::Resolve {
        return resolve_step(db, queue, id).await;
    }
    let letters: Letters = serde_json::from_value(row.filter.clone())
        .map_err(|error| Error::Invalid(format!("the filter of operation {id}: {error}")))?;
    let also = also(db, &letters, row.cutoff).await?;
    let room = match row.action {
        OperationAction::Replay => queue.take_room(db, TOGETHER as u64).await?,
        OperationAction::Discard | OperationAction::Resolve => TOGETHER as u64,
    };
    let turn = queue.turn(db).await;
    let tx = begin(db).await?;
    let now = Utc::now().trunc_subsecs(6);
    let (tx, row) = match begun(tx, id, room, now).await? {
        Ok(begun) => begun,
        Err(over) => return Ok(over),
    };
    let query = letters.query(row.project_id, row.cutoff);
    let after = row.cursor.as_deref();
    let (ids, next) = match &also {
        None => dead::page(&tx, &query, room, after).await?,
        Some(_) => {
            let (found, next) = meant(&tx, &query, also.as_ref(), after, room, 1).await?;
            (found.into_iter().map(|row| row.run_uid).collect(), next)
        }
    };
    let mut replays = Replays::default();
    let done = match row.action {
        OperationAction::Replay => {
            replays = replay_in(&tx, queue, row.project_id, &ids).await?;
            replays.replayed.len()
        }
        OperationAction::Discard => discard_in(&tx, row.project_id, &ids).await?.len(),
        // It has a step of its own.
        OperationAction::Resolve => 0,
    };
    let is_last = match also {
        None => ids.len() < usize::try_from(room).unwrap_or(usize::MAX),
        Some(_) => next.is_none(),
    };
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let changed = operation::ActiveModel {
        id: Set(row.id),
        cursor: Set(next.or_else(|| row.cursor.clone())),
        done: Set(row.done + count(done)),
        skipped: Set(row.skipped + count(ids.len() - done)),
        ..Default::default()
    };
    let row = changed.update(&tx).await?;
    if is_last {
        end(&tx, &row, OperationState::Done, now).await?;
    }
    tx.commit().await?;
    drop(turn);
    replays.committed(db, queue).await;
    Ok(match is_last {
        true => Step::Over(OperationState::Done),
        false => Step::More { done: row.done, skipped: row.skipped, total: row.total },
    })
}

/// Locks an operation for a step. Returns the step instead if there is nothing to do.
async fn begun(
    tx: DatabaseTransaction,
    id: Uuid,
    room: u64,
    now: DateTime<Utc>,
) -> Result<Result<(DatabaseTransaction, operation::Model), Step>, Error> {
    let Some(row) = locked(&tx, id).await? else {
        tx.rollback().await?;
        return Ok(Err(Step::Unknown));
    };
    if row.state != OperationState::Running {
        tx.rollback().await?;
        return Ok(Err(Step::Over(row.state)));
    }
    if row.cancel_requested_at.is_some() {
        end(&tx, &row, OperationState::Cancelled, now).await?;
        tx.commit().await?;
        return Ok(Err(Step::Over(OperationState::Cancelled)));
    }
    if room == 0 {
        tx.rollback().await?;
        return Ok(Err(Step::Full));
    }
    Ok(Ok((tx, row)))
}

/// The same for an operation that resolves conflicts.
async fn resolve_step(db: &DatabaseConnection, queue: &RunQueue, id: Uuid) -> Result<Step, Error> {
    let room = queue.take_room(db, TOGETHER as u64).await?;
    let turn = queue.turn(db).await;
    let now = Utc::now().trunc_subsecs(6);
    let (tx, row) = match begun(begin(db).await?, id, room, now).await? {
        Ok(begun) => begun,
        Err(over) => return Ok(over),
    };
    let conflicts: Conflicts = serde_json::from_value(row.filter.clone())
        .map_err(|error| Error::Invalid(format!("the filter of operation {id}: {error}")))?;
    let Some(resolved) = resolve_in(&tx, queue, &row, &conflicts, room).await? else {
        tx.rollback().await?;
        return Ok(Step::More { done: row.done, skipped: row.skipped, total: row.total });
    };
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let changed = operation::ActiveModel {
        id: Set(row.id),
        cursor: Set(resolved.next.map(|next| next.to_string()).or_else(|| row.cursor.clone())),
        done: Set(row.done + count(resolved.done)),
        skipped: Set(row.skipped + count(resolved.skipped)),
        ..Default::default()
    };
    let mut row = changed.update(&tx).await?;
    let is_last = resolved.next.is_none();
    if is_last {
        let left = operation::ActiveModel { id: Set(row.id), skipped: Set(left(&row)), ..Default::default() };
        row = left.update(&tx).await?;
        end(&tx, &row, OperationState::Done, now).await?;
    }
    tx.commit().await?;
    drop(turn);
    for accepted in resolved.accepted {
        committed(db, queue, accepted).await;
    }
    Ok(match is_last {
        true => Step::Over(OperationState::Done),
        false => Step::More { done: row.done, skipped: row.skipped, total: row.total },
    })
}

/// Ends an operation that cannot go on.
pub async fn fail(db: &DatabaseConnection, id: Uuid, error: &str) -> Result<(), Error> {
    operation::Entity::update_many()
        .set(operation::ActiveModel {
            state: Set(OperationState::Failed),
            error: Set(Some(error.to_owned())),
            completed_at: Set(Some(Utc::now().trunc_subsecs(6))),
            ..Default::default()
        })
        .filter(operation::Column::OperationUid.eq(id))
        .filter(operation::Column::State.eq(OperationState::Running))
        .exec(db)
        .await?;
    Ok(())
}

/// The operation, locked until the transaction ends.
async fn locked(tx: &DatabaseTransaction, id: Uuid) -> Result<Option<operation::Model>, Error> {
    let query = operation::Entity::find().filter(operation::Column::OperationUid.eq(id));
    let query = match tx.get_database_backend() {
        DbBackend::Postgres => query.lock_exclusive(),
        _ => query,
    };
    Ok(query.one(tx).await?)
}

async fn end(
    tx: &DatabaseTransaction,
    row: &operation::Model,
    state: OperationState,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let ended = operation::ActiveModel {
        id: Set(row.id),
        state: Set(state),
        completed_at: Set(Some(now)),
        ..Default::default()
    };
    ended.update(tx).await?;
    Ok(())
}
