//! The routes of projects and permissions.

use serde_json::{Map, Value, json};

use super::{
    access::PERMISSIONS,
    error::{Answer, Refusal},
    state::State,
    visit::Visit,
};
use crate::http::Reply;

/// `GET /project/search`.
pub(crate) fn search(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (keys, ids) = (visit.list("keys"), visit.list("id"));
    let query = visit.call.query("query").unwrap_or_default().to_lowercase();
    let render = visit.render(state);
    let action = match visit.call.query("action") {
        Some("create") => "CREATE_ISSUES",
        Some("edit") => "ADMINISTER_PROJECTS",
        _ => "BROWSE_PROJECTS",
    };
    let mut found: Vec<_> = state
        .projects
        .values()
        .filter(|project| visit.viewer.may(project, action) && !project.archived)
        .filter(|project| keys.is_empty() || keys.contains(&project.key))
        .filter(|project| ids.is_empty() || ids.contains(&project.id.to_string()))
        .filter(|project| {
            project.key.to_lowercase().contains(&query) || project.name.to_lowercase().contains(&query)
        })
        .collect();
    found.sort_by(|one, other| match visit.call.query("orderBy") {
        Some("name" | "+name") => one.name.cmp(&other.name),
        Some("-key") => other.key.cmp(&one.key),
        _ => one.key.cmp(&other.key),
    });
    let whole = visit.list("expand");
    let shown = found.into_iter().map(|project| {
        let mut shown = render.listed_project(project);
        let full = render.project(project);
        for part in ["lead", "issueTypes", "description"] {
            if whole.iter().any(|wanted| wanted == part) {
                shown[part] = full[part].clone();
            }
        }
        shown
    });
    visit.page("project/search", shown.collect(), 50)
}

/// `GET /project/{}`. Former keys also lead to it.
pub(crate) fn get(state: &mut State, visit: &Visit<'_>) -> Answer {
    let project = visit.project(state, visit.arg(0))?;
    Ok(Reply::json(200, &visit.render(state).project(project)))
}

/// `GET /project/{}/statuses`: by issue type.
pub(crate) fn statuses(state: &mut State, visit: &Visit<'_>) -> Answer {
    let project = visit.project(state, visit.arg(0))?;
    let render = visit.render(state);
    let of_type = |id: &u64| {
        let known = state.types.get(id)?;
        let workflow = state.workflows.get(&project.workflow_of(*id))?;
        Some(json!({
            "self": render.url(&format!("issuetype/{id}")),
            "id": id.to_string(),
            "name": known.name,
            "subtask": known.level < 0,
            "statuses": workflow.statuses.iter().map(|id| render.status(*id)).collect::<Vec<_>>(),
        }))
    };
    Ok(Reply::json(200, &project.types.iter().filter_map(of_type).collect::<Vec<Value>>()))
}

/// `GET /mypermissions?permissions=`.
pub(crate) fn permissions(state: &mut State, visit: &Visit<'_>) -> Answer {
    let wanted = visit.list("permissions");
    if wanted.is_empty() {
        return Err(Refusal::new(400, "The 'permissions' query parameter is required."));
    }
    let issue = visit.call.query("issueKey").or_else(|| visit.call.query("issueId"));
    let key = visit.call.query("projectKey").or_else(|| visit.call.query("projectId"));
    let project = match (issue, key) {
        (Some(issue), _) => state.projects.get(&visit.find(state, issue)?.project),
        (None, Some(key)) => Some(visit.project(state, key)?),
        (None, None) => None,
    };
    let admin = visit.viewer.user.as_ref().and_then(|id| state.users.get(id)).is_some_and(|user| user.admin);
    let mut shown = Map::new();
    for key in wanted {
        let known = PERMISSIONS.iter().find(|(known, ..)| *known == key);
        let (id, name, kind, has) = match (known, key.as_str()) {
            (Some((_, id, name)), _) => {
                let has = match project {
                    Some(project) => visit.viewer.may(project, &key),
                    None => state.projects.values().any(|project| visit.viewer.may(project, &key)),
                };
                (*id, *name, "PROJECT", has)
            }
            (None, "ADMINISTER") => ("0", "Administer Jira", "GLOBAL", admin),
            (None, "BULK_CHANGE") => ("33", "Make bulk changes", "GLOBAL", visit.viewer.user.is_some()),
            (None, "USER_PICKER") => ("27", "Browse users and groups", "GLOBAL", visit.viewer.user.is_some()),
            (None, _) => return Err(Refusal::new(400, format!("Unrecognized permission: {key}"))),
        };
        let one = json!({ "id": id, "key": key, "name": name, "type": kind, "description": "", "havePermission": has });
        shown.insert(key, one);
    }
    Ok(Reply::json(200, &json!({ "permissions": shown })))
}
