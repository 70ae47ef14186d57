//! Where a listing goes on, and times in JQL.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::tracker::cursor::{Lateness, OVERLAP, Seen};

/// The index may show a change late, and JQL compares times by the minute.
pub(super) const LATENESS: Lateness = Lateness { overlap: OVERLAP, unit: TimeDelta::milliseconds(MINUTE) };

const MINUTE: i64 = 60_000;

/// A time in JQL: milliseconds since 1970, cut to the minute. As text it would be read in the zone of the account, which
/// people change, and an hour of which comes twice a year.
pub(super) fn in_jql(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis().div_euclid(MINUTE) * MINUTE
}

/// Where a listing goes on after its pages so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Resume {
    /// The JQL that the token belongs to, and the ids that go with it.
    pub(super) jql: String,
    #[serde(default)]
    pub(super) reconcile: Vec<u64>,
    /// The token of the next page. Jira forgets it after a week.
    pub(super) token: Option<String>,
    /// All issues before this, in the order of the listing, were returned.
    pub(super) from: Option<DateTime<Utc>>,
    /// When the first part of the listing began.
    pub(super) began: Option<DateTime<Utc>>,
    pub(super) seen: Seen,
}

impl From<Seen> for Resume {
    fn from(seen: Seen) -> Self {
        Self { from: seen.since(&LATENESS), seen, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_to_the_minute() {
        assert_eq!(in_jql("1970-01-01T00:01:59.999Z".parse().unwrap()), 60_000);
    }
}
