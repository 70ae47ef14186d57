//! Jira's documents.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::richtext::{Dialect, adf_to_markdown, same};

use crate::{markdown_to_adf, schema};

fn document(content: Json) -> Json {
    json!({"version": 1, "type": "doc", "content": content})
}

fn written(text: &str) -> Json {
    let (document, _) = markdown_to_adf(text, None);
    schema::check(&document);
    document
}

fn shown(document: &Json) -> String {
    schema::check(document);
    adf_to_markdown(document).text
}

#[rstest]
#[case("# Title\n\nA *b* **c** ~~d~~ `e` <u>f</u> H<sub>2</sub>O[g](https://x.y)")]
#[case("- a\n  - b\n    1. c\n- d")]
#[case("4. a\n5. b")]
#[case("- [ ] a\n- [x] b\n  - [ ] c")]
#[case("- [ ] a\n- b")]
#[case("1. [ ] a\n2. [x] b")]
#[case("> a\n>\n> - b")]
#[case("> [!WARNING]\n> a\n>\n> ## b")]
#[case(
    "<details>\n<summary>a</summary>\n\nb\n\n<details>\n<summary>c</summary>\n\nd\n\n</details>\n\n</details>"
)]
#[case("```rust\nfn main() {}\n```")]
#[case("```\n\n```")]
#[case("a\n\n---\n\nb")]
#[case("| a | b |\n| :-: | --: |\n| `x \\| y` | 1 \\| 2 |\n|  | c<br>d |")]
#[case("a\\\nb")]
#[case("![a](https://x.y/z.png)")]
#[case("[![a](https://x.y/z.png)](https://x.y)")]
#[case("see https://x.y/z and <mailto:a@b.c>")]
#[case("2 ** 3 and \\_x\\_, mcp__\\<server>__\\<tool> and `mcp__<server>__<tool>`")]
#[case("[link](https://x.y \"title\")")]
#[case("-")]
#[case("- - a")]
#[case("[^1] is a note\n\n[^1]: the note")]
fn markdown_goes_to_jira_and_back(#[case] text: &str) {
    let (document, losses) = markdown_to_adf(text, None);
    schema::check(&document);
    let back = adf_to_markdown(&document).text;
    assert_eq!(losses, [], "{text:?}");
    assert!(same(text, &back, Dialect::Markdown), "{text:?} {back:?}\n{document:#}");
}

/// Case 58.
#[rstest]
#[case::heading_in_item("- # a", "- **a**", "headings in lists and quotes become bold text")]
#[case::quote_in_item("- > a", "- a", "quotes in quotes, lists and alerts are shown without their bar")]
#[case::quote_in_quote("> > a", "> a", "quotes in quotes, lists and alerts are shown without their bar")]
#[case::rule_in_quote("> ---", "> ———", "lines across lists and quotes become dashes")]
#[case::table_in_item(
    "- | a |\n  |---|",
    "- ```markdown\n  | a |\n  | --- |\n  ```",
    "tables in lists, quotes and alerts are shown as code"
)]
#[case::bold_code("**`a` b**", "`a` **b**", "code loses bold, italics and other styles")]
#[case::unsafe_link(
    "[a](javascript:b)",
    "a",
    "links without an address, or with one that is unsafe, become text"
)]
#[case::no_link("[a]()", "a", "links without an address, or with one that is unsafe, become text")]
#[case::inline_image("a ![b](https://x.y) c", "a [b](https://x.y) c", "images within a line become links")]
#[case::comment("a<!-- b -->\n\n<!-- c -->", "a", "comments of HTML are left out")]
#[case::html("<div>\na\n</div>", "```html\n<div>\na\n</div>\n```", "HTML is shown as code")]
#[case::alert_in_item(
    "- > [!NOTE]\n  > a",
    "- **Note**\n\n  a",
    "alerts in lists, quotes and alerts become text with a bold title"
)]
fn what_jira_has_not_becomes_something_near(#[case] text: &str, #[case] near: &str, #[case] loss: &str) {
    let (document, losses) = markdown_to_adf(text, None);
    assert_eq!(shown(&document), near);
    assert!(losses.iter().any(|lost| lost.what == loss), "{losses:?}");
}

#[test]
fn empty_texts_are_empty_documents() {
    for text in ["", "  \n", "<!-- a -->"] {
        assert_eq!(written(text), document(json!([])));
    }
    for nothing in [Json::Null, json!({}), document(json!([])), json!({"type": "doc", "version": 1})] {
        assert_eq!(adf_to_markdown(&nothing).text, "");
    }
    assert_eq!(adf_to_markdown(&json!("plain")).text, "plain");
}

/// A document with what Markdown has no form for.
fn rich() -> Json {
    document(json!([
        {"type": "paragraph", "attrs": {"localId": "p1"}, "content": [
            {"type": "text", "text": "Ask "},
            {"type": "mention", "attrs": {"id": "5b10", "text": "@Ada Lovelace", "accessLevel": ""}},
            {"type": "text", "text": " by "},
            {"type": "date", "attrs": {"timestamp": "1764460800000"}},
            {"type": "text", "text": " "},
            {"type": "status", "attrs": {"text": "IN PROGRESS", "color": "blue", "localId": "s1"}},
            {"type": "text", "text": " "},
            {"type": "emoji", "attrs": {"shortName": ":tada:", "text": "🎉"}},
            {"type": "text", "text": " see "},
            {"type": "inlineCard", "attrs": {"url": "https://x.y/browse/A-1"}},
        ]},
        {"type": "paragraph"},
        {"type": "paragraph", "marks": [{"type": "alignment", "attrs": {"align": "center"}}], "content": [
            {"type": "text", "text": "red", "marks": [{"type": "textColor", "attrs": {"color": "#ff0000"}}]}]},
        {"type": "mediaSingle", "attrs": {"layout": "center", "width": 50}, "content": [
            {"type": "media", "attrs": {"type": "file", "id": "f1", "collection": "c", "alt": "plan.png"}}]},
        {"type": "extension", "attrs": {"extensionType": "com.atlassian", "extensionKey": "toc", "parameters": {"a": 1}}},
        {"type": "panel", "attrs": {"panelType": "custom", "panelColor": "#abcdef", "panelIcon": ":rocket:"}, "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "first"}]},
            {"type": "paragraph", "content": [{"type": "text", "text": "second"}]}]},
        {"type": "layoutSection", "content": [
            {"type": "layoutColumn", "attrs": {"width": 50}, "content": [
                {"type": "paragraph", "content": [{"type": "text", "text": "left"}]}]},
            {"type": "layoutColumn", "attrs": {"width": 50}, "content": [
                {"type": "paragraph", "content": [{"type": "text", "text": "right"}]}]}]},
        {"type": "taskList", "attrs": {"localId": "t"}, "content": [
            {"type": "taskItem", "attrs": {"localId": "t1", "state": "TODO"}, "content": [{"type": "text", "text": "one"}]},
            {"type": "taskItem", "attrs": {"localId": "t2", "state": "DONE"}, "content": [{"type": "text", "text": "two"}]}]},
        {"type": "decisionList", "attrs": {"localId": "d"}, "content": [
            {"type": "decisionItem", "attrs": {"localId": "d1", "state": "DECIDED"}, "content": [{"type": "text", "text": "go"}]}]},
        {"type": "table", "attrs": {"layout": "wide", "localId": "tb"}, "content": [
            {"type": "tableRow", "content": [
                {"type": "tableHeader", "attrs": {"background": "#eeeeee"}, "content": [
                    {"type": "paragraph", "content": [{"type": "text", "text": "a"}]}]},
                {"type": "tableHeader", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "b"}]}]}]},
            {"type": "tableRow", "content": [
                {"type": "tableCell", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "1"}]}]},
                {"type": "tableCell", "attrs": {"background": "#ffeeee"}, "content": [
                    {"type": "bulletList", "content": [{"type": "listItem", "content": [
                        {"type": "paragraph", "content": [{"type": "text", "text": "2"}]}]}]}]}]}]},
    ]))
}

const RICH: &str = "Ask @Ada Lovelace by 2025-11-30 [IN PROGRESS] 🎉 see https://x.y/browse/A-1\n\nred\n\n\
    [attachment: plan.png]\n\n[toc]\n\n> [!NOTE]\n> first\n>\n> second\n\nleft\n\nright\n\n- [ ] one\n- [x] two\n\n\
    * go\n\n| a | b |\n| --- | --- |\n| 1 | - 2 |";

#[test]
fn a_document_is_shown_as_markdown() {
    assert_eq!(shown(&rich()), RICH);
    let losses = adf_to_markdown(&rich()).losses;
    assert!(
        losses.iter().any(|lost| lost.what == "mentions are shown as names" && lost.count == 1),
        "{losses:?}"
    );
}

#[test]
fn a_text_that_is_the_same_keeps_the_document() {
    assert_eq!(markdown_to_adf(RICH, Some(&rich())).0, rich());
    // However it is spelled.
    let respelled =
        RICH.replace("- [", "* [").replace("* go", "- go").replace("> first", "> *first*".trim_matches('*'));
    assert_eq!(markdown_to_adf(&respelled, Some(&rich())).0["content"][0], rich()["content"][0]);
}

/// Writes the document's text with one change, and returns which nodes of the top level differ.
fn changed(from: &str, to: &str) -> (Json, Vec<usize>) {
    assert!(RICH.contains(from));
    let (document, _) = markdown_to_adf(&RICH.replace(from, to), Some(&rich()));
    schema::check(&document);
    let (old, new) = (rich(), &document["content"]);
    let old = old["content"].as_array().unwrap();
    let new = new.as_array().unwrap();
    assert_eq!(old.len(), new.len(), "{document:#}");
    let differs = (0..old.len()).filter(|index| old[*index] != new[*index]).collect();
    (document, differs)
}

#[test]
fn only_the_changed_block_is_written_anew() {
    let (document, differs) = changed("Ask ", "Please ask ");
    assert_eq!(differs, [0]);
    let nodes = document["content"][0]["content"].as_array().unwrap();
    let old = rich();
    let kept = old["content"][0]["content"].as_array().unwrap();
    assert_eq!(nodes[0], json!({"type": "text", "text": "Please ask "}));
    assert_eq!(nodes[1..], kept[1..]);
    assert_eq!(document["content"][0]["attrs"]["localId"], "p1");
}

#[test]
fn a_changed_panel_keeps_its_colour_and_its_other_blocks() {
    let (document, differs) = changed("second", "third");
    assert_eq!(differs, [5]);
    assert_eq!(document["content"][5]["attrs"], rich()["content"][5]["attrs"]);
    assert_eq!(document["content"][5]["content"][0], rich()["content"][5]["content"][0]);
}

#[test]
fn a_changed_column_keeps_the_columns() {
    let (document, differs) = changed("right", "wrong");
    assert_eq!(differs, [6]);
    assert_eq!(document["content"][6]["content"][0], rich()["content"][6]["content"][0]);
    assert_eq!(document["content"][6]["content"][1]["content"][0]["content"][0]["text"], "wrong");
}

#[test]
fn a_changed_task_keeps_its_id_and_the_others() {
    let (document, differs) = changed("- [ ] one", "- [x] one");
    assert_eq!(differs, [7]);
    let items = &document["content"][7]["content"];
    assert_eq!(items[0]["attrs"], json!({"localId": "t1", "state": "DONE"}));
    assert_eq!(items[1], rich()["content"][7]["content"][1]);
}

#[test]
fn a_changed_cell_keeps_the_others() {
    let (document, differs) = changed("| 1 |", "| 3 |");
    assert_eq!(differs, [9]);
    let row = &document["content"][9]["content"][1]["content"];
    assert_eq!(row[0]["content"][0]["content"][0]["text"], "3");
    assert_eq!(row[1], rich()["content"][9]["content"][1]["content"][1]);
    assert_eq!(document["content"][9]["attrs"], rich()["content"][9]["attrs"]);
}

#[test]
fn decisions_stay_decisions() {
    let (document, differs) = changed("* go", "* stay");
    assert_eq!(differs, [8]);
    assert_eq!(document["content"][8]["type"], "decisionList");
    assert_eq!(document["content"][8]["content"][0]["attrs"]["localId"], "d1");
}

/// Nobody is mentioned who was not mentioned there before, nor twice.
#[test]
fn names_never_become_mentions() {
    let mentions = |document: &Json| document.to_string().matches("\"mention\"").count();
    assert_eq!(mentions(&written("Ask @Ada Lovelace and @ada")), 0);
    let more =
        RICH.replace("Ask @Ada Lovelace", "Ask @Ada Lovelace, @Ada Lovelaces, @Adam and @Ada Lovelace");
    assert_eq!(mentions(&markdown_to_adf(&more, Some(&rich())).0), 1);
    let gone = RICH.replace("@Ada Lovelace", "@Grace Hopper");
    assert_eq!(mentions(&markdown_to_adf(&gone, Some(&rich())).0), 0);
    let moved = RICH.replace("Ask @Ada Lovelace by", "By").replace("red", "red, ask @Ada Lovelace");
    assert_eq!(mentions(&markdown_to_adf(&moved, Some(&rich())).0), 1);
    // In code a name is a text.
    let code = RICH.replace("Ask @Ada Lovelace", "Ask `@Ada Lovelace`");
    assert_eq!(mentions(&markdown_to_adf(&code, Some(&rich())).0), 0);
}

#[test]
fn blocks_may_be_added_moved_and_removed() {
    let text = format!("new\n\n{}\n\nend", RICH.replace("[toc]\n\n", ""));
    let (document, _) = markdown_to_adf(&text, Some(&rich()));
    schema::check(&document);
    let types: Vec<&str> =
        document["content"].as_array().unwrap().iter().map(|node| node["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "paragraph",
            "paragraph",
            "paragraph",
            "paragraph",
            "mediaSingle",
            "panel",
            "layoutSection",
            "taskList",
            "decisionList",
            "table",
            "paragraph"
        ]
    );
    let old = rich();
    assert_eq!(document["content"][1], old["content"][0]);
    assert_eq!(document["content"][9], old["content"][9]);
}

#[test]
fn unknown_nodes_are_kept_behind_their_placeholder() {
    let old = document(json!([
        {"type": "hologram", "attrs": {"depth": 3}},
        {"type": "paragraph", "content": [{"type": "text", "text": "a "}, {"type": "sparkle", "attrs": {"text": "b"}}]},
    ]));
    let text = adf_to_markdown(&old).text;
    assert_eq!(text, "[hologram]\n\na [b]");
    let (kept, _) = markdown_to_adf(&format!("{text}\n\nc"), Some(&old));
    assert_eq!(kept["content"][0], old["content"][0]);
    assert_eq!(kept["content"][1], old["content"][1]);
}

#[rstest]
#[case(json!({"type": "paragraph", "content": [{"type": "text", "text": "a ", "marks": [{"type": "strong"}]}, {"type": "text", "text": "b"}]}), "**a** b")]
#[case(json!({"type": "paragraph", "content": [{"type": "text", "text": "a:", "marks": [{"type": "strong"}]}, {"type": "text", "text": "b"}]}), "<strong>a\\:</strong>b")]
#[case(json!({"type": "paragraph", "content": [{"type": "text", "text": "2 ** 3 and _x_"}]}), "2 ** 3 and \\_x\\_")]
#[case(json!({"type": "paragraph", "content": [{"type": "text", "text": "# a"}]}), "\\# a")]
#[case(json!({"type": "paragraph", "content": [{"type": "text", "text": "1. a"}]}), "1\\. a")]
#[case(json!({"type": "paragraph", "content": [{"type": "text", "text": "a\nb"}]}), "a\\\nb")]
#[case(json!({"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "a"}, {"type": "hardBreak"}, {"type": "text", "text": "b #"}]}), "## a<br>b \\#")]
#[case(json!({"type": "paragraph", "content": [{"type": "text", "text": "a", "marks": [{"type": "link", "attrs": {}}]}]}), "a")]
#[case(json!({"type": "bulletList", "content": [{"type": "listItem", "content": [{"type": "paragraph"}]}]}), "-")]
#[case(json!({"type": "expand", "attrs": {"title": "<a> & b"}, "content": [{"type": "paragraph", "content": [{"type": "text", "text": "c"}]}]}), "<details>\n<summary>&lt;a&gt; &amp; b</summary>\n\nc\n\n</details>")]
#[case(json!({"type": "codeBlock", "content": [{"type": "text", "text": "a\n```\nb"}]}), "````\na\n```\nb\n````")]
fn nodes_are_spelled_so_that_they_return(#[case] node: Json, #[case] text: &str) {
    let old = document(json!([node]));
    let converted = adf_to_markdown(&old);
    assert_eq!(converted.text, text);
    assert_eq!(markdown_to_adf(text, Some(&old)).0, old);
}
