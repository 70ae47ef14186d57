//! Dead letters of runs: runs that were given up, with all attempts, until a person replays or discards them.
//!
//! They are rows with `dead_at`; the queue's own dead letters contain a run only until it is noted here. The reason and
//! the attempts stay stored after a replay or discard.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    Value,
};
use syncline_entity::{sync_attempt, sync_config, sync_history};
use syncline_queue::Error;
use syncline_sql::{begin, marks, statement};
use uuid::Uuid;

use super::{
    accept::{accept_in, committed},
    queue::RunQueue,
    row::queue_priority,
    run::{Accepted, NewRun},
};

/// Dead letters replayed or discarded together.
const BATCH: u64 = 200;

/// Selects dead letters; all of them by default.
#[derive(Debug, Clone, Default)]
pub struct DeadQuery {
    pub project: Option<i64>,
    pub sync: Option<i64>,
    /// Only with this text in the reason or the error; case-sensitive.
    pub text: Option<String>,
    /// Only dead for at least this long.
    pub older_than: Option<Duration>,
}

/// A page of dead letters, the latest first.
#[derive(Debug, Clone, Default)]
pub struct DeadPage {
    pub runs: Vec<sync_history::Model>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
}

/// The result of replaying a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// This run does the work now: a new one, or an equal one that waits already.
    As(Uuid),
    /// The run is not a dead letter.
    NotDead,
    /// Its sync was deleted, so a replay would only die again.
    SyncGone,
}

/// The result of replaying several dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayedMany {
    /// Runs that do their work now.
    pub replayed: u64,
    /// Left alone, since their sync was deleted.
    pub sync_gone: u64,
}

struct Filter {
    text: String,
    values: Vec<Value>,
}

fn filter(backend: DbBackend, query: &DeadQuery) -> Filter {
    let mut filter = Filter { text: "dead_at IS NOT NULL".to_owned(), values: Vec::new() };
    let mut and = |text: &str, values: &[Value]| {
        filter.text += &format!(" AND {text}");
        filter.values.extend_from_slice(values);
    };
    if let Some(project) = query.project {
        and("project_id = ?", &[project.into()]);
    }
    if let Some(sync) = query.sync {
        and("sync_config_id = ?", &[sync.into()]);
    }
    if let Some(text) = query.text.as_ref().filter(|text| !text.is_empty()) {
        let find = if backend == DbBackend::Postgres { "strpos" } else { "instr" };
        let both = format!(
            "({find}(COALESCE(dead_reason, ''), ?) > 0 OR {find}(COALESCE(error_message, ''), ?) > 0)"
        );
        and(&both, &[text.as_str().into(), text.as_str().into()]);
    }
    if let Some(age) = query.older_than {
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        let before = Utc::now().checked_sub_signed(age).unwrap_or(DateTime::UNIX_EPOCH).trunc_subsecs(6);
        and("dead_at <= ?", &[before.into()]);
    }
    filter
}

/// Lists dead letters, the latest first. A cursor that this function did not create gives [`Error::Refused`].
pub async fn list(
    db: &impl ConnectionTrait,
    query: &DeadQuery,
    limit: u64,
    after: Option<&str>,
) -> Result<DeadPage, Error> {
    let backend = db.get_database_backend();
    let Filter { mut text, mut values } = filter(backend, query);
    if let Some(after) = after {
        let (dead_at, id) =
            read_cursor(after).ok_or_else(|| Error::Refused("no cursor of this list".into()))?;
        text += " AND (dead_at, id) < (?, ?)";
        values.extend([dead_at.into(), id.into()]);
    }
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let sql = format!("SELECT id FROM sync_history WHERE {text} ORDER BY dead_at DESC, id DESC LIMIT ?");
    let found = db.query_all_raw(statement(backend, &sql, values)).await?;
    let ids: Vec<i64> = found.iter().map(|row| row.try_get("", "id")).collect::<Result<_, DbErr>>()?;
    let full = ids.len() as u64 == limit;
    let runs = sync_history::Entity::find()
        .filter(sync_history::Column::Id.is_in(ids))
        .order_by_desc(sync_history::Column::DeadAt)
        .order_by_desc(sync_history::Column::Id)
        .all(db)
        .await?;
    let next = runs.last().filter(|_| full).and_then(cursor);
    Ok(DeadPage { runs, next })
}

fn cursor(row: &sync_history::Model) -> Option<String> {
    Some(format!("{}-{}", row.dead_at?.timestamp_micros(), row.id))
}

fn read_cursor(text: &str) -> Option<(DateTime<Utc>, i64)> {
    let (micros, id) = text.rsplit_once('-')?;
    Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.parse().ok()?))
}

/// Counts the selected dead letters.
pub async fn count(db: &impl ConnectionTrait, query: &DeadQuery) -> Result<u64, Error> {
    let backend = db.get_database_backend();
    let Filter { text, values } = filter(backend, query);
    let sql = format!("SELECT count(*) AS runs FROM sync_history WHERE {text}");
    let row = db.query_one_raw(statement(backend, &sql, values)).await?;
    let runs: i64 = row.map(|row| row.try_get("", "runs")).transpose()?.unwrap_or(0);
    Ok(runs.unsigned_abs())
}

/// Returns a dead letter and all its attempts, the first one first.
pub async fn show(
    db: &impl ConnectionTrait,
    run: Uuid,
) -> Result<Option<(sync_history::Model, Vec<sync_attempt::Model>)>, Error> {
    let row = sync_history::by_run(db, run).await?.filter(|row| row.dead_at.is_some());
    let Some(row) = row else { return Ok(None) };
    let attempts = sync_attempt::Entity::find()
        .filter(sync_attempt::Column::RunId.eq(run))
        .order_by_asc(sync_attempt::Column::Attempt)
        .all(db)
        .await?;
    Ok(Some((row, attempts)))
}

/// Accepts a new run with the kind and arguments of a dead one, which becomes its parent. The same transaction removes
/// the dead run from the dead letters.
pub async fn replay(db: &DatabaseConnection, queue: &RunQueue, run: Uuid) -> Result<Replayed, Error> {
    queue.check_room(db).await?;
    let tx = begin(db).await?;
    match replay_within(&tx, queue, run).await {
        Ok(Ok(accepted)) => {
            tx.commit().await?;
            committed(db, queue, accepted).await;
            Ok(accepted.id().map_or(Replayed::NotDead, Replayed::As))
        }
        Ok(Err(not)) => {
            tx.rollback().await?;
            Ok(not)
        }
        Err(error) => {
            tx.rollback().await?;
            Err(error)
        }
    }
}

async fn replay_within(
    tx: &sea_orm::DatabaseTransaction,
    queue: &RunQueue,
    run: Uuid,
) -> Result<Result<Accepted, Replayed>, Error> {
    if !clear(tx, "run_uid = ?", run.into()).await? {
        return Ok(Err(Replayed::NotDead));
    }
    let Some(dead) = sync_history::by_run(tx, run).await? else { return Ok(Err(Replayed::NotDead)) };
    let config = sync_config::Entity::find_by_id(dead.sync_config_id).one(tx).await?;
    let Some(config) = config.filter(|config| config.deleted_at.is_none()) else {
        return Ok(Err(Replayed::SyncGone));
    };
    let read = |error: serde_json::Error| Error::Refused(error.into());
    let usual = NewRun::of(&config, dead.kind, dead.sync_type).map_err(read)?;
    let again = NewRun {
        priority: queue_priority(dead.priority),
        args: serde_json::from_value(dead.args).map_err(read)?,
        parent: Some(dead.run_uid),
        correlation: Some(dead.correlation_id),
        ..usual
    };
    accept_in(tx, queue, &again).await.map(Ok)
}

/// Replays all selected letters one by one. A full queue ends this with [`Error::Full`]; earlier replays stay.
pub async fn replay_many(
    db: &DatabaseConnection,
    queue: &RunQueue,
    query: &DeadQuery,
) -> Result<ReplayedMany, Error> {
    let mut many = ReplayedMany::default();
    let mut after = None;
    loop {
        let page = list(db, query, BATCH, after.as_deref()).await?;
        for run in page.runs {
            match replay(db, queue, run.run_uid).await? {
                Replayed::As(_) => many.replayed += 1,
                Replayed::SyncGone => many.sync_gone += 1,
                Replayed::NotDead => {}
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(many),
        }
    }
}

/// Removes a run from the dead letters and does nothing else. Returns false if it is not one.
pub async fn discard(db: &DatabaseConnection, run: Uuid) -> Result<bool, Error> {
    clear(db, "run_uid = ?", run.into()).await
}

/// Discards all selected letters. Returns how many.
pub async fn discard_many(db: &DatabaseConnection, query: &DeadQuery) -> Result<u64, Error> {
    let mut discarded = 0;
    loop {
        let page = list(db, query, BATCH, None).await?;
        if page.runs.is_empty() {
            return Ok(discarded);
        }
        let sql = format!(
            "UPDATE sync_history SET dead_at = NULL WHERE dead_at IS NOT NULL AND id IN ({})",
            marks(page.runs.len())
        );
        let values = page.runs.iter().map(|row| Value::from(row.id));
        discarded +=
            db.execute_raw(statement(db.get_database_backend(), &sql, values)).await?.rows_affected();
    }
}

async fn clear(db: &impl ConnectionTrait, which: &str, value: Value) -> Result<bool, Error> {
    let sql = format!("UPDATE sync_history SET dead_at = NULL WHERE {which} AND dead_at IS NOT NULL");
    Ok(db.execute_raw(statement(db.get_database_backend(), &sql, [value])).await?.rows_affected() > 0)
}
