//! Jira's limits, what each request costs, and what the headers of an answer say about them.
//!
//! <https://developer.atlassian.com/cloud/jira/platform/rate-limiting/>

use std::{sync::LazyLock, time::Duration};

use chrono::{DateTime, Utc};
use syncline_engine::limits::{Dimension, Observed};

use crate::headers::{HeaderSet, ResetForm};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);

struct Limits {
    /// GET and POST, in a second. Jira counts each endpoint by itself; all of them share this one.
    reads: Dimension,
    /// PUT and DELETE, in a second.
    writes: Dimension,
    /// Of an OAuth app, for all sites together.
    points: Dimension,
    concurrent: Dimension,
}

static LIMITS: LazyLock<Limits> = LazyLock::new(|| Limits {
    // Below the documented 100 and 50, which all programs of the site share.
    reads: Dimension::windowed("get-post", 80.0, SECOND).with_burst(80.0),
    writes: Dimension::windowed("put-delete", 40.0, SECOND).with_burst(40.0),
    points: Dimension::windowed("points", 65_000.0, HOUR),
    concurrent: Dimension::concurrent("concurrent", 5, Duration::from_secs(90)),
});

/// What a request does, as far as limits are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// GET or POST, which may return so many things.
    Read(usize),
    /// PUT or DELETE.
    Write,
}

impl Cost {
    /// The costs of one request in every dimension that it counts against. Only OAuth apps have points.
    pub(super) fn dimensions(self, has_points: bool) -> Vec<(&'static Dimension, f64)> {
        let limits = &*LIMITS;
        let (kind, points) = match self {
            Cost::Read(things) => (&limits.reads, 1.0 + things as f64),
            Cost::Write => (&limits.writes, 1.0),
        };
        let mut costs = vec![(&limits.concurrent, 1.0), (kind, 1.0)];
        if has_points {
            costs.push((&limits.points, points));
        }
        costs
    }
}

const HEADERS: HeaderSet = HeaderSet {
    limit: Some("x-ratelimit-limit"),
    remaining: "x-ratelimit-remaining",
    reset: Some(("x-ratelimit-reset", ResetForm::Iso8601)),
};

/// What the headers of an answer say about a limit. Those of a refusal for bursts are about a second that is over.
pub(super) fn observed<'a>(header: impl Fn(&str) -> Option<&'a str>, now: DateTime<Utc>) -> Vec<Observed> {
    match header("ratelimit-reason") {
        Some(reason) if reason.starts_with("jira-quota") => {
            HEADERS.observe(&LIMITS.points, header, now).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The time at which the limit that an answer is about is full again.
pub(super) fn reset_in<'a>(header: impl Fn(&str) -> Option<&'a str>, now: DateTime<Utc>) -> Option<Duration> {
    ResetForm::Iso8601.read(header("x-ratelimit-reset")?, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_apps_have_points() {
        let names = |cost: Cost, app: bool| -> Vec<(String, f64)> {
            cost.dimensions(app).into_iter().map(|(one, cost)| (one.name.to_string(), cost)).collect()
        };
        let named = |name: &str, cost: f64| (name.to_owned(), cost);
        assert_eq!(names(Cost::Write, false), [named("concurrent", 1.0), named("put-delete", 1.0)]);
        assert_eq!(names(Cost::Read(100), true)[2], named("points", 101.0));
    }

    #[test]
    fn headers_of_a_quota_are_about_points() {
        let now = "2026-11-20T09:58:00Z".parse().unwrap();
        let headers = |reason: &'static str| {
            move |name: &str| match name {
                "ratelimit-reason" => Some(reason),
                "x-ratelimit-limit" => Some("65000"),
                "x-ratelimit-remaining" => Some("0"),
                "x-ratelimit-reset" => Some("2026-11-20T10:00Z"),
                _ => None,
            }
        };
        let found = observed(headers("jira-quota-tenant-based"), now);
        assert_eq!((found[0].remaining, found[0].reset_in), (Some(0.0), Some(2 * 60 * SECOND)));
        assert_eq!(observed(headers("jira-burst-based"), now), []);
        assert_eq!(reset_in(headers("jira-burst-based"), now), Some(2 * 60 * SECOND));
    }
}
