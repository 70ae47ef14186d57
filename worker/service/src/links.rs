//! Links: which item of one side is which of the other, how each stands, and what was changed in it.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, Value};
use syncline_entity::{sync_metadata, types::SyncStatus};
use syncline_sql::marks;

use crate::{
    Caller, Error, Unknown,
    filter::rows::{Column, Condition, Form, condition},
    history::{Change, Page, changes_by_ids, named},
    scan::{Ids, Scan, Start},
    syncs::{self, NamedSync},
};

/// The keys of the filter of links.
pub const COLUMNS: [Column; 10] = [
    Column { key: "sync", sql: "sync_config_id", form: Form::Scoped },
    Column { key: "project", sql: "sync_config_id", form: Form::Scoped },
    Column { key: "entity_type", sql: "entity_type", form: Form::Exact },
    Column { key: "status", sql: "sync_status", form: Form::Exact },
    Column { key: "state", sql: "link_state", form: Form::Exact },
    Column { key: "item", sql: "entity_id, external_id, source_key, target_key", form: Form::AnyOf },
    Column { key: "error", sql: "last_error", form: Form::Long },
    Column { key: "errors", sql: "error_count", form: Form::Number },
    Column { key: "age", sql: "updated_at", form: Form::Time },
    Column { key: "since", sql: "updated_at", form: Form::Time },
];

const READ: [&str; 11] = [
    "sync_config_id",
    "entity_type",
    "sync_status",
    "link_state",
    "entity_id",
    "external_id",
    "source_key",
    "target_key",
    "last_error",
    "error_count",
    "updated_at",
];

/// Each status of a link.
const STATUSES: [&str; 6] = [
    "sync_status = 'pending'",
    "sync_status = 'in_progress'",
    "sync_status = 'completed'",
    "sync_status = 'failed'",
    "sync_status = 'skipped'",
    "sync_status = 'conflict'",
];

/// Texts in which a word is looked for.
const WORDS: [&str; 5] = ["entity_id", "external_id", "source_key", "target_key", "last_error"];

/// Selects links.
#[derive(Debug, Clone)]
pub struct LinksQuery {
    /// Of the sync with this id.
    pub sync: Option<i64>,
    pub entity_type: Option<String>,
    pub status: Option<SyncStatus>,
    /// With this id on the source.
    pub entity_id: Option<String>,
    /// With this id on the target.
    pub external_id: Option<String>,
    /// A filter with the keys of [`COLUMNS`].
    pub filter: Option<String>,
    pub start: Start,
    pub limit: u64,
}

impl LinksQuery {
    /// The oldest links.
    pub fn first(limit: u64) -> LinksQuery {
        LinksQuery {
            sync: None,
            entity_type: None,
            status: None,
            entity_id: None,
            external_id: None,
            filter: None,
            start: Start::First,
            limit,
        }
    }
}

/// The links that a caller sees, in order of their ids. Of deleted syncs there are none.
pub async fn list(
    db: &DatabaseConnection,
    caller: &Caller,
    asked: &LinksQuery,
) -> Result<Page<sync_metadata::Model>, Error> {
    let known = syncs::all(db).await?;
    let ids = |key: &str, name: &str| match key {
        "project" => known.values().filter(|sync| sync.project == name).map(|sync| sync.id).collect(),
        _ => named(&known, key, name),
    };
    let mut also = condition(asked.filter.as_deref().unwrap_or_default(), &COLUMNS, &WORDS, &ids)?;
    let mut narrow = Condition::default();
    match asked.sync {
        Some(sync) => narrow.and(Condition::of("sync_config_id = ?", [sync.into()])),
        None => also.and(of_seen(caller, "sync_config_id")),
    }
    for (column, value) in [("entity_id", &asked.entity_id), ("external_id", &asked.external_id)] {
        if let Some(value) = value {
            narrow.and(by_id(caller, &known, asked.sync, column, value));
        }
    }
    if let Some(entity_type) = &asked.entity_type {
        also.and(Condition::of("(entity_type = ?)", [entity_type.as_str().into()]));
    }
    if let Some(status) = asked.status {
        let condition = Condition::of("(sync_status = ?)", [status.as_str().into()]);
        if asked.sync.is_some() { narrow.and(condition) } else { also.and(condition) }
    }
    // Ids of one sync may lie anywhere in the table; the index of its links has the status before the id.
    let by_status = asked.sync.is_some()
        && asked.status.is_none()
        && asked.entity_id.is_none()
        && asked.external_id.is_none();
    let scan = Scan {
        from: "sync_metadata",
        columns: &READ,
        join: None,
        falling: false,
        narrow,
        branches: if by_status { &STATUSES } else { &[] },
        also,
        start: asked.start,
        limit: asked.limit,
    };
    let Ids { ids, next } = scan.ids(db).await?;
    let rows = sync_metadata::Entity::find()
        .filter(sync_metadata::Column::Id.is_in(ids))
        .order_by_asc(sync_metadata::Column::Id)
        .all(db)
        .await?;
    Ok(Page { rows, next })
}

/// The links with an id, through the unique indexes, which begin with the sync and the kind of item.
fn by_id(
    caller: &Caller,
    known: &HashMap<i64, NamedSync>,
    sync: Option<i64>,
    column: &str,
    value: &str,
) -> Condition {
    let seen = |found: &&NamedSync| {
        sync.is_none_or(|sync| sync == found.id)
            && found.deleted_at.is_none()
            && caller.sees(found.project_id)
    };
    let seen: Vec<&NamedSync> = known.values().filter(seen).collect();
    let kinds: BTreeSet<&str> = seen.iter().map(|sync| sync.entity_type.as_str()).collect();
    if seen.is_empty() {
        return Condition::of("1 = 0", []);
    }
    let sql = format!(
        "sync_config_id IN ({}) AND entity_type IN ({}) AND {column} = ?",
        marks(seen.len()),
        marks(kinds.len())
    );
    let values = seen.iter().map(|sync| sync.id.into()).chain(kinds.into_iter().map(Value::from));
    Condition::of(sql, values.chain([value.into()]))
}

/// The syncs that a caller sees.
pub(crate) fn of_seen(caller: &Caller, column: &str) -> Condition {
    match caller.project {
        Some(project) => Condition::of(
            format!(
                "({column} IN (SELECT s.id FROM sync_configs s WHERE s.project_id = ? AND s.deleted_at IS NULL))"
            ),
            [project.into()],
        ),
        None => Condition::of(
            format!("({column} NOT IN (SELECT s.id FROM sync_configs s WHERE s.deleted_at IS NOT NULL))"),
            [],
        ),
    }
}

/// The link with this id, if the caller sees its sync.
pub async fn get(db: &DatabaseConnection, caller: &Caller, id: i64) -> Result<sync_metadata::Model, Error> {
    let unknown = || Error::unknown(Unknown::Link, format!("there is no link with the id {id}"));
    let link = sync_metadata::Entity::find_by_id(id).one(db).await?.ok_or_else(unknown)?;
    let sync = syncs::by_id(db, link.sync_config_id).await?;
    match sync.filter(|sync| sync.deleted_at.is_none() && caller.sees(sync.project_id)) {
        Some(_) => Ok(link),
        None => Err(unknown()),
    }
}

/// The changes of a link, the latest first.
pub async fn history(
    db: &DatabaseConnection,
    caller: &Caller,
    id: i64,
    start: Start,
    limit: u64,
) -> Result<Page<Change>, Error> {
    let link = get(db, caller, id).await?;
    let scan = Scan {
        from: "sync_changes",
        columns: &[],
        join: None,
        falling: true,
        narrow: Condition::of("link_id = ?", [link.id.into()]),
        branches: &[],
        also: Condition::default(),
        start,
        limit,
    };
    let Ids { ids, next } = scan.ids(db).await?;
    Ok(Page { rows: changes_by_ids(db, &ids, true).await?, next })
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn each_status_has_its_branch() {
        let all: Vec<String> = SyncStatus::iter().map(|status| format!("sync_status = '{status}'")).collect();
        assert_eq!(all, STATUSES);
    }
}
