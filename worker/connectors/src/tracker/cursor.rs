//! Where an incremental listing continues, and where a listing that was broken off goes on.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use syncline_engine::ports::{ConnectorError, Position, ReadMode};

/// How late a list may show a change. The index of a platform over HTTP has been seen four minutes behind.
pub(crate) const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// How a platform's lists and times are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lateness {
    /// How far an incremental listing goes back behind what was seen: a list may show a change late.
    pub(crate) overlap: TimeDelta,
    /// The unit in which a listing can begin.
    pub(crate) unit: TimeDelta,
}

impl Lateness {
    /// The first time behind a change at which a listing can begin.
    fn behind(&self, change: DateTime<Utc>) -> DateTime<Utc> {
        let unit = self.unit.num_milliseconds().max(1);
        let next = (change.timestamp_millis().div_euclid(unit) + 1) * unit;
        DateTime::from_timestamp_millis(next).unwrap_or(change)
    }
}

/// Where an incremental listing continues.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// The latest change seen, by the platform's clock, or later if it is certain that nothing was missed; none if there
    /// was no change yet.
    pub(crate) until: Option<DateTime<Utc>>,
}

impl Seen {
    /// A cursor that cannot be read, perhaps of a later version, begins at the first change: that costs more, and loses
    /// nothing.
    pub(crate) fn read(json: &Json) -> Seen {
        serde_json::from_value(json.clone()).unwrap_or_default()
    }

    pub(crate) fn write(&self) -> Json {
        json!(self)
    }

    /// Where to begin.
    pub(crate) fn since(&self, lateness: &Lateness) -> Option<DateTime<Utc>> {
        self.until.map(|until| until - lateness.overlap)
    }

    /// Notes a change. Never goes back.
    pub(crate) fn note(&mut self, changed: Option<DateTime<Utc>>) {
        self.until = self.until.max(changed);
    }

    /// Has the next listing begin behind the last change of one that began at `began`, if a change of that time cannot
    /// show up any more. Otherwise each poll would list it again, with whatever else changed at about that time. The next
    /// poll asks the same as long as nothing changes.
    pub(crate) fn settle(&mut self, lateness: &Lateness, last: DateTime<Utc>, began: DateTime<Utc>) {
        let behind = lateness.behind(last);
        if began >= behind + lateness.overlap {
            self.note(Some(behind + lateness.overlap));
        }
    }
}

/// Where a listing begins: at the position of an earlier one, behind what was seen, or at the first item.
pub(crate) fn start<R>(mode: &ReadMode, from: Option<&Position>, platform: &str) -> Result<R, ConnectorError>
where
    R: DeserializeOwned + Default + From<Seen>,
{
    match (from, mode) {
        (Some(position), _) => serde_json::from_value(position.clone()).map_err(|_| {
            ConnectorError::conflict(format!("{position} is no position in the issues of {platform}"))
        }),
        (None, ReadMode::Since(cursor)) => Ok(R::from(Seen::read(cursor))),
        (None, ReadMode::Full) => Ok(R::default()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use syncline_engine::ports::ErrorKind;

    use super::*;

    const BY_SECOND: Lateness = Lateness { overlap: TimeDelta::minutes(2), unit: TimeDelta::seconds(1) };
    const BY_MINUTE: Lateness = Lateness { overlap: TimeDelta::minutes(5), unit: TimeDelta::minutes(1) };
    const BY_MILLI: Lateness = Lateness { overlap: TimeDelta::minutes(2), unit: TimeDelta::milliseconds(1) };

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_cursor_goes_back_by_the_overlap_and_never_further() {
        let mut seen = Seen::default();
        assert_eq!(seen.since(&BY_SECOND), None);
        seen.note(Some(at("2026-02-03T04:05:06.789Z")));
        seen.note(Some(at("2026-01-01T00:00:00Z")));
        seen.note(None);
        assert_eq!(seen.since(&BY_SECOND), Some(at("2026-02-03T04:03:06.789Z")));
        assert_eq!(seen.since(&BY_MINUTE), Some(at("2026-02-03T04:00:06.789Z")));
        assert_eq!(Seen::read(&seen.write()), seen);
        assert_eq!(Seen::read(&json!("x")), Seen::default());
    }

    /// The last change, a time too early to be sure, the first one that is not, and where the listing then begins.
    #[rstest]
    #[case(
        BY_SECOND,
        "2026-02-03T04:05:06Z",
        "2026-02-03T04:07:06Z",
        "2026-02-03T04:07:07Z",
        "2026-02-03T04:05:07Z"
    )]
    #[case(
        BY_MINUTE,
        "2026-02-03T04:05:06Z",
        "2026-02-03T04:10:59Z",
        "2026-02-03T04:11:00Z",
        "2026-02-03T04:06:00Z"
    )]
    #[case(
        BY_MILLI,
        "2026-02-03T04:05:06.789Z",
        "2026-02-03T04:07:06.789Z",
        "2026-02-03T04:07:06.790Z",
        "2026-02-03T04:05:06.790Z"
    )]
    fn a_change_that_is_old_enough_is_not_listed_again(
        #[case] lateness: Lateness,
        #[case] last: &str,
        #[case] early: &str,
        #[case] sure: &str,
        #[case] next: &str,
    ) {
        let mut seen = Seen { until: Some(at(last)) };
        seen.settle(&lateness, at(last), at(early));
        assert_eq!(seen.since(&lateness), Some(at(last) - lateness.overlap), "it may have been missed");
        seen.settle(&lateness, at(last), at(sure));
        assert_eq!(seen.since(&lateness), Some(at(next)));
        seen.settle(&lateness, at(last), at("2026-02-03T09:00:00Z"));
        assert_eq!(seen.since(&lateness), Some(at(next)), "the question stays");
    }

    #[test]
    fn a_listing_begins_where_it_is_told_to() {
        let cursor = json!({ "until": "2026-02-03T04:05:06Z" });
        let since: Seen = start(&ReadMode::Since(cursor.clone()), None, "Jira").unwrap();
        assert_eq!(since.until, Some(at("2026-02-03T04:05:06Z")));
        assert_eq!(start::<Seen>(&ReadMode::Full, None, "Jira").unwrap(), Seen::default());
        assert_eq!(start::<Seen>(&ReadMode::Full, Some(&cursor), "Jira").unwrap(), since);
        let error = start::<Seen>(&ReadMode::Full, Some(&json!("x")), "Jira").unwrap_err();
        assert_eq!(
            (error.kind, error.message.as_str()),
            (ErrorKind::Conflict, "\"x\" is no position in the issues of Jira")
        );
    }
}
