//! `/api/v1/accounts`: the accounts on platforms. Secrets go in and never come out.

pub mod change;
pub mod reach;

use std::collections::HashMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue},
};
use sea_orm::{DatabaseConnection, DbErr};
use serde::Serialize;
use serde_json::Value;
use syncline_runs::pause::{self, Paused, Subject};
use syncline_service::{
    Caller, Error,
    accounts::{self, KnownAccount},
};
use utoipa::{ToSchema, openapi::Schema};

use crate::{access::By, etag::Tag, extract::InPath, problem::Problem, schema::one_of, state::ApiState};

/// The accounts that the caller sees.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "accounts": [{
    "id": 3, "name": "acme", "project": "default", "platform": "github", "base_url": null,
    "secret": { "kind": "variable", "reference": "env:GITHUB_TOKEN", "key": null }, "scopes": ["repo"], "limits": true, "paused": null, "syncs": null,
}] })))]
pub struct AccountList {
    /// By project and name.
    pub accounts: Vec<AccountView>,
}

/// An account without its secret.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 3, "name": "acme", "project": "default", "platform": "github", "base_url": null,
    "secret": { "kind": "variable", "reference": "env:GITHUB_TOKEN", "key": null }, "scopes": ["repo"], "limits": true, "paused": null, "syncs": ["tasks"],
})))]
pub struct AccountView {
    /// None for an account that a variable of the server makes, until a sync uses it.
    pub id: Option<i64>,
    pub name: String,
    pub project: String,
    pub platform: String,
    pub base_url: Option<String>,
    pub secret: SecretView,
    /// What the platform said at the last check that the account may do.
    pub scopes: Option<Value>,
    /// False if its server limits nothing.
    pub limits: bool,
    pub paused: Option<AccountPause>,
    /// The syncs that use it, of one account that is shown; null in other places.
    pub syncs: Option<Vec<String>>,
}

/// Where the secret of an account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SecretView {
    #[schema(schema_with = secret_kinds)]
    pub kind: &'static str,
    /// Such as `env:NAME`.
    pub reference: Option<String>,
    /// The id of the key that encrypts it.
    pub key: Option<String>,
}

fn secret_kinds() -> Schema {
    one_of(["variable", "file", "vault", "reference", "encrypted", "none"])
}

/// Why an account is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccountPause {
    pub reason: Option<String>,
    /// `syncline` if the platform refused the secret.
    pub by: String,
    pub at: chrono::DateTime<chrono::Utc>,
}

/// List the accounts
#[utoipa::path(
    get,
    path = "/api/v1/accounts",
    operation_id = "list_accounts",
    tag = "accounts",
    responses((status = 200, description = "The accounts that the caller sees.", body = AccountList)),
)]
pub(crate) async fn list(State(api): State<ApiState>, By(caller): By) -> Result<Json<AccountList>, Problem> {
    let paused = pauses(&api.db).await?;
    let all = accounts::seen(&api.db, &caller).await?;
    Ok(Json(AccountList { accounts: all.iter().map(|known| view(known, &paused)).collect() }))
}

/// Show an account
#[utoipa::path(
    get,
    path = "/api/v1/accounts/{id}",
    operation_id = "show_account",
    tag = "accounts",
    params(("id" = String, Path, description = "The id of the account, or its name.")),
    responses((
        status = 200,
        description = "The account.",
        body = AccountView,
        headers(("ETag" = String, description = "The version of the account, for If-Match.")),
    )),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
) -> Result<Answer, Problem> {
    let known = found(&api, &caller, &id).await?;
    let syncs = accounts::syncs_of(&api.db, &known).await?;
    let (tag, Json(view)) = answer(&api, &known).await?;
    Ok((tag, Json(AccountView { syncs: Some(syncs), ..view })))
}

/// The account with this id or name, if the caller sees it.
async fn found(api: &ApiState, caller: &Caller, id: &str) -> Result<KnownAccount, Error> {
    accounts::find_seen(&api.db, caller, id).await
}

type Answer = ([(HeaderName, HeaderValue); 1], Json<AccountView>);

/// An account with its tag.
async fn answer(api: &ApiState, known: &KnownAccount) -> Result<Answer, Problem> {
    let view = view(known, &pauses(&api.db).await?);
    Ok((tag(&view).header(), Json(view)))
}

/// The version of what a change of an account changes.
fn tag(view: &AccountView) -> Tag {
    Tag::of_content(&(&view.name, &view.platform, &view.base_url, &view.secret, view.limits))
}

/// The pauses of accounts, by their ids.
pub async fn pauses(db: &DatabaseConnection) -> Result<HashMap<i64, Paused>, DbErr> {
    let of_account = |paused: Paused| match paused.subject {
        Subject::Account(id) => Some((id, paused)),
        _ => None,
    };
    Ok(pause::list(db).await?.into_iter().filter_map(of_account).collect())
}

/// The view of an account; `paused` has the pauses of accounts by their ids.
pub fn view(known: &KnownAccount, paused: &HashMap<i64, Paused>) -> AccountView {
    let row = &known.row;
    let pause = paused.get(&row.id).filter(|_| row.id != 0);
    AccountView {
        id: Some(row.id).filter(|id| *id != 0),
        name: row.name.clone(),
        project: known.project.clone(),
        platform: row.platform.clone(),
        base_url: row.base_url.clone(),
        secret: SecretView {
            kind: known.secret_kind(),
            reference: row.secret_ref.clone(),
            key: row.key_id.clone(),
        },
        scopes: row.scopes.clone(),
        limits: row.keeps_limits,
        paused: pause.map(|paused| AccountPause {
            reason: paused.reason.clone(),
            by: paused.by.clone(),
            at: paused.at,
        }),
        syncs: None,
    }
}
