//! The counts of links, open conflicts and dead letters, which triggers keep: folds their slots, and recounts.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use syncline_runs::statistics::lock_sync;
use syncline_sql::{begin, statement};

struct Counts {
    table: &'static str,
    /// The key columns without the slot.
    key: &'static str,
    number: &'static str,
    /// The query for a sync's true counts: the key and a number, either per counted row or summed.
    anew: &'static str,
}

const COUNTS: [Counts; 3] = [
    Counts {
        table: "sync_link_counts",
        key: "sync_config_id, entity_type, sync_status",
        number: "links",
        anew: "SELECT sync_config_id, entity_type, sync_status, COUNT(*) AS number FROM sync_metadata \
               WHERE sync_config_id = ? AND link_state <> 'tombstone' GROUP BY sync_config_id, entity_type, sync_status",
    },
    Counts {
        table: "sync_conflict_counts",
        key: "sync_config_id",
        number: "conflicts",
        anew: "SELECT m.sync_config_id, COUNT(*) AS number FROM sync_conflicts x JOIN sync_metadata m ON m.id = x.link_id \
               WHERE x.resolved = FALSE AND m.sync_config_id = ? GROUP BY m.sync_config_id",
    },
    Counts {
        table: "dead_letter_counts",
        key: "sync_config_id, fingerprint",
        number: "letters",
        anew: "SELECT sync_config_id, COALESCE(error_fingerprint, '') AS fingerprint, COUNT(*) AS number \
               FROM sync_history WHERE dead_at IS NOT NULL AND sync_config_id = ? \
               GROUP BY sync_config_id, COALESCE(error_fingerprint, '')",
    },
];

impl Counts {
    /// Adds rows `key, number` to slot 0, in the order of the key, so that two transactions cannot deadlock.
    fn add(&self, rows: &str) -> String {
        let Counts { table, key, number, .. } = self;
        format!(
            "INSERT INTO {table} ({key}, slot, {number}) SELECT {key}, 0, SUM(number) FROM {rows} \
             GROUP BY {key} HAVING SUM(number) <> 0 ORDER BY {key} \
             ON CONFLICT ({key}, slot) DO UPDATE SET {number} = {table}.{number} + excluded.{number}"
        )
    }
}

/// Folds the counts of PostgreSQL's connections into one row per count; slots in use are left for the next call. SQLite
/// has one slot. Removes the counts of causes without letters.
pub async fn fold_slots(db: &DatabaseConnection) -> Result<(), DbErr> {
    let none = "DELETE FROM dead_letter_counts WHERE slot = 0 AND letters = 0";
    db.execute_raw(statement(db.get_database_backend(), none, [])).await?;
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for counts in &COUNTS {
        let Counts { table, key, number, .. } = counts;
        let sql = format!(
            "WITH folded AS (DELETE FROM {table} WHERE ctid = ANY(ARRAY( \
             SELECT ctid FROM {table} WHERE slot <> 0 FOR UPDATE SKIP LOCKED)) RETURNING {key}, {number} AS number) {}",
            counts.add("folded")
        );
        db.execute_raw(statement(DbBackend::Postgres, &sql, [])).await?;
    }
    Ok(())
}

/// Recounts a sync's links, open conflicts and dead letters, and corrects the counts. Returns how many were wrong.
///
/// One statement reads rows and counts as of one moment and adds the difference, so writers need not wait.
pub async fn recount(db: &DatabaseConnection, sync: i64) -> Result<u64, DbErr> {
    let tx = begin(db).await?;
    // A concurrent recount would add the same difference once more.
    lock_sync(&tx, sync).await?;
    let mut corrected = 0;
    for counts in &COUNTS {
        let Counts { table, key, number, anew } = counts;
        let difference = format!(
            "({anew} UNION ALL SELECT {key}, -{number} AS number FROM {table} WHERE sync_config_id = ?) AS difference"
        );
        let values = [sync.into(), sync.into()];
        let sql = counts.add(&difference);
        corrected +=
            tx.execute_raw(statement(tx.get_database_backend(), &sql, values)).await?.rows_affected();
    }
    tx.commit().await?;
    Ok(corrected)
}
