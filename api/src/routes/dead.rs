//! `POST /api/v1/dead/replay` and `/discard`: replays or discards dead letters.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use syncline_runs::listing::{self, Standing};
use syncline_service::{
    Caller,
    dead::{self, Done},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::jobs::{JobFilter, list::listing};
use crate::{access::By, extract::JsonBody, problem::Problem, state::ApiState};

/// Selects dead letters: by id, by a filter, or all.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(examples(json!({ "filter": { "sync": "tasks", "older_than": "10m" }, "count": 12 })))]
pub struct DeadLetters {
    /// The dead letters with these ids.
    pub ids: Vec<Uuid>,
    /// All that match.
    pub filter: Option<JobFilter>,
    /// All dead letters.
    pub all: bool,
    /// How many the caller expects; with any other number nothing is changed.
    #[schema(maximum = 4294967295_u32, format = "uint32")]
    pub count: Option<u32>,
    /// Proceed however many there are.
    pub confirm: bool,
}

/// The result of a replay or discard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "count": 1, "done": 1, "left": [], "replayed": [
    { "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "run": "01a1f934-0000-7084-846c-c8cc3a4a2c5a" },
] })))]
pub struct DeadDone {
    /// How many were selected.
    pub count: usize,
    pub done: usize,
    /// Those that were not, with the reason.
    pub left: Vec<LeftLetter>,
    /// The new runs of replayed dead letters.
    pub replayed: Vec<ReplayedLetter>,
}

/// A dead letter that was replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplayedLetter {
    pub id: Uuid,
    /// The new run.
    pub run: Uuid,
}

/// A dead letter that was left unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeftLetter {
    pub id: Uuid,
    /// Why it was left.
    #[schema(value_type = String)]
    pub why: &'static str,
}

/// Put dead letters in line again: ids, a filter, or all
#[utoipa::path(
    post,
    path = "/api/v1/dead/replay",
    operation_id = "replay_dead",
    tag = "dead letters",
    request_body = DeadLetters,
    responses((status = 200, description = "What was replayed, and what was not.", body = DeadDone)),
)]
pub(crate) async fn replay(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(asked): JsonBody<DeadLetters>,
) -> Result<Json<DeadDone>, Problem> {
    let ids = meant(&api, &caller, &asked).await?;
    done(ids.len(), dead::replay(&api.db, &api.queue, &caller, &ids).await)
}

/// Take dead letters off the list: ids, a filter, or all
#[utoipa::path(
    post,
    path = "/api/v1/dead/discard",
    operation_id = "discard_dead",
    tag = "dead letters",
    request_body = DeadLetters,
    responses((status = 200, description = "What was discarded, and what was not.", body = DeadDone)),
)]
pub(crate) async fn discard(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(asked): JsonBody<DeadLetters>,
) -> Result<Json<DeadDone>, Problem> {
    let ids = meant(&api, &caller, &asked).await?;
    done(ids.len(), dead::discard(&api.db, &api.queue, &caller, &ids).await)
}

fn done(count: usize, done: Done) -> Result<Json<DeadDone>, Problem> {
    if let Some(error) = done.stopped {
        return Err(error.into());
    }
    let left = done.left.into_iter().map(|(id, why)| LeftLetter { id, why }).collect();
    let replayed = done.replayed.into_iter().map(|(id, run)| ReplayedLetter { id, run }).collect();
    Ok(Json(DeadDone { count, done: done.done, left, replayed }))
}

/// The ids of the selection. A selection by filter or by `all` must have the expected count or be confirmed.
async fn meant(api: &ApiState, caller: &Caller, asked: &DeadLetters) -> Result<Vec<Uuid>, Problem> {
    let invalid =
        |detail: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", detail);
    let filter = match (asked.ids.as_slice(), &asked.filter, asked.all) {
        ([_, ..], None, false) => {
            let all = asked.ids.len();
            return match asked.count {
                Some(count) if usize::try_from(count) != Ok(all) => Err(not_confirmed(format!(
                    "{all} ids were given, and not {count} as expected; nothing was done"
                ))),
                _ => Ok(asked.ids.clone()),
            };
        }
        ([], Some(filter), false) => filter.clone(),
        ([], None, true) => JobFilter::default(),
        ([], None, false) => return Err(invalid("Say which dead letters: ids, a filter, or all: true")),
        _ => return Err(invalid("Give ids, or a filter, or all: true, and not two of them")),
    };
    let listing = listing(api, caller, &filter, Standing::Dead).await?;
    let ids = listing::dead_ids(&api.db, &api.queue, &listing).await?;
    // Nothing needs no confirmation.
    if ids.is_empty() || asked.confirm || asked.count.map(usize::try_from) == Some(Ok(ids.len())) {
        return Ok(ids);
    }
    let there = ids.len();
    let detail = match asked.count {
        Some(count) => format!("There are {there} such dead letters, not {count}; nothing was done"),
        None => format!(
            "There are {there} such dead letters; send \"count\": {there} or \"confirm\": true to go on"
        ),
    };
    Err(not_confirmed(detail))
}

fn not_confirmed(detail: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, "not-confirmed", "Not confirmed", detail)
}
