//! Linear's limits, and what the headers of an answer say about them.
//!
//! <https://linear.app/developers/rate-limiting>

use std::{sync::LazyLock, time::Duration};

use chrono::{DateTime, Utc};
use syncline_engine::limits::{Dimension, Observed};

use crate::headers::{HeaderSet, ResetForm};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The limits of a personal API key, of which all keys of a person share one. Those of OAuth applications differ, and the
/// headers tell them. Both refill continuously.
struct Limits {
    requests: Dimension,
    complexity: Dimension,
}

static LIMITS: LazyLock<Limits> = LazyLock::new(|| Limits {
    requests: Dimension::steady("requests", 2_500.0, HOUR).with_burst(500.0),
    complexity: Dimension::steady("complexity", 3_000_000.0, HOUR).with_burst(600_000.0),
});

/// The costs of one request with this complexity.
pub(super) fn costs(complexity: f64) -> [(&'static Dimension, f64); 2] {
    [(&LIMITS.requests, 1.0), (&LIMITS.complexity, complexity)]
}

const REQUESTS: HeaderSet = HeaderSet {
    limit: Some("x-ratelimit-requests-limit"),
    remaining: "x-ratelimit-requests-remaining",
    reset: Some(("x-ratelimit-requests-reset", ResetForm::Epoch)),
};

const COMPLEXITY: HeaderSet = HeaderSet {
    limit: Some("x-ratelimit-complexity-limit"),
    remaining: "x-ratelimit-complexity-remaining",
    reset: Some(("x-ratelimit-complexity-reset", ResetForm::Epoch)),
};

/// What the headers of an answer say. `now` is the time of Linear's clock.
pub(super) fn observed<'a>(
    header: impl Fn(&str) -> Option<&'a str> + Copy,
    now: DateTime<Utc>,
) -> Vec<Observed> {
    let told = [(REQUESTS, &LIMITS.requests), (COMPLEXITY, &LIMITS.complexity)];
    let mut told: Vec<Observed> =
        told.into_iter().filter_map(|(set, dimension)| set.observe(dimension, header, now)).collect();
    // A full budget is back after an hour at the latest, whatever the header says.
    told.iter_mut().for_each(|one| one.reset_in = one.reset_in.map(|reset| reset.min(HOUR)));
    told
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::milliseconds("1790000060000", 60)]
    #[case::seconds("1790000060", 60)]
    #[case::far_away("1890000000000", 3_600)]
    fn both_budgets_are_told(#[case] reset: &str, #[case] wait: u64) {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let headers = [
            ("x-ratelimit-requests-limit", "5000"),
            ("x-ratelimit-requests-remaining", "12"),
            ("x-ratelimit-requests-reset", reset),
            ("x-ratelimit-complexity-remaining", "1999000.5"),
        ];
        let find = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let told = observed(find, now);
        let [requests, complexity] = &told[..] else { panic!("{told:?}") };
        assert_eq!((requests.limit, requests.remaining), (Some(5_000.0), Some(12.0)));
        assert_eq!(requests.reset_in, Some(Duration::from_secs(wait)));
        assert_eq!((complexity.remaining, complexity.reset_in), (Some(1_999_000.5), None));
    }
}
