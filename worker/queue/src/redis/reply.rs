//! Answers of scripts, taken apart.

use redis::Value;

use crate::backend::Error;

/// What a script said that it never says.
pub(super) fn strange(what: &str) -> Error {
    Error::Refused(format!("Redis gave an answer that is not understood ({what})").into())
}

pub(super) fn list(value: Value) -> Result<Vec<Value>, Error> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(strange("not a list")),
    }
}

/// A list of so many.
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

/// Nothing for an empty text, which is how a script says that there is none.
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
