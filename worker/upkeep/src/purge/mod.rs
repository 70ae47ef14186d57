//! Retention: old rows removed in small batches, and never one that something open needs.
//!
//! Every kind is walked in the order of an index, from the oldest row to its limit, and each batch goes on where the one
//! before it ended: a row that stays is looked at once. What a batch may remove is decided outside of the transaction
//! that removes it. That is safe because nothing removable becomes needed again: open conflicts and intents name runs
//! that are not over, and a change that has a settled one behind it is never a chain's end. So the transaction is short,
//! nobody waits for it, and it waits for nobody: rows that another one holds are passed over.
//!
//! A purge that is killed leaves whole batches behind it; the next one goes on from there. Two at once share the work.

mod changes;
mod deleted;
mod others;
mod pace;
mod report;
mod retention;
mod runs;
mod sweep;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr};

pub use report::{Kind, Report, Tally};
pub use retention::{Age, Count, NoAge, NoCount, Retention};

use pace::Pace;
use syncline_sql::{begin, statement};

/// Who looks on while a purge works.
#[async_trait]
pub trait Watch: Send + Sync {
    /// Whether to go on. Asked before every batch.
    fn may_go_on(&self) -> bool {
        true
    }

    /// A batch is done.
    async fn progress(&self, _report: &Report) {}

    /// A step is reached: `purge_removed` with rows removed and nothing committed, `purge_batch` after the commit.
    async fn reached(&self, _step: &'static str) {}
}

/// Nobody looks on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// A purge under way.
struct Purge<'a> {
    db: &'a DatabaseConnection,
    now: DateTime<Utc>,
    retention: &'a Retention,
    actor: &'a str,
    watch: &'a dyn Watch,
    pace: Pace,
    report: Report,
}

/// Removes what is past its limit, or counts it where `dry_run` is set. Answers early, with `complete` false, when the
/// watch says so. The audit log names `actor` for what went.
pub async fn purge(
    db: &DatabaseConnection,
    now: DateTime<Utc>,
    retention: &Retention,
    dry_run: bool,
    actor: &str,
    watch: &dyn Watch,
) -> Result<Report, DbErr> {
    let mut purge = Purge {
        db,
        now,
        retention,
        actor,
        watch,
        pace: Pace::new(dry_run),
        report: Report { dry_run, complete: true, ..Report::default() },
    };
    for kind in Kind::ALL {
        purge.report.kinds.entry(kind).or_default();
    }
    purge.deleted_syncs().await?;
    purge.runs().await?;
    purge.changes().await?;
    purge.rest_of_tables().await?;
    purge.note().await?;
    Ok(purge.report)
}

impl Purge<'_> {
    fn is_dry(&self) -> bool {
        self.report.dry_run
    }

    fn backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    /// Whether to begin another batch.
    fn goes_on(&mut self) -> bool {
        self.report.complete &= self.watch.may_go_on();
        self.report.complete
    }

    /// A batch has ended that removed so many rows, and its transaction took so long. One that removed nothing held nobody
    /// up and says nothing about how many rows the next may take.
    async fn rest(&mut self, gone: u64, took: Duration) {
        if gone == 0 {
            return;
        }
        let pause = self.pace.took(took);
        self.watch.progress(&self.report).await;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }

    /// A transaction while no other purge has one of these. None: stopped meanwhile. On SQLite every writer is alone.
    async fn begin_alone(&mut self) -> Result<Option<DatabaseTransaction>, DbErr> {
        while self.goes_on() {
            let tx = begin(self.db).await?;
            if self.backend() != DbBackend::Postgres {
                return Ok(Some(tx));
            }
            let sql = "SELECT pg_try_advisory_xact_lock(hashtextextended('syncline:purge', 0)) AS alone";
            let row = tx.query_one_raw(statement(DbBackend::Postgres, sql, [])).await?;
            if row.map_or(Ok(false), |row| row.try_get("", "alone"))? {
                return Ok(Some(tx));
            }
            tx.rollback().await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(None)
    }

    /// Since when a sync must be deleted for all of it to go; what belongs to such a sync is no other kind's business.
    fn deleted_before(&self) -> DateTime<Utc> {
        self.retention.deleted_syncs.cutoff(self.now).unwrap_or(DateTime::UNIX_EPOCH)
    }
}
