//! The table of routes: each with what it needs of its caller, and its line in the index.

use axum::{
    Router,
    handler::Handler,
    http::Method,
    middleware::from_fn_with_state,
    routing::{MethodFilter, get, on},
};
use serde::Serialize;
use syncline_service::Scope;

use crate::{
    access::{Need, admit},
    repeat::once,
    router::in_time,
    routes::index,
    state::ApiState,
};

/// A route, as the index lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path; `{...}` marks a parameter.
    pub path: &'static str,
    /// The scope that a token needs for it.
    pub scope: Scope,
    /// True if it is about all projects, and so not for a token of one.
    pub all_projects: bool,
    pub summary: &'static str,
}

/// Routes that are guarded by what they need. There is no way to add one that is open.
#[derive(Debug)]
pub(crate) struct Table {
    api: ApiState,
    router: Router<ApiState>,
    routes: Vec<Route>,
}

impl Table {
    pub(crate) fn new(api: &ApiState) -> Table {
        Table { api: api.clone(), router: Router::new(), routes: Vec::new() }
    }

    pub(crate) fn get<H, T>(self, need: Need, path: &'static str, summary: &'static str, handler: H) -> Table
    where
        H: Handler<T, ApiState>,
        T: 'static,
    {
        self.on(MethodFilter::GET, Method::GET, need, (path, summary), handler)
    }

    pub(crate) fn post<H, T>(self, need: Need, path: &'static str, summary: &'static str, handler: H) -> Table
    where
        H: Handler<T, ApiState>,
        T: 'static,
    {
        self.on(MethodFilter::POST, Method::POST, need, (path, summary), handler)
    }

    pub(crate) fn delete<H, T>(
        self,
        need: Need,
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Table
    where
        H: Handler<T, ApiState>,
        T: 'static,
    {
        self.on(MethodFilter::DELETE, Method::DELETE, need, (path, summary), handler)
    }

    fn on<H, T>(
        mut self,
        filter: MethodFilter,
        method: Method,
        need: Need,
        (path, summary): (&'static str, &'static str),
        handler: H,
    ) -> Table
    where
        H: Handler<T, ApiState>,
        T: 'static,
    {
        let route = on(filter, handler)
            .route_layer(from_fn_with_state(self.api.clone(), once))
            .route_layer(from_fn_with_state((self.api.clone(), need), admit))
            .route_layer(from_fn_with_state(need.within, in_time));
        self.router = self.router.route(path, route);
        let Need { scope, all_projects, .. } = need;
        self.routes.push(Route { method: name(&method), path, scope, all_projects, summary });
        self
    }

    /// Adds a route that lists all of these routes, itself among them.
    pub(crate) fn with_index(
        mut self,
        need: Need,
        path: &'static str,
        summary: &'static str,
    ) -> Router<ApiState> {
        let Need { scope, all_projects, .. } = need;
        self.routes.push(Route { method: "GET", path, scope, all_projects, summary });
        self.routes.sort_by_key(|route| (route.path, route.method));
        let admission = from_fn_with_state((self.api.clone(), need), admit);
        let listed =
            get(index::index).route_layer(admission).layer(axum::Extension(index::Routes::from(self.routes)));
        self.router.route(path, listed)
    }

    pub(crate) fn into_router(self) -> Router<ApiState> {
        self.router
    }
}

fn name(method: &Method) -> &'static str {
    match *method {
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "GET",
    }
}
