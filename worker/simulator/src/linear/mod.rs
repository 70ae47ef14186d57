//! Linear's GraphQL API for issues.
//!
//! Documented facts are fixed here; each fact that varies or may change has a switch in [`behaviour`]. The served part
//! of the schema is in `schema.graphql`; a document is validated against it before it is executed.

mod access;
mod behaviour;
mod change;
mod control;
mod error;
mod id;
mod limits;
mod markdown;
mod oauth;
mod page;
mod read;
mod run;
mod scalars;
mod seed;
mod served;
mod state;
mod types;
mod write;

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value};

use self::{
    access::Viewer,
    error::{Failure, Kind},
    limits::{Resource, Rules},
    served::SCHEMA,
    state::State,
};
use crate::{
    fault::Limit,
    graphql::{self, Document},
    http::{Call, Reply},
    platform::{Canned, Delivery, Platform, Scene},
    settings::Limits,
};

/// The most cached parsed documents. Clients send the same few repeatedly.
const KEPT: usize = 256;

/// A simulated Linear.
pub(crate) struct Linear {
    state: State,
    documents: HashMap<String, Arc<Document>>,
}

impl Linear {
    pub(crate) fn new(seed: u64) -> Linear {
        Linear { state: State::new(seed), documents: HashMap::new() }
    }

    /// `POST /graphql`.
    fn graphql(&mut self, call: &Call, scene: &Scene) -> Reply {
        let viewer = match access::viewer(&self.state, call, scene.now) {
            Ok(viewer) => viewer,
            Err((status, failure)) => return failure.reply(status),
        };
        let mut complexity = None;
        let reply = self.as_viewer(call, scene, &viewer, &mut complexity);
        let reply = match complexity {
            Some(points) => reply.with("x-complexity", points.to_string()),
            None => reply,
        };
        let rules = Rules { limits: scene.limits, behaviour: &self.state.behaviour, now: scene.now };
        // By the simulator's clock, like the times of issues.
        let now = chrono::DateTime::from_timestamp_millis(scene.now).unwrap_or_default();
        let reply = reply.with("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        self.state.budgets.stamp(reply, &viewer, &rules)
    }

    fn as_viewer(
        &mut self,
        call: &Call,
        scene: &Scene,
        viewer: &Viewer,
        complexity: &mut Option<u64>,
    ) -> Reply {
        let bad = |message: &str| Failure::new(Kind::GraphQl("BAD_REQUEST"), message).reply(400);
        let json = call.header("content-type").is_some_and(|media| media.contains("json"));
        let body = match call.json() {
            Ok(Value::Object(body)) if json => body,
            _ => return bad("POST body missing, invalid Content-Type, or JSON object has no keys."),
        };
        let Some(text) = body.get("query").and_then(Value::as_str) else {
            return bad(
                "GraphQL operations must contain a non-empty `query` or a `persistedQuery` extension.",
            );
        };
        let variables = match body.get("variables") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(variables)) => variables.clone(),
            Some(_) => return bad("`variables` in a POST body must be an object if provided."),
        };
        let document = match self.document(text) {
            Ok(document) => document,
            Err(error) => return error::syntax(&error),
        };
        let name = body.get("operationName").and_then(Value::as_str);
        let scalars = scalars::Reader { now: scene.now };
        let plan = match graphql::plan(&document, name, &variables, &SCHEMA, &scalars) {
            Ok(plan) => plan,
            Err(problems) => return error::problems(&problems),
        };
        let points = limits::complexity(&SCHEMA, &plan.fields);
        *complexity = Some(points);
        let most = self.state.behaviour.max_complexity;
        if points > most {
            let told = format!("The complexity of the query is {points}, and the maximum is {most}.");
            return Failure::input("Query too complex", told).reply(400);
        }
        let behaviour = self.state.behaviour.clone();
        let rules = Rules { limits: scene.limits, behaviour: &behaviour, now: scene.now };
        if let Err(exceeded) = self.state.budgets.charge(viewer, points, &plan.fields, &rules) {
            return limits::refuse(&exceeded, None, &rules);
        }
        let outcome = run::run(&mut self.state, viewer, &plan, scene.limits, scene.now);
        let status = if outcome.failed { behaviour.error_status } else { 200 };
        Reply::raw_json(status, outcome.body)
    }

    fn document(&mut self, text: &str) -> Result<Arc<Document>, graphql::SyntaxError> {
        if let Some(document) = self.documents.get(text) {
            return Ok(Arc::clone(document));
        }
        let document = Arc::new(graphql::document(text)?);
        if self.documents.len() >= KEPT {
            self.documents.clear();
        }
        self.documents.insert(text.to_owned(), Arc::clone(&document));
        Ok(document)
    }
}

impl Platform for Linear {
    fn prefix(&self) -> &'static str {
        "linear"
    }

    fn answer(&mut self, call: &Call, scene: &Scene) -> Reply {
        if self.state.root != call.root {
            self.state.root.clone_from(&call.root);
        }
        self.state.empty_trash(scene.now);
        let parts = call.parts();
        let reply = match (call.method.as_str(), parts.as_slice()) {
            ("POST", ["graphql"]) => self.graphql(call, scene),
            (_, ["graphql"]) => Reply::text(405, "text/plain; charset=utf-8", "Only POST is allowed here")
                .with("allow", "POST"),
            ("POST", ["oauth", "token"]) => oauth::token(&mut self.state, call, scene.now),
            ("POST", ["oauth", "revoke"]) => oauth::revoke(&mut self.state, call),
            _ => Reply::text(404, "text/plain; charset=utf-8", "Not found"),
        };
        let id = format!("{:016x}", self.state.random.next());
        reply.with("x-request-id", id).with("cache-control", "no-store")
    }

    fn canned(&mut self, call: &Call, scene: &Scene, canned: &Canned) -> Reply {
        // Only a server with limits refuses because of one.
        let limits = if matches!(canned, Canned::Limited { .. }) { Limits::Real } else { scene.limits };
        let rules = Rules { limits, behaviour: &self.state.behaviour, now: scene.now };
        let viewer = access::viewer(&self.state, call, scene.now).ok();
        let stamped = |reply: Reply| match &viewer {
            Some(viewer) => self.state.budgets.stamp(reply, viewer, &rules),
            None => reply,
        };
        match canned {
            Canned::Status(status) => stamped(usual(*status)),
            Canned::Limited { limit: Limit::Primary, status } => {
                let limit = viewer.as_ref().map_or(rules.behaviour.key_requests, |viewer| {
                    rules.limit(viewer.kind, Resource::Requests)
                });
                let budget = limits::Budget { limit, remaining: 0, reset: scene.now + 3_600_000 };
                let exceeded = limits::beyond(Resource::Requests, &budget, 1);
                let mut reply = stamped(limits::refuse(&exceeded, *status, &rules));
                let reset =
                    if rules.behaviour.reset_in_seconds { budget.reset / 1_000 } else { budget.reset };
                for (name, value) in &mut reply.headers {
                    match *name {
                        "x-ratelimit-requests-remaining" => *value = "0".to_owned(),
                        "x-ratelimit-requests-reset" => *value = reset.to_string(),
                        _ => {}
                    }
                }
                reply
            }
            Canned::Limited { limit: Limit::Secondary, status } => {
                let exceeded = limits::beyond_endpoint(&endpoint(call), 10, 60, scene.now + 60_000);
                stamped(limits::refuse(&exceeded, *status, &rules))
            }
        }
    }

    fn control(&mut self, call: &Call, scene: &Scene) -> Reply {
        control::answer(&mut self.state, call, scene)
    }

    fn example(&mut self, items: usize, scene: &Scene) -> Value {
        seed::example(&mut self.state, items, scene.now)
    }

    fn state(&self) -> Value {
        control::show::state(&self.state)
    }

    fn page(&mut self, call: &Call, scene: &Scene) -> Reply {
        page::answer(&mut self.state, call, scene)
    }

    fn deliveries(&mut self) -> Vec<Delivery> {
        Vec::new()
    }

    fn another_id(&mut self, delivery: &Delivery) -> Delivery {
        delivery.clone()
    }
}

/// Returns the name of the first field of a request, which may have its own limit.
fn endpoint(call: &Call) -> String {
    let body = call.json().unwrap_or_default();
    let document = graphql::document(body["query"].as_str().unwrap_or_default()).unwrap_or_default();
    let first = document.operations.first().and_then(|operation| operation.selection.first());
    match first {
        Some(graphql::Selection::Field(field)) => field.name.clone(),
        _ => "graphql".to_owned(),
    }
}

/// Returns the error that Linear sends with a status.
fn usual(status: u16) -> Reply {
    let failure = match status {
        401 => Failure::unauthenticated(),
        403 => Failure::new(Kind::Forbidden, "You don't have permission to access this resource"),
        429 => Failure::new(Kind::RateLimited, "Rate limit exceeded"),
        503 => Failure::new(Kind::LockTimeout, "Lock timeout"),
        400..=499 => Failure::input("Invalid input", "The input is invalid."),
        _ => Failure::new(Kind::Internal, "Internal server error"),
    };
    failure.reply(status)
}
