//! `GET /api/v1/sync/stats`: numbers per sync and in total.

use axum::{extract::State, http::StatusCode, response::Response};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};
use syncline_entity::{project, types::Span};
use syncline_service::Caller;
use utoipa::{IntoParams, ToSchema};

use super::jobs::unknown_sync;
use crate::{
    access::By,
    extract::{StrictQuery, up_to, written},
    lately::answered,
    page,
    problem::Problem,
    state::ApiState,
    stats::{Series, Stats, StatsFilter, Window, series as series_of, stats, steps},
};

/// Which numbers to count. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatsQuery {
    /// Only the sync with this name.
    sync: Option<String>,
    /// Only syncs of this project.
    project: Option<String>,
    /// Only syncs with this platform on either side.
    platform: Option<String>,
    /// Only syncs of this type of item.
    entity_type: Option<String>,
    /// Runs that ended within this time: a number and `m`, `h`, `d` or `w`, or `all`; `24h` if it is left out.
    #[param(value_type = Option<String>, pattern = "^(all|[1-9][0-9]{0,8}[mhdw])$", example = "7d")]
    #[serde(default, deserialize_with = "written")]
    window: Option<Window>,
    /// The most syncs of a page; all if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The numbers of a page of syncs, and those of all syncs together.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "window": "24h", "since": "2026-11-19T13:44:17.832345Z", "until": "2026-11-20T13:44:17.832345Z", "syncs": [],
    "by_platform": {}, "by_entity_type": {}, "total": {
    "links": { "pending": 0, "in_progress": 0, "completed": 3, "failed": 0, "skipped": 0, "conflict": 0 },
    "open_conflicts": 0,
    "runs": { "queued": 0, "in_progress": 0, "completed": 4, "failed": 0, "cancelled": 0, "held": 0 },
    "success_rate": 1.0, "duration_ms": { "p50": 11, "p95": 13, "max": 13 }, "items_synced": 4, "items_failed": 0,
    "items_skipped": 5, "created": 3, "updated": 1, "deleted": 0, "conflicts": 1, "api_calls": 16,
    "throughput": 93.0
    }, "next_cursor": null,
})))]
pub(crate) struct StatsPage {
    #[serde(flatten)]
    stats: Stats,
    /// The `cursor` of the next page of `syncs`; none at the end.
    next_cursor: Option<String>,
}

/// Show numbers per sync and in total
#[utoipa::path(
    get,
    path = "/api/v1/sync/stats",
    operation_id = "show_statistics",
    tag = "statistics",
    params(StatsQuery),
    responses((status = 200, description = "The numbers.", body = StatsPage)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(query): StrictQuery<StatsQuery>,
) -> Result<Response, Problem> {
    let (limit, cursor) = (query.limit, query.cursor.clone());
    let filter = filter(&api, &caller, query).await?;
    let list = ("stats", caller.project, format!("{filter:?}"));
    let after = page::place(&api, &list, cursor.as_deref()).await?;
    let (of, name) = (api.clone(), ("stats", filter.clone(), limit, after.clone()));
    let counting = async move {
        let mut stats = stats(&of.db, &filter).await?;
        if let Some(sync) = filter.sync.as_ref().filter(|_| stats.syncs.is_empty()) {
            // An unknown name is probably a typing error.
            return Err(unknown_sync(sync, filter.project.as_deref()));
        }
        let next =
            page::cut(&mut stats.syncs, limit, after, |sync| (sync.project.clone(), sync.sync.clone()));
        let next_cursor = page::next_place(&of, &list, next.as_ref()).await?;
        Ok(StatsPage { stats, next_cursor })
    };
    let runs = |page: &StatsPage| page.stats.total.runs.values().map(|number| number.unsigned_abs()).sum();
    answered(&api, &name, runs, counting).await
}

/// Which numbers to show over time. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeriesQuery {
    /// Only the sync with this name.
    sync: Option<String>,
    /// Only syncs of this project.
    project: Option<String>,
    /// Only syncs with this platform on either side.
    platform: Option<String>,
    /// Only syncs of this type of item.
    entity_type: Option<String>,
    /// Runs that ended within this time: a number and `m`, `h`, `d` or `w`, or `all`; `24h` if it is left out.
    #[param(value_type = Option<String>, pattern = "^(all|[1-9][0-9]{0,8}[mhdw])$", example = "7d")]
    #[serde(default, deserialize_with = "written")]
    window: Option<Window>,
    /// The length of a span; `hour` if it is left out.
    #[param(schema_with = steps)]
    step: Option<Span>,
}

/// Show numbers of runs over time
///
/// Spans in which no run ended are left out; of more than 2,000 spans the latest are shown.
#[utoipa::path(
    get,
    path = "/api/v1/sync/stats/series",
    operation_id = "show_series",
    tag = "statistics",
    params(SeriesQuery),
    responses((status = 200, description = "The numbers of each span.", body = Series)),
)]
pub(crate) async fn series(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(query): StrictQuery<SeriesQuery>,
) -> Result<Response, Problem> {
    let SeriesQuery { sync, project, platform, entity_type, window, step } = query;
    let span = step.unwrap_or(Span::Hour);
    let query = StatsQuery { sync, project, platform, entity_type, window, ..StatsQuery::default() };
    let filter = filter(&api, &caller, query).await?;
    let (db, name) = (api.db.clone(), ("series", filter.clone(), span));
    let counting = async move { Ok(series_of(&db, &filter, span).await?) };
    let runs = |series: &Series| series.points.iter().map(|point| point.runs_completed.unsigned_abs()).sum();
    answered(&api, &name, runs, counting).await
}

async fn filter(api: &ApiState, caller: &Caller, query: StatsQuery) -> Result<StatsFilter, Problem> {
    let project = match caller.project {
        None => query.project,
        Some(own) => Some(own_project(api, own, query.project).await?),
    };
    Ok(StatsFilter {
        sync: query.sync,
        project,
        platform: query.platform,
        entity_type: query.entity_type,
        window: query.window.unwrap_or_default(),
    })
}

/// The key of a caller's only project. Any other one is unknown to them.
async fn own_project(api: &ApiState, own: i64, asked: Option<String>) -> Result<String, Problem> {
    let own = project::Entity::find_by_id(own).one(&api.db).await?.map(|project| project.key);
    match (own, asked) {
        (Some(own), None) => Ok(own),
        (Some(own), Some(asked)) if own == asked => Ok(own),
        (_, asked) => {
            let detail = format!("There is no project {:?}", asked.unwrap_or_default());
            Err(Problem::new(StatusCode::NOT_FOUND, "unknown-project", "Unknown project", &*detail)
                .with_field("project", detail))
        }
    }
}
