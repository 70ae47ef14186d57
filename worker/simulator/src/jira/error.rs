//! Refusals in Jira's form.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::http::Reply;

/// The result of a route.
pub(crate) type Answer = Result<Reply, Refusal>;

/// A response that refuses a request.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) problems: Problems,
    /// A body that replaces the usual one.
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// The problems of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problems {
    pub(crate) messages: Vec<String>,
    /// By field.
    pub(crate) errors: BTreeMap<String, String>,
}

impl Problems {
    pub(crate) fn field(&mut self, field: &str, message: impl Into<String>) {
        self.errors.entry(field.to_owned()).or_insert_with(|| message.into());
    }

    pub(crate) fn message(&mut self, message: impl Into<String>) {
        let message = message.into();
        if !self.messages.contains(&message) {
            self.messages.push(message);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.errors.is_empty()
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "errorMessages": self.messages, "errors": self.errors })
    }

    /// Returns a refusal if there was a problem.
    pub(crate) fn check(self) -> Result<(), Refusal> {
        if self.is_empty() { Ok(()) } else { Err(Refusal::of(400, self)) }
    }
}

impl Refusal {
    pub(crate) fn of(status: u16, problems: Problems) -> Refusal {
        Refusal { status, problems, body: None, headers: Vec::new() }
    }

    pub(crate) fn new(status: u16, message: impl Into<String>) -> Refusal {
        Refusal::of(status, Problems { messages: vec![message.into()], errors: BTreeMap::new() })
    }

    pub(crate) fn with_body(status: u16, body: Value) -> Refusal {
        Refusal { body: Some(body), ..Refusal::of(status, Problems::default()) }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Refusal {
        self.headers.push((name, value.into()));
        self
    }

    /// Returns the refusal for an issue that is missing or hidden from the viewer.
    pub(crate) fn no_issue() -> Refusal {
        Refusal::new(404, "Issue does not exist or you do not have permission to see it.")
    }

    pub(crate) fn no_project(key: &str) -> Refusal {
        Refusal::new(404, format!("No project could be found with key '{key}'."))
    }

    pub(crate) fn not_signed_in() -> Refusal {
        let message = "Client must be authenticated to access this resource.";
        Refusal::with_body(401, json!({ "message": message, "status-code": 401 }))
    }

    /// Returns a refusal of the gateway in front of OAuth requests.
    pub(crate) fn gateway(status: u16, message: &str) -> Refusal {
        Refusal::with_body(status, json!({ "code": status, "message": message }))
    }

    pub(crate) fn reply(self) -> Reply {
        let body = self.body.unwrap_or_else(|| self.problems.json());
        let mut reply = Reply::json(self.status, &body);
        for (name, value) in self.headers {
            reply = reply.with(name, value);
        }
        reply
    }
}
