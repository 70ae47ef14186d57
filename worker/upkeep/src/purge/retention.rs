//! Settings for how long rows are kept.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

const DAY: u64 = 86_400;

/// How long rows are kept: a duration, or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Never purged by age.
    Forever,
    /// Purged once it is this many seconds old.
    Seconds(u64),
}

const UNITS: [(char, u64); 5] = [('w', 7 * DAY), ('d', DAY), ('h', 3_600), ('m', 60), ('s', 1)];

impl Age {
    pub const fn days(days: u64) -> Age {
        Age::Seconds(days * DAY)
    }

    /// Returns the time before which rows may be removed; `None` if none may.
    pub fn cutoff(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Age::Forever => None,
            // A cutoff before 1970 counts as for ever; databases disagree on such dates.
            Age::Seconds(seconds) => now
                .checked_sub_signed(TimeDelta::try_seconds(i64::try_from(seconds).ok()?)?)
                .filter(|cutoff| *cutoff > DateTime::UNIX_EPOCH),
        }
    }

    /// Returns the duration; `None` for ever.
    pub fn length(self) -> Option<Duration> {
        match self {
            Age::Forever => None,
            Age::Seconds(seconds) => Some(Duration::from_secs(seconds)),
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Age::Forever => f.write_str("forever"),
            Age::Seconds(seconds) => {
                // Days rather than weeks: a year as 52 weeks and a day would be hard to read.
                let fits = |(letter, unit): &&(char, u64)| *letter != 'w' && seconds % unit == 0;
                let (letter, unit) = UNITS.iter().find(fits).copied().unwrap_or(('s', 1));
                write!(f, "{}{letter}", seconds / unit)
            }
        }
    }
}

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no length of time: write a number and w, d, h, m or s, such as 90d; or forever")]
pub struct NoAge;

impl FromStr for Age {
    type Err = NoAge;

    fn from_str(text: &str) -> Result<Self, NoAge> {
        if text == "forever" {
            return Ok(Age::Forever);
        }
        let (letter, unit) = UNITS.into_iter().find(|(letter, _)| text.ends_with(*letter)).ok_or(NoAge)?;
        let number = text.strip_suffix(letter).ok_or(NoAge)?;
        // Parsing alone would accept a sign.
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoAge);
        }
        let number: u64 = number.parse().map_err(|_| NoAge)?;
        number.checked_mul(unit).map(Age::Seconds).ok_or(NoAge)
    }
}

/// The largest number of rows kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Never purged by count.
    All,
    /// This many of the newest are kept; older ones may be removed.
    Newest(u64),
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Count::All => f.write_str("all"),
            Count::Newest(count) => count.fmt(f),
        }
    }
}

/// The text is not a count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no number of things to keep: write a whole number from 1, such as 100000; or all")]
pub struct NoCount;

impl FromStr for Count {
    type Err = NoCount;

    fn from_str(text: &str) -> Result<Self, NoCount> {
        if text == "all" {
            return Ok(Count::All);
        }
        let number = text.parse::<u32>().ok().filter(|number| *number > 0 && !text.starts_with('+'));
        number.map(|number| Count::Newest(number.into())).ok_or(NoCount)
    }
}

/// How long each kind of row is kept. A row is removed if its age or its count is past its limit, and no open work
/// needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Runs and operations that are over, from their end.
    pub runs: Age,
    /// Runs per sync, whatever their age.
    pub runs_count: Count,
    /// Changes, and ended entries of the status history.
    pub changes: Age,
    /// Changes in total, whatever their age.
    pub changes_count: Count,
    /// Conflicts, from their resolution.
    pub conflicts: Age,
    /// Processed webhook deliveries.
    pub deliveries: Age,
    /// Webhook deliveries in total, whatever their age.
    pub deliveries_count: Count,
    /// Entries of the audit log.
    pub audit: Age,
    /// Events of the live feed.
    pub events: Age,
    /// Events of the live feed in total, counted by their positions, whatever their age.
    pub events_count: Count,
    /// Deleted syncs and all their rows, from their deletion.
    pub deleted_syncs: Age,
    /// The interval of scheduled purges; for ever: this worker schedules none.
    pub every: Age,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            runs: Age::days(90),
            runs_count: Count::Newest(100_000),
            changes: Age::days(365),
            changes_count: Count::All,
            conflicts: Age::days(365),
            deliveries: Age::days(30),
            deliveries_count: Count::All,
            audit: Age::days(365),
            events: Age::days(1),
            events_count: Count::Newest(1_000_000),
            deleted_syncs: Age::days(30),
            every: Age::days(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_read_as_it_is_written() {
        for text in ["90d", "365d", "12h", "15m", "30s", "forever"] {
            assert_eq!(text.parse::<Age>().unwrap().to_string(), text);
        }
        assert_eq!("52w".parse::<Age>().unwrap().to_string(), "364d");
        for text in ["", "d", "90", "-1d", "+1d", "1.5d", "90 d", "ever", "18446744073709551615d", "é"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_count_is_a_number_from_one() {
        for text in ["1", "100000", "all"] {
            assert_eq!(text.parse::<Count>().unwrap().to_string(), text);
        }
        for text in ["", "0", "-1", "+1", "1e6", "forever", "4294967296"] {
            assert!(text.parse::<Count>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_age_longer_than_there_are_dates_is_for_ever() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        assert_eq!(Age::days(1).cutoff(now), DateTime::from_timestamp(1_799_913_600, 0));
        assert_eq!(Age::Seconds(u64::MAX).cutoff(now), None);
        assert_eq!(Age::Forever.cutoff(now), None);
    }
}
