//! The state as the control API shows it.

use serde_json::{Value, json};

use super::super::{
    id::Id,
    scalars::stamp,
    state::State,
    types::{Issue, Label, Team, Token, User},
};

pub(crate) fn state(state: &State) -> Value {
    json!({
        "workspace": { "id": state.organization.id.to_string(), "name": state.organization.name, "url_key": state.organization.url_key },
        "users": state.users.values().map(user).collect::<Vec<_>>(),
        "teams": state.teams.values().map(|one| team(state, one, true)).collect::<Vec<_>>(),
        "labels": state.labels.values().map(|one| label(state, one)).collect::<Vec<_>>(),
        "projects": state.projects.values()
            .map(|one| json!({ "id": one.id.to_string(), "name": one.name, "teams": super::accounts::keys(state, one.teams.iter().copied()) }))
            .collect::<Vec<_>>(),
        "tokens": tokens(state),
        "settings": state.behaviour,
    })
}

pub(super) fn user(user: &User) -> Value {
    json!({
        "id": user.id.to_string(), "display_name": user.display_name, "name": user.name, "email": user.email,
        "admin": user.admin, "guest": user.guest, "active": user.active, "app": user.app,
    })
}

fn label(state: &State, label: &Label) -> Value {
    let name = |id: Option<Id>| id.and_then(|id| state.labels.get(&id)).map(|label| label.name.as_str());
    json!({
        "id": label.id.to_string(), "name": label.name, "group": label.group, "parent": name(label.parent),
        "team": label.team.and_then(|team| state.teams.get(&team)).map(|team| team.key.as_str()),
    })
}

fn names(state: &State, users: impl IntoIterator<Item = Id>) -> Vec<&str> {
    users.into_iter().filter_map(|id| state.users.get(&id)).map(|user| user.display_name.as_str()).collect()
}

pub(super) fn team(state: &State, team: &Team, whole: bool) -> Value {
    let states = state.states_of(team.id);
    let mut shown = json!({
        "id": team.id.to_string(),
        "key": team.key,
        "name": team.name,
        "private": team.private,
        "members": names(state, team.members.iter().copied()),
        "estimation": team.scale,
        "states": states.iter()
            .map(|one| json!({ "id": one.id.to_string(), "name": one.name, "type": one.kind, "position": one.position }))
            .collect::<Vec<_>>(),
        "default_state": team.default_state.map(|id| id.to_string()),
        "issue_count": team.by_created.len(),
    });
    if whole {
        let ids = team.by_created.iter().filter_map(|(_, id)| state.issues.get(id));
        shown["issues"] = ids.map(|one| issue(state, one)).collect();
    }
    shown
}

pub(super) fn issue(state: &State, issue: &Issue) -> Value {
    let content = &issue.content;
    let person =
        |id: Option<Id>| id.and_then(|id| state.users.get(&id)).map(|user| user.display_name.as_str());
    let labels = content.labels.iter().filter_map(|id| state.labels.get(id)).map(|label| label.name.as_str());
    json!({
        "id": issue.id.to_string(),
        "identifier": state.identifier(issue),
        "previous_identifiers": issue.previous,
        "title": content.title,
        "description": content.description,
        "state": state.states.get(&content.state).map(|one| one.name.as_str()),
        "priority": content.priority,
        "estimate": content.estimate,
        "due_date": content.due,
        "assignee": person(content.assignee),
        "delegate": person(content.delegate),
        "creator": person(issue.creator),
        "labels": labels.collect::<Vec<_>>(),
        "parent": content.parent.and_then(|id| state.issues.get(&id)).map(|parent| state.identifier(parent)),
        "project": content.project.and_then(|id| state.projects.get(&id)).map(|project| project.name.as_str()),
        "attachments": issue.attachments.iter().filter_map(|id| state.attachments.get(id)).map(|one| one.url.as_str()).collect::<Vec<_>>(),
        "created_at": stamp(issue.created),
        "updated_at": stamp(issue.updated),
        "archived_at": issue.archived.map(stamp),
        "trashed": issue.trashed,
        "hidden": issue.hidden,
        "url": state.issue_url(issue),
    })
}

pub(super) fn tokens(state: &State) -> Value {
    state.tokens.values().map(|one| token(state, one)).collect()
}

fn token(state: &State, token: &Token) -> Value {
    json!({
        "token": token.value,
        "kind": token.kind,
        "user": state.users.get(&token.user).map(|user| user.display_name.as_str()),
        "scopes": token.scopes,
        "teams": token.teams.as_ref().map(|teams| super::accounts::keys(state, teams.iter().copied())),
        "client": token.client,
        "expires_at": token.expires.map(stamp),
        "revoked": token.revoked,
    })
}
