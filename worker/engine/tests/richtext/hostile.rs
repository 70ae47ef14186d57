//! Texts that were made to do harm.

use std::time::{Duration, Instant};

use serde_json::json;
use syncline_engine::{
    richtext::{Dialect, adf_to_markdown, convert, merge, same},
    side::Pair,
};

use crate::{markdown_to_adf, schema};

/// Texts that nest, repeat and break off.
pub(crate) fn texts(n: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for sign in [
        ">",
        "> ",
        "- ",
        "1. ",
        "*",
        "**",
        "_",
        "~~",
        "[",
        "](",
        "![",
        "`",
        "<",
        "<u>",
        "<b><i>",
        "</u>",
        "<!--",
        "&",
        "&#",
        "|",
        "\\",
        "# ",
        "\t",
        "\u{0}",
        "\r",
        "\n\n",
        "(",
        "<a href=",
        "[^1]",
        "[a]: b\n",
        "```\n",
        "<details>\n\n",
        "</details>\n\n",
        "a\\\n",
        "https://",
        "@a ",
        "\u{200b}",
        "é",
        "- [ ] a\n",
        "|a",
        "|-",
        "*a _b ",
        "[a][",
        "<br>",
        "> - ",
        "- > ",
        "a\n===\n",
    ] {
        all.push(sign.repeat(n));
        all.push(format!("{}a", sign.repeat(n)));
        all.push(format!("a {}\n\nb", sign.repeat(n / 2)));
    }
    all.push("x".repeat(10 * n));
    all.push("word ".repeat(2 * n));
    all.push("a\n".repeat(2 * n));
    all.push("a\n\n".repeat(n));
    all.push(format!("|{}\n|{}\n{}", "a|".repeat(n / 10), "-|".repeat(n / 10), "|b\n".repeat(n / 10)));
    all.push((0..n / 30).map(|depth| format!("{}- a\n", " ".repeat(2 * (depth % 300)))).collect());
    all.push((0..n / 5).map(|index| format!("**a{index}:**b ")).collect());
    all
}

/// Time that grows with the square of the length would be hours.
#[test]
fn no_text_takes_long_or_breaks_anything() {
    let begun = Instant::now();
    // The signs that nest come first.
    for text in texts(100_000).into_iter().take(45).chain(texts(10_000)) {
        let (document, _) = markdown_to_adf(&text, None);
        let _ = adf_to_markdown(&document);
    }
    for text in texts(1_000) {
        let (document, _) = markdown_to_adf(&text, None);
        schema::check(&document);
        let back = adf_to_markdown(&document).text;
        let _ = markdown_to_adf(&back, Some(&document));
        let _ = convert(&text, Dialect::GitHub, Dialect::Linear);
        let _ = convert(&text, Dialect::GitHub, Dialect::Plain);
        let _ = convert(&text, Dialect::Plain, Dialect::Linear);
        let other = format!("{text}\n\nb");
        let _ = merge(Pair::new("a", "a"), Pair::new(&text, &other), Pair::default());
        let _ = merge(Pair::new(&text, &other), Pair::new(&other, &text), Pair::default());
        assert!(same(&text, &text, Dialect::Markdown));
    }
    assert!(begun.elapsed() < Duration::from_secs(300), "{:?}", begun.elapsed());
}

#[test]
fn documents_are_not_trusted() {
    let mut deep = json!({"type": "paragraph", "content": [{"type": "text", "text": "a"}]});
    // The JSON of responses is not nested more deeply than 128 levels.
    for _ in 0..60 {
        deep = json!({"type": "blockquote", "content": [deep]});
    }
    let strange = [
        json!([]),
        json!(3),
        json!({"type": 3, "content": "a"}),
        json!({"content": [null, 1, "a", [], {}]}),
        json!({"content": [{"type": "heading", "attrs": {"level": -3}}, {"type": "heading", "attrs": {"level": 1e300}}]}),
        json!({"content": [{"type": "orderedList", "attrs": {"order": 1e30}, "content": [{}]}]}),
        json!({"content": [{"type": "table", "content": [{"content": [{"attrs": {"colspan": 1e12, "rowspan": 1e12}}]}, {}, {"content": [{}]}]}]}),
        json!({"content": [{"type": "text", "text": ""}, {"type": "text"}, {"type": "hardBreak"}]}),
        json!({"content": [{"type": "mention", "attrs": {"text": "\u{0}\n[x](y)"}}]}),
        json!({"content": [{"type": "taskList", "content": [{"type": "taskList", "content": []}]}]}),
        json!({"content": [{"type": "date", "attrs": {"timestamp": "99999999999999999999"}}]}),
        json!({"content": [deep]}),
    ];
    for document in strange {
        let text = adf_to_markdown(&document).text;
        let _ = markdown_to_adf(&text, Some(&document));
        let _ = markdown_to_adf("other", Some(&document));
        let _ = markdown_to_adf("> > > a\n\n| a |\n|---|", Some(&document));
    }
}
