//! Content hashes: BLAKE3 of canonical JSON.

use std::borrow::Borrow;

use crate::value::{Fields, Value};

/// The first 128 bits of a BLAKE3 hash: the chance that two of 10^9 values collide is one in 10^20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 16]);

impl Hash {
    pub fn of_bytes(bytes: &[u8]) -> Hash {
        Hash::from_full(blake3::hash(bytes))
    }

    fn from_full(full: blake3::Hash) -> Hash {
        let mut short = [0; 16];
        short.copy_from_slice(&full.as_bytes()[..16]);
        Hash(short)
    }

    /// Parses 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Hash> {
        let mut bytes = [0; 16];
        if text.len() != 32 {
            return None;
        }
        let digit = |digit: u8| char::from(digit).to_digit(16);
        for (byte, [high, low]) in bytes.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
            *byte = (digit(*high)? * 16 + digit(*low)?) as u8;
        }
        Some(Hash(bytes))
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// All 256 bits of a BLAKE3 hash, in hexadecimal: for chains that must resist forgery.
pub fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The hash of an item's fields. Blank fields are left out: an absent field and an empty one are the same content.
pub fn content_hash(fields: &Fields) -> Hash {
    let mut text = String::with_capacity(256);
    write_object(&mut text, fields);
    Hash::of_bytes(text.as_bytes())
}

/// The hash of fields in the order of their names, like [`content_hash`]. `text` is written over.
pub(crate) fn hash_of_members<'a, V: Borrow<Value>>(
    text: &mut String,
    members: impl Iterator<Item = (&'a str, V)>,
) -> Hash {
    text.clear();
    write_members(text, members);
    Hash::of_bytes(text.as_bytes())
}

/// Canonical JSON of a value: keys sorted, no white space, blank members left out, numbers by value, instants in UTC.
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value);
    text
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(number) => {
            use std::fmt::Write;
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => match Value::float(*number) {
            Value::Int(whole) => write_value(out, &Value::Int(whole)),
            // Numbers from here on may also fit in 64-bit integers.
            _ if number.abs() < 1e19 && number.fract() == 0.0 => {
                out.push_str(&value.to_decimal().map(|decimal| decimal.canonical()).unwrap_or_default());
            }
            _ => {
                use std::fmt::Write;
                let _ = write!(out, "{number:?}");
            }
        },
        Value::Decimal(number) => out.push_str(&number.canonical()),
        Value::Text(text) => write_text(out, text),
        Value::Date(date) => write_text(out, &date.to_string()),
        Value::DateTime(instant) => write_text(out, &instant.to_text()),
        Value::List(values) => {
            out.push('[');
            for (position, value) in values.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_value(out, value);
            }
            out.push(']');
        }
        Value::Object(fields) => write_object(out, fields),
    }
}

fn write_object(out: &mut String, fields: &Fields) {
    write_members(out, fields.iter().map(|(name, value)| (name.as_str(), value)));
}

fn write_members<'a, V: Borrow<Value>>(out: &mut String, members: impl Iterator<Item = (&'a str, V)>) {
    out.push('{');
    let mut first = true;
    for (name, value) in members {
        let value: &Value = value.borrow();
        if value.is_blank() {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        write_text(out, name);
        out.push(':');
        write_value(out, value);
    }
    out.push('}');
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // These are bytes of their own in UTF-8, so what lies between them is whole.
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                use std::fmt::Write;
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}
