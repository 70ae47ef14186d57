//! Errors as problem documents (RFC 9457).
//!
//! An error that the caller can correct is described in the response. Any other, above all an error text of the
//! database, goes to the log under an id, and the caller gets the id.

use std::ops::{Deref, DerefMut};

use axum::{
    Json,
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use serde::{Serialize, Serializer};
use syncline_engine::spec::Severity;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use crate::json::pointer;

/// The media type of a problem document.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Seconds until a retry after an outage.
const OUTAGE_RETRY: u32 = 5;

/// Seconds until a retry when the queue is full.
const FULL_RETRY: u32 = 30;

/// Why a request failed. It is behind a pointer, since most requests succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Told>);

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Told {
    /// The kind of problem; stable across releases.
    #[serde(rename = "type", serialize_with = "kind_urn")]
    #[schema(value_type = String, pattern = "^urn:syncline:problem:[a-z-]+$")]
    pub kind: &'static str,
    /// The kind as a short text.
    #[schema(value_type = String)]
    pub title: &'static str,
    /// The HTTP status code.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
    /// The id of this occurrence; the log has the same id.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "instance_urn")]
    #[schema(value_type = Option<String>, pattern = "^urn:uuid:")]
    pub instance: Option<Uuid>,
    /// Errors of single fields of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Seconds until a retry is worthwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// The id of the request; log lines and the audit log have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The path of a page about the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

impl Deref for Problem {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Told {
        &mut self.0
    }
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        Told::schema()
    }
}

impl ToSchema for Problem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Told::schemas(schemas);
    }
}

fn kind_urn<S: Serializer>(kind: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("urn:syncline:problem:{kind}"))
}

fn instance_urn<S: Serializer>(instance: &Option<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
    match instance {
        Some(id) => serializer.collect_str(&id.urn()),
        None => serializer.serialize_none(),
    }
}

/// An error of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name in the request, such as `items.ids.0`.
    pub field: String,
    /// Its JSON Pointer in the body; none for a key of the query string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The kind of error; stable across releases.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub code: Option<&'static str>,
    /// What is wrong, and which values are allowed.
    pub detail: String,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl FieldError {
    /// An error of the part of a body that a JSON Pointer names.
    pub(crate) fn at(pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        let field = pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~");
        Self { field, pointer: Some(pointer.to_owned()), code: Some(code), detail: detail.into(), hint: None }
    }

    /// The error as part of a sentence.
    pub(crate) fn told(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        match self.field.as_str() {
            "" => format!("{}{hint}", self.detail),
            field => format!("{field}: {}{hint}", self.detail),
        }
    }
}

impl Problem {
    /// Creates a problem; `kind` becomes the last part of its type.
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Told {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            instance: None,
            errors: Vec::new(),
            retry_after: None,
            request_id: None,
            docs: None,
        }))
    }

    /// Adds an error of one field.
    pub fn with_field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        let (field, detail) = (field.into(), detail.into());
        self.errors.push(FieldError { field, pointer: None, code: None, detail, hint: None });
        self
    }

    /// Adds an error of the part of the body that a JSON Pointer names.
    pub(crate) fn with_pointer(mut self, pointer: &str, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError::at(pointer, "invalid-value", detail));
        self
    }

    /// This problem of a body and another one of the same body.
    pub(crate) fn and(mut self, other: Problem) -> Self {
        // What is unknown is told without its key where it is all that is wrong.
        let key = if other.errors.is_empty() { named(&other.detail) } else { None };
        self.detail = format!("{}; {}", self.detail, other.detail);
        self.errors.extend(other.0.errors.into_iter().chain(key));
        self
    }

    /// Sets the seconds until a retry is worthwhile.
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// An error that the caller cannot correct. The error goes to the log, its id to the caller.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let id = Uuid::now_v7();
        tracing::error!(correlation_id = %id, error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
            format!("Something went wrong on this side. The log says more under {id}"),
        )
        .logged_as(id)
    }

    /// Redis does not respond, in which the queue is.
    fn queue_outage(error: &syncline_queue::Error) -> Self {
        let id = Uuid::now_v7();
        tracing::warn!(correlation_id = %id, error = error.told(), "a request failed: the queue could not be asked");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "queue-unavailable",
            "Queue unavailable",
            format!("Redis, which holds the queue, could not be asked; try again later. The log says more under {id}"),
        )
        .logged_as(id)
        .with_retry_after(OUTAGE_RETRY)
    }

    /// The database does not respond.
    fn outage(error: &(dyn std::error::Error + 'static)) -> Self {
        let id = Uuid::now_v7();
        tracing::warn!(correlation_id = %id, error, "a request failed: the database could not be asked");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database-unavailable",
            "Database unavailable",
            format!("The database could not be asked; try again later. The log says more under {id}"),
        )
        .logged_as(id)
        .with_retry_after(OUTAGE_RETRY)
    }

    fn logged_as(mut self, id: Uuid) -> Self {
        self.instance = Some(id);
        self
    }
}

impl Problem {
    /// The document of a problem that a request has met; `prefix` stands before the paths of the server.
    pub(crate) fn told(mut self, request_id: &str, prefix: &str) -> Body {
        self.docs = Some(format!("{prefix}/docs/problems#{}", self.kind));
        self.request_id = Some(request_id.to_owned());
        Body::from(serde_json::to_vec(&self).unwrap_or_default())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (retry_after, denied) = (self.retry_after, status == StatusCode::UNAUTHORIZED);
        let kept = self.clone();
        let mut response = (status, [(CONTENT_TYPE, PROBLEM_JSON)], Json(self)).into_response();
        // What is known of the request is added outside of the handler.
        response.extensions_mut().insert(kept);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if denied {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<DbErr> for Problem {
    fn from(error: DbErr) -> Self {
        if is_outage(&error) { Self::outage(&error) } else { Self::internal(&error) }
    }
}

impl From<syncline_queue::Error> for Problem {
    fn from(error: syncline_queue::Error) -> Self {
        use syncline_queue::Error;
        if let Error::Full { waiting, limit, .. } = &error {
            let detail = format!(
                "{waiting} jobs wait, and the queue takes no more than {limit}. Try again later, or run more workers"
            );
            return Self::new(StatusCode::TOO_MANY_REQUESTS, "queue-full", "Queue full", detail)
                .with_retry_after(FULL_RETRY);
        }
        let outage = match &error {
            Error::Unavailable(cause) => cause.downcast_ref::<DbErr>().is_none_or(is_outage),
            Error::Contended(_) => true,
            _ => false,
        };
        match (outage, error.is_of_redis()) {
            (true, true) => Self::queue_outage(&error),
            (true, false) => Self::outage(&error),
            (false, _) => Self::internal(&error),
        }
    }
}

impl From<syncline_service::Error> for Problem {
    fn from(error: syncline_service::Error) -> Self {
        use syncline_service::{Error, Refusal, Unknown};
        let (status, kind, title, field) = match &error {
            Error::Unknown { what, .. } => match what {
                Unknown::Project => (StatusCode::NOT_FOUND, "unknown-project", "Unknown project", None),
                Unknown::Sync => (StatusCode::NOT_FOUND, "unknown-sync", "Unknown sync", None),
                Unknown::Conflict => (StatusCode::NOT_FOUND, "unknown-conflict", "Unknown conflict", None),
                Unknown::Queue => (StatusCode::NOT_FOUND, "unknown-queue", "Unknown queue", None),
                Unknown::Account => (StatusCode::NOT_FOUND, "unknown-account", "Unknown account", None),
                Unknown::Platform => (StatusCode::NOT_FOUND, "unknown-platform", "Unknown platform", None),
                Unknown::Person => (StatusCode::NOT_FOUND, "unknown-person", "Unknown person", None),
                Unknown::Token => (StatusCode::NOT_FOUND, "unknown-token", "Unknown token", None),
                Unknown::Job => (StatusCode::NOT_FOUND, "unknown-job", "Unknown job", None),
                Unknown::Run => (StatusCode::NOT_FOUND, "unknown-run", "Unknown run", None),
                Unknown::Link => (StatusCode::NOT_FOUND, "unknown-mapping", "Unknown mapping", None),
                Unknown::Revision => (StatusCode::NOT_FOUND, "unknown-revision", "Unknown revision", None),
                Unknown::Operation => (StatusCode::NOT_FOUND, "unknown-operation", "Unknown operation", None),
                Unknown::Schedule => (StatusCode::NOT_FOUND, "unknown-schedule", "Unknown schedule", None),
                Unknown::Worker => (StatusCode::NOT_FOUND, "unknown-worker", "Unknown worker", None),
            },
            Error::Refused { why, .. } => match why {
                Refusal::QueuePaused => (StatusCode::CONFLICT, "queue-paused", "Queue paused", None),
                Refusal::SyncPaused => (StatusCode::CONFLICT, "sync-paused", "Sync paused", None),
                Refusal::IdUsed => (StatusCode::CONFLICT, "id-used", "Id used", Some("id")),
                Refusal::Resolved => (StatusCode::CONFLICT, "resolved", "Resolved already", None),
                Refusal::Undecidable => {
                    (StatusCode::UNPROCESSABLE_ENTITY, "undecidable-conflict", "Undecidable conflict", None)
                }
                Refusal::Contended => (StatusCode::CONFLICT, "contended", "Contended", None),
                Refusal::AccountExists => {
                    (StatusCode::CONFLICT, "account-exists", "Account exists", Some("name"))
                }
                Refusal::AccountUsed => (StatusCode::CONFLICT, "account-used", "Account used", None),
                Refusal::JobOver => (StatusCode::CONFLICT, "job-over", "Job over", None),
                Refusal::NoToken => (StatusCode::CONFLICT, "no-token", "No token", None),
                Refusal::SyncExists => (StatusCode::CONFLICT, "sync-exists", "Sync exists", Some("name")),
                Refusal::Outdated => {
                    (StatusCode::PRECONDITION_FAILED, "changed-since", "Changed since", None)
                }
                Refusal::ConflictMoved => (StatusCode::CONFLICT, "conflict-moved", "Conflict moved", None),
                Refusal::Unsuitable => {
                    (StatusCode::UNPROCESSABLE_ENTITY, "unsuitable-sync", "Unsuitable sync", None)
                }
                Refusal::NoPreview => (StatusCode::CONFLICT, "no-preview", "No preview", None),
                Refusal::ProjectExists => (StatusCode::CONFLICT, "project-exists", "Project exists", None),
            },
            Error::Unreadable { sync, error } => {
                tracing::error!(sync, error, "the stored document cannot be read");
                (StatusCode::CONFLICT, "unreadable-sync", "Unreadable sync", None)
            }
            Error::Invalid(text) if text.starts_with("filter: ") => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid-filter", "Invalid filter", Some("q"))
            }
            Error::Forbidden { .. } => (StatusCode::FORBIDDEN, "missing-scope", "Missing scope", None),
            Error::Invalid(_) | Error::Several(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", None)
            }
            Error::Document { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid-document", "Invalid document", None)
            }
            Error::Database(_) | Error::Queue(_) => {
                return match error {
                    Error::Database(error) => error.into(),
                    Error::Queue(error) => error.into(),
                    other => Self::internal(&other),
                };
            }
        };
        let findings = match &error {
            Error::Document { findings, .. } => findings.clone(),
            _ => Vec::new(),
        };
        let texts = match &error {
            Error::Several(all) => all.clone(),
            other => vec![other.to_string()],
        };
        let detail = match error {
            Error::Unreadable { sync, .. } => {
                format!("This version cannot read the stored document of the sync {sync:?}; apply it again")
            }
            other => other.to_string(),
        };
        let mut problem = Self::new(status, kind, title, &*detail);
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        problem.errors.extend(errors.map(|finding| {
            FieldError::at(&pointer(&finding.path), "invalid-value", finding.message.as_str())
        }));
        match field {
            Some(field) => problem.with_field(field, detail),
            None => {
                let keys = texts.iter().filter_map(|text| named(text));
                problem.errors.extend(keys.filter(|_| kind == "invalid-body"));
                problem
            }
        }
    }
}

/// The error of the key that a text begins with, as in `secret.env: why`.
fn named(text: &str) -> Option<FieldError> {
    let (key, why) = text.split_once(": ")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || b"_.".contains(&byte);
    let is_key = !key.is_empty() && key.bytes().all(plain);
    is_key.then(|| FieldError::at(&pointer(key), "invalid-value", why))
}

/// True if the same statement could succeed later.
fn is_outage(error: &DbErr) -> bool {
    let cause = match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return true,
        DbErr::Query(RuntimeErr::SqlxError(cause)) | DbErr::Exec(RuntimeErr::SqlxError(cause)) => cause,
        _ => return false,
    };
    match &**cause {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| may_pass(&code)),
        _ => false,
    }
}

/// True for SQLSTATE classes of connections, resources, shutdowns, serialization and deadlocks, and for SQLite's busy
/// and locked.
fn may_pass(code: &str) -> bool {
    let sqlstate = code.len() == 5 && ["08", "40", "53", "57"].contains(&&code[..2]);
    let sqlite = code.len() < 5 && code.parse::<u32>().is_ok_and(|code| [5, 6].contains(&(code & 0xFF)));
    sqlstate || sqlite
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_databases_words_stay_in_the_log() {
        let error = DbErr::Custom("relation \"secrets\" does not exist".to_owned());
        let problem = Problem::from(error);
        let text = serde_json::to_string(&problem).unwrap();
        assert!(!text.contains("secrets"), "{text}");
        let id = problem.instance.expect("an id");
        assert!(problem.detail.contains(&id.to_string()));
        assert!(text.contains(&format!("\"urn:uuid:{id}\"")), "{text}");
        assert_eq!(problem.status, 500);
    }

    #[test]
    fn an_outage_may_pass_and_an_error_does_not() {
        assert!(may_pass("08006") && may_pass("57P01") && may_pass("5") && may_pass("261"));
        assert!(!may_pass("42P01") && !may_pass("23505") && !may_pass("1"));
        let busy = DbErr::Query(RuntimeErr::SqlxError(sqlx::Error::PoolTimedOut.into()));
        let problem = Problem::from(syncline_queue::Error::from(busy));
        assert_eq!((problem.status, problem.retry_after), (503, Some(OUTAGE_RETRY)));
    }
}
