//! Times as platforms write them, equality for people, and the matching hashes.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Side, Value,
    hash::{Hash, canonical_json, content_hash},
    ports::Marker,
    value::{Fields, Instant, Precision},
};

use crate::support::fields;

#[rstest]
#[case("2026-03-01T10:30:15Z", "2026-03-01T10:30:15Z", Precision::Second)]
#[case("2026-03-01T10:30:15+02:00", "2026-03-01T08:30:15Z", Precision::Second)]
#[case("2026-03-01T10:30:15.120+0000", "2026-03-01T10:30:15.120Z", Precision::Milli)]
#[case("2026-03-01T10:30:15.5Z", "2026-03-01T10:30:15.500Z", Precision::Milli)]
#[case("2026-03-01 10:30:15.123456+00", "2026-03-01T10:30:15.123456Z", Precision::Micro)]
#[case("2026-03-01 10:30:15", "2026-03-01T10:30:15Z", Precision::Second)]
#[case(" 2026-03-01 10:30 ", "2026-03-01T10:30Z", Precision::Minute)]
#[case("2026-03-01T10:30Z", "2026-03-01T10:30Z", Precision::Minute)]
#[case("2026-03-01T10:30+02:00", "2026-03-01T08:30Z", Precision::Minute)]
#[case("2026-03-01 10:30-0130", "2026-03-01T12:00Z", Precision::Minute)]
#[case("2026-3-1 9:30:00", "2026-03-01T09:30:00Z", Precision::Second)]
#[case("2026-03-01 10:30:15 +0200", "2026-03-01T08:30:15Z", Precision::Second)]
#[case("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z", Precision::Milli)]
fn a_time_is_read_with_its_zone_and_its_precision(
    #[case] text: &str,
    #[case] expected: &str,
    #[case] precision: Precision,
) {
    let instant = Instant::parse(text).unwrap();
    assert_eq!((instant.to_text().as_str(), instant.precision), (expected, precision));
    assert_eq!(Instant::parse(&instant.to_text()), Some(instant), "what we write, we read");
}

#[rstest]
fn what_is_no_time_is_not_read_as_one(
    #[values(
        "",
        "soon",
        "2026-03-01",
        "10:30",
        "2026-02-30T10:30:00Z",
        "2026-03-01T25:00:00Z",
        "20260301",
        "28-01-21 17:11",
        "0028-01-21 17:11",
        "02026-01-21 17:11",
        "2026-03-01 24:00",
        "2026-03-01 23:59:60",
        "2026-03-01 10:3",
        "2026-03-01 10",
        "2026-03-01 10:30:",
        "2026-03-01 10:30:1",
        "2026-03-01 10:30:15.",
        "2026-03-01 10:30 PM",
        "2026-03-01 10:30+1",
        "2026-03-01 10:30:15 Europe/Berlin",
        "2026-03-01T",
        "é"
    )]
    text: &str,
) {
    assert_eq!(Instant::parse(text), None);
}

#[test]
fn times_are_the_same_as_far_as_the_coarser_one_can_tell() {
    let read = |text: &str| Instant::parse(text).unwrap();
    assert!(read("2026-03-01T10:30Z").same(&read("2026-03-01T10:30:59.9Z")));
    assert!(!read("2026-03-01T10:30:00Z").same(&read("2026-03-01T10:30:01.000Z")));
    assert!(!read("2026-03-01T10:30Z").same(&read("2026-03-01T10:31Z")));
}

#[rstest]
#[case(json!(null), json!(""), true)]
#[case(json!([]), json!(null), true)]
#[case(json!(1), json!(1.0), true)]
#[case(json!(0.1), json!(0.1), true)]
#[case(json!(1), json!("1"), false)]
#[case(json!(" "), json!(""), false)]
#[case(json!({ "a": 1, "b": null }), json!({ "a": 1 }), true)]
#[case(json!({ "a": 1 }), json!({ "a": 1, "b": 2 }), false)]
#[case(json!({ "a": [1, 2] }), json!({ "a": [2, 1] }), false)]
#[case(json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), false)]
#[case(json!(18_446_744_073_709_551_615_u64), json!(18_446_744_073_709_551_614_u64), false)]
fn values_are_the_same_as_people_see_it_and_their_hashes_follow(
    #[case] one: serde_json::Value,
    #[case] other: serde_json::Value,
    #[case] same: bool,
) {
    let (a, b) = (Value::from_json(&one), Value::from_json(&other));
    assert_eq!((a.same(&b), b.same(&a)), (same, same));
    let hash = |value: &Value| content_hash(&Fields::from([("field".to_owned(), value.clone())]));
    assert_eq!(hash(&a) == hash(&b), same);
}

#[test]
fn canonical_json_has_one_form_for_one_content() {
    let value =
        Value::from_json(&json!({ "b": [1.0, "x\n\u{1}\""], "a": null, "c": { "z": 0.5, "y": true } }));
    assert_eq!(canonical_json(&value), r#"{"b":[1,"x\n\u0001\""],"c":{"y":true,"z":0.5}}"#);
}

#[test]
fn a_hash_reads_back_from_its_text() {
    let hash = content_hash(&fields(json!({ "a": 1 })));
    assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
    assert_eq!(Hash::parse("abc"), None);
    assert_eq!(Hash::parse(&"ä".repeat(16)), None);
}

#[test]
fn a_marker_is_its_origins_own_and_always_the_same() {
    let marker = |sync, id| Marker::derive(sync, "issue", Side::Source, id).text;
    assert_eq!(marker("default/a", "1"), marker("default/a", "1"));
    let others = [marker("default/a", "2"), marker("default/b", "1"), marker("default/a1", "")];
    assert!(others.iter().all(|other| *other != marker("default/a", "1")));
    assert_ne!(
        Marker::derive("s", "issue", Side::Target, "1").text,
        Marker::derive("s", "issue", Side::Source, "1").text
    );
    let text = marker("default/a", "1");
    assert!(text.starts_with("sl-") && text.len() == 29, "{text}");
}
