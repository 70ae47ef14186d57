//! Checks the keys of a document and the kinds of their values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Finding, FullRead,
    keys::{Form, Key, Need, SYNC},
    length, statuses,
};
use crate::nearest::alternatives;

/// Returns all errors in the keys of a document and in the kinds of their values.
pub fn check_document(document: &Value) -> Vec<Finding> {
    check_keys(document, SYNC, "")
}

/// Checks a mapping at this path against these keys.
pub fn check_keys(value: &Value, keys: &[Key], path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    mapping(value, keys, path, &mut findings);
    findings
}

/// The keys of a stored document that this version does not know, as paths.
pub fn unknown_keys(document: &Value) -> Vec<String> {
    let findings = check_document(document).into_iter();
    findings.filter(|finding| finding.at_key).map(|finding| finding.path).collect()
}

fn mapping(value: &Value, keys: &[Key], path: &str, findings: &mut Vec<Finding>) {
    let Value::Object(object) = value else {
        let example = keys.first().map_or("name", |key| key.name);
        let what = if path.is_empty() { "a sync" } else { "" };
        let text = format!("{what} must be keys and values, for example {example}: ...{}", found(value));
        findings.push(Finding::error(path, text.trim_start()));
        return;
    };
    for (name, value) in object {
        match keys.iter().find(|key| key.name == name) {
            Some(key) => check(value, key, &join(path, name), findings),
            None => findings.push(unknown_key(name, object, keys, path)),
        }
    }
    for key in keys.iter().filter(|key| key.need == Need::Required && !object.contains_key(key.name)) {
        let text = format!("{} is missing: {}", key.name, sentence(key.about));
        findings.push(Finding::error(path, text));
    }
}

/// Does not suggest keys that the mapping already has.
fn unknown_key(name: &str, object: &Map<String, Value>, keys: &[Key], path: &str) -> Finding {
    let free = keys.iter().map(|key| key.name).filter(|key| !object.contains_key(*key));
    let text = format!("unknown key {name:?}; {}", alternatives(name, free, "keys are:"));
    Finding { at_key: true, ..Finding::error(join(path, name), text) }
}

fn check(value: &Value, key: &Key, path: &str, findings: &mut Vec<Finding>) {
    if value.is_null() {
        if key.need != Need::Optional {
            let text = format!("has no value; {}", expected(key));
            findings.push(Finding::error(path, text));
        }
        return;
    }
    let fits = match key.form {
        Form::Keys(keys) => return mapping(value, keys, path, findings),
        Form::KeysList(keys) => match value.as_array() {
            Some(list) => {
                for (place, value) in list.iter().enumerate() {
                    mapping(value, keys, &format!("{path}[{place}]"), findings);
                }
                return;
            }
            None => false,
        },
        Form::TextList => match value.as_array() {
            Some(list) => {
                for (place, value) in list.iter().enumerate().filter(|(_, value)| !is_text(value)) {
                    let text = format!("must be text{}", found(value));
                    findings.push(Finding::error(format!("{path}[{place}]"), text));
                }
                return;
            }
            None => false,
        },
        Form::ValueMap => match value.as_object() {
            Some(values) => {
                for (name, _) in values.iter().filter(|(_, value)| value.is_array() || value.is_object()) {
                    let text = "is a list or an object; a value map names single values";
                    findings.push(Finding::error(join(path, name), text));
                }
                return;
            }
            None => false,
        },
        Form::Statuses => {
            findings.extend(statuses::check(value, path));
            return;
        }
        Form::Names(names) => match value.as_str() {
            Some(text) => return name(text, key, names, path, findings),
            None => false,
        },
        Form::Length => match value.as_str() {
            Some(text) => match length::seconds(text) {
                Ok(_) => true,
                Err(why) => {
                    findings.push(Finding::error(path, why));
                    return;
                }
            },
            None => value.as_f64().is_some_and(|seconds| seconds >= 0.0),
        },
        Form::FullRead => match FullRead::parse(value) {
            Some(Err(why)) => {
                findings.push(Finding::error(path, why));
                return;
            }
            parsed => parsed.is_some(),
        },
        Form::Text | Form::Platform => is_text(value),
        Form::Character => value.as_str().is_some_and(|text| text.chars().count() == 1),
        Form::TextOrEnv => {
            let name = value.get("env").and_then(Value::as_str);
            is_text(value) || name.is_some() && value.as_object().is_some_and(|object| object.len() == 1)
        }
        Form::Flag => value.is_boolean(),
        Form::Whole(least, most) => return whole(value, key, least, most, path, findings),
        Form::Number(least, most) => match value.as_f64() {
            Some(number) if !(least..=most).contains(&number) => {
                let text = format!("{value} is not between {least} and {most}");
                findings.push(Finding::error(path, text));
                return;
            }
            number => number.is_some(),
        },
        Form::Scope => value.is_object(),
        Form::Any => true,
    };
    if !fits {
        // A URL may contain a password, so it is not repeated.
        let found = if matches!(key.form, Form::TextOrEnv) { String::new() } else { found(value) };
        findings.push(Finding::error(path, format!("{}{found}", expected(key))));
    }
}

fn whole(value: &Value, key: &Key, least: u64, most: u64, path: &str, findings: &mut Vec<Finding>) {
    let text = match value.as_u64() {
        Some(number) if (least..=most).contains(&number) => return,
        Some(number) if most == u64::MAX => format!("{number} is less than {least}"),
        Some(number) => format!("{number} is not between {least} and {most}"),
        None => format!("{}{}", expected(key), found(value)),
    };
    findings.push(Finding::error(path, text));
}

fn name(text: &str, key: &Key, names: &[&[&str]], path: &str, findings: &mut Vec<Finding>) {
    let wanted = text.trim().to_ascii_lowercase();
    if names.iter().any(|aliases| aliases.contains(&wanted.as_str())) {
        return;
    }
    findings.push(Finding::error(path, super::names::unknown(&key.name.replace('_', " "), text, names)));
}

/// True for text; a number or a flag without quotes is text as well.
fn is_text(value: &Value) -> bool {
    !(value.is_null() || value.is_array() || value.is_object())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn sentence(about: &str) -> String {
    let mut chars = about.trim_end_matches('.').chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn expected(key: &Key) -> String {
    match key.form {
        Form::Text | Form::Platform => "must be text".to_owned(),
        Form::Character => "must be one character, for example \";\"".to_owned(),
        Form::TextOrEnv => "must be text, or { env: NAME }".to_owned(),
        Form::Flag => "must be true or false".to_owned(),
        Form::Whole(..) => "must be a whole number, 0 or more".to_owned(),
        Form::Number(..) => "must be a number".to_owned(),
        Form::Length => "must be a number of seconds, 0 or more, or a length such as 5m or 1h".to_owned(),
        Form::FullRead => format!("must be {}", FullRead::ACCEPTED),
        Form::Names(names) => {
            let names: Vec<&str> = names.iter().filter_map(|names| names.first().copied()).collect();
            format!("must be one of {}", names.join(", "))
        }
        Form::TextList => "must be a list, for example [id]".to_owned(),
        Form::KeysList(keys) | Form::Keys(keys) => {
            let example: BTreeMap<&str, &str> = keys.iter().take(2).map(|key| (key.name, "...")).collect();
            let example: Vec<String> =
                example.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let example = format!("{{ {} }}", example.join(", "));
            match key.form {
                Form::Keys(_) => format!("must be keys and values, for example {example}"),
                _ => format!("must be a list, for example [{example}]"),
            }
        }
        Form::ValueMap => {
            "must be names and values, for example { \"To Do\": open, Done: closed }".to_owned()
        }
        Form::Statuses => "must be categories and names, for example { done: Released }".to_owned(),
        Form::Scope => "must be keys and values, for example { path: tasks.csv }".to_owned(),
        Form::Any => "must be a value".to_owned(),
    }
}

/// The value found instead, shortened.
fn found(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(_) => ", not a list".to_owned(),
        Value::Object(_) => ", not keys and values".to_owned(),
        Value::String(text) => {
            let shown: String = text.chars().take(60).collect();
            format!(", not {shown:?}")
        }
        other => format!(", not {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::{
        SyncSpec,
        keys::{FIELD, GUARD},
    };

    fn full() -> Value {
        let mut document = most();
        let field = &mut document["field_mappings"][0];
        field["source_statuses"] = json!({ "todo": "New" });
        field["target_statuses"] = json!({ "done": ["Done"] });
        field["status_matching"] = json!("lenient");
        document
    }

    fn most() -> Value {
        json!({
            "name": "a", "project": "p", "source_platform": "csv", "source": {}, "target_platform": "sql", "target": {},
            "entity_type": "task", "direction": "push", "conflict_strategy": "manual", "batch_size": 1,
            "sync_interval": 60, "full_read": "6h", "schedule": "every_2_hours", "timezone": "UTC", "run_window": "Mon-Fri 06:00-22:00",
            "missed_ticks": "skip", "priority": "low", "two_way_create": true, "enable_audit": false, "max_retries": 1,
            "retry_delay": 2.0, "delete_policy": "delete", "delete_guard": { "max_share": 0.5, "max_count": 1 },
            "match_on": ["id"], "enabled": false,
            "field_mappings": [{
                "source_field": "id", "target_field": "id", "source_type": "json", "target_type": "date",
                "bidirectional": true, "direction": "push", "required": true, "default_value": 1, "values": { "a": 1 },
                "back": { "b": 2 }, "transform": "t", "conflict_strategy": "manual",
            }],
        })
    }

    /// The tables have exactly the keys that are read.
    #[test]
    fn the_tables_agree_with_what_is_read() {
        let spec: SyncSpec = serde_json::from_value(full()).unwrap();
        let written = serde_json::to_value(spec).unwrap();
        let names = |value: &Value| {
            let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        let table = |keys: &[Key]| {
            let mut names: Vec<String> = keys.iter().map(|key| key.name.to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&written), table(SYNC));
        assert_eq!(names(&written["field_mappings"][0]), table(FIELD));
        assert_eq!(names(&written["delete_guard"]), table(GUARD));
        assert_eq!(check_document(&written), []);
    }

    #[test]
    fn the_defaults_of_the_tables_are_those_of_the_reader() {
        let mut least = json!({});
        for key in SYNC.iter().filter(|key| key.need == Need::Required) {
            least[key.name] = full()[key.name].clone();
        }
        least["field_mappings"] = json!([{ "source_field": "id", "target_field": "id" }]);
        let written = serde_json::to_value(serde_json::from_value::<SyncSpec>(least).unwrap()).unwrap();
        let places =
            [(SYNC, &written), (FIELD, &written["field_mappings"][0]), (GUARD, &written["delete_guard"])];
        for (keys, written) in places {
            for key in keys {
                if let (Need::Default(json), Some(value)) = (key.need, written.get(key.name)) {
                    assert_eq!(serde_json::from_str::<Value>(json).unwrap(), *value, "{}", key.name);
                }
            }
        }
    }

    #[test]
    fn unknown_keys_are_found_wherever_they_stand() {
        let mut document = full();
        document["shape"] = json!(1);
        document["delete_guard"]["per"] = json!("day");
        document["field_mappings"][0]["unit"] = json!("h");
        assert_eq!(unknown_keys(&document), ["delete_guard.per", "field_mappings[0].unit", "shape"]);
    }
}
