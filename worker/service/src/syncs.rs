//! Finds stored syncs by name.

use std::{collections::HashMap, fmt, ops::Deref};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, DerivePartialModel, EntityTrait};
use syncline_engine::nearest::{listed, nearest};
use syncline_entity::{project, sync_config};

use super::{Caller, Error, Unknown};

/// A stored sync and the key of its project. Displayed as commands take it: `PROJECT/NAME` outside the default project.
#[derive(Debug, Clone)]
pub struct StoredSync {
    pub project: String,
    pub row: sync_config::Model,
}

impl Deref for StoredSync {
    type Target = sync_config::Model;

    fn deref(&self) -> &sync_config::Model {
        &self.row
    }
}

impl fmt::Display for StoredSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display_name(&self.project, &self.row.name))
    }
}

impl StoredSync {
    /// The sync without its document.
    pub fn named(&self) -> NamedSync {
        NamedSync {
            project: self.project.clone(),
            row: NamedRow {
                id: self.row.id,
                project_id: self.row.project_id,
                name: self.row.name.clone(),
                entity_type: self.row.entity_type.clone(),
                restored_at: self.row.restored_at,
                deleted_at: self.row.deleted_at,
            },
        }
    }
}

/// A sync without its document, for lists of what belongs to syncs. Displayed as [`StoredSync`].
#[derive(Debug, Clone)]
pub struct NamedSync {
    pub project: String,
    pub row: NamedRow,
}

/// The columns of a [`NamedSync`].
#[derive(Debug, Clone, DerivePartialModel)]
#[sea_orm(entity = "sync_config::Entity")]
pub struct NamedRow {
    pub id: i64,
    pub project_id: i64,
    pub name: String,
    pub entity_type: String,
    pub restored_at: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Deref for NamedSync {
    type Target = NamedRow;

    fn deref(&self) -> &NamedRow {
        &self.row
    }
}

impl fmt::Display for NamedSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display_name(&self.project, &self.row.name))
    }
}

/// Finds a sync by name; `PROJECT/NAME` outside the default project.
pub async fn find(db: &DatabaseConnection, name: &str) -> Result<StoredSync, Error> {
    let (key, name) = name.split_once('/').unwrap_or(("default", name));
    find_in(db, key, name).await
}

/// Finds a sync by its name and its project's key.
pub async fn find_in(db: &DatabaseConnection, key: &str, name: &str) -> Result<StoredSync, Error> {
    let project = project::by_key(db, key).await?;
    let what = if project.is_some() { Unknown::Sync } else { Unknown::Project };
    if let Some(project) = project
        && let Some(row) = sync_config::by_name(db, project.id, name).await?
    {
        return Ok(StoredSync { project: project.key, row });
    }
    let wanted = display_name(key, name);
    let all = all(db).await?;
    let living = all.values().filter(|sync| sync.deleted_at.is_none());
    let mut known: Vec<String> = living.map(ToString::to_string).collect();
    known.sort();
    let hint = if known.is_empty() {
        "none is stored yet: `syncline apply -f FILE`".to_owned()
    } else {
        // The same name in another project is a better hint than a similar name.
        let elsewhere = known.iter().find(|known| known.split_once('/').is_some_and(|(_, own)| own == name));
        let near =
            elsewhere.map(String::as_str).or_else(|| nearest(&wanted, known.iter().map(String::as_str)));
        let near = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
        format!("{near}stored are: {}", listed(&known, 10))
    };
    Err(Error::unknown(what, format!("there is no sync {wanted:?}; {hint}")))
}

/// Finds a sync that a caller sees, by its name and its project's key; without a key in the caller's own project. What
/// they do not see is as unknown as what does not exist.
pub async fn find_seen(
    db: &DatabaseConnection,
    caller: &Caller,
    key: Option<&str>,
    name: &str,
) -> Result<StoredSync, Error> {
    let project = match (key, caller.project) {
        (None, Some(own)) => project::Entity::find_by_id(own).one(db).await?,
        (key, _) => project::by_key(db, key.unwrap_or("default")).await?,
    };
    let Some(project) = project.filter(|project| caller.sees(project.id)) else {
        let text = format!("there is no project {:?}", key.unwrap_or("default"));
        return Err(Error::unknown(Unknown::Project, text));
    };
    let Some(row) = sync_config::by_name(db, project.id, name).await? else {
        let text = format!("there is no sync {name:?} in the project {:?}", project.key);
        return Err(Error::unknown(Unknown::Sync, text));
    };
    Ok(StoredSync { project: project.key, row })
}

/// Returns the name for the command line: `PROJECT/NAME` outside the default project.
pub fn display_name(project: &str, name: &str) -> String {
    if project == "default" { name.to_owned() } else { format!("{project}/{name}") }
}

/// Returns all syncs by id, including deleted ones.
pub async fn all(db: &impl ConnectionTrait) -> Result<HashMap<i64, NamedSync>, DbErr> {
    let projects = project::Entity::find().all(db).await?;
    let projects: HashMap<i64, String> = projects.into_iter().map(|row| (row.id, row.key)).collect();
    let named = |row: NamedRow| {
        let project = projects.get(&row.project_id).cloned().unwrap_or_else(|| "default".to_owned());
        (row.id, NamedSync { project, row })
    };
    let rows = sync_config::Entity::find().into_partial_model::<NamedRow>().all(db).await?;
    Ok(rows.into_iter().map(named).collect())
}

pub async fn by_id(db: &impl ConnectionTrait, id: i64) -> Result<Option<StoredSync>, DbErr> {
    let Some(row) = sync_config::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
    let project = project::Entity::find_by_id(row.project_id).one(db).await?;
    let project = project.map_or_else(|| "default".to_owned(), |project| project.key);
    Ok(Some(StoredSync { project, row }))
}
