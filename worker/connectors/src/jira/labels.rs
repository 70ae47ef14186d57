//! Labels. Those of Jira have no white space, differ by case, and have no order.
//!
//! A space becomes `␣`, so that `needs triage` is `needs␣triage` in Jira and comes back as it was. Other white space, and
//! `␣` itself, becomes `␣` with its number: `␣9;`.

use syncline_engine::Value;

/// In place of a space.
const BOX: char = '\u{2423}';
/// Characters of a label, at most.
pub(super) const LONGEST: usize = 255;

/// The label as Jira stores it.
pub(super) fn encode(name: &str) -> String {
    let mut label = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            ' ' if number(rest).is_none() => label.push(BOX),
            letter if letter.is_whitespace() || letter == BOX => {
                label.push_str(&format!("{BOX}{:x};", u32::from(letter)));
            }
            letter => label.push(letter),
        }
    }
    label
}

/// What a label of Jira stands for.
pub(super) fn decode(label: &str) -> String {
    let mut name = String::with_capacity(label.len());
    let mut rest = label;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match (letter, number(rest)) {
            (BOX, Some((letter, length))) => {
                name.push(letter);
                rest = &rest[length..];
            }
            (BOX, None) => name.push(' '),
            (letter, _) => name.push(letter),
        }
    }
    name
}

/// The character whose number a text begins with, and the length of that number.
fn number(text: &str) -> Option<(char, usize)> {
    let end = text.find(';').filter(|end| (1..=6).contains(end))?;
    let digits = &text[..end];
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let letter = char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?)?;
    Some((letter, end + 1))
}

/// Names in one order and without repetitions, so that equal sets are equal lists.
pub(super) fn value(mut names: Vec<String>) -> Value {
    names.sort();
    names.dedup();
    Value::List(names.into_iter().map(Value::Text).collect())
}

/// The names of a field's value; none if it is no list of names. A blank value is the empty set.
pub(super) fn names(value: &Value) -> Option<Vec<String>> {
    let name = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(_) | Value::Float(_) | Value::Decimal(_) => Some(value.name()),
        _ => None,
    };
    match value {
        value if value.is_blank() => Some(Vec::new()),
        Value::List(values) => {
            let mut names = values.iter().map(name).collect::<Option<Vec<String>>>()?;
            names.sort();
            names.dedup();
            Some(names)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("bug", "bug")]
    #[case("needs-triage", "needs-triage")]
    #[case("needs triage", "needs␣triage")]
    #[case("a\tb", "a␣9;b")]
    #[case("a␣b", "a␣2423;b")]
    #[case(" 9;", "␣20;9;")]
    #[case("x  y", "x␣␣y")]
    #[case("größe 📏", "größe␣📏")]
    fn case_71_labels_with_spaces_are_reversible(#[case] name: &str, #[case] label: &str) {
        assert_eq!(encode(name), label);
        assert_eq!(decode(label), name);
        assert!(!label.contains(char::is_whitespace));
    }

    proptest::proptest! {
        #[test]
        fn every_name_comes_back(name in "[ \t\u{2423}0-9a-f;xé]{0,12}") {
            proptest::prop_assert_eq!(decode(&encode(&name)), name);
        }
    }

    #[test]
    fn order_and_repetition_do_not_count_and_case_does() {
        let list = |names: &[&str]| Value::List(names.iter().map(|name| Value::text(*name)).collect());
        assert_eq!(names(&list(&["b", "B", "b"])), Some(vec!["B".to_owned(), "b".to_owned()]));
        assert_eq!(names(&Value::text("b")), None);
        assert_eq!(names(&Value::Null), Some(Vec::new()));
    }
}
