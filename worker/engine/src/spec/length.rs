//! Durations in a document: a number of seconds, or text such as `5m`.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// The length of each unit in seconds.
const UNITS: [(&str, f64); 6] =
    [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0), ("w", 604_800.0)];
const LONGEST: f64 = 10.0 * 366.0 * 86_400.0;

/// The seconds of a duration such as `90`, `90s`, `5m`, `1h` or `1d`.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit.trim() {
        "" => Some(1.0),
        unit => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| *seconds),
    };
    let seconds = number.parse::<f64>().ok().zip(unit).map(|(number, unit)| number * unit);
    match seconds {
        Some(seconds) if seconds <= LONGEST => Ok(seconds),
        Some(_) => Err(format!("{text:?} is more than ten years")),
        None => Err(format!(
            "{text:?} is not a length of time; write seconds, or a number with s, m, h, d or w, for example 5m"
        )),
    }
}

/// Parses seconds that may have a fraction.
pub(super) fn fractional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => seconds(&text).map_err(D::Error::custom),
        other => other.as_f64().ok_or_else(|| D::Error::custom(format!("{other} is not a length of time"))),
    }
}

/// Parses whole seconds.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = fractional(deserializer)?;
    whole_seconds(seconds)
        .ok_or_else(|| D::Error::custom(format!("{seconds} is not a whole number of seconds, 0 or more")))
}

/// The number as an integer; none if it has a fraction or is not between 0 and ten years.
pub(super) fn whole_seconds(seconds: f64) -> Option<u64> {
    if seconds.fract() != 0.0 || !(0.0..=LONGEST).contains(&seconds) {
        return None;
    }
    format!("{seconds:.0}").parse().ok()
}
