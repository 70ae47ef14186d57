//! The whole state as JSON, for tests and people.

use serde_json::{Value, json};

use super::{
    super::{
        render::Render,
        state::State,
        types::{Repo, Token},
        version::Version,
    },
    issues,
};
use crate::clock::stamp;

pub(crate) fn state(state: &State) -> Value {
    json!({
        "accounts": state.accounts.keys().map(|id| account(state, *id)).collect::<Vec<_>>(),
        "repositories": state.repos.values().map(|found| repo(state, found, true)).collect::<Vec<_>>(),
        "tokens": tokens(state),
        "settings": state.behaviour,
    })
}

pub(super) fn account(state: &State, id: u64) -> Value {
    let Some(account) = state.accounts.get(&id) else { return Value::Null };
    json!({
        "id": id,
        "login": account.login,
        "kind": account.kind,
        "name": account.name,
        "email": account.email,
        "issue_types": account.types.values().map(|one| json!({ "id": one.id, "name": one.name })).collect::<Vec<_>>(),
        "issue_fields": account.fields.values()
            .map(|one| json!({ "id": one.id, "name": one.name, "data_type": one.data_type }))
            .collect::<Vec<_>>(),
    })
}

/// Returns a repository; with its issues, if wanted.
pub(super) fn repo(state: &State, repo: &Repo, whole: bool) -> Value {
    let members = repo.members.iter().map(|(id, role)| (state.login(*id).to_owned(), json!(role)));
    let mut shown = json!({
        "id": repo.id,
        "full_name": state.full_name(repo),
        "private": repo.private,
        "has_issues": repo.has_issues,
        "archived": repo.archived,
        "members": members.collect::<serde_json::Map<_, _>>(),
        "labels": repo.labels.values().map(|label| label.name.as_str()).collect::<Vec<_>>(),
        "milestones": repo.milestones.values()
            .map(|one| json!({ "number": one.number, "title": one.title, "due_on": one.due.map(stamp) }))
            .collect::<Vec<_>>(),
        "issue_count": repo.issues.len(),
        "gone": issues::gone(repo),
        "hooks": repo.hooks.values().map(|hook| hook.url.as_str()).collect::<Vec<_>>(),
    });
    if whole {
        let render = Render { state, version: Version::V2022, root: &state.root };
        shown["issues"] = repo.issues.values().map(|issue| render.issue(repo, issue)).collect();
    }
    shown
}

pub(super) fn tokens(state: &State) -> Value {
    state.tokens.values().map(|one| token(state, one)).collect()
}

fn token(state: &State, token: &Token) -> Value {
    let name = |id: &u64| state.repos.get(id).map(|repo| state.full_name(repo));
    json!({
        "token": token.value,
        "account": state.login(token.account),
        "kind": token.kind,
        "scopes": token.scopes,
        "repositories": token.repositories.as_ref().map(|chosen| chosen.iter().filter_map(name).collect::<Vec<_>>()),
        "permissions": token.permissions,
        "expires_at": token.expires.map(stamp),
        "revoked": token.revoked,
    })
}
