//! Numbers keep their digits, and compare by value.

use proptest::prelude::*;
use rstest::rstest;
use syncline_engine::{
    Value,
    hash::canonical_json,
    mapping::read_as,
    spec::FieldType,
    value::{fields_from_json, fields_to_json},
};

fn number(text: &str) -> Value {
    read_as(&Value::text(text), FieldType::Number).unwrap_or_else(|error| panic!("{error}"))
}

/// The text of a number where text is wanted.
#[rstest]
#[case("1.50", "1.50")]
#[case("7.00", "7.00")]
#[case("-0", "-0")]
#[case("1e5", "1e5")]
#[case("+5", "5")]
#[case("007", "7")]
#[case("-007.10", "-7.10")]
#[case(".5", "0.5")]
#[case("5.", "5")]
#[case("0.00001", "0.00001")]
#[case("12345678901234567.89", "12345678901234567.89")]
#[case("0.12345678901234567890", "0.12345678901234567890")]
#[case("18446744073709551615", "18446744073709551615")]
#[case("-12345678901234567890123", "-12345678901234567890123")]
fn a_number_keeps_the_digits_it_is_written_with(#[case] written: &str, #[case] text: &str) {
    let value = number(written);
    assert_eq!(read_as(&value, FieldType::String), Ok(Value::text(text)));
    let stored = Value::from_json(&serde_json::from_str(&value.to_json().to_string()).unwrap());
    assert!(stored.same(&value), "{stored} is not {value}");
}

#[rstest]
#[case("1.50", "1.5", true)]
#[case("1e3", "1000", true)]
#[case("1000e-3", "1.0", true)]
#[case("-0.0", "0", true)]
#[case("1e17", "100000000000000000", true)]
#[case("12345678901234567.89", "12345678901234567.9", false)]
#[case("9007199254740993", "9007199254740992.0", false)]
#[case("18446744073709551615", "18446744073709551614", false)]
#[case("1e130000", "1e130001", false)]
fn numbers_are_compared_by_value(#[case] one: &str, #[case] other: &str, #[case] same: bool) {
    let (one, other) = (number(one), number(other));
    assert_eq!((one.same(&other), other.same(&one)), (same, same));
    assert_eq!(canonical_json(&one) == canonical_json(&other), same);
}

#[test]
fn a_float_equals_the_decimal_that_it_is_written_as() {
    for (float, text) in [(0.1, "0.10"), (1e17, "1e17"), (1e300, "1e300"), (0.1 + 0.2, "0.30000000000000004")]
    {
        assert!(Value::Float(float).same(&number(text)), "{float}");
        assert_eq!(canonical_json(&Value::Float(float)), canonical_json(&number(text)), "{float}");
    }
}

/// An id has one text for every notation of a number.
#[rstest]
#[case("1.0", "1")]
#[case("-01.50", "-1.5")]
#[case("0.0500", "0.05")]
#[case("1e19", "10000000000000000000")]
#[case("-0.0", "0")]
#[case("1e300", "1e300")]
fn an_id_is_one_text_for_one_number(#[case] written: &str, #[case] id: &str) {
    assert_eq!(number(written).name(), id);
}

#[test]
fn a_number_has_at_most_a_thousand_digits() {
    let read = |text: String| read_as(&Value::Text(text), FieldType::Number);
    assert!(read("9".repeat(1_000)).is_ok());
    assert!(read("9".repeat(1_001)).is_err());
    assert!(read(format!("0.{}1", "0".repeat(17_000))).is_err());
    assert!(read("1e131072".to_owned()).is_err());
}

#[test]
fn a_member_of_json_keeps_its_digits_when_another_is_edited() {
    let text =
        r#"{"big":12345678901234567890123,"money":1.50,"note":"a","small":0.1,"u":18446744073709551615}"#;
    let mut fields = fields_from_json(&serde_json::from_str(text).unwrap());
    fields.insert("note".to_owned(), Value::text("b"));
    assert_eq!(fields_to_json(&fields).to_string(), text.replace(r#""a""#, r#""b""#));
}

#[test]
fn json_with_a_number_beyond_all_bounds_stays_text() {
    let text = Value::text("[1e1000000000]");
    assert_eq!(read_as(&text, FieldType::Json), Ok(text.clone()));
    assert!(read_as(&text, FieldType::Array).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_number_is_the_same_after_every_way(text in "-?[0-9]{1,30}(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?") {
        let value = number(&text);
        for field_type in [FieldType::Number, FieldType::Json] {
            let read = read_as(&value, field_type).unwrap();
            let stored = Value::from_json(&serde_json::from_str(&read.to_json().to_string()).unwrap());
            prop_assert!(stored.same(&value), "{} as {}: {}", text, field_type, stored);
            prop_assert_eq!(canonical_json(&stored), canonical_json(&value));
        }
        let there = read_as(&value, FieldType::String).unwrap();
        prop_assert!(read_as(&there, FieldType::Number).unwrap().same(&value));
    }
}
