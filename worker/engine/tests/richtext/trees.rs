//! Texts that nobody thought of.

use proptest::prelude::*;
use syncline_engine::richtext::{Dialect, adf_to_markdown, convert, same};

use crate::{markdown_to_adf, schema};

/// Words and signs, some of which mean something to Markdown.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-z]{1,6}",
        1 => "[A-Za-z0-9 ]{1,8}",
        2 => "[*_~`\\[\\]()<>#+.!|&:=$@^\"'/-]{1,3}",
        1 => Just("é 日本".to_owned()),
        1 => Just("https://x.y/a_b?c=d&e=f".to_owned()),
        1 => Just("snake_case".to_owned()),
        1 => Just("\\".to_owned()),
        1 => Just("<server>".to_owned()),
        1 => Just("\u{a0}".to_owned()),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let plain = prop::collection::vec(word(), 1..5).prop_map(|words| words.join(" "));
    plain.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|text| format!("**{text}**")),
            inner.clone().prop_map(|text| format!("*{text}*")),
            inner.clone().prop_map(|text| format!("~~{text}~~")),
            inner.clone().prop_map(|text| format!("<u>{text}</u>")),
            inner.clone().prop_map(|text| format!("H<sub>{text}</sub>")),
            inner.clone().prop_map(|text| format!("`{text}`")),
            inner.clone().prop_map(|text| format!("[{text}](https://x.y/z)")),
            inner.clone().prop_map(|text| format!("[{text}](<a b> \"t\")")),
            inner.clone().prop_map(|text| format!("![{text}](https://x.y/z.png)")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}{b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}\\\n{b}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("{a}<!-- c -->{b}")),
        ]
    })
}

fn indented(text: &str, prefix: &str) -> String {
    text.lines().map(|line| format!("{prefix}{line}\n")).collect()
}

/// Markdown as people and programs write it, well or badly.
pub(crate) fn markdown() -> impl Strategy<Value = String> {
    let block = prop_oneof![
        4 => line(),
        1 => (1..7_usize, line()).prop_map(|(level, text)| format!("{} {}", "#".repeat(level), text.replace('\n', " "))),
        1 => line().prop_map(|text| format!("```rust\n{text}\n```")),
        1 => Just("---".to_owned()),
        1 => prop::collection::vec(prop::collection::vec(line(), 2), 2..4).prop_map(|rows| {
            let row = |cells: &Vec<String>| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
            let mut text = row(&rows[0]);
            text.push_str("| :-: | --- |\n");
            text.extend(rows[1..].iter().map(row));
            text
        }),
        1 => line().prop_map(|text| format!("<div>\n{text}\n</div>")),
        1 => Just("<!-- comment -->".to_owned()),
    ];
    let blocks =
        |block: BoxedStrategy<String>| prop::collection::vec(block, 1..4).prop_map(|all| all.join("\n\n"));
    let nested = block.boxed().prop_recursive(3, 16, 3, move |inner| {
        let inner = blocks(inner);
        prop_oneof![
            inner.clone().prop_map(|text| indented(&text, "> ")),
            inner.clone().prop_map(|text| format!("> [!TIP]\n{}", indented(&text, "> "))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|items| {
                items.iter().map(|item| format!("- {}\n", indented(item, "  ").trim())).collect()
            }),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|items| {
                let item = |(index, item): (usize, &String)| {
                    format!("{}. {}\n", index + 4, indented(item, "   ").trim())
                };
                items.iter().enumerate().map(item).collect()
            }),
            prop::collection::vec((any::<bool>(), inner.clone()), 1..4).prop_map(|items| {
                let item = |(done, item): &(bool, String)| {
                    format!("- [{}] {}\n", if *done { 'x' } else { ' ' }, indented(item, "  ").trim())
                };
                items.iter().map(item).collect()
            }),
            inner.prop_map(|text| format!("<details>\n<summary>More</summary>\n\n{text}\n\n</details>")),
        ]
    });
    prop::collection::vec(nested, 0..5).prop_map(|all| all.join("\n\n"))
}

/// RICHTEXT_CASES sets how many texts are tried.
fn cases() -> u32 {
    std::env::var("RICHTEXT_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// What a document cannot express is named, and nothing else is lost.
    #[test]
    fn markdown_survives_jira(text in markdown()) {
        let (document, losses) = markdown_to_adf(&text, None);
        schema::check(&document);
        let back = adf_to_markdown(&document);
        prop_assert!(
            !losses.is_empty() || !back.losses.is_empty() || same(&text, &back.text, Dialect::Markdown),
            "{text}\n--- came back as\n{}\n{document:#}", back.text
        );
        // It is what the engine takes for the text that it sent.
        let sent = convert(&text, Dialect::Markdown, Dialect::Jira);
        prop_assert!(same(&sent.text, &back.text, Dialect::Jira), "{}\n--- came back as\n{}", sent.text, back.text);
        // What was lost is lost once.
        let (again, losses) = markdown_to_adf(&back.text, Some(&document));
        prop_assert!(losses.is_empty(), "{losses:?}\n{}", back.text);
        prop_assert_eq!(again, document);
    }

    #[test]
    fn markdown_survives_linear(text in markdown()) {
        let there = convert(&text, Dialect::GitHub, Dialect::Linear);
        let back = convert(&there.text, Dialect::Linear, Dialect::GitHub);
        prop_assert!(
            !there.losses.is_empty() || same(&text, &back.text, Dialect::GitHub),
            "{text}\n--- became\n{}\n--- came back as\n{}", there.text, back.text
        );
        let again = convert(&back.text, Dialect::GitHub, Dialect::Linear);
        prop_assert!(same(&again.text, &there.text, Dialect::Linear), "{}\n---\n{}", there.text, again.text);
    }

    #[test]
    fn markdown_is_written_as_it_was_read(text in markdown()) {
        for dialect in [Dialect::Markdown, Dialect::GitHub] {
            let written = convert(&text, dialect, dialect);
            prop_assert!(written.losses.is_empty(), "{:?}\n{text}", written.losses);
            prop_assert!(same(&text, &written.text, dialect), "{text}\n--- became\n{}", written.text);
        }
    }

    #[test]
    fn any_signs_are_read(text in "[ -~\n\t]{0,200}") {
        let (document, _) = markdown_to_adf(&text, None);
        schema::check(&document);
        let _ = convert(&text, Dialect::Plain, Dialect::GitHub);
    }

    /// A text without markup shows the same everywhere.
    #[test]
    fn plain_text_stays_plain(text in "[ -~\n]{0,100}") {
        let written = convert(&text, Dialect::Plain, Dialect::Markdown);
        let plain = convert(&written.text, Dialect::Markdown, Dialect::Plain);
        prop_assert!(same(&text, &plain.text, Dialect::Plain), "{text:?}\n{:?}\n{:?}", written.text, plain.text);
    }
}
