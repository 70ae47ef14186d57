//! Times in Jira's forms.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

/// Returns a time as `2026-11-20T10:15:30.123+0000`, in a zone.
pub(crate) fn stamp(millis: i64, zone: Tz) -> String {
    at(millis).with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string()
}

/// Returns a time as `2026-11-20T10:15:31Z`, at the next whole second, as resets of limits are written.
pub(crate) fn reset(millis: i64) -> String {
    at(millis + 999).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads a time with an offset, with or without a colon, as milliseconds.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    time.ok().map(|time| time.timestamp_millis())
}

/// Reads a civil date of four, two and two digits.
pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)
}

/// Reads a date of JQL in a zone: `2026-11-20`, `2026/11/20 10:15`.
pub(crate) fn jql(text: &str, zone: Tz) -> Option<i64> {
    let text = text.trim().replace('/', "-");
    let civil = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M")
        .ok()
        .or_else(|| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    civil_in(civil, zone)
}

/// Returns the first instant at which clocks of a zone show this time; if they skip it, the next existing one.
fn civil_in(civil: NaiveDateTime, zone: Tz) -> Option<i64> {
    (0..=4)
        .filter_map(|hour| {
            zone.from_local_datetime(&(civil + chrono::Duration::minutes(30 * hour))).earliest()
        })
        .map(|time| time.timestamp_millis())
        .next()
}

/// Returns the start of today in a zone.
pub(crate) fn today(now: i64, zone: Tz) -> Option<i64> {
    civil_in(at(now).with_timezone(&zone).date_naive().and_hms_opt(0, 0, 0)?, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_an_offset_without_a_colon() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        assert_eq!(stamp(1_790_000_000_123, Tz::UTC), "2026-09-21T14:13:20.123+0000");
        assert_eq!(stamp(1_790_000_000_123, zone), "2026-09-21T16:13:20.123+0200");
        assert_eq!(parse("2026-09-21T16:13:20.123+0200"), Some(1_790_000_000_123));
        assert_eq!(parse("2026-09-21T16:13:20.123+02:00"), Some(1_790_000_000_123));
        assert_eq!(parse("2026-09-21"), None);
    }

    #[test]
    fn dates_of_jql_are_read_in_a_zone() {
        let zone: Tz = "Europe/Berlin".parse().unwrap();
        assert_eq!(jql("2026-09-21 16:13", zone), Some(1_789_999_980_000));
        assert_eq!(jql("2026/09/21 14:13", Tz::UTC), Some(1_789_999_980_000));
        assert_eq!(jql("2026-03-29 02:30", zone), jql("2026-03-29 03:00", zone), "a skipped hour");
        assert_eq!(jql("yesterday", zone), None);
        assert!(date("2026-1-2").is_none() && date("2026-01-02").is_some());
    }
}
