//! Retention: removes old rows in small batches, but no row that open work needs.
//!
//! Every kind is read in the order of an index, from the oldest row to its limit, and each batch starts where the
//! previous one ended, so a row that stays is read once. What a batch may remove is decided before the transaction that
//! removes it. This is safe because a removable row never becomes needed again: open conflicts and intents name runs
//! that are not over, and a change that is followed by one with a verdict is never the end of a chain. So the
//! transaction is short and neither waits for locks nor makes others wait: rows that another transaction has locked are
//! skipped.
//!
//! A killed purge has removed whole batches; the next one continues. Two concurrent purges share the work.

mod changes;
mod deleted;
mod events;
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

pub use events::events;
pub use report::{Kind, Report, Tally};
pub use retention::{Age, Count, NoAge, NoCount, Retention};

use pace::Pace;
use syncline_sql::{begin, statement};

/// Observes a purge.
#[async_trait]
pub trait Watch: Send + Sync {
    /// True if the purge may continue. Called before every batch.
    fn may_go_on(&self) -> bool {
        true
    }

    /// Called after each batch.
    async fn progress(&self, _report: &Report) {}

    /// Called at each step: `purge_removed` with rows removed and nothing committed, `purge_batch` after the commit.
    async fn reached(&self, _step: &'static str) {}
}

/// No observer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// A running purge.
struct Purge<'a> {
    db: &'a DatabaseConnection,
    now: DateTime<Utc>,
    retention: &'a Retention,
    actor: &'a str,
    watch: &'a dyn Watch,
    pace: Pace,
    report: Report,
}

/// Removes the rows past their limit, or counts them if `dry_run` is set. Returns early, with `complete` false, if
/// `watch` stops it. `actor` is the actor in the audit log.
pub async fn purge(
    db: &DatabaseConnection,
    now: DateTime<Utc>,
    retention: &Retention,
    dry_run: bool,
    actor: &str,
    watch: &dyn Watch,
) -> Result<Report, DbErr> {
    let mut purge = Purge::new(db, now, retention, dry_run, actor, watch);
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

impl<'a> Purge<'a> {
    fn new(
        db: &'a DatabaseConnection,
        now: DateTime<Utc>,
        retention: &'a Retention,
        dry_run: bool,
        actor: &'a str,
        watch: &'a dyn Watch,
    ) -> Purge<'a> {
        let report = Report { dry_run, complete: true, ..Report::default() };
        Purge { db, now, retention, actor, watch, pace: Pace::new(dry_run), report }
    }
}

impl Purge<'_> {
    fn is_dry(&self) -> bool {
        self.report.dry_run
    }

    fn backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    /// True if another batch may begin.
    fn goes_on(&mut self) -> bool {
        self.report.complete &= self.watch.may_go_on();
        self.report.complete
    }

    /// Rests after a batch that removed `gone` rows in a transaction of length `took`. A batch that removed nothing
    /// delayed no other transaction, and does not show how many rows the next one may remove.
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

    /// Begins a transaction while no other purge has one. `None`: the purge was stopped meanwhile. On SQLite there is
    /// only one writer anyway.
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

    /// Returns the time before which a sync must be deleted to be purged completely; other kinds skip the rows of such
    /// a sync.
    fn deleted_before(&self) -> DateTime<Utc> {
        self.retention.deleted_syncs.cutoff(self.now).unwrap_or(DateTime::UNIX_EPOCH)
    }
}
