//! Schedules and instants from text.

use chrono::{DateTime, Utc};
use syncline_engine::{
    schedule::{Schedule, When, Windows, parse_zone},
    spec::MissedTicks,
};

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect(text).to_utc()
}

pub(crate) fn schedule(when: &str, zone: &str) -> Schedule {
    Schedule {
        when: When::parse(when).expect(when),
        zone: parse_zone(zone).expect(zone),
        windows: None,
        missed: MissedTicks::Once,
    }
}

pub(crate) fn within(when: &str, zone: &str, windows: &str, missed: MissedTicks) -> Schedule {
    Schedule { windows: Some(Windows::parse(windows).expect(windows)), missed, ..schedule(when, zone) }
}

/// The first `count` ticks after an instant.
pub(crate) fn ticks(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let anchor = at(after);
    let mut last = anchor;
    let next = || {
        last = schedule.next_tick(anchor, last)?;
        Some(last.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    };
    std::iter::from_fn(next).take(count).collect()
}
