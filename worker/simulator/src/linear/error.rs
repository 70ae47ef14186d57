//! Errors in Linear's form.

use serde_json::{Value, json};

use crate::{
    graphql::{Problem, ProblemKind, SyntaxError},
    http::Reply,
};

/// The category of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Authentication,
    Forbidden,
    Input,
    /// An argument that breaks a rule.
    Argument,
    RateLimited,
    /// A document or variables that do not fit the schema.
    GraphQl(&'static str),
    LockTimeout,
    Internal,
}

impl Kind {
    /// `type`, `code` and `statusCode` of the error.
    fn parts(self) -> (&'static str, &'static str, u16) {
        match self {
            Kind::Authentication => ("authentication error", "AUTHENTICATION_ERROR", 401),
            Kind::Forbidden => ("forbidden", "FORBIDDEN", 403),
            Kind::Input => ("invalid input", "INPUT_ERROR", 400),
            Kind::Argument => ("invalid input", "INVALID_INPUT", 400),
            Kind::RateLimited => ("ratelimited", "RATELIMITED", 429),
            Kind::GraphQl(code) => ("graphql error", code, 400),
            Kind::LockTimeout => ("lock timeout", "LOCK_TIMEOUT", 503),
            Kind::Internal => ("internal error", "INTERNAL_SERVER_ERROR", 500),
        }
    }
}

/// An error of a request, or of one field of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    /// The message for people, if it differs from the message.
    presentable: Option<String>,
    meta: Option<Value>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into(), presentable: None, meta: None }
    }

    /// Creates an error of the input, with the message for people.
    pub(crate) fn input(message: impl Into<String>, presentable: impl Into<String>) -> Failure {
        Failure { presentable: Some(presentable.into()), ..Failure::new(Kind::Input, message) }
    }

    /// Creates the error for an argument that breaks a rule.
    pub(crate) fn argument(presentable: impl Into<String>) -> Failure {
        let presentable = Some(presentable.into());
        Failure { presentable, ..Failure::new(Kind::Argument, "Argument Validation Error") }
    }

    /// Creates the error for a record that is missing or hidden from the user.
    pub(crate) fn not_found(entity: &str) -> Failure {
        Failure::input(format!("Entity not found: {entity}"), format!("Could not find referenced {entity}."))
    }

    /// Creates the error for a missing record of a list of ids.
    pub(crate) fn no_entry(entity: &str, list: &str) -> Failure {
        let message =
            format!("Entity not found: {entity}: {list} contained an entry that could not be found.");
        Failure::input(message, format!("{list} contained an entry that could not be found."))
    }

    pub(crate) fn unauthenticated() -> Failure {
        let failure = Failure::new(Kind::Authentication, "Authentication required, not authenticated");
        Failure {
            presentable: Some("You need to authenticate to access this operation.".to_owned()),
            ..failure
        }
    }

    pub(crate) fn with_meta(self, meta: Value) -> Failure {
        Failure { meta: Some(meta), ..self }
    }

    /// Returns the entry of `errors`, without its position.
    pub(crate) fn json(&self) -> Value {
        let (category, code, status) = self.kind.parts();
        let user_error = !matches!(self.kind, Kind::Internal | Kind::LockTimeout);
        let mut extensions = json!({
            "type": category,
            "code": code,
            "statusCode": status,
            "userError": user_error,
            "userPresentableMessage": self.presentable.as_ref().unwrap_or(&self.message),
        });
        if let Some(meta) = &self.meta {
            extensions["meta"] = meta.clone();
        }
        json!({ "message": self.message, "extensions": extensions })
    }

    /// Returns the response to a request that is refused as a whole.
    pub(crate) fn reply(&self, status: u16) -> Reply {
        let mut error = self.json();
        error["extensions"]["http"] = json!({ "status": status });
        Reply::json(status, &json!({ "errors": [error] }))
    }
}

/// Returns the response to a document that cannot be parsed.
pub(crate) fn syntax(error: &SyntaxError) -> Reply {
    let mut shown = Failure::new(Kind::GraphQl("GRAPHQL_PARSE_FAILED"), error.message.clone()).json();
    shown["locations"] = json!([{ "line": error.at.line, "column": error.at.column }]);
    shown["extensions"]["http"] = json!({ "status": 400 });
    Reply::json(400, &json!({ "errors": [shown] }))
}

/// Returns the response to a document or variables that do not fit the schema.
pub(crate) fn problems(problems: &[Problem]) -> Reply {
    let shown: Vec<Value> = problems
        .iter()
        .map(|problem| {
            let code = match problem.kind {
                ProblemKind::Document => "GRAPHQL_VALIDATION_FAILED",
                ProblemKind::Variable => "BAD_USER_INPUT",
                ProblemKind::Operation => "OPERATION_RESOLUTION_FAILURE",
            };
            let mut error = Failure::new(Kind::GraphQl(code), problem.message.clone()).json();
            if let Some(at) = problem.at {
                error["locations"] = json!([{ "line": at.line, "column": at.column }]);
            }
            error["extensions"]["http"] = json!({ "status": 400 });
            error
        })
        .collect();
    Reply::json(400, &json!({ "errors": shown }))
}
