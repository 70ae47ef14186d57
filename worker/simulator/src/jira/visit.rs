//! One request to a route: its viewer, its time, and look-ups of the resources in the path.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    access::Viewer,
    error::Refusal,
    render::Render,
    state::State,
    types::{Issue, Project},
};
use crate::http::{Call, Reply};

/// The type of a value in a body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Number,
    Bool,
    Texts,
    Numbers,
}

impl Shape {
    fn takes(self, value: &Value) -> bool {
        let all = |test: fn(&Value) -> bool| value.as_array().is_some_and(|items| items.iter().all(test));
        match self {
            Shape::Text => value.is_string(),
            Shape::Number => value.is_i64(),
            Shape::Bool => value.is_boolean(),
            Shape::Texts => all(Value::is_string),
            Shape::Numbers => all(Value::is_u64),
        }
    }
}

fn bad_payload() -> Refusal {
    Refusal::new(400, "Invalid request payload. Refer to the REST API documentation and try again.")
}

/// A request at a route.
pub(crate) struct Visit<'a> {
    pub(crate) call: &'a Call,
    pub(crate) viewer: Viewer,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    /// The variable segments of the path.
    pub(crate) args: Vec<String>,
    /// The URL before `/rest`.
    pub(crate) base: String,
}

impl Visit<'_> {
    pub(crate) fn render<'s>(&'s self, state: &'s State) -> Render<'s> {
        Render { state, base: &self.base, viewer: self.viewer.user.as_deref(), zone: self.viewer.zone }
    }

    /// Returns a variable segment of the path; empty if there is none.
    pub(crate) fn arg(&self, at: usize) -> &str {
        self.args.get(at).map_or("", String::as_str)
    }

    /// Returns the body, which must be an object.
    pub(crate) fn body(&self) -> Result<Map<String, Value>, Refusal> {
        match self.call.json() {
            Ok(Value::Object(keys)) => Ok(keys),
            Ok(Value::Null) => Err(Refusal::new(
                400,
                "There was an error parsing JSON. Check that your request body is valid.",
            )),
            _ => Err(bad_payload()),
        }
    }

    /// Refuses a body with unknown keys, or with values of another type.
    pub(crate) fn fits(&self, body: &Map<String, Value>, known: &[(&str, Shape)]) -> Result<(), Refusal> {
        let fits = |(key, value): (&String, &Value)| {
            let shape = known.iter().find(|(name, _)| name == key).map(|(_, shape)| shape);
            value.is_null() && shape.is_some() || shape.is_some_and(|shape| shape.takes(value))
        };
        if body.iter().all(fits) { Ok(()) } else { Err(bad_payload()) }
    }

    /// Returns a number of the query.
    pub(crate) fn number(&self, key: &str, usual: usize) -> Result<usize, Refusal> {
        match self.call.query(key) {
            None | Some("") => Ok(usual),
            Some(text) => text.parse().map_err(|_| {
                Refusal::new(400, format!("The value '{text}' of '{key}' is not a valid number."))
            }),
        }
    }

    /// Returns the values of a list in the query: repeated, or with commas.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        let values = self.call.query.iter().filter(|(name, _)| name == key);
        let parts = values.flat_map(|(_, value)| value.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// Returns a visible issue by its id or key.
    pub(crate) fn find<'s>(&self, state: &'s State, name: &str) -> Result<&'s Arc<Issue>, Refusal> {
        let issue = state.issue(name).filter(|issue| self.viewer.sees(state, issue));
        issue.ok_or_else(Refusal::no_issue)
    }

    /// Returns the issue of the path.
    pub(crate) fn issue<'s>(&self, state: &'s State) -> Result<&'s Arc<Issue>, Refusal> {
        self.find(state, self.arg(0))
    }

    /// Returns the issue of the path if the viewer has this permission for it.
    pub(crate) fn changes<'s>(&self, state: &'s State, permission: &str) -> Result<&'s Arc<Issue>, Refusal> {
        let issue = self.issue(state)?;
        self.allowed(state, issue, permission)?;
        Ok(issue)
    }

    pub(crate) fn allowed(&self, state: &State, issue: &Issue, permission: &str) -> Result<(), Refusal> {
        self.viewer.signed_in()?;
        let project = state.projects.get(&issue.project).ok_or_else(Refusal::no_issue)?;
        if !self.viewer.may(project, permission) {
            let what = permission.to_lowercase().replace('_', " ");
            return Err(Refusal::new(403, format!("You do not have permission to {what} in this project.")));
        }
        if issue.archived || project.archived {
            return Err(Refusal::new(400, "This issue is archived. You can't make changes to it."));
        }
        Ok(())
    }

    /// Returns a project that the viewer may browse.
    pub(crate) fn project<'s>(&self, state: &'s State, key: &str) -> Result<&'s Project, Refusal> {
        let project = state.project(key).filter(|project| self.viewer.may(project, "BROWSE_PROJECTS"));
        project.ok_or_else(|| Refusal::no_project(key))
    }

    /// Returns a page of values in the usual form.
    pub(crate) fn page(&self, path: &str, all: Vec<Value>, usual: usize) -> Result<Reply, Refusal> {
        let (start, size) = (self.number("startAt", 0)?, self.number("maxResults", usual)?.clamp(1, 1_000));
        let total = all.len();
        let values: Vec<Value> = all.into_iter().skip(start).take(size).collect();
        let url = |start: usize| format!("{}/rest/api/3/{path}?startAt={start}&maxResults={size}", self.base);
        let is_last = start + values.len() >= total;
        let mut page = serde_json::json!({
            "self": url(start), "startAt": start, "maxResults": size, "total": total, "isLast": is_last, "values": values,
        });
        if !is_last {
            page["nextPage"] = Value::String(url(start + size));
        }
        Ok(Reply::json(200, &page))
    }
}
