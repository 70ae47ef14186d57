//! Parses answers of scripts.

use redis::Value;

use crate::backend::Error;

/// Returns the error for an unexpected answer of a script.
pub(super) fn strange(what: &str) -> Error {
    Error::Refused(format!("Redis gave an answer that is not understood ({what})").into())
}

pub(super) fn list(value: Value) -> Result<Vec<Value>, Error> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(strange("not a list")),
    }
}

/// Reads a list of exactly `N` values.
pub(super) fn several<const N: usize>(value: Value) -> Result<[Value; N], Error> {
    list(value)?.try_into().map_err(|_| strange("a list of another length"))
}

pub(super) fn bytes(value: Value) -> Result<Vec<u8>, Error> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        _ => Err(strange("not a text")),
    }
}

pub(super) fn text(value: Value) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&bytes(value)?).into_owned())
}

/// Reads a text; `None` if it is empty, which is how a script marks an absent one.
pub(super) fn some_text(value: Value) -> Result<Option<String>, Error> {
    Ok(Some(text(value)?).filter(|text| !text.is_empty()))
}

pub(super) fn number(value: &Value) -> Result<i64, Error> {
    match value {
        Value::Int(number) => Ok(*number),
        Value::BulkString(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| strange("not a number")),
        _ => Err(strange("not a number")),
    }
}

pub(super) fn flag(value: &Value) -> Result<bool, Error> {
    Ok(number(value)? != 0)
}

pub(super) fn texts(value: Value) -> Result<Vec<Vec<u8>>, Error> {
    list(value)?.into_iter().map(bytes).collect()
}
