//! Jira Cloud's REST API, version 3, for issues.
//!
//! Documented facts are fixed here; each fact that varies or may change has a switch in [`behaviour`].

mod access;
mod adf;
mod base64;
mod behaviour;
mod change;
mod changelog;
mod control;
mod error;
mod find;
mod index;
mod input;
mod issues;
mod jql;
mod kind;
mod limits;
mod meta;
mod oauth;
mod page;
mod projects;
mod properties;
mod render;
mod render_site;
mod routes;
mod search;
mod seed;
mod site;
mod state;
mod time;
mod transitions;
mod types;
mod users;
mod values;
mod visit;

use serde_json::{Value, json};

use self::{
    access::{FAILED, Viewer},
    error::Refusal,
    limits::{Cost, Reason},
    routes::Scope,
    state::State,
    visit::Visit,
};
use crate::{
    fault::Limit,
    http::{Call, Reply},
    platform::{Canned, Delivery, Platform, Scene},
    settings::Limits,
};

/// A simulated Jira site.
pub(crate) struct Jira {
    state: State,
}

/// Data about a request, collected while it is handled.
#[derive(Default)]
struct Seen<'a> {
    viewer: Viewer,
    cost: Option<Cost<'a>>,
}

impl Jira {
    pub(crate) fn new(seed: u64) -> Jira {
        Jira { state: State::new(seed) }
    }

    /// Handles a request. Stores in `seen` what the headers need.
    fn pass<'a>(&mut self, call: &'a Call, scene: &Scene, seen: &mut Seen<'a>) -> Result<Reply, Refusal> {
        if let Some(answer) = oauth::answer(&mut self.state, call, scene.now) {
            return answer;
        }
        let (viewer, inner) = access::viewer(&self.state, call, scene.now)?;
        seen.viewer = viewer.clone();
        let parts = inner.parts();
        let ["rest", "api", "3" | "latest", rest @ ..] = parts.as_slice() else {
            return Err(Refusal::new(404, "null for uri: ".to_owned() + &inner.path));
        };
        let (route, args) = routes::find(&inner.method, rest).map_err(|other| {
            if other { Refusal::new(405, "Method Not Allowed") } else { Refusal::with_body(404, dead_link()) }
        })?;
        allowed(&viewer, route.scope)?;
        if call.body.len() > self.state.behaviour.body_limit {
            return Err(Refusal::new(413, "The request entity is too large."));
        }
        let writes = route.scope == Scope::Write && route.pattern.starts_with("issue/{}");
        let cost = Cost {
            method: route.method,
            pattern: route.pattern,
            oauth: viewer.oauth,
            issue: args.first().filter(|_| writes).and_then(|name| self.state.issue_id(name)),
            path: &call.path,
        };
        seen.cost = Some(cost);
        let behaviour = &self.state.behaviour;
        self.state.meters.charge(cost, scene.limits, behaviour, scene.now)?;
        let gateway = call.path.len() - inner.path.len();
        let base = format!("{}/jira{}", call.root, &call.path[..gateway]);
        let visit = Visit { call: &inner, viewer, now: scene.now, args, base };
        let reply = (route.run)(&mut self.state, &visit)?;
        if cost.oauth && ["search/jql", "issue/bulkfetch"].contains(&route.pattern) {
            let found = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
            let results = found["issues"].as_array().map_or(0, Vec::len);
            self.state.meters.add_points(results as u64, scene.now);
        }
        Ok(reply)
    }

    /// Adds the common headers of all responses.
    fn stamped(&mut self, mut reply: Reply, scene: &Scene, seen: &Seen<'_>) -> Reply {
        let failed = seen.viewer.failed && reply.header(FAILED.0).is_none();
        if failed {
            reply = reply.with(FAILED.0, FAILED.1);
        }
        if let Some(user) = &seen.viewer.user {
            let id = percent_encoding::utf8_percent_encode(user, percent_encoding::NON_ALPHANUMERIC);
            reply = reply.with("x-aaccountid", id.to_string());
        }
        if let Some(cost) = seen.cost.filter(|_| scene.limits == Limits::Real) {
            let behaviour = &self.state.behaviour;
            reply = self.state.meters.stamp(reply, cost, behaviour, scene.now);
        }
        let (one, two) = (self.state.random.next(), self.state.random.next());
        let date = chrono::DateTime::from_timestamp_millis(scene.now).unwrap_or_default();
        reply
            .with("date", date.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .with("x-arequestid", format!("{one:016x}{two:016x}"))
            .with("atl-traceid", format!("{two:016x}{one:016x}"))
            .with("vary", "Accept-Encoding")
            .with("cache-control", "no-cache, no-store, no-transform")
            .with("server", "AtlassianEdge")
    }
}

/// Returns the body of an unknown path.
fn dead_link() -> Value {
    json!({ "errorMessages": ["Oops, you've found a dead link."], "errors": {} })
}

/// Refuses a request that the scopes of a token do not cover.
fn allowed(viewer: &Viewer, scope: Scope) -> Result<(), Refusal> {
    let Some(has) = &viewer.scopes else { return Ok(()) };
    let needed = scope.names();
    if needed.is_empty() || needed.iter().any(|name| has.iter().any(|has| has == name)) {
        return Ok(());
    }
    Err(Refusal::gateway(401, "Unauthorized; scope does not match"))
}

impl Platform for Jira {
    fn prefix(&self) -> &'static str {
        "jira"
    }

    fn answer(&mut self, call: &Call, scene: &Scene) -> Reply {
        let mut seen = Seen::default();
        let result = self.pass(call, scene, &mut seen);
        let reply = result.unwrap_or_else(Refusal::reply);
        self.stamped(reply, scene, &seen)
    }

    fn canned(&mut self, call: &Call, scene: &Scene, canned: &Canned) -> Reply {
        let viewer =
            access::viewer(&self.state, call, scene.now).map(|(viewer, _)| viewer).unwrap_or_default();
        let behaviour = &self.state.behaviour;
        let mut refusal = match canned {
            Canned::Status(status) => usual(*status),
            Canned::Limited { limit: Limit::Primary, .. } => {
                let reset = (scene.now / 3_600_000 + 1) * 3_600_000;
                let wait = (reset - scene.now + 999) / 1_000;
                limits::refusal(Reason::QuotaGlobal, behaviour.quota_points, (reset, Some(wait)), behaviour)
            }
            Canned::Limited { limit: Limit::Secondary, .. } => limits::refusal(
                Reason::Burst,
                behaviour.burst_reads as u64,
                (scene.now + 1_000, Some(1)),
                behaviour,
            ),
        };
        if let Canned::Limited { status: Some(status), .. } = canned {
            refusal.status = *status;
        }
        self.stamped(refusal.reply(), scene, &Seen { viewer, cost: None })
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

    /// Webhooks are not simulated.
    fn deliveries(&mut self) -> Vec<Delivery> {
        Vec::new()
    }

    fn another_id(&mut self, delivery: &Delivery) -> Delivery {
        delivery.clone()
    }
}

/// Returns the error that Jira sends with a status.
fn usual(status: u16) -> Refusal {
    match status {
        401 => Refusal::not_signed_in(),
        404 => Refusal::no_issue(),
        403 => Refusal::new(403, "You do not have permission to perform this operation."),
        409 => Refusal::new(409, "The issue was changed by another request at the same time."),
        410 => Refusal::new(410, "The requested API has been removed."),
        413 => Refusal::new(413, "The request entity is too large."),
        status if status >= 500 => Refusal::new(status, "Internal server error"),
        status => Refusal::new(status, "The request could not be processed."),
    }
}
