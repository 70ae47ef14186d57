//! GitHub's limits, what each request costs, and what the headers of an answer say about them.
//!
//! <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>

use std::{sync::LazyLock, time::Duration};

use chrono::{DateTime, Utc};
use syncline_engine::limits::{Dimension, Observed};

use crate::headers::{HeaderSet, ResetForm};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The limits of an account, as documented. The primary ones differ between kinds of tokens, and the headers correct them.
struct Limits {
    core: Dimension,
    search: Dimension,
    graphql: Dimension,
    /// One endpoint may be asked for so many points a minute. All of them share this one, so that none exceeds it.
    points: Dimension,
    /// Created content in a minute and in an hour. Editing does not count.
    creates_a_minute: Dimension,
    creates_an_hour: Dimension,
    concurrent: Dimension,
}

static LIMITS: LazyLock<Limits> = LazyLock::new(|| Limits {
    core: Dimension::windowed("core", 5_000.0, HOUR),
    search: Dimension::windowed("search", 30.0, MINUTE),
    graphql: Dimension::windowed("graphql", 5_000.0, HOUR),
    points: Dimension::windowed("points", 900.0, MINUTE),
    creates_a_minute: Dimension::windowed("creates-a-minute", 80.0, MINUTE),
    creates_an_hour: Dimension::windowed("creates-an-hour", 500.0, HOUR).with_burst(80.0),
    // Below the documented 100, which all programs of the account share.
    concurrent: Dimension::concurrent("concurrent", 80, Duration::from_secs(90)),
});

/// What a request does, as far as limits are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Read,
    Search,
    Edit,
    Create,
    /// By GraphQL.
    Query,
    /// By GraphQL.
    Delete,
}

impl Cost {
    /// The costs of one request in every dimension that it counts against.
    pub(super) fn dimensions(self) -> Vec<(&'static Dimension, f64)> {
        let limits = &*LIMITS;
        let mut costs = vec![(&limits.concurrent, 1.0)];
        match self {
            Cost::Search => costs.push((&limits.search, 1.0)),
            Cost::Read => costs.extend([(&limits.core, 1.0), (&limits.points, 1.0)]),
            Cost::Edit => costs.extend([(&limits.core, 1.0), (&limits.points, 5.0)]),
            Cost::Query => costs.extend([(&limits.graphql, 1.0), (&limits.points, 1.0)]),
            Cost::Delete => costs.extend([(&limits.graphql, 1.0), (&limits.points, 5.0)]),
            Cost::Create => costs.extend([
                (&limits.core, 1.0),
                (&limits.points, 5.0),
                (&limits.creates_a_minute, 1.0),
                (&limits.creates_an_hour, 1.0),
            ]),
        }
        costs
    }
}

const HEADERS: HeaderSet = HeaderSet {
    limit: Some("x-ratelimit-limit"),
    remaining: "x-ratelimit-remaining",
    reset: Some(("x-ratelimit-reset", ResetForm::EpochSeconds)),
};

/// What the headers of an answer say about a limit. `now` is the time of GitHub's clock.
pub(super) fn observed<'a>(header: impl Fn(&str) -> Option<&'a str>, now: DateTime<Utc>) -> Vec<Observed> {
    let dimension = match header("x-ratelimit-resource") {
        Some("core") => &LIMITS.core,
        Some("search") => &LIMITS.search,
        Some("graphql") => &LIMITS.graphql,
        _ => return Vec::new(),
    };
    HEADERS.observe(dimension, header, now).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&str, &str)]) -> Vec<Observed> {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        observed(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value), now)
    }

    #[test]
    fn headers_tell_which_limit_they_are_about() {
        let headers = [
            ("x-ratelimit-limit", "15000"),
            ("x-ratelimit-remaining", "12"),
            ("x-ratelimit-reset", "1790000060"),
            ("x-ratelimit-resource", "core"),
        ];
        let [core] = &of(&headers)[..] else { panic!("one limit") };
        assert_eq!(core.dimension.name, "core");
        assert_eq!((core.limit, core.remaining, core.reset_in), (Some(15_000.0), Some(12.0), Some(MINUTE)));
        assert_eq!(of(&[headers[0], headers[1], ("x-ratelimit-resource", "code_search")]), []);
        assert_eq!(of(&[]), []);
    }

    #[test]
    fn only_creates_count_as_content() {
        let names = |cost: Cost| -> Vec<&str> {
            cost.dimensions().into_iter().map(|(dimension, _)| dimension.name.as_ref()).collect()
        };
        assert_eq!(names(Cost::Edit), ["concurrent", "core", "points"]);
        assert_eq!(names(Cost::Search), ["concurrent", "search"]);
        assert!(names(Cost::Create).contains(&"creates-an-hour"));
    }
}
