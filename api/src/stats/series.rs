//! Numbers of runs over time, for charts.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, Value};
use serde::Serialize;
use syncline_entity::{histogram::Histogram, types::Span};
use utoipa::ToSchema;

use super::{
    Durations, StatsFilter,
    pieces::{FINISHED, SUMMED},
    scope::Scope,
};
use crate::schema::one_of;

/// The most points of a series.
const MOST: i64 = 2_000;

/// The numbers of the runs that ended in each span of time. Spans without such runs are left out, and plan runs are not
/// counted.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "window": "7d", "step": "day", "since": "2026-11-13T13:44:17Z", "until": "2026-11-20T13:44:17Z", "points": [{
    "at": "2026-11-20T00:00:00Z", "runs_completed": 4, "runs_failed": 0, "runs_cancelled": 0, "runs_held": 0,
    "runs_succeeded": 4, "items_synced": 12, "items_failed": 0, "items_skipped": 1, "created": 2, "updated": 3,
    "deleted": 0, "conflicts": 0, "api_calls": 40, "duration_ms": { "p50": 11, "p95": 13, "max": 13 } }],
})))]
pub struct Series {
    /// The window in the form of the request.
    pub window: String,
    /// The length of a span.
    #[schema(schema_with = steps)]
    pub step: &'static str,
    /// The beginning of the window; none for all time.
    pub since: Option<DateTime<Utc>>,
    pub until: DateTime<Utc>,
    /// In order of time.
    pub points: Vec<Point>,
}

pub(crate) fn steps() -> utoipa::openapi::Schema {
    one_of(["hour", "day", "month"])
}

/// The runs that ended in one span.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[allow(missing_docs, reason = "the fields are the columns of sync_stats")]
pub struct Point {
    /// The beginning of the span, in UTC.
    pub at: DateTime<Utc>,
    pub runs_completed: i64,
    pub runs_failed: i64,
    pub runs_cancelled: i64,
    pub runs_held: i64,
    /// Runs without a failed item.
    pub runs_succeeded: i64,
    pub items_synced: i64,
    pub items_failed: i64,
    pub items_skipped: i64,
    pub created: i64,
    pub updated: i64,
    pub deleted: i64,
    pub conflicts: i64,
    pub api_calls: i64,
    /// None if no run of the span began.
    pub duration_ms: Option<Durations>,
}

/// Computes a series. The first span is the one in which the window begins.
pub async fn series(db: &impl ConnectionTrait, filter: &StatsFilter, span: Span) -> Result<Series, DbErr> {
    let until = Utc::now();
    let since = filter.window.since(until);
    let columns = SUMMED.into_iter().chain(FINISHED.into_iter().map(|(_, column)| column));
    // On PostgreSQL the sum of bigints is a numeric, hence the casts.
    let sums: String = columns.map(|name| format!("CAST(SUM(s.{name}) AS bigint) AS {name}, ")).collect();
    let joined = match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => "string_agg",
        _ => "group_concat",
    };
    let begin = since.map(|since| span.begin_of(since));
    let within = if begin.is_some() { " AND s.bucket >= ?" } else { "" };
    let sql = format!(
        "SELECT s.bucket, {sums}MAX(s.duration_max_ms) AS longest, COALESCE({joined}(s.durations, ' '), '') AS durations \
         FROM sync_stats s WHERE s.sync_config_id IN (SELECT c.id {{syncs}}) AND s.span = '{span}'{within} \
         GROUP BY s.bucket ORDER BY s.bucket DESC LIMIT {MOST}",
    );
    let rows = Scope::new(filter).all(db, &sql, begin.map(Value::from)).await?;
    let mut points = Vec::with_capacity(rows.len());
    for row in rows.iter().rev() {
        let count = |name: &str| row.try_get::<i64>("", name);
        let (mut durations, longest) = (Histogram::default(), count("longest")?);
        let text: String = row.try_get("", "durations")?;
        durations.add_text(&text).map_err(|error| DbErr::Type(format!("sync_stats.durations: {error}")))?;
        points.push(Point {
            at: row.try_get("", "bucket")?,
            runs_completed: count("runs_completed")?,
            runs_failed: count("runs_failed")?,
            runs_cancelled: count("runs_cancelled")?,
            runs_held: count("runs_held")?,
            runs_succeeded: count("runs_succeeded")?,
            items_synced: count("items_synced")?,
            items_failed: count("items_failed")?,
            items_skipped: count("items_skipped")?,
            created: count("created")?,
            updated: count("updated")?,
            deleted: count("deleted")?,
            conflicts: count("conflicts")?,
            api_calls: count("api_calls")?,
            duration_ms: durations.percentile(50).zip(durations.percentile(95)).map(|(p50, p95)| Durations {
                p50: p50.min(longest),
                p95: p95.min(longest),
                max: longest,
            }),
        });
    }
    let step = span.as_str();
    Ok(Series { window: filter.window.to_string(), step, since, until, points })
}
