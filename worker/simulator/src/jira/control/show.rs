//! The whole state as JSON, for tests and people.

use serde_json::{Map, Value, json};

use super::{
    super::{
        state::State,
        time::stamp,
        types::{Project, Token},
    },
    issues,
};

pub(crate) fn state(state: &State) -> Value {
    json!({
        "cloud_id": state.cloud_id,
        "users": state.users.keys().map(|id| user(state, id)).collect::<Vec<_>>(),
        "projects": state.projects.values().map(|one| project(state, one, true)).collect::<Vec<_>>(),
        "tokens": tokens(state),
        "settings": state.behaviour,
    })
}

pub(super) fn user(state: &State, id: &str) -> Value {
    let Some(user) = state.users.get(id) else { return Value::Null };
    json!({
        "account_id": user.id,
        "handle": user.handle,
        "name": user.name,
        "email": user.email,
        "shows_email": user.shows_email,
        "active": user.active,
        "app": user.app,
        "admin": user.admin,
        "time_zone": user.zone.name(),
        "locale": user.locale,
    })
}

/// Returns a project; with its issues, if wanted.
pub(super) fn project(state: &State, project: &Project, whole: bool) -> Value {
    let name = |id: &String| state.users.get(id).map_or(id.clone(), |user| user.handle.clone());
    let types = project.types.iter().filter_map(|id| state.types.get(id));
    let types: Map<_, _> = types.map(|known| (known.name.clone(), json!(known.id.to_string()))).collect();
    let workflow = state.workflows.get(&project.workflow);
    let statuses = workflow.into_iter().flat_map(|workflow| &workflow.statuses);
    let statuses: Map<_, _> =
        statuses.map(|id| (state.status_name(*id).to_owned(), json!(id.to_string()))).collect();
    let mut shown = json!({
        "id": project.id.to_string(),
        "key": project.key,
        "name": project.name,
        "team_managed": project.team_managed,
        "anonymous": project.anonymous,
        "archived": project.archived,
        "members": project.members.iter().map(|(id, has)| (name(id), json!(has))).collect::<Map<_, _>>(),
        "issue_types": types,
        "workflow": workflow.map(|workflow| json!({ "id": workflow.id.to_string(), "name": workflow.name })),
        "statuses": statuses,
        "fields": project.screen.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(),
    });
    let mut own: Vec<_> = state.issues.values().filter(|issue| issue.project == project.id).collect();
    shown["issue_count"] = json!(own.len());
    if whole {
        own.sort_by_key(|issue| issue.id);
        shown["issues"] = own.iter().map(|issue| issues::shown(state, issue)).collect();
    }
    shown
}

pub(super) fn tokens(state: &State) -> Value {
    let one = |token: &Token| {
        json!({
            "token": token.value,
            "user": state.users.get(&token.user).map(|user| user.handle.as_str()),
            "expires_at": token.expires.map(|at| stamp(at, chrono_tz::Tz::UTC)),
            "revoked": token.revoked,
            "scopes": token.scopes,
        })
    };
    state.tokens.values().map(one).collect()
}
