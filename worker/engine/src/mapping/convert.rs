//! Parses values as a field type and converts them to another.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::set;
use crate::{
    Value,
    spec::FieldType,
    value::{Instant, Precision, parse_date},
};

/// A value that cannot be converted to the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not {wanted}")]
pub struct Mismatch {
    /// The value as shown to people; long ones are cut.
    pub value: String,
    /// The wanted type as a phrase: `a number`.
    pub wanted: &'static str,
}

fn wanted(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::String | FieldType::RichText => "text",
        FieldType::Number => "a number (digits with at most one decimal point, no separators)",
        FieldType::Boolean => "a boolean (true, false, yes, no, 1, 0)",
        FieldType::Date => "a date (YYYY-MM-DD, the year with four digits)",
        FieldType::DateTime => {
            "a datetime (YYYY-MM-DD HH:MM:SS or RFC 3339, the year with four digits, at most microseconds)"
        }
        FieldType::Array => "a list",
        FieldType::Set | FieldType::People => "a list of single values",
        FieldType::Person => "one person",
        FieldType::Status => "a status",
        FieldType::Object => "an object",
        FieldType::Json => "JSON",
    }
}

/// Parses a value as a type: text from a platform becomes the number, date or list that it states. Blank values become
/// null in every type.
pub fn read_as(value: &Value, field_type: FieldType) -> Result<Value, Mismatch> {
    if value.is_blank() {
        return Ok(Value::Null);
    }
    let read = match field_type {
        FieldType::String | FieldType::RichText => to_text(value),
        FieldType::Number => to_number(value),
        FieldType::Boolean => to_boolean(value),
        FieldType::Date => to_date(value),
        FieldType::DateTime => to_datetime(value),
        FieldType::Array => to_list(value).map(plain),
        FieldType::Set | FieldType::People => to_set(value),
        FieldType::Person | FieldType::Status => to_word(value),
        FieldType::Object => to_object(value).map(plain),
        FieldType::Json => Some(plain(to_json(value))),
    };
    read.ok_or_else(|| {
        let mut shown = value.to_string();
        if shown.chars().count() > 80 {
            shown = shown.chars().take(79).chain(['…']).collect();
        }
        Mismatch { value: shown, wanted: wanted(field_type) }
    })
}

/// A value as its field's type if it can be read so, else as it is.
pub(super) fn retyped(value: &Value, field_type: FieldType) -> Cow<'_, Value> {
    match (field_type, value) {
        (FieldType::String | FieldType::RichText, Value::Text(_))
        | (FieldType::Number, Value::Int(_))
        | (FieldType::Boolean, Value::Bool(_))
        | (FieldType::Date, Value::Date(_))
        | (FieldType::DateTime, Value::DateTime(_)) => Cow::Borrowed(value),
        _ => read_as(value, field_type).map_or(Cow::Borrowed(value), Cow::Owned),
    }
}

fn to_text(value: &Value) -> Option<Value> {
    match value {
        Value::Text(_) => Some(value.clone()),
        Value::Bool(flag) => Some(Value::text(flag.to_string())),
        Value::Int(number) => Some(Value::text(number.to_string())),
        Value::Float(number) => Some(Value::text(number.to_string())),
        Value::Decimal(number) => Some(Value::text(number.as_str())),
        Value::Date(date) => Some(Value::text(date.to_string())),
        Value::DateTime(instant) => Some(Value::text(instant.to_text())),
        Value::List(values) => Some(Value::text(list_to_text(values))),
        Value::Object(_) => Some(Value::text(value.to_json().to_string())),
        Value::Null => Some(Value::Null),
    }
}

/// Comma-separated if parsing that gives the same list, else JSON.
fn list_to_text(values: &[Value]) -> String {
    let plain = |value: &Value| match value {
        Value::Text(text) => {
            text.trim() == text && !text.is_empty() && !text.contains(',') && !text.starts_with('[')
        }
        _ => false,
    };
    if values.iter().all(plain) {
        let texts: Vec<&str> =
            values.iter().map(|v| if let Value::Text(text) = v { text.as_str() } else { "" }).collect();
        texts.join(",")
    } else {
        Value::List(values.to_vec()).to_json().to_string()
    }
}

fn to_number(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::Decimal(_) => Some(value.clone()),
        Value::Float(number) => Some(Value::float(*number)),
        Value::Text(text) => Value::number(text),
        _ => None,
    }
}

fn to_boolean(value: &Value) -> Option<Value> {
    let flag = match value {
        Value::Bool(flag) => *flag,
        Value::Int(0) => false,
        Value::Int(1) => true,
        Value::Decimal(number) => return to_boolean(&Value::Int(number.to_i64()?)),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "t" | "on" | "1" => true,
            "false" | "no" | "n" | "f" | "off" | "0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::Bool(flag))
}

fn to_date(value: &Value) -> Option<Value> {
    match value {
        Value::Date(_) => Some(value.clone()),
        Value::DateTime(instant) => Some(Value::Date(instant.at.date_naive())),
        Value::Text(text) => parse_date(text)
            .or_else(|| Instant::parse(text).map(|instant| instant.at.date_naive()))
            .map(Value::Date),
        _ => None,
    }
}

fn to_datetime(value: &Value) -> Option<Value> {
    let instant = match value {
        Value::DateTime(instant) => *instant,
        Value::Date(date) => midnight(*date),
        // Epochs as platforms send them: seconds up to the year 5138, milliseconds beyond.
        Value::Int(number) if number.abs() < 100_000_000_000 => {
            Instant::new(DateTime::<Utc>::from_timestamp(*number, 0)?, Precision::Second)
        }
        Value::Decimal(number) => return to_datetime(&Value::Int(number.to_i64()?)),
        Value::Int(number) => {
            Instant::new(DateTime::<Utc>::from_timestamp_millis(*number)?, Precision::Milli)
        }
        Value::Text(text) => Instant::exact(text).or_else(|| parse_date(text).map(midnight))?,
        _ => return None,
    };
    Some(Value::DateTime(instant))
}

fn midnight(date: NaiveDate) -> Instant {
    Instant::new(date.and_time(NaiveTime::MIN).and_utc(), Precision::Second)
}

fn to_list(value: &Value) -> Option<Value> {
    match value {
        Value::List(_) => Some(value.clone()),
        Value::Text(text) if text.trim_start().starts_with('[') => match parse_json(text)? {
            list @ Value::List(_) => Some(list),
            _ => None,
        },
        Value::Text(text) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Some(Value::List(parts.map(Value::text).collect()))
        }
        Value::Object(_) | Value::Null => None,
        single => Some(Value::List(vec![single.clone()])),
    }
}

/// A text without white space around it; a list of one is its element.
fn to_word(value: &Value) -> Option<Value> {
    match value {
        Value::List(values) => match values.as_slice() {
            [one] => to_word(one),
            _ => None,
        },
        Value::Object(_) => None,
        value => match to_text(value)? {
            Value::Text(text) if text.trim().is_empty() => Some(Value::Null),
            Value::Text(text) => Some(Value::text(text.trim())),
            other => Some(other),
        },
    }
}

/// A list of texts in the canonical order of sets; null without any.
fn to_set(value: &Value) -> Option<Value> {
    let Value::List(values) = to_list(value)? else { return None };
    let text = |value: &Value| match value {
        Value::List(_) | Value::Object(_) => None,
        value => to_text(value),
    };
    let texts: Vec<Value> = values.iter().map(text).collect::<Option<_>>()?;
    let texts =
        texts.into_iter().filter_map(|text| if let Value::Text(text) = text { Some(text) } else { None });
    Some(set::canonical(texts))
}

fn to_object(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value.clone()),
        Value::Text(text) => parse_json(text).filter(|parsed| matches!(parsed, Value::Object(_))),
        _ => None,
    }
}

/// Parses text as JSON; text that is not JSON stays text.
fn to_json(value: &Value) -> Value {
    let parsed = if let Value::Text(text) = value { Value::parse_json_cell(text) } else { None };
    parsed.unwrap_or_else(|| value.clone())
}

/// A value as JSON stores it: dates become text, at any depth, so that a database returns it unchanged.
fn plain(value: Value) -> Value {
    match value {
        Value::Date(_) | Value::DateTime(_) => to_text(&value).unwrap_or(Value::Null),
        Value::List(values) => Value::List(values.into_iter().map(plain).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, plain(value))).collect())
        }
        other => other,
    }
}

fn parse_json(text: &str) -> Option<Value> {
    Value::parse_json(text)
}
