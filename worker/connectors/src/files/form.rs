//! Converts a value to the content of a cell, in the form of the content that it replaces. No I/O.

use syncline_engine::{Value, value::Instant};

use crate::stamp::{self, Written};

/// A value as the content of a cell; `old` is the present content.
pub(super) fn cell_like(old: &str, value: &Value) -> String {
    let old = old.trim();
    let formed = match value {
        Value::DateTime(instant) => time(old, *instant),
        Value::Bool(flag) => boolean(old, *flag),
        Value::List(values) if !old.is_empty() && !old.starts_with('[') => list(values),
        _ => None,
    };
    formed.unwrap_or_else(|| cell_text(value))
}

/// A value as the content of an empty cell.
pub(super) fn cell_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) => text.clone(),
        Value::Date(date) => date.to_string(),
        Value::DateTime(instant) => stamp::rfc3339(*instant),
        Value::Decimal(number) => number.as_str().to_owned(),
        other => other.to_json().to_string(),
    }
}

fn time(old: &str, instant: Instant) -> Option<String> {
    let (_, stamp) = stamp::read(old)?;
    Some(match stamp.holding(instant.at)?.write(instant.at) {
        Written::Text(text) => text,
        Written::Int(number) => number.to_string(),
    })
}

/// Pairs of words for true and false.
const WORDS: [[&str; 2]; 6] =
    [["true", "false"], ["yes", "no"], ["y", "n"], ["t", "f"], ["on", "off"], ["1", "0"]];

fn boolean(old: &str, flag: bool) -> Option<String> {
    let lower = old.to_ascii_lowercase();
    let words = WORDS.iter().find(|words| words.contains(&lower.as_str()))?;
    let word = words[usize::from(!flag)];
    let mut letters = old.chars();
    Some(match (letters.next(), letters.next()) {
        (Some(first), second) if first.is_ascii_uppercase() => {
            let all = second.map_or(word.len() == 1, |second| second.is_ascii_uppercase());
            let (head, tail) = word.split_at(1);
            let tail = if all { tail.to_ascii_uppercase() } else { tail.to_owned() };
            head.to_ascii_uppercase() + &tail
        }
        _ => word.to_owned(),
    })
}

/// Separated by commas if parsing that gives the same list, else none.
fn list(values: &[Value]) -> Option<String> {
    let plain = |value: &Value| match value {
        Value::Text(text) if text.trim() == text && !text.is_empty() && !text.contains(',') => {
            Some(text.clone())
        }
        _ => None,
    };
    let texts: Vec<String> = values.iter().map(plain).collect::<Option<_>>()?;
    Some(texts.join(",")).filter(|text| !text.starts_with('['))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-03-01 10:00", "2026-03-01T11:00:00.000000Z", "2026-03-01 11:00")]
    #[case("2026-03-01 10:00", "2026-03-01T11:00:05Z", "2026-03-01 11:00:05")]
    #[case("2026-03-01T10:00:00+02:00", "2026-03-01T11:00:00.250Z", "2026-03-01T13:00:00.250+02:00")]
    #[case("2026-03-01", "2026-03-02T00:00:00Z", "2026-03-02")]
    #[case("2026-03-01", "2026-03-02T11:00Z", "2026-03-02T11:00:00Z")]
    #[case("1700000000", "2026-03-01T11:00:00Z", "1772362800")]
    #[case("", "2026-03-01T11:00Z", "2026-03-01T11:00:00Z")]
    #[case("28/Jan/21", "2026-03-01T11:00:00Z", "2026-03-01T11:00:00Z")]
    fn a_time_has_the_form_of_the_one_it_replaces(#[case] old: &str, #[case] new: &str, #[case] cell: &str) {
        let value = Value::DateTime(Instant::parse(new).unwrap());
        assert_eq!(cell_like(old, &value), cell);
    }

    #[rstest]
    #[case("yes", "no")]
    #[case("Yes", "No")]
    #[case("TRUE", "FALSE")]
    #[case("1", "0")]
    #[case("T", "F")]
    #[case("", "false")]
    fn a_boolean_has_the_words_of_the_one_it_replaces(#[case] old: &str, #[case] cell: &str) {
        assert_eq!(cell_like(old, &Value::Bool(false)), cell);
    }

    #[test]
    fn a_list_has_the_form_of_the_one_it_replaces() {
        let list = |texts: &[&str]| Value::List(texts.iter().map(|text| Value::text(*text)).collect());
        assert_eq!(cell_like("a,b", &list(&["a", "c"])), "a,c");
        assert_eq!(cell_like("a,b", &list(&["a", "c,d"])), r#"["a","c,d"]"#);
        assert_eq!(cell_like(r#"["a"]"#, &list(&["a", "c"])), r#"["a","c"]"#);
        assert_eq!(cell_like("", &list(&["a", "c"])), r#"["a","c"]"#);
    }
}
