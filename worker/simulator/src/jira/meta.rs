//! The metadata of screens: which fields can be set where.

use serde_json::{Map, Value, json};

use super::{
    error::{Answer, Refusal},
    kind::Kind,
    render::Render,
    state::State,
    types::{Field, Issue, Project, ScreenField, Transition},
    visit::Visit,
};
use crate::http::Reply;

impl Render<'_> {
    /// Returns the metadata of a field on a screen.
    pub(crate) fn metadata(
        &self,
        project: &Project,
        issue_type: u64,
        field: &Field,
        required: bool,
    ) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("required".to_owned(), json!(required));
        shown.insert("schema".to_owned(), field.schema());
        shown.insert("name".to_owned(), json!(field.name));
        shown.insert("key".to_owned(), json!(field.id));
        shown.insert("hasDefaultValue".to_owned(), json!(field.kind == Kind::Priority));
        shown.insert("operations".to_owned(), json!(field.kind.operations()));
        if let Some(values) = self.allowed(project, issue_type, field) {
            shown.insert("allowedValues".to_owned(), values);
        }
        if field.kind == Kind::Priority {
            let known = self.state.priorities.iter().find(|known| known.id == self.state.default_priority);
            shown.insert("defaultValue".to_owned(), known.map_or(Value::Null, |known| self.priority(known)));
        }
        if matches!(field.kind, Kind::User | Kind::MultiUser) {
            let url = self.url(&format!("user/assignable/search?project={}&query=", project.key));
            shown.insert("autoCompleteUrl".to_owned(), json!(url));
        }
        shown
    }

    fn allowed(&self, project: &Project, issue_type: u64, field: &Field) -> Option<Value> {
        if field.kind.has_options() {
            let options =
                field.context(project.id).map(|context| context.options.as_slice()).unwrap_or_default();
            let open = options.iter().filter(|choice| !choice.disabled);
            let shown = open.map(|choice| {
                let mut shown = self.choice(choice);
                if field.kind == Kind::Cascading {
                    let children = choice.children.iter().filter(|child| !child.disabled);
                    shown["children"] = children.map(|child| self.choice(child)).collect();
                }
                shown
            });
            return Some(shown.collect());
        }
        match field.kind {
            Kind::Priority => Some(self.state.priorities.iter().map(|one| self.priority(one)).collect()),
            Kind::Resolution => Some(self.state.resolutions.iter().map(|one| self.resolution(one)).collect()),
            Kind::IssueType => Some(json!([self.issue_type(issue_type)])),
            Kind::Project => Some(json!([self.project_link(project)])),
            _ => None,
        }
    }

    /// Returns a transition, with the fields of its screen if wanted.
    pub(crate) fn transition(
        &self,
        project: &Project,
        issue: &Issue,
        one: &Transition,
        fields: bool,
    ) -> Value {
        let mut shown = json!({
            "id": one.id.to_string(),
            "name": one.name,
            "to": self.status(one.to),
            "hasScreen": !one.screen.is_empty(),
            "isGlobal": one.from.is_none(),
            "isInitial": false,
            "isAvailable": true,
            "isConditional": one.users.is_some(),
            "looped": one.to == issue.status,
        });
        if fields {
            let listed = one.screen.iter().filter(|one| one.listed);
            let field = |on: &ScreenField| {
                let field = self.state.fields.get(&on.field)?;
                let shown = self.metadata(project, issue.issue_type, field, on.required);
                Some((on.field.clone(), Value::Object(shown)))
            };
            shown["fields"] = Value::Object(listed.filter_map(field).collect());
        }
        shown
    }

    /// Returns the editable fields of an issue.
    pub(crate) fn editmeta(&self, project: &Project, issue: &Issue) -> Value {
        let on = project.screen.iter().filter(|one| one.edit && one.is_for(issue.issue_type));
        let field = |one: &super::types::OnScreen| {
            let field = self.state.fields.get(&one.field).filter(|field| field.applies(project.id))?;
            let shown = self.metadata(project, issue.issue_type, field, one.required);
            Some((one.field.clone(), Value::Object(shown)))
        };
        json!({ "fields": on.filter_map(field).collect::<Map<_, _>>() })
    }
}

/// Returns a project in which the viewer may create.
fn creatable<'s>(state: &'s State, visit: &Visit<'_>) -> Result<&'s Project, Refusal> {
    let project = visit.project(state, visit.arg(0))?;
    if visit.viewer.may(project, "CREATE_ISSUES") {
        Ok(project)
    } else {
        Err(Refusal::no_project(visit.arg(0)))
    }
}

/// `GET /issue/createmeta/{}/issuetypes`.
pub(crate) fn types(state: &mut State, visit: &Visit<'_>) -> Answer {
    let project = creatable(state, visit)?;
    let render = visit.render(state);
    paged(visit, "issueTypes", project.types.iter().map(|id| render.issue_type(*id)).collect())
}

/// `GET /issue/createmeta/{}/issuetypes/{}`.
pub(crate) fn fields(state: &mut State, visit: &Visit<'_>) -> Answer {
    let project = creatable(state, visit)?;
    let issue_type = visit.arg(1).parse().ok().filter(|id| project.types.contains(id));
    let missing = || Refusal::new(404, "The issue type does not exist or is not available in this project.");
    let issue_type = issue_type.ok_or_else(missing)?;
    let render = visit.render(state);
    let shown = |id: &str, required: bool| {
        let field = state.fields.get(id).filter(|field| field.applies(project.id))?;
        let mut shown = render.metadata(project, issue_type, field, required);
        shown.insert("fieldId".to_owned(), json!(id));
        Some(Value::Object(shown))
    };
    let fixed = [("project", true), ("issuetype", true)];
    let may = |id: &str| match id {
        "reporter" => visit.viewer.may(project, "MODIFY_REPORTER"),
        "assignee" => visit.viewer.may(project, "ASSIGN_ISSUES"),
        _ => true,
    };
    let on = project.screen.iter().filter(|one| one.create && one.is_for(issue_type) && may(&one.field));
    let all = fixed.into_iter().chain(on.map(|one| (one.field.as_str(), one.required)));
    paged(visit, "fields", all.filter_map(|(id, required)| shown(id, required)).collect())
}

/// Returns a page whose values have this key.
fn paged(visit: &Visit<'_>, key: &str, all: Vec<Value>) -> Answer {
    let (start, size) = (visit.number("startAt", 0)?, visit.number("maxResults", 50)?.clamp(1, 200));
    let total = all.len();
    let values: Vec<Value> = all.into_iter().skip(start).take(size).collect();
    Ok(Reply::json(200, &json!({ "startAt": start, "maxResults": size, "total": total, key: values })))
}

/// `GET /issue/{}/editmeta`.
pub(crate) fn edit(state: &mut State, visit: &Visit<'_>) -> Answer {
    let issue = visit.issue(state)?;
    let project = state.projects.get(&issue.project).ok_or_else(Refusal::no_issue)?;
    if !visit.viewer.may(project, "EDIT_ISSUES") {
        return Ok(Reply::json(200, &json!({ "fields": {} })));
    }
    Ok(Reply::json(200, &visit.render(state).editmeta(project, issue)))
}
