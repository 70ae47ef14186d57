use serde::Deserialize;
use uuid::Uuid;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only read")]
struct Asked {
    sync: String,
    full: Option<bool>,
    priority: Option<Priority>,
    delay: Option<u64>,
    id: Option<Uuid>,
    items: Option<Items>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Priority {
    High,
    Low,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only read")]
struct Items {
    ids: Vec<String>,
}

#[track_caller]
fn refused(body: &str) -> Problem {
    parse::<Asked>(body.as_bytes()).unwrap_err()
}

/// The field, the code and the text of the only error.
#[track_caller]
fn only(body: &str) -> (String, &'static str, String) {
    let mut problem = refused(body);
    assert_eq!((problem.status, problem.errors.len()), (422, 1), "{problem:?}");
    let error = problem.errors.remove(0);
    (error.pointer.unwrap_or_default(), error.code.unwrap_or_default(), error.detail)
}

#[test]
fn what_is_right_is_read() {
    let body = r#"{"sync": "a\"b", "full": false, "priority": "low", "delay": 7, "items": {"ids": ["1", "2"]},
                   "id": "0193e5a0-0000-7000-8000-000000000001"}"#;
    let asked: Asked = parse(body.as_bytes()).unwrap();
    assert_eq!((asked.sync.as_str(), asked.full, asked.delay), ("a\"b", Some(false), Some(7)));
    assert!(matches!(asked.priority, Some(Priority::Low)) && asked.id.is_some());
    assert_eq!(asked.items.unwrap().ids, ["1", "2"]);
    let nulls: Asked = parse(br#"{"sync": "a", "full": null, "priority": null, "items": null}"#).unwrap();
    assert!(nulls.full.is_none() && nulls.priority.is_none() && nulls.items.is_none());
}

#[test]
fn a_wrong_type_is_told_in_the_words_of_the_api() {
    for (body, pointer, code, detail) in [
        (r#"{"sync": 7}"#, "/sync", "wrong-type", "must be a text, and is the number 7"),
        (
            r#"{"sync": "a", "full": "yes"}"#,
            "/full",
            "wrong-type",
            "must be true or false, and is the text \"yes\"",
        ),
        (r#"{"sync": "a", "priority": 3}"#, "/priority", "wrong-type", "must be a text, and is the number 3"),
        (
            r#"{"sync": "a", "priority": "hig"}"#,
            "/priority",
            "invalid-value",
            "must be one of high, low, and is \"hig\"",
        ),
        (
            r#"{"sync": "a", "delay": "10m"}"#,
            "/delay",
            "wrong-type",
            "must be a whole number, 0 or more, and is the text \"10m\"",
        ),
        (
            r#"{"sync": "a", "delay": -1}"#,
            "/delay",
            "invalid-value",
            "must be a whole number, 0 or more, and is the number -1",
        ),
        (r#"{"sync": "a", "items": ["1"]}"#, "/items", "wrong-type", "must be an object, and is a list"),
        (
            r#"{"sync": "a", "items": {"ids": "1"}}"#,
            "/items/ids",
            "wrong-type",
            "must be a list, and is the text \"1\"",
        ),
        (
            r#"{"sync": "a", "items": {"ids": ["1", {}]}}"#,
            "/items/ids/1",
            "wrong-type",
            "must be a text, and is an object",
        ),
        (
            r#"{"sync": "a", "items": {"ids": [], "x": 1}}"#,
            "/items/x",
            "unknown-key",
            "unknown key; there are: ids",
        ),
        ("{}", "/sync", "missing-key", "is missing"),
    ] {
        assert_eq!(only(body), (pointer.to_owned(), code, detail.to_owned()), "{body}");
    }
    let big = only(r#"{"sync": "a", "delay": 18446744073709551616}"#);
    assert_eq!((big.0.as_str(), big.1), ("/delay", "wrong-type"), "{}", big.2);
}

#[test]
fn numbers_keep_their_digits_where_any_value_is_read() {
    #[derive(Deserialize)]
    struct Any {
        value: Value,
        float: Option<f64>,
    }

    for number in [
        "1.50",
        "0.1",
        "12345678901234567890.123456789",
        "18446744073709551616",
        "-9223372036854775809",
        "340282366920938463463374607431768211456",
        // The parser writes the sign of an exponent.
        "1e+400",
        "7",
        "-7",
        "0.30000000000000004",
    ] {
        let read: Any =
            parse(format!(r#"{{"value": [{{"a": {number}}}], "float": 1.50}}"#).as_bytes()).unwrap();
        assert_eq!((read.value[0]["a"].to_string(), read.float), (number.to_owned(), Some(1.5)));
    }
    for number in ["1.50", "18446744073709551616"] {
        assert_eq!(only(&format!(r#"{{"sync": {number}}}"#)).1, "wrong-type");
        assert_eq!(only(&format!(r#"{{"sync": "a", "items": {number}}}"#)).1, "wrong-type");
        assert_eq!(only(&format!(r#"{{"sync": "a", "delay": {number}}}"#)).1, "wrong-type");
    }
}

#[test]
fn everything_is_told_at_once() {
    let problem = refused(r#"{"ful": true, "delay": "x", "items": {"ids": 1, "sides": 2}, "priority": 1}"#);
    let told: Vec<_> = problem.errors.iter().filter_map(|error| error.pointer.as_deref()).collect();
    for pointer in ["/ful", "/delay", "/items/ids", "/items/sides", "/priority", "/sync"] {
        assert!(told.contains(&pointer), "{pointer}: {told:?}");
    }
    assert_eq!(told.len(), 6, "{told:?}");
    let near = problem.errors.iter().find(|error| error.field == "ful").unwrap();
    assert_eq!(near.hint.as_deref(), Some("did you mean \"full\"?"));
}

#[test]
fn a_list_is_no_object() {
    for body in ["[]", r#"["tasks", null, null, null, null, null]"#, "7", "\"a\"", "null", "true"] {
        let problem = refused(body);
        assert_eq!((problem.status, problem.kind), (422, "invalid-body"), "{body}");
        assert_eq!(problem.detail, "The body must be an object", "{body}");
    }
}

#[test]
fn what_is_not_json_is_malformed() {
    for body in [
        "",
        "{",
        "{\"sync\": \"a\"} x",
        "sync=a",
        "{\"delay\": NaN}",
        "{\"delay\": 1e}",
        "{'sync': 1}",
        "\u{feff}{}",
    ] {
        assert_eq!(refused(body).kind, "malformed-json", "{body}");
    }
    assert_eq!(parse::<Asked>(b"{\"sync\": \"\xff\"}").unwrap_err().kind, "malformed-json");
}

#[test]
fn a_key_twice_is_refused_wherever_it_stands() {
    for (body, pointer) in [
        (r#"{"sync": "a", "sync": "b"}"#, "/sync"),
        (r#"{"sync": "a", "items": {"ids": [], "ids": []}}"#, "/items/ids"),
        (r#"{"unknown": [{"a/b": 1, "a/b": 2}]}"#, "/unknown/0/a~1b"),
    ] {
        let problem = refused(body);
        assert_eq!((problem.status, problem.kind), (400, "duplicate-key"), "{body}");
        assert_eq!(problem.errors[0].pointer.as_deref(), Some(pointer));
    }
}

#[test]
fn nesting_ends_soon() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |deep: usize| format!("{{\"x\":{}1{}}}", open.repeat(deep), close.repeat(deep));
        assert_eq!(refused(&nested(100_000)).kind, "nested-too-deep");
        assert_eq!(refused(&nested(DEEPEST)).kind, "nested-too-deep");
        assert_eq!(refused(&nested(DEEPEST - 1)).kind, "invalid-body", "x is unknown");
    }
}

#[test]
fn a_nul_is_no_text_and_a_disguised_number_is_none() {
    let problem = refused(r#"{"sync": "a\u0000b"}"#);
    assert_eq!((problem.status, problem.kind), (422, "invalid-body"));
    assert_eq!(problem.errors[0].pointer.as_deref(), Some("/sync"));
    assert_eq!(refused(r#"{"a\u0000": 1}"#).status, 422);
    let disguised = r#"{"sync": "a", "delay": {"$serde_json::private::Number": "x"}}"#;
    assert!([400, 422].contains(&refused(disguised).status));
}
