//! Purges the kinds for which age, or age and count, is nearly the only rule.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Value};
use serde_json::json;
use syncline_sql::statement;

use super::{
    Count, Kind, Purge,
    sweep::{OF_DELETED_LINK, Sweep, Walk},
};

impl Purge<'_> {
    pub(super) async fn rest_of_tables(&mut self) -> Result<(), DbErr> {
        let limits = self.retention.clone();
        if let Some(before) = limits.conflicts.cutoff(self.now) {
            self.conflicts(before).await?;
        }
        if let Some(before) = limits.changes.cutoff(self.now) {
            self.status_history(before).await?;
        }
        self.deliveries().await?;
        let keys = Sweep {
            kind: Kind::IdempotencyKeys,
            table: "idempotency_keys",
            // Each key has its own expiry.
            walk: Walk::by_time("expires_at", self.now),
            ..Sweep::default()
        };
        self.sweep(keys).await?;
        if let Some(before) = limits.audit.cutoff(self.now) {
            let walk = Walk::by_time("at", before);
            self.sweep(Sweep { kind: Kind::AuditLog, table: "audit_log", walk, ..Sweep::default() }).await?;
        }
        if let Some(before) = limits.runs.cutoff(self.now) {
            // One that is not over has no end.
            let walk = Walk::by_time("completed_at", before);
            self.sweep(Sweep { kind: Kind::Operations, table: "operations", walk, ..Sweep::default() })
                .await?;
        }
        self.events().await
    }

    /// Purges conflicts that were resolved long ago.
    async fn conflicts(&mut self, before: DateTime<Utc>) -> Result<(), DbErr> {
        let sweep = Sweep {
            kind: Kind::Conflicts,
            table: "sync_conflicts",
            walk: Walk::by_time("resolved_at", before),
            filter: "r.resolved = true",
            verdict: format!("CASE WHEN {OF_DELETED_LINK} THEN '-' END"),
            verdict_values: vec![self.deleted_before().into()],
            ..Sweep::default()
        };
        self.sweep(sweep).await
    }

    /// Purges entries of the status history that ended long ago. Those of a link with an open conflict stay: they help
    /// to resolve it.
    async fn status_history(&mut self, before: DateTime<Utc>) -> Result<(), DbErr> {
        let sweep = Sweep {
            kind: Kind::StatusHistory,
            table: "status_history",
            walk: Walk::by_time("left_at", before),
            filter: "r.left_at IS NOT NULL",
            verdict: format!(
                "CASE WHEN {OF_DELETED_LINK} THEN '-' WHEN EXISTS (SELECT 1 FROM sync_conflicts x \
                 WHERE x.link_id = r.link_id AND x.resolved = false) THEN 'open_conflict' END"
            ),
            verdict_values: vec![self.deleted_before().into()],
            reasons: &["open_conflict"],
            ..Sweep::default()
        };
        self.sweep(sweep).await
    }

    /// Purges deliveries by age and by count. An unprocessed one stays, since it is the only record of the platform's
    /// event.
    async fn deliveries(&mut self) -> Result<(), DbErr> {
        let by_age = self.retention.deliveries.cutoff(self.now).map(|at| (at, i64::MIN));
        let by_count = match self.retention.deliveries_count {
            Count::All => None,
            Count::Newest(count) => self.pushed_out("webhook_deliveries", "received_at", count).await?,
        };
        let Some(until) = by_age.max(by_count) else { return Ok(()) };
        let sweep = Sweep {
            kind: Kind::Deliveries,
            table: "webhook_deliveries",
            walk: Walk::Time { column: "received_at", until },
            verdict: "CASE WHEN r.status = 'received' THEN 'not_processed' END".to_owned(),
            reasons: &["not_processed"],
            ..Sweep::default()
        };
        self.sweep(sweep).await
    }

    /// Returns the end of the rows beyond the newest `count`; `None` if there are not that many.
    pub(super) async fn pushed_out(
        &self,
        table: &str,
        column: &str,
        count: u64,
    ) -> Result<Option<(DateTime<Utc>, i64)>, DbErr> {
        let sql = format!(
            "SELECT {column} AS at, id FROM {table} ORDER BY {column} DESC, id DESC LIMIT 1 OFFSET {count}"
        );
        let row = self.db.query_one_raw(statement(self.backend(), &sql, Vec::<Value>::new())).await?;
        row.map(|row| Ok((row.try_get("", "at")?, row.try_get::<i64>("", "id")? + 1))).transpose()
    }

    /// Writes the removed rows, by kind, to the audit log.
    pub(super) async fn note(&self) -> Result<(), DbErr> {
        if self.is_dry() || self.report.removed() == 0 {
            return Ok(());
        }
        let details = json!({
            "complete": self.report.complete,
            "removed": self
                .report
                .kinds
                .iter()
                .filter(|(_, tally)| tally.removed > 0)
                .map(|(kind, tally)| (kind.as_str().to_owned(), json!(tally.removed)))
                .collect::<serde_json::Map<_, _>>(),
        });
        let sql = "INSERT INTO audit_log (at, actor, action, subject_kind, details) VALUES (?, ?, ?, ?, ?)";
        let values: [Value; 5] =
            [self.now.into(), self.actor.into(), "purge".into(), "database".into(), details.into()];
        self.db.execute_raw(statement(self.backend(), sql, values)).await?;
        Ok(())
    }
}
