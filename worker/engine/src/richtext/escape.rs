//! Writes text so that Markdown reads it as text.

/// How cautiously text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Care {
    /// Only what is likely to be read as markup is escaped.
    Natural,
    /// Every sign that could be markup is escaped, and styles are elements of HTML where the dialect has them.
    Careful,
    /// As careful, and without styles.
    Bare,
}

/// Where a text stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) care: Care,
    pub(super) at_line_start: bool,
    pub(super) in_table: bool,
    pub(super) in_link: bool,
    /// The sign before.
    pub(super) before: Option<char>,
    /// The sign behind, of what is written next.
    pub(super) behind: Option<char>,
}

/// Appends a text.
pub(super) fn push(out: &mut String, text: &str, at: Position) {
    let numbered = if at.at_line_start { number(text) } else { None };
    let starts_block = at.at_line_start && begins_block(text);
    let tildes = text.matches('~').count();
    let mut before = at.before;
    let mut signs = text.char_indices().peekable();
    while let Some((index, sign)) = signs.next() {
        let behind = signs.peek().map(|(_, next)| *next).or(at.behind);
        let escape = match at.care {
            Care::Natural => {
                let rest = &text[index + sign.len_utf8()..];
                let is_first = index == 0;
                (is_first && starts_block)
                    || numbered == Some(index)
                    || is_markup(sign, before, behind, rest, at, is_first, tildes)
            }
            Care::Careful | Care::Bare => "\\`*_{}[]<>()#+-.!|~&:=$@^\"'".contains(sign),
        };
        if escape || (at.in_table && sign == '|') {
            out.push('\\');
        }
        out.push(sign);
        // What stands before a run of signs counts for each of them.
        if !(matches!(sign, '*' | '_') && behind == Some(sign)) {
            before = Some(sign);
        }
    }
}

fn is_markup(
    sign: char,
    before: Option<char>,
    behind: Option<char>,
    rest: &str,
    at: Position,
    is_first: bool,
    tildes: usize,
) -> bool {
    let is_space = |letter: Option<char>| letter.is_none_or(char::is_whitespace);
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    match sign {
        '`' => true,
        '\\' => behind.is_none_or(|next| next.is_ascii_punctuation()),
        '*' | '_' => {
            let next = rest.trim_start_matches(sign).chars().next().or(at.behind);
            let in_word = sign == '_' && is_word(before) && is_word(next);
            let apart = before.is_some_and(char::is_whitespace) && is_space(next);
            !in_word && !apart
        }
        '~' => tildes > 1 || behind == Some('~') || before == Some('~'),
        '[' => at.in_link || opens_link(rest) || (is_first && at.at_line_start && begins_mark(rest)),
        ']' => at.in_link,
        '<' => behind.is_none_or(|next| next.is_ascii_alphabetic() || "/!?".contains(next)),
        '&' => is_entity(rest),
        '!' => rest.is_empty() && behind.is_none_or(|next| next == '['),
        _ => false,
    }
}

/// True if a bracket is closed by what makes it a link.
fn opens_link(rest: &str) -> bool {
    let near = rest.char_indices().nth(500).map_or(rest, |(end, _)| &rest[..end]);
    near.contains("](") || near.contains("][") || near.contains("]:")
}

/// True for a box, and for the mark of an alert.
fn begins_mark(rest: &str) -> bool {
    rest.starts_with('!') || [" ]", "x]", "X]"].iter().any(|mark| rest.starts_with(mark))
}

fn is_entity(rest: &str) -> bool {
    let name = rest.trim_start_matches('#');
    let end = name.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(name.len());
    end > 0 && end < 40 && name[end..].starts_with(';')
}

/// Where the sign behind a number stands that makes it an item of a list.
fn number(text: &str) -> Option<usize> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).filter(|end| (1..10).contains(end))?;
    let behind = text[digits..].chars().nth(1);
    (text[digits..].starts_with(['.', ')']) && behind.is_none_or(char::is_whitespace)).then_some(digits)
}

/// True if the first sign of a line makes it a heading, an item, a quote, a line across or a block of code.
fn begins_block(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let rest = text.trim_start_matches(first);
    let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
    let is_one = text.len() - rest.len() == first.len_utf8();
    match first {
        '#' => ends,
        '>' => true,
        '+' => is_one && ends,
        '-' => (is_one && ends) || text.chars().all(|letter| "- |:".contains(letter)),
        '=' => text.chars().all(|letter| letter == '=' || letter == ' '),
        '|' | ':' => text.chars().all(|letter| "-|: ".contains(letter)),
        _ => false,
    }
}
