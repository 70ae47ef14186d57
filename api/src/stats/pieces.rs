//! The ranges that a window is composed of.
//!
//! A window ends now, so only its beginning lies within an hour, a day and a month: whole months are read from their
//! aggregates, then the days before the first of them, the hours before the first of those, and the part of an hour at
//! the very beginning from the runs themselves. Runs that are not aggregated yet are read from their rows, wherever
//! they end; unfinished runs have their own index.

use chrono::{DateTime, Utc};
use sea_orm::DbBackend;
use syncline_entity::types::{RunStatus, Span};

/// The statuses of finished runs, and the columns of `sync_stats` that count them.
pub(super) const FINISHED: [(RunStatus, &str); 4] = [
    (RunStatus::Completed, "runs_completed"),
    (RunStatus::Failed, "runs_failed"),
    (RunStatus::Cancelled, "runs_cancelled"),
    (RunStatus::Held, "runs_held"),
];

/// The statuses of unfinished runs, and the columns of the query that count them.
pub(super) const UNFINISHED: [(RunStatus, &str); 2] =
    [(RunStatus::Queued, "runs_queued"), (RunStatus::InProgress, "runs_in_progress")];

/// The sums over finished runs, in the order of `Tally::summed`.
pub(super) const SUMMED: [&str; 10] = [
    "items_synced",
    "items_failed",
    "items_skipped",
    "created",
    "updated",
    "deleted",
    "conflicts",
    "api_calls",
    "runs_succeeded",
    "duration_sum_ms",
];

/// A query for the numbers of each sync's runs within a window.
pub(super) struct Pieces {
    /// Contains `{syncs}` where the syncs are selected.
    pub(super) sql: String,
    /// The values of the placeholders after `{syncs}`.
    pub(super) values: Vec<DateTime<Utc>>,
}

impl Pieces {
    pub(super) fn of(since: Option<DateTime<Utc>>, backend: DbBackend) -> Self {
        let mut pieces = vec![unfinished()];
        let mut values = Vec::new();
        let ended = ended();
        let late = "h.rolled_up = FALSE AND h.completed_at IS NOT NULL";
        match since {
            None => {
                pieces.push(rolled_up(Span::Month, ""));
                pieces.push(runs(&ended, late));
            }
            Some(since) => {
                let hour = Span::Hour.begin_from(since);
                let day = Span::Day.begin_from(hour);
                let month = Span::Month.begin_from(day);
                pieces.push(rolled_up(Span::Month, " AND s.bucket >= ?"));
                pieces.push(rolled_up(Span::Day, " AND s.bucket >= ? AND s.bucket < ?"));
                pieces.push(rolled_up(Span::Hour, " AND s.bucket >= ? AND s.bucket < ?"));
                pieces.push(runs(&ended, "h.completed_at >= ? AND h.completed_at < ?"));
                // The function keeps the index of all that ended from being used, which is large.
                pieces
                    .push(runs(&ended, &format!("{late} AND COALESCE(h.completed_at, h.completed_at) >= ?")));
                values.extend([month, day, month, hour, day, since, hour, hour]);
            }
        }
        let joined = if backend == DbBackend::Postgres { "string_agg" } else { "group_concat" };
        // On PostgreSQL the sum of bigints is a numeric, hence the casts.
        let sums: String = counted().map(|name| format!("CAST(SUM({name}) AS bigint) AS {name}, ")).collect();
        let sql = format!(
            "WITH syncs AS (SELECT c.id {{syncs}}) SELECT sync_config_id, {sums}MAX(duration_max_ms) AS duration_max_ms, \
             COALESCE({joined}(durations, ' '), '') AS durations FROM ({}) AS pieces GROUP BY sync_config_id",
            pieces.join(" UNION ALL ")
        );
        Self { sql, values }
    }
}

fn counted() -> impl Iterator<Item = &'static str> {
    SUMMED.into_iter().chain(FINISHED.into_iter().chain(UNFINISHED).map(|(_, column)| column))
}

fn rolled_up(span: Span, within: &str) -> String {
    let columns: String = counted()
        .map(|name| match UNFINISHED.iter().any(|(_, column)| *column == name) {
            true => format!("0 AS {name}, "),
            false => format!("s.{name}, "),
        })
        .collect();
    format!(
        "SELECT s.sync_config_id, {columns}s.duration_max_ms, s.durations FROM syncs \
         JOIN sync_stats s ON s.sync_config_id = syncs.id WHERE s.span = '{span}'{within}"
    )
}

/// Selects runs other than plans.
fn runs(columns: &str, which: &str) -> String {
    format!(
        "SELECT h.sync_config_id, {columns} FROM syncs JOIN sync_history h ON h.sync_config_id = syncs.id \
         WHERE {which} AND h.kind <> 'plan'"
    )
}

/// A finished run, in the columns of `sync_stats`.
fn ended() -> String {
    let columns: String = counted()
        .map(|name| match (status_of(name), name) {
            (Some(status), _) => format!("CASE WHEN h.status = '{status}' THEN 1 ELSE 0 END AS {name}, "),
            (None, "runs_succeeded") => format!("CASE WHEN h.success THEN 1 ELSE 0 END AS {name}, "),
            (None, "duration_sum_ms") => format!("COALESCE(h.duration_ms, 0) AS {name}, "),
            _ => format!("h.{name}, "),
        })
        .collect();
    columns
        + "COALESCE(h.duration_ms, 0) AS duration_max_ms, \
               COALESCE(CAST(h.duration_ms AS text) || ':1', '') AS durations"
}

/// Unfinished runs are only counted: the next attempt of one may start its numbers again. They are counted before anything
/// is joined to them, from their index alone, since there may be very many.
fn unfinished() -> String {
    let columns: String = counted()
        .map(|name| match status_of(name) {
            Some(status) => format!("CASE WHEN u.status = '{status}' THEN u.number ELSE 0 END AS {name}, "),
            None => format!("0 AS {name}, "),
        })
        .collect();
    format!(
        "SELECT u.sync_config_id, {columns}0 AS duration_max_ms, '' AS durations FROM syncs \
         JOIN (SELECT sync_config_id, status, COUNT(*) AS number FROM sync_history WHERE completed_at IS NULL \
         AND status IN ('queued', 'in_progress') AND kind <> 'plan' GROUP BY sync_config_id, status) u \
         ON u.sync_config_id = syncs.id"
    )
}

fn status_of(name: &str) -> Option<RunStatus> {
    FINISHED.into_iter().chain(UNFINISHED).find(|(_, column)| *column == name).map(|(status, _)| status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_its_value() {
        for since in [None, Some(Utc::now()), Some(DateTime::<Utc>::MIN_UTC), Some(DateTime::<Utc>::MAX_UTC)]
        {
            let pieces = Pieces::of(since, DbBackend::Sqlite);
            assert_eq!(pieces.sql.matches('?').count(), pieces.values.len(), "{}", pieces.sql);
            assert_eq!(pieces.sql.matches("{syncs}").count(), 1);
        }
    }
}
