//! `GET /api/v1`: where to read on. `GET /openapi.json`: the document of the API.

use std::sync::{Arc, OnceLock};

use axum::{
    Extension, Json,
    body::Bytes,
    extract::State,
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{problem::Problem, routes, state::ApiState};

/// What this is, and where it is described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "name": "syncline", "version": "1.2.3", "role": "up", "openapi": "/openapi.json", "docs": "/docs/" })))]
pub struct Index {
    #[schema(value_type = String)]
    pub name: &'static str,
    /// The version of the binary.
    #[schema(value_type = String)]
    pub version: &'static str,
    /// The role of the process: api, worker or up.
    #[schema(value_type = String)]
    pub role: &'static str,
    /// The path of the OpenAPI document, which lists the routes.
    pub openapi: String,
    /// The path of the same for people; none if it is switched off.
    pub docs: Option<String>,
}

/// Tell what this is, and where the routes are described
#[utoipa::path(
    get,
    path = "/api/v1",
    operation_id = "show_index",
    tag = "document",
    responses((status = 200, description = "Where to read on.", body = Index)),
)]
pub(crate) async fn index(State(api): State<ApiState>) -> Json<Index> {
    let prefix = api.hosts.prefix();
    Json(Index {
        name: "syncline",
        version: api.version,
        role: api.role,
        openapi: format!("{prefix}/openapi.json"),
        docs: api.docs.then(|| format!("{prefix}/docs/")),
    })
}

/// The document of a server, made when it is first asked for.
pub(crate) type Document = Arc<OnceLock<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Show this document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "show_document",
    tag = "document",
    responses((status = 200, description = "The document, OpenAPI 3.1.", body = serde_json::Value)),
)]
pub(crate) async fn document(
    State(api): State<ApiState>,
    Extension(document): Extension<Document>,
) -> Result<([(HeaderName, HeaderValue); 1], Bytes), Problem> {
    let bytes = match document.get() {
        Some(bytes) => bytes.clone(),
        None => {
            let made = routes::document(api.version, api.hosts.prefix()).to_json();
            let made = made.map_err(|error| Problem::internal(&error))?;
            document.get_or_init(|| made.into()).clone()
        }
    };
    Ok(([(CONTENT_TYPE, JSON)], bytes))
}
