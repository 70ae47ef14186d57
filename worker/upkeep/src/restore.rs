//! Detects that Syncline's database was restored to an older state, and marks its syncs.
//!
//! A restored database looks like any other: its links are consistent, but older than the places they refer to. Only
//! its location differs. The installation's row keeps a fingerprint of the location, and a copy made by `syncline
//! backup` is marked as a copy. Each process compares at its start; the first one that sees a difference marks every
//! sync, in one transaction. Then the engine's option `after_restore` applies to a sync until a run has read both its
//! sides completely and left nothing for a person to decide.

mod place;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, Value};
use syncline_entity::{installation, sync_config};
use syncline_sql::{begin, statement};
use uuid::Uuid;

/// How often the installation's row records that it is in use.
const SEEN_EVERY: TimeDelta = TimeDelta::hours(1);

/// The backup may have been too old for a sync that is first stored this soon after a restore.
const STORED_ANEW: TimeDelta = TimeDelta::days(7);

/// A detected restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noticed {
    /// What differed, for display.
    pub from: String,
    /// The number of marked syncs.
    pub syncs: u64,
}

impl std::fmt::Display for Noticed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Syncline's database was restored or moved: {}. Until a run of each sync ({} in all) has looked at both its \
             sides in full, nothing is deleted without --allow-deletes, and what an old state cannot decide is asked: \
             syncline conflicts",
            self.from, self.syncs
        )
    }
}

/// Checks whether the database is still at its location, and marks its syncs if not. Of several processes that start
/// together one does so. A database without syncs has nothing to protect, so only its location is stored.
pub async fn notice(db: &DatabaseConnection, now: DateTime<Utc>) -> Result<Option<Noticed>, DbErr> {
    let place = place::of(db).await;
    match installation::the(db).await? {
        Some(row) if difference(&row, &place).is_none() => {
            if now - row.last_seen_at >= SEEN_EVERY || place::gained(&row.place, &place) {
                let sql = "UPDATE installation SET last_seen_at = ?, place = ? WHERE id = 1";
                db.execute_raw(statement(db.get_database_backend(), sql, [now.into(), place.into()])).await?;
            }
            return Ok(None);
        }
        _ => {}
    }
    let tx = begin(db).await?;
    let noticed = notice_within(&tx, &place, now).await?;
    tx.commit().await?;
    Ok(noticed)
}

async fn notice_within(
    tx: &DatabaseTransaction,
    place: &str,
    now: DateTime<Utc>,
) -> Result<Option<Noticed>, DbErr> {
    let backend = tx.get_database_backend();
    let first = "INSERT INTO installation (id, installation_id, place, started_at, last_seen_at) VALUES (1, ?, ?, ?, ?) \
                 ON CONFLICT (id) DO NOTHING";
    let values: [Value; 4] = [Uuid::now_v7().into(), place.into(), now.into(), now.into()];
    tx.execute_raw(statement(backend, first, values)).await?;
    // This write locks the row, so that the next process sees the changes.
    let hold = "UPDATE installation SET last_seen_at = ? WHERE id = 1";
    tx.execute_raw(statement(backend, hold, [now.into()])).await?;
    let Some(row) = installation::the(tx).await? else { return Ok(None) };
    match difference(&row, place) {
        Some(from) => mark(tx, place, &from, now).await,
        None => Ok(None),
    }
}

/// Marks all syncs at a person's request. Returns how many there are.
pub async fn mark_by_hand(db: &DatabaseConnection, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let place = place::of(db).await;
    let tx = begin(db).await?;
    // Makes sure that the row exists. A restore detected here needs no report, as all syncs are marked anyway.
    notice_within(&tx, &place, now).await?;
    let marked = mark(&tx, &place, "marked by hand (`syncline mark-restored`)", now).await?;
    tx.commit().await?;
    Ok(marked.map_or(0, |noticed| noticed.syncs))
}

fn difference(row: &installation::Model, place: &str) -> Option<String> {
    if let Some(taken) = row.backup_taken_at {
        return Some(format!("it is the backup of {} UTC", taken.format("%Y-%m-%d %H:%M:%S")));
    }
    let since = row.last_seen_at.format("%Y-%m-%d %H:%M:%S");
    place::difference(&row.place, place)
        .map(|what| format!("{what} (it was last seen in use at {since} UTC or later)"))
}

/// Clears what may no longer be true of an older state: cursors, absences, and the due times of schedules, which become
/// due now. Waiting jobs and open intents stay; both are checked before they act.
async fn mark(
    tx: &DatabaseTransaction,
    place: &str,
    from: &str,
    now: DateTime<Utc>,
) -> Result<Option<Noticed>, DbErr> {
    let backend = tx.get_database_backend();
    let run = async |sql: &str, values: Vec<Value>| -> Result<u64, DbErr> {
        Ok(tx.execute_raw(statement(backend, sql, values)).await?.rows_affected())
    };
    let settle = "UPDATE installation SET place = ?, last_seen_at = ?, backup_taken_at = NULL WHERE id = 1";
    run(settle, vec![place.into(), now.into()]).await?;
    let syncs =
        run("UPDATE sync_configs SET restored_at = ? WHERE deleted_at IS NULL", vec![now.into()]).await?;
    if syncs == 0 {
        return Ok(None);
    }
    let note = "UPDATE installation SET restored_at = ?, restored_from = ? WHERE id = 1";
    run(note, vec![now.into(), from.into()]).await?;
    run("DELETE FROM sync_cursors", vec![]).await?;
    // An edit beside the absent item was detected and not copied: without hashes it counts as new once the item is
    // back. The hash of a deleted item stays, because a stale listing may show that item.
    let absent = "UPDATE sync_metadata SET missing_since = NULL, missing_side = NULL, version = version + 1, \
                  source_hash = CASE WHEN link_state = 'tombstone' THEN source_hash END, \
                  target_hash = CASE WHEN link_state = 'tombstone' THEN target_hash END \
                  WHERE missing_side IS NOT NULL";
    run(absent, vec![]).await?;
    let due = "UPDATE schedules SET next_tick_at = ? WHERE paused_at IS NULL AND next_tick_at IS NOT NULL";
    run(due, vec![now.into()]).await?;
    Ok(Some(Noticed { from: from.to_owned(), syncs }))
}

/// Returns since when a sync runs on a restored database, or `None`. A sync stored soon after a restore may have run
/// before it, so it is marked when it first runs.
pub async fn restored_since(
    db: &DatabaseConnection,
    config: &sync_config::Model,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    if config.restored_at.is_some() || config.last_sync_at.is_some() {
        return Ok(config.restored_at);
    }
    let restored = installation::the(db).await?.and_then(|row| row.restored_at);
    let Some(since) = restored.filter(|at| now - *at < STORED_ANEW) else { return Ok(None) };
    let sql = "UPDATE sync_configs SET restored_at = ? WHERE id = ? AND restored_at IS NULL AND last_sync_at IS NULL";
    db.execute_raw(statement(db.get_database_backend(), sql, [since.into(), config.id.into()])).await?;
    Ok(Some(since))
}
