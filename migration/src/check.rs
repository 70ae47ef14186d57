//! Is the schema older or newer than this binary knows? None of these writes to the database.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::Query;
use sea_orm_migration::prelude::*;

use crate::{MIGRATION_TABLE, Migrator};

/// A migration this binary knows, and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The migration's name, which sorts by age.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
    /// Since when, to the second.
    pub applied_at: Option<DateTime<Utc>>,
}

/// Every migration this binary knows, oldest first.
pub async fn status<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<Vec<MigrationStatus>, DbErr> {
    let mut applied = applied(db).await?;
    let status = known().map(|name| {
        let applied_at = applied.remove(&name);
        MigrationStatus { applied: applied_at.is_some(), applied_at, name }
    });
    Ok(status.collect())
}

/// The migrations that the database lacks, oldest first.
pub async fn pending<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<Vec<String>, DbErr> {
    let applied = applied(db).await?;
    Ok(known().filter(|name| !applied.contains_key(name)).collect())
}

/// The migrations that the database has and this binary does not know: a newer one was here.
pub async fn unknown<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<Vec<String>, DbErr> {
    let mut applied = applied(db).await?;
    for name in known() {
        applied.remove(&name);
    }
    Ok(applied.into_keys().collect())
}

/// How a database's schema differs from what this binary knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What [`pending`] answers.
    pub pending: Vec<String>,
    /// What [`unknown`] answers.
    pub unknown: Vec<String>,
}

/// Both directions at once, for half the statements.
pub async fn compare<'c>(db: impl IntoSchemaManagerConnection<'c>) -> Result<Difference, DbErr> {
    let mut applied = applied(db).await?;
    let pending = known().filter(|name| applied.remove(name).is_none()).collect();
    Ok(Difference { pending, unknown: applied.into_keys().collect() })
}

fn known() -> impl Iterator<Item = String> {
    Migrator::migrations().into_iter().map(|migration| migration.name().to_owned())
}

/// What the database has, by name. A database without the table has nothing.
async fn applied<'c>(
    db: impl IntoSchemaManagerConnection<'c>,
) -> Result<BTreeMap<String, DateTime<Utc>>, DbErr> {
    let manager = SchemaManager::new(db);
    if !manager.has_table(MIGRATION_TABLE).await? {
        return Ok(BTreeMap::new());
    }
    let rows = Query::select().columns(["version", "applied_at"]).from(MIGRATION_TABLE).to_owned();
    let rows = manager.get_connection().query_all(&rows).await?;
    rows.iter()
        .map(|row| {
            let seconds: i64 = row.try_get("", "applied_at")?;
            Ok((row.try_get("", "version")?, DateTime::from_timestamp(seconds, 0).unwrap_or_default()))
        })
        .collect()
}
