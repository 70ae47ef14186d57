//! Atlassian's schema of documents.
//!
//! SYNCLINE_CONTRACTS names a folder with `jira/adf-schema.json.gz`. Without it the tests say so, and check only what they
//! state themselves. The schema uses few of JSON Schema's words; an unknown one fails, so that nothing goes unchecked.

use std::{path::Path, process::Command, sync::OnceLock};

use serde_json::Value as Json;

static SCHEMA: OnceLock<Option<Json>> = OnceLock::new();

fn schema() -> Option<&'static Json> {
    SCHEMA.get_or_init(read).as_ref()
}

#[allow(clippy::print_stdout, reason = "the test says aloud what it did not check")]
fn read() -> Option<Json> {
    let file = std::env::var_os("SYNCLINE_CONTRACTS")
        .map(|folder| Path::new(&folder).join("jira/adf-schema.json.gz"))
        .filter(|file| file.is_file());
    let Some(file) = file else {
        println!("NOT CHECKED: SYNCLINE_CONTRACTS names no folder with jira/adf-schema.json.gz");
        return None;
    };
    let output = Command::new("gzip").arg("-dc").arg(file).output().unwrap();
    assert!(output.status.success(), "the schema cannot be unpacked");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// Fails if a document does not fit the schema.
#[track_caller]
pub(crate) fn check(document: &Json) {
    if let Some(schema) = schema()
        && let Err(why) = fits(document, schema, schema, "")
    {
        panic!("{why}\n{document:#}");
    }
}

fn fits(value: &Json, schema: &Json, root: &Json, at: &str) -> Result<(), String> {
    let Some(words) = schema.as_object() else { return Err(format!("{at}: no schema")) };
    for (word, wanted) in words {
        let number = || wanted.as_f64().unwrap_or_default();
        let holds = match word.as_str() {
            "$schema" | "description" | "definitions" => true,
            "$ref" => {
                let name = wanted.as_str().and_then(|path| path.strip_prefix("#/definitions/"));
                fits(value, &root["definitions"][name.unwrap_or_default()], root, at)?;
                true
            }
            "type" => match wanted.as_str() {
                Some("object") => value.is_object(),
                Some("array") => value.is_array(),
                Some("string") => value.is_string(),
                Some("number") => value.is_number(),
                Some("boolean") => value.is_boolean(),
                _ => return Err(format!("the schema has the unknown type {wanted}")),
            },
            "enum" => wanted.as_array().is_some_and(|allowed| allowed.contains(value)),
            "anyOf" => {
                let tried: Vec<_> = each(wanted).map(|option| fits(value, option, root, at)).collect();
                if tried.iter().any(Result::is_ok) {
                    true
                } else {
                    // The deepest problem is that of the option that fitted best.
                    let why =
                        tried.into_iter().filter_map(Result::err).max_by_key(|why| why.matches('/').count());
                    return Err(why.unwrap_or_else(|| format!("{at}: no option")));
                }
            }
            "allOf" => {
                each(wanted).try_for_each(|part| fits(value, part, root, at))?;
                true
            }
            "required" => each(wanted).all(|name| value.get(name.as_str().unwrap_or_default()).is_some()),
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(name) {
                        fits(inner, schema, root, &format!("{at}/{name}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = &schema["properties"];
                wanted == &Json::Bool(true)
                    || value
                        .as_object()
                        .is_none_or(|object| object.keys().all(|name| known.get(name).is_some()))
            }
            "items" => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    let schema = if wanted.is_array() { wanted.get(index) } else { Some(wanted) };
                    if let Some(schema) = schema {
                        fits(inner, schema, root, &format!("{at}/{index}"))?;
                    }
                }
                true
            }
            "minItems" => value.as_array().is_none_or(|items| items.len() as f64 >= number()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as f64 <= number()),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as f64 >= number()),
            "minimum" => value.as_f64().is_none_or(|value| value >= number()),
            "maximum" => value.as_f64().is_none_or(|value| value <= number()),
            // Colours; the tests have none of their own making.
            "pattern" => true,
            _ => return Err(format!("the schema has the unknown word {word}")),
        };
        if !holds {
            return Err(format!("{at}: {word} {wanted} does not hold for {value}"));
        }
    }
    Ok(())
}

fn each(schemas: &Json) -> impl Iterator<Item = &Json> {
    schemas.as_array().into_iter().flatten()
}

#[test]
fn the_check_refuses_what_does_not_fit() {
    let Some(schema) = schema() else { return };
    let refused = |content: Json| {
        let document = serde_json::json!({"version": 1, "type": "doc", "content": content});
        assert!(fits(&document, schema, schema, "").is_err(), "{document}");
    };
    let text = |text: &str, marks: Json| serde_json::json!({"type": "text", "text": text, "marks": marks});
    refused(serde_json::json!([{"type": "paragraph", "content": [text("", serde_json::json!([]))]}]));
    refused(
        serde_json::json!([{"type": "paragraph", "content": [text("a", serde_json::json!([{"type": "code"}, {"type": "strong"}]))]}]),
    );
    refused(serde_json::json!([{"type": "bulletList", "content": [{"type": "listItem", "content": []}]}]));
    refused(serde_json::json!([{"type": "heading", "attrs": {"level": 7}, "content": []}]));
    refused(serde_json::json!([{"type": "unknown"}]));
    refused(serde_json::json!([{"type": "blockquote", "content": [{"type": "rule"}]}]));
}
