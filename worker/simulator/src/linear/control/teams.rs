//! Controls of teams, their states, labels and projects.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::{
    super::{
        id::Id,
        seed::STATES,
        state::State,
        types::{Project, Scale, StateKind},
    },
    Done, read, show, team,
};
use crate::http::{Call, Reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewState {
    name: String,
    #[serde(rename = "type")]
    kind: StateKind,
    position: Option<f64>,
    color: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTeam {
    key: String,
    name: Option<String>,
    #[serde(default)]
    private: bool,
    /// Names of users; missing ones are created.
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    estimation: Scale,
    #[serde(default)]
    allow_zero: bool,
    #[serde(default)]
    extended: bool,
    #[serde(default)]
    triage: bool,
    /// The default states if left out.
    states: Option<Vec<NewState>>,
    /// Names of labels of the team.
    #[serde(default)]
    labels: Vec<String>,
}

pub(super) fn create(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewTeam = read(call)?;
    let fits =
        !new.key.is_empty() && new.key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !fits {
        return Err(Reply::refused(422, "`key` is of capital letters and digits"));
    }
    if state.team(&new.key).is_some() {
        return Err(Reply::refused(409, format!("there is a team {} already", new.key)));
    }
    let id = state.add_team(&new.key, new.name.as_deref().unwrap_or(&new.key), now);
    let members: BTreeSet<Id> = new.members.iter().map(|name| state.user_or_new(name, now)).collect();
    if let Some(team) = state.teams.get_mut(&id) {
        (team.private, team.members, team.triage) = (new.private, members, new.triage);
        (team.scale, team.allow_zero, team.extended) = (new.estimation, new.allow_zero, new.extended);
    }
    match new.states {
        Some(states) => {
            for one in states {
                put_state(state, id, &one, now);
            }
        }
        None => {
            for (name, kind, position, color) in STATES {
                state.add_state(id, name, kind, position, color, now);
            }
        }
    }
    if new.triage {
        state.add_state(id, "Triage", StateKind::Triage, -1.0, "#fc7840", now);
    }
    for name in &new.labels {
        state.add_label(name, Some(id), None, false, "#bec2c8", now);
    }
    Ok(Reply::json(201, &show::team(state, &state.teams[&id], false)))
}

fn put_state(state: &mut State, team: Id, new: &NewState, now: i64) -> Id {
    let next = state.states_of(team).len() as f64;
    let color = new.color.as_deref().unwrap_or("#e2e2e2");
    state.add_state(team, &new.name, new.kind, new.position.unwrap_or(next), color, now)
}

pub(super) fn create_state(state: &mut State, call: &Call, team: Id, now: i64) -> Done {
    let new: NewState = read(call)?;
    let id = put_state(state, team, &new, now);
    Ok(Reply::json(201, &json!({ "id": id.to_string() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamChange {
    key: Option<String>,
    name: Option<String>,
    private: Option<bool>,
    estimation: Option<Scale>,
    allow_zero: Option<bool>,
    extended: Option<bool>,
    triage: Option<bool>,
    /// The name or the id of a state.
    default_state: Option<String>,
}

pub(super) fn update(state: &mut State, call: &Call, id: Id, now: i64) -> Done {
    let change: TeamChange = read(call)?;
    let default = match &change.default_state {
        Some(name) => Some(state_of(state, id, name)?),
        None => None,
    };
    if let Some(key) = &change.key
        && state.team(key).is_some_and(|team| team.id != id)
    {
        return Err(Reply::refused(409, format!("there is a team {key} already")));
    }
    let renamed = change.key.as_ref().filter(|key| **key != state.teams[&id].key).is_some();
    if renamed {
        let former = state.teams[&id].key.clone();
        let issues: Vec<(u64, Id)> =
            state.teams[&id].numbers.iter().map(|(number, id)| (*number, *id)).collect();
        for (number, issue) in issues {
            state.former.insert(format!("{former}-{number}"), issue);
            if let Some(issue) = state.issues.get_mut(&issue) {
                issue.previous.push(format!("{former}-{number}"));
            }
        }
    }
    let team = state.teams.get_mut(&id).ok_or_else(|| Reply::refused(404, "there is no such team"))?;
    team.key = change.key.unwrap_or_else(|| team.key.clone());
    team.name = change.name.unwrap_or_else(|| team.name.clone());
    team.private = change.private.unwrap_or(team.private);
    team.scale = change.estimation.unwrap_or(team.scale);
    team.allow_zero = change.allow_zero.unwrap_or(team.allow_zero);
    team.extended = change.extended.unwrap_or(team.extended);
    team.triage = change.triage.unwrap_or(team.triage);
    team.default_state = default.or(team.default_state);
    team.updated = now;
    Ok(Reply::json(200, &show::team(state, &state.teams[&id], false)))
}

/// Deletes a team with its states, labels and issues.
pub(super) fn delete(state: &mut State, id: Id) {
    let issues: Vec<Id> = state.teams[&id].by_created.iter().map(|(_, id)| *id).collect();
    for issue in issues {
        state.erase(issue);
    }
    state.teams.remove(&id);
    state.states.retain(|_, found| found.team != id);
    state.labels.retain(|_, label| label.team != Some(id));
}

pub(super) fn member(state: &mut State, call: &Call, team: Id, name: &str, now: i64) -> Done {
    let user = state.user_or_new(name, now);
    if let Some(team) = state.teams.get_mut(&team) {
        if call.method == "PUT" {
            team.members.insert(user);
        } else {
            team.members.remove(&user);
        }
    }
    Ok(Reply::empty(204))
}

/// Returns a state of a team by its name or id.
pub(super) fn state_of(state: &State, team: Id, name: &str) -> Result<Id, Reply> {
    let found = state.states_of(team).into_iter().find(|one| one.name == name || one.id.to_string() == name);
    found.map(|one| one.id).ok_or_else(|| Reply::refused(422, format!("the team has no state {name}")))
}

/// The changes of a workflow state. Its team and its kind cannot be changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StateChange {
    name: Option<String>,
    position: Option<f64>,
    color: Option<String>,
}

/// Renames or moves a workflow state, or archives it.
pub(super) fn change_state(state: &mut State, call: &Call, id: &str, now: i64) -> Done {
    let found = Id::parse(id).and_then(|id| state.states.get_mut(&id));
    let found = found.ok_or_else(|| Reply::refused(404, "there is no such state"))?;
    found.updated = now;
    if call.method == "DELETE" {
        found.archived = Some(now);
        return Ok(Reply::empty(204));
    }
    let change: StateChange = read(call)?;
    found.name = change.name.unwrap_or_else(|| found.name.clone());
    found.position = change.position.unwrap_or(found.position);
    found.color = change.color.unwrap_or_else(|| found.color.clone());
    Ok(Reply::empty(204))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLabel {
    name: String,
    /// The key of a team; a label of the workspace if left out.
    team: Option<String>,
    /// The name or the id of a group.
    parent: Option<String>,
    #[serde(default)]
    group: bool,
    color: Option<String>,
}

pub(super) fn create_label(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewLabel = read(call)?;
    let team = new.team.map(|name| team(state, &name)).transpose()?;
    let parent = match &new.parent {
        Some(name) => {
            let found = state
                .labels
                .values()
                .find(|one| one.group && (one.name == *name || one.id.to_string() == *name));
            Some(
                found
                    .map(|one| one.id)
                    .ok_or_else(|| Reply::refused(422, format!("there is no group {name}")))?,
            )
        }
        None => None,
    };
    let color = new.color.as_deref().unwrap_or("#bec2c8");
    let id = state.add_label(&new.name, team, parent, new.group, color, now);
    Ok(Reply::json(201, &json!({ "id": id.to_string() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelChange {
    name: Option<String>,
    color: Option<String>,
}

pub(super) fn change_label(state: &mut State, call: &Call, id: &str, now: i64) -> Done {
    let id = Id::parse(id).filter(|id| state.labels.contains_key(id));
    let id = id.ok_or_else(|| Reply::refused(404, "there is no such label"))?;
    if call.method == "DELETE" {
        state.drop_label(id);
        return Ok(Reply::empty(204));
    }
    let change: LabelChange = read(call)?;
    if let Some(label) = state.labels.get_mut(&id) {
        label.name = change.name.unwrap_or_else(|| label.name.clone());
        label.color = change.color.unwrap_or_else(|| label.color.clone());
        label.updated = now;
    }
    Ok(Reply::empty(204))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewProject {
    name: String,
    /// Keys of teams.
    teams: Vec<String>,
}

pub(super) fn create_project(state: &mut State, call: &Call, now: i64) -> Done {
    let new: NewProject = read(call)?;
    let teams = new.teams.iter().map(|name| team(state, name)).collect::<Result<_, _>>()?;
    let id = state.fresh_id();
    state
        .projects
        .insert(id, Project { id, name: new.name, teams, creator: None, created: now, updated: now });
    Ok(Reply::json(201, &json!({ "id": id.to_string() })))
}
