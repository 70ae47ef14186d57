//! Markdown and the tree.

use rstest::rstest;
use syncline_engine::richtext::{Dialect, convert, same};

#[rstest]
#[case::bullets("- a\n- b", "* a\n* b")]
#[case::emphasis("*a* and **b**", "_a_ and __b__")]
#[case::nesting("***a***", "**_a_**")]
#[case::trailing_spaces("a \nb", "a\nb")]
#[case::wrapping("a\nb", "a b")]
#[case::breaks("a\\\nb", "a  \nb")]
#[case::break_element("a\\\nb", "a<br>b")]
#[case::headings("Title\n=====", "# Title")]
#[case::closed_heading("## a ##", "## a")]
#[case::rules("***", "---")]
#[case::code("    x", "```\nx\n```")]
#[case::fences("~~~rust\nx\n~~~", "```rust\nx\n```")]
#[case::spacing("- a\n\n- b", "- a\n- b")]
#[case::numbers("1. a\n1. b", "1) a\n2) b")]
#[case::escapes("a\\-b", "a-b")]
#[case::entities("&lt;a&gt;", "\\<a>")]
#[case::references("[a][1]\n\n[1]: https://x.y", "[a](https://x.y)")]
#[case::addresses("see https://x.y.", "see <https://x.y>.")]
#[case::marks_at_spaces("**a** **b**", "**a b**")]
#[case::html_marks("<b>a</b> <i>b</i>", "**a** *b*")]
#[case::quotes("> a\n> b", ">a\nb")]
#[case::tables("|a|b|\n|-|-|\n|1|2|", "| a | b |\n|:---|---|\n| 1 | 2 |")]
#[case::setext("a\n---", "## a")]
fn spelling_does_not_count(#[case] a: &str, #[case] b: &str) {
    assert!(same(a, b, Dialect::Markdown), "{a:?} {b:?}");
}

#[rstest]
#[case("a", "b")]
#[case("a", "# a")]
#[case("# a", "## a")]
#[case("- a", "1. a")]
#[case("4. a", "1. a")]
#[case("- [ ] a", "- [x] a")]
#[case("- [ ] a", "- a")]
#[case("*a*", "**a**")]
#[case("a\\\nb", "a b")]
#[case("a\n\nb", "a b")]
#[case("`a`", "a")]
#[case("```\na\n```", "```rust\na\n```")]
#[case("[a](https://x.y)", "[a](https://x.z)")]
#[case("> [!NOTE]\n> a", "> [!TIP]\n> a")]
#[case("> [!NOTE]\n> a", "> a")]
#[case("- a\n- b", "- b\n- a")]
#[case("|a|\n|-|\n|1|", "|a|\n|:-:|\n|1|")]
fn meaning_counts(#[case] a: &str, #[case] b: &str) {
    assert!(!same(a, b, Dialect::Markdown), "{a:?} {b:?}");
}

/// A line end is shown as one on GitHub, so elsewhere it is written as one.
#[test]
fn line_ends_are_breaks_on_github() {
    assert!(same("a\nb", "a\\\nb", Dialect::GitHub));
    assert_eq!(convert("a\nb", Dialect::GitHub, Dialect::Linear).text, "a\\\nb");
    assert_eq!(convert("a\\\nb", Dialect::Linear, Dialect::GitHub).text, "a\nb");
}

#[rstest]
#[case::escaped("2 ** 3 and \\_x\\_")]
#[case::names("snake_case and `mcp__<server>__<tool>`, \\<a>")]
#[case::brackets("[WIP] a title, [a] and (b)")]
#[case::list("4. a\n5. b\n   - [ ] c d")]
#[case::bold_end("**a:** b")]
#[case::intraword("a*b*c")]
#[case::table("| a | b |\n| :-: | --: |\n| `x \\| y` | 1 \\| 2 |")]
#[case::details("<details>\n<summary>More &amp; more</summary>\n\n- a\n- b\n\n</details>")]
#[case::alert("> [!WARNING]\n> Take care.\n>\n> - a")]
#[case::underline("<u>a</u> H<sub>2</sub>O")]
#[case::two_lists("- a\n\n* b")]
#[case::code("````\n```\n````")]
#[case::image("[![a](https://x.y/b.png)](https://x.y)")]
#[case::comment("a <!-- b --> c\n\n<!-- d -->")]
fn what_is_written_well_is_written_so_again(#[case] text: &str) {
    let converted = convert(text, Dialect::Markdown, Dialect::Markdown);
    assert_eq!(converted.text, text);
    assert_eq!(converted.losses, []);
}

#[test]
fn linear_gets_what_it_has() {
    let text = "> [!NOTE]\n> a\n\n<details><summary>b</summary>\n\nc\n\n</details>\n\n<u>d</u> H<sub>2</sub>O<!-- e -->\n\n<div>f</div>";
    let converted = convert(text, Dialect::GitHub, Dialect::Linear);
    assert_eq!(converted.text, "> **Note**\n>\n> a\n\n**b**\n\nc\n\nd H2O\n\n```html\n<div>f</div>\n```");
    assert_eq!(converted.losses.len(), 6, "{:?}", converted.losses);
}

#[test]
fn plain_text_has_no_markup() {
    let text = "# Title\n\n**a** [b](https://x.y)\\\nc\n\n1. d\n2. e";
    let converted = convert(text, Dialect::Markdown, Dialect::Plain);
    assert_eq!(converted.text, "Title\n\na b (https://x.y)\nc\n\n1. d\n2. e");
    assert_eq!(
        convert("2 * 3 * 4\n# no title", Dialect::Plain, Dialect::Markdown).text,
        "2 * 3 * 4\\\n\\# no title"
    );
}
