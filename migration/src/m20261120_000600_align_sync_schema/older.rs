//! Reads the older table. Its column types differ between installations, text on one and timestamps on another, so
//! everything is read as text and parsed here.
//!
//! It may be large, so it is read twice: first what identifies the rows, then the rows in batches. For that they get
//! numbers, in a temporary copy, because not every table has row ids. The numbers follow from the rows' content and not
//! from their physical order, so that a second fold does the same as the first.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{DbBackend, QueryResult, Statement};
use sea_orm_migration::prelude::*;
use serde_json::{Map, Value};

use super::times::parse_time;
use super::{BATCH, OLDER};

/// The temporary copy, with every column as text.
const NUMBERED: &str = "sync_states_numbered";

/// The value for an `entity_type` that a link cannot have.
const UNKNOWN: &str = "unknown";

/// PostgreSQL indexes keys of up to about 2,700 bytes. Longer types and ids are stored in `legacy` only.
const LONGEST_TYPE: usize = 200;
const LONGEST_ID: usize = 1_000;

const COLUMNS: [&str; 13] = [
    "entity_type",
    "entity_id",
    "jira_id",
    "sync_status",
    "last_sync_local",
    "last_sync_remote",
    "content_hash",
    "conflicts",
    "resolution_strategy",
    "sync_duration_ms",
    "api_calls_count",
    "created_at",
    "updated_at",
];

/// One row of the older table, with the names and values of `sync_metadata`.
pub(super) struct State {
    pub(super) number: i64,
    pub(super) entity_type: String,
    pub(super) entity_id: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) sync_status: &'static str,
    pub(super) last_sync_attempt: Option<DateTime<Utc>>,
    pub(super) last_successful_sync: Option<DateTime<Utc>>,
    pub(super) content_hash: Option<String>,
    pub(super) conflicts: Option<Value>,
    pub(super) resolution_strategy: Option<String>,
    pub(super) sync_duration_ms: Option<i64>,
    pub(super) api_calls_count: i32,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    /// The original row.
    pub(super) row: Value,
}

/// Decides which of two states is newer: the last success, then the last attempt.
pub(super) type Age = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The values that identify a row.
pub(super) struct Key {
    pub(super) number: i64,
    pub(super) entity_type: String,
    pub(super) entity_id: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) age: Age,
}

impl State {
    pub(super) fn age(&self) -> Age {
        (self.last_successful_sync, self.last_sync_attempt)
    }
}

/// True if the older table exists. A table of that name without the older columns is not ours and stays untouched.
pub(super) async fn is_there(manager: &SchemaManager<'_>) -> Result<bool, DbErr> {
    if !manager.has_table(OLDER).await? {
        return Ok(false);
    }
    for column in ["entity_type", "entity_id", "sync_status"] {
        if !manager.has_column(OLDER, column).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Numbers the rows from 1. Locks the older table against writes until the migration ends, because later rows would not
/// be folded in.
pub(super) async fn number(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    let db = manager.get_connection();
    if backend == DbBackend::Postgres {
        db.execute_unprepared(&format!("LOCK TABLE {OLDER} IN ACCESS EXCLUSIVE MODE")).await?;
    }
    let mut texts = Vec::new();
    for column in COLUMNS {
        let there = manager.has_column(OLDER, column).await?;
        let value = if there { as_text(backend, column) } else { "CAST(NULL AS TEXT)".to_owned() };
        texts.push(format!("{value} AS {column}"));
    }
    let (texts, columns) = (texts.join(", "), COLUMNS.join(", "));
    db.execute_unprepared(&format!(
        "CREATE TEMPORARY TABLE {NUMBERED} AS SELECT row_number() OVER (ORDER BY {columns}) AS number, {columns} \
         FROM (SELECT {texts} FROM {OLDER}) AS texts"
    ))
    .await?;
    db.execute_unprepared(&format!("CREATE UNIQUE INDEX {NUMBERED}_number ON {NUMBERED} (number)")).await?;
    if backend == DbBackend::Postgres {
        // PostgreSQL does not analyze temporary tables automatically. Without statistics each batch would read links by
        // their type alone, that is, all of them.
        db.execute_unprepared(&format!("ANALYZE {NUMBERED}; ANALYZE sync_metadata")).await?;
    }
    Ok(())
}

pub(super) async fn forget(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager.get_connection().execute_unprepared(&format!("DROP TABLE {NUMBERED}")).await?;
    Ok(())
}

/// SQLite may store bytes in any column, and they need not be text.
fn as_text(backend: DbBackend, column: &str) -> String {
    match backend {
        DbBackend::Sqlite => {
            format!(
                "CASE typeof({column}) WHEN 'blob' THEN lower(hex({column})) ELSE CAST({column} AS TEXT) END"
            )
        }
        _ => format!("CAST({column} AS TEXT)"),
    }
}

/// Returns the keys of the rows after a number; empty if there are no more.
pub(super) async fn keys(manager: &SchemaManager<'_>, after: i64) -> Result<Vec<Key>, DbErr> {
    let columns =
        &["entity_type", "entity_id", "jira_id", "sync_status", "last_sync_local", "last_sync_remote"];
    let last = after + BATCH as i64 * 10;
    let rows = select(manager, columns, &format!("number > {after} AND number <= {last}")).await?;
    rows.into_iter()
        .map(|(number, row)| {
            let (_, attempt, success) = last_sync(&row);
            let text = |column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
            Ok(Key {
                number,
                entity_type: entity_type(&row),
                entity_id: text("entity_id"),
                external_id: text("jira_id"),
                age: (success, attempt),
            })
        })
        .collect()
}

/// Returns the rows with these numbers.
pub(super) async fn states(
    manager: &SchemaManager<'_>,
    numbers: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, State>, DbErr> {
    let backend = manager.get_database_backend();
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    let rows = select(manager, &COLUMNS, &format!("number IN ({})", numbers.join(", "))).await?;
    Ok(rows.into_iter().map(|(number, row)| (number, state(backend, number, row))).collect())
}

async fn select(
    manager: &SchemaManager<'_>,
    columns: &[&str],
    which: &str,
) -> Result<Vec<(i64, Map<String, Value>)>, DbErr> {
    let backend = manager.get_database_backend();
    // SQLite's text need not be UTF-8.
    let value = |column: &&str| match backend {
        DbBackend::Sqlite => format!("CAST({column} AS BLOB) AS {column}"),
        _ => (*column).to_owned(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let query = format!("SELECT number, {} FROM {NUMBERED} WHERE {which}", values.join(", "));
    let rows = manager.get_connection().query_all_raw(Statement::from_string(backend, query)).await?;
    rows.iter()
        .map(|row| {
            let mut texts = Map::new();
            for &column in columns {
                let text = text(backend, row, column)?;
                texts.insert(column.to_owned(), text.map_or(Value::Null, Value::String));
            }
            Ok((row.try_get("", "number")?, texts))
        })
        .collect()
}

fn text(backend: DbBackend, row: &QueryResult, column: &str) -> Result<Option<String>, DbErr> {
    if backend != DbBackend::Sqlite {
        return row.try_get("", column);
    }
    let bytes: Option<Vec<u8>> = row.try_get("", column)?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(bytes.map(|bytes| String::from_utf8(bytes).unwrap_or_else(|error| hex(error.as_bytes()))))
}

fn state(backend: DbBackend, number: i64, row: Map<String, Value>) -> State {
    let text = |column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
    let time = |column: &str| text(column).as_deref().and_then(parse_time);
    let count = |column: &str| text(column).and_then(|number| number.parse::<i64>().ok());

    let (sync_status, attempt, success) = last_sync(&row);
    // A second fold has to compute the same time, so the default is not the present time.
    let made = [time("created_at"), time("updated_at"), attempt].into_iter().flatten().next();
    let made = made.unwrap_or(DateTime::UNIX_EPOCH);
    State {
        number,
        entity_type: entity_type(&row),
        entity_id: text("entity_id"),
        external_id: text("jira_id").filter(|id| id.len() <= LONGEST_ID),
        sync_status,
        last_sync_attempt: attempt,
        last_successful_sync: success,
        content_hash: text("content_hash"),
        conflicts: text("conflicts").map(|text| conflicts(backend, text)),
        resolution_strategy: text("resolution_strategy"),
        sync_duration_ms: count("sync_duration_ms"),
        api_calls_count: count("api_calls_count").and_then(|count| count.try_into().ok()).unwrap_or(0),
        created_at: made,
        updated_at: time("updated_at").unwrap_or(made),
        row: Value::Object(row),
    }
}

fn entity_type(row: &Map<String, Value>) -> String {
    let known = row.get("entity_type").and_then(Value::as_str).filter(|name| name.len() <= LONGEST_TYPE);
    known.unwrap_or(UNKNOWN).to_owned()
}

/// Returns the status, the last attempt, and the last success.
fn last_sync(row: &Map<String, Value>) -> (&'static str, Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let text = |column: &str| row.get(column).and_then(Value::as_str);
    let time = |column: &str| text(column).and_then(parse_time);
    let status = status(text("sync_status"));
    let attempt = Ord::max(time("last_sync_local"), time("last_sync_remote"));
    (status, attempt, attempt.filter(|_| status == "completed"))
}

/// Text that is no JSON stays text, and so does what JSONB refuses: the escaped null character.
fn conflicts(backend: DbBackend, text: String) -> Value {
    match serde_json::from_str(&text) {
        Ok(value) if backend != DbBackend::Postgres || !text.contains("\\u0000") => value,
        _ => Value::String(text),
    }
}

/// Returns the status under its present name. A sync that was in progress then has ended, so it is due again.
fn status(older: Option<&str>) -> &'static str {
    match older.map(str::to_lowercase).as_deref() {
        Some("completed" | "synced") => "completed",
        Some("failed" | "error") => "failed",
        Some("skipped") => "skipped",
        Some("conflict") => "conflict",
        _ => "pending",
    }
}

impl State {
    /// Returns the id of the link for this row, if the row has an id that a link can have. Ids with the prefix are left
    /// to [`unnamed`], whose ids must be unique.
    pub(super) fn link_id(&self) -> Option<String> {
        let id = self.entity_id.as_ref();
        id.filter(|id| id.len() <= LONGEST_ID && !id.starts_with(UNNAMED)).cloned()
    }

    /// Returns the id of the link for a row without a usable id; `legacy` keeps the original row.
    pub(super) fn unnamed(&self) -> String {
        format!("{UNNAMED}{}", self.number)
    }
}

const UNNAMED: &str = "unnamed:";
