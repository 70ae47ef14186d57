//! Reads the older table. Its columns were declared by others, as text on one installation and as timestamps on the next,
//! so everything is read as text and understood here.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use sea_orm::{DbBackend, QueryResult, Statement};
use sea_orm_migration::prelude::*;
use serde_json::{Map, Value};

use super::OLDER;

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

/// One row of the older table, under the names and values of `sync_metadata`.
pub(super) struct State {
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
    /// The row as it stood.
    pub(super) row: Value,
}

impl State {
    /// What decides which of two is newer: the last success, then the last attempt.
    pub(super) fn age(&self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        (self.last_successful_sync, self.last_sync_attempt)
    }
}

/// Whether the older table is there. A table of that name without the older columns is someone else's and stays untouched.
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

/// All its rows.
pub(super) async fn read(manager: &SchemaManager<'_>) -> Result<Vec<State>, DbErr> {
    let backend = manager.get_database_backend();
    let mut columns = Vec::new();
    for column in COLUMNS {
        let value = if manager.has_column(OLDER, column).await? {
            as_text(backend, column)
        } else {
            "CAST(NULL AS TEXT)".to_owned()
        };
        columns.push(format!("{value} AS {column}"));
    }
    let query = format!("SELECT {} FROM {OLDER}", columns.join(", "));
    let rows = manager.get_connection().query_all_raw(Statement::from_string(backend, query)).await?;
    let now = Utc::now();
    rows.iter().map(|row| state(row, now)).collect()
}

/// SQLite may hold bytes in any column, and they need not be text.
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

fn state(row: &QueryResult, now: DateTime<Utc>) -> Result<State, DbErr> {
    let mut whole = Map::new();
    for column in COLUMNS {
        let text: Option<String> = row.try_get("", column)?;
        whole.insert(column.to_owned(), text.map_or(Value::Null, Value::String));
    }
    let text = |column: &str| whole.get(column).and_then(Value::as_str).map(str::to_owned);
    let time = |column: &str| text(column).as_deref().and_then(parse_time);
    let number = |column: &str| text(column).and_then(|number| number.parse::<i64>().ok());

    let sync_status = status(text("sync_status").as_deref());
    let last_sync = Ord::max(time("last_sync_local"), time("last_sync_remote"));
    let created_at = time("created_at");
    let updated_at = time("updated_at");
    Ok(State {
        entity_type: text("entity_type").unwrap_or_else(|| "unknown".to_owned()),
        entity_id: text("entity_id"),
        external_id: text("jira_id"),
        sync_status,
        last_sync_attempt: last_sync,
        last_successful_sync: last_sync.filter(|_| sync_status == "completed"),
        content_hash: text("content_hash"),
        conflicts: text("conflicts").map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
        resolution_strategy: text("resolution_strategy"),
        sync_duration_ms: number("sync_duration_ms"),
        api_calls_count: number("api_calls_count").and_then(|count| count.try_into().ok()).unwrap_or(0),
        created_at: created_at.or(updated_at).unwrap_or(now),
        updated_at: updated_at.or(created_at).unwrap_or(now),
        row: Value::Object(whole),
    })
}

/// The status under today's names. What was under way then is under way no longer, so it is due again.
fn status(older: Option<&str>) -> &'static str {
    match older.map(str::to_lowercase).as_deref() {
        Some("completed" | "synced") => "completed",
        Some("failed" | "error") => "failed",
        Some("skipped") => "skipped",
        Some("conflict") => "conflict",
        _ => "pending",
    }
}

/// A time as SQLite or PostgreSQL print it, or as seconds or milliseconds since the epoch. One without an offset is UTC.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        // Seconds up to the year 5138 are fewer than the milliseconds of 1973.
        let seconds = number.abs() < 100_000_000_000;
        return if seconds {
            DateTime::from_timestamp(number, 0)
        } else {
            DateTime::from_timestamp_millis(number)
        };
    }
    let text = text.replace(" UTC", "Z").replacen('T', " ", 1).replace(" +", "+").replace(" -", "-");
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return parse_naive(utc);
    }
    DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f%#z")
        .map(|time| time.to_utc())
        .ok()
        .or_else(|| parse_naive(&text))
}

fn parse_naive(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
        .ok()
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
        .map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_however_they_were_kept() {
        let expected = DateTime::parse_from_rfc3339("2025-03-04T05:06:07Z").unwrap().to_utc();
        for text in [
            "2025-03-04T05:06:07Z",
            "2025-03-04T05:06:07+00:00",
            "2025-03-04 05:06:07",
            "2025-03-04 05:06:07 +00:00",
            "2025-03-04 05:06:07+00",
            "2025-03-04 10:36:07+05:30",
            "2025-03-04 05:06:07 UTC",
            "1741064767",
            "1741064767000",
        ] {
            assert_eq!(parse_time(text), Some(expected), "{text}");
        }
        assert_eq!(parse_time("2025-03-04").unwrap().to_rfc3339(), "2025-03-04T00:00:00+00:00");
        assert_eq!(parse_time("yesterday"), None);
    }
}
