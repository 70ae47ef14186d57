//! `GET /api/v1/sync/stats`: numbers per sync and in total.

use axum::{Json, extract::State};
use serde::Deserialize;

use super::jobs::unknown_sync;
use crate::{
    extract::{StrictQuery, invalid_query},
    problem::Problem,
    state::ApiState,
    stats::{Stats, StatsFilter, stats},
};

/// Which numbers to count. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatsQuery {
    sync: Option<String>,
    project: Option<String>,
    platform: Option<String>,
    entity_type: Option<String>,
    window: Option<String>,
}

pub(crate) async fn show(
    State(api): State<ApiState>,
    StrictQuery(query): StrictQuery<StatsQuery>,
) -> Result<Json<Stats>, Problem> {
    let window = match query.window {
        Some(text) => text.parse().map_err(|error: String| invalid_query("window", &error))?,
        None => Default::default(),
    };
    let filter = StatsFilter {
        sync: query.sync,
        project: query.project,
        platform: query.platform,
        entity_type: query.entity_type,
        window,
    };
    let stats = stats(&api.db, &filter).await?;
    // An unknown name is probably a typing error.
    if let Some(sync) = &filter.sync
        && stats.syncs.is_empty()
    {
        return Err(unknown_sync(sync, filter.project.as_deref()));
    }
    Ok(Json(stats))
}
