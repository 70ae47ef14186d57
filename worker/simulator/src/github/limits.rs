//! Rate limits: budgets per hour and per minute, and the secondary limits.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

use super::{behaviour::Behaviour, error::Refusal, version::Version};
use crate::{http::Reply, settings::Limits};

/// The documentation page about limits.
pub(crate) const DOCS: &str = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";

/// Requests per hour without credentials.
const ANONYMOUS: u64 = 60;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 3_600_000;

/// A separate budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    Core,
    Search,
    GraphQl,
}

impl Resource {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Resource::Core => "core",
            Resource::Search => "search",
            Resource::GraphQl => "graphql",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Resource> {
        [Resource::Core, Resource::Search, Resource::GraphQl].into_iter().find(|one| one.name() == name)
    }

    fn window(self) -> i64 {
        if self == Resource::Search { MINUTE } else { HOUR }
    }
}

/// The cost of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) resource: Resource,
    pub(crate) endpoint: &'static str,
    pub(crate) writes: bool,
    /// True if it creates content.
    pub(crate) creates: bool,
    /// False for reads of the limits themselves.
    pub(crate) counts: bool,
}

/// A window of a budget. It begins with its first request.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    start: i64,
    used: u64,
    /// A limit that the control API has set for this window.
    limit: Option<u64>,
}

/// The usage of one account.
#[derive(Debug, Default)]
struct Used {
    windows: BTreeMap<Resource, Window>,
    points: BTreeMap<&'static str, VecDeque<(i64, u64)>>,
    creates: VecDeque<i64>,
}

/// The limits of all accounts. Requests without credentials share account 0.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    used: BTreeMap<u64, Used>,
}

/// The state of one budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) limit: u64,
    pub(crate) used: u64,
    /// Seconds since 1970.
    pub(crate) reset: i64,
}

impl Budget {
    pub(crate) fn remaining(self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    fn json(self) -> Value {
        json!({ "limit": self.limit, "used": self.used, "remaining": self.remaining(), "reset": self.reset })
    }

    /// Adds the headers of the budget.
    pub(crate) fn stamp(self, reply: Reply, resource: Resource) -> Reply {
        reply
            .with("x-ratelimit-limit", self.limit.to_string())
            .with("x-ratelimit-remaining", self.remaining().to_string())
            .with("x-ratelimit-used", self.used.to_string())
            .with("x-ratelimit-reset", self.reset.to_string())
            .with("x-ratelimit-resource", resource.name())
    }
}

/// The rules for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) limits: Limits,
    pub(crate) behaviour: &'a Behaviour,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

impl Rules<'_> {
    fn limit(&self, account: u64, resource: Resource) -> u64 {
        match (self.limits, resource) {
            (Limits::Off, _) => u64::MAX,
            (Limits::Real, Resource::Search) => self.behaviour.searches_a_minute,
            (Limits::Real, _) if account == 0 => ANONYMOUS,
            (Limits::Real, _) => self.behaviour.hourly,
        }
    }
}

impl Budgets {
    /// Returns the state of a budget.
    pub(crate) fn budget(&mut self, account: u64, resource: Resource, rules: &Rules<'_>) -> Budget {
        let window = self.window(account, resource, rules.now);
        let limit = window.limit.unwrap_or_else(|| rules.limit(account, resource));
        Budget { limit, used: window.used, reset: (window.start + resource.window()).div_euclid(1000) }
    }

    /// True if the budget exists. A budget set by the control API is enforced even if limits are off.
    pub(crate) fn has(&self, account: u64, resource: Resource, rules: &Rules<'_>) -> bool {
        let set = || self.used.get(&account)?.windows.get(&resource)?.limit;
        rules.limits == Limits::Real || set().is_some()
    }

    fn window(&mut self, account: u64, resource: Resource, now: i64) -> &mut Window {
        let used = self.used.entry(account).or_default();
        let window = used.windows.entry(resource).or_insert(Window { start: now, ..Window::default() });
        if now >= window.start + resource.window() {
            *window = Window { start: now, ..Window::default() };
        }
        window
    }

    /// Takes the cost of a request, or refuses it. A refused request costs nothing.
    pub(crate) fn charge(
        &mut self,
        account: u64,
        cost: Cost,
        concurrent: usize,
        rules: &Rules<'_>,
    ) -> Result<(), Refusal> {
        if !cost.counts {
            return Ok(());
        }
        let budget = self.budget(account, cost.resource, rules);
        if budget.remaining() == 0 {
            return Err(primary(account, None, rules.behaviour));
        }
        if rules.limits == Limits::Real {
            self.secondary(account, cost, concurrent, rules)?;
        }
        self.window(account, cost.resource, rules.now).used += 1;
        Ok(())
    }

    fn secondary(
        &mut self,
        account: u64,
        cost: Cost,
        concurrent: usize,
        rules: &Rules<'_>,
    ) -> Result<(), Refusal> {
        let Rules { behaviour, now, .. } = *rules;
        if concurrent > behaviour.concurrent {
            return Err(secondary(Text::Usual, Some(60), None, behaviour));
        }
        let used = self.used.entry(account).or_default();
        if cost.creates {
            while used.creates.front().is_some_and(|at| at + HOUR <= now) {
                used.creates.pop_front();
            }
            let minute = used.creates.iter().rev().take_while(|at| **at + MINUTE > now).count();
            if minute >= behaviour.creates_a_minute || used.creates.len() >= behaviour.creates_an_hour {
                return Err(secondary(Text::Creation, Some(60), None, behaviour));
            }
        }
        let price = if cost.writes { 5 } else { 1 };
        let points = used.points.entry(cost.endpoint).or_default();
        while points.front().is_some_and(|(at, _)| at + MINUTE <= now) {
            points.pop_front();
        }
        if points.iter().map(|(_, price)| price).sum::<u64>() + price > behaviour.points_a_minute {
            return Err(secondary(Text::Usual, Some(60), None, behaviour));
        }
        points.push_back((now, price));
        if cost.creates {
            used.creates.push_back(now);
        }
        Ok(())
    }

    /// Refunds the cost of a request, as for a response of status 304.
    pub(crate) fn refund(&mut self, account: u64, resource: Resource, now: i64) {
        let window = self.window(account, resource, now);
        window.used = window.used.saturating_sub(1);
    }

    /// Sets the rest of a budget, and the end of its window.
    pub(crate) fn set(
        &mut self,
        account: u64,
        resource: Resource,
        remaining: u64,
        reset_in: Option<u64>,
        rules: &Rules<'_>,
    ) {
        let usual = if rules.limits == Limits::Real { rules.limit(account, resource) } else { 5_000 };
        let limit = usual.max(remaining);
        let length =
            reset_in.and_then(|seconds| i64::try_from(seconds).ok()).map_or(resource.window(), |s| s * 1000);
        let window = self.window(account, resource, rules.now);
        let start = rules.now + length - resource.window();
        *window = Window { start, used: limit - remaining, limit: Some(limit) };
    }

    /// Clears the usage of all accounts.
    pub(crate) fn clear(&mut self) {
        self.used.clear();
    }

    /// Returns the body of `GET /rate_limit`, or the refusal of a server whose limits are disabled.
    pub(crate) fn overview(
        &mut self,
        account: u64,
        version: Version,
        rules: &Rules<'_>,
    ) -> Result<Value, Refusal> {
        let all = [Resource::Core, Resource::Search, Resource::GraphQl];
        if !all.into_iter().any(|resource| self.has(account, resource, rules)) {
            return Err(Refusal::new(404, "Rate limiting is not enabled."));
        }
        let mut resources = Map::new();
        for resource in all {
            resources.insert(resource.name().to_owned(), self.budget(account, resource, rules).json());
        }
        let core = resources["core"].clone();
        let mut body = json!({ "resources": resources });
        if version == Version::V2022 {
            body["rate"] = core;
        }
        Ok(body)
    }
}

/// The wording of a secondary limit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Text {
    Usual,
    Creation,
}

/// Returns the refusal of a request beyond the primary limit.
pub(crate) fn primary(account: u64, status: Option<u16>, behaviour: &Behaviour) -> Refusal {
    let message = if account == 0 {
        "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher rate \
         limit. Check out the documentation for more details.)"
            .to_owned()
    } else {
        format!("API rate limit exceeded for user ID {account}.")
    };
    Refusal::new(status.unwrap_or(behaviour.limit_status), message).about(DOCS)
}

/// Returns the refusal of a request beyond a secondary limit.
pub(crate) fn secondary(
    text: Text,
    after: Option<u64>,
    status: Option<u16>,
    behaviour: &Behaviour,
) -> Refusal {
    let message = match text {
        Text::Usual => {
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        }
        Text::Creation => {
            "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please \
             retry your request again later."
        }
    };
    let refusal = Refusal::new(status.unwrap_or(behaviour.limit_status), message);
    let refusal =
        refusal.about("https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits");
    match after {
        Some(after) if behaviour.secondary_retry_after => refusal.after(after),
        _ => refusal,
    }
}
