//! Asks platforms about accounts: who they are, and what they can see.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::found;
use crate::{
    access::By,
    extract::{InPath, StrictQuery},
    problem::Problem,
    state::ApiState,
};

/// What a platform says of an account.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "583231", "name": "octocat", "scopes": ["repo"], "missing": [], "limited": true,
    "budget": { "limit": 5000, "remaining": 4990, "resets_at": "2026-11-20T14:00:00Z" },
})))]
pub struct AccountCheck {
    /// The platform's id of the user or app.
    pub id: String,
    pub name: String,
    /// What it may do, in the platform's words.
    pub scopes: Vec<String>,
    /// What it may not do and a sync needs, with the remedy.
    pub missing: Vec<String>,
    /// Whether the server limits requests; none if it does not tell.
    pub limited: Option<bool>,
    pub budget: Option<BudgetView>,
}

/// The requests that are left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BudgetView {
    #[schema(minimum = 0)]
    pub limit: u64,
    #[schema(minimum = 0)]
    pub remaining: u64,
    pub resets_at: DateTime<Utc>,
}

/// Which place to look at. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceQuery {
    /// A place of the account, as the list of places names it; without it the places are listed.
    #[param(max_length = 1024)]
    place: Option<String>,
}

/// What an account can see: its places, or what one of them has.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "places": [{ "name": "acme/web", "title": null, "writable": true, "public": false }], "fields": [], "statuses": [], "people": [],
})))]
pub struct Discovered {
    #[schema(value_type = Vec<Object>)]
    pub places: Value,
    /// The fields of the place's items, as mappings name them.
    #[schema(value_type = Vec<Object>)]
    pub fields: Value,
    #[schema(value_type = Vec<Object>)]
    pub statuses: Value,
    /// Those whom its items may be assigned to.
    #[schema(value_type = Vec<Object>)]
    pub people: Value,
}

/// Ask the platform who an account is and what it may do
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{id}/check",
    operation_id = "check_account",
    tag = "accounts",
    params(("id" = String, Path, description = "The id of the account, or its name.")),
    responses((status = 200, description = "What the platform says.", body = AccountCheck)),
)]
pub(crate) async fn check(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
) -> Result<Json<AccountCheck>, Problem> {
    let known = found(&api, &caller, &id).await?;
    let identity = (api.platforms.identify)(known.clone()).await.map_err(refused)?;
    syncline_service::accounts::remember(&api.db, &known, &identity.scopes).await?;
    let budget = identity.budget.map(|budget| BudgetView {
        limit: budget.limit,
        remaining: budget.remaining,
        resets_at: budget.resets_at,
    });
    let (id, name, scopes) = (identity.id, identity.name, identity.scopes);
    Ok(Json(AccountCheck { id, name, scopes, missing: identity.missing, limited: identity.limited, budget }))
}

/// Ask the platform what an account can see
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{id}/discover",
    operation_id = "discover_account",
    tag = "accounts",
    params(("id" = String, Path, description = "The id of the account, or its name."), PlaceQuery),
    responses((status = 200, description = "The places, or what one of them has.", body = Discovered)),
)]
pub(crate) async fn discover(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(PlaceQuery { place }): StrictQuery<PlaceQuery>,
) -> Result<Json<Discovered>, Problem> {
    let known = found(&api, &caller, &id).await?;
    let found = (api.platforms.discover)(known, place).await.map_err(refused)?;
    Ok(Json(Discovered {
        places: serde_json::json!(found.containers),
        fields: serde_json::json!(found.fields),
        statuses: serde_json::json!(found.statuses),
        people: serde_json::json!(found.people),
    }))
}

/// The platform did not answer as hoped; the text has no secret.
pub(crate) fn refused(why: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, "platform-refused", "Platform refused", why)
}
