//! Where an incremental listing continues, and where a listing that was broken off goes on.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use syncline_engine::ports::ConnectorError;

/// How far an incremental listing goes back behind what was seen: the index may show a change late.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// JQL compares times by the minute.
const MINUTE: i64 = 60_000;

/// Where an incremental listing continues.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The latest change seen, by Jira's clock, or later if it is certain that nothing was missed; none in an empty
    /// project.
    pub(super) until: Option<DateTime<Utc>>,
}

impl Seen {
    /// A cursor that cannot be read, perhaps of a later version, begins at the first change: that costs more, and loses
    /// nothing.
    pub(super) fn read(json: &Json) -> Seen {
        serde_json::from_value(json.clone()).unwrap_or_default()
    }

    pub(super) fn write(&self) -> Json {
        json!(self)
    }

    /// Where to begin.
    pub(super) fn since(&self) -> Option<DateTime<Utc>> {
        self.until.map(|until| until - OVERLAP)
    }

    /// Notes a change. Never goes back.
    pub(super) fn note(&mut self, changed: Option<DateTime<Utc>>) {
        self.until = self.until.max(changed);
    }

    /// Has the next listing begin behind the last change of one that began at `began`, if a change of that time cannot
    /// show up any more. Otherwise each poll would list it again, with whatever else changed in the same minutes.
    pub(super) fn settle(&mut self, last: DateTime<Utc>, began: DateTime<Utc>) {
        let behind = next_minute(last);
        if began >= behind + OVERLAP {
            self.note(Some(behind + OVERLAP));
        }
    }
}

fn next_minute(at: DateTime<Utc>) -> DateTime<Utc> {
    let next = (at.timestamp_millis().div_euclid(MINUTE) + 1) * MINUTE;
    DateTime::from_timestamp_millis(next).unwrap_or(at)
}

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

impl Resume {
    pub(super) fn read(json: &Json) -> Result<Resume, ConnectorError> {
        serde_json::from_value(json.clone())
            .map_err(|_| ConnectorError::conflict(format!("{json} is no position in Jira's issues")))
    }

    pub(super) fn write(&self) -> Json {
        json!(self)
    }
}

#[cfg(test)]
mod tests {
    use syncline_engine::ports::ErrorKind;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_cursor_goes_back_by_the_overlap_and_never_further() {
        let mut seen = Seen::default();
        assert_eq!(seen.since(), None);
        seen.note(Some(at("2026-02-03T04:05:06.7Z")));
        seen.note(Some(at("2026-01-01T00:00:00Z")));
        assert_eq!(seen.since(), Some(at("2026-02-03T04:00:06.7Z")));
        assert_eq!(Seen::read(&seen.write()), seen);
        assert_eq!(Seen::read(&json!("x")), Seen::default());
        assert_eq!(Resume::read(&json!("x")).unwrap_err().kind, ErrorKind::Conflict);
    }

    #[test]
    fn a_change_that_is_old_enough_is_not_listed_again() {
        let last = at("2026-02-03T04:05:06Z");
        let mut seen = Seen { until: Some(last) };
        seen.settle(last, at("2026-02-03T04:10:59Z"));
        assert_eq!(seen.since(), Some(at("2026-02-03T04:00:06Z")), "it may have been missed");
        seen.settle(last, at("2026-02-03T04:11:00Z"));
        assert_eq!(seen.since(), Some(at("2026-02-03T04:06:00Z")));
    }

    #[test]
    fn times_are_cut_to_the_minute() {
        assert_eq!(in_jql(at("1970-01-01T00:01:59.999Z")), 60_000);
    }
}
