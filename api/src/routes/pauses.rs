//! `GET /api/v1/pauses`: what is paused, since when, by whom and why.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use sea_orm::{DatabaseConnection, DbErr, EntityTrait};
use serde::Serialize;
use std::collections::HashMap;
use syncline_entity::{account, project, types::PauseScope};
use syncline_runs::pause::{self, Subject};
use syncline_service::{Caller, syncs};
use utoipa::ToSchema;

use crate::{access::By, problem::Problem, schema::words, state::ApiState};

/// What is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "pauses": [{
    "scope": "sync", "subject": "3", "name": "tasks", "project": "default",
    "reason": "moving", "by": "mia@desk", "at": "2026-11-20T13:44:17.832345Z",
}] })))]
pub struct PauseList {
    /// The oldest first.
    pub pauses: Vec<PauseView>,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PauseView {
    #[schema(schema_with = words::<PauseScope>)]
    pub scope: PauseScope,
    /// The name of a queue or platform, the id of a sync or account.
    pub subject: String,
    /// Its name; none if it is gone.
    pub name: Option<String>,
    /// The project of a sync or account.
    pub project: Option<String>,
    pub reason: Option<String>,
    /// The name of a person or token; `syncline` if a platform refused the secret of an account.
    pub by: String,
    pub at: DateTime<Utc>,
}

/// List what is paused
///
/// A token of one project sees the pauses of its syncs and accounts, and those of queues and platforms, which hold its runs,
/// too.
#[utoipa::path(
    get,
    path = "/api/v1/pauses",
    operation_id = "list_pauses",
    tag = "queues",
    responses((status = 200, description = "The pauses in force.", body = PauseList)),
)]
pub(crate) async fn list(State(api): State<ApiState>, By(caller): By) -> Result<Json<PauseList>, Problem> {
    Ok(Json(PauseList { pauses: views(&api.db, &caller).await? }))
}

/// The views of the pauses that a caller sees.
pub async fn views(db: &DatabaseConnection, caller: &Caller) -> Result<Vec<PauseView>, DbErr> {
    let syncs = syncs::all(db).await?;
    let accounts: HashMap<i64, String> = account::Entity::find()
        .all(db)
        .await?
        .into_iter()
        .map(|account| (account.id, account.name))
        .collect();
    let projects: HashMap<i64, String> =
        project::Entity::find().all(db).await?.into_iter().map(|project| (project.id, project.key)).collect();
    let seen = |project: &Option<i64>| project.is_none_or(|project| caller.sees(project));
    let paused = pause::list(db).await?.into_iter().filter(|paused| seen(&paused.project_id));
    let view = |paused: pause::Paused| PauseView {
        scope: paused.subject.scope(),
        subject: paused.subject.name(),
        name: match &paused.subject {
            Subject::Queue(name) | Subject::Platform(name) => Some(name.clone()),
            Subject::Sync(id) => syncs.get(id).map(|sync| sync.row.name.clone()),
            Subject::Account(id) => accounts.get(id).cloned(),
        },
        project: paused.project_id.and_then(|id| projects.get(&id).cloned()),
        reason: paused.reason,
        by: paused.by,
        at: paused.at,
    };
    Ok(paused.map(view).collect())
}
