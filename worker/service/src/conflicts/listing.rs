//! Lists conflicts, and groups the open ones.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use syncline_entity::{sync_conflict, sync_metadata};
use syncline_sql::statement;

use crate::{
    Caller, Error, Unknown,
    filter::rows::{Column, Condition, Form, condition},
    history::{Page, links_by_ids, named},
    links::of_seen,
    scan::{Ids, Join, Scan, Start},
    syncs::{self, NamedSync},
};

/// The keys of the filter of conflicts.
pub const COLUMNS: [Column; 11] = [
    Column { key: "sync", sql: "w.sync_config_id", form: Form::Scoped },
    Column { key: "project", sql: "w.sync_config_id", form: Form::Scoped },
    Column { key: "field", sql: "w.field", form: Form::Exact },
    Column { key: "kind", sql: "w.conflict_type", form: Form::Exact },
    Column { key: "entity_type", sql: "w.entity_type", form: Form::Exact },
    Column { key: "item", sql: "w.entity_id, w.external_id, w.source_key, w.target_key", form: Form::AnyOf },
    Column { key: "resolution", sql: "w.resolution", form: Form::Exact },
    Column { key: "by", sql: "w.resolved_by", form: Form::Exact },
    Column { key: "seen", sql: "w.occurrences", form: Form::Number },
    Column { key: "age", sql: "w.created_at", form: Form::Time },
    Column { key: "since", sql: "w.created_at", form: Form::Time },
];

const READ: [&str; 9] = [
    "link_id",
    "run_id",
    "field",
    "conflict_type",
    "resolution",
    "choice",
    "resolved_by",
    "occurrences",
    "created_at",
];

/// Texts in which a word is looked for; the values are not among them.
const WORDS: [&str; 6] =
    ["w.field", "w.conflict_type", "w.entity_id", "w.external_id", "w.source_key", "w.target_key"];

/// The link of each conflict.
const JOIN: Join<'_> = Join {
    sql: "JOIN sync_metadata m ON m.id = w.link_id",
    columns: "m.sync_config_id, m.entity_type, m.entity_id, m.external_id, m.source_key, m.target_key",
};

/// Selects conflicts.
#[derive(Debug, Clone)]
pub struct ConflictsQuery {
    /// Of the sync with this id.
    pub sync: Option<i64>,
    /// Only resolved ones, or only open ones.
    pub resolved: Option<bool>,
    /// A filter with the keys of [`COLUMNS`].
    pub filter: Option<String>,
    pub start: Start,
    pub limit: u64,
}

/// A conflict with its link and its sync.
#[derive(Debug, Clone)]
pub struct FoundConflict {
    pub conflict: sync_conflict::Model,
    pub link: sync_metadata::Model,
    pub sync: NamedSync,
}

/// The conflicts that a caller sees, the latest first.
pub async fn list(
    db: &DatabaseConnection,
    caller: &Caller,
    asked: &ConflictsQuery,
) -> Result<Page<FoundConflict>, Error> {
    let known = syncs::all(db).await?;
    let Ids { ids, next } = ids(db, caller, asked, &known).await?;
    let rows = sync_conflict::Entity::find()
        .filter(sync_conflict::Column::Id.is_in(ids))
        .order_by_desc(sync_conflict::Column::Id)
        .all(db)
        .await?;
    let links = links_by_ids(db, rows.iter().map(|row| row.link_id)).await?;
    let found = |conflict: sync_conflict::Model| {
        let link = links.get(&conflict.link_id)?.clone();
        let sync = known.get(&link.sync_config_id)?.clone();
        Some(FoundConflict { conflict, link, sync })
    };
    Ok(Page { rows: rows.into_iter().filter_map(found).collect(), next })
}

/// The ids of all open conflicts that a filter selects, the oldest first.
pub async fn open_ids(
    db: &DatabaseConnection,
    caller: &Caller,
    sync: Option<i64>,
    filter: Option<String>,
) -> Result<Vec<i64>, Error> {
    let known = syncs::all(db).await?;
    let mut asked = ConflictsQuery { sync, resolved: Some(false), filter, start: Start::First, limit: 1_000 };
    let mut all = Vec::new();
    loop {
        let Ids { ids, next } = ids(db, caller, &asked, &known).await?;
        all.extend(ids);
        match next {
            Some(next) => asked.start = Start::After(next),
            None => break,
        }
    }
    all.reverse();
    Ok(all)
}

/// Returns a page of the open conflicts of a query that have no decision and have not changed since this time: the last run
/// that met each of them had ended by then.
pub(crate) async fn undecided_ids(
    db: &impl ConnectionTrait,
    project: Option<i64>,
    asked: &ConflictsQuery,
    known: &HashMap<i64, NamedSync>,
    at: DateTime<Utc>,
) -> Result<Ids, Error> {
    let unchanged = Condition::of(
        "(w.created_at <= ? AND w.resolution IS NULL AND w.choice IS NULL AND NOT EXISTS (SELECT 1 FROM sync_history h \
         WHERE h.run_uid = w.run_id AND (h.completed_at IS NULL OR h.completed_at > ?)))",
        [at.into(), at.into()],
    );
    let caller = Caller { project, ..Caller::person("an operation") };
    matching(db, &caller, asked, known, unchanged).await
}

async fn ids(
    db: &DatabaseConnection,
    caller: &Caller,
    asked: &ConflictsQuery,
    known: &HashMap<i64, NamedSync>,
) -> Result<Ids, Error> {
    matching(db, caller, asked, known, Condition::default()).await
}

/// Returns the ids of a query to which another condition is added.
async fn matching(
    db: &impl ConnectionTrait,
    caller: &Caller,
    asked: &ConflictsQuery,
    known: &HashMap<i64, NamedSync>,
    holds: Condition,
) -> Result<Ids, Error> {
    let of = |key: &str, name: &str| match key {
        "project" => known.values().filter(|sync| sync.project == name).map(|sync| sync.id).collect(),
        _ => named(known, key, name),
    };
    let mut also = condition(asked.filter.as_deref().unwrap_or_default(), &COLUMNS, &WORDS, &of)?;
    also.and(of_seen(caller, "w.sync_config_id"));
    also.and(holds);
    if let Some(sync) = asked.sync {
        also.and(Condition::of("(w.sync_config_id = ?)", [sync.into()]));
    }
    // Literals, as in the partial index.
    let narrow = match asked.resolved {
        Some(false) => Condition::of("resolved = false", []),
        Some(true) => Condition::of("resolved = true", []),
        None => Condition::default(),
    };
    let scan = Scan {
        from: "sync_conflicts",
        columns: &READ,
        join: Some(JOIN),
        falling: true,
        narrow,
        branches: &[],
        also,
        start: asked.start,
        limit: asked.limit,
    };
    Ok(scan.ids(db).await?)
}

/// The conflict with this id, if the caller sees its sync.
pub async fn get(db: &DatabaseConnection, caller: &Caller, id: i64) -> Result<FoundConflict, Error> {
    get_in(db, caller, id).await
}

/// The same, also within a transaction.
pub(crate) async fn get_in(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: i64,
) -> Result<FoundConflict, Error> {
    let unknown =
        || Error::unknown(Unknown::Conflict, format!("there is no conflict {id}; see `syncline conflicts`"));
    let found =
        sync_conflict::Entity::find_by_id(id).find_also_related(sync_metadata::Entity).one(db).await?;
    let Some((conflict, Some(link))) = found else { return Err(unknown()) };
    let sync = syncs::by_id(db, link.sync_config_id).await?;
    let sync = sync.filter(|sync| caller.sees(sync.project_id)).ok_or_else(unknown)?;
    Ok(FoundConflict { conflict, link, sync: sync.named() })
}

/// Counts open conflicts, up to a number.
pub async fn count_open(db: &DatabaseConnection, most: u64) -> Result<u64, Error> {
    let sql = "SELECT CAST(COUNT(*) AS bigint) AS number FROM (SELECT 1 AS one FROM sync_conflicts WHERE resolved = false \
               LIMIT ? + 0) open_ones";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let row = db.query_one_raw(statement(db.get_database_backend(), sql, vec![most.into()])).await?;
    let number: i64 = row.map(|row| row.try_get("", "number")).transpose()?.unwrap_or(0);
    Ok(u64::try_from(number).unwrap_or(0))
}

/// Open conflicts of one sync, field and kind.
#[derive(Debug, Clone)]
pub struct ConflictGroup {
    pub sync: NamedSync,
    /// None for whole items.
    pub field: Option<String>,
    pub kind: String,
    pub conflicts: i64,
    pub oldest: DateTime<Utc>,
    pub latest: DateTime<Utc>,
}

/// The open conflicts that a caller sees, in groups; the largest group first.
pub async fn groups(
    db: &DatabaseConnection,
    caller: &Caller,
    sync: Option<i64>,
) -> Result<Vec<ConflictGroup>, Error> {
    let mut condition = of_seen(caller, "m.sync_config_id");
    if let Some(sync) = sync {
        condition.and(Condition::of("(m.sync_config_id = ?)", [sync.into()]));
    }
    let sql = format!(
        "SELECT m.sync_config_id, c.field, c.conflict_type, CAST(COUNT(*) AS bigint) AS number, \
         MIN(c.created_at) AS oldest, MAX(c.created_at) AS latest \
         FROM sync_conflicts c JOIN sync_metadata m ON m.id = c.link_id WHERE c.resolved = false AND {} \
         GROUP BY m.sync_config_id, c.field, c.conflict_type \
         ORDER BY number DESC, m.sync_config_id, c.field, c.conflict_type LIMIT 1000",
        condition.sql
    );
    let known = syncs::all(db).await?;
    let rows = db.query_all_raw(statement(db.get_database_backend(), &sql, condition.values)).await?;
    let mut groups = Vec::new();
    for row in rows {
        let Some(sync) = known.get(&row.try_get("", "sync_config_id")?) else { continue };
        groups.push(ConflictGroup {
            sync: sync.clone(),
            field: row.try_get("", "field")?,
            kind: row.try_get("", "conflict_type")?,
            conflicts: row.try_get("", "number")?,
            oldest: row.try_get("", "oldest")?,
            latest: row.try_get("", "latest")?,
        });
    }
    Ok(groups)
}
