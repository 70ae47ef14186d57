//! What must hold after any crash, read from the places themselves and from Syncline's database.

use std::path::Path;

use anyhow::{Result, ensure};
use sqlx::{
    PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use syncline_support::{
    places::{Items, Table, read_csv},
    program::Program,
};

/// Syncline's database, read from outside.
pub(crate) enum Ledger {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Ledger {
    pub(crate) async fn open(file: &Path) -> Result<Ledger> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .read_only(true)
            .busy_timeout(std::time::Duration::from_secs(10));
        Ok(Ledger::Sqlite(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?))
    }

    pub(crate) async fn open_postgres(url: &str) -> Result<Ledger> {
        Ok(Ledger::Postgres(PgPoolOptions::new().max_connections(1).connect(url).await?))
    }

    async fn number(&self, sql: &'static str) -> Result<i64> {
        Ok(match self {
            Ledger::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await?,
            Ledger::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await?,
        })
    }

    /// Change rows so far, without those of writes that never happened.
    pub(crate) async fn changes(&self) -> Result<i64> {
        self.number("SELECT COUNT(*) FROM sync_changes WHERE state <> 'not_written'").await
    }

    /// Changes that were purged.
    pub(crate) async fn purged(&self) -> Result<i64> {
        self.number("SELECT CAST(COALESCE(SUM(purged), 0) AS bigint) FROM sync_change_checkpoints").await
    }

    /// Whether somebody on the server has begun a transaction and does nothing in it.
    pub(crate) async fn is_held(&self) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'idle in transaction' \
                   AND datname = current_database() AND state_change < now() - interval '1 second'";
        Ok(self.number(sql).await? > 0)
    }

    /// Nothing is half-done.
    pub(crate) async fn check_settled(&self) -> Result<()> {
        let unsettled = "SELECT COUNT(*) FROM sync_changes WHERE state NOT IN ('confirmed', 'not_written')";
        let unsettled = self.number(unsettled).await?;
        ensure!(unsettled == 0, "{unsettled} change rows are not confirmed");
        let intents = self
            .number("SELECT COUNT(*) FROM sync_metadata WHERE intent_id IS NOT NULL OR intent_deadline IS NOT NULL")
            .await?;
        ensure!(intents == 0, "{intents} intents are open");
        let pending = self
            .number("SELECT COUNT(*) FROM sync_metadata WHERE sync_status IN ('pending', 'in_progress', 'failed')")
            .await?;
        ensure!(pending == 0, "{pending} links are unfinished");
        let jobs = self.number("SELECT COUNT(*) FROM jobs WHERE state <> 'dead'").await?;
        ensure!(jobs == 0, "{jobs} jobs are left in the queue");
        // Each value was written once: no row of a change that happened repeats the one before it.
        let doubled = self
            .number(
                "SELECT COUNT(*) FROM sync_changes AS a JOIN sync_changes AS b ON a.link_id = b.link_id \
                 AND a.side = b.side AND COALESCE(a.field, '') = COALESCE(b.field, '') AND b.seq > a.seq \
                 AND a.after IS NOT DISTINCT FROM b.after AND a.before IS NOT DISTINCT FROM b.before \
                 AND a.state <> 'not_written' AND b.state <> 'not_written'",
            )
            .await?;
        ensure!(doubled == 0, "{doubled} change rows stand twice");
        // The chain of each link is whole: every row names the hash of the one before it, or of the checkpoint that a
        // purge left in its place.
        let broken = self
            .number(
                "SELECT COUNT(*) FROM sync_changes AS c WHERE COALESCE(c.prev_hash, '') <> COALESCE((SELECT p.hash \
                 FROM sync_changes AS p WHERE p.link_id = c.link_id AND p.seq = c.seq - 1), (SELECT k.hash \
                 FROM sync_change_checkpoints AS k WHERE k.link_id = c.link_id AND k.seq = c.seq - 1), '')",
            )
            .await?;
        ensure!(broken == 0, "{broken} change rows do not follow from the one before");
        Ok(())
    }
}

/// Whether nobody holds a SQLite file's lock for writing.
pub(crate) async fn is_free(file: &Path) -> Result<bool> {
    let options =
        SqliteConnectOptions::new().filename(file).busy_timeout(std::time::Duration::from_millis(50));
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    let free = sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&pool).await.is_ok();
    pool.close().await;
    Ok(free)
}

/// Both places hold the same items, and these are the ones expected.
pub(crate) async fn check_in_step(program: &Program, expected: Option<&Items>) -> Result<()> {
    let file = read_csv(&program.path("backlog.csv"))?;
    let table = Table::open(&program.path("tasks.db")).await?.read().await?;
    for (key, item) in &file {
        ensure!(table.get(key) == Some(item), "{key}: file {item:?}, table {:?}", table.get(key));
    }
    ensure!(file.len() == table.len(), "the file has {} items, the table {}", file.len(), table.len());
    if let Some(expected) = expected {
        ensure!(file == *expected, "the places agree with each other, but not with what people wrote");
    }
    Ok(())
}
