//! Cron expressions, and how they handle days on which a clock is put forward or back.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};

use super::instant_of;

/// A cron expression: minute, hour, day of the month, month, day of the week; seconds may precede them.
///
/// If the hour is `*`, ticks follow one another in real time: none is lost or added when a clock is put forward or
/// back. Any other hour is a time of the day that comes once a day: a tick that the clock skips fires right after
/// the gap, one that the clock shows twice fires the first time.
#[derive(Clone)]
pub struct Cron {
    pattern: croner::Cron,
    text: String,
    hourly: bool,
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cron").field(&self.text).finish()
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Cron {
    /// Parses an expression. The error says what is wrong, and what is allowed.
    pub fn parse(text: &str) -> Result<Cron, String> {
        let trimmed = text.trim();
        let fields: Vec<&str> = trimmed.split_whitespace().collect();
        let wrong = |why: &str| {
            format!(
                "{text:?} {why}; write a cron expression of five fields (minute hour day month weekday, as in \
                 \"*/15 * * * *\"; six with seconds first) or every_N_minutes"
            )
        };
        let hourly = match fields.as_slice() {
            [nickname] if nickname.starts_with('@') => {
                let known = ["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"];
                if !known.contains(&nickname.to_ascii_lowercase().as_str()) {
                    return Err(format!("{text:?} is not one of {}", known.join(", ")));
                }
                nickname.eq_ignore_ascii_case("@hourly")
            }
            [_, hour, _, _, _] | [_, _, hour, _, _, _] => *hour == "*",
            _ => return Err(wrong("is neither a cron expression nor an interval")),
        };
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let pattern =
            parser.parse(trimmed).map_err(|error| wrong(&format!("is no cron expression ({error})")))?;
        let cron = Cron { pattern, text: trimmed.to_owned(), hourly };
        // Two 29ths of February are at most eight years apart.
        let start = NaiveDateTime::default();
        match cron.pattern.find_next_occurrence(&start, true) {
            Ok(first) if first - start < TimeDelta::days(50 * 366) => Ok(cron),
            _ => Err(format!("{text:?} names a day that no calendar has; it would never fire")),
        }
    }

    /// The first tick after an instant.
    pub fn next(&self, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.hourly {
            let next = self.pattern.find_next_occurrence(&after.with_timezone(&zone), false).ok()?;
            return Some(next.to_utc());
        }
        let mut wall = after.with_timezone(&zone).naive_local();
        // Loops if the clock was put back and shows times whose tick has already fired.
        loop {
            let next = self.pattern.find_next_occurrence(&wall, false).ok()?;
            let at = instant_of(zone, next)?;
            if at > after {
                return Some(at);
            }
            wall = next;
        }
    }
}
