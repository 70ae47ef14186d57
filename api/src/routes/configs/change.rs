//! Creates, changes and deletes syncs.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header::LOCATION},
    response::IntoResponse,
};
use serde::Serialize;
use syncline_service::configs;
use utoipa::ToSchema;

use super::{
    OfProject, SyncWithDocument,
    body::{OneDocument, SyncDocument, SyncPatch},
    found, origin, path_of, whole,
};
use crate::{
    access::By,
    etag::{IfMatch, Tag},
    extract::{InPath, StrictQuery},
    problem::Problem,
    state::ApiState,
};

/// Store a document as a new sync
#[utoipa::path(
    post,
    path = "/api/v1/sync/configs",
    operation_id = "create_sync",
    tag = "syncs",
    request_body(description = "The document of the sync, as `syncline schema` describes it.", content(
        (SyncDocument = "application/json"), (SyncDocument = "application/yaml"))),
    responses((status = 201, description = "The sync is stored.", body = SyncWithDocument, headers(
        ("ETag" = String, description = "The revision, for `If-Match`."),
        ("Location" = String, description = "The path of the sync.")))),
)]
pub(crate) async fn create(
    State(api): State<ApiState>,
    By(caller): By,
    OneDocument(document): OneDocument,
) -> Result<impl IntoResponse, Problem> {
    let changed = configs::create(&api.db, &caller, &document, origin(&api)).await?;
    let location = path_of(api.hosts.prefix(), changed.sync.id);
    let tag = Tag::of_revision(changed.sync.revision);
    let body = whole(&api.db, api.hosts.prefix(), &changed.sync, changed.warnings).await?;
    Ok((StatusCode::CREATED, [(LOCATION, location)], tag.header(), Json(body)))
}

/// Change the document of a sync
///
/// The body is a merge patch (RFC 7396): what it names replaces what is there, and null removes a key. The name and the
/// project stay.
#[utoipa::path(
    patch,
    path = "/api/v1/sync/configs/{id}",
    operation_id = "change_sync",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), OfProject, IfMatch),
    request_body(description = "The keys to change.", content(
        (SyncPatch = "application/json"), (SyncPatch = "application/merge-patch+json"))),
    responses((status = 200, description = "The sync with its new revision.", body = SyncWithDocument,
        headers(("ETag" = String, description = "The revision, for `If-Match`.")))),
)]
pub(crate) async fn patch(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(of): StrictQuery<OfProject>,
    if_match: IfMatch,
    OneDocument(patch): OneDocument,
) -> Result<([(HeaderName, HeaderValue); 1], Json<SyncWithDocument>), Problem> {
    let sync = found(&api, &caller, &of, &id).await?;
    if_match.check(&Tag::of_revision(sync.revision))?;
    let changed =
        configs::patch(&api.db, &caller, sync.id, &patch, Some(sync.revision), origin(&api)).await?;
    let tag = Tag::of_revision(changed.sync.revision);
    Ok((tag.header(), Json(whole(&api.db, api.hosts.prefix(), &changed.sync, changed.warnings).await?)))
}

/// A sync that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "id": 3, "name": "tasks", "project": "default", "deleted": true })))]
pub struct DeletedSync {
    pub id: i64,
    pub name: String,
    pub project: String,
    pub deleted: bool,
}

/// Delete a sync
///
/// Its runs are cancelled. Its links and history stay until they are purged, and no platform is touched.
#[utoipa::path(
    delete,
    path = "/api/v1/sync/configs/{id}",
    operation_id = "delete_sync",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), OfProject, IfMatch),
    responses((status = 200, description = "The sync is deleted.", body = DeletedSync)),
)]
pub(crate) async fn delete(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(of): StrictQuery<OfProject>,
    if_match: IfMatch,
) -> Result<Json<DeletedSync>, Problem> {
    let sync = found(&api, &caller, &of, &id).await?;
    if_match.check(&Tag::of_revision(sync.revision))?;
    let gone = configs::delete(&api.db, &api.queue, &caller, sync.id, Some(sync.revision)).await?;
    Ok(Json(DeletedSync { id: sync.id, name: gone.row.name, project: gone.project, deleted: true }))
}
