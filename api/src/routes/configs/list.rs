//! `GET /api/v1/sync/configs`, and one of them.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue},
};
use serde::{Deserialize, Serialize};
use syncline_service::configs::{self, ConfigsQuery};
use utoipa::{IntoParams, ToSchema};

use super::{OfProject, SyncView, SyncWithDocument, found, origin, view, whole};
use crate::{
    access::By,
    etag::Tag,
    extract::{InPath, StrictQuery, up_to},
    page,
    problem::Problem,
    state::ApiState,
};

/// Which syncs to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncsQuery {
    /// Of this project.
    project: Option<String>,
    /// With this platform on either side.
    platform: Option<String>,
    /// Of this type of item.
    entity_type: Option<String>,
    /// True: with scheduled runs; false: without.
    enabled: Option<bool>,
    /// A filter with the keys name, project, platform, source, target, entity_type, direction, enabled and managed_by.
    q: Option<String>,
    /// The most syncs of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of syncs, in order of their ids.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "syncs": [], "next_cursor": null })))]
pub struct SyncList {
    pub syncs: Vec<SyncView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// List the syncs
#[utoipa::path(
    get,
    path = "/api/v1/sync/configs",
    operation_id = "list_syncs",
    tag = "syncs",
    params(SyncsQuery),
    responses((status = 200, description = "A page of syncs.", body = SyncList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(mut query): StrictQuery<SyncsQuery>,
) -> Result<Json<SyncList>, Problem> {
    let limit = page::limit(query.limit.take());
    let cursor = query.cursor.take();
    let list = ("syncs", caller.project, &query);
    let asked = ConfigsQuery {
        project: query.project.clone(),
        platform: query.platform.clone(),
        entity_type: query.entity_type.clone(),
        enabled: query.enabled,
        filter: query.q.clone(),
        after: page::after(&api, &list, cursor.as_deref()).await?,
        // One more tells whether there is another page.
        limit: limit + 1,
    };
    let mut found = configs::list(&api.db, &caller, &asked).await?;
    let more = found.len() as u64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = found.last().map(|sync| sync.id).filter(|_| more);
    let paused = configs::paused(&api.db, &found).await?;
    Ok(Json(SyncList {
        syncs: found.iter().map(|sync| view(api.hosts.prefix(), sync, &paused)).collect(),
        next_cursor: page::next(&api, &list, last).await?,
    }))
}

/// Show a sync with its document
#[utoipa::path(
    get,
    path = "/api/v1/sync/configs/{id}",
    operation_id = "show_sync",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), OfProject),
    responses((status = 200, description = "The sync.", body = SyncWithDocument,
        headers(("ETag" = String, description = "The revision, for `If-Match`.")))),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(of): StrictQuery<OfProject>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<SyncWithDocument>), Problem> {
    let sync = found(&api, &caller, &of, &id).await?;
    let warnings = configs::validate_stored(&api.db, &caller, sync.id, origin(&api)).await?;
    let tag = Tag::of_revision(sync.revision);
    Ok((tag.header(), Json(whole(&api.db, api.hosts.prefix(), &sync, warnings).await?)))
}
