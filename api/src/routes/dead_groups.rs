//! `GET /api/v1/dead/groups`: dead letters by sync and cause.

use std::collections::HashMap;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use syncline_runs::{
    dead::{Group, GroupOrder, GroupQuery, counted, groups},
    kinds,
};
use syncline_service::{
    Caller,
    syncs::{self, NamedSync},
};
use utoipa::{IntoParams, ToSchema, openapi::Schema};
use uuid::Uuid;

use super::jobs::list::sync_id;
use crate::{
    access::By,
    extract::{InPath, StrictQuery, invalid_query, up_to, written},
    lately::answered_from,
    page::{self, PageQuery},
    problem::Problem,
    schema::one_of,
    state::ApiState,
};

/// Which groups to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupsQuery {
    /// Of the sync with this name.
    sync: Option<String>,
    /// The sync's project.
    project: Option<String>,
    /// Of this kind of error.
    #[param(schema_with = error_kinds)]
    #[serde(default, deserialize_with = "error_kind")]
    error_kind: Option<String>,
    /// With this text in the latest error, in upper or lower case.
    text: Option<String>,
    /// Which come first; `newest` if it is left out.
    #[param(schema_with = orders)]
    #[serde(default, deserialize_with = "written")]
    sort: Option<GroupOrder>,
    /// The most groups of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

fn error_kinds() -> Schema {
    one_of(kinds::ALL)
}

/// Reads a kind of error.
fn error_kind<'de, D: Deserializer<'de>>(given: D) -> Result<Option<String>, D::Error> {
    let kind: Option<String> = Option::deserialize(given)?;
    match &kind {
        Some(kind) if !kinds::ALL.contains(&kind.as_str()) => {
            let all = kinds::ALL.join(", ");
            Err(D::Error::custom(format!("{kind:?} is no kind of error: {all}")))
        }
        _ => Ok(kind),
    }
}

fn orders() -> Schema {
    one_of(GroupOrder::ALL.map(GroupOrder::as_str))
}

/// A page of groups of dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "groups": [{
    "group": "3fb0c1d2e3f40516", "sync": "tasks", "project": "default", "error_kind": "permanent", "letters": 12,
    "first_at": "2026-11-20T13:43:32.472408Z", "last_at": "2026-11-20T14:01:00.000000Z",
    "latest": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "reason": "trying again would not help",
    "error": "HTTP 422: \"priority\" is not on the screen",
}], "next_cursor": null })))]
pub struct DeadGroupList {
    pub groups: Vec<DeadGroupView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// The dead letters of one sync with one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadGroupView {
    /// The fingerprint of the cause; other syncs may have a group with the same.
    pub group: String,
    /// The sync's name; none if the sync was purged.
    pub sync: Option<String>,
    pub project: Option<String>,
    /// The kind of error; none until a worker has added it.
    pub error_kind: Option<String>,
    #[schema(minimum = 1)]
    pub letters: i64,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    /// The latest letter.
    pub latest: Uuid,
    /// Why that was given up.
    pub reason: Option<String>,
    /// Its error.
    pub error: Option<String>,
}

/// List dead letters by sync and cause
#[utoipa::path(
    get,
    path = "/api/v1/dead/groups",
    operation_id = "list_dead_groups",
    tag = "dead letters",
    params(GroupsQuery),
    responses((status = 200, description = "A page of groups.", body = DeadGroupList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(query): StrictQuery<GroupsQuery>,
) -> Result<Response, Problem> {
    let name = ("dead groups", caller.project, format!("{query:?}"));
    let state = api.clone();
    // The groups of a page are found by looking at all of them.
    let counting = async move {
        let letters = counted(&state.db, caller.project, None, None).await?;
        Ok((listed(&state, &caller, query, None).await?, letters))
    };
    answered_from(&api, &name, counting).await
}

/// Show the groups with one cause
#[utoipa::path(
    get,
    path = "/api/v1/dead/groups/{fingerprint}",
    operation_id = "show_dead_group",
    tag = "dead letters",
    params(("fingerprint" = String, Path, description = "The fingerprint of the cause."), PageQuery),
    responses((status = 200, description = "A group of each sync that has letters of this cause.", body = DeadGroupList)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(fingerprint): InPath<String>,
    StrictQuery(PageQuery { limit, cursor }): StrictQuery<PageQuery>,
) -> Result<Json<DeadGroupList>, Problem> {
    let query = GroupsQuery { limit, cursor, ..GroupsQuery::default() };
    let found = listed(&api, &caller, query, Some(fingerprint.clone())).await?;
    if found.groups.is_empty() {
        let detail = format!(
            "There are no dead letters of the group {fingerprint:?}; GET /api/v1/dead/groups lists groups"
        );
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-group", "Unknown group", detail));
    }
    Ok(Json(found))
}

async fn listed(
    api: &ApiState,
    caller: &Caller,
    query: GroupsQuery,
    fingerprint: Option<String>,
) -> Result<DeadGroupList, Problem> {
    let limit = page::limit(query.limit);
    let GroupsQuery { sync, project, error_kind, text, sort, cursor, .. } = query;
    let order = sort.unwrap_or_default();
    if project.is_some() && sync.is_none() {
        return Err(invalid_query("project", "stands without a sync; name one"));
    }
    let id = match &sync {
        Some(name) => Some(sync_id(api, caller, name, project.as_deref()).await?),
        None => None,
    };
    let list =
        ("dead groups", caller.project, &fingerprint, &sync, &project, &error_kind, &text, order.as_str());
    let skip = page::after(api, &list, cursor.as_deref()).await?.unwrap_or(0);
    let asked = GroupQuery {
        project: caller.project,
        sync: id,
        fingerprint: fingerprint.clone(),
        kind: error_kind.clone(),
        text: text.clone(),
        order,
        // One more tells whether there is another page.
        limit: limit + 1,
        skip: u64::try_from(skip).unwrap_or_default(),
    };
    let mut found = groups(&api.db, &asked).await?;
    let more = found.len() as u64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let end = skip.saturating_add_unsigned(limit);
    let next_cursor = page::next(api, &list, more.then_some(end)).await?;
    let known = syncs::all(&api.db).await?;
    let groups = found.into_iter().map(|group| view(group, &known)).collect();
    Ok(DeadGroupList { groups, next_cursor })
}

/// The view of a group.
pub fn view(group: Group, known: &HashMap<i64, NamedSync>) -> DeadGroupView {
    let sync = known.get(&group.sync);
    DeadGroupView {
        sync: sync.map(|sync| sync.row.name.clone()),
        project: sync.map(|sync| sync.project.clone()),
        group: group.fingerprint,
        error_kind: group.kind,
        letters: group.letters,
        first_at: group.first_at,
        last_at: group.last_at,
        latest: group.latest,
        reason: group.reason,
        error: group.error,
    }
}
