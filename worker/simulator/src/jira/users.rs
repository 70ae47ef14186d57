//! The routes of people, who are named by account id only.

use serde_json::Value;

use super::{
    error::{Answer, Refusal},
    state::State,
    types::User,
    visit::Visit,
};
use crate::http::Reply;

/// Refuses the ways to name people that Jira has removed.
fn modern(visit: &Visit<'_>) -> Result<(), Refusal> {
    for key in ["username", "key"] {
        if visit.call.query(key).is_some() {
            let message = format!("The query parameter '{key}' is not supported in GDPR strict mode.");
            return Err(Refusal::new(400, message));
        }
    }
    visit.viewer.signed_in().map(|_| ())
}

/// `GET /myself`.
pub(crate) fn myself(state: &mut State, visit: &Visit<'_>) -> Answer {
    let id = visit.viewer.signed_in()?;
    let user = state.users.get(id).ok_or_else(Refusal::not_signed_in)?;
    let mut shown = visit.render(state).user(user);
    shown["locale"] = Value::String(user.locale.clone());
    shown["groups"] = serde_json::json!({ "size": 0, "items": [] });
    shown["applicationRoles"] = serde_json::json!({ "size": 1, "items": [] });
    shown["expand"] = Value::String("groups,applicationRoles".to_owned());
    Ok(Reply::json(200, &shown))
}

/// `GET /user?accountId=`.
pub(crate) fn get(state: &mut State, visit: &Visit<'_>) -> Answer {
    modern(visit)?;
    let id = visit.call.query("accountId").unwrap_or_default();
    let missing = || {
        Refusal::new(
            404,
            format!("Specified user does not exist or you do not have required permissions: {id}"),
        )
    };
    let user = state.users.get(id).ok_or_else(missing)?;
    Ok(Reply::json(200, &visit.render(state).user(user)))
}

/// True if a search finds a user. An e-mail address finds only users who show theirs.
fn matches(user: &User, query: &str) -> bool {
    let query = query.to_lowercase();
    let name = user.name.to_lowercase();
    let by_name = name.starts_with(&query) || name.split(' ').any(|part| part.starts_with(&query));
    let mail = user.email.as_ref().filter(|_| user.shows_email);
    by_name || mail.is_some_and(|mail| mail.to_lowercase().starts_with(&query))
}

fn page<'u>(state: &State, visit: &Visit<'_>, users: impl Iterator<Item = &'u User>) -> Answer {
    let (start, size) = (visit.number("startAt", 0)?, visit.number("maxResults", 50)?.min(1_000));
    let render = visit.render(state);
    let shown: Vec<Value> = users.skip(start).take(size).map(|user| render.user(user)).collect();
    Ok(Reply::json(200, &shown))
}

/// `GET /user/search?query=`.
pub(crate) fn search(state: &mut State, visit: &Visit<'_>) -> Answer {
    modern(visit)?;
    let (query, id) = (visit.call.query("query"), visit.call.query("accountId"));
    if query.is_some() == id.is_some() {
        return Err(Refusal::new(400, "Either 'query' or 'accountId' must be given."));
    }
    let found = state.users.values().filter(|user| match (query, id) {
        (_, Some(id)) => user.id == id,
        (query, None) => matches(user, query.unwrap_or_default()),
    });
    page(state, visit, found)
}

/// `GET /users/search`: all of them.
pub(crate) fn all(state: &mut State, visit: &Visit<'_>) -> Answer {
    modern(visit)?;
    page(state, visit, state.users.values())
}

/// `GET /user/assignable/search?project=`.
pub(crate) fn assignable(state: &mut State, visit: &Visit<'_>) -> Answer {
    modern(visit)?;
    let issue = visit.call.query("issueKey").or_else(|| visit.call.query("issueId"));
    let project = match (visit.call.query("project"), issue) {
        (Some(key), _) => visit.project(state, key)?,
        (None, Some(issue)) => {
            state.projects.get(&visit.find(state, issue)?.project).ok_or_else(Refusal::no_issue)?
        }
        (None, None) => return Err(Refusal::new(400, "Either 'project' or 'issueKey' must be given.")),
    };
    let query = visit.call.query("query").unwrap_or_default();
    let id = visit.call.query("accountId");
    let found = state.users.values().filter(|user| {
        let may = project.members.get(&user.id).is_some_and(|has| has.contains("ASSIGNABLE_USER"));
        may && user.active && id.map_or_else(|| matches(user, query), |id| user.id == id)
    });
    page(state, visit, found)
}

/// `GET /user/bulk?accountId=`.
pub(crate) fn bulk(state: &mut State, visit: &Visit<'_>) -> Answer {
    modern(visit)?;
    let ids = visit.list("accountId");
    if ids.is_empty() || ids.len() > 200 {
        return Err(Refusal::new(400, "Between 1 and 200 values of 'accountId' must be given."));
    }
    let render = visit.render(state);
    let users = ids.iter().filter_map(|id| state.users.get(id)).map(|user| render.user(user)).collect();
    visit.page("user/bulk", users, 10)
}
