//! Numbers in a column's form: all digits exact, or refused. No I/O.

use syncline_engine::{Value, value::Decimal};

use super::{
    column::{Column, Kind},
    db::{Dialect, Raw},
};

/// Integers up to here are exact in a 64-bit float, and in a 32-bit one.
const EXACT_DOUBLE: u64 = 1 << 53;
const EXACT_SINGLE: u64 = 1 << 24;

/// A 64-bit integer.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match numeric(value)? {
        Value::Int(number) => Some(number),
        other => other.to_decimal()?.to_i64(),
    }
}

/// A number for a column of floats or decimals; none if the column cannot store all its digits.
pub(super) fn number(value: &Value, kind: Kind, dialect: Dialect) -> Option<Raw> {
    if let (Value::Text(text), Dialect::Postgres) = (value, dialect)
        && matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity")
    {
        return Some(Raw::Text(text.clone()));
    }
    let value = numeric(value)?;
    match (kind, &value) {
        (Kind::Float, Value::Int(whole)) if whole.unsigned_abs() <= EXACT_DOUBLE => Some(Raw::Int(*whole)),
        (Kind::Single, Value::Int(whole)) if whole.unsigned_abs() <= EXACT_SINGLE => Some(Raw::Int(*whole)),
        (Kind::Single, _) if !value.to_decimal()?.is_f32() => None,
        (Kind::Decimal(None), Value::Int(whole)) => Some(Raw::Int(*whole)),
        (Kind::Decimal(limit), _) if dialect == Dialect::Postgres => {
            let decimal = value.to_decimal()?;
            limit.is_none_or(|limit| limit.holds(&decimal)).then(|| Raw::Text(decimal.as_str().to_owned()))
        }
        (_, Value::Int(whole)) if matches!(kind, Kind::Decimal(_)) => Some(Raw::Int(*whole)),
        (Kind::Decimal(_), _) => {
            let decimal = value.to_decimal()?;
            // SQLite would store a whole float as an integer, with all the digits of its binary value.
            let whole = decimal.to_i64().map(Raw::Int);
            whole.or_else(|| decimal.to_f64().map(Raw::Real))
        }
        _ => value.to_decimal()?.to_f64().map(Raw::Real),
    }
}

/// The number that a value is or, as text, states.
fn numeric(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::Float(_) | Value::Decimal(_) => Some(value.clone()),
        Value::Bool(flag) => Some(Value::Int(i64::from(*flag))),
        Value::Text(text) => Value::number(text),
        _ => None,
    }
}

/// The modifier of PostgreSQL's `numeric(precision, scale)`, which rounds further digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) precision: i64,
    pub(super) scale: i64,
}

impl Limit {
    /// Parses `numeric(10,2)`; none for a plain `numeric`.
    pub(super) fn of(type_name: &str) -> Option<Limit> {
        let (_, rest) = type_name.split_once('(')?;
        let (precision, scale) = rest.split_once(')')?.0.split_once(',')?;
        Some(Limit { precision: precision.trim().parse().ok()?, scale: scale.trim().parse().ok()? })
    }

    fn holds(self, number: &Decimal) -> bool {
        let (before, after) = number.extent();
        number.to_i64() == Some(0) || (after <= self.scale && before <= self.precision - self.scale)
    }
}

impl Column {
    /// True for a SQLite column whose declared type converts text that looks like a number:
    /// <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>.
    pub(super) fn converts_text(&self) -> bool {
        let declared = self.type_name.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        has(&["INT"]) || !(declared.is_empty() || has(&["CHAR", "CLOB", "TEXT", "BLOB"]))
    }
}

/// True if a text is unchanged after SQLite has stored it as the number that it looks like.
pub(super) fn survives_as_number(text: &str) -> bool {
    let is_number = text.trim().parse::<f64>().is_ok() && text.bytes().any(|byte| byte.is_ascii_digit());
    match Value::number(text) {
        _ if !is_number => true,
        Some(Value::Int(number)) => number.to_string() == text,
        Some(Value::Float(number)) => number.to_string() == text,
        _ => false,
    }
}
