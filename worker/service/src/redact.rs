//! Takes the values of fields out of what callers without `data:read` are shown.

use serde_json::Value;

use crate::{Caller, Scope};

/// What stands in place of a text that may quote a value.
pub const HIDDEN: &str = "not shown: the token lacks the scope data:read";

/// Keys that hold values.
const VALUES: [&str; 5] = ["before", "after", "base", "source", "target"];

/// The details of a run as a caller may see them: without data:read, plans have no values, and texts about items, which
/// may quote some, are replaced.
pub fn details(caller: &Caller, mut details: Value) -> Value {
    if caller.may(Scope::DataRead) {
        return details;
    }
    if let Some(errors) = details.get_mut("errors") {
        hide(errors);
    }
    let items = details.pointer_mut("/plan/items").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        for texts in ["problems", "notes"] {
            if let Some(texts) = item.get_mut(texts) {
                hide(texts);
            }
        }
        for conflict in entries(item, "conflicts") {
            bare(conflict);
            if let Some(reason) = conflict.get_mut("reason") {
                hide(reason);
            }
        }
        for write in entries(item, "writes") {
            entries(write, "fields").for_each(bare);
        }
    }
    details
}

fn entries<'a>(of: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    of.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Sets the values to null.
fn bare(entry: &mut Value) {
    for key in VALUES {
        if let Some(value) = entry.get_mut(key) {
            *value = Value::Null;
        }
    }
}

/// Replaces every text.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => HIDDEN.clone_into(text),
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Object(values) => values.values_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn without_data_read_no_value_is_left() {
        let shown = json!({
            "links": 3, "errors": ["T-2: \"secret\" is no number"],
            "plan": { "counts": { "updates": 1 }, "items": [{
                "item": "T-1", "action": "update", "problems": ["secret"], "notes": ["secret"],
                "writes": [{ "side": "target", "kind": "update", "id": "7", "fields": [
                    { "field": "title", "before": "secret", "after": ["secret"], "rule": "source" }
                ] }],
                "conflicts": [{ "field": "title", "kind": "timestamp", "base": "secret", "source": "secret",
                    "target": { "a": "secret" }, "winner": "source", "reason": "secret is longer" }],
            }] },
        });
        let mut caller = Caller::person("mia");
        assert_eq!(details(&caller, shown.clone()), shown);
        caller.scopes = [Scope::Read, Scope::Operate].into_iter().collect();
        let bare = details(&caller, shown);
        assert!(!bare.to_string().contains("secret"), "{bare}");
        let item = &bare["plan"]["items"][0];
        assert_eq!(
            item["writes"][0]["fields"][0],
            json!({ "field": "title", "before": null, "after": null, "rule": "source" })
        );
        assert_eq!((&item["item"], &item["conflicts"][0]["kind"]), (&json!("T-1"), &json!("timestamp")));
        assert_eq!(bare["errors"], json!([HIDDEN]));
    }
}
