//! Values to and from what a column holds. No I/O.

use chrono::NaiveDate;
use syncline_engine::{
    Value,
    value::{Instant, Precision},
};

use super::{
    column::{Column, Kind},
    db::{Dialect, Raw},
};
use crate::stamp::{Stamp, Written, instant_of_int};

impl Column {
    /// What was read, as a value; an error for bytes that are no text.
    pub(super) fn value(&self, raw: &Raw) -> Result<Value, String> {
        Ok(match raw {
            Raw::Null => Value::Null,
            Raw::Binary => return Err(format!("the column {:?} holds bytes that are no text", self.name)),
            Raw::Int(number) => match self.kind {
                Kind::Bool if matches!(number, 0 | 1) => Value::Bool(*number == 1),
                Kind::DateTime(_) => instant_of_int(*number).map_or(Value::Int(*number), Value::DateTime),
                _ => Value::Int(*number),
            },
            Raw::Real(number) if number.is_finite() => Value::float(*number),
            Raw::Real(number) => Value::Text(number.to_string()),
            Raw::Text(text) => typed(self.kind, text).unwrap_or_else(|| Value::Text(text.clone())),
        })
    }

    /// A value in the form this column takes, or why it cannot take it.
    pub(super) fn raw(&self, value: &Value, dialect: Dialect) -> Result<Raw, String> {
        if matches!(value, Value::Null)
            || (value.is_blank() && !matches!(self.kind, Kind::Text | Kind::Any | Kind::Json | Kind::Array))
        {
            return Ok(Raw::Null);
        }
        let raw = match self.kind {
            Kind::Bool => boolean(value).map(|flag| match dialect {
                Dialect::Sqlite => Raw::Int(i64::from(flag)),
                Dialect::Postgres => Raw::Text(flag.to_string()),
            }),
            Kind::Int => integer(value).filter(|number| self.has_room(*number)).map(Raw::Int),
            Kind::Float | Kind::Decimal => number(value, self.kind, dialect),
            Kind::Text | Kind::Uuid => Some(Raw::Text(plain(value))),
            Kind::Any => Some(match (value, dialect) {
                (Value::Int(number), _) => Raw::Int(*number),
                (Value::Float(number), _) => Raw::Real(*number),
                (Value::Bool(flag), Dialect::Sqlite) => Raw::Int(i64::from(*flag)),
                _ => Raw::Text(plain(value)),
            }),
            Kind::Date => self.date(value, dialect),
            Kind::DateTime(_) => self.date_time(value, dialect),
            Kind::Json => Some(Raw::Text(json(value))),
            Kind::Array => array(value),
            Kind::Binary => None,
        };
        raw.ok_or_else(|| {
            format!("the column {:?} ({}) cannot take {value} ({})", self.name, self.type_name, value.kind())
        })
    }

    /// PostgreSQL refuses a number out of range without saying for which column.
    fn has_room(&self, number: i64) -> bool {
        match self.cast.as_str() {
            "smallint" => i16::try_from(number).is_ok(),
            "integer" => i32::try_from(number).is_ok(),
            _ => true,
        }
    }

    /// An instant in the form in which this column holds times.
    pub(super) fn time(&self, instant: Instant, dialect: Dialect) -> Raw {
        if dialect == Dialect::Postgres && matches!(self.kind, Kind::DateTime(_)) {
            return Raw::Text(instant.to_text());
        }
        let stamp = self.stamp.unwrap_or(match self.kind {
            Kind::Int | Kind::Float | Kind::Decimal => Stamp::Seconds,
            Kind::Date => Stamp::Date,
            _ => Stamp::SQL,
        });
        let stamp = match stamp {
            Stamp::Text { separator, digits, zone } => {
                Stamp::Text { separator, digits: digits.max(digits_of(instant.precision)), zone }
            }
            other => other,
        };
        match stamp.write(instant.at) {
            Written::Text(text) => Raw::Text(text),
            Written::Int(number) => Raw::Int(number),
        }
    }

    fn date(&self, value: &Value, dialect: Dialect) -> Option<Raw> {
        let date = match value {
            Value::Date(date) => Some(*date),
            Value::DateTime(instant) => Some(instant.at.date_naive()),
            Value::Text(text) => date_of(text),
            _ => None,
        };
        let loose = || loosely(value, dialect);
        date.map(|date| Raw::Text(date.to_string())).or_else(loose)
    }

    fn date_time(&self, value: &Value, dialect: Dialect) -> Option<Raw> {
        let instant = match value {
            Value::DateTime(instant) => Some(*instant),
            Value::Date(date) => midnight(*date),
            Value::Text(text) => Instant::parse(text).or_else(|| midnight(date_of(text)?)),
            _ => None,
        };
        let loose = || loosely(value, dialect);
        instant.map(|instant| self.time(instant, dialect)).or_else(loose)
    }
}

/// SQLite has no dates: a column declared as one takes any text or number, and programs make use of that.
fn loosely(value: &Value, dialect: Dialect) -> Option<Raw> {
    match (value, dialect) {
        (Value::Text(text), Dialect::Sqlite) => Some(Raw::Text(text.clone())),
        (Value::Int(number), Dialect::Sqlite) => Some(Raw::Int(*number)),
        _ => None,
    }
}

/// Text as the kind of value it stands for, if it does.
fn typed(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Bool => text.parse().ok().map(Value::Bool),
        Kind::Int => text.parse().ok().map(Value::Int),
        Kind::Float => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::float),
        Kind::Decimal => decimal(text),
        Kind::Date => text.parse().ok().map(Value::Date),
        Kind::DateTime(precision) => Instant::parse(text)
            .map(|found| Value::DateTime(Instant::new(found.at, precision.unwrap_or(found.precision)))),
        Kind::Json | Kind::Array => serde_json::from_str(text).ok().map(|json| Value::from_json(&json)),
        Kind::Text | Kind::Uuid | Kind::Any | Kind::Binary => None,
    }
}

/// A whole number, or a float that has the same digits; else nothing, and the text keeps them.
fn decimal(text: &str) -> Option<Value> {
    let shortest = match text.split_once('.') {
        Some((_, fraction)) if fraction.bytes().all(|digit| digit.is_ascii_digit()) => {
            text.trim_end_matches('0').trim_end_matches('.')
        }
        _ => text,
    };
    if let Ok(whole) = shortest.parse() {
        return Some(Value::Int(whole));
    }
    let float: f64 = shortest.parse().ok()?;
    (float.is_finite() && float.to_string() == shortest).then_some(Value::Float(float))
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Int(number @ (0 | 1)) => Some(*number == 1),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "1" => Some(true),
            "false" | "f" | "no" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Bool(flag) => Some(i64::from(*flag)),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(value: &Value, kind: Kind, dialect: Dialect) -> Option<Raw> {
    match value {
        Value::Int(number) => Some(Raw::Int(*number)),
        Value::Float(number) => Some(Raw::Real(*number)),
        Value::Bool(flag) => Some(Raw::Int(i64::from(*flag))),
        Value::Text(text) => {
            let text = text.trim();
            let float = text.parse::<f64>().ok().filter(|float| float.is_finite())?;
            match (text.parse(), dialect, kind) {
                (Ok(whole), ..) => Some(Raw::Int(whole)),
                // PostgreSQL keeps every digit.
                (_, Dialect::Postgres, Kind::Decimal) => Some(Raw::Text(text.to_owned())),
                _ => Some(Raw::Real(float)),
            }
        }
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Date(date) => date.to_string(),
        Value::DateTime(instant) => instant.to_text(),
        other => other.to_json().to_string(),
    }
}

/// JSON as text; text that is an object or a list in JSON is one (a file has no other way to say so).
fn json(value: &Value) -> String {
    if let Value::Text(text) = value {
        let parsed = serde_json::from_str(text).ok();
        if parsed.is_some_and(|json: serde_json::Value| json.is_object() || json.is_array()) {
            return text.clone();
        }
    }
    value.to_json().to_string()
}

/// PostgreSQL's notation of an array: `{"a","b",NULL}`.
fn array(value: &Value) -> Option<Raw> {
    let parsed;
    let values = match value {
        Value::List(values) => values,
        Value::Text(text) if text.is_empty() => return Some(Raw::Null),
        Value::Text(text) => {
            parsed = Value::from_json(&serde_json::from_str(text).ok()?);
            let Value::List(values) = &parsed else { return None };
            values
        }
        _ => return None,
    };
    let element = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        // A list in a list is a row of a matrix.
        Value::List(_) => match array(value) {
            Some(Raw::Text(text)) => text,
            _ => "{}".to_owned(),
        },
        other => format!("\"{}\"", plain(other).replace('\\', "\\\\").replace('"', "\\\"")),
    };
    let elements: Vec<String> = values.iter().map(element).collect();
    Some(Raw::Text(format!("{{{}}}", elements.join(","))))
}

fn date_of(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    text.parse().ok().or_else(|| Instant::parse(text).map(|instant| instant.at.date_naive()))
}

fn midnight(date: NaiveDate) -> Option<Instant> {
    Some(Instant::new(date.and_hms_opt(0, 0, 0)?.and_utc(), Precision::Second))
}

fn digits_of(precision: Precision) -> usize {
    match precision {
        Precision::Minute | Precision::Second => 0,
        Precision::Milli => 3,
        Precision::Micro => 6,
    }
}

/// The instant that a time column's content stands for.
pub(super) fn instant_of(raw: &Raw) -> Option<Instant> {
    match raw {
        Raw::Text(text) => Instant::parse(text)
            .or_else(|| midnight(text.parse().ok()?))
            .or_else(|| instant_of_int(text.parse().ok()?)),
        Raw::Int(number) => instant_of_int(*number),
        Raw::Real(number) => instant_of_int(*number as i64),
        Raw::Null | Raw::Binary => None,
    }
}
