//! The text of documents, its length, and the normalised form.

use serde_json::{Map, Value, json};

/// Converts a text to a document: blank lines separate paragraphs, line ends break lines.
pub(crate) fn document(text: &str) -> Value {
    let text = text.replace("\r\n", "\n");
    let paragraphs = text.split("\n\n").filter(|part| !part.trim().is_empty()).map(|part| {
        let mut content = Vec::new();
        for (at, line) in part.trim_matches('\n').split('\n').enumerate() {
            if at > 0 {
                content.push(json!({ "type": "hardBreak" }));
            }
            if !line.is_empty() {
                content.push(json!({ "type": "text", "text": line }));
            }
        }
        json!({ "type": "paragraph", "content": content })
    });
    json!({ "type": "doc", "version": 1, "content": paragraphs.collect::<Vec<_>>() })
}

/// Returns the text that a reader sees, one line for each block.
pub(crate) fn plain(value: &Value) -> String {
    let mut out = String::new();
    walk(value, &mut out);
    out.trim_end_matches('\n').to_owned()
}

fn walk(node: &Value, out: &mut String) {
    let attr = |name: &str| node["attrs"][name].as_str().unwrap_or_default();
    match node["type"].as_str().unwrap_or_default() {
        "text" => out.push_str(node["text"].as_str().unwrap_or_default()),
        "hardBreak" => out.push('\n'),
        "mention" | "status" | "placeholder" => out.push_str(attr("text")),
        "emoji" => out.push_str(if attr("text").is_empty() { attr("shortName") } else { attr("text") }),
        "inlineCard" | "blockCard" | "embedCard" => out.push_str(attr("url")),
        name => {
            for item in node["content"].as_array().into_iter().flatten() {
                walk(item, out);
            }
            let block = ["paragraph", "heading", "codeBlock", "taskItem", "decisionItem", "caption"];
            if block.contains(&name) {
                out.push('\n');
            }
        }
    }
}

/// Returns the characters of a document's text.
pub(crate) fn length(value: &Value) -> usize {
    plain(value).chars().count()
}

/// Returns the form in which the server stores a document: equal neighbours are joined, empty marks and attributes are
/// dropped, and people have their current names. `None` if nothing is left.
pub(crate) fn normalised(value: &Value, name: &dyn Fn(&str) -> Option<String>) -> Option<Value> {
    let doc = node(value, name);
    let empty = doc["content"].as_array().is_none_or(|content| content.is_empty());
    (!empty).then_some(doc)
}

fn node(value: &Value, name: &dyn Fn(&str) -> Option<String>) -> Value {
    let Some(keys) = value.as_object() else { return value.clone() };
    let mut kept = Map::new();
    for (key, value) in keys {
        match (key.as_str(), value) {
            ("marks", Value::Array(marks)) if marks.is_empty() => {}
            ("attrs", Value::Object(attrs)) if attrs.is_empty() => {}
            ("content", Value::Array(items)) => {
                let mut joined: Vec<Value> = Vec::with_capacity(items.len());
                for item in items.iter().map(|item| node(item, name)) {
                    match joined.last_mut() {
                        Some(last) if same_format(last, &item) => {
                            let text = format!(
                                "{}{}",
                                last["text"].as_str().unwrap_or_default(),
                                item["text"].as_str().unwrap_or_default()
                            );
                            last["text"] = Value::String(text);
                        }
                        _ => joined.push(item),
                    }
                }
                kept.insert(key.clone(), Value::Array(joined));
            }
            _ => {
                kept.insert(key.clone(), value.clone());
            }
        }
    }
    let mut kept = Value::Object(kept);
    if kept["type"] == "mention"
        && let Some(known) = kept["attrs"]["id"].as_str().and_then(name)
    {
        kept["attrs"]["text"] = Value::String(format!("@{known}"));
    }
    kept
}

fn same_format(one: &Value, other: &Value) -> bool {
    one["type"] == "text" && other["type"] == "text" && one.get("marks") == other.get("marks")
}
