//! Mutations of issues.

use serde_json::{Map, Value};

use super::{
    super::{
        change::Change,
        error::{Failure, Kind},
        id::Id,
        read::{Item, Node, Out},
        state::State,
        types::Issue,
    },
    Visit, chosen_id,
    draft::Draft,
};

fn object(visit: &Visit<'_>, name: &str) -> Map<String, Value> {
    visit.field.args.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Validates a new issue without changing anything.
fn checked(
    state: &mut State,
    visit: &Visit<'_>,
    input: &Map<String, Value>,
) -> Result<(Id, Id, Change, i64), Failure> {
    let id = chosen_id(state, input, "Issue", |state, id| state.issues.contains_key(&id))?;
    let team = input.get("teamId").and_then(Value::as_str).unwrap_or_default();
    let team = visit.viewer.team(state, team)?;
    let created = input.get("createdAt").and_then(Value::as_i64).unwrap_or(visit.now);
    if created > visit.now {
        return Err(Failure::argument("createdAt must not be in the future"));
    }
    let draft = Draft { state, viewer: visit.viewer, input, team, issue: None };
    Ok((id, team.id, draft.read()?, created))
}

pub(super) fn create(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let input = object(visit, "input");
    let (id, team, change, created) = checked(state, visit, &input)?;
    state.create_issue(id, team, change, created, &visit.by(&input));
    Ok(visit.issue(state, id))
}

/// Creates several issues, or none.
pub(super) fn create_batch(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let input = object(visit, "input");
    let inputs: Vec<Map<String, Value>> = input
        .get("issues")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .cloned()
        .collect();
    let limit = state.behaviour.batch_limit;
    if inputs.len() > limit {
        return Err(Failure::argument(format!("issues must contain no more than {limit} elements")));
    }
    let mut all: Vec<(Id, Id, Change, i64)> = Vec::with_capacity(inputs.len());
    for input in &inputs {
        let one = checked(state, visit, input)?;
        if all.iter().any(|(id, ..)| *id == one.0) {
            let told = format!("Entity Issue with id {} already exists.", one.0);
            return Err(Failure::input("conflict on insert of Issue", told));
        }
        all.push(one);
    }
    let mut nodes = Vec::with_capacity(all.len());
    for ((id, team, change, created), input) in all.into_iter().zip(&inputs) {
        state.create_issue(id, team, change, created, &visit.by(input));
        nodes.push(Node::Item(Item::Issue(id)));
    }
    Ok(visit.result(state, "IssueBatchPayload", "issues", Out::Many(nodes)))
}

/// Validates an edit of an issue without changing anything.
fn edit(
    state: &State,
    visit: &Visit<'_>,
    issue: &Issue,
    input: &Map<String, Value>,
) -> Result<Change, Failure> {
    let team = match input.get("teamId").and_then(Value::as_str) {
        Some(team) => visit.viewer.team(state, team)?,
        None => state.teams.get(&issue.team).ok_or_else(|| Failure::not_found("Team"))?,
    };
    Draft { state, viewer: visit.viewer, input, team, issue: Some(issue) }.read()
}

pub(super) fn update(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let input = object(visit, "input");
    let issue = visit.viewer.issue(state, visit.field.text("id"))?;
    let (id, change) = (issue.id, edit(state, visit, issue, &input)?);
    state.edit_issue(id, change, &visit.by(&input));
    Ok(visit.issue(state, id))
}

/// Applies the same change to several issues, or to none.
pub(super) fn update_batch(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let input = object(visit, "input");
    let ids: Vec<&str> = visit
        .field
        .args
        .get("ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let limit = state.behaviour.batch_limit;
    if ids.is_empty() || ids.len() > limit {
        return Err(Failure::argument(format!(
            "ids must contain at least 1 and no more than {limit} elements"
        )));
    }
    let mut changes = Vec::with_capacity(ids.len());
    for id in ids {
        let issue = visit.viewer.issue(state, id)?;
        changes.push((issue.id, edit(state, visit, issue, &input)?));
    }
    let mut nodes = Vec::with_capacity(changes.len());
    for (id, change) in changes {
        state.edit_issue(id, change, &visit.by(&input));
        nodes.push(Node::Item(Item::Issue(id)));
    }
    Ok(visit.result(state, "IssueBatchPayload", "issues", Out::Many(nodes)))
}

fn archived(visit: &Visit<'_>, state: &State, id: Id) -> Out {
    let entity = if state.issues.contains_key(&id) { Out::item(Item::Issue(id)) } else { Out::Null };
    visit.result(state, "IssueArchivePayload", "entity", entity)
}

pub(super) fn archive(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let id = visit.viewer.issue(state, visit.field.text("id"))?.id;
    let trash = visit.field.args.get("trash") == Some(&Value::Bool(true));
    state.archive(id, true, trash, false, visit.now);
    Ok(archived(visit, state, id))
}

pub(super) fn unarchive(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let id = visit.viewer.issue(state, visit.field.text("id"))?.id;
    state.archive(id, false, false, false, visit.now);
    Ok(archived(visit, state, id))
}

/// Moves an issue to the trash. Administrators may delete it for good.
pub(super) fn delete(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let id = visit.viewer.issue(state, visit.field.text("id"))?.id;
    if visit.field.args.get("permanentlyDelete") == Some(&Value::Bool(true)) {
        if !visit.viewer.admin {
            return Err(Failure::new(Kind::Forbidden, "Only admins can permanently delete issues"));
        }
        state.erase(id);
    } else {
        state.archive(id, true, true, false, visit.now);
    }
    Ok(archived(visit, state, id))
}

/// `issueAddLabel` and `issueRemoveLabel`.
pub(super) fn label(state: &mut State, visit: &Visit<'_>) -> Result<Out, Failure> {
    let issue = visit.viewer.issue(state, visit.field.text("id"))?;
    let label = visit.field.text("labelId");
    let known = Id::parse(label).is_some_and(|id| state.labels.contains_key(&id));
    if !known {
        return Err(Failure::not_found("IssueLabel"));
    }
    let key = if visit.field.name == "issueAddLabel" { "addedLabelIds" } else { "removedLabelIds" };
    let input = Map::from_iter([(key.to_owned(), Value::Array(vec![label.into()]))]);
    let (id, change) = (issue.id, edit(state, visit, issue, &input)?);
    state.edit_issue(id, change, &visit.by(&input));
    Ok(visit.issue(state, id))
}
