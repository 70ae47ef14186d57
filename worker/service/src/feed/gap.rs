//! When a position without a row is passed over.
//!
//! PostgreSQL gives out positions when rows are inserted, and transactions end in another order. So a position may be
//! missing because its transaction still runs, or because it was rolled back. Whoever takes a position has locked the
//! table before, and holds the lock to the end of the transaction: when all those have ended that held it after a row was
//! seen, no row with a smaller position comes any more.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DbErr};
use syncline_sql::statement;

/// A transaction that takes longer is not waited for: it hangs.
const AT_MOST: Duration = Duration::from_secs(30);

/// A gap that is waited for.
#[derive(Debug)]
pub(super) struct Gap {
    /// The newest position that was seen before the question who writes.
    settles: i64,
    writers: HashSet<String>,
    since: Instant,
}

impl Gap {
    /// `newest` is the newest position that was read.
    pub(super) async fn found(db: &impl ConnectionTrait, newest: i64) -> Result<Gap, DbErr> {
        Ok(Gap { settles: newest, writers: writers(db).await?, since: Instant::now() })
    }

    /// The position up to which nothing is missing any more, once the writers have ended. A row that was missing must be
    /// read anew.
    pub(super) async fn settled(&mut self, db: &impl ConnectionTrait) -> Result<Option<i64>, DbErr> {
        if !self.writers.is_empty() {
            let now = writers(db).await?;
            self.writers.retain(|writer| now.contains(writer));
        }
        if !self.writers.is_empty() && self.since.elapsed() < AT_MOST {
            return Ok(None);
        }
        if !self.writers.is_empty() {
            tracing::warn!(
                transactions = self.writers.len(),
                "a transaction that writes events has not ended for 30 s; the live feed goes on without its events"
            );
        }
        Ok(Some(self.settles))
    }
}

/// The transactions that may have taken a position.
async fn writers(db: &impl ConnectionTrait) -> Result<HashSet<String>, DbErr> {
    let sql = "SELECT l.virtualtransaction AS writer FROM pg_locks l WHERE l.locktype = 'relation' AND l.granted \
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
               AND l.relation = to_regclass('events')::oid AND l.mode = 'RowExclusiveLock'";
    let rows = db.query_all_raw(statement(db.get_database_backend(), sql, [])).await?;
    rows.iter().map(|row| row.try_get("", "writer")).collect()
}
