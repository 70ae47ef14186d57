//! Checks documents without storing them.

use axum::{Json, extract::State};
use serde::Serialize;
use syncline_engine::spec::{Finding, Severity};
use syncline_service::{Error, configs};
use utoipa::ToSchema;

use super::{
    OfProject, Remark,
    body::{OneDocument, SyncDocument},
    found, origin, remark,
};
use crate::{
    access::By,
    extract::{InPath, StrictQuery},
    problem::Problem,
    state::ApiState,
};

/// What was found about a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "valid": true, "findings": [] })))]
pub struct Validation {
    /// True if the document can be stored.
    pub valid: bool,
    /// Errors and warnings.
    pub findings: Vec<Remark>,
}

fn validation(findings: Vec<Finding>) -> Validation {
    let valid = !findings.iter().any(|finding| finding.severity == Severity::Error);
    Validation { valid, findings: findings.into_iter().map(remark).collect() }
}

/// Check a document without storing it
#[utoipa::path(
    post,
    path = "/api/v1/sync/configs/validate",
    operation_id = "validate_document",
    tag = "syncs",
    request_body(description = "The document of a sync.", content(
        (SyncDocument = "application/json"), (SyncDocument = "application/yaml"))),
    responses((status = 200, description = "What is wrong with it, if anything is.", body = Validation)),
)]
pub(crate) async fn posted(
    State(api): State<ApiState>,
    By(caller): By,
    OneDocument(document): OneDocument,
) -> Result<Json<Validation>, Problem> {
    match configs::validate(&api.db, &caller, &document, origin(&api)).await {
        Ok((_, warnings)) => Ok(Json(validation(warnings))),
        Err(Error::Document { findings, .. }) => Ok(Json(validation(findings))),
        Err(other) => Err(other.into()),
    }
}

/// Check the stored document of a sync
///
/// The rules for documents over HTTP hold, also for a document that was stored from the command line.
#[utoipa::path(
    post,
    path = "/api/v1/sync/configs/{id}/validate",
    operation_id = "validate_sync",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), OfProject),
    responses((status = 200, description = "What is wrong with it, if anything is.", body = Validation)),
)]
pub(crate) async fn stored(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(of): StrictQuery<OfProject>,
) -> Result<Json<Validation>, Problem> {
    let sync = found(&api, &caller, &of, &id).await?;
    let findings = configs::validate_stored(&api.db, &caller, sync.id, origin(&api)).await?;
    Ok(Json(validation(findings)))
}
