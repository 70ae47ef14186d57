//! The limits: complexity of a query, and budgets of requests and points that refill continuously.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    access::Viewer,
    behaviour::Behaviour,
    error::{Failure, Kind},
    id::Id,
    types::TokenKind,
};
use crate::{
    graphql::{Schema, Selected},
    http::Reply,
    settings::Limits,
};

const HOUR: f64 = 3_600_000.0;

/// The documentation page about limits.
const DOCS: &str =
    "For more information see our developer docs at: https://linear.app/developers/rate-limiting";

/// Returns the complexity of a query: 0.1 for each property, 1 for each object, and the content of a connection times
/// the length of its page.
pub(crate) fn complexity(schema: &Schema, fields: &[Selected]) -> u64 {
    // Tenths are summed as whole numbers, since sums of 0.1 are not exact.
    let tenths = fields.iter().map(|field| tenths(schema, field)).fold(0_u64, u64::saturating_add);
    tenths.div_ceil(10)
}

fn tenths(schema: &Schema, field: &Selected) -> u64 {
    let named = field.of.named();
    if !schema.is_object(named) {
        return 1;
    }
    let inner = field.fields.iter().map(|field| tenths(schema, field)).fold(0_u64, u64::saturating_add);
    if named.ends_with("Connection") || named == "IssueSearchPayload" {
        let pages = ["first", "last"].into_iter().find_map(|name| field.args.get(name)?.as_u64());
        return inner.saturating_mul(pages.unwrap_or(super::read::PAGE));
    }
    inner.saturating_add(10)
}

/// One of the two budgets of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    Requests,
    Complexity,
}

impl Resource {
    pub(crate) fn parse(name: &str) -> Option<Resource> {
        match name {
            "requests" => Some(Resource::Requests),
            "complexity" => Some(Resource::Complexity),
            _ => None,
        }
    }
}

/// A bucket that drains continuously.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The usage that had not drained at this time.
    used: f64,
    at: i64,
    /// A limit that the control API has set.
    limit: Option<u64>,
}

/// The owner of a budget: a user with keys, or a user with an app.
type Owner = (TokenKind, Option<String>, Id);

/// The budgets of all accounts.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    buckets: BTreeMap<(Owner, Resource), Bucket>,
    endpoints: BTreeMap<(Owner, String), Vec<i64>>,
}

/// The rules for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) limits: Limits,
    pub(crate) behaviour: &'a Behaviour,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

/// The state of a budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// When it is full again, in milliseconds since 1970.
    pub(crate) reset: i64,
}

/// A query or mutation whose own limit is exceeded.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) limit: u64,
    pub(crate) reset: i64,
}

/// A request beyond a limit.
#[derive(Debug)]
pub(crate) struct Exceeded {
    pub(crate) failure: Failure,
    pub(crate) reset: i64,
    pub(crate) endpoint: Option<Endpoint>,
}

pub(crate) fn owner(viewer: &Viewer) -> Owner {
    (viewer.kind, viewer.client.clone(), viewer.user)
}

impl Rules<'_> {
    pub(crate) fn limit(&self, kind: TokenKind, resource: Resource) -> u64 {
        match (kind, resource) {
            (TokenKind::Key, Resource::Requests) => self.behaviour.key_requests,
            (TokenKind::Oauth, Resource::Requests) => self.behaviour.oauth_requests,
            (TokenKind::Key, Resource::Complexity) => self.behaviour.key_complexity,
            (TokenKind::Oauth, Resource::Complexity) => self.behaviour.oauth_complexity,
        }
    }
}

impl Budgets {
    /// Returns the state of a budget; `None` if it is not limited. A budget set by the control API is enforced even if
    /// limits are off.
    pub(crate) fn budget(&self, viewer: &Viewer, resource: Resource, rules: &Rules<'_>) -> Option<Budget> {
        let bucket = self.buckets.get(&(owner(viewer), resource));
        let set = bucket.and_then(|bucket| bucket.limit);
        if rules.limits == Limits::Off && set.is_none() {
            return None;
        }
        let limit = set.unwrap_or_else(|| rules.limit(viewer.kind, resource));
        let used = bucket.map_or(0.0, |bucket| bucket.now(limit, rules.now));
        let drained = if limit == 0 { HOUR } else { used / limit as f64 * HOUR };
        let remaining = (limit as f64 - used).floor().max(0.0) as u64;
        Some(Budget { limit, remaining, reset: rules.now + drained.ceil() as i64 })
    }

    /// Takes what a request costs, or refuses it. A refused request costs nothing.
    pub(crate) fn charge(
        &mut self,
        viewer: &Viewer,
        points: u64,
        fields: &[Selected],
        rules: &Rules<'_>,
    ) -> Result<(), Box<Exceeded>> {
        let costs = [(Resource::Requests, 1), (Resource::Complexity, points)];
        for (resource, cost) in costs {
            if let Some(budget) = self.budget(viewer, resource, rules)
                && budget.remaining < cost
            {
                return Err(beyond(resource, &budget, cost));
            }
        }
        if rules.limits == Limits::Real {
            self.endpoints(viewer, fields, rules)?;
        }
        for (resource, cost) in costs {
            if let Some(budget) = self.budget(viewer, resource, rules) {
                let bucket = self.buckets.entry((owner(viewer), resource)).or_insert(Bucket {
                    used: 0.0,
                    at: rules.now,
                    limit: None,
                });
                *bucket = Bucket {
                    used: bucket.now(budget.limit, rules.now) + cost as f64,
                    at: rules.now,
                    ..*bucket
                };
            }
        }
        Ok(())
    }

    fn endpoints(
        &mut self,
        viewer: &Viewer,
        fields: &[Selected],
        rules: &Rules<'_>,
    ) -> Result<(), Box<Exceeded>> {
        for field in fields {
            let Some((limit, seconds)) = rules.behaviour.endpoint_limits.get(&field.name) else { continue };
            let window = i64::try_from(*seconds).unwrap_or(3_600) * 1_000;
            let times = self.endpoints.entry((owner(viewer), field.name.clone())).or_default();
            times.retain(|at| at + window > rules.now);
            if times.len() as u64 >= *limit {
                let reset = times.first().map_or(rules.now, |at| at + window);
                return Err(beyond_endpoint(&field.name, *limit, *seconds, reset));
            }
            times.push(rules.now);
        }
        Ok(())
    }

    /// Sets the rest of a budget, and when it is full again.
    pub(crate) fn set(
        &mut self,
        viewer: &Viewer,
        resource: Resource,
        remaining: u64,
        limit: Option<u64>,
        rules: &Rules<'_>,
    ) {
        let limit = limit.unwrap_or_else(|| rules.limit(viewer.kind, resource)).max(remaining);
        let used = (limit - remaining) as f64;
        self.buckets.insert((owner(viewer), resource), Bucket { used, at: rules.now, limit: Some(limit) });
    }

    /// Clears the usage of all accounts.
    pub(crate) fn clear(&mut self) {
        *self = Budgets::default();
    }

    /// Adds the headers of the budgets.
    pub(crate) fn stamp(&self, mut reply: Reply, viewer: &Viewer, rules: &Rules<'_>) -> Reply {
        let at =
            |reset: i64| if rules.behaviour.reset_in_seconds { reset / 1_000 } else { reset }.to_string();
        if let Some(budget) = self.budget(viewer, Resource::Requests, rules) {
            reply = reply
                .with("x-ratelimit-requests-limit", budget.limit.to_string())
                .with("x-ratelimit-requests-remaining", budget.remaining.to_string())
                .with("x-ratelimit-requests-reset", at(budget.reset));
        }
        if let Some(budget) = self.budget(viewer, Resource::Complexity, rules) {
            reply = reply
                .with("x-ratelimit-complexity-limit", budget.limit.to_string())
                .with("x-ratelimit-complexity-remaining", budget.remaining.to_string())
                .with("x-ratelimit-complexity-reset", at(budget.reset));
        }
        reply
    }
}

impl Bucket {
    /// Returns the usage that has not drained by now.
    fn now(&self, limit: u64, now: i64) -> f64 {
        let passed = (now - self.at).max(0) as f64;
        (self.used - passed * limit as f64 / HOUR).max(0.0)
    }
}

/// Returns the refusal of a request beyond a budget.
pub(crate) fn beyond(resource: Resource, budget: &Budget, requested: u64) -> Box<Exceeded> {
    let what = match resource {
        Resource::Requests => "requests",
        Resource::Complexity => "complexity points",
    };
    let message = format!("Rate limit exceeded. Only {} {what} are allowed per 1 hour. {DOCS}", budget.limit);
    let result = json!({
        "allowed": false, "requested": requested, "remaining": budget.remaining, "limit": budget.limit, "duration": 3_600_000,
    });
    let failure = Failure::new(Kind::RateLimited, message).with_meta(json!({ "rateLimitResult": result }));
    Box::new(Exceeded { failure, reset: budget.reset, endpoint: None })
}

/// Returns the refusal of a request beyond the limit of one query or mutation.
pub(crate) fn beyond_endpoint(name: &str, limit: u64, seconds: u64, reset: i64) -> Box<Exceeded> {
    let message =
        format!("Rate limit exceeded. Only {limit} requests are allowed per {seconds} seconds. {DOCS}");
    let result = json!({
        "allowed": false, "requested": 1, "remaining": 0, "limit": limit, "duration": seconds * 1_000,
    });
    let failure = Failure::new(Kind::RateLimited, message).with_meta(json!({ "rateLimitResult": result }));
    Box::new(Exceeded { failure, reset, endpoint: Some(Endpoint { name: name.to_owned(), limit, reset }) })
}

/// Returns the response to a request beyond a limit.
pub(crate) fn refuse(exceeded: &Exceeded, status: Option<u16>, rules: &Rules<'_>) -> Reply {
    let mut reply = exceeded.failure.reply(status.unwrap_or(rules.behaviour.limit_status));
    if let Some(endpoint) = &exceeded.endpoint {
        reply = reply
            .with("x-ratelimit-endpoint-requests-limit", endpoint.limit.to_string())
            .with("x-ratelimit-endpoint-requests-remaining", "0")
            .with("x-ratelimit-endpoint-requests-reset", endpoint.reset.to_string())
            .with("x-ratelimit-endpoint-name", endpoint.name.clone());
    }
    if rules.behaviour.retry_after {
        reply = reply.with("retry-after", ((exceeded.reset - rules.now).max(0) / 1_000 + 1).to_string());
    }
    reply
}
