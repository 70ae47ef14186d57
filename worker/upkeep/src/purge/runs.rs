//! Purges runs that are over. Their attempts and approvals are removed with them, by foreign key.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbErr, Value};
use syncline_runs::catch_up;
use syncline_sql::statement;

use super::{
    Count, Kind, Purge,
    sweep::{OF_DELETED_SYNC, Sweep, Walk},
};

const REASONS: &[&str] = &["open_conflict", "open_intent", "dead_letter"];

/// Runs added to the statistics between two checks whether to stop.
const ADDED_AT_ONCE: u64 = 500;

impl Purge<'_> {
    pub(super) async fn runs(&mut self) -> Result<(), DbErr> {
        self.roll_up().await?;
        // Both before any removal, so that a dry run counts the same rows.
        let newest = self.newest_runs().await?;
        let too_many = self.too_many_runs().await?;
        let cutoff = self.retention.runs.cutoff(self.now);
        // A dry run adds no runs to the statistics, and counts as if it had.
        let not_rolled_up = if self.is_dry() { "" } else { "WHEN r.rolled_up = FALSE THEN '-' " };
        let verdict = format!(
            "CASE WHEN {OF_DELETED_SYNC} THEN '-' {not_rolled_up}\
             WHEN EXISTS (SELECT 1 FROM sync_conflicts x WHERE x.resolved = false AND x.run_id = r.run_uid) \
             OR EXISTS (SELECT 1 FROM sync_conflicts x WHERE x.resolved = false AND x.resolve_run_id IS NOT NULL \
             AND x.resolve_run_id = r.run_uid) THEN 'open_conflict' \
             WHEN r.run_uid IN (SELECT m.last_run_id FROM sync_metadata m WHERE m.intent_deadline IS NOT NULL \
             AND m.last_run_id IS NOT NULL) THEN 'open_intent' \
             WHEN r.dead_at IS NOT NULL OR EXISTS (SELECT 1 FROM jobs j WHERE j.id = r.run_uid) THEN 'dead_letter' END"
        );
        let runs = Sweep {
            kind: Kind::Runs,
            table: "sync_history",
            verdict,
            verdict_values: vec![self.deleted_before().into()],
            stay: (newest, "newest_of_sync"),
            reasons: REASONS,
            ..Sweep::default()
        };
        if let Some(before) = cutoff {
            // An unfinished run has no such time, so it is skipped at any age.
            self.sweep(Sweep { walk: Walk::by_time("completed_at", before), ..runs.clone() }).await?;
        }
        for (sync, until) in too_many {
            let walk = Walk::Sync { sync, until };
            let filter = "r.completed_at IS NOT NULL";
            self.sweep(Sweep { walk, filter, since: cutoff, ..runs.clone() }).await?;
        }
        Ok(())
    }

    /// Adds all ended runs to the statistics before any run is removed.
    async fn roll_up(&mut self) -> Result<(), DbErr> {
        while !self.is_dry() && self.goes_on() && catch_up(self.db, ADDED_AT_ONCE).await? == ADDED_AT_ONCE {}
        Ok(())
    }

    /// Returns the newest run of each sync, and the newest one that was not a plan: statistics show them as the last
    /// ones.
    async fn newest_runs(&self) -> Result<HashSet<i64>, DbErr> {
        let sql = "SELECT (SELECT h.id FROM sync_history h WHERE h.sync_config_id = c.id ORDER BY h.id DESC LIMIT 1) \
                   AS newest, (SELECT h.id FROM sync_history h WHERE h.sync_config_id = c.id AND h.kind <> 'plan' \
                   ORDER BY h.id DESC LIMIT 1) AS worked FROM sync_configs c";
        let mut ids = HashSet::new();
        for row in self.db.query_all_raw(statement(self.backend(), sql, [])).await? {
            ids.extend(row.try_get::<Option<i64>>("", "newest")?);
            ids.extend(row.try_get::<Option<i64>>("", "worked")?);
        }
        Ok(ids)
    }

    /// Returns each sync with more runs than its limit, and the newest run past the limit.
    async fn too_many_runs(&self) -> Result<Vec<(i64, i64)>, DbErr> {
        let Count::Newest(count) = self.retention.runs_count else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT s.id, s.last FROM (SELECT c.id, (SELECT h.id FROM sync_history h WHERE h.sync_config_id = c.id \
             ORDER BY h.id DESC LIMIT 1 OFFSET {count}) AS last FROM sync_configs c) s WHERE s.last IS NOT NULL"
        );
        let rows = self.db.query_all_raw(statement(self.backend(), &sql, Vec::<Value>::new())).await?;
        rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "last")?))).collect()
    }
}
