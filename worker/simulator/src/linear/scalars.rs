//! Linear's own scalars. Times become milliseconds since 1970, so that filters compare numbers.

use chrono::{DateTime, Duration, Months, NaiveDate, SecondsFormat, Utc};
use serde_json::Value;

use super::id::Id;
use crate::graphql::Scalars;

/// Reads scalars; durations are relative to `now`.
pub(crate) struct Reader {
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}

impl Scalars for Reader {
    fn read(&self, scalar: &str, value: &Value) -> Result<Value, String> {
        let text = value.as_str();
        let wrong = || format!("{scalar} cannot represent value: {value}");
        match scalar {
            "DateTime" => text.and_then(millis).map(Value::from).ok_or_else(wrong),
            "DateTimeOrDuration" => text
                .and_then(|text| millis(text).or_else(|| self.after(text)))
                .map(Value::from)
                .ok_or_else(wrong),
            "TimelessDate" => text.and_then(date).map(Value::from).ok_or_else(wrong),
            "TimelessDateOrDuration" => text
                .and_then(|text| date(text).or_else(|| Some(stamp(self.after(text)?)[..10].to_owned())))
                .map(Value::from)
                .ok_or_else(wrong),
            "UUID" => text.filter(|text| Id::parse(text).is_some()).map(Value::from).ok_or_else(wrong),
            "JSONObject" if !value.is_object() => Err(wrong()),
            _ => Ok(value.clone()),
        }
    }
}

impl Reader {
    /// Reads an ISO duration such as `-P2W` or `PT15M`, and returns the time that far from now.
    fn after(&self, text: &str) -> Option<i64> {
        let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let mut rest = rest.strip_prefix('P')?;
        let mut in_day = false;
        let mut time = DateTime::<Utc>::from_timestamp_millis(self.now)?;
        let mut any = false;
        while !rest.is_empty() {
            if let Some(behind) = rest.strip_prefix('T').filter(|_| !in_day) {
                in_day = true;
                rest = behind;
                continue;
            }
            let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
            let count: u32 = rest.get(..digits)?.parse().ok()?;
            let signed = i64::from(count) * sign;
            let months = |count: u32| {
                if sign < 0 {
                    time.checked_sub_months(Months::new(count))
                } else {
                    time.checked_add_months(Months::new(count))
                }
            };
            let unit = rest[digits..].chars().next()?;
            time = match (unit, in_day) {
                ('Y', false) => months(count.checked_mul(12)?)?,
                ('M', false) => months(count)?,
                ('W', false) => time.checked_add_signed(Duration::try_weeks(signed)?)?,
                ('D', false) => time.checked_add_signed(Duration::try_days(signed)?)?,
                ('H', true) => time.checked_add_signed(Duration::try_hours(signed)?)?,
                ('M', true) => time.checked_add_signed(Duration::try_minutes(signed)?)?,
                ('S', true) => time.checked_add_signed(Duration::try_seconds(signed)?)?,
                _ => return None,
            };
            any = true;
            rest = &rest[digits + 1..];
        }
        any.then(|| time.timestamp_millis())
    }
}

/// Parses a time; a date alone is its midnight in UTC.
pub(crate) fn millis(text: &str) -> Option<i64> {
    let whole = DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis());
    whole.or_else(|| {
        let day: NaiveDate = date(text)?.parse().ok()?;
        Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
    })
}

/// Returns a day as `2026-11-20`.
fn date(text: &str) -> Option<String> {
    let day: NaiveDate = text.get(..10)?.parse().ok()?;
    (text.len() == 10).then(|| day.to_string())
}

/// Returns a time as `2026-11-20T10:15:30.123Z`.
pub(crate) fn stamp(millis: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_and_durations_are_read() {
        let reader = Reader { now: 1_790_000_000_000 };
        let read = |scalar, text: &str| reader.read(scalar, &json!(text));
        assert_eq!(read("DateTime", "2026-09-21T14:13:20.001Z"), Ok(json!(1_790_000_000_001_i64)));
        assert_eq!(read("DateTimeOrDuration", "-PT15M"), Ok(json!(1_790_000_000_000_i64 - 900_000)));
        assert_eq!(read("DateTimeOrDuration", "P1DT1H"), Ok(json!(1_790_000_000_000_i64 + 90_000_000)));
        assert_eq!(read("TimelessDateOrDuration", "-P1M"), Ok(json!("2026-08-21")));
        assert_eq!(read("TimelessDate", "2026-02-28"), Ok(json!("2026-02-28")));
        for (scalar, text) in [
            ("DateTime", "yesterday"),
            ("DateTimeOrDuration", "-P"),
            ("DateTimeOrDuration", "P1H"),
            ("TimelessDate", "2026-02-30"),
            ("TimelessDate", "2026-02-28T00:00:00Z"),
            ("UUID", "ENG-1"),
        ] {
            assert!(read(scalar, text).is_err(), "{scalar} {text}");
        }
        assert_eq!(stamp(1_790_000_000_001), "2026-09-21T14:13:20.001Z");
    }
}
