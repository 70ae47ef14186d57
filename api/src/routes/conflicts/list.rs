//! `GET /api/v1/sync/conflicts`, one of them, and groups of open ones.

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use syncline_runs::lately::MANY;
use syncline_service::{
    configs,
    conflicts::{self, ConflictGroup, ConflictsQuery},
};
use utoipa::{IntoParams, ToSchema};

use super::{ConflictView, view};
use crate::{
    access::By,
    extract::{InPath, StrictQuery, up_to},
    lately::answered_from,
    page,
    problem::Problem,
    state::ApiState,
};

/// Which conflicts to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConflictQuery {
    /// Of the sync with this id.
    #[param(minimum = 1)]
    config_id: Option<i64>,
    /// True: only resolved ones; false: only open ones; both if it is left out.
    resolved: Option<bool>,
    /// A filter with the keys sync, project, field, kind, entity_type, item, resolution, by, seen, age and since.
    q: Option<String>,
    /// The most conflicts of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of conflicts, the latest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "conflicts": [], "next_cursor": null })))]
pub struct ConflictList {
    pub conflicts: Vec<ConflictView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// List conflicts
#[utoipa::path(
    get,
    path = "/api/v1/sync/conflicts",
    operation_id = "list_conflicts",
    tag = "conflicts",
    params(ConflictQuery),
    responses((status = 200, description = "A page of conflicts.", body = ConflictList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(mut query): StrictQuery<ConflictQuery>,
) -> Result<Json<ConflictList>, Problem> {
    let limit = page::limit(query.limit.take());
    let cursor = query.cursor.take();
    let list = ("conflicts", caller.project, &query);
    let start = page::start(&api, &list, cursor.as_deref()).await?;
    let sync = match query.config_id {
        Some(id) => Some(configs::get(&api.db, &caller, id).await?.id),
        None => None,
    };
    let asked = ConflictsQuery { sync, resolved: query.resolved, filter: query.q.clone(), start, limit };
    let found = conflicts::list(&api.db, &caller, &asked).await?;
    Ok(Json(ConflictList {
        conflicts: found.rows.into_iter().map(|found| view(&caller, found)).collect(),
        next_cursor: page::next(&api, &list, found.next).await?,
    }))
}

/// Show a conflict
#[utoipa::path(
    get,
    path = "/api/v1/sync/conflicts/{id}",
    operation_id = "show_conflict",
    tag = "conflicts",
    params(("id" = i64, Path, minimum = 1, description = "The id of the conflict.")),
    responses((status = 200, description = "The conflict.", body = ConflictView)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<i64>,
) -> Result<Json<ConflictView>, Problem> {
    Ok(Json(view(&caller, conflicts::get(&api.db, &caller, id).await?)))
}

/// Which groups to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupsQuery {
    /// Of the sync with this id.
    #[param(minimum = 1)]
    config_id: Option<i64>,
}

/// Open conflicts by sync, field and kind, the largest group first; at most 1,000 groups.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "groups": [] })))]
pub struct ConflictGroupList {
    pub groups: Vec<ConflictGroupView>,
}

/// Open conflicts of one sync, field and kind.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "config_id": 3, "sync": "tasks", "project": "default", "field": "title", "kind": "field_mismatch", "conflicts": 12,
    "oldest": "2026-11-20T13:44:17Z", "latest": "2026-11-20T14:00:00Z", "q": "sync:tasks field:title kind:field_mismatch",
})))]
pub struct ConflictGroupView {
    pub config_id: i64,
    pub sync: String,
    pub project: String,
    /// None for whole items.
    pub field: Option<String>,
    pub kind: String,
    /// How many there are.
    pub conflicts: i64,
    pub oldest: DateTime<Utc>,
    pub latest: DateTime<Utc>,
    /// The filter that selects them in the list.
    pub q: String,
}

/// Count open conflicts by sync, field and kind
#[utoipa::path(
    get,
    path = "/api/v1/sync/conflicts/groups",
    operation_id = "list_conflict_groups",
    tag = "conflicts",
    params(GroupsQuery),
    responses((status = 200, description = "The groups.", body = ConflictGroupList)),
)]
pub(crate) async fn groups(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(query): StrictQuery<GroupsQuery>,
) -> Result<Response, Problem> {
    let sync = match query.config_id {
        Some(id) => Some(configs::get(&api.db, &caller, id).await?.id),
        None => None,
    };
    let (db, name) = (api.db.clone(), ("conflict groups", caller.project, sync));
    // Also of one sync all open conflicts are read.
    let counting = async move {
        let open = conflicts::count_open(&db, MANY + 1).await?;
        Ok((grouped(conflicts::groups(&db, &caller, sync).await?), open))
    };
    answered_from(&api, &name, counting).await
}

fn grouped(found: Vec<ConflictGroup>) -> ConflictGroupList {
    let group = |group: ConflictGroup| {
        let field = match &group.field {
            Some(field) => format!("field:{}", quoted(field)),
            None => "-field:*".to_owned(),
        };
        ConflictGroupView {
            q: format!("sync:{} {field} kind:{}", quoted(&group.sync.to_string()), group.kind),
            config_id: group.sync.id,
            sync: group.sync.row.name,
            project: group.sync.project,
            field: group.field,
            kind: group.kind,
            conflicts: group.conflicts,
            oldest: group.oldest,
            latest: group.latest,
        }
    };
    ConflictGroupList { groups: found.into_iter().map(group).collect() }
}

/// A value of a filter.
fn quoted(value: &str) -> String {
    let plain = value.chars().all(|letter| letter.is_alphanumeric() || "_-./".contains(letter));
    match plain && !value.is_empty() {
        true => value.to_owned(),
        false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}
