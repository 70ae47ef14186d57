//! Adds runs to the statistics in `sync_stats` as they end.
//!
//! A run is added in the transaction that ends it, after its sync's row is locked: histograms are read, changed and
//! written back, so two runs of a sync must do so one after the other. All code here locks in the order runs, syncs,
//! statistics.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveEnum, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, FromQueryResult, Iterable,
    QueryResult,
};
use serde_json::{Value as Json, json};
use syncline_entity::{
    sync_stats,
    types::{RunKind, RunStatus, Span},
};
use syncline_sql::{Binds, Kind, moment, statement};

/// Rows in one statement.
const ROWS: usize = 200;

/// Locks a sync's row, as required before its statistics change. Returns its entity type.
pub async fn lock_sync(tx: &DatabaseTransaction, sync: i64) -> Result<String, DbErr> {
    let backend = tx.get_database_backend();
    let sql = match backend {
        // This lock still allows inserts of runs, which refer to the row.
        DbBackend::Postgres => "SELECT entity_type FROM sync_configs WHERE id = ? FOR NO KEY UPDATE",
        // SQLite has one writer, so the transaction is a lock.
        _ => "SELECT entity_type FROM sync_configs WHERE id = ?",
    };
    let row = tx.query_one_raw(statement(backend, sql, [sync.into()])).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(format!("sync_configs {sync}")))?.try_get("", "entity_type")
}

/// Locks several syncs in a fixed order, which avoids deadlocks. Returns the entity types of those that exist.
pub async fn lock_syncs(
    tx: &DatabaseTransaction,
    syncs: &BTreeSet<i64>,
) -> Result<HashMap<i64, String>, DbErr> {
    let mut binds = Binds::new(tx);
    let lock = match binds.backend {
        DbBackend::Postgres => " ORDER BY id FOR NO KEY UPDATE",
        _ => "",
    };
    let text =
        format!("SELECT id, entity_type FROM sync_configs WHERE {}{lock}", of_syncs(&mut binds, syncs, "id"));
    let rows = binds.all(tx, text).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "entity_type")?))).collect()
}

/// Returns the condition that a column names one of these syncs; its text does not depend on their number.
pub fn of_syncs(binds: &mut Binds, syncs: &BTreeSet<i64>, column: &str) -> String {
    let rows = syncs.iter().map(|sync| json!({ "sync": sync })).collect();
    let rows = binds.rows(rows, &[("sync", Kind::Number)]);
    match binds.backend {
        DbBackend::Postgres => format!("{column} = ANY (ARRAY(SELECT sync FROM {rows} AS asked))"),
        _ => format!("{column} IN (SELECT sync FROM {rows} AS asked)"),
    }
}

/// The columns of `sync_history` that the statistics need.
pub const ENDED: &str = "sync_config_id, kind, status, success, completed_at, duration_ms, items_synced, \
     items_failed, items_skipped, created, updated, deleted, conflicts, api_calls";

/// True if an ended run counts; plans do not, since they change nothing.
pub fn counts(ended: &QueryResult) -> Result<bool, DbErr> {
    Ok(RunKind::try_from_value(&ended.try_get("", "kind")?)? != RunKind::Plan)
}

/// Returns the statistics of a single run, at the moment it ended.
pub fn of_ended(ended: &QueryResult, entity_type: &str) -> Result<sync_stats::Model, DbErr> {
    let (sync, at) = (ended.try_get("", "sync_config_id")?, ended.try_get("", "completed_at")?);
    let mut run = sync_stats::Model {
        items_synced: ended.try_get("", "items_synced")?,
        items_failed: ended.try_get("", "items_failed")?,
        items_skipped: ended.try_get("", "items_skipped")?,
        created: ended.try_get("", "created")?,
        updated: ended.try_get("", "updated")?,
        deleted: ended.try_get("", "deleted")?,
        conflicts: ended.try_get("", "conflicts")?,
        api_calls: ended.try_get("", "api_calls")?,
        ..sync_stats::Model::empty(sync, entity_type, Span::Hour, at)
    };
    let status = RunStatus::try_from_value(&ended.try_get("", "status")?)?;
    let success: Option<bool> = ended.try_get("", "success")?;
    run.count(status, success.unwrap_or(false), ended.try_get("", "duration_ms")?);
    Ok(run)
}

/// Adds runs to the hours, days and months of their syncs; each run is given as the statistics of its moment. The
/// caller has locked the syncs' rows and marks the runs in the same transaction.
pub async fn add(tx: &DatabaseTransaction, runs: &[sync_stats::Model]) -> Result<(), DbErr> {
    let mut rows: BTreeMap<Key, sync_stats::Model> = BTreeMap::new();
    for run in runs {
        for span in Span::iter() {
            let bucket = span.begin_of(run.bucket);
            let empty = || sync_stats::Model::empty(run.sync_config_id, &run.entity_type, span, bucket);
            rows.entry((run.sync_config_id, span, bucket, run.entity_type.clone()))
                .or_insert_with(empty)
                .add(run);
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    for known in known(tx, rows.keys()).await? {
        let key = (known.sync_config_id, known.span, known.bucket, known.entity_type.clone());
        if let Some(row) = rows.get_mut(&key) {
            row.add(&known);
        }
    }
    write(tx, rows.into_values().collect()).await
}

/// A row's key: sync, span, bucket, entity type.
type Key = (i64, Span, DateTime<Utc>, String);

const KEY: [(&str, Kind); 4] =
    [("sync", Kind::Number), ("span", Kind::Text), ("bucket", Kind::Time), ("entity_type", Kind::Text)];

fn key(sync: i64, span: Span, bucket: DateTime<Utc>, entity_type: &str) -> Json {
    json!({ "sync": sync, "span": span.as_str(), "bucket": moment(bucket), "entity_type": entity_type })
}

/// Reads the rows with these keys.
async fn known(
    tx: &DatabaseTransaction,
    keys: impl Iterator<Item = &Key>,
) -> Result<Vec<sync_stats::Model>, DbErr> {
    let mut binds = Binds::new(tx);
    let keys = keys.map(|(sync, span, bucket, kind)| key(*sync, *span, *bucket, kind)).collect();
    let keys = binds.rows(keys, &KEY);
    let these = "sync_stats.sync_config_id = asked.sync AND sync_stats.span = asked.span \
                 AND sync_stats.bucket = asked.bucket AND sync_stats.entity_type = asked.entity_type";
    // One lookup per key: otherwise PostgreSQL would read the whole table for a few dozen keys.
    let text = match binds.backend {
        DbBackend::Postgres => format!(
            "SELECT found.* FROM {keys} AS asked \
             CROSS JOIN LATERAL (SELECT * FROM sync_stats WHERE {these} LIMIT 1) AS found"
        ),
        _ => format!("SELECT sync_stats.* FROM {keys} AS asked CROSS JOIN sync_stats WHERE {these}"),
    };
    let rows = binds.all(tx, text).await?;
    rows.iter().map(|row| sync_stats::Model::from_query_result(row, "")).collect()
}

/// Writes rows, replacing those with the same keys.
pub async fn write(tx: &DatabaseTransaction, rows: Vec<sync_stats::Model>) -> Result<(), DbErr> {
    let names: Vec<&str> = NUMBERS.iter().map(|(name, _)| *name).collect();
    let columns: Vec<(&str, Kind)> = KEY
        .into_iter()
        .chain(names.iter().map(|name| (*name, Kind::Number)))
        .chain([("durations", Kind::Text)])
        .collect();
    for piece in rows.chunks(ROWS) {
        let row = |row: &sync_stats::Model| {
            let mut json = key(row.sync_config_id, row.span, row.bucket, &row.entity_type);
            for (name, number) in NUMBERS {
                json[name] = json!(number(row));
            }
            json["durations"] = json!(row.durations.to_string());
            json
        };
        let mut binds = Binds::new(tx);
        let rows = binds.rows(piece.iter().map(row).collect(), &columns);
        let text = format!(
            "INSERT INTO sync_stats (sync_config_id, span, bucket, entity_type, {listed}, durations) \
             SELECT sync, span, bucket, entity_type, {listed}, durations FROM {rows} AS new WHERE TRUE \
             ON CONFLICT (sync_config_id, span, bucket, entity_type) DO UPDATE SET {set}, durations = excluded.durations",
            listed = names.join(", "),
            set = names.iter().map(|name| format!("{name} = excluded.{name}")).collect::<Vec<_>>().join(", "),
        );
        binds.run(tx, text).await?;
    }
    Ok(())
}

/// A column and its value in a row.
type Number = (&'static str, fn(&sync_stats::Model) -> i64);
const NUMBERS: [Number; 15] = [
    ("runs_completed", |row| row.runs_completed),
    ("runs_failed", |row| row.runs_failed),
    ("runs_cancelled", |row| row.runs_cancelled),
    ("runs_held", |row| row.runs_held),
    ("runs_succeeded", |row| row.runs_succeeded),
    ("items_synced", |row| row.items_synced),
    ("items_failed", |row| row.items_failed),
    ("items_skipped", |row| row.items_skipped),
    ("created", |row| row.created),
    ("updated", |row| row.updated),
    ("deleted", |row| row.deleted),
    ("conflicts", |row| row.conflicts),
    ("api_calls", |row| row.api_calls),
    ("duration_sum_ms", |row| row.duration_sum_ms),
    ("duration_max_ms", |row| row.duration_max_ms),
];
