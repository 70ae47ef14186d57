//! Lists and creates projects.

use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder,
};
use serde_json::{Value, json};
use syncline_entity::{account, project, sync_config};
use syncline_sql::begin;

use crate::{
    Caller, Error, Refusal,
    accounts::check_name,
    audit::{self, Entry},
};

/// The longest name of a project, in characters.
const LONGEST_NAME: usize = 100;

/// A project and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownProject {
    pub row: project::Model,
    /// Syncs that are not deleted.
    pub syncs: u64,
    pub accounts: u64,
}

/// The projects that a caller sees, by key.
pub async fn list(db: &impl ConnectionTrait, caller: &Caller) -> Result<Vec<KnownProject>, DbErr> {
    let mut query = project::Entity::find().order_by_asc(project::Column::Key);
    if let Some(own) = caller.project {
        query = query.filter(project::Column::Id.eq(own));
    }
    let mut known = Vec::new();
    for row in query.all(db).await? {
        let syncs = sync_config::Entity::find()
            .filter(sync_config::Column::ProjectId.eq(row.id))
            .filter(sync_config::Column::DeletedAt.is_null())
            .count(db)
            .await?;
        let accounts =
            account::Entity::find().filter(account::Column::ProjectId.eq(row.id)).count(db).await?;
        known.push(KnownProject { row, syncs, accounts });
    }
    Ok(known)
}

/// Creates a project. Applying a document of a new project creates it, too; this gives it a name, and lets accounts and
/// tokens come first.
pub async fn create(
    db: &DatabaseConnection,
    caller: &Caller,
    key: &str,
    name: Option<&str>,
) -> Result<KnownProject, Error> {
    check_name("key", key)?;
    let name = name.map_or(key, str::trim);
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let text = format!("name: {name:?} must have 1 to {LONGEST_NAME} characters, without line breaks");
        return Err(Error::Invalid(text));
    }
    if caller.project.is_some() {
        let text = "key: a token of one project makes no other projects; use one of all projects";
        return Err(Error::Invalid(text.to_owned()));
    }
    let tx = begin(db).await?;
    if project::by_key(&tx, key).await?.is_some() {
        let text = format!("key: there is a project {key:?} already");
        return Err(Error::refused(Refusal::ProjectExists, text));
    }
    let row =
        project::ActiveModel { key: Set(key.to_owned()), name: Set(name.to_owned()), ..Default::default() };
    let row = row.insert(&tx).await?;
    let entry = Entry {
        action: "project.create",
        kind: "project",
        id: Some(row.id.to_string()),
        project: Some(row.id),
        before: Value::Null,
        after: json!({ "key": row.key, "name": row.name }),
    };
    audit::record(&tx, caller, entry).await?;
    tx.commit().await?;
    Ok(KnownProject { row, syncs: 0, accounts: 0 })
}
