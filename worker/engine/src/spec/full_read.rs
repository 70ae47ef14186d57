//! `full_read` of a document.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::Value;

use super::length;
use crate::nearest::nearest;

/// How often a side that can be read from a cursor is read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullRead {
    /// In every run.
    Always,
    /// In the first run after so many seconds.
    Every(u64),
}

const ALWAYS: &str = "always";
/// The lengths with a name, in seconds.
const NAMED: [(&str, u64); 2] = [("daily", 86_400), ("weekly", 604_800)];

impl FullRead {
    /// The names, besides lengths.
    pub const NAMES: [&str; 3] = [ALWAYS, NAMED[0].0, NAMED[1].0];
    /// The accepted values, for messages.
    pub const ACCEPTED: &str = "always, daily, weekly, or a length such as 6h";

    /// Parses a name, a length as text, or seconds; none for values of other kinds.
    pub(super) fn parse(value: &Value) -> Option<Result<FullRead, String>> {
        let seconds = match value {
            Value::String(text) => match named(text) {
                Some(named) => return Some(Ok(named)),
                None => length::seconds(text).map_err(|why| {
                    match text.starts_with(|c: char| c.is_ascii_digit()) {
                        true => why,
                        false => unknown(text),
                    }
                }),
            },
            other => Ok(other.as_f64()?),
        };
        let seconds = seconds.and_then(|seconds| {
            // 0 could mean always as well as never.
            length::whole_seconds(seconds).filter(|seconds| *seconds > 0).ok_or_else(|| {
                format!(
                    "{value} is not a whole number of seconds from 1 to ten years; write {}",
                    Self::ACCEPTED
                )
            })
        });
        Some(seconds.map(FullRead::Every))
    }
}

fn named(text: &str) -> Option<FullRead> {
    let text = text.trim().to_ascii_lowercase();
    if text == ALWAYS {
        return Some(FullRead::Always);
    }
    NAMED.iter().find(|(name, _)| *name == text).map(|(_, seconds)| FullRead::Every(*seconds))
}

fn unknown(text: &str) -> String {
    let near = nearest(text, FullRead::NAMES);
    let near = near.map(|near| format!("did you mean {near:?}? ")).unwrap_or_default();
    format!("{text:?} is not a length of time; {near}write {}", FullRead::ACCEPTED)
}

impl Serialize for FullRead {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            FullRead::Always => serializer.serialize_str(ALWAYS),
            FullRead::Every(seconds) => match NAMED.iter().find(|(_, named)| named == seconds) {
                Some((name, _)) => serializer.serialize_str(name),
                None => serializer.serialize_u64(*seconds),
            },
        }
    }
}

impl<'de> Deserialize<'de> for FullRead {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let parsed = FullRead::parse(&value);
        parsed.unwrap_or_else(|| Err(format!("must be {}", FullRead::ACCEPTED))).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!("always"), FullRead::Always, json!("always"))]
    #[case(json!(" Daily "), FullRead::Every(86_400), json!("daily"))]
    #[case(json!("1w"), FullRead::Every(604_800), json!("weekly"))]
    #[case(json!("6h"), FullRead::Every(21_600), json!(21_600))]
    #[case(json!("1.5h"), FullRead::Every(5_400), json!(5_400))]
    #[case(json!(90), FullRead::Every(90), json!(90))]
    fn names_and_lengths_are_read(#[case] text: Value, #[case] expected: FullRead, #[case] written: Value) {
        let read: FullRead = serde_json::from_value(text).unwrap();
        assert_eq!((read, serde_json::to_value(read).unwrap()), (expected, written.clone()));
        assert_eq!(serde_json::from_value::<FullRead>(written).unwrap(), expected);
    }

    #[rstest]
    #[case(json!("dayly"), "\"dayly\" is not a length of time; did you mean \"daily\"? write always, daily, weekly, or")]
    #[case(json!("often"), "\"often\" is not a length of time; write always, daily, weekly, or a length such as 6h")]
    #[case(json!("5x"), "\"5x\" is not a length of time; write seconds, or a number with s, m, h, d or w")]
    #[case(json!("900000d"), "\"900000d\" is more than ten years")]
    #[case(json!(0), "0 is not a whole number of seconds from 1 to ten years; write always, daily")]
    #[case(json!("0.5s"), "\"0.5s\" is not a whole number")]
    #[case(json!(-5), "-5 is not a whole number")]
    #[case(json!([1]), "must be always, daily, weekly, or a length such as 6h")]
    fn other_values_are_refused_with_what_is_accepted(#[case] value: Value, #[case] told: &str) {
        let error = serde_json::from_value::<FullRead>(value).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
