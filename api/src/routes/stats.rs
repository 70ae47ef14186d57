//! `GET /api/v1/sync/stats`: numbers per sync and in total.

use axum::{extract::State, http::StatusCode, response::Response};
use sea_orm::EntityTrait;
use serde::Deserialize;
use syncline_entity::{project, types::Span};
use syncline_service::Caller;
use utoipa::IntoParams;

use super::jobs::unknown_sync;
use crate::{
    access::By,
    extract::{StrictQuery, invalid_query},
    lately::answered,
    problem::Problem,
    state::ApiState,
    stats::{Series, Stats, StatsFilter, series as series_of, stats, steps},
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
    #[param(pattern = "^(all|[1-9][0-9]{0,8}[mhdw])$", example = "7d")]
    window: Option<String>,
}

/// Show numbers per sync and in total
#[utoipa::path(
    get,
    path = "/api/v1/sync/stats",
    operation_id = "show_statistics",
    tag = "statistics",
    params(StatsQuery),
    responses((status = 200, description = "The numbers.", body = Stats)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(query): StrictQuery<StatsQuery>,
) -> Result<Response, Problem> {
    let filter = filter(&api, &caller, query).await?;
    let (db, name) = (api.db.clone(), ("stats", filter.clone()));
    let counting = async move {
        let stats = stats(&db, &filter).await?;
        match &filter.sync {
            // An unknown name is probably a typing error.
            Some(sync) if stats.syncs.is_empty() => Err(unknown_sync(sync, filter.project.as_deref())),
            _ => Ok(stats),
        }
    };
    let runs = |stats: &Stats| stats.total.runs.values().map(|number| number.unsigned_abs()).sum();
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
    #[param(pattern = "^(all|[1-9][0-9]{0,8}[mhdw])$", example = "7d")]
    window: Option<String>,
    /// The length of a span; `hour` if it is left out.
    #[param(schema_with = steps)]
    step: Option<String>,
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
    let span: Span = match step.as_deref() {
        None => Span::Hour,
        Some(step) => step
            .parse()
            .map_err(|_| invalid_query("step", &format!("must be hour, day or month, and is {step:?}")))?,
    };
    let query = StatsQuery { sync, project, platform, entity_type, window };
    let filter = filter(&api, &caller, query).await?;
    let (db, name) = (api.db.clone(), ("series", filter.clone(), span));
    let counting = async move { Ok(series_of(&db, &filter, span).await?) };
    let runs = |series: &Series| series.points.iter().map(|point| point.runs_completed.unsigned_abs()).sum();
    answered(&api, &name, runs, counting).await
}

async fn filter(api: &ApiState, caller: &Caller, query: StatsQuery) -> Result<StatsFilter, Problem> {
    let window = match query.window {
        Some(text) => text.parse().map_err(|error: String| invalid_query("window", &error))?,
        None => Default::default(),
    };
    let project = match caller.project {
        None => query.project,
        Some(own) => Some(own_project(api, own, query.project).await?),
    };
    Ok(StatsFilter {
        sync: query.sync,
        project,
        platform: query.platform,
        entity_type: query.entity_type,
        window,
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
