//! The form in which a column stores times. A column that records when a row was changed keeps its form.

use chrono::{DateTime, NaiveTime, Timelike, Utc};
use syncline_engine::value::{Instant, Precision, parse_date};

/// The form in which a place writes times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// `2025-01-31T10:20:30Z` and similar forms.
    Text {
        separator: char,
        /// True if seconds are written.
        seconds: bool,
        /// Digits after the second.
        digits: usize,
        zone: Zone,
    },
    /// `2025-01-31`
    Date,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
}

/// How a text shows its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// Without a zone; UTC.
    Unnamed,
    /// `Z`
    Utc,
    /// `+02`, `+0200` or `+02:00`
    Offset {
        /// The offset from UTC.
        seconds: i32,
        /// The number of characters: 3, 5 or 6.
        length: usize,
    },
}

impl Zone {
    fn of_text(text: &str) -> Option<Zone> {
        let text = text.trim();
        let number = |at: usize| text.get(at..at + 2).and_then(|digits| digits.parse::<i32>().ok());
        let minutes = match text.len() {
            0 => return Some(Zone::Unnamed),
            1 => return Some(Zone::Utc),
            3 => 0,
            5 => number(3)?,
            _ => number(4)?,
        };
        let sign = if text.starts_with('-') { -60 } else { 60 };
        Some(Zone::Offset { seconds: sign * (number(1)? * 60 + minutes), length: text.len() })
    }

    fn seconds(self) -> i32 {
        if let Zone::Offset { seconds, .. } = self { seconds } else { 0 }
    }

    fn to_text(self) -> String {
        let Zone::Offset { seconds, length } = self else {
            return if self == Zone::Utc { "Z" } else { "" }.to_owned();
        };
        let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        match length {
            3 => format!("{sign}{hours:02}"),
            5 => format!("{sign}{hours:02}{minutes:02}"),
            _ => format!("{sign}{hours:02}:{minutes:02}"),
        }
    }
}

/// A time as a column stores it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    Text(String),
    Int(i64),
}

/// Numbers from here on (1973) are epoch seconds, smaller ones are plain numbers.
const EARLIEST_SECONDS: i64 = 100_000_000;
/// Numbers from here on are milliseconds (as seconds they would lie beyond the year 5000).
const EARLIEST_MILLIS: i64 = 100_000_000_000;
/// Numbers from here on are no times (as milliseconds they would lie beyond the year 5000).
const LATEST_MILLIS: i64 = 100_000_000_000_000;

impl Stamp {
    /// RFC 3339 in whole seconds.
    pub(crate) const RFC3339: Stamp =
        Stamp::Text { separator: 'T', seconds: true, digits: 0, zone: Zone::Utc };
    /// The form of SQLite's `CURRENT_TIMESTAMP`; UTC.
    pub(crate) const SQL: Stamp =
        Stamp::Text { separator: ' ', seconds: true, digits: 0, zone: Zone::Unnamed };

    /// The form of a text that is a time; numbers without padding count as padded.
    pub(crate) fn of_text(text: &str) -> Option<Stamp> {
        let text = text.trim();
        if parse_date(text).is_some() {
            return Some(Stamp::Date);
        }
        Instant::parse(text)?;
        let at = text.find(['T', 't', ' '])?;
        let separator = if text[at..].starts_with(' ') { ' ' } else { 'T' };
        let rest = text.get(at + 1..)?;
        let zone_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
        let (time, zone) = rest.split_at(zone_at);
        let digits = time.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let seconds = time.matches(':').count() > 1;
        Some(Stamp::Text { separator, seconds, digits, zone: Zone::of_text(zone)? })
    }

    /// The form of a number that is a time.
    pub(crate) fn of_int(number: i64) -> Option<Stamp> {
        match number {
            EARLIEST_SECONDS..EARLIEST_MILLIS => Some(Stamp::Seconds),
            EARLIEST_MILLIS..LATEST_MILLIS => Some(Stamp::Millis),
            _ => None,
        }
    }

    /// This form, extended by seconds and decimals if the time needs them; none if it cannot represent the time.
    pub(crate) fn holding(self, at: DateTime<Utc>) -> Option<Stamp> {
        let micros = at.timestamp_subsec_micros();
        let needed = match micros {
            0 => 0,
            micros if micros.is_multiple_of(1000) => 3,
            _ => 6,
        };
        match self {
            Stamp::Text { separator, seconds, digits, zone } => {
                let seconds = seconds || at.second() != 0 || micros != 0;
                Some(Stamp::Text { separator, seconds, digits: digits.max(needed), zone })
            }
            Stamp::Date => (at.time() == NaiveTime::MIN).then_some(self),
            Stamp::Seconds | Stamp::Millis if needed == 6 => None,
            Stamp::Seconds if needed == 3 => Some(Stamp::Millis),
            Stamp::Seconds | Stamp::Millis => Some(self),
        }
    }

    /// Writes a time in this form.
    pub(crate) fn write(self, at: DateTime<Utc>) -> Written {
        match self {
            Stamp::Seconds => Written::Int(at.timestamp()),
            Stamp::Millis => Written::Int(at.timestamp_millis()),
            Stamp::Date => Written::Text(at.date_naive().to_string()),
            Stamp::Text { separator, seconds, digits, zone } => {
                let local = at + chrono::TimeDelta::seconds(i64::from(zone.seconds()));
                let time = match digits {
                    _ if !seconds => "%H:%M",
                    0 => "%H:%M:%S",
                    1..=3 => "%H:%M:%S%.3f",
                    _ => "%H:%M:%S%.6f",
                };
                let (date, time) = (local.format("%Y-%m-%d"), local.format(time));
                Written::Text(format!("{date}{separator}{time}{}", zone.to_text()))
            }
        }
    }
}

/// Parses a time and its form: a date, a date and a time, or a number since 1970.
pub(crate) fn read(text: &str) -> Option<(Instant, Stamp)> {
    let text = text.trim();
    if let Ok(number) = text.parse() {
        return Some((instant_of_int(number)?, Stamp::of_int(number)?));
    }
    let midnight = || parse_date(text).and_then(|date| date.and_hms_opt(0, 0, 0));
    let instant = Instant::parse(text)
        .or_else(|| midnight().map(|at| Instant::new(at.and_utc(), Precision::Second)))?;
    Some((instant, Stamp::of_text(text)?))
}

/// RFC 3339, which always has seconds.
pub(crate) fn rfc3339(instant: Instant) -> String {
    Instant::new(instant.at, instant.precision.max(Precision::Second)).to_text()
}

/// The message that the time of a row's last change cannot be parsed.
pub(crate) fn unread(column: &str, content: &str) -> String {
    let short: String = content.chars().take(40).collect();
    format!(
        "the column {column:?}, which `modified` names, holds {short:?}, which cannot be read as a time; it is left as \
         it is. Write times as YYYY-MM-DD HH:MM:SS or RFC 3339, or name another column"
    )
}

/// The instant of a number of seconds or milliseconds since 1970.
pub(crate) fn instant_of_int(number: i64) -> Option<Instant> {
    match Stamp::of_int(number)? {
        Stamp::Millis => DateTime::from_timestamp_millis(number).map(|at| Instant::new(at, Precision::Milli)),
        _ => DateTime::from_timestamp(number, 0).map(|at| Instant::new(at, Precision::Second)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2025-01-31T10:20:30Z", "2026-02-03T04:05:06Z")]
    #[case("2025-01-31 10:20:30", "2026-02-03 04:05:06")]
    #[case("2025-01-31T10:20:30.5+02:00", "2026-02-03T06:05:06.789+02:00")]
    #[case("2026-3-1 9:30:00", "2026-02-03 04:05:06")]
    #[case(" 2026-03-01 09:30", "2026-02-03 04:05")]
    #[case("2026-03-01 09:30:00-0330", "2026-02-03 00:35:06-0330")]
    #[case("2026-03-01 09:30:00+02", "2026-02-03 06:05:06+02")]
    #[case("2025-01-31 10:20:30.123456", "2026-02-03 04:05:06.789012")]
    #[case("2025-01-31", "2026-02-03")]
    fn a_time_keeps_the_form_of_the_others(#[case] sample: &str, #[case] expected: &str) {
        let at = DateTime::from_timestamp_micros(1_770_091_506_789_012).unwrap();
        let stamp = Stamp::of_text(sample).unwrap();
        assert_eq!(stamp.write(at), Written::Text(expected.to_owned()));
        assert!(read(expected).is_some(), "what is written can be read");
    }

    #[test]
    fn numbers_are_told_apart_by_magnitude() {
        assert_eq!(Stamp::of_int(5), None);
        assert_eq!(Stamp::of_int(1_700_000_000), Some(Stamp::Seconds));
        assert_eq!(Stamp::of_int(1_700_000_000_000), Some(Stamp::Millis));
        for text in ["tomorrow", "28-01-21 17:11", "28/Jan/21 5:11 PM", "2026-03"] {
            assert_eq!(read(text), None);
        }
    }
}
