//! Controls of projects: members, screens, workflows.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::{
    super::{
        access::role,
        state::State,
        types::{Category, IssueType, OnScreen, Project},
    },
    Done, read, show, unknown, user,
    workflows::open_workflow,
};
use crate::http::{Call, Reply};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NewProject {
    pub(crate) key: String,
    pub(crate) name: Option<String>,
    pub(crate) team_managed: bool,
    pub(crate) lead: Option<String>,
    /// True if everyone may browse it.
    pub(crate) anonymous: bool,
    /// A role (`viewer`, `member`, `admin`) or a list of permissions, by user.
    pub(crate) members: BTreeMap<String, Value>,
    /// Names; the default types if left out.
    pub(crate) issue_types: Option<Vec<String>>,
}

fn permissions(value: &Value) -> Result<BTreeSet<String>, Reply> {
    let wrong = || {
        Reply::refused(422, format!("{value} is no role (viewer, member, admin) and no list of permissions"))
    };
    match value {
        Value::String(name) => Ok(role(name).ok_or_else(wrong)?.into_iter().map(str::to_owned).collect()),
        Value::Array(list) => {
            list.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

/// Returns the default screens.
fn usual_screen(team_managed: bool) -> Vec<OnScreen> {
    let fields = [
        "summary",
        "description",
        "assignee",
        "reporter",
        "priority",
        "labels",
        "duedate",
        "parent",
        "environment",
    ];
    let count = if team_managed { 8 } else { 9 };
    let on = |field: &&str| OnScreen {
        field: (*field).to_owned(),
        create: true,
        edit: true,
        required: *field == "summary",
        types: None,
    };
    fields.iter().take(count).map(on).collect()
}

/// Adds a project and returns its id.
pub(crate) fn add(state: &mut State, new: NewProject) -> Result<u64, Reply> {
    let key = new.key.to_uppercase();
    let letters = key.starts_with(|first: char| first.is_ascii_uppercase())
        && key.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_');
    if !letters || state.project(&key).is_some() {
        return Err(Reply::refused(422, format!("`key`: {key} is in use or no key")));
    }
    let mut members = BTreeMap::new();
    for (name, value) in &new.members {
        members.insert(user(state, name)?, permissions(value)?);
    }
    let lead = match &new.lead {
        Some(name) => user(state, name)?,
        None => members.keys().next().cloned().unwrap_or_default(),
    };
    let id = state.fresh_id();
    let usual = ["Epic", "Story", "Task", "Bug", "Subtask"].map(str::to_owned).to_vec();
    let names = new.issue_types.unwrap_or(usual);
    let mut types = Vec::new();
    for name in &names {
        let shared = state.types.values().find(|known| known.project.is_none() && known.name == *name);
        let level = shared.map_or(0, |known| known.level);
        match shared.filter(|_| !new.team_managed) {
            Some(known) => types.push(known.id),
            None => {
                let own = state.fresh_id();
                let project = new.team_managed.then_some(id);
                state.types.insert(own, IssueType { id: own, name: name.clone(), level, project });
                types.push(own);
            }
        }
    }
    let workflow = workflow(state, id, new.team_managed);
    state.project_keys.insert(key.clone(), id);
    let project = Project {
        id,
        name: new.name.unwrap_or_else(|| key.clone()),
        key,
        team_managed: new.team_managed,
        lead,
        anonymous: new.anonymous,
        archived: false,
        members,
        types,
        workflow,
        workflows: BTreeMap::new(),
        screen: usual_screen(new.team_managed),
        last_number: 0,
    };
    state.projects.insert(id, project);
    Ok(id)
}

/// Returns the workflow of a new project: a shared one, or its own with its own statuses.
fn workflow(state: &mut State, project: u64, team_managed: bool) -> u64 {
    const USUAL: [(&str, Category); 4] = [
        ("To Do", Category::New),
        ("In Progress", Category::Indeterminate),
        ("In Review", Category::Indeterminate),
        ("Done", Category::Done),
    ];
    if team_managed {
        let statuses = USUAL.iter().map(|(name, category)| state.add_status(name, *category, Some(project)));
        let statuses = statuses.collect();
        return open_workflow(state, "Team workflow", statuses);
    }
    let shared = state.workflows.values().find(|known| known.name == "Software workflow");
    if let Some(known) = shared {
        return known.id;
    }
    let find =
        |name: &str| state.statuses.values().find(|known| known.project.is_none() && known.name == name);
    let statuses = USUAL.iter().filter_map(|(name, _)| find(name)).map(|known| known.id).collect();
    open_workflow(state, "Software workflow", statuses)
}

pub(super) fn create(state: &mut State, call: &Call) -> Done {
    let id = add(state, read(call)?)?;
    Ok(Reply::json(201, &show::project(state, &state.projects[&id], false)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    key: Option<String>,
    name: Option<String>,
    anonymous: Option<bool>,
    archived: Option<bool>,
    /// The id of a workflow.
    workflow: Option<String>,
    /// Workflows by the name of an issue type.
    #[serde(default)]
    workflows: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    role: Value,
}

fn on() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOnScreen {
    #[serde(default = "on")]
    create: bool,
    #[serde(default = "on")]
    edit: bool,
    #[serde(default)]
    required: bool,
    /// Names of issue types; all if left out.
    types: Option<Vec<String>>,
}

/// Handles one project: `GET`, `PATCH`, `DELETE`, its members, and the fields of its screens.
pub(super) fn one(state: &mut State, call: &Call, route: (&str, &[&str]), id: u64) -> Done {
    match route {
        ("GET", []) => {}
        ("PATCH", []) => change(state, read(call)?, id)?,
        ("DELETE", []) => {
            let ids: Vec<u64> =
                state.issues.values().filter(|issue| issue.project == id).map(|issue| issue.id).collect();
            ids.into_iter().for_each(|issue| state.delete(issue));
            state.projects.remove(&id);
            state.project_keys.retain(|_, named| *named != id);
            return Ok(Reply::empty(204));
        }
        ("PUT", ["members", name]) => {
            let member: Member = read(call)?;
            let (name, has) = (user(state, name)?, permissions(&member.role)?);
            if let Some(project) = state.projects.get_mut(&id) {
                project.members.insert(name, has);
            }
        }
        ("DELETE", ["members", name]) => {
            let name = user(state, name)?;
            if let Some(project) = state.projects.get_mut(&id) {
                project.members.remove(&name);
            }
        }
        ("PUT", ["fields", name]) => {
            let new: NewOnScreen = read(call)?;
            let field = state.field(name).map(|field| field.id.clone());
            let field = field.ok_or_else(|| Reply::refused(404, format!("there is no field {name}")))?;
            let types = new.types.map(|names| {
                let project = &state.projects[&id];
                names.iter().filter_map(|name| state.type_of(project, name)).map(|known| known.id).collect()
            });
            let on = OnScreen { field, create: new.create, edit: new.edit, required: new.required, types };
            if let Some(project) = state.projects.get_mut(&id) {
                project.screen.retain(|one| one.field != on.field);
                project.screen.push(on);
            }
        }
        ("DELETE", ["fields", name]) => {
            let field = state.field(name).map(|field| field.id.clone()).unwrap_or_default();
            if let Some(project) = state.projects.get_mut(&id) {
                project.screen.retain(|one| one.field != field);
            }
        }
        _ => return Err(unknown()),
    }
    Ok(Reply::json(200, &show::project(state, &state.projects[&id], false)))
}

fn change(state: &mut State, change: Change, id: u64) -> Result<(), Reply> {
    let find = |state: &State, text: &str| {
        let found = text.parse().ok().filter(|id| state.workflows.contains_key(id));
        found.ok_or_else(|| Reply::refused(422, format!("there is no workflow {text}")))
    };
    let workflow = change.workflow.as_deref().map(|text| find(state, text)).transpose()?;
    let mut workflows = BTreeMap::new();
    for (name, text) in &change.workflows {
        let known = state.type_of(&state.projects[&id], name).map(|known| known.id);
        let known = known.ok_or_else(|| Reply::refused(422, format!("there is no issue type {name}")))?;
        workflows.insert(known, find(state, text)?);
    }
    if let Some(key) = change.key.as_ref().map(|key| key.to_uppercase()) {
        if state.project_keys.get(&key).is_some_and(|known| *known != id) {
            return Err(Reply::refused(409, format!("the key {key} is in use")));
        }
        state.project_keys.insert(key.clone(), id);
        if let Some(project) = state.projects.get_mut(&id) {
            project.key = key;
        }
    }
    if let Some(project) = state.projects.get_mut(&id) {
        project.name = change.name.unwrap_or_else(|| project.name.clone());
        project.anonymous = change.anonymous.unwrap_or(project.anonymous);
        project.archived = change.archived.unwrap_or(project.archived);
        project.workflow = workflow.unwrap_or(project.workflow);
        project.workflows.extend(workflows);
    }
    Ok(())
}
