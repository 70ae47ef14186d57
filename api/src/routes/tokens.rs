//! `GET /api/v1/tokens`, `DELETE /api/v1/tokens/{id}`: the tokens of the API. They are made at the command line.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use syncline_service::tokens::{self, KnownToken};

use crate::{access::By, problem::Problem, state::ApiState};

/// All tokens that the caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenList {
    /// The oldest first.
    pub tokens: Vec<TokenView>,
}

/// A token without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenView {
    pub id: i64,
    pub name: String,
    pub scopes: Vec<&'static str>,
    /// The only project it sees.
    pub project: Option<String>,
    /// valid, expired or revoked.
    pub standing: &'static str,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    /// To about a minute.
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The result of revoking a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedToken {
    pub token: TokenView,
    /// True if this request changed that.
    pub changed: bool,
}

pub(crate) async fn list(State(api): State<ApiState>, By(caller): By) -> Result<Json<TokenList>, Problem> {
    let all = tokens::list(&api.db, &caller).await?;
    Ok(Json(TokenList { tokens: all.iter().map(view).collect() }))
}

pub(crate) async fn revoke(
    State(api): State<ApiState>,
    By(caller): By,
    Path(id): Path<String>,
) -> Result<Json<RevokedToken>, Problem> {
    let number = id.parse().map_err(|_| {
        let detail = format!("{id:?} is not the id of a token, which is a number");
        Problem::new(StatusCode::BAD_REQUEST, "invalid-id", "Invalid id", &*detail).with_field("id", detail)
    })?;
    let (token, changed) = tokens::revoke(&api.db, &caller, number).await?;
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
