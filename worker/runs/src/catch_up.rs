//! Adds ended runs that the statistics lack: an older replica ended them, or they ended before the database had
//! statistics.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

use syncline_sql::{begin, statement};

use super::statistics::{ENDED, add, counts, lock_sync, of_ended};

/// Runs marked and added in one transaction, which locks the sync's row.
const BATCH: u64 = 500;

/// Adds ended runs that are not in the statistics yet, up to `limit`. Returns how many it found; fewer than the limit
/// means that there are no more.
///
/// Several workers may do this at once: a run is marked and added in one transaction, so the second worker skips it.
pub async fn catch_up(db: &DatabaseConnection, limit: u64) -> Result<u64, DbErr> {
    let (mut found, mut after) = (0, 0);
    while found < limit {
        let Some(sync) = next_sync(db, after).await? else { break };
        let batch = BATCH.min(limit - found);
        let added = add_some(db, sync, batch).await?;
        found += added;
        if added < batch {
            after = sync;
        }
    }
    Ok(found)
}

/// Returns the next sync after `after` that has such runs.
async fn next_sync(db: &impl ConnectionTrait, after: i64) -> Result<Option<i64>, DbErr> {
    let sql = "SELECT sync_config_id FROM sync_history WHERE sync_config_id > ? AND rolled_up = FALSE \
               AND completed_at IS NOT NULL ORDER BY sync_config_id LIMIT 1";
    let row = db.query_one_raw(statement(db.get_database_backend(), sql, [after.into()])).await?;
    row.map(|row| row.try_get("", "sync_config_id")).transpose()
}

async fn add_some(db: &DatabaseConnection, sync: i64, limit: u64) -> Result<u64, DbErr> {
    let tx = begin(db).await?;
    let backend = tx.get_database_backend();
    let (open, skip, close) = match backend {
        // Rows that another worker is marking are skipped. The array makes PostgreSQL choose the rows once.
        DbBackend::Postgres => ("= ANY(ARRAY(", " FOR UPDATE SKIP LOCKED", "))"),
        _ => ("IN (", "", ")"),
    };
    let sql = format!(
        "UPDATE sync_history SET rolled_up = TRUE WHERE id {open}SELECT id FROM sync_history WHERE sync_config_id = ? \
         AND rolled_up = FALSE AND completed_at IS NOT NULL ORDER BY completed_at LIMIT ? + 0{skip}{close} \
         RETURNING {ENDED}"
    );
    let values = [sync.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    let rows = tx.query_all_raw(statement(backend, &sql, values)).await?;
    let entity_type = lock_sync(&tx, sync).await?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in &rows {
        if counts(row)? {
            runs.push(of_ended(row, &entity_type)?);
        }
    }
    add(&tx, &runs).await?;
    tx.commit().await?;
    Ok(rows.len() as u64)
}
