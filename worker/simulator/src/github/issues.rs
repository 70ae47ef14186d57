//! The routes of single issues, and their creation.

use super::{
    body::Body,
    change::{By, Change},
    draft,
    error::{Answer, Refusal},
    state::State,
    version::Version,
    visit::Visit,
};
use crate::http::Reply;

/// The keys of a new issue. There is no `state`: a new issue is open.
const OF_CREATE: [&str; 8] =
    ["title", "body", "labels", "assignees", "milestone", "type", "issue_field_values", "assignee"];

const OF_UPDATE: [&str; 11] = [
    "title",
    "body",
    "state",
    "state_reason",
    "duplicate_issue_id",
    "labels",
    "assignees",
    "milestone",
    "type",
    "issue_field_values",
    "assignee",
];

/// Returns the keys of this version, which may lack the singular `assignee`.
fn keys<'a>(keys: &'a [&'a str], version: Version) -> &'a [&'a str] {
    match version {
        Version::V2022 => keys,
        Version::V2026 => &keys[..keys.len() - 1],
    }
}

/// `GET /repos/{}/{}/issues/{}`.
pub(crate) fn get(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (repo, _, issue) = visit.issue(state)?;
    let text = visit.render(state).issue_text(&state.repos[&repo], issue);
    let updated = issue.updated;
    Ok(Reply::raw_json(200, text.as_bytes().to_vec()).with("last-modified", http_date(updated)))
}

/// Formats seconds since 1970 in the form of HTTP headers.
fn http_date(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// `POST /repos/{}/{}/issues`.
pub(crate) fn create(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access) = visit.issues(state)?;
    let account = visit.viewer.writes(&state.repos[&id], access)?;
    let mut body = Body::read(visit.call, keys(&OF_CREATE, visit.version), state.behaviour.unknown_keys)?;
    body.require("title");
    let change = draft::read(state, visit, (&state.repos[&id], access), &mut body)?;
    // Where unknown keys are ignored, these keys are ignored.
    let change = Change { closed: None, reason: None, ..change };
    let by = By { account: Some(account), now: visit.now, at: None };
    let number = state.create_issue(id, change, false, by);
    let repo = &state.repos[&id];
    let issue = repo.issues.get(&number).ok_or_else(Refusal::not_found)?;
    let render = visit.render(state);
    let text = render.issue_text(repo, issue);
    let location = format!("{}/issues/{number}", render.repo_url(repo));
    Ok(Reply::raw_json(201, text.as_bytes().to_vec()).with("location", location))
}

/// `PATCH /repos/{}/{}/issues/{}`.
pub(crate) fn update(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access, issue) = visit.issue(state)?;
    let number = issue.number;
    let repo = &state.repos[&id];
    let account = visit.viewer.edits(repo, access, issue)?;
    let mut body = Body::read(visit.call, keys(&OF_UPDATE, visit.version), state.behaviour.unknown_keys)?;
    // A null title leaves the title unchanged.
    let keeps_title = body.get("title").is_some_and(serde_json::Value::is_null);
    if keeps_title {
        body.remove("title");
    }
    let mut change = draft::read(state, visit, (repo, access), &mut body)?;
    if let Some(values) = change.fields.take() {
        let mut all = issue.content.fields.clone();
        all.extend(values);
        change.fields = Some(all);
    }
    edited(state, visit, (id, number), change, account)
}

/// Makes a change and returns the issue.
pub(crate) fn edited(
    state: &mut State,
    visit: &Visit<'_>,
    (repo, number): (u64, u64),
    change: Change,
    account: u64,
) -> Answer {
    let by = By { account: Some(account), now: visit.now, at: None };
    state.edit_issue(repo, number, change, by);
    let repo = &state.repos[&repo];
    let issue = repo.issues.get(&number).ok_or_else(Refusal::not_found)?;
    let text = visit.render(state).issue_text(repo, issue);
    Ok(Reply::raw_json(200, text.as_bytes().to_vec()))
}

/// `POST /repos/{}/{}/issues/{}/assignees`. Accounts that cannot be assigned are dropped silently.
pub(crate) fn add_assignees(state: &mut State, visit: &Visit<'_>) -> Answer {
    assignees(state, visit, true)
}

/// `DELETE /repos/{}/{}/issues/{}/assignees`.
pub(crate) fn remove_assignees(state: &mut State, visit: &Visit<'_>) -> Answer {
    assignees(state, visit, false)
}

fn assignees(state: &mut State, visit: &Visit<'_>, add: bool) -> Answer {
    let (id, access, issue) = visit.issue(state)?;
    let repo = &state.repos[&id];
    let account = visit.viewer.writes(repo, access)?;
    let mut body = Body::read(visit.call, &["assignees"], state.behaviour.unknown_keys)?;
    let logins = body.names("assignees", "login").unwrap_or_default();
    body.check()?;
    let mut all = issue.content.assignees.clone();
    if access.may_triage() {
        let named: Vec<u64> = logins.iter().filter_map(|login| state.account(login)).map(|a| a.id).collect();
        if add {
            let fresh = named
                .into_iter()
                .filter(|id| repo.may_be_assigned(*id) && !issue.content.assignees.contains(id));
            all.extend(fresh);
            all.truncate(10);
        } else {
            all.retain(|id| !named.contains(id));
        }
    }
    let number = issue.number;
    let change = Change { assignees: Some(all), ..Change::default() };
    let mut reply = edited(state, visit, (id, number), change, account)?;
    reply.status = if add { 201 } else { 200 };
    Ok(reply)
}
