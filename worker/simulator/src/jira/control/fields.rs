//! Controls of custom fields, their contexts and options.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{
        kind::Kind,
        state::State,
        types::{Choice, Context, Field, OnScreen},
    },
    Done, read, unknown,
};
use crate::http::{Call, Reply};

/// An option: its text, or an object.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub(crate) enum NewOption {
    Text(String),
    #[serde(rename_all = "snake_case")]
    Whole {
        value: String,
        #[serde(default)]
        disabled: bool,
        #[serde(default)]
        children: Vec<NewOption>,
    },
}

fn on() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewField {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) options: Vec<NewOption>,
    /// Keys of projects that have it; all if left out.
    pub(crate) projects: Option<Vec<String>>,
    /// The team-managed project that it belongs to.
    pub(crate) team_project: Option<String>,
    /// Whether to add it to the screens of these projects.
    #[serde(default = "on")]
    pub(crate) screens: bool,
    #[serde(default)]
    pub(crate) required: bool,
}

fn choices(state: &mut State, new: Vec<NewOption>) -> Vec<Choice> {
    let mut made = Vec::new();
    for option in new {
        let id = state.fresh_id();
        made.push(match option {
            NewOption::Text(value) => Choice { id, value, disabled: false, children: Vec::new() },
            NewOption::Whole { value, disabled, children } => {
                Choice { id, value, disabled, children: choices(state, children) }
            }
        });
    }
    made
}

fn project_ids(state: &State, keys: &[String]) -> Result<BTreeSet<u64>, Reply> {
    let id = |key: &String| {
        let found = state.project(key).map(|project| project.id);
        found.ok_or_else(|| Reply::refused(422, format!("there is no project {key}")))
    };
    keys.iter().map(id).collect()
}

/// Adds a custom field and returns its id.
pub(crate) fn add_field(state: &mut State, new: NewField) -> Result<String, Reply> {
    let projects = new.projects.map(|keys| project_ids(state, &keys)).transpose()?;
    let team = new.team_project.map(|key| project_ids(state, &[key])).transpose()?;
    let team = team.and_then(|ids| ids.first().copied());
    let number = state.fresh_field();
    let id = format!("customfield_{number}");
    let options = choices(state, new.options);
    let context = Context { id: state.fresh_id(), projects, options };
    let field = Field {
        id: id.clone(),
        name: new.name,
        kind: new.kind,
        custom: Some(number),
        project: team,
        contexts: vec![context],
    };
    for project in state.projects.values_mut().filter(|project| new.screens && field.applies(project.id)) {
        // Fields of the whole site are not available in team-managed projects by default.
        if project.team_managed && team.is_none() {
            continue;
        }
        let on =
            OnScreen { field: id.clone(), create: true, edit: true, required: new.required, types: None };
        project.screen.push(on);
    }
    state.fields.insert(id.clone(), field);
    Ok(id)
}

fn shown(state: &State, id: &str) -> Value {
    let Some(field) = state.fields.get(id) else { return Value::Null };
    let option = |choice: &Choice| {
        let children: Vec<Value> = choice
            .children
            .iter()
            .map(|child| json!({ "id": child.id.to_string(), "value": child.value, "disabled": child.disabled }))
            .collect();
        json!({ "id": choice.id.to_string(), "value": choice.value, "disabled": choice.disabled, "children": children })
    };
    let contexts: Vec<Value> = field
        .contexts
        .iter()
        .map(|context| {
            json!({ "id": context.id.to_string(), "projects": context.projects, "options": context.options.iter().map(option).collect::<Vec<_>>() })
        })
        .collect();
    json!({ "id": field.id, "name": field.name, "schema": field.schema(), "contexts": contexts })
}

pub(super) fn create(state: &mut State, call: &Call) -> Done {
    let id = add_field(state, read(call)?)?;
    Ok(Reply::json(201, &shown(state, &id)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewContext {
    projects: Option<Vec<String>>,
    #[serde(default)]
    options: Vec<NewOption>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOptions {
    /// The context; the first one if left out.
    context: Option<String>,
    options: Vec<NewOption>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldChange {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionChange {
    value: Option<String>,
    disabled: Option<bool>,
}

/// Handles one field: `PATCH`, `POST .../contexts`, `POST .../options`, `PATCH .../options/ID`.
pub(super) fn one(state: &mut State, call: &Call, route: (&str, &[&str]), name: &str) -> Done {
    let id = state.field(name).filter(|field| field.custom.is_some()).map(|field| field.id.clone());
    let id = id.ok_or_else(|| Reply::refused(404, format!("there is no custom field {name}")))?;
    match route {
        ("GET", []) => {}
        ("PATCH", []) => {
            let change: FieldChange = read(call)?;
            if let (Some(field), Some(name)) = (state.fields.get_mut(&id), change.name) {
                field.name = name;
            }
        }
        ("POST", ["contexts"]) => {
            let new: NewContext = read(call)?;
            let projects = new.projects.map(|keys| project_ids(state, &keys)).transpose()?;
            let options = choices(state, new.options);
            let context = Context { id: state.fresh_id(), projects, options };
            if let Some(field) = state.fields.get_mut(&id) {
                field.contexts.push(context);
            }
        }
        ("POST", ["options"]) => {
            let new: NewOptions = read(call)?;
            let made = choices(state, new.options);
            let contexts = state.fields.get_mut(&id).map(|field| &mut field.contexts);
            let wanted =
                |context: &&mut Context| new.context.as_ref().is_none_or(|id| context.id.to_string() == *id);
            match contexts.into_iter().flatten().find(wanted) {
                Some(context) => context.options.extend(made),
                None => return Err(Reply::refused(404, "there is no such context")),
            }
        }
        ("PATCH", ["options", option]) => {
            let change: OptionChange = read(call)?;
            let contexts = state.fields.get_mut(&id).map(|field| &mut field.contexts);
            let all = contexts.into_iter().flatten().flat_map(|context| &mut context.options);
            let found = all.into_iter().find_map(|choice| {
                if choice.id.to_string() == *option {
                    return Some(choice);
                }
                choice.children.iter_mut().find(|child| child.id.to_string() == *option)
            });
            let found = found.ok_or_else(|| Reply::refused(404, "there is no such option"))?;
            found.value = change.value.unwrap_or_else(|| found.value.clone());
            found.disabled = change.disabled.unwrap_or(found.disabled);
        }
        _ => return Err(unknown()),
    }
    Ok(Reply::json(200, &shown(state, &id)))
}
