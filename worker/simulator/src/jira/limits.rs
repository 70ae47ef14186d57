//! Rate limits: the burst limit of endpoints, the points of OAuth apps, and the writes of one issue.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{behaviour::Behaviour, error::Refusal, time};
use crate::{http::Reply, settings::Limits};

const HOUR: i64 = 3_600_000;
/// Seconds to wait if a limit computes no other value.
const USUAL_WAIT: i64 = 1;

/// The properties of a request that limits depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost<'a> {
    pub(crate) method: &'static str,
    pub(crate) pattern: &'static str,
    /// The request is an OAuth app's.
    pub(crate) oauth: bool,
    /// The issue that it writes.
    pub(crate) issue: Option<u64>,
    pub(crate) path: &'a str,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Burst,
    QuotaGlobal,
    QuotaTenant,
    PerIssue,
}

impl Reason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Burst => "jira-burst-based",
            Reason::QuotaGlobal => "jira-quota-global-based",
            Reason::QuotaTenant => "jira-quota-tenant-based",
            Reason::PerIssue => "jira-per-issue-on-write",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Reason> {
        [Reason::Burst, Reason::QuotaGlobal, Reason::QuotaTenant, Reason::PerIssue]
            .into_iter()
            .find(|reason| reason.name() == name)
    }
}

/// Refusals ordered through the control API.
#[derive(Debug, Clone)]
pub(crate) struct Ordered {
    pub(crate) reason: Reason,
    pub(crate) times: u64,
    pub(crate) retry_after: Option<i64>,
    /// A pattern of the path; any if left out.
    pub(crate) path: Option<String>,
}

/// The usage of the limits.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    bursts: HashMap<(&'static str, &'static str), VecDeque<i64>>,
    writes: BTreeMap<u64, VecDeque<i64>>,
    /// The hour, and the points used in it.
    points: (i64, u64),
    pub(crate) ordered: Vec<Ordered>,
}

impl Meters {
    /// Counts a request, or refuses it. A refused request is not counted.
    pub(crate) fn charge(
        &mut self,
        cost: Cost<'_>,
        limits: Limits,
        behaviour: &Behaviour,
        now: i64,
    ) -> Result<(), Refusal> {
        self.ordered(cost, behaviour, now)?;
        if limits == Limits::Off {
            return Ok(());
        }
        let (limit, used) = self.burst(cost, behaviour, now);
        if limit > 0 && used >= limit {
            return Err(refusal(Reason::Burst, limit as u64, (now + 1_000, Some(USUAL_WAIT)), behaviour));
        }
        if cost.oauth && behaviour.quota_points > 0 && self.points(now) >= behaviour.quota_points {
            let reset = (now / HOUR + 1) * HOUR;
            let reason = if behaviour.quota_of_tenant { Reason::QuotaTenant } else { Reason::QuotaGlobal };
            let wait = (reset - now + 999) / 1_000;
            return Err(refusal(reason, behaviour.quota_points, (reset, Some(wait)), behaviour));
        }
        if let Some(issue) = cost.issue {
            self.write(issue, behaviour, now)?;
        }
        self.bursts.entry((cost.method, cost.pattern)).or_default().push_back(now);
        if cost.oauth {
            self.add_points(1, now);
        }
        Ok(())
    }

    fn ordered(&mut self, cost: Cost<'_>, behaviour: &Behaviour, now: i64) -> Result<(), Refusal> {
        let fits = |one: &Ordered| {
            one.path.as_deref().is_none_or(|pattern| crate::fault::path_matches(pattern, cost.path))
        };
        let Some(at) = self.ordered.iter().position(fits) else { return Ok(()) };
        let Ordered { reason, retry_after, .. } = self.ordered[at].clone();
        self.ordered[at].times = self.ordered[at].times.saturating_sub(1);
        if self.ordered[at].times == 0 {
            self.ordered.remove(at);
        }
        let wait = retry_after.unwrap_or(USUAL_WAIT);
        Err(refusal(reason, 100, (now + wait * 1_000, retry_after), behaviour))
    }

    /// Returns the burst limit of an endpoint, and how much of it the last second used.
    fn burst(&mut self, cost: Cost<'_>, behaviour: &Behaviour, now: i64) -> (usize, usize) {
        let reads = matches!(cost.method, "GET" | "POST");
        let limit = if reads { behaviour.burst_reads } else { behaviour.burst_writes };
        let times = self.bursts.entry((cost.method, cost.pattern)).or_default();
        while times.front().is_some_and(|at| at + 1_000 <= now) {
            times.pop_front();
        }
        (limit, times.len())
    }

    fn write(&mut self, issue: u64, behaviour: &Behaviour, now: i64) -> Result<(), Refusal> {
        let times = self.writes.entry(issue).or_default();
        while times.front().is_some_and(|at| at + 30_000 <= now) {
            times.pop_front();
        }
        for (limit, span) in [(behaviour.issue_writes_2s, 2_000), (behaviour.issue_writes_30s, 30_000)] {
            let recent: Vec<i64> = times.iter().copied().filter(|at| at + span > now).collect();
            if limit > 0 && recent.len() >= limit {
                let free = recent[recent.len() - limit] + span;
                let wait = (free - now + 999) / 1_000;
                return Err(refusal(Reason::PerIssue, limit as u64, (free, Some(wait.max(1))), behaviour));
            }
        }
        times.push_back(now);
        Ok(())
    }

    fn points(&mut self, now: i64) -> u64 {
        if self.points.0 != now / HOUR {
            self.points = (now / HOUR, 0);
        }
        self.points.1
    }

    /// Adds points, such as one for each result of a search.
    pub(crate) fn add_points(&mut self, points: u64, now: i64) {
        self.points(now);
        self.points.1 += points;
    }

    /// Adds the remaining budget to a response.
    pub(crate) fn stamp(&mut self, reply: Reply, cost: Cost<'_>, behaviour: &Behaviour, now: i64) -> Reply {
        let (limit, used, reset) = if cost.oauth {
            (behaviour.quota_points, self.points(now), (now / HOUR + 1) * HOUR)
        } else {
            let (limit, used) = self.burst(cost, behaviour, now);
            (limit as u64, used as u64, now + 1_000)
        };
        if limit == 0 || reply.header("x-ratelimit-limit").is_some() {
            return reply;
        }
        let left = limit.saturating_sub(used);
        let reply = reply
            .with("x-ratelimit-limit", limit.to_string())
            .with("x-ratelimit-remaining", left.to_string())
            .with("x-ratelimit-reset", time::reset(reset));
        if left * 5 < limit { reply.with("x-ratelimit-nearlimit", "true") } else { reply }
    }

    /// Clears the usage.
    pub(crate) fn clear(&mut self) {
        *self = Meters::default();
    }
}

/// Returns the refusal of a request beyond a limit. `reset` is the time, and the seconds to wait.
pub(crate) fn refusal(
    reason: Reason,
    limit: u64,
    (reset, wait): (i64, Option<i64>),
    behaviour: &Behaviour,
) -> Refusal {
    let refusal = Refusal::new(429, "Rate limit exceeded.")
        .with("ratelimit-reason", reason.name())
        .with("x-ratelimit-limit", limit.to_string())
        .with("x-ratelimit-remaining", "0")
        .with("x-ratelimit-reset", time::reset(reset));
    match wait {
        Some(wait) if behaviour.retry_after => refusal.with("retry-after", wait.to_string()),
        _ => refusal,
    }
}
