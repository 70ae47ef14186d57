//! Sets of names: labels and logins. Platforms ignore their case, keep none twice, and return them in an order of their own.

use std::cmp::Ordering;

use syncline_engine::Value;

/// True if both are one name to a platform.
pub(crate) fn same(a: &str, b: &str) -> bool {
    order(a, b) == Ordering::Equal
}

/// Sorted and without repetitions, so that equal sets are equal lists. Of two spellings the first one given stays.
pub(crate) fn canonical(mut names: Vec<String>) -> Vec<String> {
    // The sort is stable, and only neighbours can be equal after it.
    names.sort_by(|a, b| order(a, b));
    names.dedup_by(|later, first| same(later, first));
    names
}

/// A canonical set as a field's value.
pub(crate) fn value<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    Value::List(canonical(names.map(str::to_owned).collect()).into_iter().map(Value::Text).collect())
}

/// Reads the names of a field's value; none if it is no list of names. A blank value is the empty set.
pub(crate) fn names(value: &Value) -> Option<Vec<String>> {
    let name = |value: &Value| match value {
        Value::Text(text) => Some(text.trim().to_owned()),
        Value::Int(_) | Value::Float(_) | Value::Decimal(_) => Some(value.name()),
        _ => None,
    };
    match value {
        value if value.is_blank() => Some(Vec::new()),
        Value::List(values) => values.iter().map(name).collect::<Option<_>>().map(canonical),
        _ => None,
    }
}

/// True if the names given, in any order, are those of the canonical set.
pub(crate) fn are<'a>(set: &[String], names: impl Iterator<Item = &'a str>) -> bool {
    let names = canonical(names.map(str::to_owned).collect());
    set.len() == names.len() && set.iter().zip(&names).all(|(a, b)| same(a, b))
}

/// The names of a set that are not among those given.
pub(crate) fn missing<'a>(set: &[String], names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.collect();
    set.iter().filter(|name| !names.iter().any(|known| same(known, name))).cloned().collect()
}

fn order(a: &str, b: &str) -> Ordering {
    a.chars().flat_map(char::to_lowercase).cmp(b.chars().flat_map(char::to_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Value {
        Value::List(names.iter().map(|name| Value::Text((*name).to_owned())).collect())
    }

    #[test]
    fn order_case_and_repetition_do_not_count() {
        assert_eq!(value(["bug", "Ärger", "alpha", "Bug"].into_iter()), list(&["alpha", "bug", "Ärger"]));
        let set = names(&list(&["b", "A", "B"])).unwrap();
        assert!(are(&set, ["a", "B"].into_iter()));
        assert!(!are(&set, ["a"].into_iter()));
        assert_eq!(missing(&set, ["a"].into_iter()), ["b"]);
    }

    #[test]
    fn only_lists_of_names_are_sets() {
        assert_eq!(names(&Value::Null), Some(Vec::new()));
        assert_eq!(names(&Value::List(vec![Value::Int(7)])), Some(vec!["7".to_owned()]));
        assert_eq!(names(&Value::Text("bug, ui".to_owned())), None);
        assert_eq!(names(&Value::List(vec![Value::Null])), None);
    }
}
