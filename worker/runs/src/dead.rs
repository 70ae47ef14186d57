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
use syncline_entity::{sync_attempt, sync_history};
use syncline_queue::Error;
use syncline_sql::statement;
use uuid::Uuid;

use super::queue::RunQueue;
pub use super::{
    groups::{Group, GroupOrder, GroupQuery, counted, groups},
    replay::{Left, NotingLetters, Replays, TOGETHER, discard_all, discard_in, replay_all, replay_in},
};

/// Selects dead letters; all of them by default.
#[derive(Debug, Clone, Default)]
pub struct DeadQuery {
    pub project: Option<i64>,
    pub sync: Option<i64>,
    /// Only with this text in the reason or the error; case-sensitive.
    pub text: Option<String>,
    /// Only dead for at least this long.
    pub older_than: Option<Duration>,
    /// Only with this fingerprint.
    pub group: Option<String>,
    /// Only of this kind of run.
    pub kind: Option<String>,
    /// Only dead at this time or before.
    pub until: Option<DateTime<Utc>>,
}

impl DeadQuery {
    /// True if the triggers' counts include the number of selected letters.
    fn is_counted(&self) -> bool {
        self.text.as_ref().is_none_or(String::is_empty)
            && self.older_than.is_none()
            && self.kind.is_none()
            && self.until.is_none()
    }
}

/// A page of dead letters, the latest first.
#[derive(Debug, Clone, Default)]
pub struct DeadPage {
    pub runs: Vec<sync_history::Model>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
    /// How many letters were examined at most.
    pub examined: u64,
}

/// The result of replaying a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// This run does the work now: a new one, or an equal one that waits already.
    As(Uuid),
    Left(Left),
}

#[derive(Default)]
struct Filter {
    text: String,
    values: Vec<Value>,
}

impl Filter {
    fn and(&mut self, text: &str, values: impl IntoIterator<Item = Value>) {
        self.text += &format!(" AND {text}");
        self.values.extend(values);
    }
}

/// What an index selects, and what else must hold of the letters.
fn filters(backend: DbBackend, query: &DeadQuery) -> (Filter, Filter) {
    let mut narrow = Filter { text: "dead_at IS NOT NULL".to_owned(), values: Vec::new() };
    let mut also = Filter::default();
    if let Some(project) = query.project {
        also.and("project_id = ?", [project.into()]);
    }
    if let Some(sync) = query.sync {
        narrow.and("sync_config_id = ?", [sync.into()]);
    }
    if let Some(text) = query.text.as_ref().filter(|text| !text.is_empty()) {
        let find = if backend == DbBackend::Postgres { "strpos" } else { "instr" };
        let both = format!(
            "({find}(COALESCE(dead_reason, ''), ?) > 0 OR {find}(COALESCE(error_message, ''), ?) > 0)"
        );
        also.and(&both, [text.as_str().into(), text.as_str().into()]);
    }
    if let Some(age) = query.older_than {
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        let before = Utc::now().checked_sub_signed(age).unwrap_or(DateTime::UNIX_EPOCH).trunc_subsecs(6);
        narrow.and("dead_at <= ?", [before.into()]);
    }
    if let Some(group) = &query.group {
        match group.as_str() {
            "" => narrow.and("error_fingerprint IS NULL", []),
            group => narrow.and("error_fingerprint = ?", [group.into()]),
        }
    }
    if let Some(kind) = &query.kind {
        also.and("kind = ?", [kind.as_str().into()]);
    }
    if let Some(until) = query.until {
        narrow.and("dead_at <= ?", [until.into()]);
    }
    (narrow, also)
}

/// Lists the ids of dead letters, the latest first, and the cursor after the last one.
pub async fn page(
    db: &impl ConnectionTrait,
    query: &DeadQuery,
    limit: u64,
    after: Option<&str>,
) -> Result<(Vec<Uuid>, Option<String>), Error> {
    let rows = rows(db, query, limit, after, None).await?;
    let last = rows.last().map(|(id, _, dead_at)| cursor_at(*dead_at, *id));
    Ok((rows.into_iter().map(|(_, run, _)| run).collect(), last))
}

/// Lists dead letters, the latest first. A cursor that this function did not create gives [`Error::Refused`].
pub async fn list(
    db: &impl ConnectionTrait,
    query: &DeadQuery,
    limit: u64,
    after: Option<&str>,
) -> Result<DeadPage, Error> {
    list_within(db, query, limit, after, u64::MAX).await
}

/// The same, and examines at most so many letters: a page may have fewer than its limit, and still a cursor.
pub async fn list_within(
    db: &impl ConnectionTrait,
    query: &DeadQuery,
    limit: u64,
    after: Option<&str>,
    reads: u64,
) -> Result<DeadPage, Error> {
    let (_, also) = filters(db.get_database_backend(), query);
    let window = (!also.text.is_empty() && reads < u64::MAX).then_some(reads.max(limit));
    let ids: Vec<i64> = rows(db, query, limit, after, window).await?.into_iter().map(|(id, ..)| id).collect();
    let full = ids.len() as u64 == limit;
    let runs = sync_history::Entity::find()
        .filter(sync_history::Column::Id.is_in(ids))
        .order_by_desc(sync_history::Column::DeadAt)
        .order_by_desc(sync_history::Column::Id)
        .all(db)
        .await?;
    let (next, examined) = match (full, window) {
        (true, _) => (runs.last().and_then(cursor), window.unwrap_or(limit)),
        (false, None) => (None, limit),
        (false, Some(window)) => (end_of_window(db, query, after, window).await?, window),
    };
    Ok(DeadPage { runs, next, examined })
}

/// Selects the letters that an index selects after a cursor, in order.
fn selected(backend: DbBackend, query: &DeadQuery, after: Option<&str>) -> Result<(Filter, Filter), Error> {
    let (mut narrow, also) = filters(backend, query);
    if let Some(after) = after {
        let (dead_at, id) =
            read_cursor(after).ok_or_else(|| Error::Refused("no cursor of this list".into()))?;
        narrow.and("(dead_at, id) < (?, ?)", [dead_at.into(), id.into()]);
    }
    Ok((narrow, also))
}

const ORDER: &str = "ORDER BY dead_at DESC, id DESC";

/// Returns the row id, run and time of each letter. With a window only so many letters are examined.
async fn rows(
    db: &impl ConnectionTrait,
    query: &DeadQuery,
    limit: u64,
    after: Option<&str>,
    window: Option<u64>,
) -> Result<Vec<(i64, Uuid, DateTime<Utc>)>, Error> {
    let backend = db.get_database_backend();
    let (narrow, also) = selected(backend, query, after)?;
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    let mut values = narrow.values;
    let sql = match window {
        None => {
            values.extend(also.values);
            format!(
                "SELECT id, run_uid, dead_at FROM sync_history WHERE {}{} {ORDER} LIMIT ? + 0",
                narrow.text, also.text
            )
        }
        Some(window) => {
            values.push(number(window));
            values.extend(also.values);
            format!(
                "SELECT id, run_uid, dead_at FROM (SELECT id, run_uid, dead_at, project_id, kind, dead_reason, error_message \
                 FROM sync_history WHERE {} {ORDER} LIMIT ? + 0) w WHERE TRUE{} {ORDER} LIMIT ? + 0",
                narrow.text, also.text
            )
        }
    };
    values.push(number(limit));
    let found = db.query_all_raw(statement(backend, &sql, values)).await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok((row.try_get("", "id")?, row.try_get("", "run_uid")?, row.try_get("", "dead_at")?))
    };
    found.iter().map(read).collect::<Result<_, DbErr>>().map_err(Error::from)
}

/// The cursor after the last letter of a window that is full.
async fn end_of_window(
    db: &impl ConnectionTrait,
    query: &DeadQuery,
    after: Option<&str>,
    window: u64,
) -> Result<Option<String>, Error> {
    let backend = db.get_database_backend();
    let (narrow, _) = selected(backend, query, after)?;
    let sql =
        format!("SELECT id, dead_at FROM sync_history WHERE {} {ORDER} LIMIT 1 OFFSET ? + 0", narrow.text);
    let skipped = i64::try_from(window - 1).unwrap_or(i64::MAX);
    let values = narrow.values.into_iter().chain([skipped.into()]);
    let row = db.query_one_raw(statement(backend, &sql, values)).await?;
    let read = |row: sea_orm::QueryResult| {
        Ok::<_, DbErr>(cursor_at(row.try_get("", "dead_at")?, row.try_get("", "id")?))
    };
    Ok(row.map(read).transpose()?)
}

/// The cursor after a letter.
pub(super) fn cursor(row: &sync_history::Model) -> Option<String> {
    Some(cursor_at(row.dead_at?, row.id))
}

fn cursor_at(dead_at: DateTime<Utc>, id: i64) -> String {
    format!("{}-{id}", dead_at.timestamp_micros())
}

fn read_cursor(text: &str) -> Option<(DateTime<Utc>, i64)> {
    let (micros, id) = text.rsplit_once('-')?;
    Some((DateTime::from_timestamp_micros(micros.parse().ok()?)?, id.parse().ok()?))
}

/// Counts the selected dead letters.
pub async fn count(db: &impl ConnectionTrait, query: &DeadQuery) -> Result<u64, Error> {
    if query.is_counted() {
        return Ok(counted(db, query.project, query.sync, query.group.as_deref()).await?);
    }
    let backend = db.get_database_backend();
    let (narrow, also) = filters(backend, query);
    let sql = format!("SELECT count(*) AS runs FROM sync_history WHERE {}{}", narrow.text, also.text);
    let values = narrow.values.into_iter().chain(also.values);
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
    let replays = replay_all(db, queue, None, &[run], None).await?;
    Ok(match (replays.replayed.first(), replays.left.first()) {
        (Some((_, run)), _) => Replayed::As(*run),
        (None, Some((_, left))) => Replayed::Left(*left),
        (None, None) => Replayed::Left(Left::NotDead),
    })
}

/// Removes a run from the dead letters without replaying it. Returns false if it is not a dead letter.
pub async fn discard(db: &DatabaseConnection, run: Uuid) -> Result<bool, Error> {
    Ok(!discard_all(db, None, &[run], None).await?.is_empty())
}
