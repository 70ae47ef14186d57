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

/// What is known of a text before its signs are looked at.
struct Text<'a> {
    text: &'a str,
    at: Position,
    /// Where the sign behind a number stands that makes it an item of a list.
    numbered: Option<usize>,
    starts_block: bool,
    /// True if there may be two ends of a line that strikes text through.
    has_tildes: bool,
    /// Where the last closing bracket stands that makes what is before it a link.
    link: Option<usize>,
}

/// Appends a text.
pub(super) fn push(out: &mut String, text: &str, at: Position) {
    if at.care != Care::Natural {
        for sign in text.chars() {
            if "\\`*_{}[]<>()#+-.!|~&:=$@^\"'".contains(sign) {
                out.push('\\');
            }
            out.push(sign);
        }
        return;
    }
    let starts_block = at.at_line_start && begins_block(text);
    let numbered = if at.at_line_start { number(text) } else { None };
    if !starts_block && numbered.is_none() && !text.bytes().any(may_be_markup) {
        return out.push_str(text);
    }
    let of = Text {
        text,
        at,
        numbered,
        starts_block,
        has_tildes: text.bytes().filter(|sign| *sign == b'~').nth(1).is_some(),
        link: ["](", "][", "]:"].into_iter().filter_map(|end| text.rfind(end)).max(),
    };
    let mut before = at.before;
    // What was decided for the run of equal signs that the present one is in.
    let mut run: Option<(char, bool)> = None;
    let mut signs = text.char_indices().peekable();
    while let Some((index, sign)) = signs.next() {
        let behind = signs.peek().map(|(_, next)| *next).or(at.behind);
        let escape = match run {
            Some((of, escape)) if of == sign => escape,
            _ => of.is_markup(index, sign, before, behind),
        };
        if escape || (at.in_table && sign == '|') {
            out.push('\\');
        }
        out.push(sign);
        run = matches!(sign, '*' | '_').then_some((sign, escape));
        before = Some(sign);
    }
}

fn may_be_markup(sign: u8) -> bool {
    matches!(sign, b'`' | b'\\' | b'*' | b'_' | b'~' | b'[' | b']' | b'<' | b'&' | b'!' | b'|')
}

impl Text<'_> {
    fn is_markup(&self, index: usize, sign: char, before: Option<char>, behind: Option<char>) -> bool {
        let is_space = |letter: Option<char>| letter.is_none_or(char::is_whitespace);
        let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        let is_first = index == 0;
        if (is_first && self.starts_block) || self.numbered == Some(index) {
            return true;
        }
        let rest = &self.text[index + sign.len_utf8()..];
        match sign {
            '`' => true,
            '\\' => behind.is_none_or(|next| next.is_ascii_punctuation()),
            '*' | '_' => {
                let next = rest.trim_start_matches(sign).chars().next().or(self.at.behind);
                let in_word = sign == '_' && is_word(before) && is_word(next);
                let apart = before.is_some_and(char::is_whitespace) && is_space(next);
                !in_word && !apart
            }
            '~' => self.has_tildes || behind == Some('~') || before == Some('~'),
            '[' => {
                self.at.in_link
                    || self.link.is_some_and(|end| end > index)
                    || (is_first && self.at.at_line_start && begins_mark(rest))
            }
            ']' => self.at.in_link,
            '<' => behind.is_none_or(|next| next.is_ascii_alphabetic() || "/!?".contains(next)),
            '&' => is_entity(rest),
            '!' => rest.is_empty() && behind.is_none_or(|next| next == '['),
            _ => false,
        }
    }
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
