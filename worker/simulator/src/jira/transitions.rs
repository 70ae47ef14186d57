//! The routes of transitions: those that this user can make with an issue now.

use serde_json::{Value, json};

use super::{
    access::Viewer,
    error::{Answer, Refusal},
    input::{Input, Screen},
    state::State,
    types::{Category, Issue, Transition},
    values::id_of,
    visit::Visit,
};
use crate::http::Reply;

/// Returns the transitions that a viewer can make with an issue now; none without the permission.
pub(crate) fn open<'s>(state: &'s State, viewer: &Viewer, issue: &Issue) -> Vec<&'s Transition> {
    let project = state.projects.get(&issue.project);
    if issue.archived || !project.is_some_and(|project| viewer.may(project, "TRANSITION_ISSUES")) {
        return Vec::new();
    }
    let Some(workflow) = state.workflow(issue.project, issue.issue_type) else { return Vec::new() };
    let starts = |one: &&Transition| one.from.as_ref().is_none_or(|from| from.contains(&issue.status));
    let takes = |one: &&Transition| {
        let listed = |users: &std::collections::BTreeSet<String>| {
            viewer.user.as_ref().is_some_and(|user| users.contains(user))
        };
        one.users.as_ref().is_none_or(listed)
    };
    workflow.transitions.iter().filter(starts).filter(takes).collect()
}

/// `GET /issue/{}/transitions`.
pub(crate) fn list(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.issue(state)?;
    let project = state.projects.get(&issue.project).ok_or_else(Refusal::no_issue)?;
    let fields = visit.list("expand").iter().any(|part| part == "transitions.fields");
    let only = visit.call.query("transitionId");
    let render = visit.render(state);
    let open = open(state, &visit.viewer, issue);
    let shown = open.iter().filter(|one| only.is_none_or(|id| one.id.to_string() == id));
    let shown: Vec<Value> = shown.map(|one| render.transition(project, issue, one, fields)).collect();
    Ok(Reply::json(200, &json!({ "expand": "transitions", "transitions": shown })))
}

/// `POST /issue/{}/transitions`.
pub(crate) fn make(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.issue(state)?.clone();
    visit.viewer.signed_in()?;
    let body = visit.body()?;
    let id = body.get("transition").and_then(id_of);
    let Some(id) = id else { return Err(Refusal::new(400, "Missing 'transition' identifier")) };
    let wanted = open(state, &visit.viewer, &issue).into_iter().find(|one| one.id.to_string() == id);
    let Some(wanted) = wanted.cloned() else {
        return Err(Refusal::new(400, format!("Transition id '{id}' is not valid for this issue.")));
    };
    let project = state.projects.get(&issue.project).ok_or_else(Refusal::no_issue)?;
    let input = Input {
        state,
        project,
        issue_type: issue.issue_type,
        current: Some(&issue),
        screen: Screen::Transition(&wanted.screen),
        viewer: Some(&visit.viewer),
    };
    let (mut edit, problems) = input.read(&body);
    problems.check()?;
    edit.status = Some(wanted.to);
    if state.category(wanted.to) == Category::Done && edit.resolution.is_none() && issue.resolution.is_none()
    {
        edit.resolution = wanted.resolution.map(Some);
    }
    state.edit(issue.id, edit, &visit.by());
    Ok(Reply::empty(204))
}
