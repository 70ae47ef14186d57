//! A field's value in the form common to all platforms.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::Value as Json;

use crate::json::repeats_members;

pub use crate::decimal::Decimal;
pub use crate::instant::{Instant, Precision, parse_date};

/// The fields of an item by name.
pub type Fields = BTreeMap<String, Value>;

/// A field's value.
///
/// Numbers keep the digits they are written with. A civil date, and an instant with its platform's precision, are types
/// of their own, because a date is no instant and 10:30 is not 10:30:00.000.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing: absent, empty or null.
    Null,
    Bool(bool),
    Int(i64),
    /// A finite float.
    Float(f64),
    /// Any other number, with its digits as written.
    Decimal(Decimal),
    Text(String),
    /// A civil date, in no zone.
    Date(NaiveDate),
    DateTime(Instant),
    List(Vec<Value>),
    /// Values by name.
    Object(Fields),
}

impl Value {
    /// Text as a value; blank text is null.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A float as a value: a whole one becomes an integer, so that 1.0 and 1 are one value.
    pub fn float(number: f64) -> Value {
        // 2^53: beyond it a float cannot distinguish neighbouring integers.
        if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
            Value::Int(number as i64)
        } else {
            Value::Float(number)
        }
    }

    /// Parses a number: a 64-bit integer, a float if its shortest form is this very text, else the digits as written.
    /// Thousands separators, `inf` and `nan` are no numbers.
    pub fn number(text: &str) -> Option<Value> {
        let text = text.trim();
        if text.starts_with("-0") && Decimal::parse(text)?.to_i64() == Some(0) {
            return Decimal::parse(text).map(Value::Decimal);
        }
        if let Ok(whole) = text.parse() {
            return Some(Value::Int(whole));
        }
        let decimal = Decimal::parse(text)?;
        match decimal.to_f64().filter(|float| float.fract() != 0.0) {
            Some(float) if format!("{}", Json::from(float)) == decimal.as_str() => Some(Value::Float(float)),
            _ => Some(Value::Decimal(decimal)),
        }
    }

    /// The value of a number; none for other values.
    pub fn to_decimal(&self) -> Option<Decimal> {
        match self {
            Value::Int(number) => Decimal::parse(&number.to_string()),
            Value::Float(number) => Decimal::of_f64(*number),
            Value::Decimal(number) => Some(number.clone()),
            _ => None,
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Value::Int(_) | Value::Float(_) | Value::Decimal(_))
    }

    /// True for null and for blank text: platforms differ in how they store an empty field.
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            Value::List(values) => values.is_empty(),
            _ => false,
        }
    }

    /// Equality for people: blank equals blank, numbers compare by value, instants at the coarser precision.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (a, b) if a.is_blank() || b.is_blank() => a.is_blank() && b.is_blank(),
            (Value::DateTime(a), Value::DateTime(b)) => a.same(b),
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) if a == b => true,
            (a, b) if a.is_number() && b.is_number() => a.to_decimal() == b.to_decimal(),
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            // A blank member counts as absent, as in hashes.
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
    pub fn to_json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Float(value) => Json::from(*value),
            Value::Decimal(value) => match value.as_str().parse() {
                Ok(number) => Json::Number(number),
                Err(_) => Json::String(value.as_str().to_owned()),
            },
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
    pub fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            // A number out of bounds stays readable as text.
            Json::Number(number) => {
                let text = number.to_string();
                Value::number(&text).unwrap_or(Value::Text(text))
            }
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(values) => Value::List(values.iter().map(Value::from_json).collect()),
            Json::Object(fields) => {
                Value::Object(fields.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect())
            }
        }
    }

    /// Parses JSON text; none if it is not JSON, contains a number out of bounds, or repeats a member, which would lose
    /// one of the values.
    pub fn parse_json(text: &str) -> Option<Value> {
        let json: Json = serde_json::from_str(text).ok()?;
        let whole = is_bounded(&json) && !repeats_members(text);
        whole.then(|| Value::from_json(&json))
    }

    /// [`parse_json`](Value::parse_json) of a cell. A JSON string becomes its text, unless that text is JSON itself and
    /// would be parsed as something else the next time: then the cell is left as it is.
    pub fn parse_json_cell(text: &str) -> Option<Value> {
        match Value::parse_json(text)? {
            Value::Text(inner) if serde_json::from_str::<Json>(&inner).is_ok() => None,
            value => Some(value),
        }
    }

    /// Returns the same text for equal values, as used in ids and in the keys of value maps: 1.50 is "1.5".
    pub fn name(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Decimal(number) => number.plain(),
            other => other.to_json().to_string(),
        }
    }

    /// The kind of this value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) | Value::Decimal(_) => "a number",
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

/// True if all numbers in it can be stored digit for digit.
fn is_bounded(json: &Json) -> bool {
    match json {
        Json::Number(number) => Value::number(&number.to_string()).is_some(),
        Json::Array(values) => values.iter().all(is_bounded),
        Json::Object(fields) => fields.values().all(is_bounded),
        _ => true,
    }
}

pub fn fields_to_json(fields: &Fields) -> Json {
    Json::Object(fields.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
}

/// A JSON object as fields; other JSON becomes no fields.
pub fn fields_from_json(json: &Json) -> Fields {
    match json {
        Json::Object(object) => object.iter().map(|(k, v)| (k.clone(), Value::from_json(v))).collect(),
        _ => Fields::new(),
    }
}
