//! `POST /api/v1/status`: one status update of an item, carried to every system that has it.

use std::{collections::BTreeMap, time::Duration};

use axum::{Json, extract::State};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use syncline_entity::types::SyncStatus;
use syncline_service::announce::{Announced, announce, outcomes};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::history::of_run::told;
use crate::{
    access::By, extract::JsonBody, prefer::until_end, problem::Problem, schema::words, state::ApiState,
};

/// How long the answer waits for the ends of the runs, together.
const PATIENCE: Duration = Duration::from_secs(25);

/// An item that was changed in one system. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(examples(json!({
    "entityId": "PROJ-7", "entityType": "issue", "status": "Done", "previousStatus": "To Do", "source": "jira",
})))]
pub struct StatusUpdate {
    /// The item's id in the system.
    #[serde(deserialize_with = "not_empty")]
    #[schema(min_length = 1)]
    pub entity_id: String,
    /// The kind of the item.
    #[serde(deserialize_with = "not_empty")]
    #[schema(min_length = 1)]
    pub entity_type: String,
    /// Its new status. The runs read the item itself and carry over what is there.
    pub status: String,
    pub previous_status: Option<String>,
    /// Anything else; it is not used.
    pub metadata: Option<Value>,
    /// The platform in which it was changed, in upper or lower case.
    #[serde(deserialize_with = "not_empty")]
    #[schema(min_length = 1)]
    pub source: String,
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(D::Error::custom("must not be empty")) } else { Ok(text) }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "success": true, "results": { "github": { "success": true, "status": "completed", "error": null } },
    "conflicts": 0,
})))]
pub struct StatusAnswer {
    /// True if it reached every system.
    pub success: bool,
    /// The result of each system.
    pub results: BTreeMap<String, SystemResult>,
    /// Open conflicts of the item.
    pub conflicts: usize,
}

/// What became of it in one system.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SystemResult {
    pub success: bool,
    /// `completed` if both sides agree now, `pending` while the run is not over.
    #[schema(schema_with = words::<SyncStatus>)]
    pub status: SyncStatus,
    pub error: Option<String>,
}

/// Carry an item to every system that has it
///
/// The item is named by its id in one system. It is read there and synced in every sync that has it; the request waits up to
/// 25 seconds for the runs.
#[utoipa::path(
    post,
    path = "/api/v1/status",
    operation_id = "announce_status",
    tag = "syncs",
    request_body = StatusUpdate,
    responses((status = 200, description = "The result of each system.", body = StatusAnswer)),
)]
pub(crate) async fn update(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(update): JsonBody<StatusUpdate>,
) -> Result<Json<StatusAnswer>, Problem> {
    let announced =
        Announced { entity_id: update.entity_id, entity_type: update.entity_type, system: update.source };
    let asked = announce(&api.db, &api.queue, &caller, &announced).await?;
    let end = Instant::now() + PATIENCE;
    for run in asked.iter().filter_map(|asked| asked.run.as_ref().ok()) {
        until_end(&api.db, *run, end.saturating_duration_since(Instant::now())).await?;
    }
    let found = outcomes(&api.db, &asked).await?;
    let conflicts = found.values().map(|outcome| outcome.conflicts).sum();
    let results: BTreeMap<String, SystemResult> = found
        .into_iter()
        .map(|(system, outcome)| {
            let success = outcome.status == SyncStatus::Completed;
            let error = outcome.error.map(|error| told(&caller, error));
            (system, SystemResult { success, status: outcome.status, error })
        })
        .collect();
    Ok(Json(StatusAnswer { success: results.values().all(|result| result.success), results, conflicts }))
}
