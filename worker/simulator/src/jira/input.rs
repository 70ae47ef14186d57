//! Reads the `fields` and `update` of a request against the screen that they are for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    access::Viewer,
    error::Problems,
    kind::Kind,
    state::State,
    types::{Field, Issue, OnScreen, Project, ScreenField},
    values::{Bad, Reader, id_or, not_on_screen},
};

/// A change of an issue. `None` clears a field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edit {
    pub(crate) values: BTreeMap<String, Option<Value>>,
    pub(crate) issue_type: Option<u64>,
    pub(crate) parent: Option<Option<u64>>,
    pub(crate) status: Option<u64>,
    pub(crate) resolution: Option<Option<u64>>,
    pub(crate) properties: BTreeMap<String, Option<Value>>,
}

/// Where fields are set.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Screen<'a> {
    Create,
    Edit,
    Transition(&'a [ScreenField]),
    /// Every field, as by the control API.
    Free,
}

/// The context of an input.
pub(crate) struct Input<'a> {
    pub(crate) state: &'a State,
    pub(crate) project: &'a Project,
    pub(crate) issue_type: u64,
    pub(crate) current: Option<&'a Issue>,
    pub(crate) screen: Screen<'a>,
    /// `None` for the control API, which may set every field.
    pub(crate) viewer: Option<&'a Viewer>,
}

impl Input<'_> {
    /// Reads a body with `fields`, `update` and `properties`.
    pub(crate) fn read(&self, body: &Map<String, Value>) -> (Edit, Problems) {
        let (mut edit, mut problems) = (Edit::default(), Problems::default());
        let empty = Map::new();
        let object = |key: &str, problems: &mut Problems| match body.get(key) {
            None | Some(Value::Null) => &empty,
            Some(Value::Object(keys)) => keys,
            Some(_) => {
                problems.message(format!("Can not deserialize '{key}': an object is expected."));
                &empty
            }
        };
        let (fields, update) = (object("fields", &mut problems), object("update", &mut problems));
        for (id, value) in fields {
            let skipped =
                matches!(self.screen, Screen::Create) && ["project", "issuetype"].contains(&id.as_str());
            if skipped {
                continue;
            }
            if update.contains_key(id) {
                problems.field(id, format!("Field '{id}' cannot appear in both 'fields' and 'update'"));
            } else if let Err(bad) = self.set(id, value, &mut edit) {
                note(&mut problems, id, bad);
            }
        }
        for (id, operations) in update {
            if let Err(bad) = self.update(id, operations, &mut edit) {
                note(&mut problems, id, bad);
            }
        }
        self.properties(body, &mut edit, &mut problems);
        self.required(&edit, &mut problems);
        (edit, problems)
    }

    fn properties(&self, body: &Map<String, Value>, edit: &mut Edit, problems: &mut Problems) {
        for property in body.get("properties").and_then(Value::as_array).into_iter().flatten() {
            let (key, value) = (property["key"].as_str(), property.get("value"));
            match (key, value) {
                (Some(key), Some(value))
                    if value.to_string().len() <= self.state.behaviour.property_limit =>
                {
                    edit.properties.insert(key.to_owned(), Some(value.clone()));
                }
                (Some(key), Some(_)) => {
                    problems.message(format!("The value of the property '{key}' is too long."))
                }
                _ => problems.message("A property needs a 'key' and a 'value'."),
            }
        }
    }

    /// Returns the field, if it may be set here.
    fn field(&self, id: &str) -> Result<&Field, Bad> {
        let refused = || Bad::Field(not_on_screen(id));
        let field =
            self.state.fields.get(id).filter(|field| field.applies(self.project.id)).ok_or_else(refused)?;
        let on = |wanted: fn(&OnScreen) -> bool| {
            let mut all = self.project.screen.iter();
            all.any(|one| one.field == id && one.is_for(self.issue_type) && wanted(one))
        };
        let there = match self.screen {
            Screen::Create => on(|one| one.create),
            Screen::Edit => on(|one| one.edit) || id == "issuetype",
            Screen::Transition(screen) => screen.iter().any(|one| one.field == id),
            Screen::Free => true,
        };
        let permission = match id {
            "reporter" => Some("MODIFY_REPORTER"),
            "assignee" => Some("ASSIGN_ISSUES"),
            _ => None,
        };
        let may = |permission| self.viewer.is_none_or(|viewer| viewer.may(self.project, permission));
        if there && permission.is_none_or(may) { Ok(field) } else { Err(refused()) }
    }

    fn set(&self, id: &str, value: &Value, edit: &mut Edit) -> Result<(), Bad> {
        let field = self.field(id)?;
        match field.kind {
            Kind::IssueType => {
                let name = id_or(value, "name").unwrap_or_default();
                let found = self.state.type_of(self.project, &name);
                let found =
                    found.ok_or_else(|| Bad::Field("The issue type selected is invalid.".to_owned()))?;
                edit.issue_type = Some(found.id);
            }
            Kind::Parent => edit.parent = Some(self.parent(value)?),
            Kind::Resolution => {
                let read = self.reader().read(field, value)?;
                edit.resolution = Some(read.and_then(|id| id.as_u64()));
            }
            _ => {
                let read = self.reader().read(field, value)?;
                edit.values.insert(id.to_owned(), read);
            }
        }
        Ok(())
    }

    fn reader(&self) -> Reader<'_> {
        Reader { state: self.state, project: self.project }
    }

    fn parent(&self, value: &Value) -> Result<Option<u64>, Bad> {
        if value.is_null() {
            return Ok(None);
        }
        let sees =
            |issue: &&std::sync::Arc<Issue>| self.viewer.is_none_or(|viewer| viewer.sees(self.state, issue));
        let name = id_or(value, "key").unwrap_or_default();
        let Some(parent) = self.state.issue(&name).filter(sees) else {
            return Err(Bad::Field("Could not find issue by id or key.".to_owned()));
        };
        let level = |id: u64| self.state.types.get(&id).map_or(0, |known| known.level);
        let own = self.current.is_some_and(|issue| issue.id == parent.id);
        let other_team = self.project.team_managed && parent.project != self.project.id;
        if level(parent.issue_type) <= level(self.issue_type) || own || other_team {
            return Err(Bad::Field(
                "Given parent issue does not belong to the appropriate hierarchy.".to_owned(),
            ));
        }
        Ok(Some(parent.id))
    }

    /// Applies operations such as `[{"add": "x"}, {"remove": "y"}]`.
    fn update(&self, id: &str, operations: &Value, edit: &mut Edit) -> Result<(), Bad> {
        let field = self.field(id)?;
        let operations =
            operations.as_array().ok_or_else(|| Bad::Field("Operations are a list.".to_owned()))?;
        for (verb, value) in operations.iter().filter_map(Value::as_object).flatten() {
            if !field.kind.operations().contains(&verb.as_str()) {
                return Err(Bad::Field(format!("Field does not support update '{verb}'")));
            }
            if verb == "set" {
                self.set(id, value, edit)?;
                continue;
            }
            let element = self.reader().element(field, value)?;
            let now = edit.values.get(id).cloned().unwrap_or_else(|| self.current?.values.get(id).cloned());
            let mut items = now.and_then(|now| now.as_array().cloned()).unwrap_or_default();
            items.retain(|item| *item != element);
            if verb == "add" {
                items.push(element);
            }
            if field.kind == Kind::Labels {
                let sorted: BTreeSet<_> = items.iter().filter_map(Value::as_str).collect();
                items = sorted.into_iter().map(Value::from).collect();
            }
            edit.values.insert(id.to_owned(), (!items.is_empty()).then_some(Value::Array(items)));
        }
        Ok(())
    }

    /// Records required fields that are missing or would be cleared.
    fn required(&self, edit: &Edit, problems: &mut Problems) {
        let name = |id: &str| self.state.fields.get(id).map_or(id, |field| field.name.as_str()).to_owned();
        if let Screen::Transition(screen) = self.screen {
            for one in screen.iter().filter(|one| one.required) {
                let given = if one.field == "resolution" {
                    edit.resolution.is_some_and(|value| value.is_some())
                } else {
                    let kept = self.current.is_some_and(|issue| issue.values.contains_key(&one.field));
                    edit.values.get(&one.field).map_or(kept, Option::is_some)
                };
                if !given {
                    problems.field(&one.field, format!("{} is required.", name(&one.field)));
                }
            }
            return;
        }
        let creating = matches!(self.screen, Screen::Create);
        for one in self.project.screen.iter().filter(|one| one.required && one.is_for(self.issue_type)) {
            let given = edit.values.get(&one.field);
            let missing = match given {
                Some(value) => value.is_none(),
                None => creating && one.create,
            };
            if missing && !matches!(self.screen, Screen::Free) && !problems.errors.contains_key(&one.field) {
                let message = if one.field == "summary" {
                    "You must specify a summary of the issue.".to_owned()
                } else {
                    format!("{} is required.", name(&one.field))
                };
                problems.field(&one.field, message);
            }
        }
    }
}

fn note(problems: &mut Problems, field: &str, bad: Bad) {
    match bad {
        Bad::Field(message) => problems.field(field, message),
        Bad::Request(message) => problems.message(message),
    }
}
