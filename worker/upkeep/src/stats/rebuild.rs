//! Recounts statistics from history, as far as history goes back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    QueryFilter, QueryResult, Value,
};
use serde::Serialize;
use syncline_entity::{
    sync_stats::{self, Column},
    types::Span,
};
use syncline_runs::statistics::{lock_sync, write};
use syncline_sql::{begin, statement};

type Key = (Span, DateTime<Utc>, String);
type Rows = BTreeMap<Key, sync_stats::Model>;

/// The result of recounting a sync's runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// The number of runs in history.
    pub runs: i64,
    /// The first recounted hour; `None` if history has no run.
    pub from: Option<DateTime<Utc>>,
    /// Hours, days and months that were wrong or missing.
    pub corrected: u64,
    /// Hours left alone, since the statistics have more runs than history.
    pub kept: u64,
}

/// Recounts a sync's runs. Runs that end meanwhile wait for the lock on the sync's row, and are counted once they are
/// marked.
///
/// Without `since`, an hour with more runs in the statistics than in history is kept: history was purged. With it,
/// history counts as complete from that time on.
pub async fn rebuild(
    db: &DatabaseConnection,
    sync: i64,
    since: Option<DateTime<Utc>>,
) -> Result<Rebuilt, DbErr> {
    let tx = begin(db).await?;
    let entity_type = lock_sync(&tx, sync).await?;
    let since = since.map(|since| Span::Hour.begin_from(since));
    let counted = count(&tx, sync, &entity_type, since).await?;
    let Some(first) = counted.keys().next().copied() else { return Ok(Rebuilt::default()) };
    let mut rebuilt = Rebuilt {
        runs: counted.values().map(sync_stats::Model::runs).sum(),
        from: Some(first),
        ..Rebuilt::default()
    };
    let known = known(&tx, sync, Span::Month.begin_of(first)).await?;
    let hours = hours(&known, counted, first, since.is_some(), &mut rebuilt.kept);
    let wanted = with_days_and_months(&known, hours, since.is_some());
    rebuilt.corrected = replace(&tx, sync, &known, wanted).await?;
    tx.commit().await?;
    Ok(rebuilt)
}

/// Sums up history by hour, in one statement and so as of one moment.
async fn count(
    tx: &DatabaseTransaction,
    sync: i64,
    entity_type: &str,
    since: Option<DateTime<Utc>>,
) -> Result<BTreeMap<DateTime<Utc>, sync_stats::Model>, DbErr> {
    let backend = tx.get_database_backend();
    let (hour, joined) = match backend {
        DbBackend::Postgres => ("date_trunc('hour', completed_at, 'UTC')", "string_agg"),
        _ => ("substr(completed_at, 1, 13) || ':00:00+00:00'", "group_concat"),
    };
    let sums: String = [
        "items_synced",
        "items_failed",
        "items_skipped",
        "created",
        "updated",
        "deleted",
        "conflicts",
        "api_calls",
    ]
    .map(|name| format!("CAST(SUM({name}) AS bigint) AS {name}, "))
    .concat();
    let ended: String = ["completed", "failed", "cancelled", "held"]
        .map(|status| format!("COUNT(CASE WHEN status = '{status}' THEN 1 END) AS runs_{status}, "))
        .concat();
    let within = if since.is_some() { " AND completed_at >= ?" } else { "" };
    let sql = format!(
        "SELECT {hour} AS bucket, {sums}{ended}COUNT(CASE WHEN success THEN 1 END) AS runs_succeeded, \
         CAST(COALESCE(SUM(duration_ms), 0) AS bigint) AS duration_sum_ms, \
         COALESCE(MAX(duration_ms), 0) AS duration_max_ms, \
         COALESCE({joined}(CAST(duration_ms AS text) || ':1', ' '), '') AS durations FROM sync_history \
         WHERE sync_config_id = ? AND kind <> 'plan' AND rolled_up = TRUE AND completed_at IS NOT NULL{within} GROUP BY 1"
    );
    let values = [Value::from(sync)].into_iter().chain(since.map(Value::from));
    let rows = tx.query_all_raw(statement(backend, &sql, values)).await?;
    let hours = rows.iter().map(|row| of_hour(row, sync, entity_type));
    hours.map(|hour| hour.map(|hour| (hour.bucket, hour))).collect()
}

fn of_hour(row: &QueryResult, sync: i64, entity_type: &str) -> Result<sync_stats::Model, DbErr> {
    Ok(sync_stats::Model {
        sync_config_id: sync,
        span: Span::Hour,
        bucket: row.try_get("", "bucket")?,
        entity_type: entity_type.to_owned(),
        runs_completed: row.try_get("", "runs_completed")?,
        runs_failed: row.try_get("", "runs_failed")?,
        runs_cancelled: row.try_get("", "runs_cancelled")?,
        runs_held: row.try_get("", "runs_held")?,
        runs_succeeded: row.try_get("", "runs_succeeded")?,
        items_synced: row.try_get("", "items_synced")?,
        items_failed: row.try_get("", "items_failed")?,
        items_skipped: row.try_get("", "items_skipped")?,
        created: row.try_get("", "created")?,
        updated: row.try_get("", "updated")?,
        deleted: row.try_get("", "deleted")?,
        conflicts: row.try_get("", "conflicts")?,
        api_calls: row.try_get("", "api_calls")?,
        duration_sum_ms: row.try_get("", "duration_sum_ms")?,
        duration_max_ms: row.try_get("", "duration_max_ms")?,
        durations: row.try_get("", "durations")?,
    })
}

async fn known(tx: &DatabaseTransaction, sync: i64, from: DateTime<Utc>) -> Result<Rows, DbErr> {
    let rows = sync_stats::Entity::find()
        .filter(Column::SyncConfigId.eq(sync))
        .filter(Column::Span.is_in([Span::Hour, Span::Day, Span::Month]))
        .filter(Column::Bucket.gte(from))
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|row| ((row.span, row.bucket, row.entity_type.clone()), row)).collect())
}

/// Returns the correct hours, from the beginning of the first one's month.
fn hours(
    known: &Rows,
    mut counted: BTreeMap<DateTime<Utc>, sync_stats::Model>,
    first: DateTime<Utc>,
    believe: bool,
    kept: &mut u64,
) -> Vec<sync_stats::Model> {
    let mut by_hour: BTreeMap<DateTime<Utc>, Vec<&sync_stats::Model>> = BTreeMap::new();
    for row in known.values().filter(|row| row.span == Span::Hour) {
        by_hour.entry(row.bucket).or_default().push(row);
    }
    let mut hours = Vec::new();
    for (hour, rows) in by_hour {
        let anew = counted.remove(&hour);
        let runs: i64 = rows.iter().map(|row| row.runs()).sum();
        let more = runs > anew.as_ref().map_or(0, sync_stats::Model::runs);
        if hour < first || (more && !believe) {
            *kept += u64::from(hour >= first);
            hours.extend(rows.into_iter().cloned());
        } else if let Some(anew) = anew {
            // The sync may have had another entity type then, which history does not record.
            let mut sum = sync_stats::Model::empty(anew.sync_config_id, &anew.entity_type, Span::Hour, hour);
            rows.iter().for_each(|row| sum.add(row));
            if sum == anew { hours.extend(rows.into_iter().cloned()) } else { hours.push(anew) }
        }
    }
    hours.extend(counted.into_values());
    hours
}

/// Sums up days and months from their hours. Without `believe`, one with more runs than its hours is kept: hours were
/// lost.
fn with_days_and_months(known: &Rows, hours: Vec<sync_stats::Model>, believe: bool) -> Rows {
    let mut wanted = Rows::new();
    for hour in &hours {
        for span in [Span::Day, Span::Month] {
            let bucket = span.begin_of(hour.bucket);
            wanted
                .entry((span, bucket, hour.entity_type.clone()))
                .or_insert_with(|| {
                    sync_stats::Model::empty(hour.sync_config_id, &hour.entity_type, span, bucket)
                })
                .add(hour);
        }
    }
    for (key, row) in known.iter().filter(|(key, _)| key.0 != Span::Hour) {
        let runs = wanted.get(key).map_or(0, sync_stats::Model::runs);
        if !believe && row.runs() > runs {
            wanted.insert(key.clone(), row.clone());
        }
    }
    wanted.extend(hours.into_iter().map(|hour| ((hour.span, hour.bucket, hour.entity_type.clone()), hour)));
    wanted
}

/// Writes the rows that differ. Returns their number.
async fn replace(tx: &DatabaseTransaction, sync: i64, known: &Rows, wanted: Rows) -> Result<u64, DbErr> {
    let gone: BTreeSet<&Key> = known.keys().filter(|key| !wanted.contains_key(*key)).collect();
    let mut differing = gone.len() as u64;
    for (span, bucket, entity_type) in gone {
        sync_stats::Entity::delete_by_id((sync, *span, *bucket, entity_type.clone())).exec(tx).await?;
    }
    let rows: Vec<sync_stats::Model> =
        wanted.into_iter().filter(|(key, row)| known.get(key) != Some(row)).map(|(_, row)| row).collect();
    differing += rows.len() as u64;
    write(tx, rows).await?;
    Ok(differing)
}
