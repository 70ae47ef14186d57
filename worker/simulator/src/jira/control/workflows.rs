//! Controls of statuses, workflows and priorities.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        state::State,
        types::{Category, Priority, ScreenField, Transition, Workflow},
    },
    Done, read, user,
};
use crate::http::{Call, Reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStatus {
    name: String,
    category: Category,
}

pub(super) fn create_status(state: &mut State, call: &Call) -> Done {
    let new: NewStatus = read(call)?;
    let id = status(state, &new);
    Ok(Reply::json(201, &json!({ "id": id.to_string() })))
}

/// Returns the id of a status of the whole site, and creates it if it is new.
fn status(state: &mut State, new: &NewStatus) -> u64 {
    let known = state.statuses.values().find(|known| known.project.is_none() && known.name == new.name);
    match known.map(|known| known.id) {
        Some(id) => {
            if let Some(known) = state.statuses.get_mut(&id) {
                known.category = new.category;
            }
            id
        }
        None => state.add_status(&new.name, new.category, None),
    }
}

fn on() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewScreenField {
    field: String,
    #[serde(default)]
    required: bool,
    #[serde(default = "on")]
    listed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTransition {
    name: String,
    /// Names of statuses; from any status if left out.
    from: Option<Vec<String>>,
    to: String,
    /// The users who may make it; everyone with the permission if left out.
    users: Option<Vec<String>>,
    #[serde(default)]
    screen: Vec<NewScreenField>,
    /// The resolution that it sets; the first one if left out and the status is in the category `done`.
    #[serde(default)]
    resolution: Value,
    /// True if it sets no resolution.
    #[serde(default)]
    no_resolution: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWorkflow {
    name: String,
    statuses: Vec<NewStatus>,
    /// The status of new issues; the first one if left out.
    initial: Option<String>,
    /// From any status to any status if left out.
    transitions: Option<Vec<NewTransition>>,
    /// Keys of projects that use it from now on.
    #[serde(default)]
    projects: Vec<String>,
}

/// Adds a workflow in which every status leads to every other.
pub(crate) fn open_workflow(state: &mut State, name: &str, statuses: Vec<u64>) -> u64 {
    let done = state.resolutions.first().map(|known| known.id);
    let mut transitions = Vec::new();
    for (at, to) in (11..).step_by(10).zip(&statuses) {
        transitions.push(Transition {
            id: at,
            name: state.status_name(*to).to_owned(),
            from: None,
            to: *to,
            users: None,
            screen: Vec::new(),
            resolution: done.filter(|_| state.category(*to) == Category::Done),
        });
    }
    let id = state.fresh_id();
    let initial = statuses.first().copied().unwrap_or(0);
    state.workflows.insert(id, Workflow { id, name: name.to_owned(), initial, statuses, transitions });
    id
}

pub(super) fn create(state: &mut State, call: &Call) -> Done {
    let new: NewWorkflow = read(call)?;
    let statuses: Vec<u64> = new.statuses.iter().map(|one| status(state, one)).collect();
    let find = |state: &State, name: &str| {
        let found = statuses.iter().find(|id| state.status_name(**id).eq_ignore_ascii_case(name)).copied();
        found.ok_or_else(|| Reply::refused(422, format!("the workflow has no status {name}")))
    };
    let initial = new.initial.as_deref().map(|name| find(state, name)).transpose()?;
    let mut transitions = Vec::new();
    for (id, one) in (11..).step_by(10).zip(new.transitions.iter().flatten()) {
        let to = find(state, &one.to)?;
        let named = one.resolution.as_str().map(|name| {
            let found = state.resolution(name).map(|known| known.id);
            found.ok_or_else(|| Reply::refused(422, format!("there is no resolution {name}")))
        });
        let usual = state.resolutions.first().map(|known| known.id);
        let usual = usual.filter(|_| state.category(to) == Category::Done && !one.no_resolution);
        let from = one.from.as_ref().map(|names| names.iter().map(|name| find(state, name)).collect());
        let users = one.users.as_ref().map(|names| names.iter().map(|name| user(state, name)).collect());
        let field = |on: &NewScreenField| {
            let found = state.field(&on.field).map(|field| field.id.clone());
            let field =
                found.ok_or_else(|| Reply::refused(422, format!("there is no field {}", on.field)))?;
            Ok::<_, Reply>(ScreenField { field, required: on.required, listed: on.listed })
        };
        transitions.push(Transition {
            id,
            name: one.name.clone(),
            from: from.transpose()?,
            to,
            users: users.transpose()?,
            screen: one.screen.iter().map(field).collect::<Result<_, _>>()?,
            resolution: named.transpose()?.or(usual),
        });
    }
    let id = open_workflow(state, &new.name, statuses.clone());
    if let Some(workflow) = state.workflows.get_mut(&id) {
        workflow.initial = initial.unwrap_or(workflow.initial);
        if new.transitions.is_some() {
            workflow.transitions = transitions;
        }
    }
    for key in &new.projects {
        let project = state.project(key).map(|project| project.id);
        let project = project.ok_or_else(|| Reply::refused(422, format!("there is no project {key}")))?;
        if let Some(project) = state.projects.get_mut(&project) {
            project.workflow = id;
            project.workflows.clear();
        }
    }
    let made = state.workflows.get(&id);
    let transitions: Vec<Value> = made
        .into_iter()
        .flat_map(|workflow| &workflow.transitions)
        .map(|one| json!({ "id": one.id.to_string(), "name": one.name, "to": one.to.to_string() }))
        .collect();
    let names = statuses.iter().map(|id| (state.status_name(*id).to_owned(), json!(id.to_string())));
    let names: serde_json::Map<_, _> = names.collect();
    Ok(Reply::json(201, &json!({ "id": id.to_string(), "statuses": names, "transitions": transitions })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPriorities {
    /// From the highest to the lowest.
    names: Vec<String>,
    default: Option<String>,
}

/// Replaces the priorities.
pub(super) fn set_priorities(state: &mut State, call: &Call) -> Done {
    let new: NewPriorities = read(call)?;
    if new.names.is_empty() {
        return Err(Reply::refused(422, "`names` needs at least one priority"));
    }
    state.priorities.clear();
    for name in new.names {
        let id = state.fresh_id();
        state.priorities.push(Priority { id, name, color: "#707070".to_owned() });
    }
    let default = new.default.as_deref().and_then(|name| state.priority(name)).map(|known| known.id);
    let middle = state.priorities[state.priorities.len() / 2].id;
    state.default_priority = default.unwrap_or(middle);
    let shown: Vec<Value> =
        state.priorities.iter().map(|one| json!({ "id": one.id.to_string(), "name": one.name })).collect();
    Ok(Reply::json(200, &shown))
}
