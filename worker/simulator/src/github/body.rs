//! Reads the body of a request against the keys and types of its route.

use serde_json::{Map, Value};

use super::{behaviour::UnknownKeys, error::Refusal};
use crate::http::Call;

/// The body of a request. Problems are collected, so that the response lists all of them.
#[derive(Debug)]
pub(crate) struct Body {
    keys: Map<String, Value>,
    problems: Vec<String>,
}

impl Body {
    /// Reads a body that may have these keys; `unknown` decides about others.
    pub(crate) fn read(call: &Call, known: &[&str], unknown: UnknownKeys) -> Result<Body, Refusal> {
        let keys = match call.json() {
            Ok(Value::Object(keys)) => keys,
            Ok(Value::Null) => Map::new(),
            Ok(_) => return Err(Refusal::new(400, "Body should be a JSON object")),
            Err(_) => return Err(Refusal::new(400, "Problems parsing JSON")),
        };
        let mut problems = Vec::new();
        if unknown == UnknownKeys::Refuse {
            let stray = keys.keys().filter(|key| !known.contains(&key.as_str()));
            problems.extend(stray.map(|key| format!("\"{key}\" is not a permitted key.")));
        }
        Ok(Body { keys, problems })
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.keys.remove(key);
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key)
    }

    /// Records a problem if the key is missing.
    pub(crate) fn require(&mut self, key: &str) {
        if !self.has(key) {
            self.problems.push(format!("\"{key}\" wasn't supplied."));
        }
    }

    fn wrong(&mut self, key: &str, value: &Value, wanted: &str) {
        self.problems.push(format!("For 'properties/{key}', {} is not {wanted}.", shown(value)));
    }

    /// Reads a text that may be null; `None` if it was left out.
    pub(crate) fn nullable(&mut self, key: &str) -> Option<Option<String>> {
        match self.keys.get(key)?.clone() {
            Value::Null => Some(None),
            Value::String(text) => Some(Some(text)),
            other => {
                self.wrong(key, &other, "a string");
                None
            }
        }
    }

    /// Reads a text.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        match self.nullable(key)? {
            Some(text) => Some(text),
            None => {
                self.wrong(key, &Value::Null, "a string");
                None
            }
        }
    }

    /// Reads a text, or a whole number as a text.
    pub(crate) fn text_or_number(&mut self, key: &str) -> Option<String> {
        match self.keys.get(key) {
            Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Some(number.to_string()),
            _ => self.text(key),
        }
    }

    /// Reads a positive number that may be null or written as text.
    pub(crate) fn number(&mut self, key: &str) -> Option<Option<u64>> {
        let value = self.keys.get(key)?.clone();
        let number = match &value {
            Value::Null => return Some(None),
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong(key, &value, "an integer");
        }
        number.map(Some)
    }

    /// Reads a list whose items are texts, or objects with a text under `name`.
    pub(crate) fn names(&mut self, key: &str, name: &str) -> Option<Vec<String>> {
        let value = self.keys.get(key)?.clone();
        let Value::Array(items) = value else {
            self.wrong(key, &value, "an array");
            return None;
        };
        let mut names = Vec::new();
        for (at, item) in items.iter().enumerate() {
            match (item, item.get(name)) {
                (Value::String(text), _) | (_, Some(Value::String(text))) => names.push(text.clone()),
                (other, _) => self.wrong(&format!("{key}/{at}"), other, "a string"),
            }
        }
        Some(names)
    }

    /// Reads a list of objects.
    pub(crate) fn objects(&mut self, key: &str) -> Option<Vec<Map<String, Value>>> {
        let value = self.keys.get(key)?.clone();
        let objects =
            value.as_array().and_then(|items| items.iter().map(|item| item.as_object().cloned()).collect());
        if objects.is_none() {
            self.wrong(key, &value, "an array of objects");
        }
        objects
    }

    /// Refuses the request if there was a problem.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.problems.is_empty() { Ok(()) } else { Err(Refusal::schema(&self.problems)) }
    }
}

/// Returns a value as GitHub's messages write it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Result<Body, Refusal> {
        let mut call = Call::new("POST", "/", "", String::new());
        call.body = text.as_bytes().to_vec();
        Body::read(&call, &["title", "labels"], UnknownKeys::Refuse)
    }

    #[test]
    fn all_problems_are_named() {
        let mut body = body(r#"{"labels":null,"colour":1}"#).unwrap();
        body.require("title");
        assert_eq!(body.names("labels", "name"), None);
        assert_eq!(
            body.check().unwrap_err().message,
            "Invalid request.\n\n\"colour\" is not a permitted key.\n\"title\" wasn't supplied.\n\
             For 'properties/labels', nil is not an array."
        );
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(body("[]").unwrap_err().status, 400);
        assert_eq!(body("{").unwrap_err().message, "Problems parsing JSON");
        assert!(body("").is_ok());
    }
}
