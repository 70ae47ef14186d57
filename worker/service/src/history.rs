//! Runs, and what each of them changed.

mod items;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, Iterable, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use serde_json::Value;
use syncline_entity::{
    sync_change, sync_history, sync_metadata,
    types::{ChangeState, RunKind, RunStatus, SyncMethod},
};
use syncline_sql::statement;
use uuid::Uuid;

pub use self::items::{ItemOfRun, items};
use crate::{
    Caller, Error, Unknown,
    filter::{
        self, Test,
        rows::{Column, Condition, Form, condition},
    },
    scan::{Ids, Scan, Start},
    syncs,
};

/// The keys of the filter of runs.
pub const COLUMNS: [Column; 12] = [
    Column { key: "sync", sql: "sync_config_id", form: Form::Scoped },
    Column { key: "project", sql: "project_id", form: Form::Scoped },
    Column { key: "status", sql: "status", form: Form::Exact },
    Column { key: "kind", sql: "kind", form: Form::Exact },
    Column { key: "method", sql: "sync_type", form: Form::Exact },
    Column { key: "error", sql: "error_message", form: Form::Long },
    Column { key: "failed", sql: "items_failed", form: Form::Number },
    Column { key: "conflicts", sql: "conflicts", form: Form::Number },
    Column { key: "synced", sql: "items_synced", form: Form::Number },
    Column { key: "duration", sql: "duration_ms", form: Form::Number },
    Column { key: "age", sql: "queued_at", form: Form::Time },
    Column { key: "since", sql: "queued_at", form: Form::Time },
];

/// Columns that a filter may need.
const READ: [&str; 11] = [
    "sync_config_id",
    "project_id",
    "status",
    "kind",
    "sync_type",
    "error_message",
    "items_failed",
    "conflicts",
    "items_synced",
    "duration_ms",
    "queued_at",
];

/// Ids follow the times of acceptance but for so much.
const DISORDER: TimeDelta = TimeDelta::hours(1);

/// Selects runs.
#[derive(Debug, Clone)]
pub struct RunsQuery {
    /// Of the sync with this id.
    pub sync: Option<i64>,
    /// Of the project with this id.
    pub project: Option<i64>,
    pub status: Option<RunStatus>,
    pub kind: Option<RunKind>,
    pub method: Option<SyncMethod>,
    /// Accepted at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Accepted before this time.
    pub until: Option<DateTime<Utc>>,
    /// A filter with the keys of [`COLUMNS`].
    pub filter: Option<String>,
    pub start: Start,
    pub limit: u64,
}

impl RunsQuery {
    /// The latest runs.
    pub fn latest(limit: u64) -> RunsQuery {
        RunsQuery {
            sync: None,
            project: None,
            status: None,
            kind: None,
            method: None,
            since: None,
            until: None,
            filter: None,
            start: Start::First,
            limit,
        }
    }
}

/// A page of rows, and the id after which the next page begins.
#[derive(Debug, Clone, Default)]
pub struct Page<T> {
    pub rows: Vec<T>,
    pub next: Option<i64>,
}

/// The runs that a caller sees, the latest first; without their details, which may take megabytes.
pub async fn list(
    db: &DatabaseConnection,
    caller: &Caller,
    asked: &RunsQuery,
) -> Result<Page<sync_history::Model>, Error> {
    let known = syncs::all(db).await?;
    let ids = |key: &str, name: &str| named(&known, key, name);
    let text = asked.filter.as_deref().unwrap_or_default();
    let mut also = condition(text, &COLUMNS, &["error_message"], &ids)?;
    let narrow = narrowed(caller, asked, text, &mut also)?;
    if let Some(method) = asked.method {
        also.and(Condition::of("(sync_type = ?)", [method.as_str().into()]));
    }
    if let Some(since) = asked.since {
        also.and(Condition::of("(queued_at >= ?)", [since.into()]));
    }
    if let Some(until) = asked.until {
        also.and(Condition::of("(queued_at < ?)", [until.into()]));
    }
    let start = match (asked.start, asked.until) {
        (Start::First, Some(until)) => Start::After(first_after(db, until + DISORDER).await?),
        (start, _) => start,
    };
    let scan = Scan {
        from: "sync_history",
        columns: &READ,
        join: None,
        falling: true,
        narrow,
        branches: &[],
        also,
        start,
        limit: asked.limit,
    };
    let Ids { ids, next } = scan.ids(db).await?;
    let next = match (next, asked.since) {
        (Some(next), Some(since)) if accepted(db, next).await?.is_some_and(|at| at < since - DISORDER) => {
            None
        }
        (next, _) => next,
    };
    Ok(Page { rows: by_ids(db, &ids).await?, next })
}

/// The ids that a name in a filter stands for: of syncs, or of the projects of syncs.
pub(crate) fn named(known: &HashMap<i64, syncs::NamedSync>, key: &str, name: &str) -> Vec<i64> {
    let fits = |sync: &&syncs::NamedSync| match key {
        "project" => sync.project == name,
        _ => sync.name == name || sync.to_string() == name,
    };
    let id = |sync: &syncs::NamedSync| if key == "project" { sync.project_id } else { sync.id };
    let mut ids: Vec<i64> = known.values().filter(fits).map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// What indexes select; what they do not goes to `also`.
fn narrowed(
    caller: &Caller,
    asked: &RunsQuery,
    text: &str,
    also: &mut Condition,
) -> Result<Condition, Error> {
    let mut narrow = Condition::default();
    for project in [caller.project, asked.project].into_iter().flatten() {
        narrow.and(Condition::of("project_id = ?", [project.into()]));
    }
    if let Some(sync) = asked.sync {
        narrow.and(Condition::of("sync_config_id = ?", [sync.into()]));
    }
    // Literals, as in the partial indexes.
    let status = match asked.status {
        Some(status) => Some(status),
        None => lifted(text, "status")?.and_then(|status| status.parse().ok()),
    };
    if let Some(status) = status {
        let status = match status.is_finished() {
            true => format!("status = '{}'", status.as_str()),
            false => format!("completed_at IS NULL AND status = '{}'", status.as_str()),
        };
        narrow.and(Condition::of(status, []));
    }
    let kind = match asked.kind {
        Some(kind) => Some(kind),
        None => lifted(text, "kind")?.and_then(|kind| kind.parse().ok()),
    };
    if let Some(kind) = kind {
        let rare = if kind == RunKind::Sync { "" } else { " AND kind <> 'sync'" };
        let condition = Condition::of(format!("kind = '{}'{rare}", kind.as_str()), []);
        // Its index has nothing else: of what others select as well there may be none.
        let place = if narrow.sql.is_empty() { &mut narrow } else { also };
        place.and(condition);
    }
    Ok(narrow)
}

/// The only value that a filter asks of a key.
fn lifted(text: &str, key: &str) -> Result<Option<String>, Error> {
    let keys: Vec<&str> = COLUMNS.iter().map(|column| column.key).collect();
    let only = filter::parse(text, &keys)?.into_iter().find_map(|term| match term.test {
        Test::Is(values) if term.key.as_deref() == Some(key) && !term.negated && values.len() == 1 => {
            values.into_iter().next()
        }
        _ => None,
    });
    Ok(only)
}

/// The first id of runs that were all accepted after a time.
async fn first_after(db: &impl ConnectionTrait, time: DateTime<Utc>) -> Result<i64, DbErr> {
    let (mut low, mut high) = (0, last_id(db).await? + 1);
    while high - low > 1_000 {
        let middle = low + (high - low) / 2;
        let sql = "SELECT queued_at FROM sync_history WHERE id >= ? ORDER BY id LIMIT 1";
        let row = db.query_one_raw(statement(db.get_database_backend(), sql, [middle.into()])).await?;
        let at: Option<DateTime<Utc>> = row.map(|row| row.try_get("", "queued_at")).transpose()?;
        if at.is_some_and(|at| at <= time) { low = middle } else { high = middle }
    }
    Ok(high)
}

async fn last_id(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let sql = "SELECT id FROM sync_history ORDER BY id DESC LIMIT 1";
    let row = db.query_one_raw(statement(db.get_database_backend(), sql, [])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "id"))
}

async fn accepted(db: &impl ConnectionTrait, id: i64) -> Result<Option<DateTime<Utc>>, DbErr> {
    let sql = "SELECT queued_at FROM sync_history WHERE id = ?";
    let row = db.query_one_raw(statement(db.get_database_backend(), sql, [id.into()])).await?;
    row.map(|row| row.try_get("", "queued_at")).transpose()
}

pub(crate) async fn by_ids(db: &DatabaseConnection, ids: &[i64]) -> Result<Vec<sync_history::Model>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let slim = |column: &sync_history::Column| !matches!(column, sync_history::Column::SyncMetadata);
    sync_history::Entity::find()
        .select_only()
        .columns(sync_history::Column::iter().filter(slim))
        .expr_as(Expr::value(Option::<Value>::None), "sync_metadata")
        .filter(sync_history::Column::Id.is_in(ids.iter().copied()))
        .order_by_desc(sync_history::Column::Id)
        .all(db)
        .await
}

/// A run with its details, if the caller sees it.
pub async fn get(db: &DatabaseConnection, caller: &Caller, id: Uuid) -> Result<sync_history::Model, Error> {
    let run = sync_history::by_run(db, id).await?.filter(|run| caller.sees(run.project_id));
    run.ok_or_else(|| {
        Error::unknown(Unknown::Run, format!("there is no run {id}; runs are removed when they are old"))
    })
}

/// A change, and its link if that still exists.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub change: sync_change::Model,
    pub link: Option<sync_metadata::Model>,
    /// Why it was not written, if it was not and that is still on record.
    pub reason: Option<String>,
}

/// The changes of a run in the order in which they were made.
pub async fn changes(
    db: &DatabaseConnection,
    caller: &Caller,
    run: Uuid,
    start: Start,
    limit: u64,
) -> Result<Page<Change>, Error> {
    let run = get(db, caller, run).await?;
    let scan = Scan {
        from: "sync_changes",
        columns: &[],
        join: None,
        falling: false,
        narrow: Condition::of("run_id = ?", [run.run_uid.into()]),
        branches: &[],
        also: Condition::default(),
        start,
        limit,
    };
    let Ids { ids, next } = scan.ids(db).await?;
    Ok(Page { rows: changes_by_ids(db, &ids, false).await?, next })
}

/// Changes with their links.
pub(crate) async fn changes_by_ids(
    db: &DatabaseConnection,
    ids: &[i64],
    falling: bool,
) -> Result<Vec<Change>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let order = if falling { sea_orm::Order::Desc } else { sea_orm::Order::Asc };
    let found = sync_change::Entity::find()
        .filter(sync_change::Column::Id.is_in(ids.iter().copied()))
        .order_by(sync_change::Column::Id, order)
        .all(db)
        .await?;
    with_links(db, found).await
}

/// Adds to changes their links, and why they were not written.
pub async fn with_links(
    db: &DatabaseConnection,
    found: Vec<sync_change::Model>,
) -> Result<Vec<Change>, DbErr> {
    let links = links_by_ids(db, found.iter().map(|change| change.link_id)).await?;
    let refused = found.iter().filter(|change| change.state == ChangeState::NotWritten);
    let mut runs: Vec<Uuid> = refused.map(|change| change.run_id).collect();
    runs.sort_unstable();
    runs.dedup();
    let mut refused = HashMap::new();
    for runs in runs.chunks(500) {
        let some = sync_history::Entity::find()
            .filter(sync_history::Column::RunUid.is_in(runs.iter().copied()))
            .all(db)
            .await?;
        refused.extend(some.into_iter().map(|run| (run.run_uid, run)));
    }
    let whole = |change: sync_change::Model| {
        let link = links.get(&change.link_id);
        let run = refused.get(&change.run_id).filter(|_| change.state == ChangeState::NotWritten);
        let reason = link.zip(run).and_then(|(link, run)| items::error_of(run, link));
        Change { link: link.cloned(), reason, change }
    };
    Ok(found.into_iter().map(whole).collect())
}

pub(crate) async fn links_by_ids(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, sync_metadata::Model>, DbErr> {
    let mut ids: Vec<i64> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut links = HashMap::new();
    for ids in ids.chunks(500) {
        let some = sync_metadata::Entity::find()
            .filter(sync_metadata::Column::Id.is_in(ids.iter().copied()))
            .all(db)
            .await?;
        links.extend(some.into_iter().map(|link| (link.id, link)));
    }
    Ok(links)
}
