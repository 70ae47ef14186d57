//! The documents that a sync ever had.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_service::{configs, differences::Difference, passwords};
use utoipa::{IntoParams, ToSchema};

use super::{OfProject, SyncWithDocument, found, origin, whole};
use crate::{
    access::By,
    etag::{IfMatch, Tag},
    extract::{InPath, StrictQuery, up_to},
    page,
    problem::Problem,
    state::ApiState,
};

/// A revision of a sync's document.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "revision": 2, "by": "mia@laptop", "at": "2026-11-20T13:44:17Z" })))]
pub struct Revision {
    pub revision: i64,
    /// Who stored it.
    pub by: String,
    pub at: DateTime<Utc>,
}

/// Which revisions to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevisionsQuery {
    /// The project of a sync that is named; by default the token's, else `default`.
    project: Option<String>,
    /// The most revisions of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of revisions, the latest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "revisions": [{ "revision": 2, "by": "mia@laptop", "at": "2026-11-20T13:44:17Z" }], "next_cursor": null })))]
pub struct RevisionList {
    pub revisions: Vec<Revision>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// A revision with its document.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "revision": 2, "by": "mia@laptop", "at": "2026-11-20T13:44:17Z", "document": { "name": "tasks" } })))]
pub struct RevisionWithDocument {
    #[serde(flatten)]
    pub revision: Revision,
    /// The document, with `***` for each password.
    #[schema(value_type = Object)]
    pub document: Value,
}

/// List the revisions of a sync
#[utoipa::path(
    get,
    path = "/api/v1/sync/configs/{id}/revisions",
    operation_id = "list_revisions",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), RevisionsQuery),
    responses((status = 200, description = "A page of revisions.", body = RevisionList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(query): StrictQuery<RevisionsQuery>,
) -> Result<Json<RevisionList>, Problem> {
    let id = found(&api, &caller, &OfProject { project: query.project }, &id).await?.id;
    let limit = page::limit(query.limit);
    let list = ("revisions", id);
    let before = page::after(&api, &list, query.cursor.as_deref()).await?;
    let mut found = configs::revisions(&api.db, &caller, id, before, limit + 1).await?;
    let more = found.len() as u64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = found.last().map(|row| row.revision).filter(|_| more);
    let revision = |row: syncline_entity::sync_config_revision::Model| Revision {
        revision: row.revision,
        by: row.by,
        at: row.at,
    };
    Ok(Json(RevisionList {
        revisions: found.into_iter().map(revision).collect(),
        next_cursor: page::next(&api, &list, last).await?,
    }))
}

/// Show a revision with its document
#[utoipa::path(
    get,
    path = "/api/v1/sync/configs/{id}/revisions/{revision}",
    operation_id = "show_revision",
    tag = "syncs",
    params(
        ("id" = String, Path, description = "The id of the sync, or its name."),
        ("revision" = i64, Path, minimum = 1, description = "The number of the revision."),
        OfProject,
    ),
    responses((status = 200, description = "The revision.", body = RevisionWithDocument)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    InPath((id, number)): InPath<(String, i64)>,
    StrictQuery(of): StrictQuery<OfProject>,
) -> Result<Json<RevisionWithDocument>, Problem> {
    let sync = found(&api, &caller, &of, &id).await?;
    let row = configs::revision(&api.db, &caller, sync.id, number).await?;
    Ok(Json(RevisionWithDocument {
        revision: Revision { revision: row.revision, by: row.by, at: row.at },
        document: passwords::hidden(row.config_json),
    }))
}

/// Store the document of a revision again
///
/// It becomes a new revision. The rules for documents over HTTP hold for it.
#[utoipa::path(
    post,
    path = "/api/v1/sync/configs/{id}/revisions/{revision}/restore",
    operation_id = "restore_revision",
    tag = "syncs",
    params(
        ("id" = String, Path, description = "The id of the sync, or its name."),
        ("revision" = i64, Path, minimum = 1, description = "The number of the revision."),
        OfProject,
        IfMatch,
    ),
    responses((status = 200, description = "The sync with its new revision.", body = SyncWithDocument,
        headers(("ETag" = String, description = "The revision, for `If-Match`.")))),
)]
pub(crate) async fn restore(
    State(api): State<ApiState>,
    By(caller): By,
    InPath((id, number)): InPath<(String, i64)>,
    StrictQuery(of): StrictQuery<OfProject>,
    if_match: IfMatch,
) -> Result<([(HeaderName, HeaderValue); 1], Json<SyncWithDocument>), Problem> {
    let sync = found(&api, &caller, &of, &id).await?;
    if_match.check(&Tag::of_revision(sync.revision))?;
    let changed =
        configs::restore(&api.db, &caller, sync.id, number, Some(sync.revision), origin(&api)).await?;
    let tag = Tag::of_revision(changed.sync.revision);
    Ok((tag.header(), Json(whole(&api.db, api.hosts.prefix(), &changed.sync, changed.warnings).await?)))
}

/// Which revisions to compare. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiffQuery {
    /// The first revision; the one before `to` if it is left out.
    #[param(minimum = 1)]
    from: Option<i64>,
    /// The second revision; the latest if it is left out.
    #[param(minimum = 1)]
    to: Option<i64>,
    /// The project of a sync that is named; by default the token's, else `default`.
    project: Option<String>,
}

/// What two revisions differ in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "from": 1, "to": 2, "differences": [
    { "path": "sync_interval", "before": 300, "after": 60 } ] })))]
pub struct Differences {
    pub from: i64,
    pub to: i64,
    pub differences: Vec<ChangedKey>,
}

/// A key whose values differ.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChangedKey {
    /// The key: `delete_guard.max_count`, `field_mappings[title -> summary].values`.
    pub path: String,
    /// Null if the first document lacks the key.
    pub before: Value,
    /// Null if the second document lacks the key.
    pub after: Value,
}

impl From<Difference> for ChangedKey {
    fn from(Difference { path, before, after }: Difference) -> Self {
        ChangedKey { path, before, after }
    }
}

/// Show what two revisions of a sync differ in
#[utoipa::path(
    get,
    path = "/api/v1/sync/configs/{id}/diff",
    operation_id = "compare_revisions",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), DiffQuery),
    responses((status = 200, description = "The keys that differ.", body = Differences)),
)]
pub(crate) async fn diff(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(DiffQuery { from, to, project }): StrictQuery<DiffQuery>,
) -> Result<Json<Differences>, Problem> {
    let id = found(&api, &caller, &OfProject { project }, &id).await?.id;
    let (from, to, found) = configs::diff(&api.db, &caller, id, from, to).await?;
    Ok(Json(Differences { from, to, differences: found.into_iter().map(ChangedKey::from).collect() }))
}
