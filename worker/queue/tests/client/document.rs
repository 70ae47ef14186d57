//! The JSON schema and the Rust type accept and refuse the same documents.

use std::{fs, path::Path};

use chrono::DateTime;
use serde_json::{Map, Value, json};
use syncline_queue::{
    Priority,
    client::{DocumentError, MAX_DOCUMENT, RequestKind, SyncRequest},
};
use uuid::Uuid;

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/inbox.schema.json");
    serde_json::from_str(&fs::read_to_string(path).expect("the schema")).expect("JSON")
}

/// Implements the part of JSON Schema 2020-12 that the schema uses; an unknown keyword fails the test.
fn valid(schema: &Map<String, Value>, value: &Value) -> bool {
    schema.iter().all(|(keyword, says)| match keyword.as_str() {
        "$schema" | "title" | "description" | "default" => true,
        "type" => match says {
            Value::Array(types) => types.iter().any(|one| is(one, value)),
            one => is(one, value),
        },
        "const" => equal(says, value),
        "enum" => says.as_array().expect("values").iter().any(|one| equal(one, value)),
        "required" => {
            let names = says.as_array().expect("names").iter();
            value.as_object().is_none_or(|object| names.clone().all(|name| object.contains_key(text(name))))
        }
        "additionalProperties" => {
            assert_eq!(says, &json!(false));
            let known = schema["properties"].as_object().expect("properties");
            value.as_object().is_none_or(|object| object.keys().all(|name| known.contains_key(name)))
        }
        "properties" => value.as_object().is_none_or(|object| {
            let known = says.as_object().expect("properties");
            object.iter().all(|(name, value)| {
                known.get(name).is_none_or(|one| valid(one.as_object().expect("a schema"), value))
            })
        }),
        "minLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 >= says.as_u64().expect("a number"))
        }
        "maxLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 <= says.as_u64().expect("a number"))
        }
        "items" => value
            .as_array()
            .is_none_or(|items| items.iter().all(|item| valid(says.as_object().expect("a schema"), item))),
        "minItems" => {
            value.as_array().is_none_or(|items| items.len() as u64 >= says.as_u64().expect("a number"))
        }
        "not" => !valid(says.as_object().expect("a schema"), value),
        "minimum" => value.as_f64().is_none_or(|number| number >= says.as_f64().expect("a number")),
        "maximum" => value.as_f64().is_none_or(|number| number <= says.as_f64().expect("a number")),
        "format" => value.as_str().is_none_or(|value| match text(says) {
            "uuid" => value.len() == 36 && Uuid::try_parse(value).is_ok(),
            "date-time" => !value.contains(' ') && DateTime::parse_from_rfc3339(value).is_ok(),
            other => panic!("the format {other} is not known to this test"),
        }),
        other => panic!("the keyword {other} is not known to this test"),
    })
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn is(kind: &Value, value: &Value) -> bool {
    match text(kind) {
        "object" => value.is_object(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("the type {other} is not known to this test"),
    }
}

/// Compares numbers by value.
fn equal(one: &Value, other: &Value) -> bool {
    one == other || one.as_f64().is_some_and(|number| other.as_f64() == Some(number))
}

/// True if the schema and the type accept the document; fails if they disagree.
fn taken(document: &Value) -> bool {
    let by_schema = valid(schema().as_object().expect("a schema"), document);
    let parsed = SyncRequest::parse(document.to_string().as_bytes());
    assert_eq!(parsed.is_ok(), by_schema, "{document}: the schema says {by_schema}, the type {parsed:?}");
    by_schema
}

fn with(name: &str, value: Value) -> Value {
    let mut document = json!({ "version": 1, "sync": "a" });
    document[name] = value;
    document
}

#[test]
fn schema_and_type_accept_the_same_documents() {
    for good in [
        json!({ "version": 1, "sync": "a" }),
        json!({ "version": 1.0, "sync": "a" }),
        json!({
            "version": 1, "id": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "sync": "jira-github-sync", "project": "default",
            "kind": "plan", "priority": "critical", "full": true, "confirm_deletes": true, "allow_deletes": 7,
            "not_before": "2026-11-25T10:00:00+01:00"
        }),
        json!({
            "version": 1, "sync": "a", "id": null, "priority": null, "allow_deletes": null, "not_before": null
        }),
        with("sync", json!("ß".repeat(200))),
        with("allow_deletes", json!(0)),
        with("allow_deletes", json!(3.0)),
        with("allow_deletes_of", json!([])),
        with("allow_deletes_of", json!(["T-1", "T-2"])),
        json!({ "version": 1, "sync": "a", "allow_deletes": null, "allow_deletes_of": ["T-1"] }),
        json!({ "version": 1, "sync": "a", "allow_deletes": 1, "allow_deletes_of": [] }),
        with("allow_deletes", json!(9_007_199_254_740_991u64)),
        with("not_before", json!("2026-11-25T10:00:00.123456Z")),
        with("priority", json!("low")),
        with("id", json!("0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B")),
    ] {
        assert!(taken(&good), "{good}");
    }
}

#[test]
fn schema_and_type_refuse_the_same_documents() {
    let mut bad = vec![
        json!({}),
        json!([]),
        json!("sync"),
        json!(null),
        json!({ "version": 1 }),
        json!({ "sync": "a" }),
        json!({ "version": 2, "sync": "a" }),
        json!({ "version": 0, "sync": "a" }),
        json!({ "version": -1, "sync": "a" }),
        json!({ "version": 1.5, "sync": "a" }),
        json!({ "version": "1", "sync": "a" }),
        json!({ "version": null, "sync": "a" }),
        json!({ "version": 1, "sync": "a", "syncs": "b" }),
        json!({ "version": 1, "sync": "a", "Full": true }),
        json!({ "version": 1, "sync": "a", "allow_deletes": 1, "allow_deletes_of": ["T-1"] }),
    ];
    for (name, values) in [
        ("sync", vec![json!(""), json!(null), json!(1), json!("x".repeat(201)), json!(["a"])]),
        ("project", vec![json!(""), json!(null), json!(1), json!("x".repeat(201))]),
        ("kind", vec![json!("resolve"), json!("Sync"), json!(null), json!(1), json!("")]),
        ("priority", vec![json!("default"), json!("urgent"), json!("HIGH"), json!(1), json!("")]),
        ("full", vec![json!("true"), json!(1), json!(null)]),
        ("confirm_deletes", vec![json!("yes"), json!(0), json!(null)]),
        (
            "allow_deletes",
            vec![
                json!(-1),
                json!(1.5),
                json!("3"),
                json!(true),
                json!(9_007_199_254_740_992u64),
                json!(1e300),
            ],
        ),
        (
            "allow_deletes_of",
            vec![json!(null), json!("T-1"), json!([1]), json!([""]), json!(["T-1", ""]), json!({})],
        ),
        (
            "id",
            vec![
                json!(""),
                json!("7"),
                json!(7),
                json!("0190a1b2c3d47e5f8a9b0c1d2e3f4a5b"),
                json!("{0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b}"),
                json!("urn:uuid:0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"),
                json!("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5g"),
            ],
        ),
        (
            "not_before",
            vec![
                json!("tomorrow"),
                json!("2026-11-25"),
                json!("2026-11-25T10:00:00"),
                json!("2026-11-25 10:00:00Z"),
                json!(1_795_600_000),
                json!("2026-13-25T10:00:00Z"),
                json!(""),
            ],
        ),
    ] {
        bad.extend(values.into_iter().map(|value| with(name, value)));
    }
    for bad in bad {
        assert!(!taken(&bad), "{bad}");
    }
}

#[test]
fn every_field_of_the_schema_is_one_of_the_type() {
    let schema = schema();
    let mut full = SyncRequest::new("a");
    full.id = Some(Uuid::now_v7());
    full.priority = Some(Priority::High);
    full.allow_deletes_of = vec!["T-1".to_owned()];
    full.not_before = Some(DateTime::UNIX_EPOCH);
    let written: Value = serde_json::from_str(&full.to_text().expect("a document")).expect("JSON");
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let (mut written_names, mut known) = (names(&written), names(&schema["properties"]));
    // It stands instead of `allow_deletes_of`.
    written_names.push("allow_deletes".to_owned());
    written_names.sort();
    known.sort();
    assert_eq!(written_names, known);
    assert!(taken(&written));
    assert_eq!(SyncRequest::parse(written.to_string().as_bytes()), Ok(full));
}

#[test]
fn defaults_are_those_of_the_schema() {
    let request = SyncRequest::parse(br#"{"version":1,"sync":"a"}"#).expect("a document");
    assert_eq!(request, SyncRequest::new("a"));
    assert_eq!(
        (request.project.as_str(), request.kind, request.priority),
        ("default", RequestKind::Sync, None)
    );
    let schema = schema();
    assert_eq!(schema["properties"]["project"]["default"], "default");
    assert_eq!(schema["properties"]["kind"]["default"], "sync");
}

#[test]
fn refusals_give_the_reason() {
    let why = |text: &str| SyncRequest::parse(text.as_bytes()).expect_err("a refusal").to_string();
    assert_eq!(
        why(r#"{"version":3,"sync":"a","new":1}"#),
        "the document's version is 3; this program knows version 1"
    );
    assert!(why(r#"{"version":1,"sync":"a","extra":1}"#).contains("unknown field `extra`"));
    assert!(why(r#"{"version":1,"sync":"a","id":"7"}"#).contains("id must be a UUID"));
    assert!(why("{").contains("not understood"));
    assert!(why(r#"{"version":1,"sync":"a","sync":"b"}"#).contains("duplicate field `sync`"));
    assert_eq!(
        SyncRequest::parse(&vec![b' '; MAX_DOCUMENT + 1]),
        Err(DocumentError::TooLong(MAX_DOCUMENT + 1))
    );
    assert!(SyncRequest::parse(&[0xFF, 0xFE]).is_err());
    assert!(SyncRequest::new("").to_text().is_err(), "an invalid document is not written");
}
