//! Purges syncs that were deleted long ago, with all their rows: children first and the sync's own row last, so that
//! the next purge finds a sync again if this one is killed.
//!
//! Tombstones and open conflicts are removed too, since the sync will never run again. Unfinished work keeps a sync: a
//! run that is not over, or a write that its sender may still be making.

use std::time::Instant;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use syncline_sql::{marks, pieces, statement};

use super::{Kind, Purge};

/// The tables with rows of links, by `link_id`. Chains are removed from the end, so that the rest of a chain stays
/// whole.
const OF_LINKS: [(&str, &str, &str); 4] = [
    ("status_history", "id", "id"),
    ("sync_changes", "id", "link_id, seq DESC"),
    ("sync_conflicts", "id", "id"),
    ("sync_change_checkpoints", "link_id", "link_id"),
];
/// The tables with rows of syncs; few rows each.
const OF_SYNCS: [&str; 3] = ["sync_cursors", "schedules", "sync_config_revisions"];

impl Purge<'_> {
    pub(super) async fn deleted_syncs(&mut self) -> Result<(), DbErr> {
        let Some(before) = self.retention.deleted_syncs.cutoff(self.now) else { return Ok(()) };
        let sql = "SELECT c.id, CASE WHEN EXISTS (SELECT 1 FROM sync_history h WHERE h.sync_config_id = c.id \
                   AND h.completed_at IS NULL) THEN 'unfinished_run' \
                   WHEN EXISTS (SELECT 1 FROM sync_metadata m WHERE m.sync_config_id = c.id \
                   AND m.intent_deadline IS NOT NULL AND m.intent_deadline > ?) THEN 'open_intent' END AS kept \
                   FROM sync_configs c WHERE c.deleted_at < ? ORDER BY c.id";
        let values = [self.now.into(), before.into()];
        for row in self.db.query_all_raw(statement(self.backend(), sql, values)).await? {
            let kept: Option<String> = row.try_get("", "kept")?;
            match kept.as_deref() {
                Some("unfinished_run") => self.report.keep(Kind::DeletedSyncs, "unfinished_run", 1),
                Some(_) => self.report.keep(Kind::DeletedSyncs, "open_intent", 1),
                None if self.is_dry() => self.count_deleted(row.try_get("", "id")?).await?,
                None => self.remove_deleted(row.try_get("", "id")?).await?,
            }
        }
        Ok(())
    }

    async fn count_deleted(&mut self, sync: i64) -> Result<(), DbErr> {
        let links = "(SELECT m.id FROM sync_metadata m WHERE m.sync_config_id = ?)";
        let of_links =
            OF_LINKS.map(|(table, ..)| format!("SELECT COUNT(*) AS n FROM {table} WHERE link_id IN {links}"));
        let of_syncs = ["sync_history", "sync_metadata"]
            .into_iter()
            .chain(OF_SYNCS)
            .map(|table| format!("SELECT COUNT(*) AS n FROM {table} WHERE sync_config_id = ?"));
        for sql in of_links.into_iter().chain(of_syncs) {
            let row = self.db.query_one_raw(statement(self.backend(), &sql, [sync.into()])).await?;
            let rows: i64 = row.map_or(Ok(0), |row| row.try_get("", "n"))?;
            self.report.remove(Kind::OfDeletedSyncs, u64::try_from(rows).unwrap_or_default());
        }
        self.report.remove(Kind::DeletedSyncs, 1);
        Ok(())
    }

    async fn remove_deleted(&mut self, sync: i64) -> Result<(), DbErr> {
        let runs = "SELECT id FROM sync_history WHERE sync_config_id = ? AND id > ? ORDER BY id";
        if !self.batches(sync, runs, Part::Runs).await? {
            return Ok(());
        }
        let links = "SELECT id FROM sync_metadata WHERE sync_config_id = ? AND id > ? ORDER BY id";
        if !self.batches(sync, links, Part::Links).await? {
            return Ok(());
        }
        let Some(tx) = self.begin_alone().await? else { return Ok(()) };
        let began = Instant::now();
        let mut gone = 0;
        for table in OF_SYNCS {
            gone +=
                execute(&tx, &format!("DELETE FROM {table} WHERE sync_config_id = ?"), [sync.into()]).await?;
        }
        execute(&tx, "DELETE FROM sync_configs WHERE id = ?", [sync.into()]).await?;
        self.watch.reached("purge_removed").await;
        tx.commit().await?;
        self.watch.reached("purge_batch").await;
        self.report.remove(Kind::OfDeletedSyncs, gone);
        self.report.remove(Kind::DeletedSyncs, 1);
        self.rest(gone, began.elapsed()).await;
        Ok(())
    }

    /// Removes the rows that a query lists, batch by batch. Returns false if the purge was stopped before the end.
    async fn batches(&mut self, sync: i64, list: &str, part: Part) -> Result<bool, DbErr> {
        let mut last = i64::MIN;
        while self.goes_on() {
            let size = self.pace.size();
            let sql = format!("{list} LIMIT {size}");
            let rows =
                self.db.query_all_raw(statement(self.backend(), &sql, [sync.into(), last.into()])).await?;
            let ids = rows.iter().map(|row| row.try_get("", "id")).collect::<Result<Vec<i64>, _>>()?;
            let Some(end) = ids.last() else { return Ok(true) };
            last = *end;
            if part == Part::Links && !self.remove_of_links(&ids, size).await? {
                return Ok(false);
            }
            if !self.remove_ids(part, &ids).await? {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Returns false if the purge was stopped before.
    async fn remove_ids(&mut self, part: Part, ids: &[i64]) -> Result<bool, DbErr> {
        let Some(tx) = self.begin_alone().await? else { return Ok(false) };
        let began = Instant::now();
        let mut gone = 0;
        for piece in pieces(ids) {
            let marks = marks(piece.len());
            let values = || piece.iter().map(|id| Value::from(*id));
            if part == Part::Runs {
                // Dead letters of a removed sync: a replay could only fail.
                let letters = format!(
                    "DELETE FROM jobs WHERE state = 'dead' AND id IN (SELECT run_uid FROM sync_history WHERE id IN ({marks}))"
                );
                execute(&tx, &letters, values()).await?;
            }
            gone += execute(&tx, &format!("DELETE FROM {} WHERE id IN ({marks})", part.table()), values())
                .await?;
        }
        self.watch.reached("purge_removed").await;
        tx.commit().await?;
        self.watch.reached("purge_batch").await;
        self.report.remove(Kind::OfDeletedSyncs, gone);
        self.rest(gone, began.elapsed()).await;
        Ok(true)
    }

    /// Removes the rows of links. Returns false if the purge was stopped before the end.
    async fn remove_of_links(&mut self, links: &[i64], size: usize) -> Result<bool, DbErr> {
        for (table, key, order) in OF_LINKS {
            for piece in pieces(links) {
                let sql = format!(
                    "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE link_id IN ({}) \
                     ORDER BY {order} LIMIT {size})",
                    marks(piece.len())
                );
                loop {
                    let Some(tx) = self.begin_alone().await? else { return Ok(false) };
                    let began = Instant::now();
                    let gone = execute(&tx, &sql, piece.iter().map(|id| Value::from(*id))).await?;
                    if gone > 0 {
                        self.watch.reached("purge_removed").await;
                        tx.commit().await?;
                        self.watch.reached("purge_batch").await;
                    }
                    self.report.remove(Kind::OfDeletedSyncs, gone);
                    if gone < size as u64 {
                        break;
                    }
                    self.rest(gone, began.elapsed()).await;
                }
            }
        }
        Ok(true)
    }
}

/// The kinds of rows of which a deleted sync has many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Runs,
    Links,
}

impl Part {
    fn table(self) -> &'static str {
        match self {
            Part::Runs => "sync_history",
            Part::Links => "sync_metadata",
        }
    }
}

async fn execute(
    tx: &DatabaseTransaction,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DbErr> {
    Ok(tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?.rows_affected())
}
