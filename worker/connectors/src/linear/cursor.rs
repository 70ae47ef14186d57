//! Where an incremental listing continues, and where a listing that was broken off goes on.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use syncline_engine::ports::ConnectorError;

/// How far an incremental listing goes back behind what was seen: a change may show up late.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);

/// The unit of Linear's times.
const UNIT: TimeDelta = TimeDelta::milliseconds(1);

/// Where an incremental listing continues.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// The latest change seen, by Linear's clock, or later if it is certain that nothing was missed.
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
    /// show up any more. Otherwise each poll would list it again.
    pub(super) fn settle(&mut self, last: DateTime<Utc>, began: DateTime<Utc>) {
        let behind = last + UNIT;
        if began >= behind + OVERLAP {
            self.note(Some(behind + OVERLAP));
        }
    }
}

/// Where a listing goes on after its pages so far. Both orders go back in time, and what is changed or created meanwhile
/// is seen by the listing after this one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Resume {
    /// Nothing changed before this is listed.
    pub(super) since: Option<DateTime<Utc>>,
    /// Everything created (or, of changes, changed) after this was returned.
    pub(super) until: Option<DateTime<Utc>>,
    /// When it began, by Linear's clock.
    pub(super) began: Option<DateTime<Utc>>,
    pub(super) seen: Seen,
}

impl Resume {
    pub(super) fn read(json: &Json) -> Result<Resume, ConnectorError> {
        serde_json::from_value(json.clone())
            .map_err(|_| ConnectorError::conflict(format!("{json} is no position in Linear's issues")))
    }

    pub(super) fn write(&self) -> Json {
        json!(self)
    }
}

/// A time as Linear's filters take it.
pub(super) fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
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
        seen.note(Some(at("2026-02-03T04:05:06.789Z")));
        seen.note(Some(at("2026-01-01T00:00:00Z")));
        seen.note(None);
        assert_eq!(seen.since(), Some(at("2026-02-03T04:03:06.789Z")));
        assert_eq!(Seen::read(&seen.write()), seen);
        assert_eq!(Seen::read(&json!("x")), Seen::default());
        assert_eq!(Resume::read(&json!("x")).unwrap_err().kind, ErrorKind::Conflict);
    }

    #[test]
    fn a_change_that_is_old_enough_is_not_listed_again() {
        let last = at("2026-02-03T04:05:06.789Z");
        let mut seen = Seen { until: Some(last) };
        seen.settle(last, at("2026-02-03T04:07:06.789Z"));
        assert_eq!(seen.since(), Some(at("2026-02-03T04:03:06.789Z")), "it may have been missed");
        seen.settle(last, at("2026-02-03T04:07:06.790Z"));
        assert_eq!(seen.since(), Some(at("2026-02-03T04:05:06.790Z")));
        assert_eq!(written(last), "2026-02-03T04:05:06.789Z");
    }
}
