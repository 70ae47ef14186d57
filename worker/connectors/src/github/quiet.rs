//! Keeps copied texts from notifying people and from referring to issues.
//!
//! GitHub reads `@name` as a mention, and `#12`, `owner/repo#12`, `GH-12` and the addresses of issues as references, which
//! show up at those issues. In a copy they are names and numbers of another place. So a zero-width space is put behind
//! the sign, and addresses lead through redirect.github.com, which GitHub has for this. Reading takes out again exactly
//! what was put in, so a text comes back as it was. Code is left as it is: GitHub finds nothing in it, and people copy it.
//!
//! <https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls>

use crate::prose;

/// Shows nothing, and ends a mention or a reference.
const BREAK: char = '\u{200b}';

const REDIRECT: &str = "redirect.";

/// The text without live mentions and references.
pub(super) fn quieted(text: &str) -> String {
    changed(text, true)
}

/// The text that was quieted.
pub(super) fn restored(text: &str) -> String {
    changed(text, false)
}

/// Puts in one break or redirect at each place that may need it, or takes one out. Both find the same places, since those
/// that are there already do not count.
fn changed(text: &str, quiet: bool) -> String {
    prose::outside_code(text, |line, made| change_line(line, quiet, made))
}

fn change_line(line: &str, quiet: bool, made: &mut String) {
    let mut before: Option<char> = None;
    // An odd number of backslashes takes the meaning from the next sign.
    let mut escaped = false;
    let mut rest = line;
    while let Some(sign) = rest.chars().next() {
        let in_word = before.is_some_and(|before| before.is_ascii_alphanumeric() || before == '_');
        let taken = match sign {
            '`' if !escaped => Some(prose::copy_code(rest, made)),
            'h' | 'H' => copy_address(rest, quiet, made),
            '@' if !in_word => change_behind("@", rest, quiet, made),
            // `&#39;` is a sign, and `](#12)` leads to a heading.
            '#' if before != Some('&') && !made.ends_with("](") => change_behind("#", rest, quiet, made),
            'g' | 'G' if !in_word => change_behind("GH-", rest, quiet, made),
            _ => None,
        };
        let taken = taken.unwrap_or_else(|| {
            made.push(sign);
            sign.len_utf8()
        });
        escaped = sign == '\\' && !escaped;
        before = rest[..taken].chars().next_back();
        rest = &rest[taken..];
    }
}

/// Puts the break behind the signs that the rest begins with, or takes it out, if what follows makes it a mention or a
/// reference. Returns how much of the rest that was.
fn change_behind(signs: &str, rest: &str, quiet: bool, made: &mut String) -> Option<usize> {
    let (found, behind) =
        rest.split_at_checked(signs.len()).filter(|(found, _)| found.eq_ignore_ascii_case(signs))?;
    let next = behind.trim_start_matches(BREAK).chars().next()?;
    let counts = if signs == "@" { next.is_ascii_alphanumeric() } else { next.is_ascii_digit() };
    match (counts, quiet) {
        (false, _) => None,
        (true, true) => {
            made.push_str(found);
            made.push(BREAK);
            Some(found.len())
        }
        (true, false) => behind.starts_with(BREAK).then(|| {
            made.push_str(found);
            found.len() + BREAK.len_utf8()
        }),
    }
}

/// Copies an address; one of an issue leads through the redirect, or no longer does.
fn copy_address(rest: &str, quiet: bool, made: &mut String) -> Option<usize> {
    let ends = |letter: char| letter.is_whitespace() || "<>\"'`)]".contains(letter);
    let address = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let is_scheme =
        |scheme: &&str| address.get(..scheme.len()).is_some_and(|found| found.eq_ignore_ascii_case(scheme));
    let scheme = ["https://", "http://"].into_iter().find(is_scheme)?.len();
    let (scheme, behind) = address.split_at(scheme);
    made.push_str(scheme);
    match is_of_an_issue(behind.trim_start_matches(REDIRECT)) {
        true if quiet => {
            made.push_str(REDIRECT);
            made.push_str(behind);
        }
        true => made.push_str(behind.strip_prefix(REDIRECT).unwrap_or(behind)),
        false => made.push_str(behind),
    }
    Some(address.len())
}

/// `github.com/owner/repo/issues/12`
fn is_of_an_issue(address: &str) -> bool {
    let parts: Vec<&str> = address.splitn(5, '/').collect();
    let [host, _, _, kind, number] = parts[..] else { return false };
    host.eq_ignore_ascii_case("github.com")
        && ["issues", "pull", "discussions"].contains(&kind)
        && number.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// `*` stands for the break.
    fn with_breaks(text: &str) -> String {
        text.replace('*', "\u{200b}")
    }

    #[rstest]
    #[case("@ada, ask @acme/web-team (@bruno)", "@*ada, ask @*acme/web-team (@*bruno)")]
    #[case("closes #3, acme/web#12 and GH-4", "closes #*3, acme/web#*12 and GH-*4")]
    #[case("ada@acme.example, @ home, # 1, #one, RIGH-4", "ada@acme.example, @ home, # 1, #one, RIGH-4")]
    #[case("`@ada` @ada ``#1 ` #2`` #3", "`@ada` @*ada ``#1 ` #2`` #*3")]
    #[case("a ` b @ada\n` #1", "a ` b @*ada\n` #*1")]
    #[case("\\` @ada ` #1 `x`", "\\` @*ada ` #1 `x`")]
    #[case("\\\\`@code` @ada", "\\\\`@code` @*ada")]
    #[case("| `a | @ada` |", "| `a | @*ada` |")]
    #[case("```py\n@cached\n```\n@ada", "```py\n@cached\n```\n@*ada")]
    #[case("~~~\n@x\n```\n~~~~\n@ada", "~~~\n@x\n```\n~~~~\n@*ada")]
    #[case("```no fence``` @ada", "```no fence``` @*ada")]
    #[case("> ```\n> @ada", "> ```\n> @*ada")]
    #[case("&#39; [there](#2) (#2)", "&#39; [there](#2) (#*2)")]
    #[case("https://medium.com/@ada/x#12 @ada", "https://medium.com/@ada/x#12 @*ada")]
    #[case("see https://github.com/a/b/issues/12, #1", "see https://redirect.github.com/a/b/issues/12, #*1")]
    #[case("(https://github.com/a/b/pull/12#issue-3)", "(https://redirect.github.com/a/b/pull/12#issue-3)")]
    #[case(
        "https://github.com/a/b https://github.com/a/b/issues",
        "https://github.com/a/b https://github.com/a/b/issues"
    )]
    #[case("https://redirect.github.com/a/b/issues/1", "https://redirect.redirect.github.com/a/b/issues/1")]
    #[case("@*ada is quiet already", "@**ada is quiet already")]
    #[case("@GH-12 Größe@ada", "@*GH-*12 Größe@ada")]
    fn mentions_and_references_are_broken(#[case] text: &str, #[case] quiet: &str) {
        let (text, quiet) = (with_breaks(text), with_breaks(quiet));
        assert_eq!(quieted(&text), quiet);
        assert_eq!(restored(&quiet), text);
    }

    /// What a person writes is not what was put in.
    #[test]
    fn other_breaks_stay() {
        for text in
            ["a\u{200b}b", "@\u{200b} ada", "@ada #1", "`@\u{200b}ada`", "https://redirect.github.com/a"]
        {
            assert_eq!(restored(text), text);
        }
    }

    proptest! {
        #[test]
        fn a_text_comes_back(text in "([@#`~|&\\\\\u{200b}\n ()\\]gGhH-]|ada|1|GH-|```|https://|redirect\\.|github\\.com/a/b/issues/){0,24}") {
            prop_assert_eq!(restored(&quieted(&text)), text);
        }
    }
}
