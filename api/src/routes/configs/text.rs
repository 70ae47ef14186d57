//! `/api/v1/sync/configs.yaml`: all syncs as a text, and back.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
};
use serde::{Deserialize, Serialize};
use syncline_service::{
    configs::{self, ConfigsQuery},
    differences::differences,
    passwords, yaml,
};
use utoipa::{IntoParams, ToSchema};

use super::{
    Remark,
    body::{Documents, SyncDocument},
    origin, remark,
    revisions::ChangedKey,
};
use crate::{access::By, extract::StrictQuery, problem::Problem, state::ApiState};

/// Which syncs to write. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// Of this project.
    project: Option<String>,
    /// A filter as in the list of syncs.
    q: Option<String>,
}

/// Write the documents of syncs as YAML
///
/// Passwords are `***`. Applied to the same server, the text changes nothing.
#[utoipa::path(
    get,
    path = "/api/v1/sync/configs.yaml",
    operation_id = "export_syncs",
    tag = "syncs",
    params(ExportQuery),
    responses((status = 200, description = "The documents.", body = serde_json::Value, content_type = "application/yaml")),
)]
pub(crate) async fn export(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(ExportQuery { project, q }): StrictQuery<ExportQuery>,
) -> Result<([(HeaderName, HeaderValue); 1], String), Problem> {
    let asked = ConfigsQuery { project, filter: q, limit: i64::MAX as u64, ..ConfigsQuery::default() };
    let found = configs::list(&api.db, &caller, &asked).await?;
    let documents: Vec<_> = found.iter().map(|sync| configs::document(sync)).collect();
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/yaml"))], yaml::write(&documents)))
}

/// Whether to store anything. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyQuery {
    /// True: only say what would change.
    dry_run: Option<bool>,
}

/// What became of documents.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "dry_run": false, "syncs": [{ "name": "tasks", "project": "default", "result": "changed",
    "id": 3, "revision": 2, "differences": [{ "path": "sync_interval", "before": 300, "after": 60 }],
    "warnings": [] }] })))]
pub struct AppliedDocuments {
    /// True if nothing was stored.
    pub dry_run: bool,
    pub syncs: Vec<AppliedDocument>,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AppliedDocument {
    pub name: String,
    pub project: String,
    #[schema(schema_with = results)]
    pub result: &'static str,
    /// The sync; none if a dry run would create it.
    pub id: Option<i64>,
    pub revision: i64,
    /// What is not as it was before; empty for a new sync.
    pub differences: Vec<ChangedKey>,
    pub warnings: Vec<Remark>,
}

fn results() -> utoipa::openapi::Schema {
    crate::schema::one_of(["created", "changed", "unchanged"])
}

/// Store documents
///
/// Each is stored under its name: all of them, or none. Syncs that no document names stay as they are.
#[utoipa::path(
    post,
    path = "/api/v1/sync/configs.yaml",
    operation_id = "apply_documents",
    tag = "syncs",
    params(ApplyQuery),
    request_body(description = "One or more documents.", content(
        (SyncDocument = "application/yaml"), (SyncDocument = "application/json"))),
    responses((status = 200, description = "What became of each document.", body = AppliedDocuments)),
)]
pub(crate) async fn apply(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(query): StrictQuery<ApplyQuery>,
    Documents(documents): Documents,
) -> Result<Json<AppliedDocuments>, Problem> {
    let dry_run = query.dry_run.unwrap_or(false);
    let done = configs::apply(&api.db, &caller, &documents, origin(&api), dry_run).await?;
    let applied = done.into_iter().map(|(spec, applied, warnings)| {
        let shown = passwords::hidden(applied.after);
        let before = applied.before.map(passwords::hidden);
        let found = before.as_ref().map(|before| differences(before, &shown)).unwrap_or_default();
        AppliedDocument {
            name: spec.name,
            project: spec.project,
            result: applied.stored.as_str(),
            id: (!dry_run || before.is_some()).then_some(applied.id),
            revision: applied.revision,
            differences: found.into_iter().map(ChangedKey::from).collect(),
            warnings: warnings.into_iter().map(remark).collect(),
        }
    });
    Ok(Json(AppliedDocuments { dry_run, syncs: applied.collect() }))
}
