//! Adds, changes, pauses and removes accounts.

use axum::{Json, extract::State, http::StatusCode, http::header::LOCATION, response::IntoResponse};
use serde::{Deserialize, Serialize};
use syncline_connectors::{Token, secret::LARGEST};
use syncline_runs::pause::Subject;
use syncline_service::{
    Origin,
    accounts::{self, NewAccount as Adding, NewSecret, Reference},
    pauses,
};
use utoipa::ToSchema;

use super::{answer, found, pauses as all_pauses, tag, view};
use crate::{
    access::By,
    etag::IfMatch,
    extract::{InPath, JsonBody, MaybeJson},
    problem::Problem,
    routes::queues::{PauseDone, PauseReason},
    state::ApiState,
};

/// An account to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "name": "acme", "platform": "github", "secret": { "env": "GITHUB_TOKEN" } })))]
pub struct NewAccount {
    /// 1 to 100 letters, digits, `-`, `_` or `.`.
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._-]+$")]
    pub name: String,
    /// The project; by default the token's, or `default`. It is created if there is none.
    pub project: Option<String>,
    /// The name of a platform that needs an account.
    pub platform: String,
    /// The address of its server, if the platform has no common one or this is another.
    #[schema(max_length = 2048)]
    pub base_url: Option<String>,
    pub secret: Secret,
    /// False if its own server limits nothing.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub limits: bool,
}

fn yes() -> bool {
    true
}

/// A secret: a reference that the allow lists of the server have, or the secret itself, which is stored encrypted. Give one
/// of them.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(examples(json!({ "env": "GITHUB_TOKEN" })))]
pub struct Secret {
    /// The name of a variable of the server, which SYNCLINE_ALLOW_VARIABLES must have.
    #[schema(max_length = 100)]
    pub env: Option<String>,
    /// The absolute path of a file of the server, inside a folder of SYNCLINE_ALLOW_PATHS.
    #[schema(max_length = 4096)]
    pub file: Option<String>,
    /// A key of a secret of Vault, as `MOUNT/PATH#KEY`; SYNCLINE_ALLOW_VAULT must have the secret.
    #[schema(max_length = 4096)]
    pub vault: Option<String>,
    /// The secret itself. It is never shown again.
    #[schema(max_length = 65536, write_only)]
    pub value: Option<String>,
}

/// Another secret for an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "secret": { "value": "ghp_..." } })))]
pub struct NewSecretBody {
    pub secret: Secret,
}

/// What to change of an account.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "limits": false })))]
pub struct AccountPatch {
    /// False if its own server limits nothing.
    pub limits: bool,
}

/// An account that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "name": "acme", "project": "default", "removed": true })))]
pub struct RemovedAccount {
    pub name: String,
    pub project: String,
    pub removed: bool,
}

impl Secret {
    fn read(self) -> Result<NewSecret, Problem> {
        let reference = |kind: &str, text: &str| {
            let read = format!("{kind}:{text}").parse::<Reference>();
            read.map(NewSecret::Reference).map_err(|why| invalid(&format!("/secret/{kind}"), &why))
        };
        match (self.env, self.file, self.vault, self.value) {
            (Some(name), None, None, None) => reference("env", &name),
            (None, Some(path), None, None) => reference("file", &path),
            (None, None, Some(key), None) => reference("vault", &key),
            (None, None, None, Some(value)) => {
                let token = Token::new(value.trim());
                match token.reveal().len() {
                    0 => Err(invalid("/secret/value", "is empty; give the secret")),
                    1..=LARGEST => Ok(NewSecret::Value(token)),
                    _ => Err(invalid(
                        "/secret/value",
                        "is larger than 64 KiB; give the secret and nothing else",
                    )),
                }
            }
            _ => Err(invalid("/secret", "must have one of env, file, vault and value")),
        }
    }
}

fn invalid(pointer: &str, detail: &str) -> Problem {
    let whole = format!("{}: {detail}", pointer.trim_start_matches('/').replace('/', "."));
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", whole)
        .with_pointer(pointer, detail)
}

/// Add an account
///
/// Documents and accounts over HTTP may name only what the allow lists of the server have. An account whose secret is a
/// reference may have no address but one of SYNCLINE_ALLOW_HOSTS, since the secret is sent there.
#[utoipa::path(
    post,
    path = "/api/v1/accounts",
    operation_id = "create_account",
    tag = "accounts",
    request_body = NewAccount,
    responses((
        status = 201,
        description = "The account exists now.",
        body = super::AccountView,
        headers(("Location" = String, description = "The path of the account.")),
    )),
)]
pub(crate) async fn create(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(asked): JsonBody<NewAccount>,
) -> Result<impl IntoResponse, Problem> {
    let (broker, base_url) = (&api.platforms.broker, asked.base_url.as_deref());
    let given = asked.secret.read().and_then(|secret| {
        Origin::Http(&api.allow).check_account(base_url, &secret)?;
        Ok(secret)
    });
    let name = accounts::name_in_project(&api.db, &caller, asked.project.as_deref(), &asked.name).await?;
    let rest = accounts::check(broker, &name, &asked.platform, base_url, asked.limits);
    let secret = match (given, rest) {
        (Ok(secret), Ok(_)) => secret,
        (Err(problem), Ok(_)) => return Err(problem),
        (Ok(_), Err(error)) => return Err(error.into()),
        (Err(problem), Err(error)) => return Err(problem.and(error.into())),
    };
    let new = Adding { name: &name, platform: &asked.platform, base_url, keeps_limits: asked.limits, secret };
    let known = accounts::add(&api.db, broker, &caller, &new).await?;
    let path = format!("{}/api/v1/accounts/{}", api.hosts.prefix(), known.row.id);
    let view = view(&known, &all_pauses(&api.db).await?);
    Ok((StatusCode::CREATED, [(LOCATION, path)], tag(&view).header(), Json(view)))
}

/// Change an account
#[utoipa::path(
    patch,
    path = "/api/v1/accounts/{id}",
    operation_id = "change_account",
    tag = "accounts",
    params(("id" = String, Path, description = "The id of the account, or its name."), IfMatch),
    request_body = AccountPatch,
    responses((
        status = 200,
        description = "The account as it is now.",
        body = super::AccountView,
        headers(("ETag" = String, description = "The version of the account, for If-Match.")),
    )),
)]
pub(crate) async fn change(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    if_match: IfMatch,
    JsonBody(asked): JsonBody<AccountPatch>,
) -> Result<impl IntoResponse, Problem> {
    let known = found(&api, &caller, &id).await?;
    if_match.check(&tag(&view(&known, &all_pauses(&api.db).await?)))?;
    let known = accounts::set_limits(&api.db, &caller, &known, asked.limits).await?;
    answer(&api, &known).await
}

/// Remove an account that no sync uses, with its secret
#[utoipa::path(
    delete,
    path = "/api/v1/accounts/{id}",
    operation_id = "remove_account",
    tag = "accounts",
    params(("id" = String, Path, description = "The id of the account, or its name."), IfMatch),
    responses((status = 200, description = "The account and its secret are gone.", body = RemovedAccount)),
)]
pub(crate) async fn remove(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    if_match: IfMatch,
) -> Result<Json<RemovedAccount>, Problem> {
    let known = found(&api, &caller, &id).await?;
    if_match.check(&tag(&view(&known, &all_pauses(&api.db).await?)))?;
    accounts::remove(&api.db, &caller, &known).await?;
    Ok(Json(RemovedAccount { name: known.row.name, project: known.project, removed: true }))
}

/// Give an account another secret
///
/// A pause that a refused secret began ends.
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{id}/rotate",
    operation_id = "rotate_account",
    tag = "accounts",
    params(("id" = String, Path, description = "The id of the account, or its name.")),
    request_body = NewSecretBody,
    responses((
        status = 200,
        description = "The account has the secret.",
        body = super::AccountView,
        headers(("ETag" = String, description = "The version of the account, for If-Match.")),
    )),
)]
pub(crate) async fn rotate(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    JsonBody(asked): JsonBody<NewSecretBody>,
) -> Result<impl IntoResponse, Problem> {
    let secret = asked.secret.read()?;
    let known = found(&api, &caller, &id).await?;
    Origin::Http(&api.allow).check_account(known.row.base_url.as_deref(), &secret)?;
    let broker = &api.platforms.broker;
    let (known, _) = accounts::rotate(&api.db, &api.queue, broker, &caller, &known, &secret).await?;
    answer(&api, &known).await
}

/// Let no run of an account's syncs begin
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{id}/pause",
    operation_id = "pause_account",
    tag = "accounts",
    params(("id" = String, Path, description = "The id of the account, or its name.")),
    request_body = Option<PauseReason>,
    responses((status = 200, description = "The account is paused.", body = PauseDone)),
)]
pub(crate) async fn pause(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    MaybeJson(PauseReason { reason }): MaybeJson<PauseReason>,
) -> Result<Json<PauseDone>, Problem> {
    let known = accounts::saved(&api.db, found(&api, &caller, &id).await?).await?;
    let subject = (Subject::Account(known.row.id), Some(known.row.project_id));
    let changed = pauses::pause(&api.db, &api.queue, &caller, subject, reason).await?;
    Ok(Json(PauseDone { paused: true, changed }))
}

/// Let the runs of an account's syncs begin again
#[utoipa::path(
    post,
    path = "/api/v1/accounts/{id}/resume",
    operation_id = "resume_account",
    tag = "accounts",
    params(("id" = String, Path, description = "The id of the account, or its name.")),
    responses((status = 200, description = "The account is not paused.", body = PauseDone)),
)]
pub(crate) async fn resume(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
) -> Result<Json<PauseDone>, Problem> {
    let known = found(&api, &caller, &id).await?;
    let subject = (Subject::Account(known.row.id), Some(known.row.project_id));
    let changed = pauses::resume(&api.db, &api.queue, &caller, subject).await?;
    Ok(Json(PauseDone { paused: false, changed }))
}
