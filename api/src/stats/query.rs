//! The queries of the statistics, one per kind of number, each over all syncs at once.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ActiveEnum, ConnectionTrait, DbErr, QueryResult, Value};
use syncline_entity::types::{RunStatus, SyncStatus};

use super::{
    LastRun, Numbers, Stats, StatsFilter, SyncStats,
    pieces::{FINISHED, Pieces, SUMMED, UNFINISHED},
    scope::Scope,
    tally::Tally,
};

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
    let mut last_runs = last_runs(db, &scope).await?;
    let (mut total, mut by_platform, mut by_entity_type) =
        (Tally::default(), BTreeMap::new(), BTreeMap::new());
    let mut numbered = Vec::with_capacity(syncs.len());
    for (id, sync) in syncs {
        let tally = tallies.remove(&id).unwrap_or_default();
        total.add(&tally);
        add_to(&mut by_platform, &sync.source_platform, &tally);
        if sync.target_platform != sync.source_platform {
            add_to(&mut by_platform, &sync.target_platform, &tally);
        }
        add_to(&mut by_entity_type, &sync.entity_type, &tally);
        numbered.push(SyncStats { last_run: last_runs.remove(&id), numbers: tally.finish(), ..sync });
    }
    Ok(Stats {
        window: filter.window.to_string(),
        since,
        until,
        syncs: numbered,
        by_platform: finished(by_platform),
        by_entity_type: finished(by_entity_type),
        total: total.finish(),
    })
}

fn add_to(groups: &mut BTreeMap<String, Tally>, name: &str, tally: &Tally) {
    groups.entry(name.to_owned()).or_default().add(tally);
}

fn finished(groups: BTreeMap<String, Tally>) -> BTreeMap<String, Numbers> {
    groups.into_iter().map(|(name, tally)| (name, tally.finish())).collect()
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

/// Triggers keep these counts in several rows per sync, which are summed here.
async fn links(db: &impl ConnectionTrait, scope: &Scope, tallies: &mut Tallies) -> Result<(), DbErr> {
    let sql = "SELECT sync_config_id, sync_status, CAST(SUM(links) AS bigint) AS number FROM sync_link_counts \
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
    let sql = "SELECT sync_config_id, CAST(SUM(conflicts) AS bigint) AS number FROM sync_conflict_counts \
               WHERE sync_config_id IN (SELECT c.id {syncs}) GROUP BY sync_config_id";
    for row in scope.all(db, sql, []).await? {
        if let Some(tally) = of(tallies, &row)? {
            tally.numbers.open_conflicts = row.try_get("", "number")?;
        }
    }
    Ok(())
}

/// One statement for all numbers of runs, so that a run which ends meanwhile is counted once.
async fn runs(
    db: &impl ConnectionTrait,
    scope: &Scope,
    since: Option<DateTime<Utc>>,
    tallies: &mut Tallies,
) -> Result<(), DbErr> {
    let Pieces { sql, values } = Pieces::of(since, db.get_database_backend());
    for row in scope.all(db, &sql, values.into_iter().map(Value::from)).await? {
        let Some(tally) = of(tallies, &row)? else { continue };
        for (status, column) in FINISHED.into_iter().chain(UNFINISHED) {
            tally.numbers.runs.insert(status, row.try_get("", column)?);
        }
        for (field, column) in tally.summed().into_iter().zip(SUMMED) {
            *field += row.try_get::<i64>("", column)?;
        }
        tally.longest = row.try_get("", "duration_max_ms")?;
        let durations: String = row.try_get("", "durations")?;
        tally
            .durations
            .add_text(&durations)
            .map_err(|error| DbErr::Type(format!("sync_stats.durations: {error}")))?;
    }
    Ok(())
}

/// Looks up the index (sync, id) once per sync, however long its history.
async fn last_runs(db: &impl ConnectionTrait, scope: &Scope) -> Result<BTreeMap<i64, LastRun>, DbErr> {
    let sql = "SELECT l.sync_config_id, l.run_uid, l.status, l.success, l.queued_at, l.completed_at, l.duration_ms, \
               l.error_message FROM sync_history l WHERE l.id IN (SELECT (SELECT h.id FROM sync_history h \
               WHERE h.sync_config_id = c.id AND h.kind <> 'plan' ORDER BY h.id DESC LIMIT 1) {syncs})";
    let rows = scope.all(db, sql, []).await?;
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

/// The tally of a row; none for a sync that was added after the first query.
fn of<'a>(tallies: &'a mut Tallies, row: &QueryResult) -> Result<Option<&'a mut Tally>, DbErr> {
    Ok(tallies.get_mut(&row.try_get("", "sync_config_id")?))
}
