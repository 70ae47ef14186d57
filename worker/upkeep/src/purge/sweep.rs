//! Sweeps single rows of a table: reads them in the order of an index, decides, and removes.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Value};
use syncline_sql::{begin, marks, pieces, statement};

use super::{Kind, Purge};

/// The condition that the row's link belongs to a sync that is purged completely. Takes the time before which that sync
/// was deleted.
pub(super) const OF_DELETED_LINK: &str = "(SELECT m.sync_config_id FROM sync_metadata m WHERE m.id = r.link_id) \
     IN (SELECT c.id FROM sync_configs c WHERE c.deleted_at < ?)";
/// The condition that the row's sync is purged completely. Takes the time before which that sync was deleted.
pub(super) const OF_DELETED_SYNC: &str =
    "r.sync_config_id IN (SELECT c.id FROM sync_configs c WHERE c.deleted_at < ?)";

/// The order in which rows are read, and its end.
#[derive(Debug, Clone)]
pub(super) enum Walk {
    /// By a time column, then by id, up to this pair, exclusive.
    Time { column: &'static str, until: (DateTime<Utc>, i64) },
    /// By id, up to this one, inclusive, within one sync.
    Sync { sync: i64, until: i64 },
}

impl Default for Walk {
    fn default() -> Self {
        Walk::by_time("at", DateTime::UNIX_EPOCH)
    }
}

impl Walk {
    pub(super) fn by_time(column: &'static str, before: DateTime<Utc>) -> Walk {
        Walk::Time { column, until: (before, i64::MIN) }
    }

    /// Returns the condition for the rows after `last` and before the end, its values, and the order.
    pub(super) fn condition(&self, last: Option<(DateTime<Utc>, i64)>) -> (String, Vec<Value>, String) {
        match self {
            Walk::Time { column, until: (at, id) } => {
                let mut condition = format!("r.{column} <= ? AND (r.{column} < ? OR r.id < ?)");
                let mut values: Vec<Value> = vec![(*at).into(), (*at).into(), (*id).into()];
                if let Some((at, id)) = last {
                    condition += &format!(" AND r.{column} >= ? AND (r.{column} > ? OR r.id > ?)");
                    values.extend([at.into(), at.into(), id.into()]);
                }
                (condition, values, format!("r.{column}, r.id"))
            }
            Walk::Sync { sync, until } => {
                let mut condition = "r.sync_config_id = ? AND r.id <= ?".to_owned();
                let mut values: Vec<Value> = vec![(*sync).into(), (*until).into()];
                if let Some((_, id)) = last {
                    condition += " AND r.id > ?";
                    values.push(id.into());
                }
                (condition, values, "r.id".to_owned())
            }
        }
    }

    /// Returns the column that is read with the id.
    fn column(&self) -> &'static str {
        match self {
            Walk::Time { column, .. } => column,
            Walk::Sync { .. } => "completed_at",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Sweep {
    pub(super) kind: Kind,
    /// The table, whose key is `id`; the other fields name it `r`.
    pub(super) table: &'static str,
    pub(super) walk: Walk,
    /// The condition for rows to read.
    pub(super) filter: &'static str,
    /// Why a row stays; null if it may be removed, and `-` if it is not counted here.
    pub(super) verdict: String,
    pub(super) verdict_values: Vec<Value>,
    /// The ids of rows that stay, known in advance, and the reason.
    pub(super) stay: (HashSet<i64>, &'static str),
    /// The reasons that `verdict` may return.
    pub(super) reasons: &'static [&'static str],
    /// Runs that ended before this time are left to another sweep.
    pub(super) since: Option<DateTime<Utc>>,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            kind: Kind::Runs,
            table: "",
            walk: Walk::default(),
            filter: "1 = 1",
            verdict: "NULL".to_owned(),
            verdict_values: Vec::new(),
            stay: (HashSet::new(), ""),
            reasons: &[],
            since: None,
        }
    }
}

/// The decisions about a batch of rows.
#[derive(Debug, Default)]
struct Judged {
    go: Vec<i64>,
    last: Option<(DateTime<Utc>, i64)>,
    kept: HashMap<&'static str, u64>,
    rows: usize,
}

impl Purge<'_> {
    /// Sweeps from the beginning to the end of the walk.
    pub(super) async fn sweep(&mut self, sweep: Sweep) -> Result<(), DbErr> {
        let mut last = None;
        while self.goes_on() {
            let size = self.pace.size();
            let judged = self.judge(&sweep, last, size).await?;
            // A time that is not stored in our format does not compare as it parses, and would be read again and again.
            let stuck = judged.last == last;
            last = judged.last;
            for (reason, rows) in judged.kept {
                self.report.keep(sweep.kind, reason, rows);
            }
            let began = Instant::now();
            let gone = match judged.go.as_slice() {
                go if self.is_dry() => go.len() as u64,
                [] => 0,
                go => {
                    let tx = begin(self.db).await?;
                    let gone = remove(&tx, sweep.table, go).await?;
                    self.watch.reached("purge_removed").await;
                    tx.commit().await?;
                    self.watch.reached("purge_batch").await;
                    gone
                }
            };
            self.report.remove(sweep.kind, gone);
            self.rest(gone, began.elapsed()).await;
            if judged.rows < size || stuck {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn judge(
        &self,
        sweep: &Sweep,
        last: Option<(DateTime<Utc>, i64)>,
        size: usize,
    ) -> Result<Judged, DbErr> {
        let (mut condition, mut values, order) = sweep.walk.condition(last);
        if let Some(since) = sweep.since {
            condition += " AND r.completed_at >= ?";
            values.push(since.into());
        }
        let sql = format!(
            "SELECT r.id, r.{column} AS walked, {verdict} AS kept FROM {table} r \
             WHERE {filter} AND {condition} ORDER BY {order} LIMIT {size}",
            column = sweep.walk.column(),
            verdict = sweep.verdict,
            table = sweep.table,
            filter = sweep.filter,
        );
        let values = sweep.verdict_values.iter().cloned().chain(values);
        let rows = self.db.query_all_raw(statement(self.backend(), &sql, values)).await?;
        let mut judged = Judged { rows: rows.len(), last, ..Judged::default() };
        for row in &rows {
            let id: i64 = row.try_get("", "id")?;
            judged.last = Some((row.try_get("", "walked")?, id));
            match kept(sweep, row, id)? {
                None => judged.go.push(id),
                Some("-") => {}
                Some(reason) => *judged.kept.entry(reason).or_default() += 1,
            }
        }
        Ok(judged)
    }
}

fn kept(sweep: &Sweep, row: &QueryResult, id: i64) -> Result<Option<&'static str>, DbErr> {
    let verdict: Option<String> = row.try_get("", "kept")?;
    let known = |verdict: &String| {
        ["-"].iter().chain(sweep.reasons).find(|reason| *reason == verdict).copied().unwrap_or("needed")
    };
    let verdict = verdict.as_ref().map(known);
    let (rows, reason) = &sweep.stay;
    Ok(verdict.or_else(|| rows.contains(&id).then_some(*reason)))
}

/// Removes rows by id, except those that another transaction has locked.
pub(super) async fn remove(tx: &DatabaseTransaction, table: &str, ids: &[i64]) -> Result<u64, DbErr> {
    let backend = tx.get_database_backend();
    let mut gone = 0;
    for piece in pieces(ids) {
        let marks = marks(piece.len());
        let sql = match backend {
            DbBackend::Postgres => format!(
                "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id IN ({marks}) \
                 FOR UPDATE SKIP LOCKED)"
            ),
            _ => format!("DELETE FROM {table} WHERE id IN ({marks})"),
        };
        let values = piece.iter().map(|id| Value::from(*id));
        gone += tx.execute_raw(statement(backend, &sql, values)).await?.rows_affected();
    }
    Ok(gone)
}
