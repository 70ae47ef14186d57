//! Documents as YAML: read as people write them, and written so that reading them again returns the same documents.

use serde::de::DeserializeOwned;
use serde_json::Value;
use syncline_engine::spec::keys::{FIELD, Key, Need, SYNC};

use crate::Error;

/// Reads a text of one or more documents. Only `true` and `false` are booleans: `n` is a valid name of a column, and `no`
/// of a status.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, serde_saphyr::Error> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(text, options)
}

/// Reads the documents of a request.
pub fn documents(text: &str) -> Result<Vec<Value>, Error> {
    let read: Vec<Value> = parse(text).map_err(|error| {
        // The text around the error is left out: it may hold a password.
        Error::Invalid(format!("this is not valid YAML: {}", error.without_snippet()))
    })?;
    Ok(read.into_iter().filter(|document| !document.is_null()).collect())
}

/// Writes documents, each after a line `---`, with the keys in the order of the manual and without those that have their
/// default.
pub fn write(documents: &[Value]) -> String {
    let mut text = String::new();
    for document in documents {
        text.push_str("---\n");
        for (key, value) in in_order(document, SYNC) {
            match value {
                Value::Array(mappings) if key == "field_mappings" && !mappings.is_empty() => {
                    text.push_str("field_mappings:\n");
                    for mapping in mappings {
                        let entries = in_order(mapping, FIELD);
                        text.push_str(&format!("  - {}\n", flow(entries.into_iter())));
                    }
                }
                value => text.push_str(&format!("{}: {}\n", scalar(key), inline(value))),
            }
        }
    }
    text
}

/// The entries of a mapping in the order of its table, and then those that the table does not have.
fn in_order<'a>(of: &'a Value, table: &[Key]) -> Vec<(&'a str, &'a Value)> {
    let Some(of) = of.as_object() else { return Vec::new() };
    let place = |key: &str| table.iter().position(|known| known.name == key).unwrap_or(table.len());
    let said = |(key, value): &(&String, &Value)| match table.iter().find(|known| known.name == **key) {
        Some(Key { need: Need::Default(json), .. }) => {
            serde_json::from_str::<Value>(json).map_or(true, |default| default != **value)
        }
        _ => !value.is_null(),
    };
    let mut entries: Vec<(&str, &Value)> =
        of.iter().filter(said).map(|(key, value)| (key.as_str(), value)).collect();
    entries.sort_by_key(|(key, _)| place(key));
    entries
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => flow(map.iter().map(|(key, value)| (key.as_str(), value))),
        other => other.to_string(),
    }
}

fn flow<'a>(entries: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let entries: Vec<String> =
        entries.map(|(key, value)| format!("{}: {}", scalar(key), inline(value))).collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}

/// Words that YAML, or one of its older versions, reads as something else than a text.
const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// A text: as it is where that is plain, else in quotation marks.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./ ".contains(letter))
        && !text.ends_with(' ')
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if plain {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};
    use syncline_engine::spec::SyncSpec;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_as_the_same_document() {
        let strange = [
            "no",
            "Yes",
            "~",
            "null",
            "1e3",
            "0x1F",
            "1_000",
            "12:30",
            "2026-11-30",
            "a: b",
            "a #b",
            "# c",
            "- d",
            "",
            " e",
            "e ",
            "é\u{85}\u{2028}\u{feff}",
            "\t\n\r\"\\'",
            "{}",
            "[x]",
            "*a",
            "&b",
            "!c",
            "%d",
            "@e",
            "`f",
            "\u{7f}",
            "\u{1f600}",
            "a, b",
            "?",
            "|",
            ">",
            ".inf",
            "N",
        ];
        let values: Map<String, Value> =
            strange.iter().map(|text| ((*text).to_owned(), json!(text))).collect();
        let spec: SyncSpec = serde_json::from_value(json!({
            "name": "a", "project": "web", "source_platform": "csv", "source": { "path": "/tmp/a b.csv", "key": "no" },
            "target_platform": "sql",
            "target": { "url": "postgres://app:p%40ss@db/x?sslmode=require", "table": "t", "env": { "env": "X" } },
            "schedule": "*/15 * * * *", "timezone": "Europe/Berlin", "retry_delay": 2.5, "match_on": strange.to_vec(),
            "delete_guard": { "max_share": 0.25, "max_count": 18446744073709551615_u64 },
            "field_mappings": [
                { "source_field": "id", "target_field": "id", "values": values, "default_value": 1.50, "required": true },
                { "source_field": "to: do", "target_field": "n", "back": { "1": true, "2": null, "3": -7 } },
            ],
        }))
        .unwrap();
        let stored = serde_json::to_value(&spec).unwrap();
        let text = write(&[stored.clone(), json!({ "name": "b" })]);
        let read = documents(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(read.len(), 2, "{text}");
        let again: SyncSpec = serde_json::from_value(read[0].clone()).unwrap();
        assert_eq!(serde_json::to_value(again).unwrap(), stored, "{text}");
        assert!(text.starts_with("---\nname: a\nproject: web\nsource_platform: csv\n"), "{text}");
        assert!(!text.contains("enable_audit") && text.contains("  - { source_field: id, "), "{text}");
    }

    #[test]
    fn an_error_tells_the_place_and_not_the_text() {
        let error =
            documents("name: a\ntarget: { url: 'postgres://u:hunter2@h/x }\n").unwrap_err().to_string();
        assert!(error.contains("not valid YAML") && !error.contains("hunter2"), "{error}");
        assert_eq!(documents("---\n---\n").unwrap(), Vec::<Value>::new());
    }
}
