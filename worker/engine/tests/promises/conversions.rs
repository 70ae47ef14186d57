//! Conversions between the eight types and back.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side, Value,
    hash::canonical_json,
    mapping::{Rule, Unmappable, read_as},
    spec::FieldType,
};

use crate::support::World;

fn rule(source_type: &str, target_type: &str) -> Rule {
    let mappings = json!([
        { "source_field": "f", "target_field": "f", "source_type": source_type, "target_type": target_type },
    ]);
    World::new(json!({ "field_mappings": mappings })).mapping().rules.remove(0)
}

/// The value reaches the target as stated and comes back as `back`.
#[rstest]
#[case("string", "string", json!("a"), json!("a"), json!("a"))]
#[case("string", "number", json!(" 12 "), json!(12), json!("12"))]
#[case("string", "number", json!("1e3"), json!(1000), json!("1e3"))]
#[case("string", "number", json!("0.5"), json!(0.5), json!("0.5"))]
#[case("string", "boolean", json!("Yes"), json!(true), json!("true"))]
#[case("string", "boolean", json!("0"), json!(false), json!("false"))]
#[case("string", "date", json!("2026-02-28"), json!("2026-02-28"), json!("2026-02-28"))]
#[case("string", "datetime", json!("2026-02-28 10:30"), json!("2026-02-28T10:30Z"), json!("2026-02-28T10:30Z"))]
#[case("string", "datetime", json!("2026-02-28T10:30:00+02:00"), json!("2026-02-28T08:30:00Z"), json!("2026-02-28T08:30:00Z"))]
#[case("string", "array", json!("a, b"), json!(["a", "b"]), json!("a,b"))]
#[case("string", "array", json!("[1,\"a,b\"]"), json!([1, "a,b"]), json!("[1,\"a,b\"]"))]
#[case("string", "object", json!("{\"a\": 1}"), json!({ "a": 1 }), json!("{\"a\":1}"))]
#[case("string", "json", json!("[1]"), json!([1]), json!("[1]"))]
#[case("string", "json", json!("plain"), json!("plain"), json!("plain"))]
#[case("number", "number", json!(9007199254740993_i64), json!(9007199254740993_i64), json!(9007199254740993_i64))]
#[case("number", "boolean", json!(1), json!(true), Json::Null)]
#[case("number", "datetime", json!(0), json!("1970-01-01T00:00:00Z"), Json::Null)]
#[case("number", "datetime", json!(1_700_000_000_123_i64), json!("2023-11-14T22:13:20.123Z"), Json::Null)]
#[case("number", "array", json!(3), json!([3]), Json::Null)]
#[case("number", "json", json!(0.25), json!(0.25), json!(0.25))]
#[case("boolean", "string", json!(true), json!("true"), json!(true))]
#[case("boolean", "json", json!(false), json!(false), json!(false))]
#[case("date", "datetime", json!("2026-02-28"), json!("2026-02-28T00:00:00Z"), json!("2026-02-28"))]
#[case("datetime", "date", json!("2026-02-28T23:59:59Z"), json!("2026-02-28"), json!("2026-02-28T00:00:00Z"))]
#[case("date", "json", json!("2026-02-28"), json!("2026-02-28"), json!("2026-02-28"))]
#[case("datetime", "string", json!("2026-02-28T10:30:00.123456Z"), json!("2026-02-28T10:30:00.123456Z"), json!("2026-02-28T10:30:00.123456Z"))]
#[case("array", "json", json!(["a", null]), json!(["a", null]), json!(["a", null]))]
#[case("object", "json", json!({ "a": [1] }), json!({ "a": [1] }), json!({ "a": [1] }))]
fn a_value_crosses_and_comes_back(
    #[case] source_type: &str,
    #[case] target_type: &str,
    #[case] value: Json,
    #[case] there: Json,
    #[case] back: Json,
) {
    let rule = rule(source_type, target_type);
    let carried = rule.carry(Side::Source, &Value::from_json(&value)).unwrap();
    assert_eq!(canonical_json(&carried), canonical_json(&Value::from_json(&there)));
    assert!(rule.agrees(&Value::from_json(&value), &carried));
    match rule.carry(Side::Target, &carried) {
        Ok(returned) => assert_eq!(returned.to_json(), back),
        Err(_) => assert_eq!(back, Json::Null, "{carried} should come back"),
    }
}

#[rstest]
#[case("number", json!("many"))]
#[case("number", json!("1,234.5"))]
#[case("number", json!("1e1000000000"))]
#[case("number", json!("1e-1000000000"))]
#[case("number", json!("0x10"))]
#[case("number", json!("inf"))]
#[case("number", json!("NaN"))]
#[case("number", json!("-"))]
#[case("number", json!(true))]
#[case("number", json!([1]))]
#[case("boolean", json!("maybe"))]
#[case("boolean", json!(2))]
#[case("boolean", json!(0.5))]
#[case("date", json!("2026-02-30"))]
#[case("date", json!("28-01-21"))]
#[case("date", json!("0028-01-21"))]
#[case("date", json!("2026-03"))]
#[case("date", json!("28-01-21 17:11"))]
#[case("datetime", json!("28-01-21 17:11"))]
#[case("datetime", json!("2026-03"))]
#[case("datetime", json!("2026-03-01 24:00"))]
#[case("datetime", json!("2026-03-01 23:59:60"))]
#[case("datetime", json!("2026-03-01 23:59:59.1234567"))]
#[case("date", json!(20260228))]
#[case("datetime", json!("soon"))]
#[case("datetime", json!(0.5))]
#[case("datetime", json!(false))]
#[case("array", json!({ "a": 1 }))]
#[case("array", json!("[broken"))]
#[case("object", json!("text"))]
#[case("object", json!([1]))]
fn what_a_type_cannot_hold_is_refused_and_shown(#[case] target_type: &str, #[case] value: Json) {
    let refused = rule("json", target_type).carry(Side::Source, &Value::from_json(&value)).unwrap_err();
    let Unmappable::Type { field, mismatch } = refused else { panic!("{refused:?}") };
    assert_eq!(field, "f");
    assert!(!mismatch.value.is_empty());
}

/// A day is the midnight of UTC with which it begins, and comes back as the day, whatever the season.
#[rstest]
fn case_145_date_only_to_date_time(
    #[values("2026-10-30", "2026-03-29", "2026-12-31", "2028-02-29")] day: &str,
) {
    let (there, back) = (rule("date", "datetime"), rule("datetime", "date"));
    let instant = there.carry(Side::Source, &Value::from_json(&json!(day))).unwrap();
    assert_eq!(instant.to_json(), format!("{day}T00:00:00Z"));
    assert_eq!(there.carry(Side::Target, &instant).unwrap().to_json(), day);
    assert_eq!(back.carry(Side::Source, &instant).unwrap().to_json(), day);
}

#[rstest]
fn nothing_is_nothing_in_every_type(
    #[values("string", "number", "boolean", "date", "datetime", "array", "object", "json")] from: &str,
    #[values("string", "number", "boolean", "date", "datetime", "array", "object", "json")] to: &str,
    #[values(json!(null), json!(""), json!([]))] blank: Json,
) {
    let rule = rule(from, to);
    assert_eq!(rule.carry(Side::Source, &Value::from_json(&blank)), Ok(Value::Null));
    assert_eq!(rule.carry(Side::Target, &Value::from_json(&blank)), Ok(Value::Null));
}

/// Bases are loaded from the database as JSON and parsed again, so parsing must be idempotent.
#[rstest]
fn a_value_read_again_is_the_same_value(
    #[values(
        json!("5"), json!("\"5\""), json!("\"\\\"x\\\"\""), json!("true"), json!("null"), json!("[1, \"2\"]"),
        json!("{\"a\": \"1\"}"), json!("a,b"), json!("2026-02-28"), json!("2026-02-28T10:30Z"), json!(0), json!(1),
        json!(0.5), json!(true), json!(["x", "2026-02-28"]), json!({ "a": null, "b": "1" })
    )]
    value: Json,
) {
    for field_type in FieldType::ALL {
        let Ok(once) = read_as(&Value::from_json(&value), *field_type) else { continue };
        let again = read_as(&Value::from_json(&once.to_json()), *field_type).unwrap();
        assert!(once.same(&again), "{value} as {field_type}: {once} and then {again}");
        assert_eq!(canonical_json(&once), canonical_json(&again), "{field_type}");
    }
}

/// Drivers return dates inside lists; a base from the database has text there.
#[test]
fn a_date_inside_a_list_is_the_same_after_the_database() {
    let date = Value::Date("2026-02-28".parse().unwrap());
    for (field_type, value) in [
        (FieldType::Array, Value::List(vec![date.clone()])),
        (FieldType::Json, Value::List(vec![date.clone()])),
        (FieldType::Object, Value::Object([("d".to_owned(), date)].into())),
    ] {
        let once = read_as(&value, field_type).unwrap();
        let again = read_as(&Value::from_json(&once.to_json()), field_type).unwrap();
        assert!(once.same(&again), "{field_type}");
    }
}
