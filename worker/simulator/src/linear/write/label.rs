//! Mutations of labels.

use serde_json::{Map, Value};

use super::{
    super::{
        error::Failure,
        id::Id,
        read::{Item, Out},
        state::State,
        types::Label,
    },
    Visit, checked_text, chosen_id, uuid,
};

/// The longest name of a label.
const LONGEST: usize = 80;

fn input(visit: &Visit<'_>) -> Map<String, Value> {
    visit.field.args.get("input").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Refuses a name that another label of the team, or of the workspace, has.
fn free(
    state: &State,
    name: &str,
    team: Option<Id>,
    parent: Option<Id>,
    own: Option<Id>,
) -> Result<(), Failure> {
    let same = |label: &&Label| {
        let near = label.team == team || label.team.is_none() || team.is_none();
        Some(label.id) != own
            && near
            && label.parent == parent
            && label.archived.is_none()
            && label.name.eq_ignore_ascii_case(name)
    };
    if state.labels.values().any(|label| same(&label)) {
        return Err(Failure::input("Duplicate label name", format!("A label named {name} exists already.")));
    }
    Ok(())
}

/// Returns the group that a label is in.
fn group(state: &State, text: &str, team: Option<Id>) -> Result<Id, Failure> {
    let id = uuid("parentId", text)?;
    let parent = state.labels.get(&id).ok_or_else(|| Failure::not_found("IssueLabel"))?;
    if !parent.group {
        return Err(Failure::input(
            "parent label is not a group",
            format!("The label {} is not a group.", parent.name),
        ));
    }
    if parent.team.is_some() && parent.team != team {
        return Err(Failure::input("parent label is of another team", "The group belongs to another team."));
    }
    Ok(id)
}

pub(super) fn create(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let input = input(visit);
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    let id = chosen_id(state, &input, "IssueLabel", |state, id| state.labels.contains_key(&id))?;
    let name = checked_text("name", text("name").unwrap_or_default(), LONGEST)?;
    let team = text("teamId").map(|team| visit.viewer.team(state, team)).transpose()?.map(|team| team.id);
    let parent = text("parentId").map(|parent| group(state, parent, team)).transpose()?;
    free(state, &name, team, parent, None)?;
    let label = Label {
        id,
        team,
        name,
        description: text("description").map(str::to_owned),
        color: text("color").unwrap_or("#bec2c8").to_owned(),
        group: input.get("isGroup") == Some(&Value::Bool(true)),
        parent,
        creator: Some(visit.viewer.user),
        archived: None,
        created: visit.now,
        updated: visit.now,
    };
    state.labels.insert(id, label);
    state.sync_id += 1;
    Ok(visit.result(state, "IssueLabelPayload", "issueLabel", Out::item(Item::Label(id))))
}

fn seen<'s>(state: &'s State, visit: &Visit<'_>) -> Result<&'s Label, Failure> {
    let label = Id::parse(visit.field.text("id")).and_then(|id| state.labels.get(&id));
    let label = label.filter(|label| visit.viewer.sees_label(state, label));
    label.ok_or_else(|| Failure::not_found("IssueLabel"))
}

pub(super) fn update(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let input = input(visit);
    let mut label = seen(state, visit)?.clone();
    for (key, value) in &input {
        match (key.as_str(), value) {
            ("name", Value::String(name)) => label.name = checked_text("name", name, LONGEST)?,
            ("color", Value::String(color)) => label.color.clone_from(color),
            ("description", value) => label.description = value.as_str().map(str::to_owned),
            ("isGroup", Value::Bool(is)) => label.group = *is,
            ("parentId", Value::String(parent)) => label.parent = Some(group(state, parent, label.team)?),
            ("parentId", Value::Null) => label.parent = None,
            _ => {}
        }
    }
    free(state, &label.name, label.team, label.parent, Some(label.id))?;
    label.updated = visit.now;
    let id = label.id;
    state.labels.insert(id, label);
    state.sync_id += 1;
    Ok(visit.result(state, "IssueLabelPayload", "issueLabel", Out::item(Item::Label(id))))
}

/// Deletes a label, and removes it from its issues, which are not updated by that.
pub(super) fn delete(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let id = seen(state, visit)?.id;
    state.drop_label(id);
    Ok(visit.result(state, "DeletePayload", "entityId", Out::text(id.to_string())))
}

impl State {
    pub(crate) fn drop_label(&mut self, id: Id) {
        self.labels.remove(&id);
        for label in self.labels.values_mut().filter(|label| label.parent == Some(id)) {
            label.parent = None;
        }
        for issue in self.issues.values_mut() {
            issue.content.labels.retain(|label| *label != id);
        }
        self.sync_id += 1;
    }
}
