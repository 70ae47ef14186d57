//! Says in the document that responses have all their keys: one without a value is null.

use std::collections::BTreeSet;

use serde_json::Value;
use utoipa::{
    ToSchema,
    openapi::{OpenApi, RefOr, Schema, schema::Object},
};

use super::operations;
use crate::problem::{FieldError, Problem};

const SCHEMAS: &str = "#/components/schemas/";

/// Marks every property of what only responses have as required. Problems may leave out what they have nothing to say on.
pub(super) fn in_responses(document: &mut OpenApi) {
    let mut optional = asked(document);
    optional.extend([Problem::name().into_owned(), FieldError::name().into_owned()]);
    let Some(components) = &mut document.components else { return };
    for (name, schema) in &mut components.schemas {
        if !optional.contains(name) {
            require(schema);
        }
    }
}

/// The schemas of which requests are made.
fn asked(document: &mut OpenApi) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            references(&serde_json::to_value(&operation.request_body).unwrap_or_default(), &mut found);
        }
    }
    let schemas = document.components.as_ref().map(|components| &components.schemas);
    let mut left: Vec<String> = found.iter().cloned().collect();
    while let Some(name) = left.pop() {
        let Some(schema) = schemas.and_then(|schemas| schemas.get(&name)) else { continue };
        let mut parts = BTreeSet::new();
        references(&serde_json::to_value(schema).unwrap_or_default(), &mut parts);
        left.extend(parts.into_iter().filter(|part| found.insert(part.clone())));
    }
    found
}

/// The names of the schemas to which a value refers.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let name = map.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(SCHEMAS));
            found.extend(name.map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn require(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => require_all(object),
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(require),
        _ => {}
    }
}

fn require_all(object: &mut Object) {
    object.required = object.properties.keys().cloned().collect();
}
