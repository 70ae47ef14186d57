//! Values of attributes.

use serde_json::{Map, Value};

use super::rules::Spec;

/// The values that an attribute may have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attr {
    Any,
    Text,
    NonEmpty,
    Bool,
    Object,
    /// A number between two bounds.
    Number(i64, i64),
    Numbers,
    OneOf(&'static [&'static str]),
    /// A hexadecimal colour, or one of these names.
    Color(&'static [&'static str]),
}

pub(crate) const LAYOUTS: &[&str] =
    &["wide", "full-width", "center", "wrap-right", "wrap-left", "align-end", "align-start"];

impl Attr {
    fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (Attr::Any, _) | (Attr::Text, Value::String(_)) | (Attr::Bool, Value::Bool(_)) => true,
            (Attr::Object, Value::Object(_)) => true,
            (Attr::NonEmpty, Value::String(text)) => !text.is_empty(),
            (Attr::Number(from, to), Value::Number(number)) => {
                number.as_f64().is_some_and(|number| number >= from as f64 && number <= to as f64)
            }
            (Attr::Numbers, Value::Array(items)) => items.iter().all(Value::is_number),
            (Attr::OneOf(known), Value::String(text)) => known.contains(&text.as_str()),
            (Attr::Color(names), Value::String(text)) => names.contains(&text.as_str()) || is_color(text),
            _ => false,
        }
    }
}

/// True for `#` and six or eight hexadecimal digits.
fn is_color(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    matches!(digits.len(), 6 | 8) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Checks attributes; unknown ones are refused.
pub(crate) fn check(attrs: Option<&Value>, specs: &[Spec], needed: bool) -> Result<(), String> {
    let attrs = match attrs {
        None if needed => return Err("attrs are missing".to_owned()),
        None => &Map::new(),
        Some(Value::Object(attrs)) => attrs,
        Some(_) => return Err("attrs are no object".to_owned()),
    };
    for (name, value) in attrs {
        match specs.iter().find(|(known, ..)| known == name) {
            Some((_, _, attr)) if attr.takes(value) => {}
            Some(_) => return Err(format!("attrs.{name} cannot be {value}")),
            None => return Err(format!("attrs.{name} is not known")),
        }
    }
    match specs.iter().find(|(name, required, _)| *required && !attrs.contains_key(*name)) {
        Some((name, ..)) => Err(format!("attrs.{name} is missing")),
        None => Ok(()),
    }
}
