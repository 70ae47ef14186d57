//! The table of routes: each handler with what it needs of its caller. The routes are guarded, and described in the
//! document, by the same entries.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::UtoipaMethodRouter;

use crate::{
    access::{Need, admit},
    deprecation::Deprecation,
    document,
    repeat::once,
    router::in_time,
    state::ApiState,
};

/// Routes that are guarded by what they need.
#[derive(Default)]
pub(crate) struct Table(Vec<Entry>);

struct Entry {
    need: Need,
    deprecation: Option<Deprecation>,
    routes: UtoipaMethodRouter<ApiState>,
}

impl Table {
    /// Adds a handler, as `routes!(handler)`; its path and method stand in its `#[utoipa::path]`.
    pub(crate) fn add(mut self, need: Need, routes: UtoipaMethodRouter<ApiState>) -> Table {
        self.0.push(Entry { need, deprecation: None, routes });
        self
    }

    /// Adds a handler that will be removed.
    // The first route that is to go uses it; until then tests alone do.
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) fn add_deprecated(
        mut self,
        need: Need,
        deprecation: Deprecation,
        routes: UtoipaMethodRouter<ApiState>,
    ) -> Table {
        self.0.push(Entry { need, deprecation: Some(deprecation), routes });
        self
    }

    /// Both tables.
    pub(crate) fn and(mut self, other: Table) -> Table {
        self.0.extend(other.0);
        self
    }

    /// The routes, guarded.
    pub(crate) fn router(self, api: &ApiState) -> Router<ApiState> {
        let open_here = api.gate.is_local();
        self.0.into_iter().fold(Router::new(), |router, entry| {
            let open = entry.need.open_here && open_here;
            guarded(router, entry, (!open).then_some(api))
        })
    }

    /// The routes for everyone, for a listener that only machines reach.
    pub(crate) fn open_router(self) -> Router<ApiState> {
        self.0.into_iter().fold(Router::new(), |router, entry| guarded(router, entry, None))
    }

    /// What the routes are.
    pub(crate) fn document(self) -> OpenApi {
        let mut document = document::empty();
        for Entry { need, deprecation, routes: (schemas, paths, _) } in self.0 {
            document::add(&mut document, schemas, paths, need, deprecation.as_ref());
        }
        document
    }
}

/// Adds an entry to a router; without a state it is open.
fn guarded(router: Router<ApiState>, entry: Entry, api: Option<&ApiState>) -> Router<ApiState> {
    let Entry { need, deprecation, routes: (_, paths, mut routes) } = entry;
    if let Some(api) = api {
        routes = routes
            .route_layer(from_fn_with_state(api.clone(), once))
            .route_layer(from_fn_with_state((api.clone(), need), admit));
    }
    routes = routes.route_layer(from_fn_with_state(need.within, in_time));
    if let Some(deprecation) = deprecation {
        routes = routes.route_layer(from_fn_with_state(deprecation, announce));
    }
    paths.paths.into_keys().fold(router, |router, path| router.route(&path, routes.clone()))
}

async fn announce(State(deprecation): State<Deprecation>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().extend(deprecation.headers());
    response
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, http::StatusCode};
    use chrono::NaiveDate;
    use syncline_service::Scope;
    use tower::ServiceExt;
    use utoipa_axum::routes;

    use super::*;

    /// Tell something old
    #[utoipa::path(get, path = "/old", operation_id = "old", responses((status = 200, description = "Old.")))]
    async fn old() -> StatusCode {
        StatusCode::OK
    }

    fn marked() -> Table {
        let day = |month| NaiveDate::from_ymd_opt(2027, month, 1).unwrap();
        let deprecation = Deprecation { since: day(1), until: day(7), instead: "/new" };
        Table::default().add_deprecated(Need::of(Scope::Read), deprecation, routes!(old))
    }

    #[test]
    fn a_marked_route_is_marked_in_the_document() {
        let document = serde_json::to_value(marked().document()).unwrap();
        let operation = &document["paths"]["/old"]["get"];
        assert_eq!(operation["deprecated"], true);
        let told = operation["description"].as_str().unwrap();
        assert_eq!(told, "Deprecated since 2027-01-01, and gone from 2027-07-01 on. Use /new.");
        assert!(operation["responses"]["200"]["headers"]["Sunset"].is_object(), "{operation}");
    }

    #[test]
    fn each_schema_has_a_name_of_its_own() {
        let mut named = std::collections::BTreeMap::new();
        for entry in crate::routes::ops().and(crate::routes::api()).0 {
            for (name, schema) in entry.routes.0 {
                let first = named.entry(name.clone()).or_insert_with(|| schema.clone());
                assert!(*first == schema, "two types are {name} in the document; rename one of them");
            }
        }
    }

    #[tokio::test]
    async fn a_marked_route_says_so_in_every_answer() {
        for (path, status) in [("/old", 200), ("/new", 404)] {
            let router: Router = marked().open_router().with_state(ApiState::nowhere());
            let request = axum::http::Request::get(path).body(Body::empty()).unwrap();
            let response = router.oneshot(request).await.unwrap();
            assert_eq!(response.status(), status);
            let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
            let marked = status == 200;
            assert_eq!(header("deprecation"), marked.then_some("@1798761600"));
            assert_eq!(header("sunset"), marked.then_some("Thu, 01 Jul 2027 00:00:00 GMT"));
            assert_eq!(header("link"), marked.then_some("</new>; rel=\"successor-version\""));
        }
    }
}
