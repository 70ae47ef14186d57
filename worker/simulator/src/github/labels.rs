//! The routes of labels, of a repository and of an issue.

use serde_json::Value;

use super::{
    access::Access,
    body::Body,
    change::{Change, Wanted},
    draft::{self, MAX_LABEL_NAME},
    error::{Answer, Refusal, custom, field},
    issues::edited,
    state::State,
    types::{Issue, Repo},
    visit::Visit,
};
use crate::http::Reply;

/// `GET /repos/{}/{}/labels`.
pub(crate) fn list(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _) = visit.repo(state)?;
    let repo = &state.repos[&id];
    let render = visit.render(state);
    let labels = repo.label_names.values().filter_map(|id| repo.labels.get(id));
    let labels = labels.map(|label| render.label(repo, label)).collect();
    Ok(visit.page().reply(visit.call, labels))
}

/// `GET /repos/{}/{}/labels/{}`.
pub(crate) fn get(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _) = visit.repo(state)?;
    let label = named(&state.repos[&id], visit.arg(2))?;
    shown(state, visit, 200, id, label)
}

fn named(repo: &Repo, name: &str) -> Result<u64, Refusal> {
    repo.label_names.get(&name.to_lowercase()).copied().ok_or_else(Refusal::not_found)
}

fn shown(state: &State, visit: &Visit<'_>, status: u16, repo: u64, label: u64) -> Answer {
    let repo = &state.repos[&repo];
    let label = repo.labels.get(&label).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(status, &visit.render(state).label(repo, label)))
}

/// Refuses an account without push access. It sees the repository, so this is no 404.
fn pushes(state: &State, visit: &Visit<'_>, repo: u64, access: Access) -> Result<(), Refusal> {
    visit.viewer.writes(&state.repos[&repo], access)?;
    if access.may_push() { Ok(()) } else { Err(Refusal::new(403, "Must have push access to repository.")) }
}

/// Checks the parts of a label; `own` is the label that may keep its name.
fn check(repo: &Repo, own: Option<u64>, name: Option<&str>, color: Option<&str>) -> Result<(), Refusal> {
    let mut errors = Vec::new();
    if let Some(name) = name {
        if name.trim().is_empty() {
            errors.push(field("Label", "name", "missing_field"));
        } else if name.chars().count() > MAX_LABEL_NAME {
            errors.push(custom(
                "Label",
                "name",
                format!("name is too long (maximum is {MAX_LABEL_NAME} characters)"),
            ));
        }
        if repo.label_names.get(&name.trim().to_lowercase()).is_some_and(|id| Some(*id) != own) {
            errors.push(field("Label", "name", "already_exists"));
        }
    }
    if color.is_some_and(|color| color.len() != 6 || !color.chars().all(|digit| digit.is_ascii_hexdigit())) {
        errors.push(field("Label", "color", "invalid"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Refusal::validation(errors)) }
}

/// `POST /repos/{}/{}/labels`.
pub(crate) fn create(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access) = visit.repo(state)?;
    pushes(state, visit, id, access)?;
    let mut body = Body::read(visit.call, &["name", "color", "description"], state.behaviour.unknown_keys)?;
    body.require("name");
    let (name, color) = (body.text("name").unwrap_or_default(), body.text("color"));
    let description = body.nullable("description").flatten();
    body.check()?;
    check(&state.repos[&id], None, Some(&name), color.as_deref())?;
    let color = color.map_or_else(|| "ededed".to_owned(), |color| color.to_lowercase());
    let label = state.add_label(id, name.trim(), &color, description);
    shown(state, visit, 201, id, label)
}

/// `PATCH /repos/{}/{}/labels/{}`. Its issues show the new name; their `updated_at` stays unchanged.
pub(crate) fn update(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access) = visit.repo(state)?;
    pushes(state, visit, id, access)?;
    let own = named(&state.repos[&id], visit.arg(2))?;
    let keys = ["new_name", "color", "description", "name"];
    let mut body = Body::read(visit.call, &keys, state.behaviour.unknown_keys)?;
    let name = body.text("new_name").or_else(|| body.text("name"));
    let color = body.text("color");
    let description = body.nullable("description");
    body.check()?;
    check(&state.repos[&id], Some(own), name.as_deref(), color.as_deref())?;
    state.epoch += 1;
    if let Some(repo) = state.repos.get_mut(&id) {
        if let Some(name) = &name {
            repo.label_names.retain(|_, label| *label != own);
            repo.label_names.insert(name.trim().to_lowercase(), own);
        }
        if let Some(label) = repo.labels.get_mut(&own) {
            label.name = name.map_or_else(|| label.name.clone(), |name| name.trim().to_owned());
            label.color = color.map_or_else(|| label.color.clone(), |color| color.to_lowercase());
            label.description = description.unwrap_or_else(|| label.description.clone());
        }
    }
    shown(state, visit, 200, id, own)
}

/// `DELETE /repos/{}/{}/labels/{}`. Removes it from all issues.
pub(crate) fn delete(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, access) = visit.repo(state)?;
    pushes(state, visit, id, access)?;
    let label = named(&state.repos[&id], visit.arg(2))?;
    state.epoch += 1;
    if let Some(repo) = state.repos.get_mut(&id) {
        repo.labels.remove(&label);
        repo.label_names.retain(|_, named| *named != label);
        for issue in repo.issues.values_mut() {
            issue.content.labels.retain(|has| *has != label);
        }
    }
    Ok(Reply::empty(204))
}

/// `GET /repos/{}/{}/issues/{}/labels`.
pub(crate) fn of_issue(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _, issue) = visit.issue(state)?;
    let labels = labels(state, visit, &state.repos[&id], issue);
    Ok(visit.page().reply(visit.call, labels))
}

fn labels(state: &State, visit: &Visit<'_>, repo: &Repo, issue: &Issue) -> Vec<Value> {
    let render = visit.render(state);
    let labels = issue.content.labels.iter().filter_map(|id| repo.labels.get(id));
    labels.map(|label| render.label(repo, label)).collect()
}

/// `POST /repos/{}/{}/issues/{}/labels`.
pub(crate) fn add(state: &mut State, visit: &Visit<'_>) -> Answer {
    let more = given(state, visit)?;
    change(state, visit, |has| has.into_iter().chain(more).collect())
}

/// `PUT /repos/{}/{}/issues/{}/labels`.
pub(crate) fn replace(state: &mut State, visit: &Visit<'_>) -> Answer {
    let all = given(state, visit)?;
    change(state, visit, |_| all)
}

/// `DELETE /repos/{}/{}/issues/{}/labels`.
pub(crate) fn clear(state: &mut State, visit: &Visit<'_>) -> Answer {
    change(state, visit, |_| Vec::new())?;
    Ok(Reply::empty(204))
}

/// `DELETE /repos/{}/{}/issues/{}/labels/{}`.
pub(crate) fn take(state: &mut State, visit: &Visit<'_>) -> Answer {
    let (id, _, issue) = visit.issue(state)?;
    let gone = || Refusal::new(404, "Label does not exist");
    let label = named(&state.repos[&id], visit.arg(3)).map_err(|_| gone())?;
    if !issue.content.labels.contains(&label) {
        return Err(gone());
    }
    change(state, visit, |has| has.into_iter().filter(|wanted| *wanted != Wanted::Known(label)).collect())
}

/// Returns the labels in the body of a request.
fn given(state: &State, visit: &Visit<'_>) -> Result<Vec<Wanted>, Refusal> {
    let (id, access, _) = visit.issue(state)?;
    let mut body = Body::read(visit.call, &["labels"], state.behaviour.unknown_keys)?;
    let names = body.names("labels", "name").unwrap_or_default();
    body.check()?;
    let mut errors = Vec::new();
    let wanted = draft::wanted(&state.repos[&id], access, &names, &mut errors);
    if errors.is_empty() { Ok(wanted) } else { Err(Refusal::validation(errors)) }
}

fn change(state: &mut State, visit: &Visit<'_>, to: impl FnOnce(Vec<Wanted>) -> Vec<Wanted>) -> Answer {
    let (id, access, issue) = visit.issue(state)?;
    let number = issue.number;
    let account = visit.viewer.writes(&state.repos[&id], access)?;
    if !access.may_triage() {
        return Err(Refusal::new(403, "Must have push access to repository."));
    }
    let has = issue.content.labels.iter().copied().map(Wanted::Known).collect();
    let change = Change { labels: Some(to(has)), ..Change::default() };
    edited(state, visit, (id, number), change, account)?;
    let repo = &state.repos[&id];
    let issue = repo.issues.get(&number).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, &labels(state, visit, repo, issue)))
}
