//! When a sync runs by itself: a pure function of its document and of the time.
//!
//! A schedule is an interval or a cron expression, in a time zone, within windows. Its ticks are instants. This module
//! reads no clock: the caller passes the time, so that a tick is the same on every replica.

mod cron;
mod every;
mod tick;
mod window;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

pub use cron::Cron;
pub use tick::{Due, MAX_MISSED, ON_TIME};
pub use window::Windows;

use crate::spec::MissedTicks;

#[derive(Debug, Clone)]
pub struct Schedule {
    pub when: When,
    /// The time zone of a cron expression and of the windows.
    pub zone: Tz,
    /// No tick fires outside of these.
    pub windows: Option<Windows>,
    /// How to handle ticks that passed while no worker ran.
    pub missed: MissedTicks,
}

#[derive(Debug, Clone)]
pub enum When {
    /// At a fixed interval.
    Every(TimeDelta),
    Cron(Box<Cron>),
}

impl When {
    /// Parses `every_15_minutes`, `every 90 seconds` or a cron expression. The error says what is wrong and what is
    /// allowed.
    pub fn parse(text: &str) -> Result<When, String> {
        if let Some(rest) = every::strip(text) {
            return every::parse(rest).map(When::Every);
        }
        let cron = Cron::parse(text)?;
        Ok(When::Cron(Box::new(cron)))
    }

    /// An interval in seconds; none for 0 and out of range.
    pub fn seconds(seconds: u64) -> Option<When> {
        let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        TimeDelta::try_seconds(seconds).map(When::Every)
    }
}

/// Parses an IANA time zone.
pub fn parse_zone(name: &str) -> Result<Tz, String> {
    name.parse().map_err(|_| {
        format!("{name:?} is no IANA time zone; write UTC, Europe/Berlin or America/New_York, for example")
    })
}

/// The instant of a wall clock time. If the clock is put forward over it, the moment of the change; if the clock is put
/// back and shows it twice, the first one.
fn instant_of(zone: Tz, wall: chrono::NaiveDateTime) -> Option<DateTime<Utc>> {
    use chrono::{LocalResult, TimeZone};
    // Zones have skipped whole days, when they moved to the other side of the date line.
    for minutes in 0..=25 * 60 {
        let moved = wall.checked_add_signed(TimeDelta::minutes(minutes))?;
        match zone.from_local_datetime(&moved) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) if minutes == 0 => {
                return Some(at.to_utc());
            }
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => {
                return Some(start_of_offset(zone, at.to_utc()));
            }
            LocalResult::None => {}
        }
    }
    None
}

/// The moment within the last minute at which the zone's present offset began.
fn start_of_offset(zone: Tz, at: DateTime<Utc>) -> DateTime<Utc> {
    use chrono::{Offset, TimeZone};
    let offset = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let now = offset(at);
    let mut start = at;
    for _ in 0..60 {
        let Some(before) = start.checked_sub_signed(TimeDelta::seconds(1)) else { break };
        if offset(before) != now {
            break;
        }
        start = before;
    }
    start
}
