//! Keeps copied texts from notifying people and from referring to issues.
//!
//! Linear makes a mention of the address of a person or an issue, and shows it at that issue. In a copy these, names
//! behind `@` and words like `ENG-12` are of another place. So a zero-width space is put into each. Reading takes out
//! again exactly what was put in, so a text comes back as it was. Code is left as it is.

use crate::prose;

/// Shows nothing, and ends a mention or an address.
const BREAK: char = '\u{200b}';

/// The text without live mentions and references.
pub(super) fn quieted(text: &str) -> String {
    prose::outside_code(text, |line, made| change_line(line, true, made))
}

/// The text that was quieted.
pub(super) fn restored(text: &str) -> String {
    prose::outside_code(text, |line, made| change_line(line, false, made))
}

/// Puts in one break at each place that may need it, or takes one out. Both find the same places, since those that are
/// there already do not count.
fn change_line(line: &str, quiet: bool, made: &mut String) {
    let mut before: Option<char> = None;
    // An odd number of backslashes takes the meaning from the next sign.
    let mut escaped = false;
    let mut rest = line;
    while let Some(sign) = rest.chars().next() {
        let in_word = before.is_some_and(|before| before.is_ascii_alphanumeric() || before == '_');
        let taken = match sign {
            '`' if !escaped => Some(prose::copy_code(rest, made)),
            _ if in_word => None,
            _ => live(rest).map(|end| {
                made.push_str(&rest[..end]);
                let broken = rest[end..].starts_with(BREAK);
                if quiet {
                    made.push(BREAK);
                }
                if !quiet && broken { end + BREAK.len_utf8() } else { end }
            }),
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

/// Where the break belongs in what the rest begins with; none if it begins with nothing live.
fn live(rest: &str) -> Option<usize> {
    let behind = |end: usize| rest[end..].trim_start_matches(BREAK);
    match rest.chars().next()? {
        '@' => behind(1).starts_with(|next: char| next.is_ascii_alphanumeric()).then_some(1),
        'h' | 'H' => {
            let is = |scheme: &&str| {
                rest.get(..scheme.len()).is_some_and(|found| found.eq_ignore_ascii_case(scheme))
            };
            // Behind the colon: what stands there then is taken for no address at all.
            let end = ["https:", "http:"].into_iter().find(is)?.len();
            behind(end).strip_prefix("//").is_some_and(is_of_linear).then_some(end)
        }
        first if first.is_ascii_uppercase() => {
            let end = rest.find(|letter: char| !letter.is_ascii_uppercase() && !letter.is_ascii_digit())?;
            let is_key = (1..=7).contains(&end) && rest[end..].starts_with('-');
            (is_key && behind(end + 1).starts_with(|next: char| next.is_ascii_digit())).then_some(end + 1)
        }
        _ => None,
    }
}

/// `linear.app/acme/issue/ENG-12`
fn is_of_linear(address: &str) -> bool {
    let mut parts = address.splitn(4, '/');
    let host = parts.next().unwrap_or_default();
    let kind = parts.nth(1).unwrap_or_default();
    host.eq_ignore_ascii_case("linear.app")
        && ["issue", "profiles", "project", "document", "initiative", "team"].contains(&kind)
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
    #[case("@ada, ask (@bruno)", "@*ada, ask (@*bruno)")]
    #[case(
        "see ENG-12 and A1-3, not eng-12, X-ray or LONGNAME-1",
        "see ENG-*12 and A1-*3, not eng-12, X-ray or LONGNAME-1"
    )]
    #[case("ada@acme.example, @ home, ABC", "ada@acme.example, @ home, ABC")]
    #[case("https://linear.app/acme/issue/ENG-12/title", "https:*//linear.app/acme/issue/ENG-*12/title")]
    #[case("[me](https://linear.app/acme/profiles/ada)", "[me](https:*//linear.app/acme/profiles/ada)")]
    #[case(
        "https://linear.app/docs and https://github.com/a/b/issues/1",
        "https://linear.app/docs and https://github.com/a/b/issues/1"
    )]
    #[case("`@ada` @ada", "`@ada` @*ada")]
    #[case("```\n@ada ENG-1\n```\n@ada", "```\n@ada ENG-1\n```\n@*ada")]
    fn mentions_and_references_are_broken(#[case] text: &str, #[case] quiet: &str) {
        let (text, quiet) = (with_breaks(text), with_breaks(quiet));
        assert_eq!(quieted(&text), quiet);
        assert_eq!(restored(&quiet), text);
    }

    proptest! {
        #[test]
        fn a_text_comes_back(text in "([@`~|&\\\\\u{200b}\n ()\\]A-C0-2-]|ada|ENG-1|```|https://|linear\\.app/a/issue/){0,24}") {
            prop_assert_eq!(restored(&quieted(&text)), text);
        }
    }
}
