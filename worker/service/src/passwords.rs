//! Passwords in the addresses that documents hold: hidden in what is shown, and put back when a document that was shown
//! is stored again.

use serde_json::Value;
use syncline_connectors::address::{is_masked, masked};
use syncline_engine::{
    Side,
    spec::{Finding, SyncSpec},
};

/// The document without passwords.
pub fn hidden(mut document: Value) -> Value {
    for side in Side::BOTH {
        if let Some(place) = document.get_mut(side.to_string()).and_then(Value::as_object_mut) {
            place.values_mut().for_each(hide);
        }
    }
    document
}

fn hide(value: &mut Value) {
    if let Value::String(text) = value {
        *text = masked(text);
    }
}

/// Puts the stored passwords back into a document where it has the stored addresses without them. A password that cannot
/// be put back is an error.
pub(crate) fn restored(spec: &mut SyncSpec, stored: Option<&Value>) -> Result<(), Vec<Finding>> {
    let mut findings = Vec::new();
    for side in Side::BOTH {
        let place = match side {
            Side::Source => &mut spec.source,
            Side::Target => &mut spec.target,
        };
        for (key, value) in place.iter_mut() {
            let Some(given) = value.as_str().filter(|given| is_masked(given)) else { continue };
            let known = stored.and_then(|stored| stored.get(side.to_string())?.get(key)?.as_str());
            match known.filter(|known| masked(known) == given) {
                Some(known) => *value = Value::from(known),
                None => findings.push(Finding::error(
                    format!("{side}.{key}"),
                    "has *** in place of a password, and is not the stored address: write the password, or name a \
                     variable that holds the address, { env: NAME }",
                )),
            }
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(url: &str) -> Value {
        json!({
            "name": "a", "source_platform": "csv", "source": { "path": "a.csv" },
            "target_platform": "sql", "target": { "url": url, "table": "t" },
            "field_mappings": [{ "source_field": "id", "target_field": "id" }],
        })
    }

    #[test]
    fn a_password_is_hidden_and_put_back_for_the_same_address_only() {
        let stored = document("postgres://app:hunter2@db/x");
        let shown = hidden(stored.clone());
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
        let mut spec: SyncSpec = serde_json::from_value(shown).unwrap();
        restored(&mut spec, Some(&stored)).unwrap();
        assert_eq!(spec.target["url"], stored["target"]["url"]);

        for (given, known) in
            [("postgres://app:***@other/x", Some(&stored)), ("postgres://app:***@db/x", None)]
        {
            let mut spec: SyncSpec = serde_json::from_value(document(given)).unwrap();
            let findings = restored(&mut spec, known).unwrap_err();
            assert_eq!(findings[0].path, "target.url");
        }
        let mut new: SyncSpec = serde_json::from_value(document("postgres://app:other@db/x")).unwrap();
        restored(&mut new, Some(&stored)).unwrap();
        assert_eq!(new.target["url"], "postgres://app:other@db/x");
    }
}
