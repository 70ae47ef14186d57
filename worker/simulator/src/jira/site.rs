//! The routes of records of the whole site: fields, statuses, priorities and others.

use serde_json::{Value, json};

use super::{
    error::{Answer, Refusal},
    state::State,
    time,
    types::{Category, Field},
    visit::Visit,
};
use crate::http::Reply;

/// `GET /serverInfo`.
pub(crate) fn server(_: &mut State, visit: &Visit<'_>) -> Answer {
    Ok(Reply::json(
        200,
        &json!({
            "baseUrl": visit.base,
            "version": "1001.0.0-SNAPSHOT",
            "versionNumbers": [1001, 0, 0],
            "deploymentType": "Cloud",
            "buildNumber": 100_300,
            "buildDate": "2026-11-20T09:00:00.000+0000",
            "serverTime": time::stamp(visit.now, visit.viewer.zone),
            "serverTitle": "Jira",
            "serverTimeZone": "Etc/UTC",
        }),
    ))
}

/// Returns the fields that the viewer may know of: those of at least one project that they see.
fn visible<'s>(state: &'s State, visit: &'s Visit<'_>) -> impl Iterator<Item = &'s Field> {
    state.fields.values().filter(move |field| {
        let seen = |project: &&super::types::Project| visit.viewer.may(project, "BROWSE_PROJECTS");
        field.custom.is_none()
            || state.projects.values().filter(seen).any(|project| field.applies(project.id))
    })
}

/// `GET /field`.
pub(crate) fn fields(state: &mut State, visit: &Visit<'_>) -> Answer {
    let render = visit.render(state);
    Ok(Reply::json(200, &visible(state, visit).map(|field| render.field_details(field)).collect::<Vec<_>>()))
}

/// `GET /field/search`.
pub(crate) fn search_fields(state: &mut State, visit: &Visit<'_>) -> Answer {
    visit.viewer.signed_in()?;
    let (kinds, ids) = (visit.list("type"), visit.list("id"));
    let query = visit.call.query("query").unwrap_or_default().to_lowercase();
    let found = visible(state, visit)
        .filter(|field| field.project.is_none())
        .filter(|field| {
            kinds.is_empty() || kinds.iter().any(|kind| (kind == "custom") == field.custom.is_some())
        })
        .filter(|field| ids.is_empty() || ids.contains(&field.id))
        .filter(|field| field.name.to_lowercase().contains(&query));
    let shown = found.map(|field| {
        json!({ "id": field.id, "key": field.id, "name": field.name, "schema": field.schema(), "description": "", "isLocked": false })
    });
    visit.page("field/search", shown.collect(), 50)
}

fn field<'s>(state: &'s State, visit: &Visit<'_>) -> Result<&'s Field, Refusal> {
    let user = visit.viewer.signed_in()?;
    if !state.users.get(user).is_some_and(|user| user.admin) {
        return Err(Refusal::new(403, "Only Jira administrators can access custom field configurations."));
    }
    let field = state.fields.get(visit.arg(0)).filter(|field| field.custom.is_some());
    field.ok_or_else(|| Refusal::new(404, "The custom field was not found."))
}

/// `GET /field/{}/context`, for administrators.
pub(crate) fn contexts(state: &mut State, visit: &Visit<'_>) -> Answer {
    let field = field(state, visit)?;
    let shown = field.contexts.iter().map(|context| {
        json!({
            "id": context.id.to_string(),
            "name": format!("Context of {}", field.name),
            "description": "",
            "isGlobalContext": context.projects.is_none(),
            "isAnyIssueType": true,
        })
    });
    visit.page(&format!("field/{}/context", field.id), shown.collect(), 50)
}

/// `GET /field/{}/context/{}/option`, for administrators.
pub(crate) fn options(state: &mut State, visit: &Visit<'_>) -> Answer {
    let field = field(state, visit)?;
    let context = field.contexts.iter().find(|context| context.id.to_string() == visit.arg(1));
    let context = context.ok_or_else(|| Refusal::new(404, "The context was not found."))?;
    let mut shown = Vec::new();
    for choice in &context.options {
        shown
            .push(json!({ "id": choice.id.to_string(), "value": choice.value, "disabled": choice.disabled }));
        shown.extend(choice.children.iter().map(|child| {
            json!({
                "id": child.id.to_string(),
                "value": child.value,
                "disabled": child.disabled,
                "optionId": choice.id.to_string(),
            })
        }));
    }
    visit.page(&format!("field/{}/context/{}/option", field.id, context.id), shown, 100)
}

/// `GET /priority`: from the highest to the lowest.
pub(crate) fn priorities(state: &mut State, visit: &Visit<'_>) -> Answer {
    let render = visit.render(state);
    Ok(Reply::json(200, &state.priorities.iter().map(|one| render.full_priority(one)).collect::<Vec<_>>()))
}

/// `GET /priority/search`.
pub(crate) fn search_priorities(state: &mut State, visit: &Visit<'_>) -> Answer {
    let render = visit.render(state);
    visit.page("priority/search", state.priorities.iter().map(|one| render.full_priority(one)).collect(), 50)
}

/// `GET /priority/{}`.
pub(crate) fn priority(state: &mut State, visit: &Visit<'_>) -> Answer {
    let found = state.priorities.iter().find(|one| one.id.to_string() == visit.arg(0));
    let found = found.ok_or_else(|| Refusal::new(404, "The priority was not found."))?;
    Ok(Reply::json(200, &visit.render(state).full_priority(found)))
}

/// `GET /resolution`.
pub(crate) fn resolutions(state: &mut State, visit: &Visit<'_>) -> Answer {
    let render = visit.render(state);
    Ok(Reply::json(200, &state.resolutions.iter().map(|one| render.resolution(one)).collect::<Vec<_>>()))
}

/// `GET /resolution/search`.
pub(crate) fn search_resolutions(state: &mut State, visit: &Visit<'_>) -> Answer {
    let render = visit.render(state);
    let shown = state.resolutions.iter().map(|one| render.resolution(one));
    visit.page("resolution/search", shown.collect(), 50)
}

/// Returns the statuses that a viewer may know of.
fn known_statuses(state: &State, visit: &Visit<'_>) -> Vec<u64> {
    let seen = state.projects.values().filter(|project| visit.viewer.may(project, "BROWSE_PROJECTS"));
    let workflows =
        seen.flat_map(|project| std::iter::once(&project.workflow).chain(project.workflows.values()));
    let used: std::collections::BTreeSet<u64> = workflows
        .filter_map(|id| state.workflows.get(id))
        .flat_map(|workflow| workflow.statuses.clone())
        .collect();
    used.into_iter().collect()
}

/// `GET /status`.
pub(crate) fn statuses(state: &mut State, visit: &Visit<'_>) -> Answer {
    let render = visit.render(state);
    let shown: Vec<Value> = known_statuses(state, visit).into_iter().map(|id| render.status(id)).collect();
    Ok(Reply::json(200, &shown))
}

/// `GET /status/{}`, by id or name.
pub(crate) fn status(state: &mut State, visit: &Visit<'_>) -> Answer {
    let mut known = known_statuses(state, visit).into_iter();
    let found = known.find(|id| id.to_string() == visit.arg(0) || state.status_name(*id) == visit.arg(0));
    let found = found.ok_or_else(|| Refusal::new(404, "The status was not found."))?;
    Ok(Reply::json(200, &visit.render(state).status(found)))
}

/// `GET /statuscategory`.
pub(crate) fn categories(_: &mut State, visit: &Visit<'_>) -> Answer {
    let shown = [Category::New, Category::Indeterminate, Category::Done].map(|category| {
        json!({
            "self": format!("{}/rest/api/3/statuscategory/{}", visit.base, category.id()),
            "id": category.id(),
            "key": category.key(),
            "colorName": category.color(),
            "name": category.name(),
        })
    });
    Ok(Reply::json(200, &shown))
}

/// `GET /issuetype`.
pub(crate) fn types(state: &mut State, visit: &Visit<'_>) -> Answer {
    visit.viewer.signed_in()?;
    let render = visit.render(state);
    let seen = state.types.values().filter(|known| {
        let own = known.project.and_then(|id| state.projects.get(&id));
        own.is_none_or(|project| visit.viewer.may(project, "BROWSE_PROJECTS"))
    });
    Ok(Reply::json(200, &seen.map(|known| render.issue_type(known.id)).collect::<Vec<_>>()))
}

/// `GET /issuetype/project?projectId=`.
pub(crate) fn types_of_project(state: &mut State, visit: &Visit<'_>) -> Answer {
    let project = visit.project(state, visit.call.query("projectId").unwrap_or_default())?;
    let render = visit.render(state);
    Ok(Reply::json(200, &project.types.iter().map(|id| render.issue_type(*id)).collect::<Vec<_>>()))
}

/// `GET /label`.
pub(crate) fn labels(state: &mut State, visit: &Visit<'_>) -> Answer {
    visit.page("label", state.labels.keys().map(|label| json!(label)).collect(), 1_000)
}
