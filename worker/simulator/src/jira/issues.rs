//! The routes of single issues, and of several at once.

use serde_json::{Map, Value, json};

use super::{
    change::By,
    error::{Answer, Problems, Refusal},
    input::{Edit, Input, Screen},
    render::Wanted,
    state::State,
    transitions,
    values::id_or,
    visit::{Shape, Visit},
};
use crate::http::Reply;

/// The most issues of one bulk creation, and of one bulk request.
const BULK_CREATE: usize = 50;
const BULK_FETCH: usize = 100;

impl Visit<'_> {
    pub(crate) fn by(&self) -> By {
        By { user: self.viewer.user.clone(), now: self.now, at: None, lag: None }
    }

    /// Returns the wanted fields of a query.
    pub(crate) fn wanted(&self, usual: &str) -> Wanted {
        let mut wanted = Wanted::new(&self.list("fields"), usual);
        wanted.properties = self.list("properties");
        wanted.expand = self.list("expand");
        wanted
    }
}

/// `GET /issue/{}`. Former keys lead to moved issues.
pub(crate) fn get(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.issue(state)?;
    let (render, wanted) = (visit.render(state), visit.wanted("*all"));
    // The route of one issue always shows its key.
    let mut shown = render.issue(issue, &wanted);
    if wanted.ids_only() {
        shown = json!({ "id": issue.id.to_string(), "key": state.key(issue), "self": render.url(&format!("issue/{}", issue.id)), "fields": {} });
    }
    if let Some(project) = state.projects.get(&issue.project) {
        if wanted.expands("editmeta") {
            shown["editmeta"] = render.editmeta(project, issue);
        }
        if wanted.expands("transitions") {
            let open = transitions::open(state, &visit.viewer, issue);
            let fields = wanted.expand.iter().any(|part| part == "transitions.fields");
            shown["transitions"] =
                open.iter().map(|one| render.transition(project, issue, one, fields)).collect();
        }
    }
    Ok(Reply::json(200, &shown))
}

/// Reads the project and the type of a new issue.
fn home(state: &State, visit: &Visit<'_>, body: &Map<String, Value>) -> Result<(u64, u64), Problems> {
    let mut problems = Problems::default();
    let fields = body.get("fields").unwrap_or(&Value::Null);
    let key = id_or(&fields["project"], "key").unwrap_or_default();
    let project = state.project(&key).filter(|project| visit.viewer.may(project, "BROWSE_PROJECTS"));
    let Some(project) = project else {
        problems.field("project", "Specify a valid project ID or key");
        return Err(problems);
    };
    if !visit.viewer.may(project, "CREATE_ISSUES") || project.archived {
        problems.field("project", "You cannot create issues in this project.");
        return Err(problems);
    }
    let name = id_or(&fields["issuetype"], "name").unwrap_or_default();
    let Some(issue_type) = state.type_of(project, &name) else {
        problems.field("issuetype", "Specify a valid issue type");
        return Err(problems);
    };
    Ok((project.id, issue_type.id))
}

/// Reads a new issue.
fn draft(state: &State, visit: &Visit<'_>, body: &Map<String, Value>) -> Result<(u64, u64, Edit), Problems> {
    let (project, issue_type) = home(state, visit, body)?;
    let input = Input {
        state,
        project: &state.projects[&project],
        issue_type,
        current: None,
        screen: Screen::Create,
        viewer: Some(&visit.viewer),
    };
    let (mut edit, mut problems) = input.read(body);
    let level = state.types.get(&issue_type).map_or(0, |known| known.level);
    if level < 0 && edit.parent.flatten().is_none() {
        problems.field("parent", "Issue type is a sub-task but parent issue key or id not specified.");
    }
    if let Some(wanted) = body.get("transition").filter(|wanted| !wanted.is_null()) {
        let id = id_or(wanted, "id").unwrap_or_default();
        let workflow = state.workflow(project, issue_type);
        let found = workflow.and_then(|workflow| {
            let from = |one: &&super::types::Transition| {
                one.from.as_ref().is_none_or(|from| from.contains(&workflow.initial))
            };
            workflow.transitions.iter().filter(from).find(|one| one.id.to_string() == id)
        });
        match found {
            Some(found) => {
                edit.status = Some(found.to);
                edit.resolution = edit.resolution.or_else(|| found.resolution.map(Some));
            }
            None => problems.message(format!("Transition id '{id}' is not valid for this issue.")),
        }
    }
    if problems.is_empty() { Ok((project, issue_type, edit)) } else { Err(problems) }
}

fn created(state: &State, visit: &Visit<'_>, id: u64) -> Value {
    let key = state.issues.get(&id).map(|issue| state.key(issue));
    json!({ "id": id.to_string(), "key": key, "self": visit.render(state).url(&format!("issue/{id}")) })
}

fn may_write(visit: &Visit<'_>) -> Result<(), Refusal> {
    let why = "You are not authenticated. Authentication required to perform this operation.";
    visit.viewer.signed_in().map(|_| ()).map_err(|_| Refusal::new(401, why))
}

/// `POST /issue`.
pub(crate) fn create(state: &mut State, visit: &Visit<'_>) -> Answer {
    may_write(visit)?;
    let body = visit.body()?;
    let draft = draft(state, visit, &body).map_err(|problems| Refusal::of(400, problems))?;
    let id = state.create(draft.0, draft.1, draft.2, &visit.by());
    Ok(Reply::json(201, &created(state, visit, id)))
}

/// `POST /issue/bulk`. Invalid issues are listed, the others are created.
pub(crate) fn create_many(state: &mut State, visit: &Visit<'_>) -> Answer {
    may_write(visit)?;
    let body = visit.body()?;
    let drafts = body.get("issueUpdates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if drafts.is_empty() {
        return Err(Refusal::new(400, "Operation must contain at least one issue."));
    }
    if drafts.len() > BULK_CREATE {
        return Err(Refusal::new(
            400,
            format!("The maximum number of issues that can be created is {BULK_CREATE}."),
        ));
    }
    let (mut issues, mut errors) = (Vec::new(), Vec::new());
    for (at, body) in drafts.iter().enumerate() {
        let empty = Map::new();
        match draft(state, visit, body.as_object().unwrap_or(&empty)) {
            Ok((project, issue_type, edit)) => {
                let id = state.create(project, issue_type, edit, &visit.by());
                issues.push(created(state, visit, id));
            }
            Err(problems) => {
                errors.push(
                    json!({ "status": 400, "elementErrors": problems.json(), "failedElementNumber": at }),
                );
            }
        }
    }
    let status = if issues.is_empty() { 400 } else { 201 };
    Ok(Reply::json(status, &json!({ "issues": issues, "errors": errors })))
}

/// `PUT /issue/{}`.
pub(crate) fn update(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.changes(state, "EDIT_ISSUES")?.clone();
    let body = visit.body()?;
    let project = state.projects.get(&issue.project).ok_or_else(Refusal::no_issue)?;
    let input = Input {
        state,
        project,
        issue_type: issue.issue_type,
        current: Some(&issue),
        screen: Screen::Edit,
        viewer: Some(&visit.viewer),
    };
    let (edit, problems) = input.read(&body);
    problems.check()?;
    state.edit(issue.id, edit, &visit.by());
    if visit.call.query("returnIssue") != Some("true") {
        return Ok(Reply::empty(204));
    }
    let mut wanted = Wanted::new(&[], "*all");
    wanted.expand = visit.list("expand");
    let issue = state.issues.get(&issue.id).ok_or_else(Refusal::no_issue)?;
    Ok(Reply::json(200, &visit.render(state).issue(issue, &wanted)))
}

/// `PUT /issue/{}/assignee`.
pub(crate) fn assign(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.changes(state, "ASSIGN_ISSUES")?.clone();
    let body = visit.body()?;
    let value = match body.get("accountId") {
        Some(Value::Null) => Value::Null,
        // The project's default assignee, which is unassigned.
        Some(Value::String(id)) if id == "-1" => Value::Null,
        Some(Value::String(id)) => json!({ "accountId": id }),
        _ => Value::Object(body.clone()),
    };
    let project = state.projects.get(&issue.project).ok_or_else(Refusal::no_issue)?;
    let (current, screen) = (Some(issue.as_ref()), Screen::Free);
    let input = Input { state, project, issue_type: issue.issue_type, current, screen, viewer: None };
    let fields = Map::from_iter([("fields".to_owned(), json!({ "assignee": value }))]);
    let (edit, problems) = input.read(&fields);
    problems.check()?;
    state.edit(issue.id, edit, &visit.by());
    Ok(Reply::empty(204))
}

/// `DELETE /issue/{}`.
pub(crate) fn delete(state: &mut State, visit: &Visit<'_>) -> Answer {
    let id = visit.changes(state, "DELETE_ISSUES")?.id;
    let children = state.children.get(&id).into_iter().flatten();
    let subtasks = children.filter(|child| state.is_subtask(**child)).count();
    if subtasks > 0 && visit.call.query("deleteSubtasks") != Some("true") {
        let message = "The issue has subtasks. You must specify the 'deleteSubtasks' parameter to delete this issue and all its subtasks.";
        return Err(Refusal::new(400, message));
    }
    state.delete(id);
    Ok(Reply::empty(204))
}

fn texts(body: &Map<String, Value>, key: &str) -> Vec<String> {
    let items = body.get(key).and_then(Value::as_array).into_iter().flatten();
    items.map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
}

/// `POST /issue/bulkfetch`. Former keys lead to moved issues; missing or hidden issues are listed separately.
pub(crate) fn fetch_many(state: &mut State, visit: &Visit<'_>) -> Answer {
    let body = visit.body()?;
    let lists = ["issueIdsOrKeys", "fields", "expand", "properties"].map(|key| (key, Shape::Texts));
    let known: Vec<_> = lists.into_iter().chain([("fieldsByKeys", Shape::Bool)]).collect();
    visit.fits(&body, &known)?;
    let names = texts(&body, "issueIdsOrKeys");
    if names.is_empty() || names.len() > BULK_FETCH {
        return Err(Refusal::new(
            400,
            format!("issueIdsOrKeys must have between 1 and {BULK_FETCH} elements."),
        ));
    }
    let mut wanted = Wanted::new(&texts(&body, "fields"), "*navigable");
    wanted.properties = texts(&body, "properties");
    wanted.expand = texts(&body, "expand");
    let (mut found, mut errors) = (std::collections::BTreeMap::new(), Vec::new());
    for name in names {
        match visit.find(state, &name) {
            Ok(issue) => {
                found.insert(issue.id, issue);
            }
            Err(refusal) => {
                errors.push(json!({ "id": name, "errorMessage": refusal.problems.messages.first() }));
            }
        }
    }
    let render = visit.render(state);
    let issues: Vec<Value> = found.values().map(|issue| render.issue(issue, &wanted)).collect();
    Ok(Reply::json(200, &json!({ "issues": issues, "issueErrors": errors })))
}

/// `PUT /issue/archive`, for administrators.
pub(crate) fn archive(state: &mut State, visit: &Visit<'_>) -> Answer {
    let user = visit.viewer.signed_in()?;
    if !state.users.get(user).is_some_and(|user| user.admin) {
        return Err(Refusal::new(403, "You must be an administrator to archive issues."));
    }
    let names = texts(&visit.body()?, "issueIdsOrKeys");
    let (mut count, mut missing) = (0, Vec::new());
    for name in names {
        match state.issue_id(&name) {
            Some(id) => {
                state.set_archived(id, true);
                count += 1;
            }
            None => missing.push(name),
        }
    }
    let mut errors = json!({});
    if !missing.is_empty() {
        errors["issuesNotFound"] =
            json!({ "count": missing.len(), "issueIdsOrKeys": missing, "message": "Issue not found." });
    }
    let status = if count == 0 { 400 } else { 200 };
    Ok(Reply::json(status, &json!({ "numberOfIssuesUpdated": count, "errors": errors })))
}

impl State {
    /// Archives or unarchives an issue. Searches do not find archived ones.
    pub(crate) fn set_archived(&mut self, id: u64, archived: bool) {
        if let Some(issue) = self.issues.get_mut(&id) {
            std::sync::Arc::make_mut(issue).archived = archived;
            self.index_now(id);
        }
    }
}
