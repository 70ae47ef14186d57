//! The queries behind the statistics, one per kind of number, each over all syncs at once.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ActiveEnum, ConnectionTrait, DbErr, QueryResult, Value};
use syncline_entity::types::{RunStatus, SyncStatus};

use super::{
    LastRun, Numbers, Stats, StatsFilter, SyncStats,
    scope::Scope,
    tally::{SUMMED, Tally},
};

/// A run that did something; runs that only planned are not counted.
const WORKED: &str = "h.kind <> 'plan'";

type Tallies = BTreeMap<i64, Tally>;

pub(super) async fn stats(
    db: &impl ConnectionTrait,
    filter: &StatsFilter,
    since: Option<DateTime<Utc>>,
    until: DateTime<Utc>,
) -> Result<Stats, DbErr> {
    let scope = Scope::new(filter);
    let syncs = syncs(db, &scope).await?;
    let mut tallies: Tallies = syncs.iter().map(|(id, _)| (*id, Tally::default())).collect();
    links(db, &scope, &mut tallies).await?;
    open_conflicts(db, &scope, &mut tallies).await?;
    runs(db, &scope, since, &mut tallies).await?;
    let mut total = tallies.values().fold(Tally::default(), Tally::plus);
    durations(db, &scope, since, &mut tallies, &mut total).await?;
    let mut last_runs = last_runs(db, &scope).await?;
    let syncs = syncs
        .into_iter()
        .map(|(id, sync)| SyncStats {
            last_run: last_runs.remove(&id),
            numbers: tallies.remove(&id).unwrap_or_default().finish(),
            ..sync
        })
        .collect();
    Ok(Stats { window: filter.window.to_string(), since, until, syncs, total: total.finish() })
}

async fn syncs(db: &impl ConnectionTrait, scope: &Scope) -> Result<Vec<(i64, SyncStats)>, DbErr> {
    let sql = "SELECT c.id, c.name, p.\"key\" AS project, c.source_platform, c.target_platform, c.entity_type, \
               c.enabled, c.paused_at {syncs} ORDER BY p.\"key\", c.name";
    let rows = scope.all(db, sql, []).await?;
    rows.iter()
        .map(|row| {
            let sync = SyncStats {
                sync: row.try_get("", "name")?,
                project: row.try_get("", "project")?,
                source_platform: row.try_get("", "source_platform")?,
                target_platform: row.try_get("", "target_platform")?,
                entity_type: row.try_get("", "entity_type")?,
                enabled: row.try_get("", "enabled")?,
                paused_at: row.try_get("", "paused_at")?,
                last_run: None,
                numbers: Numbers::default(),
            };
            Ok((row.try_get("", "id")?, sync))
        })
        .collect()
}

/// Reads the index (sync, status) only, so that millions of wide rows stay where they are.
async fn links(db: &impl ConnectionTrait, scope: &Scope, tallies: &mut Tallies) -> Result<(), DbErr> {
    let sql = "SELECT sync_config_id, sync_status, COUNT(*) AS number FROM sync_metadata \
               WHERE sync_config_id IN (SELECT c.id {syncs}) GROUP BY sync_config_id, sync_status";
    for row in scope.all(db, sql, []).await? {
        if let Some(tally) = of(tallies, &row)? {
            let status = SyncStatus::try_from_value(&row.try_get("", "sync_status")?)?;
            tally.numbers.links.insert(status, row.try_get("", "number")?);
        }
    }
    Ok(())
}

async fn open_conflicts(
    db: &impl ConnectionTrait,
    scope: &Scope,
    tallies: &mut Tallies,
) -> Result<(), DbErr> {
    let sql = "SELECT m.sync_config_id, COUNT(*) AS number FROM sync_conflicts x \
               JOIN sync_metadata m ON m.id = x.link_id \
               WHERE m.sync_config_id IN (SELECT c.id {syncs}) AND x.resolved = FALSE GROUP BY m.sync_config_id";
    for row in scope.all(db, sql, []).await? {
        if let Some(tally) = of(tallies, &row)? {
            tally.numbers.open_conflicts = row.try_get("", "number")?;
        }
    }
    Ok(())
}

async fn runs(
    db: &impl ConnectionTrait,
    scope: &Scope,
    since: Option<DateTime<Utc>>,
    tallies: &mut Tallies,
) -> Result<(), DbErr> {
    // A sum of whole numbers is a numeric on PostgreSQL, hence the casts.
    let sums: String =
        SUMMED.map(|name| format!(", CAST(COALESCE(SUM({name}), 0) AS bigint) AS {name}")).concat();
    let within = if since.is_some() { " AND (h.completed_at >= ? OR h.completed_at IS NULL)" } else { "" };
    let sql = format!(
        "SELECT h.sync_config_id, h.status, COUNT(*) AS number, \
         COUNT(CASE WHEN h.success THEN 1 END) AS succeeded{sums} FROM sync_history h \
         WHERE h.sync_config_id IN (SELECT c.id {{syncs}}) AND {WORKED}{within} GROUP BY h.sync_config_id, h.status"
    );
    for row in scope.all(db, &sql, since.map(Value::from)).await? {
        let Some(tally) = of(tallies, &row)? else { continue };
        let status = RunStatus::try_from_value(&row.try_get("", "status")?)?;
        tally.numbers.runs.insert(status, row.try_get("", "number")?);
        // What is not over may still be counted anew by its next attempt.
        if !matches!(status, RunStatus::Queued | RunStatus::InProgress) {
            tally.succeeded += row.try_get::<i64>("", "succeeded")?;
            tally.add_sums(&row)?;
        }
    }
    Ok(())
}

/// Percentiles by window functions, which both databases have; PostgreSQL's `percentile_disc` is PostgreSQL's alone.
async fn durations(
    db: &impl ConnectionTrait,
    scope: &Scope,
    since: Option<DateTime<Utc>>,
    tallies: &mut Tallies,
    total: &mut Tally,
) -> Result<(), DbErr> {
    let within = if since.is_some() { " AND h.completed_at >= ?" } else { "" };
    let sql = format!(
        "SELECT * FROM (SELECT h.sync_config_id, h.duration_ms, \
         ROW_NUMBER() OVER (PARTITION BY h.sync_config_id ORDER BY h.duration_ms) AS place, \
         COUNT(*) OVER (PARTITION BY h.sync_config_id) AS number, \
         ROW_NUMBER() OVER (ORDER BY h.duration_ms) AS place_in_all, COUNT(*) OVER () AS number_in_all \
         FROM sync_history h WHERE h.sync_config_id IN (SELECT c.id {{syncs}}) AND {WORKED} \
         AND h.duration_ms IS NOT NULL AND h.completed_at IS NOT NULL{within}) ranked \
         WHERE place IN ((number * 50 + 99) / 100, (number * 95 + 99) / 100, number) \
         OR place_in_all IN ((number_in_all * 50 + 99) / 100, (number_in_all * 95 + 99) / 100, number_in_all)"
    );
    for row in scope.all(db, &sql, since.map(Value::from)).await? {
        let took = row.try_get("", "duration_ms")?;
        let (place, number) = (row.try_get("", "place_in_all")?, row.try_get("", "number_in_all")?);
        total.numbers.place(took, place, number);
        if let Some(tally) = of(tallies, &row)? {
            tally.numbers.place(took, row.try_get("", "place")?, row.try_get("", "number")?);
        }
    }
    Ok(())
}

/// One step into the index (sync, id) per sync, however long its history.
async fn last_runs(db: &impl ConnectionTrait, scope: &Scope) -> Result<BTreeMap<i64, LastRun>, DbErr> {
    let sql = format!(
        "SELECT l.sync_config_id, l.run_uid, l.status, l.success, l.queued_at, l.completed_at, l.duration_ms, \
         l.error_message FROM sync_history l WHERE l.id IN (SELECT (SELECT h.id FROM sync_history h \
         WHERE h.sync_config_id = c.id AND {WORKED} ORDER BY h.id DESC LIMIT 1) {{syncs}})"
    );
    let rows = scope.all(db, &sql, []).await?;
    rows.iter()
        .map(|row| {
            let run = LastRun {
                id: row.try_get("", "run_uid")?,
                status: RunStatus::try_from_value(&row.try_get("", "status")?)?,
                success: row.try_get("", "success")?,
                queued_at: row.try_get("", "queued_at")?,
                completed_at: row.try_get("", "completed_at")?,
                duration_ms: row.try_get("", "duration_ms")?,
                error: row.try_get("", "error_message")?,
            };
            Ok((row.try_get("", "sync_config_id")?, run))
        })
        .collect()
}

/// The tally a row belongs to; none for a sync that was added since the first query.
fn of<'a>(tallies: &'a mut Tallies, row: &QueryResult) -> Result<Option<&'a mut Tally>, DbErr> {
    Ok(tallies.get_mut(&row.try_get("", "sync_config_id")?))
}
