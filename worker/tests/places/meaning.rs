//! What a cell says, read without the product's code: two cells that say the same are in step.

use chrono::{DateTime, NaiveDate, NaiveTime};
use serde_json::Value as Json;
use syncline_engine::{Value, value::Precision};

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Text,
    /// The key of another row.
    Parent,
    Whole,
    Decimal,
    Flag,
    Day,
    Moment,
    Json,
    List,
    Uuid,
    /// One of a few labels.
    Label,
    /// Text that PostgreSQL has a type for, in its own spelling.
    Inet,
    Interval,
    Clock,
}

/// What a cell says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Meaning {
    Nothing,
    Text(String),
    /// Digits without leading and trailing zeros, and the power of ten of the last one.
    Number(String, i64),
    Flag(bool),
    Day(NaiveDate),
    /// Microseconds since 1970, and the unit in which the cell states them.
    Moment(i64, i64),
    Json(Json),
    List(Vec<String>),
}

const SECOND: i64 = 1_000_000;

impl Sort {
    /// What a text says as a value of this sort; text that says nothing of the sort is itself.
    pub(crate) fn read(self, text: &str) -> Meaning {
        if text.is_empty() {
            return Meaning::Nothing;
        }
        let read = match self {
            Sort::Whole | Sort::Decimal => number(text),
            Sort::Flag => flag(text),
            Sort::Day => day(text).map(Meaning::Day),
            Sort::Moment => moment(text),
            Sort::Json => serde_json::from_str(text).ok().map(|json| Meaning::Json(plain(json))),
            Sort::List => list(text),
            Sort::Uuid => Some(Meaning::Text(text.to_ascii_lowercase())),
            // PostgreSQL writes the mask of a host as well.
            Sort::Inet => Some(Meaning::Text(text.trim_end_matches("/32").to_owned())),
            Sort::Text | Sort::Parent | Sort::Label | Sort::Interval | Sort::Clock => None,
        };
        read.unwrap_or_else(|| Meaning::Text(text.to_owned()))
    }

    /// What a value says that a connector read.
    pub(crate) fn read_value(self, value: &Value) -> Meaning {
        match value {
            Value::Null => Meaning::Nothing,
            Value::Text(text) => self.read(text),
            Value::Bool(flag) => Meaning::Flag(*flag),
            Value::Int(0 | 1) if self == Sort::Flag => Meaning::Flag(*value == Value::Int(1)),
            Value::Int(_) | Value::Float(_) | Value::Decimal(_) => self.read(&value.to_json().to_string()),
            Value::Date(date) if self == Sort::Moment => {
                Meaning::Moment(date.and_time(NaiveTime::MIN).and_utc().timestamp_micros(), SECOND)
            }
            Value::Date(date) => Meaning::Day(*date),
            Value::DateTime(instant) => Meaning::Moment(
                instant.at.timestamp_micros(),
                match instant.precision {
                    Precision::Minute => 60 * SECOND,
                    Precision::Second => SECOND,
                    Precision::Milli => 1000,
                    Precision::Micro => 1,
                },
            ),
            Value::List(_) | Value::Object(_) => self.read(&value.to_json().to_string()),
        }
    }
}

impl Meaning {
    /// Whether two cells say the same; times are compared in the coarser unit.
    pub(crate) fn same(&self, other: &Meaning) -> bool {
        match (self, other) {
            (Meaning::Moment(one, unit), Meaning::Moment(two, other)) => {
                let unit = *unit.max(other);
                one.div_euclid(unit) == two.div_euclid(unit)
            }
            (Meaning::List(list), Meaning::Nothing) | (Meaning::Nothing, Meaning::List(list)) => {
                list.is_empty()
            }
            _ => self == other,
        }
    }

    /// The same, in a column that pads text or cuts the blanks at its end.
    pub(crate) fn same_padded(&self, other: &Meaning) -> bool {
        match (self, other) {
            (Meaning::Text(one), Meaning::Text(two)) => {
                one.trim_end_matches(' ') == two.trim_end_matches(' ')
            }
            (Meaning::Text(text), Meaning::Nothing) | (Meaning::Nothing, Meaning::Text(text)) => {
                text.trim_end_matches(' ').is_empty()
            }
            _ => self.same(other),
        }
    }
}

pub(crate) fn number(text: &str) -> Option<Meaning> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, power) = match rest.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, power.parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let short = digits.trim_end_matches('0');
    if short.is_empty() {
        return Some(Meaning::Number("0".to_owned(), 0));
    }
    let zeros = i64::try_from(digits.len() - short.len()).ok()?;
    let power = power - i64::try_from(fraction.len()).ok()? + zeros;
    Some(Meaning::Number(format!("{sign}{short}"), power))
}

fn flag(text: &str) -> Option<Meaning> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(Meaning::Flag(true)),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(Meaning::Flag(false)),
        _ => None,
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    let parts: Vec<&str> = text.trim().split('-').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

fn moment(text: &str) -> Option<Meaning> {
    let text = text.trim();
    let (date, rest) = text.split_once([' ', 'T'])?;
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let seconds = parts.first()? * 3600 + parts.get(1)? * 60 + parts.get(2).copied().unwrap_or(0);
    let micros: i64 =
        if fraction.is_empty() { 0 } else { format!("{fraction:0<6}").get(..6)?.parse().ok()? };
    let unit = match (parts.len(), fraction.len()) {
        (2, _) => 60 * SECOND,
        (_, 0) => SECOND,
        (_, 1..=3) => 1000,
        _ => 1,
    };
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let shift = match digits.len() {
        0 => 0,
        2 => digits.parse::<i64>().ok()? * 3600,
        _ => digits.get(..2)?.parse::<i64>().ok()? * 3600 + digits.get(2..)?.parse::<i64>().ok()? * 60,
    };
    let shift = if zone.starts_with('-') { -shift } else { shift };
    let midnight: DateTime<chrono::Utc> = day(date)?.and_time(NaiveTime::MIN).and_utc();
    Some(Meaning::Moment((midnight.timestamp() + seconds - shift) * SECOND + micros, unit))
}

fn list(text: &str) -> Option<Meaning> {
    if text.trim_start().starts_with('[') {
        let items: Vec<Json> = serde_json::from_str(text).ok()?;
        let text = |item: Json| if let Json::String(text) = item { text } else { item.to_string() };
        return Some(Meaning::List(items.into_iter().map(text).collect()));
    }
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    Some(Meaning::List(items.map(str::to_owned).collect()))
}

/// Numbers in one form, so that 1.50 and 1.5 compare as equal.
fn plain(json: Json) -> Json {
    match json {
        Json::Number(digits) => match number(&digits.to_string()) {
            Some(Meaning::Number(digits, power)) => Json::String(format!("number {digits}e{power}")),
            _ => Json::Number(digits),
        },
        Json::Array(items) => items.into_iter().map(plain).collect(),
        Json::Object(members) => members.into_iter().map(|(name, member)| (name, plain(member))).collect(),
        other => other,
    }
}
