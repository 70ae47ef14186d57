//! Documents in bodies: JSON, or YAML.

use std::borrow::Cow;

use axum::{
    extract::{FromRequest, Request},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use serde_json::{Value, json};
use syncline_service::yaml;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, Type},
    },
};

use crate::{
    extract::whole,
    json::{DEEPEST, object},
    problem::Problem,
};

/// The schema of a document; `syncline schema` says what its keys are.
pub(crate) struct SyncDocument;

/// The schema of a merge patch of a document.
pub(crate) struct SyncPatch;

fn object_like(told: &str, example: Value) -> RefOr<Schema> {
    let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(told)).examples([example]);
    RefOr::T(object.build().into())
}

impl PartialSchema for SyncDocument {
    fn schema() -> RefOr<Schema> {
        let example = json!({
            "name": "tasks", "source_platform": "csv", "source": { "path": "/data/tasks.csv", "key": "id" },
            "target_platform": "sql", "target": { "url": { "env": "TASKS_URL" }, "table": "tasks" },
            "entity_type": "task", "field_mappings": [{ "source_field": "title", "target_field": "title" }],
        });
        object_like("The document of a sync, as `syncline schema` describes it.", example)
    }
}

impl ToSchema for SyncDocument {
    fn name() -> Cow<'static, str> {
        "SyncDocument".into()
    }
}

impl PartialSchema for SyncPatch {
    fn schema() -> RefOr<Schema> {
        let example = json!({ "sync_interval": 60, "delete_guard": { "max_count": 5 }, "timezone": null });
        object_like("What is to be another value in the document; null removes a key.", example)
    }
}

impl ToSchema for SyncPatch {
    fn name() -> Cow<'static, str> {
        "SyncPatch".into()
    }
}

/// One document: a JSON object, or YAML.
#[derive(Debug)]
pub(crate) struct OneDocument(pub(crate) Value);

/// Documents in YAML, or one as a JSON object.
#[derive(Debug)]
pub(crate) struct Documents(pub(crate) Vec<Value>);

impl<S: Send + Sync> FromRequest<S> for OneDocument {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let mut documents = read(request).await?;
        match (documents.pop(), documents.is_empty()) {
            (Some(document), true) if document.is_object() => Ok(Self(document)),
            (Some(_), true) => Err(invalid("The document must have keys and values")),
            _ => Err(invalid("The body must be one document; several go to /api/v1/sync/configs.yaml")),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Documents {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let documents = read(request).await?;
        if documents.is_empty() { Err(invalid("The body holds no document")) } else { Ok(Self(documents)) }
    }
}

async fn read(request: Request) -> Result<Vec<Value>, Problem> {
    let (parts, body) = request.into_parts();
    let form = form(&parts.headers);
    if parts.headers.contains_key(CONTENT_ENCODING) || form.is_none() {
        let detail = "The body must be JSON or YAML, and not compressed: send it with the header content-type: \
                      application/json or application/yaml";
        let (kind, title) = ("unsupported-media-type", "Unsupported media type");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, kind, title, detail));
    }
    let bytes = whole(&parts.headers, body).await?;
    if form == Some(Form::Json) {
        return Ok(vec![object(&bytes)?]);
    }
    let text = String::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8"))?;
    if text.contains('\0') {
        return Err(invalid("A text contains the character NUL, which cannot be stored"));
    }
    let documents = yaml::documents(&text).map_err(|error| malformed(&error.to_string()))?;
    match documents.iter().all(|document| is_shallow(document, DEEPEST)) {
        true => Ok(documents),
        false => Err(malformed(&format!("it is nested more than {DEEPEST} deep"))),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Yaml,
}

fn form(headers: &HeaderMap) -> Option<Form> {
    let given = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" | "application/merge-patch+json" => Some(Form::Json),
        "application/yaml" | "application/x-yaml" | "text/yaml" => Some(Form::Yaml),
        _ => None,
    }
}

fn is_shallow(value: &Value, left: usize) -> bool {
    let mut inside: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(values) => Box::new(values.iter()),
        Value::Object(map) => Box::new(map.values()),
        _ => return true,
    };
    left > 0 && inside.all(|value| is_shallow(value, left - 1))
}

fn malformed(why: &str) -> Problem {
    let detail = format!("The body cannot be read: {why}");
    Problem::new(StatusCode::BAD_REQUEST, "malformed-yaml", "Malformed YAML", detail)
}

fn invalid(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", detail)
}
