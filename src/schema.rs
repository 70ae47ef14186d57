//! The JSON Schema of sync documents, generated from the tables that documents are checked with.

use serde_json::{Map, Value, json};
use syncline_connectors::{Availability, Platform, platforms};
use syncline_engine::{
    Side,
    spec::{
        Category, FullRead,
        keys::{Form, Key, Need, SYNC},
    },
};

/// The schema of a sync document, JSON Schema draft 2020-12.
pub(crate) fn schema() -> Value {
    let mut schema = mapping(SYNC);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Syncline sync");
    schema["description"] = json!("A pair of places that Syncline keeps in step.");
    let available = || platforms().filter(|platform| platform.availability() == Availability::Available);
    let scopes =
        Side::BOTH.into_iter().flat_map(|side| available().filter_map(move |platform| scope(side, platform)));
    schema["allOf"] = scopes.collect();
    let definitions = available().filter_map(|platform| {
        let mut scope = mapping(platform.keys()?);
        scope["description"] = json!(format!("A place on the platform {}.", platform.name()));
        Some((platform.name().to_owned(), scope))
    });
    schema["$defs"] = Value::Object(definitions.collect());
    schema
}

/// The keys that the scope of a side has for this platform.
fn scope(side: Side, platform: &'static dyn Platform) -> Option<Value> {
    platform.keys()?;
    let names: Vec<&str> = names_of(platform).collect();
    Some(json!({
        "if": { "properties": { format!("{side}_platform"): { "enum": names } }, "required": [format!("{side}_platform")] },
        "then": { "properties": { side.to_string(): { "$ref": format!("#/$defs/{}", platform.name()) } } },
    }))
}

fn names_of(platform: &'static dyn Platform) -> impl Iterator<Item = &'static str> {
    std::iter::once(platform.name()).chain(platform.aliases().iter().copied())
}

fn mapping(keys: &[Key]) -> Value {
    let required: Vec<&str> =
        keys.iter().filter(|key| key.need == Need::Required).map(|key| key.name).collect();
    let properties: Map<String, Value> =
        keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = form(key.form);
    if key.need == Need::Optional {
        schema = match schema["type"].as_str() {
            Some(one) => {
                let both = json!([one, "null"]);
                schema["type"] = both;
                schema
            }
            None if schema == json!({}) => schema,
            None => json!({ "anyOf": [schema, { "type": "null" }] }),
        };
    }
    schema["description"] = json!(key.about);
    if let Need::Default(value) = key.need
        && let Ok(value) = serde_json::from_str::<Value>(value)
    {
        schema["default"] = value;
    }
    schema
}

/// A length of time as text.
const LENGTH: &str = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d|w)?\s*$";

fn form(form: Form) -> Value {
    match form {
        Form::Text => json!({ "type": "string" }),
        Form::Character => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        Form::TextOrEnv => json!({ "anyOf": [
            { "type": "string" },
            {
                "type": "object", "properties": { "env": { "type": "string" } },
                "required": ["env"], "additionalProperties": false
            },
        ] }),
        Form::Flag => json!({ "type": "boolean" }),
        Form::Whole(least, u64::MAX) => json!({ "type": "integer", "minimum": least }),
        Form::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Form::Number(least, most) => json!({ "type": "number", "minimum": least, "maximum": most }),
        Form::Length => json!({ "anyOf": [
            { "type": "number", "minimum": 0 },
            { "type": "string", "pattern": LENGTH },
        ] }),
        Form::FullRead => json!({ "anyOf": [
            { "enum": FullRead::NAMES },
            { "type": "integer", "minimum": 1 },
            { "type": "string", "pattern": LENGTH },
        ] }),
        Form::Names(names) => {
            let names: Vec<&str> = names.iter().flat_map(|names| names.iter().copied()).collect();
            json!({ "enum": names })
        }
        Form::Platform => {
            let names: Vec<&str> = platforms().flat_map(names_of).collect();
            json!({ "enum": names })
        }
        Form::Scope => json!({ "type": "object" }),
        Form::TextList => json!({ "type": "array", "items": { "type": "string" } }),
        Form::Keys(keys) => mapping(keys),
        Form::KeysList(keys) => json!({ "type": "array", "minItems": 1, "items": mapping(keys) }),
        Form::ValueMap => json!({
            "type": "object", "additionalProperties": { "type": ["string", "number", "boolean", "null"] }
        }),
        Form::Statuses => {
            let name = json!({ "type": "string", "minLength": 1 });
            let names = json!({ "anyOf": [name, { "type": "array", "minItems": 1, "items": name }] });
            let of = |category: &Category| (category.as_str().to_owned(), names.clone());
            let categories: serde_json::Map<String, Value> = Category::ALL.iter().map(of).collect();
            json!({ "type": "object", "additionalProperties": false, "properties": categories })
        }
        Form::Any => json!({}),
    }
}
