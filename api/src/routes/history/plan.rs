//! The plan of a run, in pages.

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::Value;
use syncline_entity::types::RunStatus;
use syncline_runs::details;
use syncline_service::{history, redact};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::By,
    extract::{JobId, StrictQuery},
    page::{self, PageQuery},
    problem::Problem,
    schema::words,
    state::ApiState,
};

/// A page of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "run": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "status": "completed", "has_plan": true, "counts": { "creates": 1, "updates": 0 },
    "held": null, "items": [{ "item": "T-1", "action": "create", "writes": [], "conflicts": [], "problems": [] }],
    "next_cursor": null,
})))]
pub struct PlanPage {
    pub run: Uuid,
    #[schema(schema_with = words::<RunStatus>)]
    pub status: RunStatus,
    /// False: the run is not over, or was no dry run.
    pub has_plan: bool,
    /// What the run would do, in numbers.
    #[schema(value_type = Object)]
    pub counts: Value,
    /// Why the run would be held, if it would.
    pub held: Value,
    /// What would become of each item: `item`, `action`, `writes`, `conflicts` and `problems`.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Value>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// Show the plan of a run
#[utoipa::path(
    get,
    path = "/api/v1/sync/history/{run}/plan",
    operation_id = "show_plan",
    tag = "history",
    params(("run" = Uuid, Path, description = "The id of the run."), PageQuery),
    responses((status = 200, description = "A page of the plan.", body = PlanPage)),
)]
pub(crate) async fn plan(
    State(api): State<ApiState>,
    By(caller): By,
    JobId(run): JobId,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> Result<Json<PlanPage>, Problem> {
    let limit = page::limit(query.limit);
    let list = ("plan", run);
    let skip = page::after(&api, &list, query.cursor.as_deref()).await?.unwrap_or(0);
    let row = history::get(&api.db, &caller, run).await?;
    let status = row.status;
    let mut details = details(&row).map(|details| redact::details(&caller, details)).unwrap_or_default();
    let (has_plan, mut plan) = match details.get_mut("plan").map(Value::take) {
        Some(Value::Object(plan)) => (true, plan),
        _ => (false, serde_json::Map::new()),
    };
    let all = match plan.remove("items") {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    let end = skip.saturating_add(i64::try_from(limit).unwrap_or(i64::MAX));
    let more = i64::try_from(all.len()).unwrap_or(i64::MAX) > end;
    let from = usize::try_from(skip).unwrap_or(usize::MAX);
    let items = all.into_iter().skip(from).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
    Ok(Json(PlanPage {
        run,
        status,
        has_plan,
        counts: plan.remove("counts").unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        held: details.get_mut("held").map(Value::take).unwrap_or_default(),
        items,
        next_cursor: page::next(&api, &list, more.then_some(end)).await?,
    }))
}
