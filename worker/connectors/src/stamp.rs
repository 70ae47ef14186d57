//! How a column writes down times. A column that records when a row was changed keeps the form it has.

use chrono::{DateTime, SecondsFormat, Utc};

/// The form in which a place writes times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// `2025-01-31T10:20:30Z` and its kin.
    Text {
        /// `T` or a space.
        separator: char,
        /// Digits after the second.
        digits: usize,
        /// What follows the time: nothing, `Z` or `+00:00`.
        zone: &'static str,
    },
    /// `2025-01-31`
    Date,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
}

/// A time in the form of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    Text(String),
    Int(i64),
}

/// Seconds from here on (1973) are taken for an epoch, smaller numbers for plain numbers.
const EARLIEST_SECONDS: i64 = 100_000_000;
/// Numbers from here on are milliseconds (as seconds they would lie beyond the year 5000).
const EARLIEST_MILLIS: i64 = 100_000_000_000;
/// As milliseconds, beyond the year 5000: no time.
const LATEST_MILLIS: i64 = 100_000_000_000_000;

impl Stamp {
    /// RFC 3339 in whole seconds.
    pub(crate) const RFC3339: Stamp = Stamp::Text { separator: 'T', digits: 0, zone: "Z" };
    /// What SQLite's `CURRENT_TIMESTAMP` writes; UTC.
    pub(crate) const SQL: Stamp = Stamp::Text { separator: ' ', digits: 0, zone: "" };

    /// The form of a text that is a time.
    pub(crate) fn of_text(text: &str) -> Option<Stamp> {
        if text.len() == 10 {
            return chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|_| Stamp::Date);
        }
        syncline_engine::value::Instant::parse(text)?;
        let separator = text.chars().nth(10)?;
        let time = text.get(11..)?;
        let digits = time
            .split_once('.')
            .map_or(0, |(_, fraction)| fraction.bytes().take_while(u8::is_ascii_digit).count());
        let zone = match () {
            () if time.ends_with('Z') => "Z",
            () if time.contains(['+', '-']) => "+00:00",
            () => "",
        };
        Some(Stamp::Text { separator, digits, zone })
    }

    /// The form of a number that is a time.
    pub(crate) fn of_int(number: i64) -> Option<Stamp> {
        match number {
            EARLIEST_SECONDS..EARLIEST_MILLIS => Some(Stamp::Seconds),
            EARLIEST_MILLIS..LATEST_MILLIS => Some(Stamp::Millis),
            _ => None,
        }
    }

    /// A time in this form.
    pub(crate) fn write(self, at: DateTime<Utc>) -> Written {
        match self {
            Stamp::Seconds => Written::Int(at.timestamp()),
            Stamp::Millis => Written::Int(at.timestamp_millis()),
            Stamp::Date => Written::Text(at.date_naive().to_string()),
            Stamp::Text { separator, digits, zone } => {
                let precision = match digits {
                    0 => SecondsFormat::Secs,
                    1..=3 => SecondsFormat::Millis,
                    _ => SecondsFormat::Micros,
                };
                let text = at.to_rfc3339_opts(precision, true);
                let body = text.trim_end_matches('Z').replacen('T', &separator.to_string(), 1);
                Written::Text(body + zone)
            }
        }
    }
}

/// The instant that a number of seconds or milliseconds since 1970 stands for.
pub(crate) fn instant_of_int(number: i64) -> Option<syncline_engine::value::Instant> {
    use syncline_engine::value::{Instant, Precision};
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
    #[case("2025-01-31T10:20:30.5+02:00", "2026-02-03T04:05:06.789+00:00")]
    #[case("2025-01-31 10:20:30.123456", "2026-02-03 04:05:06.789012")]
    #[case("2025-01-31", "2026-02-03")]
    fn a_time_keeps_the_form_of_the_others(#[case] sample: &str, #[case] expected: &str) {
        let at = DateTime::from_timestamp_micros(1_770_091_506_789_012).unwrap();
        let stamp = Stamp::of_text(sample).unwrap();
        assert_eq!(stamp.write(at), Written::Text(expected.to_owned()));
    }

    #[test]
    fn numbers_are_told_apart_by_magnitude() {
        assert_eq!(Stamp::of_int(5), None);
        assert_eq!(Stamp::of_int(1_700_000_000), Some(Stamp::Seconds));
        assert_eq!(Stamp::of_int(1_700_000_000_000), Some(Stamp::Millis));
        assert_eq!(Stamp::of_text("tomorrow"), None);
    }
}
