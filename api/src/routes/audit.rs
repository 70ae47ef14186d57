//! `GET /api/v1/audit`: who changed what.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_entity::audit_log;
use syncline_service::audit::{self, AuditQuery};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::By,
    extract::{StrictQuery, up_to},
    page,
    problem::Problem,
    state::ApiState,
};

/// Which changes to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangesQuery {
    /// Only changes of this person or token.
    actor: Option<String>,
    /// Only changes of this kind, such as `account.rotate`.
    action: Option<String>,
    /// Only changes of things of this kind, such as `sync`.
    subject_kind: Option<String>,
    /// Only changes of the thing with this id.
    subject_id: Option<String>,
    /// Only changes before the one with this id.
    before: Option<i64>,
    /// The most changes of a page; 100 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "up_to::<1000, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of changes, the latest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "changes": [{
    "id": 7, "at": "2026-11-20T13:44:17.832345Z", "actor": "mia@desk", "action": "pause", "subject_kind": "sync",
    "subject_id": "3", "details": { "from": "192.0.2.7", "before": null, "after": { "reason": "moving" } },
    "request_id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a",
}], "next_cursor": null })))]
pub struct ChangeList {
    pub changes: Vec<Change>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// A change.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Change {
    pub id: i64,
    pub at: DateTime<Utc>,
    /// A person as `user@host`, or a token by name.
    pub actor: String,
    /// For example `account.rotate`.
    pub action: String,
    pub subject_kind: String,
    /// None if there is only one of the kind, or if several were changed.
    pub subject_id: Option<String>,
    /// `from`, `before` and `after`.
    pub details: Option<Value>,
    pub request_id: Option<String>,
}

/// List who changed what
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    operation_id = "list_changes",
    tag = "access",
    params(ChangesQuery),
    responses((status = 200, description = "The latest changes first.", body = ChangeList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(query): StrictQuery<ChangesQuery>,
) -> Result<Json<ChangeList>, Problem> {
    let limit = query.limit.unwrap_or(100);
    let ChangesQuery { actor, action, subject_kind, subject_id, before, cursor, .. } = query;
    let list = ("audit", caller.project, &actor, &action, &subject_kind, &subject_id, before);
    let before = page::after(&api, &list, cursor.as_deref()).await?.or(before);
    let asked = AuditQuery {
        actor: actor.clone(),
        action: action.clone(),
        kind: subject_kind.clone(),
        id: subject_id.clone(),
        before,
        limit: u64::from(limit),
    };
    let page = audit::page(&api.db, &caller, &asked).await?;
    let next_cursor = page::next(&api, &list, page.next).await?;
    Ok(Json(ChangeList { changes: page.rows.into_iter().map(view).collect(), next_cursor }))
}

/// The view of a change in the audit log.
pub fn view(row: audit_log::Model) -> Change {
    Change {
        id: row.id,
        at: row.at,
        actor: row.actor,
        action: row.action,
        subject_kind: row.subject_kind,
        subject_id: row.subject_id,
        details: row.details,
        request_id: row.request_id,
    }
}
