//! Controls of repositories.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::{
    super::{
        seed::{self, Seed},
        state::State,
        types::{AccountKind, Hook, Repo, Role},
    },
    Done, account, read, show,
};
use crate::{
    clock,
    http::{Call, Reply},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRepo {
    /// The owner; an organisation is created if the account does not exist.
    owner: String,
    name: String,
    #[serde(default)]
    private: bool,
    description: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
    /// Logins and their roles; missing accounts are created.
    #[serde(default)]
    members: BTreeMap<String, Role>,
}

pub(super) fn create(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewRepo = read(call)?;
    if super::named(state, &new.owner, &new.name).is_ok() {
        return Err(Reply::refused(409, format!("there is a repository {}/{} already", new.owner, new.name)));
    }
    let owner = state.account_or_new(&new.owner, AccountKind::Organization, now / 1000);
    let id = state.add_repo(owner, &new.name, new.private, now / 1000);
    for (login, role) in new.members {
        let member = state.account_or_new(&login, AccountKind::User, now / 1000);
        if let Some(repo) = state.repos.get_mut(&id) {
            repo.members.insert(member, role);
        }
    }
    for label in new.labels {
        state.label_or_new(id, &label);
    }
    if let Some(repo) = state.repos.get_mut(&id) {
        repo.description = new.description;
    }
    Ok(Reply::json(201, &show::repo(state, &state.repos[&id], false)))
}

impl State {
    /// Adds an empty repository and returns its id.
    pub(crate) fn add_repo(&mut self, owner: u64, name: &str, private: bool, now: i64) -> u64 {
        let login = self.login(owner).to_owned();
        let id = self.name_repo(&login, name, None);
        let repo = Repo {
            id,
            owner,
            name: name.to_owned(),
            description: None,
            private,
            has_issues: true,
            archived: false,
            created: now,
            updated: now,
            members: BTreeMap::new(),
            labels: BTreeMap::new(),
            label_names: BTreeMap::new(),
            milestones: BTreeMap::new(),
            issues: BTreeMap::new(),
            gone: BTreeMap::new(),
            by_updated: std::collections::BTreeSet::new(),
            by_created: std::collections::BTreeSet::new(),
            last_number: 0,
            open: 0,
            hooks: BTreeMap::new(),
        };
        self.repos.insert(id, repo);
        id
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RepoChange {
    /// The new name; the former one redirects.
    name: Option<String>,
    private: Option<bool>,
    has_issues: Option<bool>,
    archived: Option<bool>,
}

pub(super) fn update(state: &mut State, call: &Call, id: u64) -> Done {
    let change: RepoChange = read(call)?;
    if let Some(name) = &change.name {
        let owner = state.login(state.repos[&id].owner).to_owned();
        if super::named(state, &owner, name).is_ok_and(|other| other != id) {
            return Err(Reply::refused(409, format!("there is a repository {owner}/{name} already")));
        }
        state.name_repo(&owner, name, Some(id));
    }
    if let Some(repo) = state.repos.get_mut(&id) {
        repo.name = change.name.unwrap_or_else(|| repo.name.clone());
        repo.private = change.private.unwrap_or(repo.private);
        repo.has_issues = change.has_issues.unwrap_or(repo.has_issues);
        repo.archived = change.archived.unwrap_or(repo.archived);
    }
    Ok(Reply::json(200, &show::repo(state, &state.repos[&id], false)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    role: Role,
}

/// Sets or removes the role of an account in a repository.
pub(super) fn member(state: &mut State, call: &Call, id: u64, login: &str) -> Done {
    let member = account(state, login)?;
    let role = if call.method == "PUT" { Some(read::<Member>(call)?.role) } else { None };
    if let Some(repo) = state.repos.get_mut(&id) {
        match role {
            Some(role) => repo.members.insert(member, role),
            None => repo.members.remove(&member),
        };
    }
    state.epoch += 1;
    Ok(Reply::empty(204))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLabels {
    names: Vec<String>,
}

pub(super) fn add_labels(state: &mut State, call: &Call, id: u64) -> Done {
    let new: NewLabels = read(call)?;
    let ids: Vec<u64> = new.names.iter().map(|name| state.label_or_new(id, name)).collect();
    Ok(Reply::json(201, &json!({ "ids": ids })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMilestone {
    title: String,
    /// A time, stored unchanged: people choose a day, and the browser sends its midnight.
    due_on: Option<String>,
}

pub(super) fn add_milestone(state: &mut State, call: &Call, id: u64, now: i64) -> Done {
    let new: NewMilestone = read(call)?;
    let due = match new.due_on.as_deref() {
        None => None,
        Some(text) => Some(clock::seconds(text).ok_or_else(|| Reply::refused(422, "`due_on` is no time"))?),
    };
    let number = state.add_milestone(id, new.title, None, now / 1000);
    if let Some(milestone) = state.repos.get_mut(&id).and_then(|repo| repo.milestones.get_mut(&number)) {
        milestone.due = due.map(super::super::milestones::normalised);
    }
    Ok(Reply::json(201, &json!({ "number": number })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewHook {
    url: String,
    secret: Option<String>,
}

pub(super) fn add_hook(state: &mut State, call: &Call, id: u64, now: i64) -> Done {
    let new: NewHook = read(call)?;
    let hook = state.fresh_id();
    if let Some(repo) = state.repos.get_mut(&id) {
        let events = vec!["issues".to_owned()];
        let (url, secret) = (new.url, new.secret);
        repo.hooks.insert(hook, Hook { id: hook, url, secret, events, active: true, created: now / 1000 });
    }
    Ok(Reply::json(201, &json!({ "id": hook })))
}

pub(super) fn seed(state: &mut State, call: &Call, id: u64, now: i64) -> Done {
    let seed: Seed = read(call)?;
    let numbers = seed::fill(state, id, &seed, now);
    Ok(Reply::json(
        201,
        &json!({ "created": numbers.len(), "first": numbers.first(), "last": numbers.last() }),
    ))
}
