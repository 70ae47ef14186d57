//! Queries Syncline's database from outside the program.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Result, ensure};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

pub struct Ledger(SqlitePool);

impl Ledger {
    pub async fn open(file: &Path) -> Result<Ledger> {
        let options =
            SqliteConnectOptions::new().filename(file).busy_timeout(std::time::Duration::from_secs(10));
        Ok(Ledger(SqlitePoolOptions::new().max_connections(1).connect_with(options).await?))
    }

    pub async fn number(&self, sql: &'static str) -> Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&self.0).await?)
    }

    pub async fn text(&self, sql: &'static str) -> Result<String> {
        Ok(sqlx::query_scalar(sql).fetch_one(&self.0).await?)
    }

    pub async fn execute(&self, sql: &'static str) -> Result<()> {
        sqlx::query(sql).execute(&self.0).await?;
        Ok(())
    }

    /// Returns the number of change rows, of conflict occurrences, and of changes of links.
    pub async fn written(&self) -> Result<[i64; 3]> {
        Ok([
            self.number("SELECT COUNT(*) FROM sync_changes").await?,
            self.number("SELECT COALESCE(SUM(occurrences), 0) FROM sync_conflicts").await?,
            self.number("SELECT COALESCE(SUM(version), 0) FROM sync_metadata").await?,
        ])
    }

    /// Returns source ids by target ids of the live links. An id in two links is an error.
    pub async fn pairs(&self) -> Result<BTreeMap<String, String>> {
        let sql = "SELECT entity_id, external_id FROM sync_metadata WHERE link_state = 'linked'";
        let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&self.0).await?;
        let pairs: BTreeMap<String, String> = rows.iter().cloned().map(|(s, t)| (t, s)).collect();
        let sources: std::collections::BTreeSet<&String> = rows.iter().map(|(source, _)| source).collect();
        ensure!(pairs.len() == rows.len() && sources.len() == rows.len(), "an item is in two links");
        Ok(pairs)
    }

    /// Returns source ids and fields of all conflicts so far, and whether they are resolved.
    pub async fn conflicts(&self) -> Result<BTreeMap<(String, String), bool>> {
        let sql = "SELECT l.entity_id, COALESCE(c.field, ''), c.resolved FROM sync_conflicts AS c \
                   JOIN sync_metadata AS l ON l.id = c.link_id WHERE l.entity_id IS NOT NULL";
        let rows: Vec<(String, String, bool)> = sqlx::query_as(sql).fetch_all(&self.0).await?;
        Ok(rows.into_iter().map(|(item, field, resolved)| ((item, field), resolved)).collect())
    }

    /// Fails if any work is unfinished.
    pub async fn ensure_settled(&self) -> Result<()> {
        for (what, sql) in [
            (
                "change rows without a verdict",
                "SELECT COUNT(*) FROM sync_changes WHERE state NOT IN ('confirmed', 'not_written')",
            ),
            ("open intents", "SELECT COUNT(*) FROM sync_metadata WHERE intent_id IS NOT NULL"),
            (
                "unfinished links",
                "SELECT COUNT(*) FROM sync_metadata WHERE sync_status IN ('pending', 'in_progress', 'failed')",
            ),
            ("jobs", "SELECT COUNT(*) FROM jobs"),
        ] {
            let count = self.number(sql).await?;
            ensure!(count == 0, "{count} {what}");
        }
        Ok(())
    }
}
