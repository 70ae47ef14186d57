//! `GET /api/v1`: the index of routes.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde::Serialize;

use crate::state::ApiState;
pub use crate::table::Route;

/// The response of `/api/v1`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Index {
    pub name: &'static str,
    /// The version of the binary.
    pub version: &'static str,
    /// The role of the process: api, worker or up.
    pub role: &'static str,
    #[serde(serialize_with = "all")]
    pub routes: Routes,
}

/// Routes by path and method.
pub(crate) type Routes = Arc<[Route]>;

fn all<S: serde::Serializer>(routes: &Routes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(routes.iter())
}

pub(crate) async fn index(State(api): State<ApiState>, Extension(routes): Extension<Routes>) -> Json<Index> {
    Json(Index { name: "syncline", version: api.version, role: api.role, routes })
}
