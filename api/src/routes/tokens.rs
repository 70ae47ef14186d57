//! `/api/v1/tokens`: the tokens of the API.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use chrono::{DateTime, Utc};
use sea_orm::EntityTrait;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use syncline_entity::project;
use syncline_service::{
    Scope, Scopes,
    tokens::{self, KnownToken, NewToken},
};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema, schema::ArrayBuilder},
};

use crate::{
    access::By,
    extract::{InPath, JsonBody},
    problem::Problem,
    schema::one_of,
    state::ApiState,
};

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

fn one_or_more() -> Schema {
    ArrayBuilder::new()
        .items(RefOr::T(one_of(Scope::ALL.map(Scope::as_str))))
        .min_items(Some(1))
        .build()
        .into()
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

/// A token to make.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "ci", "scopes": ["read", "enqueue"], "expires_at": "2027-11-20T00:00:00Z" })))]
pub struct NewTokenBody {
    /// For people; rows of the audit log have it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub name: String,
    #[schema(schema_with = one_or_more)]
    #[serde(deserialize_with = "named")]
    pub scopes: Scopes,
    /// The only project it sees; by default that of the caller's token.
    pub project: Option<String>,
    /// It never ends if this is left out.
    pub expires_at: Option<DateTime<Utc>>,
    /// A word in the token that tells people which installation it is for; `live` if it is left out.
    #[schema(max_length = 20)]
    pub environment: Option<String>,
}

fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scopes, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| name.parse::<Scope>().map_err(D::Error::custom)).collect()
}

/// A token that was made. Its text is shown once, and cannot be found again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 2, "name": "ci", "scopes": ["read", "enqueue"], "project": null, "expires_at": null, "token": "sl_live_2_...",
})))]
pub struct MadeToken {
    pub id: i64,
    pub name: String,
    #[schema(schema_with = scopes)]
    pub scopes: Vec<&'static str>,
    pub project: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
    /// Send it as `authorization: Bearer TOKEN`.
    pub token: String,
}

/// Make a token of the API
///
/// Send no Idempotency-Key: the response would be stored for its repetition, and with it the token.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    operation_id = "create_token",
    tag = "access",
    request_body = NewTokenBody,
    responses((status = 201, description = "The token, shown once.", body = MadeToken)),
)]
pub(crate) async fn create(
    State(api): State<ApiState>,
    By(caller): By,
    headers: HeaderMap,
    JsonBody(asked): JsonBody<NewTokenBody>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    if headers.contains_key("idempotency-key") {
        let detail =
            "A token is shown once, so the answer is not kept: send the request without Idempotency-Key";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-header", "Invalid header", detail));
    }
    let own = match caller.project {
        Some(own) => project::Entity::find_by_id(own).one(&api.db).await?.map(|project| project.key),
        None => None,
    };
    let new = NewToken {
        name: &asked.name,
        scopes: asked.scopes,
        project: asked.project.as_deref().or(own.as_deref()),
        expires_at: asked.expires_at,
        environment: asked.environment.as_deref().unwrap_or("live"),
    };
    let (token, text) = tokens::create(&api.db, &caller, &new).await?;
    let TokenView { id, name, scopes, project, expires_at, .. } = view(&token);
    let made = MadeToken { id, name, scopes, project, expires_at, token: text.as_str().to_owned() };
    Ok((StatusCode::CREATED, Json(made)))
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

/// The view of a token.
pub fn view(token: &KnownToken) -> TokenView {
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
