//! Which tables are Syncline's own. A table that no applied migration made is somebody else's, whatever its name.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::prelude::*;

use crate::{MIGRATION_TABLE, check, lock::plain, steps::Step};

/// Tables whose migration does not have their name in its own. Others are made by `create_<table>`.
const MADE_BY: &[(&str, &str)] = &[
    ("sync_states_folded", "m20261120_000600_align_sync_schema"),
    ("sync_link_counts", "m20261122_002200_count_links"),
    ("sync_conflict_counts", "m20261122_002300_count_open_conflicts"),
];

/// A table of Syncline's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTable {
    /// Its name.
    pub name: String,
    /// The migration that made it.
    pub made_by: String,
    /// How many rows it has.
    pub rows: i64,
}

/// Whose tables a database has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// None.
    Nothing,
    /// Tables and views that are not Syncline's, by name, and none that is.
    Foreign(Vec<String>),
    /// Syncline's schema at some version; others may be beside it.
    Schema,
}

/// The table of an older installation, which a migration folds in.
const OLDER: &str = "sync_states";

/// Whose tables there are in the schema that unqualified names mean. Tables of PostgreSQL's extensions do not count.
pub async fn contents(db: &impl ConnectionTrait) -> Result<Contents, DbErr> {
    if check::has_table(db, MIGRATION_TABLE).await? {
        return Ok(Contents::Schema);
    }
    let query = match db.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT c.relname::text AS name FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() \
             WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d \
             WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') ORDER BY 1"
        }
        _ => {
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND substr(name, 1, 7) <> 'sqlite_' \
             ORDER BY 1"
        }
    };
    let rows = db.query_all_raw(plain(db, query)).await?;
    let mut names = rows.iter().map(|row| row.try_get("", "name")).collect::<Result<Vec<String>, DbErr>>()?;
    // Another process may have begun to make the schema since the first look.
    if names.iter().any(|name| name == MIGRATION_TABLE) {
        return Ok(Contents::Schema);
    }
    names.retain(|name| name != OLDER);
    Ok(if names.is_empty() { Contents::Nothing } else { Contents::Foreign(names) })
}

/// The tables that the applied migrations made, in the order in which they were made, and how many rows each has.
pub async fn own(db: &impl ConnectionTrait) -> Result<Vec<OwnTable>, DbErr> {
    let mut tables = Vec::new();
    for (name, made_by) in made_by(db).await? {
        let row = db.query_one_raw(plain(db, format!("SELECT COUNT(*) AS number FROM {name}"))).await?;
        let rows = row.map_or(Ok(0), |row| row.try_get("", "number"))?;
        tables.push(OwnTable { name, made_by, rows });
    }
    Ok(tables)
}

/// The tables that the applied migrations made and that are there, oldest first, with the migration.
pub(crate) async fn made_by(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    let applied = check::applied(db).await?;
    let mut tables = Vec::new();
    for step in Step::all().iter().filter(|step| applied.contains_key(step.name())) {
        for table in of_step(step.name()) {
            if check::has_table(db, &table).await? {
                tables.push((table, step.name().to_owned()));
            }
        }
    }
    Ok(tables)
}

/// The tables that a migration makes.
pub fn of_step(name: &str) -> Vec<String> {
    let named = name.split_once("_create_").map(|(_, table)| table.to_owned());
    let others = MADE_BY.iter().filter(|(_, made_by)| *made_by == name).map(|(table, _)| (*table).to_owned());
    named.into_iter().chain(others).collect()
}

/// Makes the table in which applied migrations are noted, as SeaORM would.
pub(crate) async fn make_migration_table(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let table = Table::create()
        .table(MIGRATION_TABLE)
        .col(ColumnDef::new("version").string().not_null().primary_key())
        .col(ColumnDef::new("applied_at").big_integer().not_null())
        .to_owned();
    db.execute(&table).await?;
    Ok(())
}
