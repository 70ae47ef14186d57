//! Stored syncs: lists, shows, changes and deletes them. Documents of programs come as JSON; [`documents`]
//! checks them, and [`store`](crate::store) alone stores them.

mod change;
mod revisions;

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::Value;
use syncline_engine::spec::{Finding, SyncSpec};
use syncline_entity::{project, sync_config};

pub use self::{
    change::{Changed, apply, create, delete, patch},
    revisions::{diff, restore, revision, revisions},
};
use crate::{
    Caller, Error, Origin, Unknown, documents,
    filter::entries::{Entries, Read},
    passwords,
    syncs::StoredSync,
};

/// The keys of the filter of syncs.
pub const KEYS: [&str; 9] =
    ["name", "project", "platform", "source", "target", "entity_type", "direction", "enabled", "managed_by"];

/// Selects stored syncs.
#[derive(Debug, Clone, Default)]
pub struct ConfigsQuery {
    /// Of the project with this key.
    pub project: Option<String>,
    /// With this platform on either side.
    pub platform: Option<String>,
    pub entity_type: Option<String>,
    pub enabled: Option<bool>,
    /// A filter with the keys [`KEYS`].
    pub filter: Option<String>,
    /// Only syncs with larger ids.
    pub after: Option<i64>,
    pub limit: u64,
}

/// The stored syncs that a caller sees, in order of their ids.
pub async fn list(
    db: &DatabaseConnection,
    caller: &Caller,
    asked: &ConfigsQuery,
) -> Result<Vec<StoredSync>, Error> {
    use sync_config::Column;
    let filter = Entries::parse(asked.filter.as_deref().unwrap_or_default(), &KEYS, &[])?;
    let projects = projects(db, caller, asked.project.as_deref()).await?;
    let mut query = sync_config::Entity::find()
        .filter(Column::DeletedAt.is_null())
        .filter(Column::ProjectId.is_in(projects.keys().copied()))
        .order_by_asc(Column::Id);
    if let Some(platform) = &asked.platform {
        let either = Condition::any()
            .add(Column::SourcePlatform.eq(platform))
            .add(Column::TargetPlatform.eq(platform));
        query = query.filter(either);
    }
    if let Some(entity_type) = &asked.entity_type {
        query = query.filter(Column::EntityType.eq(entity_type));
    }
    if let Some(enabled) = asked.enabled {
        query = query.filter(Column::Enabled.eq(enabled));
    }
    if let Some(after) = asked.after {
        query = query.filter(Column::Id.gt(after));
    }
    if asked.filter.is_none() {
        query = query.limit(asked.limit);
    }
    let stored = |row: sync_config::Model| {
        let project = projects.get(&row.project_id).cloned().unwrap_or_default();
        StoredSync { project, row }
    };
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    let rows = query.all(db).await?.into_iter().map(stored);
    Ok(rows.filter(|sync| filter.hold(|key| read(sync, key))).take(limit).collect())
}

fn read(sync: &StoredSync, key: &str) -> Read {
    let StoredSync { project, row } = sync;
    match key {
        "name" => Read::text(&row.name),
        "project" => Read::text(project),
        "platform" => Read::Texts(vec![row.source_platform.clone(), row.target_platform.clone()]),
        "source" => Read::text(&row.source_platform),
        "target" => Read::text(&row.target_platform),
        "entity_type" => Read::text(&row.entity_type),
        "direction" => Read::text(row.direction.as_str()),
        "enabled" => Read::text(if row.enabled { "true" } else { "false" }),
        "managed_by" => Read::text(row.managed_by.as_str()),
        _ => Read::Nothing,
    }
}

/// The projects that a caller sees, by id; of these the one with a key, if one is given.
pub(crate) async fn projects(
    db: &DatabaseConnection,
    caller: &Caller,
    key: Option<&str>,
) -> Result<HashMap<i64, String>, Error> {
    let all = project::Entity::find().all(db).await?;
    let seen = all.into_iter().filter(|row| caller.sees(row.id) && key.is_none_or(|key| row.key == key));
    let seen: HashMap<i64, String> = seen.map(|row| (row.id, row.key)).collect();
    match key {
        Some(key) if seen.is_empty() => {
            Err(Error::unknown(Unknown::Project, format!("there is no project {key:?}")))
        }
        _ => Ok(seen),
    }
}

/// The id of the project with this key, if the caller sees it.
pub async fn project(db: &DatabaseConnection, caller: &Caller, key: &str) -> Result<i64, Error> {
    let found = projects(db, caller, Some(key)).await?.into_keys().next();
    found.ok_or_else(|| Error::unknown(Unknown::Project, format!("there is no project {key:?}")))
}

/// The stored sync with this id, if the caller sees it.
pub async fn get(db: &DatabaseConnection, caller: &Caller, id: i64) -> Result<StoredSync, Error> {
    let sync = crate::syncs::by_id(db, id).await?;
    sync.filter(|sync| sync.deleted_at.is_none() && caller.sees(sync.project_id)).ok_or_else(|| unknown(id))
}

/// The stored sync with this id, or with this name in a project, by default the caller's own, else `default`. Digits alone
/// are an id.
pub async fn find_seen(
    db: &DatabaseConnection,
    caller: &Caller,
    project: Option<&str>,
    which: &str,
) -> Result<StoredSync, Error> {
    let digits = !which.is_empty() && which.bytes().all(|byte| byte.is_ascii_digit());
    let Some(id) = which.parse().ok().filter(|_| digits) else {
        return crate::syncs::find_seen(db, caller, project, which).await;
    };
    let sync = get(db, caller, id).await?;
    match project {
        Some(key) if key != sync.project => Err(Error::unknown(
            Unknown::Sync,
            format!("there is no sync with the id {id} in the project {key:?}"),
        )),
        _ => Ok(sync),
    }
}

pub(crate) fn unknown(id: i64) -> Error {
    Error::unknown(
        Unknown::Sync,
        format!("there is no sync with the id {id}; list them to see which there are"),
    )
}

/// Which of these syncs do not begin runs because of a pause.
pub async fn paused(db: &DatabaseConnection, syncs: &[StoredSync]) -> Result<HashSet<i64>, DbErr> {
    syncline_runs::pause::paused_of(db, syncs.iter().map(|sync| sync.id)).await
}

/// The document of a sync, without passwords.
pub fn document(sync: &sync_config::Model) -> Value {
    passwords::hidden(sync.config_json.clone())
}

/// Checks a document without storing it. Returns the sync and the warnings.
pub async fn validate(
    db: &DatabaseConnection,
    caller: &Caller,
    document: &Value,
    origin: Origin<'_>,
) -> Result<(SyncSpec, Vec<Finding>), Error> {
    let document = in_project(db, caller, document).await?;
    documents::read(&document, None, origin).map_err(|findings| of_document(&document, findings))
}

/// Checks the stored document of a sync, as if it came from there.
pub async fn validate_stored(
    db: &DatabaseConnection,
    caller: &Caller,
    id: i64,
    origin: Origin<'_>,
) -> Result<Vec<Finding>, Error> {
    let sync = get(db, caller, id).await?;
    Ok(match documents::read(&sync.config_json, None, origin) {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    })
}

/// A document with its project: the caller's own, if it names none.
async fn in_project(db: &DatabaseConnection, caller: &Caller, document: &Value) -> Result<Value, Error> {
    let mut document = document.clone();
    if let (Some(own), Some(map)) = (caller.project, document.as_object_mut())
        && map.get("project").is_none_or(Value::is_null)
        && let Some(own) = project::Entity::find_by_id(own).one(db).await?
    {
        map.insert("project".to_owned(), own.key.into());
    }
    Ok(document)
}

fn of_document(document: &Value, findings: Vec<Finding>) -> Error {
    let name = document.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    Error::Document { name, findings }
}
