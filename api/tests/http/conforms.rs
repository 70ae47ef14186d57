//! Holds every response of every test against the document: its status and media type are there, and JSON has no field
//! that the schema does not name.

use std::{cell::RefCell, sync::LazyLock};

use boon::{Compiler, Schemas};
use serde_json::{Map, Value, json};

use crate::stage::Reply;

const ADDRESS: &str = "http://localhost/openapi.json";

/// The document as it is served.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(&syncline_api::openapi("1.2.3").expect("a document")).expect("JSON")
});

/// Clients must ignore fields that they do not know; a response of ours has none.
static STRICT: LazyLock<Value> = LazyLock::new(|| closed(DOCUMENT.clone()));

thread_local! {
    /// Schemas that are compiled once.
    static SCHEMAS: RefCell<(Compiler, Schemas)> = {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(ADDRESS, STRICT.clone()).expect("a document");
        RefCell::new((compiler, Schemas::new()))
    };
}

/// A path of the document that an address has, as it stands there.
fn template(path: &str) -> Option<&'static str> {
    let fits = |known: &&String| {
        let (mut own, mut given) = (known.split('/'), path.split('/'));
        own.by_ref().zip(given.by_ref()).all(|(own, given)| own.starts_with('{') || own == given)
            && known.split('/').count() == path.split('/').count()
    };
    let paths = DOCUMENT["paths"].as_object().expect("paths").keys();
    paths.filter(fits).min_by_key(|known| known.matches('{').count()).map(String::as_str)
}

/// What a reference names, else the value itself.
pub(crate) fn resolved(value: &'static Value) -> (&'static Value, Option<&'static str>) {
    match value["$ref"].as_str().and_then(|address| address.strip_prefix('#')) {
        Some(pointer) => {
            (DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not there")), Some(pointer))
        }
        None => (value, None),
    }
}

pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Fails if a response is not as the document says.
#[track_caller]
pub(crate) fn check(method: &str, path: &str, reply: &Reply) {
    let Some(template) = template(path) else { return };
    if reply.text.contains("urn:syncline:problem:unknown-route") {
        // A listener that has not all routes. That the API has them is a test of its own.
        return;
    }
    let (asked, status) = (format!("{method} {path}"), reply.status.as_u16().to_string());
    let Some(operation) = DOCUMENT["paths"][template].get(method.to_lowercase()) else { return };
    let response = operation["responses"].get(&status);
    let response = response.unwrap_or_else(|| panic!("{asked}: {status} is not documented: {}", reply.text));
    let (response, shared) = resolved(response);
    let kind = reply.header("content-type").split(';').next().unwrap_or_default();
    let Some(content) = response["content"].get(kind) else {
        panic!("{asked}: {status} with {kind:?} is not documented");
    };
    if !kind.ends_with("json") || content["schema"].is_null() {
        return;
    }
    let own = || format!("/paths/{}/{}/responses/{status}", escaped(template), method.to_lowercase());
    let pointer = shared.map_or_else(own, str::to_owned);
    valid(&format!("{pointer}/content/{}/schema", escaped(kind)), &reply.json(), &asked);
}

/// Fails if a value is not as the schema at this place of the document says.
#[track_caller]
pub(crate) fn valid(pointer: &str, value: &Value, what: &str) {
    let error = SCHEMAS.with_borrow_mut(|(compiler, schemas)| {
        let schema = compiler.compile(&format!("{ADDRESS}#{pointer}"), schemas);
        let schema = schema.unwrap_or_else(|error| panic!("{pointer}: {error:#}"));
        schemas.validate(value, schema).err().map(|error| error.to_string())
    });
    if let Some(error) = error {
        panic!("{what}: {error}\n{value}");
    }
}

/// The document with no room for further fields in objects. Objects that others are made of stay open: the whole is
/// closed where it is used.
fn closed(mut document: Value) -> Value {
    let mut parts = Vec::new();
    parts_of(&document, &mut parts);
    for (name, schema) in document["components"]["schemas"].as_object_mut().expect("schemas") {
        close(schema, !parts.contains(name));
    }
    let Value::Object(components) = &mut document["components"] else { panic!("components") };
    let responses = components["responses"].as_object_mut().into_iter().flat_map(Map::values_mut);
    responses.for_each(close_response);
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let operations = paths.flat_map(|path| path.as_object_mut().into_iter().flat_map(Map::values_mut));
    for operation in operations {
        let responses = operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut);
        responses.for_each(close_response);
    }
    document
}

/// The names of schemas that are parts of another one.
fn parts_of(value: &Value, found: &mut Vec<String>) {
    let all_of = value["allOf"].as_array().into_iter().flatten();
    found.extend(all_of.filter_map(|part| Some(part["$ref"].as_str()?.rsplit('/').next()?.to_owned())));
    match value {
        Value::Array(values) => values.iter().for_each(|value| parts_of(value, found)),
        Value::Object(values) => values.values().for_each(|value| parts_of(value, found)),
        _ => {}
    }
}

fn close(schema: &mut Value, whole: bool) {
    let Some(map) = schema.as_object_mut() else { return };
    let open = !map.contains_key("additionalProperties");
    if whole && map.contains_key("properties") && open {
        map.insert("additionalProperties".to_owned(), json!(false));
    } else if map.contains_key("allOf") {
        map.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    for (key, inner) in map.iter_mut() {
        match (key.as_str(), inner) {
            ("properties", Value::Object(inner)) => inner.values_mut().for_each(|inner| close(inner, true)),
            ("items" | "additionalProperties", inner) => close(inner, true),
            ("oneOf" | "anyOf", Value::Array(inner)) => inner.iter_mut().for_each(|inner| close(inner, true)),
            _ => {}
        }
    }
}

fn close_response(response: &mut Value) {
    let contents = response.get_mut("content").and_then(Value::as_object_mut).into_iter();
    for content in contents.flat_map(Map::values_mut) {
        if content["schema"]["$ref"].is_string() {
            let schema = content["schema"].take();
            content["schema"] = json!({ "allOf": [schema], "unevaluatedProperties": false });
        }
    }
}
