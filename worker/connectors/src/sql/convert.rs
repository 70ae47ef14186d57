//! Converts values to and from the content of a column. No I/O.

use chrono::{NaiveDate, NaiveTime, Timelike};
use syncline_engine::{
    Value,
    json::repeats_members,
    spec::FieldType,
    value::{Instant, Precision, parse_date},
};

use super::{
    column::{Column, Kind},
    db::{Dialect, Raw},
    number::{integer, number, survives_as_number},
};
use crate::stamp::{self, Stamp, Written, instant_of_int};

impl Column {
    /// Converts what was read; an error for bytes that are no text.
    pub(super) fn value(&self, raw: Raw) -> Result<Value, String> {
        Ok(match raw {
            Raw::Null => Value::Null,
            Raw::Binary => return Err(format!("the column {:?} holds bytes that are no text", self.name)),
            Raw::Int(number) => match self.kind {
                Kind::Bool if matches!(number, 0 | 1) => Value::Bool(number == 1),
                Kind::DateTime(_) => instant_of_int(number).map_or(Value::Int(number), Value::DateTime),
                _ => Value::Int(number),
            },
            Raw::Real(number) if number.is_finite() => Value::float(number),
            Raw::Real(number) => Value::Text(number.to_string()),
            Raw::Text(text) => typed(self.kind, &text).unwrap_or(Value::Text(text)),
        })
    }

    /// A value in the form of this column, or why the column cannot store it.
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
            Kind::Float | Kind::Single | Kind::Decimal(_) => number(value, self.kind, dialect),
            Kind::Text | Kind::Uuid => Some(Raw::Text(plain(value))),
            Kind::Any => self.any(value, dialect),
            Kind::Date => self.date(value, dialect),
            Kind::DateTime(_) => self.date_time(value, dialect),
            Kind::Json => match value {
                Value::Text(text) if self.cast == "jsonb" && repeats_members(text) => {
                    return Err(format!(
                        "the column {:?} (jsonb) would keep one of the members that {value} names twice; name each once",
                        self.name
                    ));
                }
                Value::Decimal(_) if dialect == Dialect::Sqlite => {
                    number(value, Kind::Decimal(None), dialect)
                }
                _ => Some(Raw::Text(json(value))),
            },
            Kind::Array => self.array(value, dialect)?,
            Kind::Binary => None,
        };
        let refuse = |why: &str| {
            let (name, type_name, kind) = (&self.name, &self.type_name, value.kind());
            Err(format!("the column {name:?} ({type_name}) cannot take {value} ({kind}){why}"))
        };
        match raw {
            Some(Raw::Text(text))
                if dialect == Dialect::Sqlite && self.converts_text() && !survives_as_number(&text) =>
            {
                refuse(
                    "; SQLite would store another number: declare the column TEXT, or map the field as number",
                )
            }
            Some(raw) => Ok(raw),
            None => refuse(&self.takes()),
        }
    }

    /// What the column accepts, for the error about a value that it cannot store.
    fn takes(&self) -> String {
        match self.kind {
            Kind::Int => "; it takes whole numbers in the range of its type".to_owned(),
            Kind::Float | Kind::Single => "; it takes numbers that a float holds digit for digit".to_owned(),
            Kind::Decimal(Some(limit)) => {
                let (precision, scale) = (limit.precision, limit.scale);
                format!("; it takes numbers of {precision} digits, {scale} of them after the point")
            }
            Kind::Decimal(None) if self.cast.is_empty() => {
                "; it takes numbers that a float holds digit for digit: declare the column TEXT for more"
                    .to_owned()
            }
            Kind::Date => "; write it as YYYY-MM-DD".to_owned(),
            Kind::DateTime(_) => {
                "; write it as YYYY-MM-DD HH:MM:SS or RFC 3339, the year with four digits".to_owned()
            }
            _ => String::new(),
        }
    }

    fn any(&self, value: &Value, dialect: Dialect) -> Option<Raw> {
        match (value, dialect) {
            (Value::Int(number), _) => Some(Raw::Int(*number)),
            (Value::Float(number), Dialect::Sqlite) => Some(Raw::Real(*number)),
            (Value::Bool(flag), Dialect::Sqlite) => Some(Raw::Int(i64::from(*flag))),
            (Value::Decimal(decimal), Dialect::Sqlite) => match decimal.to_f64() {
                Some(float) => Some(Raw::Real(float)),
                // A column without a type stores the digits as text.
                None => Some(Raw::Text(plain(value))),
            },
            _ if self.cast.starts_with("time ") => {
                is_time(value, &self.type_name).then(|| Raw::Text(plain(value)))
            }
            _ if self.cast == "money" => Some(Raw::Text(plain(value))).filter(|_| has_whole_cents(value)),
            _ => Some(Raw::Text(plain(value))),
        }
    }

    /// PostgreSQL's notation of an array: `{"a","b",NULL}`.
    fn array(&self, value: &Value, dialect: Dialect) -> Result<Option<Raw>, String> {
        let parsed;
        let values = match value {
            Value::List(values) => values,
            Value::Text(text) if text.is_empty() => return Ok(Some(Raw::Null)),
            Value::Text(text) => {
                parsed = match Value::parse_json(text) {
                    Some(Value::List(values)) => values,
                    _ if is_plain_list(text) => text.split(',').map(Value::text).collect(),
                    _ => return Ok(None),
                };
                &parsed
            }
            _ => return Ok(None),
        };
        let type_name = self.type_name.trim_end_matches("[]");
        let element = Column {
            kind: Kind::of_postgres(type_name),
            cast: self.cast.trim_end_matches("[]").to_owned(),
            ..self.clone()
        };
        let mut elements = Vec::with_capacity(values.len());
        for value in values {
            // A list in a list is a row of a matrix.
            let raw = match value {
                Value::Bool(_) if element.kind.field_type() == FieldType::Number => return Ok(None),
                Value::List(_) if element.kind != Kind::Json => {
                    self.array(value, dialect)?.unwrap_or(Raw::Null)
                }
                _ => element.raw(value, dialect)?,
            };
            elements.push(match raw {
                Raw::Text(row) if matches!(value, Value::List(_)) && element.kind != Kind::Json => row,
                Raw::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                Raw::Int(number) => number.to_string(),
                Raw::Real(number) => number.to_string(),
                Raw::Null | Raw::Binary => "NULL".to_owned(),
            });
        }
        Ok(Some(Raw::Text(format!("{{{}}}", elements.join(",")))))
    }

    /// Checks the range, because PostgreSQL refuses a number out of range without naming the column.
    fn has_room(&self, number: i64) -> bool {
        match self.cast.as_str() {
            "smallint" => i16::try_from(number).is_ok(),
            "integer" => i32::try_from(number).is_ok(),
            _ => true,
        }
    }

    /// An instant in the form of this column's times.
    pub(super) fn time(&self, instant: Instant, dialect: Dialect) -> Raw {
        self.time_as(self.stamp, instant, dialect)
    }

    /// An instant in the given form, if the column's type does not determine one.
    pub(super) fn time_as(&self, stamp: Option<Stamp>, instant: Instant, dialect: Dialect) -> Raw {
        if dialect == Dialect::Postgres && matches!(self.kind, Kind::DateTime(_)) {
            // PostgreSQL rounds digits finer than the column; an instant is cut.
            let precision = match self.kind {
                Kind::DateTime(Some(precision)) => instant.precision.min(precision),
                _ => instant.precision,
            };
            return Raw::Text(Instant::new(instant.at, precision).to_text());
        }
        let stamp = stamp.unwrap_or(match self.kind {
            Kind::Int | Kind::Float | Kind::Single | Kind::Decimal(_) => Stamp::Seconds,
            Kind::Date => Stamp::Date,
            _ => Stamp::SQL,
        });
        let stamp = match stamp {
            Stamp::Text { separator, seconds, digits, zone } => {
                let seconds = seconds || instant.precision > Precision::Minute;
                Stamp::Text { separator, seconds, digits: digits.max(digits_of(instant.precision)), zone }
            }
            // A date would lose the time.
            Stamp::Date if matches!(self.kind, Kind::DateTime(_)) => {
                if midnight(instant.at.date_naive()).is_some_and(|midnight| midnight.at == instant.at) {
                    Stamp::Date
                } else {
                    Stamp::SQL
                }
            }
            other => other,
        };
        match stamp.write(instant.at) {
            Written::Text(text) => Raw::Text(text),
            Written::Int(number) => Raw::Int(number),
        }
    }

    /// A time in the form of the time that it replaces, if each cell has its own form.
    pub(super) fn time_like(&self, old: &Raw, value: &Value, dialect: Dialect) -> Option<Raw> {
        let Value::DateTime(instant) = value else { return None };
        if dialect == Dialect::Postgres || !matches!(self.kind, Kind::DateTime(_)) {
            return None;
        }
        Some(match stamp_of(old)?.holding(instant.at)?.write(instant.at) {
            Written::Text(text) => Raw::Text(text),
            Written::Int(number) => Raw::Int(number),
        })
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
            Value::Text(text) => Instant::exact(text).or_else(|| midnight(parse_date(text)?)),
            _ => None,
        };
        let loose = || loosely(value, dialect);
        instant.map(|instant| self.time(instant, dialect)).or_else(loose)
    }
}

/// SQLite has no dates: a column declared as one stores any text or number, and programs rely on that.
fn loosely(value: &Value, dialect: Dialect) -> Option<Raw> {
    match (value, dialect) {
        (Value::Text(text), Dialect::Sqlite) => Some(Raw::Text(text.clone())),
        (Value::Int(number), Dialect::Sqlite) => Some(Raw::Int(*number)),
        _ => None,
    }
}

/// Parses text as the kind of value that it states, if it does.
fn typed(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Bool => text.parse().ok().map(Value::Bool),
        Kind::Int => text.parse().ok().map(Value::Int),
        Kind::Float | Kind::Single => {
            text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::float)
        }
        Kind::Decimal(_) => Value::number(text),
        Kind::Date => parse_date(text).map(Value::Date),
        Kind::DateTime(precision) => Instant::parse(text)
            .map(|found| Value::DateTime(Instant::new(found.at, precision.unwrap_or(found.precision)))),
        Kind::Json => Value::parse_json_cell(text),
        Kind::Array => Value::parse_json(text),
        Kind::Text | Kind::Uuid | Kind::Any | Kind::Binary => None,
    }
}

pub(super) fn boolean(value: &Value) -> Option<bool> {
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

/// True if a text is a list that was converted to a text field: its parts are unchanged. `{a,b}` is PostgreSQL's own
/// notation instead, and blanks beside a comma would be lost.
fn is_plain_list(text: &str) -> bool {
    !text.starts_with(['[', '{']) && text.split(',').all(|part| !part.is_empty() && part.trim() == part)
}

/// True for a time of day that PostgreSQL stores unchanged: it carries over 60 seconds, drops zones and rounds decimals
/// beyond those of the type (`time(3)`; six without a number).
fn is_time(value: &Value, type_name: &str) -> bool {
    let zoned = type_name.ends_with("with time zone");
    let digits =
        type_name.strip_prefix("time(").and_then(|rest| rest.split(')').next()?.parse().ok()).unwrap_or(6);
    let text = plain(value);
    let (time, zone) = text.split_at(text.find(['+', '-', 'Z']).unwrap_or(text.len()));
    let fine = time.split_once('.').map_or("", |(_, digits)| digits);
    let whole = &time[..time.find('.').unwrap_or(time.len())];
    let complete =
        NaiveTime::parse_from_str(whole, "%H:%M:%S").or_else(|_| NaiveTime::parse_from_str(whole, "%H:%M"));
    complete.is_ok_and(|time| time.nanosecond() == 0) && fine.len() <= digits && zone.is_empty() != zoned
}

/// True if a value has at most two decimals: PostgreSQL's `money` rounds to cents.
fn has_whole_cents(value: &Value) -> bool {
    let number = match value {
        Value::Text(text) => Value::number(&text.replace([',', '$'], "")),
        other => Some(other.clone()),
    };
    number.and_then(|number| number.to_decimal()).is_none_or(|number| number.extent().1 <= 2)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Date(date) => date.to_string(),
        Value::DateTime(instant) => stamp::rfc3339(*instant),
        Value::Decimal(number) => number.as_str().to_owned(),
        other => other.to_json().to_string(),
    }
}

/// JSON as text. Text that is a JSON object or list is stored as one, because a file has no other way to express it.
fn json(value: &Value) -> String {
    if let Value::Text(text) = value {
        // Includes text that stays JSON when read, see `parse_json_cell`.
        let parsed: Option<serde_json::Value> = serde_json::from_str(text).ok();
        if parsed.is_some_and(|json| json.is_object() || json.is_array() || json.is_string()) {
            return text.clone();
        }
    }
    value.to_json().to_string()
}

fn date_of(text: &str) -> Option<NaiveDate> {
    parse_date(text).or_else(|| Instant::parse(text).map(|instant| instant.at.date_naive()))
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

/// The instant of a time column's content.
pub(super) fn instant_of(raw: &Raw) -> Option<Instant> {
    match raw {
        Raw::Text(text) => stamp::read(text).map(|(instant, _)| instant),
        Raw::Int(number) => instant_of_int(*number),
        Raw::Real(number) => instant_of_int(*number as i64),
        Raw::Null | Raw::Binary => None,
    }
}

/// The form of a time column's content.
pub(super) fn stamp_of(raw: &Raw) -> Option<Stamp> {
    match raw {
        Raw::Text(text) => stamp::read(text).map(|(_, stamp)| stamp),
        Raw::Int(number) => Stamp::of_int(*number),
        Raw::Real(number) => Stamp::of_int(*number as i64),
        Raw::Null | Raw::Binary => None,
    }
}
