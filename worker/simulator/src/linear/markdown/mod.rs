//! Normalises descriptions as Linear's editor does: the same text, with one notation for each element.
//!
//! Bullets become `*`, those of tasks `-`; emphasis is written with asterisks, headings with `#`, code with fences, and
//! tables with one space around a cell. Names of users and issues become links.

mod block;
mod inline;
mod render;
mod table;

use super::state::State;

/// The most rewrites of a text until it no longer changes.
const PASSES: usize = 6;

/// Rewrites a text to the form in which it is read back. A text that was read back stays unchanged when it is written
/// again.
pub(crate) fn rewrite(text: &str, state: &State) -> String {
    let mut text = text.replace("\r\n", "\n");
    for _ in 0..PASSES {
        let lines: Vec<String> = text.split('\n').map(block::untabbed).collect();
        let inline = inline::Inline { state };
        let once = render::lines(&block::parse(&lines), &inline).join("\n").trim_matches('\n').to_owned();
        if once == text {
            break;
        }
        text = once;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn rewritten(text: &str) -> String {
        let mut state = State::new(1);
        state.user_or_new("ada", 0);
        rewrite(text, &state)
    }

    #[test]
    fn each_thing_is_written_in_one_way() {
        for (given, expected) in [
            ("- a\n+ b\r\n- c", "* a\n* b\n* c"),
            ("-   a\n    more\n\n    - b", "* a\n  more\n\n  * b"),
            ("4) a\n4) b", "4. a\n5. b"),
            ("* [ ] a\n* [X] b\n  wrapped", "- [ ] a\n- [x] b\n  wrapped"),
            ("Title\n=====\n\n\n\nSub\n---", "# Title\n\n## Sub"),
            ("## A ##", "## A"),
            ("_a_ and __b__ and *c*", "*a* and **b** and *c*"),
            ("snake_case and mcp__<server>__<tool>", "snake_case and mcp__<server>__<tool>"),
            ("a  \nb\\\nc\nd   ", "a\\\nb\\\nc\nd"),
            ("~~~rust\nlet a = \"_b_\";\n~~~", "```rust\nlet a = \"_b_\";\n```"),
            ("    indented  \n    code", "```\nindented  \ncode\n```"),
            ("```\na\n\n\n- b", "```\na\n\n\n- b\n```"),
            ("***", "---"),
            (">a\nlazy\n>\n> - b", "> a\n> lazy\n>\n> * b"),
            ("|a|b|\n|:-|-:|\n|1|`x \\| y`|\n|2|", "| a | b |\n| :-- | --: |\n| 1 | `x \\| y` |\n| 2 |  |"),
            ("see <https://a.example/x_y_z>.", "see [https://a.example/x_y_z](<https://a.example/x_y_z>)."),
            ("https://a.example/b_c_, d", "[https://a.example/b_c_](<https://a.example/b_c_>), d"),
            ("[t_x_](https://a.example) ![i](u_v_)", "[t_x_](https://a.example) ![i](u_v_)"),
            ("`@ada` mail@ada.example @adam", "`@ada` mail@ada.example @adam"),
            ("a\\, b \\* c", "a, b \\* c"),
            ("<details>\n_a_\n</details>", "<details>\n_a_\n</details>"),
            ("", ""),
        ] {
            assert_eq!(rewritten(given), expected, "{given:?}");
        }
        assert_eq!(
            rewritten("ask @ada, or @Ada."),
            "ask [@ada](http://127.0.0.1/page/linear/acme/profiles/ada), or [@ada](http://127.0.0.1/page/linear/acme/profiles/ada)."
        );
    }

    #[test]
    fn rewriting_again_changes_nothing() {
        let parts = [
            "a",
            "b c",
            "\n",
            "\n",
            "\n\n",
            "- ",
            "* ",
            "+ ",
            "1. ",
            "3) ",
            "  ",
            "    ",
            "> ",
            "# ",
            "```",
            "~~~",
            "_",
            "__",
            "*",
            "**",
            "`",
            "|",
            "|-|",
            "--",
            "---",
            "[x](y)",
            "[",
            "]",
            "\\",
            "<",
            ">",
            "https://a.example",
            "@ada",
            "[ ] ",
            "[x] ",
            "===",
            "!",
            "~~",
        ];
        let mut random = Random::new(7);
        for _ in 0..20_000 {
            let text: String = (0..random.below(24)).filter_map(|_| random.pick(&parts)).copied().collect();
            let once = rewritten(&text);
            assert_eq!(rewritten(&once), once, "{text:?}");
        }
    }
}
