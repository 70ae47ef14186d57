//! A field's value, in the form common to all platforms.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// The fields of an item by name.
pub type Fields = BTreeMap<String, Value>;

/// A field's value.
///
/// Whole numbers keep their 64 bits; a civil date, and an instant with the precision its platform gave it, are types of
/// their own, because a date is no instant and 10:30 is not 10:30:00.000.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: absent, empty or null.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// A civil date, in no zone.
    Date(NaiveDate),
    /// An instant.
    DateTime(Instant),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name.
    Object(Fields),
}

/// A point in time and how exactly its platform states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// The time.
    pub at: DateTime<Utc>,
    /// The unit it was stated in.
    pub precision: Precision,
}

/// The unit in which a platform states times; coarse to fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// Whole minutes.
    Minute,
    /// Whole seconds.
    Second,
    /// Thousandths of a second.
    Milli,
    /// Millionths of a second.
    Micro,
}

impl Precision {
    /// Length in microseconds.
    pub fn micros(self) -> i64 {
        match self {
            Precision::Minute => 60_000_000,
            Precision::Second => 1_000_000,
            Precision::Milli => 1_000,
            Precision::Micro => 1,
        }
    }
}

impl Instant {
    /// An instant stated in `precision`; finer digits are cut.
    pub fn new(at: DateTime<Utc>, precision: Precision) -> Self {
        let unit = precision.micros();
        let micros = at.timestamp_micros().div_euclid(unit) * unit;
        Self { at: DateTime::from_timestamp_micros(micros).unwrap_or(at), precision }
    }

    /// Whether two instants are equal as far as the coarser one can tell.
    pub fn same(&self, other: &Instant) -> bool {
        let precision = self.precision.min(other.precision);
        Instant::new(self.at, precision).at == Instant::new(other.at, precision).at
    }

    /// RFC 3339 in UTC, with as many digits as the precision has.
    pub fn to_text(&self) -> String {
        match self.precision {
            Precision::Minute => self.at.format("%Y-%m-%dT%H:%MZ").to_string(),
            Precision::Second => self.at.to_rfc3339_opts(SecondsFormat::Secs, true),
            Precision::Milli => self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            Precision::Micro => self.at.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }

    /// Reads the forms platforms use: RFC 3339, `YYYY-MM-DD HH:MM[:SS[.f]]` with an optional zone (UTC when it has
    /// none). The number of digits gives the precision.
    pub fn parse(text: &str) -> Option<Instant> {
        let text = text.trim();
        if let Some(minutes) = parse_minutes(text) {
            return Some(Instant::new(minutes, Precision::Minute));
        }
        let fraction =
            text.split_once('.').map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
        let precision = match fraction {
            0 => Precision::Second,
            1..=3 => Precision::Milli,
            _ => Precision::Micro,
        };
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Some(Instant::new(at.with_timezone(&Utc), precision));
        }
        for format in ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"] {
            if let Ok(at) = DateTime::parse_from_str(text, format) {
                return Some(Instant::new(at.with_timezone(&Utc), precision));
            }
        }
        for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
            if let Ok(at) = chrono::NaiveDateTime::parse_from_str(text, format) {
                return Some(Instant::new(at.and_utc(), precision));
            }
        }
        None
    }
}

fn parse_minutes(text: &str) -> Option<DateTime<Utc>> {
    let zoned = ["%Y-%m-%d %H:%M%#z", "%Y-%m-%dT%H:%M%#z"];
    let zoned = zoned.iter().find_map(|format| DateTime::parse_from_str(text, format).ok());
    let local = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let local = || local.iter().find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok());
    zoned.map(|at| at.with_timezone(&Utc)).or_else(|| local().map(|at| at.and_utc()))
}

impl Value {
    /// Text as a value; blank text is nothing.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A float as a value: a whole one becomes an integer, so that 1.0 and 1 are one value.
    pub fn float(number: f64) -> Value {
        // 2^53: beyond it a float no longer tells neighbouring integers apart.
        if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
            Value::Int(number as i64)
        } else {
            Value::Float(number)
        }
    }

    /// Null, or text with nothing in it: platforms disagree on which of the two an empty field is.
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            Value::List(values) => values.is_empty(),
            _ => false,
        }
    }

    /// Equality as people see it: blank equals blank, numbers by value, instants at the coarser precision.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (a, b) if a.is_blank() || b.is_blank() => a.is_blank() && b.is_blank(),
            (Value::DateTime(a), Value::DateTime(b)) => a.same(b),
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => *a as f64 == *b,
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            // A blank member is none, as in hashes.
            (Value::Object(a), Value::Object(b)) => {
                let present = |fields: &'_ Fields| fields.values().filter(|value| !value.is_blank()).count();
                let holds = |(name, value): (&String, &Value)| {
                    value.is_blank() || b.get(name).is_some_and(|other| value.same(other))
                };
                present(a) == present(b) && a.iter().all(holds)
            }
            (a, b) => a == b,
        }
    }

    /// The value as JSON. Dates and instants become text.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::Text(value) => Json::String(value.clone()),
            Value::Date(value) => Json::String(value.to_string()),
            Value::DateTime(value) => Json::String(value.to_text()),
            Value::List(values) => Json::Array(values.iter().map(Value::to_json).collect()),
            Value::Object(fields) => {
                Json::Object(fields.iter().map(|(k, v)| (k.clone(), v.to_json())).collect())
            }
        }
    }

    /// JSON as a value; text stays text, since JSON does not say which text is a date.
    pub fn from_json(json: &serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Value::Int(int),
                (None, Some(float)) if !number.is_u64() => Value::float(float),
                // More than 63 bits: a float would be another number, text loses nothing.
                _ => Value::Text(number.to_string()),
            },
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(values) => Value::List(values.iter().map(Value::from_json).collect()),
            Json::Object(fields) => {
                Value::Object(fields.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect())
            }
        }
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::Date(_) => "a date",
            Value::DateTime(_) => "a datetime",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{text:?}"),
            other => write!(f, "{}", other.to_json()),
        }
    }
}

/// Fields as a JSON object.
pub fn fields_to_json(fields: &Fields) -> serde_json::Value {
    serde_json::Value::Object(fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
}

/// A JSON object as fields; anything else has none.
pub fn fields_from_json(json: &serde_json::Value) -> Fields {
    match json {
        serde_json::Value::Object(object) => {
            object.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect()
        }
        _ => Fields::new(),
    }
}
