//! Lists Syncline's own tables. A table that no applied migration made is foreign, whatever its name.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::prelude::*;

use crate::{MIGRATION_TABLE, check, lock::plain, steps::Step};

/// Tables whose migration does not contain their name. Others are made by `create_<table>`.
const MADE_BY: &[(&str, &str)] = &[
    ("sync_states_folded", "m20261120_000600_align_sync_schema"),
    ("sync_link_counts", "m20261122_002200_count_links"),
    ("sync_conflict_counts", "m20261122_002300_count_open_conflicts"),
    ("dead_letter_counts", "m20261130_001200_count_dead_letters"),
];

/// A column and its default value, as SQL.
type Column = (&'static str, Option<&'static str>);

/// Columns that migrations drop in `down` from tables that stay: the migration, the table, the column, and its default
/// value unless that is null. Other values are lost. A new migration that drops columns in `down` lists them here.
///
/// `compatible_from` is not listed: applying the migrations again restores its values.
const DROPPED_BY: &[(&str, &str, &[Column])] = &[
    (
        "m20261120_000600_align_sync_schema",
        "sync_metadata",
        &[
            ("resolution_strategy", None),
            ("sync_duration_ms", None),
            ("api_calls_count", Some("0")),
            ("conflicts", None),
        ],
    ),
    ("m20261122_002100_note_rolled_up_runs", "sync_history", &[("rolled_up", Some("false"))]),
    ("m20261122_004100_hold_deletes_after_a_restore", "sync_configs", &[("restored_at", None)]),
    (
        "m20261125_000100_widen_jobs",
        "jobs",
        &[
            ("concurrency_limit", Some("1")),
            ("unique_rule", Some("'while_waiting'")),
            ("merges", Some("0")),
            ("keep_result_ms", Some("0")),
            ("history", None),
        ],
    ),
    ("m20261125_000400_note_dead_runs", "sync_history", &[("dead_at", None), ("dead_reason", None)]),
    ("m20261125_000500_delay_runs", "sync_history", &[("not_before", None)]),
    ("m20261125_000700_note_run_windows", "schedules", &[("run_window", None)]),
    ("m20261129_000300_note_broken_listings", "sync_cursors", &[("listing", None), ("listed_ids", None)]),
    (
        "m20261125_001000_join_waiting_runs",
        "sync_history",
        &[("waiting_key", None), ("cancel_requested_at", None)],
    ),
    ("m20261130_000200_store_choices", "sync_conflicts", &[("choice", None)]),
    ("m20261130_000300_note_readers", "sync_cursors", &[("reader", None)]),
    ("m20261130_000500_switch_limits_off", "accounts", &[("keeps_limits", Some("true"))]),
    ("m20261130_000600_create_person_identities", "projects", &[("people_revision", Some("0"))]),
    ("m20261130_000800_lease_token_refreshes", "accounts", &[("refresh_until", None)]),
    (
        "m20261130_001200_count_dead_letters",
        "sync_history",
        &[("error_kind", None), ("error_fingerprint", None)],
    ),
    ("m20261130_001220_drain_workers", "workers", &[("draining", Some("false"))]),
    ("m20261130_001400_note_audiences", "sync_configs", &[("source_public", None), ("target_public", None)]),
];

/// Values that migrations replace in `down`, because the version below has no such value: the migration, the table, the
/// column and the value. A new migration that does so lists it here.
const REPLACED_BY: &[(&str, &str, &str, &str)] =
    &[("m20261130_000100_keep_unwritten_changes", "sync_changes", "state", "'not_written'")];

/// A table of Syncline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTable {
    pub name: String,
    pub made_by: String,
    pub rows: i64,
}

/// A column that loses values when a migration is reverted, while its table stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnColumn {
    pub table: String,
    pub name: String,
    /// The migration whose `down` drops it or replaces its values.
    pub dropped_by: String,
    /// The number of rows that lose a value.
    pub values: i64,
}

/// The owners of a database's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// No tables.
    Nothing,
    /// Only tables and views that are not Syncline's, by name.
    Foreign(Vec<String>),
    /// Syncline's schema at some version, possibly beside other tables.
    Schema,
}

/// The table of older installations, which a migration folds in.
const OLDER: &str = "sync_states";

/// Returns the owners of the tables in the schema of unqualified names. Ignores tables of PostgreSQL's extensions.
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
    // Another process may have begun to create the schema since the first look.
    if names.iter().any(|name| name == MIGRATION_TABLE) {
        return Ok(Contents::Schema);
    }
    names.retain(|name| name != OLDER);
    Ok(if names.is_empty() { Contents::Nothing } else { Contents::Foreign(names) })
}

/// Returns the tables that the applied migrations made, in order of creation, with their row counts.
pub async fn own(db: &impl ConnectionTrait) -> Result<Vec<OwnTable>, DbErr> {
    let mut tables = Vec::new();
    for (name, made_by) in made_by(db).await? {
        let row = db.query_one_raw(plain(db, format!("SELECT COUNT(*) AS number FROM {name}"))).await?;
        let rows = row.map_or(Ok(0), |row| row.try_get("", "number"))?;
        tables.push(OwnTable { name, made_by, rows });
    }
    Ok(tables)
}

/// Returns the existing tables that the applied migrations made, oldest first, with the migration.
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

/// Returns the columns that reverting these applied migrations drops from tables that stay, and the number of values in
/// each.
pub async fn columns_going(db: &impl ConnectionTrait, going: &[String]) -> Result<Vec<OwnColumn>, DbErr> {
    let mut columns = Vec::new();
    let goes: Vec<String> = going.iter().flat_map(|step| of_step(step)).collect();
    for step in going {
        for (table, name, usual) in dropped_by(step).filter(|(table, ..)| !goes.iter().any(|t| t == table)) {
            let unusual = usual.map(|usual| format!(" AND {name} <> {usual}")).unwrap_or_default();
            let count = format!("SELECT COUNT(*) AS number FROM {table} WHERE {name} IS NOT NULL{unusual}");
            let row = db.query_one_raw(plain(db, count)).await?;
            let values = row.map_or(Ok(0), |row| row.try_get("", "number"))?;
            let (table, name) = (table.to_owned(), name.to_owned());
            columns.push(OwnColumn { table, name, dropped_by: step.clone(), values });
        }
    }
    Ok(columns)
}

/// Returns the columns of which reverting these applied migrations replaces values, and the number of these values.
pub async fn values_going(db: &impl ConnectionTrait, going: &[String]) -> Result<Vec<OwnColumn>, DbErr> {
    let mut columns = Vec::new();
    let goes: Vec<String> = going.iter().flat_map(|step| of_step(step)).collect();
    let replaced = |(step, table, ..): &&(&str, &str, &str, &str)| {
        going.iter().any(|name| name == step) && !goes.iter().any(|name| name == table)
    };
    for (step, table, name, value) in REPLACED_BY.iter().filter(replaced) {
        let count = format!("SELECT COUNT(*) AS number FROM {table} WHERE {name} = {value}");
        let row = db.query_one_raw(plain(db, count)).await?;
        let values = row.map_or(Ok(0), |row| row.try_get("", "number"))?;
        let (table, name) = ((*table).to_owned(), (*name).to_owned());
        columns.push(OwnColumn { table, name, dropped_by: (*step).to_owned(), values });
    }
    Ok(columns)
}

/// Returns the columns that a migration drops in `down`: table, column, default value.
fn dropped_by(
    step: &str,
) -> impl Iterator<Item = (&'static str, &'static str, Option<&'static str>)> + use<'_> {
    let of_step = DROPPED_BY.iter().filter(move |(name, ..)| *name == step);
    of_step.flat_map(|(_, table, columns)| columns.iter().map(|(column, usual)| (*table, *column, *usual)))
}

/// Returns the tables that a migration makes.
pub fn of_step(name: &str) -> Vec<String> {
    let named = name.split_once("_create_").map(|(_, table)| table.to_owned());
    let others = MADE_BY.iter().filter(|(_, made_by)| *made_by == name).map(|(table, _)| (*table).to_owned());
    named.into_iter().chain(others).collect()
}

/// Creates the table that records applied migrations, as SeaORM would.
pub(crate) async fn make_migration_table(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let table = Table::create()
        .table(MIGRATION_TABLE)
        .col(ColumnDef::new("version").string().not_null().primary_key())
        .col(ColumnDef::new("applied_at").big_integer().not_null())
        .to_owned();
    db.execute(&table).await?;
    Ok(())
}
