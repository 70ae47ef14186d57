//! What two documents of a sync differ in.

use serde::Serialize;
use serde_json::Value;

/// A key whose values differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The key: `delete_guard.max_count`, `field_mappings[title -> summary].values`.
    pub path: String,
    /// Null if the first document lacks the key.
    pub before: Value,
    /// Null if the second document lacks the key.
    pub after: Value,
}

/// The keys that differ, in order of their names. Mappings are compared by the pair of their fields, wherever they stand.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                compare(&path, &of(one), &of(other), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if fields(one).is_some() && fields(other).is_some() => {
            of_mappings(path, one, other, found);
        }
        _ => found.push(Difference { path: path.to_owned(), before: before.clone(), after: after.clone() }),
    }
}

fn of_mappings(path: &str, one: &[Value], other: &[Value], found: &mut Vec<Difference>) {
    let mut names: Vec<String> = [one, other].into_iter().filter_map(fields).flatten().collect();
    names.sort_unstable();
    names.dedup();
    let earlier = found.len();
    for name in names {
        let of = |list: &[Value]| list.iter().find(|one| pair(one).as_ref() == Some(&name)).cloned();
        let path = format!("{path}[{name}]");
        compare(&path, &of(one).unwrap_or_default(), &of(other).unwrap_or_default(), found);
    }
    // The same mappings in another order.
    if found.len() == earlier {
        let listed = |list: &[Value]| fields(list).unwrap_or_default().into();
        found.push(Difference { path: path.to_owned(), before: listed(one), after: listed(other) });
    }
}

/// The pair of fields of each mapping; none if these are no mappings.
fn fields(list: &[Value]) -> Option<Vec<String>> {
    list.iter().map(pair).collect()
}

fn pair(mapping: &Value) -> Option<String> {
    Some(format!("{} -> {}", mapping.get("source_field")?.as_str()?, mapping.get("target_field")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_key_that_differs_is_named_with_both_values() {
        let before = json!({
            "name": "a", "sync_interval": 300, "delete_guard": { "max_count": 20, "max_share": 0.1 }, "match_on": ["id"],
            "field_mappings": [
                { "source_field": "a", "target_field": "b" }, { "source_field": "c", "target_field": "d" }
            ],
        });
        let mut after = before.clone();
        after["sync_interval"] = json!(60);
        after["delete_guard"]["max_count"] = json!(5);
        after["match_on"] = json!([]);
        after["timezone"] = json!("UTC");
        after["field_mappings"] = json!([
            { "source_field": "e", "target_field": "f" }, { "source_field": "a", "target_field": "b", "required": true }
        ]);
        let found = differences(&before, &after);
        let told: Vec<String> =
            found.iter().map(|one| format!("{}: {} {}", one.path, one.before, one.after)).collect();
        assert_eq!(
            told,
            [
                "delete_guard.max_count: 20 5",
                "field_mappings[a -> b].required: null true",
                "field_mappings[c -> d]: {\"source_field\":\"c\",\"target_field\":\"d\"} null",
                "field_mappings[e -> f]: null {\"source_field\":\"e\",\"target_field\":\"f\"}",
                "match_on: [\"id\"] []",
                "sync_interval: 300 60",
                "timezone: null \"UTC\"",
            ]
        );
        assert_eq!(differences(&before, &before), []);
    }

    #[test]
    fn another_order_of_mappings_is_a_difference() {
        let (a, b) = (
            json!({ "source_field": "a", "target_field": "b" }),
            json!({ "source_field": "c", "target_field": "d" }),
        );
        let found = differences(&json!({ "field_mappings": [a, b] }), &json!({ "field_mappings": [b, a] }));
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].path, &found[0].before), ("field_mappings", &json!(["a -> b", "c -> d"])));
    }
}
