//! Errors in GitHub's form.

use serde_json::{Map, Value, json};

use crate::http::Reply;

/// The result of a route.
pub(crate) type Answer = Result<Reply, Refusal>;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    /// Errors of single fields.
    errors: Vec<Value>,
    /// The new address of a moved resource.
    location: Option<String>,
    retry_after: Option<u64>,
    pub(crate) docs: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            message: message.into(),
            errors: Vec::new(),
            location: None,
            retry_after: None,
            docs: None,
        }
    }

    /// Returns the refusal for a missing or hidden resource; GitHub does not distinguish them.
    pub(crate) fn not_found() -> Refusal {
        Refusal::new(404, "Not Found")
    }

    pub(crate) fn unauthenticated() -> Refusal {
        Refusal::new(401, "Requires authentication")
    }

    /// Returns the redirect to another address. Only reads are redirected with 301, which may change their method.
    pub(crate) fn moved(status: u16, location: String) -> Refusal {
        Refusal { location: Some(location), ..Refusal::new(status, "Moved Permanently") }
    }

    /// Returns the refusal of fields with wrong values.
    pub(crate) fn validation(errors: Vec<Value>) -> Refusal {
        Refusal { errors, ..Refusal::new(422, "Validation Failed") }
    }

    /// Returns the refusal of a body that does not fit the schema of the route.
    pub(crate) fn schema(problems: &[String]) -> Refusal {
        Refusal::new(422, format!("Invalid request.\n\n{}", problems.join("\n")))
    }

    pub(crate) fn after(self, seconds: u64) -> Refusal {
        Refusal { retry_after: Some(seconds), ..self }
    }

    pub(crate) fn about(self, docs: &'static str) -> Refusal {
        Refusal { docs: Some(docs), ..self }
    }

    /// Returns the response; `docs` is the page of the route.
    pub(crate) fn reply(self, docs: &str) -> Reply {
        let mut body = Map::new();
        body.insert("message".to_owned(), json!(self.message));
        if !self.errors.is_empty() {
            body.insert("errors".to_owned(), Value::Array(self.errors));
        }
        if let Some(location) = &self.location {
            body.insert("url".to_owned(), json!(location));
        }
        body.insert("documentation_url".to_owned(), json!(self.docs.unwrap_or(docs)));
        if self.location.is_none() {
            body.insert("status".to_owned(), json!(self.status.to_string()));
        }
        let mut reply = Reply::json(self.status, &body);
        if let Some(location) = self.location {
            reply = reply.with("location", location);
        }
        if let Some(after) = self.retry_after {
            reply = reply.with("retry-after", after.to_string());
        }
        reply
    }
}

/// Returns an error of one field.
pub(crate) fn field(resource: &str, field: &str, code: &str) -> Value {
    json!({ "resource": resource, "field": field, "code": code })
}

/// Returns an error of one field that names the value.
pub(crate) fn invalid(resource: &str, field: &str, value: impl Into<Value>) -> Value {
    json!({ "value": value.into(), "resource": resource, "field": field, "code": "invalid" })
}

/// Returns an error of one field with a text.
pub(crate) fn custom(resource: &str, field: &str, message: impl Into<String>) -> Value {
    json!({ "resource": resource, "code": "custom", "field": field, "message": message.into() })
}
