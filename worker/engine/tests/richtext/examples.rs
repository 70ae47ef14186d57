//! The examples of CommonMark and of GitHub's extensions, as the parser's package has them, which Cargo has fetched.

use std::path::PathBuf;

use syncline_engine::richtext::{Dialect, adf_to_markdown, convert, same};

use crate::{markdown_to_adf, schema};

const FILES: [&str; 6] = [
    "spec.rs",
    "gfm_table.rs",
    "gfm_strikethrough.rs",
    "gfm_tasklist.rs",
    "blockquotes_tags.rs",
    "regression.rs",
];

/// The folder with the examples; none if the package lies elsewhere.
fn folder() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = std::fs::read_dir(home.join("registry/src")).ok()?;
    let packages = registries
        .flatten()
        .filter_map(|registry| std::fs::read_dir(registry.path()).ok())
        .flatten()
        .flatten();
    packages
        .filter(|package| package.file_name().to_string_lossy().starts_with("pulldown-cmark-0."))
        .map(|package| package.path().join("tests/suite"))
        .find(|folder| folder.join("spec.rs").is_file())
}

/// The texts of a file: what stands in the raw strings called `original`.
fn texts(file: &str) -> Vec<String> {
    let begin = "let original = r##\"";
    file.split(begin).skip(1).filter_map(|rest| Some(rest.split_once("\"##;")?.0.to_owned())).collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "the test says aloud what it did not check")]
fn the_examples_of_commonmark_and_github_survive() {
    let Some(folder) = folder() else {
        return println!("NOT CHECKED: no package pulldown-cmark in the registry of Cargo");
    };
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in FILES {
        let source = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        for text in texts(&source) {
            count += 1;
            wrong.extend(problems(&text).into_iter().map(|problem| format!("{file}: {text:?}: {problem}")));
        }
    }
    assert!(count > 700, "only {count} examples");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

fn problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for dialect in [Dialect::Markdown, Dialect::GitHub] {
        let written = convert(text, dialect, dialect);
        if !written.losses.is_empty() || !same(text, &written.text, dialect) {
            problems.push(format!("written as {:?} {:?}", written.text, written.losses));
        }
    }
    let (document, losses) = markdown_to_adf(text, None);
    schema::check(&document);
    let back = adf_to_markdown(&document);
    if losses.is_empty() && back.losses.is_empty() && !same(text, &back.text, Dialect::Markdown) {
        problems.push(format!("came back from Jira as {:?}", back.text));
    }
    let jira = convert(text, Dialect::Markdown, Dialect::Jira).text;
    if !same(&jira, &back.text, Dialect::Jira) {
        problems.push(format!("goes to Jira as {jira:?} and comes back as {:?}", back.text));
    }
    if markdown_to_adf(&back.text, Some(&document)).0 != document {
        problems.push(format!("is another document when it returns: {:?}", back.text));
    }
    let there = convert(text, Dialect::Markdown, Dialect::Linear);
    let back = convert(&there.text, Dialect::Linear, Dialect::Markdown);
    if there.losses.is_empty() && !same(text, &back.text, Dialect::Markdown) {
        problems.push(format!("came back from Linear as {:?}", back.text));
    }
    problems
}
