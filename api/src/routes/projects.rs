//! `/api/v1/projects`: lists and creates projects.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use syncline_service::projects::{self, KnownProject};
use utoipa::ToSchema;

use crate::{access::By, extract::JsonBody, problem::Problem, state::ApiState};

/// The projects that the caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "projects": [{ "id": 1, "key": "default", "name": "Default", "syncs": 3, "accounts": 2 }] })))]
pub struct ProjectList {
    /// By key.
    pub projects: Vec<ProjectView>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "id": 2, "key": "web", "name": "The web team", "syncs": 0, "accounts": 0 })))]
pub struct ProjectView {
    pub id: i64,
    /// As documents name it.
    pub key: String,
    /// For people.
    pub name: String,
    #[schema(minimum = 0)]
    pub syncs: u64,
    #[schema(minimum = 0)]
    pub accounts: u64,
}

/// A project to create.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "key": "web", "name": "The web team" })))]
pub struct NewProject {
    /// 1 to 100 letters, digits, `-`, `_` or `.`.
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._-]+$")]
    pub key: String,
    /// For people; the key if it is left out.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    pub name: Option<String>,
}

/// List the projects
#[utoipa::path(
    get,
    path = "/api/v1/projects",
    operation_id = "list_projects",
    tag = "access",
    responses((status = 200, description = "The projects that the caller sees.", body = ProjectList)),
)]
pub(crate) async fn list(State(api): State<ApiState>, By(caller): By) -> Result<Json<ProjectList>, Problem> {
    let projects = projects::list(&api.db, &caller).await?;
    Ok(Json(ProjectList { projects: projects.into_iter().map(view).collect() }))
}

/// Create a project
#[utoipa::path(
    post,
    path = "/api/v1/projects",
    operation_id = "create_project",
    tag = "access",
    request_body = NewProject,
    responses((status = 201, description = "The project exists now.", body = ProjectView)),
)]
pub(crate) async fn create(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(NewProject { key, name }): JsonBody<NewProject>,
) -> Result<(StatusCode, Json<ProjectView>), Problem> {
    let project = projects::create(&api.db, &caller, &key, name.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(view(project))))
}

/// The view of a project.
pub fn view(project: KnownProject) -> ProjectView {
    let KnownProject { row, syncs, accounts } = project;
    ProjectView { id: row.id, key: row.key, name: row.name, syncs, accounts }
}
