//! GitHub's REST API for issues, and the part of GraphQL that REST lacks.
//!
//! Documented facts are fixed here; each fact that varies or may change has a switch in [`behaviour`].

mod access;
mod behaviour;
mod body;
mod change;
mod control;
mod draft;
mod error;
mod fields;
mod graphql;
mod hooks;
mod issues;
mod labels;
mod limits;
mod list;
mod milestones;
mod page;
mod paging;
mod render;
mod render_repo;
mod repos;
mod routes;
mod search;
mod seed;
mod state;
mod sub_issues;
mod transfer;
mod types;
mod users;
mod version;
mod visit;

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use self::{
    access::Viewer,
    error::Refusal,
    limits::{Resource, Rules, Text},
    state::State,
    version::Version,
    visit::Visit,
};
use crate::{
    fault::Limit,
    http::{Call, Reply},
    platform::{Canned, Delivery, Platform, Scene},
    settings::Limits,
};

/// The documentation page of errors without a route.
const DOCS: &str = "https://docs.github.com/rest";

const NO_AGENT: &str = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header \
                        (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). Check \
                        https://developer.github.com for other possible causes.\n";

/// A simulated GitHub.
pub(crate) struct GitHub {
    state: State,
}

/// Data about a request, collected while it is handled.
#[derive(Default)]
struct Seen {
    version: Option<Version>,
    viewer: Viewer,
    resource: Option<Resource>,
    /// The documentation page of the route.
    docs: Option<String>,
}

impl GitHub {
    pub(crate) fn new(seed: u64) -> GitHub {
        GitHub { state: State::new(seed) }
    }

    /// Handles a request. Stores in `seen` what the headers need.
    fn pass(&mut self, call: &Call, scene: &Scene, seen: &mut Seen) -> Result<Reply, Refusal> {
        let version = Version::of(call)?;
        seen.version = Some(version);
        seen.viewer = access::viewer(&self.state, call, scene.now)?;
        let account = seen.viewer.account.unwrap_or(0);
        let found = routes::find(call);
        let behaviour = self.state.behaviour.clone();
        let rules = Rules { limits: scene.limits, behaviour: &behaviour, now: scene.now };
        let Some((route, args, rest)) = found else {
            return Err(Refusal::not_found());
        };
        seen.docs = Some(route.docs());
        let cost = route.cost();
        seen.resource = Some(cost.resource);
        if let Err(refusal) = self.state.budgets.charge(account, cost, scene.concurrent, &rules) {
            let budget = self.state.budgets.budget(account, cost.resource, &rules);
            if cost.resource == Resource::GraphQl && budget.remaining() == 0 {
                return Ok(graphql::limited(&refusal.message));
            }
            return Err(refusal);
        }
        let visit = Visit {
            call,
            viewer: seen.viewer.clone(),
            version,
            now: scene.now,
            limits: scene.limits,
            args,
            rest,
        };
        let reply = (route.run)(&mut self.state, &visit)?;
        if call.method != "GET" || reply.status != 200 {
            return Ok(reply);
        }
        let etag = etag(call, &reply.body);
        if unchanged(call, &reply, &etag) {
            if cost.counts {
                self.state.budgets.refund(account, cost.resource, scene.now);
            }
            return Ok(Reply::empty(304).with("etag", etag));
        }
        Ok(reply.with("etag", etag))
    }

    /// Adds the common headers of all responses.
    fn stamped(&mut self, mut reply: Reply, scene: &Scene, seen: &Seen) -> Reply {
        let behaviour = self.state.behaviour.clone();
        let rules = Rules { limits: scene.limits, behaviour: &behaviour, now: scene.now };
        let resource = seen.resource.unwrap_or(Resource::Core);
        let account = seen.viewer.account.unwrap_or(0);
        if self.state.budgets.has(account, resource, &rules) {
            reply = self.state.budgets.budget(account, resource, &rules).stamp(reply, resource);
        }
        if let Some(version) = seen.version {
            reply = reply.with("x-github-api-version-selected", version.name());
        }
        if let Some(scopes) = seen.viewer.scopes() {
            reply = reply.with("x-oauth-scopes", scopes).with("x-accepted-oauth-scopes", "repo");
        }
        if let Some(expires) = seen.viewer.token.as_ref().and_then(|token| token.expires) {
            let time = chrono::DateTime::from_timestamp(expires, 0).unwrap_or_default();
            reply = reply.with(
                "github-authentication-token-expiration",
                time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            );
        }
        let id = format!("{:016X}", self.state.random.next());
        // By the simulator's clock, like the times of resets.
        let now = chrono::DateTime::from_timestamp_millis(scene.now).unwrap_or_default();
        reply
            .with("date", now.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .with("x-github-media-type", "github.v3; format=json")
            .with("x-github-request-id", id)
            .with("vary", "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, X-Requested-With")
            .with("cache-control", "private, max-age=60, s-maxage=60")
            .with("server", "github.com")
    }
}

/// Returns the ETag of a response. It depends on the token and on the `Accept` header.
fn etag(call: &Call, body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    (call.header("authorization"), call.header("accept"), call.header("x-github-api-version"))
        .hash(&mut hasher);
    body.hash(&mut hasher);
    format!("W/\"{:016x}\"", hasher.finish())
}

/// True if the client has this response already. An ETag takes precedence over a time.
fn unchanged(call: &Call, reply: &Reply, etag: &str) -> bool {
    match (call.header("if-none-match"), call.header("if-modified-since")) {
        (Some(tags), _) => tags.split(',').any(|tag| same(tag, etag)),
        (None, Some(since)) => reply.header("last-modified") == Some(since),
        (None, None) => false,
    }
}

/// Compares ETags weakly.
fn same(given: &str, etag: &str) -> bool {
    let given = given.trim();
    let bare = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    given == "*" || bare(given) == bare(etag)
}

impl Platform for GitHub {
    fn prefix(&self) -> &'static str {
        "github"
    }

    fn answer(&mut self, call: &Call, scene: &Scene) -> Reply {
        if self.state.root != call.root {
            self.state.root.clone_from(&call.root);
        }
        if call.header("user-agent").is_none_or(|agent| agent.trim().is_empty()) {
            return Reply::text(403, "text/html", NO_AGENT);
        }
        let mut seen = Seen::default();
        let result = self.pass(call, scene, &mut seen);
        let docs = seen.docs.as_deref().unwrap_or(DOCS);
        let reply = result.unwrap_or_else(|refusal| refusal.reply(docs));
        self.stamped(reply, scene, &seen)
    }

    fn canned(&mut self, call: &Call, scene: &Scene, canned: &Canned) -> Reply {
        let viewer = access::viewer(&self.state, call, scene.now).unwrap_or_default();
        let account = viewer.account.unwrap_or(0);
        let route = routes::find(call).map(|(route, ..)| route);
        let cost = route.map(routes::Route::cost);
        let resource = cost.map(|cost| cost.resource);
        let seen = Seen { version: Version::of(call).ok(), viewer, resource, docs: None };
        let behaviour = &self.state.behaviour;
        let refusal = match canned {
            Canned::Status(status) => usual(*status),
            Canned::Limited { limit: Limit::Primary, status } => limits::primary(account, *status, behaviour),
            Canned::Limited { limit: Limit::Secondary, status } => {
                let creates = cost.is_some_and(|cost| cost.creates);
                let text = if creates { Text::Creation } else { Text::Usual };
                limits::secondary(text, None, *status, behaviour)
            }
        };
        let docs = route.map_or_else(|| DOCS.to_owned(), routes::Route::docs);
        let primary = matches!(canned, Canned::Limited { limit: Limit::Primary, .. });
        let reply = match resource {
            Some(Resource::GraphQl) if primary => graphql::limited(&refusal.message),
            _ => refusal.reply(&docs),
        };
        // Only a server with limits refuses because of one.
        let limits = if matches!(canned, Canned::Limited { .. }) { Limits::Real } else { scene.limits };
        let mut reply = self.stamped(reply, &Scene { limits, ..*scene }, &seen);
        if primary {
            for (_, value) in reply.headers.iter_mut().filter(|(name, _)| *name == "x-ratelimit-remaining") {
                *value = "0".to_owned();
            }
        }
        reply
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
        std::mem::take(&mut self.state.outbox)
    }

    fn another_id(&mut self, delivery: &Delivery) -> Delivery {
        let id = hooks::guid(&mut self.state);
        let mut again = delivery.clone();
        for (_, value) in again.headers.iter_mut().filter(|(name, _)| *name == "x-github-delivery") {
            value.clone_from(&id);
        }
        again
    }
}

/// Returns the error that GitHub sends with a status.
fn usual(status: u16) -> Refusal {
    let message = match status {
        401 => "Bad credentials",
        403 => "Resource not accessible by personal access token",
        404 => "Not Found",
        409 => "Conflict",
        410 => "This issue was deleted",
        422 => "Validation Failed",
        429 => "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        500 => "Server Error",
        502 => "Server Error: Sorry, there was a problem generating this response",
        503 => "Service unavailable",
        _ => "Error",
    };
    Refusal::new(status, message)
}
