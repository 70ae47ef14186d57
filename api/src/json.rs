//! Reads JSON strictly: no key twice, nothing nested deeply, no NUL in a text; and says everything that is wrong with a
//! body at once, in the API's words.

mod given;
mod words;

use std::{cell::RefCell, fmt};

use axum::http::StatusCode;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::{Map, Value};

use self::given::Given;
pub(crate) use self::words::{finding, pointer};
use crate::problem::{FieldError, Problem};

/// How deep objects and lists may be nested.
pub(crate) const DEEPEST: usize = 32;

/// Most errors that are told at once.
const MOST_ERRORS: usize = 20;

/// The key under which `serde_json` hands over a number with all its digits.
const NUMBER: &str = "$serde_json::private::Number";

/// Reads a body.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    read(value(bytes)?)
}

/// Reads a body that is an object of any keys.
pub(crate) fn object(bytes: &[u8]) -> Result<Value, Problem> {
    let value = value(bytes)?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(invalid("The body must be an object".to_owned(), Vec::new()))
    }
}

/// Reads a value that JSON was parsed to. It is read again without each faulty part, to find the next one.
pub(crate) fn read<T: DeserializeOwned>(mut value: Value) -> Result<T, Problem> {
    if !value.is_object() {
        return Err(invalid("The body must be an object".to_owned(), Vec::new()));
    }
    let (mut errors, mut taken): (Vec<FieldError>, Vec<String>) = Default::default();
    while errors.len() < MOST_ERRORS {
        let error = match serde_path_to_error::deserialize(Given(&value)) {
            Ok(read) if errors.is_empty() => return Ok(read),
            Ok(_) => break,
            Err(error) => error,
        };
        let path = error.path().to_string();
        let found = finding(&path, &error.into_inner().to_string());
        // A key that was taken out for its value is missing now, and what is around it is not looked at any more.
        let pointer = found.pointer.clone().unwrap_or_default();
        if taken.contains(&pointer) {
            match take(&mut value, around(&pointer)) {
                Some(gone) => taken.push(gone),
                None => break,
            }
            continue;
        }
        errors.push(found);
        match take(&mut value, &pointer) {
            Some(gone) => taken.push(gone),
            None => break,
        }
    }
    let detail = errors.iter().map(FieldError::told).collect::<Vec<_>>().join("; ");
    Err(invalid(detail, errors))
}

fn invalid(detail: String, errors: Vec<FieldError>) -> Problem {
    let mut problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", detail);
    problem.errors = errors;
    problem
}

/// Takes out what a pointer names, or the nearest thing around it that is part of an object. Returns the pointer of what
/// is gone.
fn take(value: &mut Value, pointer: &str) -> Option<String> {
    let (parent, key) = pointer.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let map = value.pointer_mut(parent).and_then(Value::as_object_mut);
    match map.and_then(|map| map.remove(&key)) {
        Some(_) => Some(pointer.to_owned()),
        None => take(value, parent),
    }
}

fn around(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(around, _)| around)
}

/// Parses JSON.
fn value(bytes: &[u8]) -> Result<Value, Problem> {
    let fault = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let strict = Strict { depth: 0, path: String::new(), fault: &fault };
    let parsed = strict.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    match (parsed, fault.into_inner()) {
        (Ok(value), None) => Ok(value),
        (_, Some(problem)) => Err(problem),
        (Err(error), None) => {
            // Its message has the place and, in quotation marks, no part of the body.
            let detail = format!("The body is not JSON: {error}");
            Err(Problem::new(StatusCode::BAD_REQUEST, "malformed-json", "Malformed JSON", detail))
        }
    }
}

/// Reads a value, and notes what is wrong with it beyond its syntax.
struct Strict<'a> {
    depth: usize,
    /// The JSON Pointer of the value.
    path: String,
    fault: &'a RefCell<Option<Problem>>,
}

impl<'a> Strict<'a> {
    fn inside(&self, key: &str) -> Strict<'a> {
        let key = key.replace('~', "~0").replace('/', "~1");
        Strict { depth: self.depth + 1, path: format!("{}/{key}", self.path), fault: self.fault }
    }

    fn refuse<E: serde::de::Error>(
        &self,
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        pointer: &str,
        what: String,
    ) -> E {
        let mut problem = Problem::new(status, kind, title, what.clone());
        problem.errors.push(FieldError::at(pointer, kind, what));
        self.fault.borrow_mut().get_or_insert(problem);
        E::custom("refused")
    }

    fn text<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        if !text.contains('\0') {
            return Ok(());
        }
        let what = "A text contains the character NUL, which cannot be stored".to_owned();
        Err(self.refuse(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", &self.path, what))
    }

    fn check_depth<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth < DEEPEST {
            return Ok(());
        }
        let what = format!("The body is nested more than {DEEPEST} deep");
        Err(self.refuse(StatusCode::BAD_REQUEST, "nested-too-deep", "Nested too deep", "", what))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        self.text(&value)?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut values = Vec::new();
        while let Some(value) = entries.next_element_seed(self.inside(&values.len().to_string()))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key == NUMBER && values.is_empty() {
                let digits: String = entries.next_value()?;
                return digits.parse().map(Value::Number).map_err(A::Error::custom);
            }
            self.check_depth()?;
            self.text(&key)?;
            let inside = self.inside(&key);
            if values.contains_key(&key) {
                let pointer = inside.path;
                let what = format!("The key {key:?} stands in the same object twice");
                return Err(self.refuse(
                    StatusCode::BAD_REQUEST,
                    "duplicate-key",
                    "Duplicate key",
                    &pointer,
                    what,
                ));
            }
            let value = entries.next_value_seed(inside)?;
            values.insert(key, value);
        }
        self.check_depth()?;
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests;
