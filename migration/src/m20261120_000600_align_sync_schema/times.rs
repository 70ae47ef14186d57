//! Parses times in the formats of older installations.

use chrono::{DateTime, DurationRound, NaiveDate, NaiveDateTime, TimeDelta, Utc};

/// Parses a time as SQLite or PostgreSQL prints it, or as seconds or milliseconds since the epoch. One without an
/// offset is UTC. It is cut to microseconds, the precision of both databases.
pub(super) fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    read(text.trim())?.duration_trunc(TimeDelta::microseconds(1)).ok()
}

fn read(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(number) = text.parse::<i64>() {
        // Seconds up to the year 5138 are fewer than the milliseconds of 1973.
        let seconds = number.abs() < 100_000_000_000;
        return if seconds {
            DateTime::from_timestamp(number, 0)
        } else {
            DateTime::from_timestamp_millis(number)
        };
    }
    let text = text.replace(" UTC", "Z").replacen('T', " ", 1).replace(" +", "+").replace(" -", "-");
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return parse_naive(utc);
    }
    DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f%#z")
        .map(|time| time.to_utc())
        .ok()
        .or_else(|| parse_naive(&text))
}

fn parse_naive(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
        .ok()
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
        .map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_however_they_were_kept() {
        let expected = DateTime::parse_from_rfc3339("2025-03-04T05:06:07Z").unwrap().to_utc();
        for text in [
            "2025-03-04T05:06:07Z",
            "2025-03-04T05:06:07+00:00",
            "2025-03-04 05:06:07",
            "2025-03-04 05:06:07 +00:00",
            "2025-03-04 05:06:07+00",
            "2025-03-04 10:36:07+05:30",
            "2025-03-04 05:06:07 UTC",
            "1741064767",
            "1741064767000",
        ] {
            assert_eq!(parse_time(text), Some(expected), "{text}");
        }
        assert_eq!(parse_time("2025-03-04").unwrap().to_rfc3339(), "2025-03-04T00:00:00+00:00");
        assert_eq!(parse_time("yesterday"), None);
    }
}
