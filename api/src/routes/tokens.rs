//! `GET /api/v1/tokens`, `DELETE /api/v1/tokens/{id}`: the tokens of the API. They are made at the command line.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use syncline_service::{
    Scope,
    tokens::{self, KnownToken},
};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema, schema::ArrayBuilder},
};

use crate::{access::By, extract::InPath, problem::Problem, schema::one_of, state::ApiState};

/// All tokens that the caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "tokens": [{
    "id": 1, "name": "ci", "scopes": ["read", "enqueue"], "project": null, "standing": "valid",
    "created_at": "2026-11-20T13:44:17.832345Z", "expires_at": null, "last_used_at": null, "revoked_at": null,
}] })))]
pub struct TokenList {
    /// The oldest first.
    pub tokens: Vec<TokenView>,
}

/// A token without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenView {
    pub id: i64,
    pub name: String,
    #[schema(schema_with = scopes)]
    pub scopes: Vec<&'static str>,
    /// The only project it sees.
    pub project: Option<String>,
    /// valid, expired or revoked.
    #[schema(schema_with = standings)]
    pub standing: &'static str,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    /// To about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

fn scopes() -> Schema {
    ArrayBuilder::new().items(RefOr::T(one_of(Scope::ALL.map(Scope::as_str)))).build().into()
}

fn standings() -> Schema {
    one_of(["valid", "expired", "revoked"])
}

/// The result of revoking a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "token": {
    "id": 1, "name": "ci", "scopes": ["read", "enqueue"], "project": null, "standing": "revoked",
    "created_at": "2026-11-20T13:44:17.832345Z", "expires_at": null, "last_used_at": null,
    "revoked_at": "2026-11-21T09:00:00Z",
}, "changed": true })))]
pub struct RevokedToken {
    pub token: TokenView,
    /// True if this request changed that.
    pub changed: bool,
}

/// List the tokens of the API, without their texts
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    operation_id = "list_tokens",
    tag = "access",
    responses((status = 200, description = "The tokens that the caller sees.", body = TokenList)),
)]
pub(crate) async fn list(State(api): State<ApiState>, By(caller): By) -> Result<Json<TokenList>, Problem> {
    let all = tokens::list(&api.db, &caller).await?;
    Ok(Json(TokenList { tokens: all.iter().map(view).collect() }))
}

/// End a token at once
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{id}",
    operation_id = "revoke_token",
    tag = "access",
    params(("id" = i64, Path, minimum = 1, description = "The id of the token.")),
    responses((status = 200, description = "The token is revoked.", body = RevokedToken)),
)]
pub(crate) async fn revoke(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<i64>,
) -> Result<Json<RevokedToken>, Problem> {
    let (token, changed) = tokens::revoke(&api.db, &caller, id).await?;
    Ok(Json(RevokedToken { token: view(&token), changed }))
}

fn view(token: &KnownToken) -> TokenView {
    TokenView {
        id: token.row.id,
        name: token.row.name.clone(),
        scopes: token.scopes().names(),
        project: token.project.clone(),
        standing: token.standing(),
        created_at: token.row.created_at,
        expires_at: token.row.expires_at,
        last_used_at: token.row.last_used_at,
        revoked_at: token.row.revoked_at,
    }
}
