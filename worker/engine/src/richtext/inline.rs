//! Writes a line of text with its marks.

use std::borrow::Cow;

use super::{
    Dialect,
    escape::{self, Care, Position},
    html,
    tidy::address,
    tree::{Inline, Link, Marks, Style},
};

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) dialect: Dialect,
    pub(super) care: Care,
    /// In the cell of a table.
    pub(super) in_table: bool,
    /// A heading or a cell, which has no second line.
    pub(super) is_single: bool,
}

/// A mark that has begun, and what ends it.
struct Open<'a> {
    mark: Mark<'a>,
    end: Cow<'static, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark<'a> {
    Styled(Style),
    Linked(&'a Link),
}

/// How far ahead the end of a mark is looked for, to begin the longest one first.
const LOOK_AHEAD: usize = 64;

struct Writer<'a> {
    line: Line,
    content: &'a [Inline],
    out: String,
    open: Vec<Open<'a>>,
    at_line_start: bool,
}

pub(super) fn write(content: &[Inline], line: Line) -> String {
    let mut writer =
        Writer { line, content, out: String::new(), open: Vec::new(), at_line_start: !line.in_table };
    for index in 0..content.len() {
        writer.part(index);
    }
    writer.close_down_to(0);
    writer.out
}

impl<'a> Writer<'a> {
    fn part(&mut self, index: usize) {
        let Some(part) = self.content.get(index) else { return };
        let wanted = self.marks(part, index);
        let keeps = |open: &Open<'_>| wanted.contains(&open.mark);
        let first = self.open.iter().position(|open| !keeps(open)).unwrap_or(self.open.len());
        self.close_down_to(first);
        if self.autolink(index) {
            self.at_line_start = false;
            return;
        }
        let is_open = |mark: &Mark<'_>| self.open.iter().any(|open| open.mark == *mark);
        let mut missing: Vec<(usize, Mark<'_>)> = wanted
            .into_iter()
            .filter(|mark| !is_open(mark))
            .map(|mark| (self.extent(mark, index), mark))
            .collect();
        missing.sort_by(|(a, _), (b, _)| b.cmp(a));
        for (extent, mark) in missing {
            self.begin(mark, index + extent);
        }
        match part {
            Inline::Text { text, marks } if marks.has(Style::Code) => self.code(text),
            Inline::Text { text, .. } => self.text(text, index),
            Inline::Break => return self.line_break(index),
            Inline::Image { url, alt, title, .. } => {
                self.out.push_str("![");
                let at = Position { in_link: true, ..self.position(None) };
                escape::push(&mut self.out, alt, at);
                self.out.push_str(&destination(url, title, self.line.in_table));
            }
            Inline::Comment(source) => {
                if self.at_line_start {
                    // At the beginning of a line it would be a block of its own.
                    self.out.push_str("&nbsp;");
                }
                self.out.push_str(source);
            }
        }
        self.at_line_start = false;
    }

    /// The marks of a part. A break is within what is open on both sides of it.
    fn marks(&self, part: &'a Inline, index: usize) -> Vec<Mark<'a>> {
        match part {
            Inline::Text { marks, .. } => self.written(marks),
            Inline::Image { link, .. } => link.iter().map(|link| Mark::Linked(link)).collect(),
            Inline::Break => match self.content.get(index + 1) {
                Some(Inline::Text { marks, .. }) => {
                    let next = self.written(marks);
                    self.open.iter().map(|open| open.mark).filter(|mark| next.contains(mark)).collect()
                }
                _ => Vec::new(),
            },
            Inline::Comment(_) => Vec::new(),
        }
    }

    fn written(&self, marks: &'a Marks) -> Vec<Mark<'a>> {
        if marks.is_plain() {
            return Vec::new();
        }
        let mut all: Vec<Mark<'_>> = marks.link.iter().map(|link| Mark::Linked(link)).collect();
        if self.line.care != Care::Bare {
            let styles = Style::ALL.into_iter().filter(|style| *style != Style::Code && marks.has(*style));
            all.extend(styles.map(Mark::Styled));
        }
        all
    }

    /// How many parts from `index` on have a mark.
    fn extent(&self, mark: Mark<'_>, index: usize) -> usize {
        let has = |part: &Inline| match part {
            Inline::Text { marks, .. } => match mark {
                Mark::Styled(style) => marks.has(style),
                Mark::Linked(link) => marks.link.as_deref() == Some(link),
            },
            Inline::Image { link, .. } => matches!(mark, Mark::Linked(of) if link.as_deref() == Some(of)),
            Inline::Break => true,
            Inline::Comment(_) => false,
        };
        self.content.iter().skip(index).take(LOOK_AHEAD).take_while(|part| has(part)).count()
    }

    fn begin(&mut self, mark: Mark<'a>, end: usize) {
        let (begin, end) = match mark {
            Mark::Linked(link) => ("[", Cow::Owned(destination(&link.url, &link.title, self.line.in_table))),
            Mark::Styled(style) => {
                let (begin, end) = self.signs(style, end);
                (begin, Cow::Borrowed(end))
            }
        };
        self.out.push_str(begin);
        self.open.push(Open { mark, end });
    }

    fn signs(&self, style: Style, end: usize) -> (&'static str, &'static str) {
        let tags = html::tags(style);
        if self.line.care == Care::Careful && self.line.dialect.has_html() {
            return tags;
        }
        match style {
            Style::Strong => ("**", "**"),
            Style::Strike => ("~~", "~~"),
            Style::Emphasis => {
                let is_word = |letter: Option<char>| {
                    letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
                };
                let behind = match self.content.get(end) {
                    Some(Inline::Text { text, .. }) => text.chars().next(),
                    _ => None,
                };
                if is_word(self.out.chars().next_back()) || is_word(behind) { ("*", "*") } else { ("_", "_") }
            }
            _ => tags,
        }
    }

    fn close_down_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            if let Some(open) = self.open.pop() {
                self.out.push_str(&open.end);
            }
        }
    }

    fn position(&self, behind: Option<char>) -> Position {
        Position {
            care: self.line.care,
            at_line_start: self.at_line_start,
            in_table: self.line.in_table,
            in_link: self.open.iter().any(|open| matches!(open.mark, Mark::Linked(_))),
            before: if self.at_line_start { None } else { self.out.chars().next_back() },
            behind,
        }
    }

    fn text(&mut self, text: &str, index: usize) {
        let behind = match self.content.get(index + 1) {
            Some(Inline::Text { text, marks }) if marks.is_plain() => text.chars().next(),
            Some(Inline::Text { marks, .. }) if marks.link.is_some() => Some('['),
            Some(Inline::Image { .. }) => Some('!'),
            Some(Inline::Text { .. }) => Some('*'),
            Some(Inline::Comment(_)) => Some('<'),
            Some(Inline::Break) | None => Some(' '),
        };
        let at = self.position(behind);
        escape::push(&mut self.out, text, at);
    }

    /// Writes a link whose text is its address as just that.
    fn autolink(&mut self, index: usize) -> bool {
        let Some(Inline::Text { text, marks }) = self.content.get(index) else { return false };
        let Some(link) = &marks.link else { return false };
        let is_mail = link.url.strip_prefix("mailto:") == Some(text) && text.contains('@');
        let is_alone =
            self.extent(Mark::Linked(link), index) == 1 && marks.styles == 0 && self.open.is_empty();
        if !is_alone || !link.title.is_empty() || (link.url != *text && !is_mail) {
            return false;
        }
        let is_plain =
            |letter: char| !letter.is_whitespace() && !letter.is_control() && !"<>\\`|".contains(letter);
        if !text.chars().all(is_plain) || (is_mail && !text.is_ascii()) {
            return false;
        }
        let is_scheme = text.split_once(':').is_some_and(|(scheme, _)| {
            (2..33).contains(&scheme.len())
                && scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
                && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+.-".contains(letter))
        });
        if !is_mail && !is_scheme {
            return false;
        }
        if self.may_stand_bare(text, index) && !is_mail {
            self.out.push_str(text);
        } else {
            self.out.push('<');
            self.out.push_str(text);
            self.out.push('>');
        }
        true
    }

    fn may_stand_bare(&self, text: &str, index: usize) -> bool {
        let before = self.out.chars().next_back();
        let ends = match self.content.get(index + 1) {
            Some(Inline::Text { text, marks }) => {
                let bare = text.trim_start_matches(['.', ',', ':', ';', '!', '?']);
                marks.is_plain() && (bare.is_empty() || bare.starts_with(char::is_whitespace))
            }
            Some(Inline::Break) | None => true,
            _ => false,
        };
        self.line.care == Care::Natural
            && ends
            && before.is_none_or(|letter| letter.is_whitespace() || letter == '(')
            && !text.contains(['*', '_', '~', '&', '[', ']', '!', '$'])
            && address(text, None) == Some((0, text.len()))
    }

    fn code(&mut self, text: &str) {
        let mut longest = 0;
        let mut run = 0;
        for letter in text.chars() {
            run = if letter == '`' { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        let fence = "`".repeat(longest + 1);
        let is_blank = text.chars().all(|letter| letter == ' ');
        let pad =
            text.starts_with('`') || text.ends_with('`') || (text.starts_with(' ') && text.ends_with(' '));
        let pad = if pad && !is_blank { " " } else { "" };
        self.out.push_str(&fence);
        self.out.push_str(pad);
        match self.line.in_table {
            true => self.out.push_str(&text.replace('|', "\\|")),
            false => self.out.push_str(text),
        }
        self.out.push_str(pad);
        self.out.push_str(&fence);
    }

    fn line_break(&mut self, index: usize) {
        let is_break = |at: Option<usize>| {
            at.and_then(|at| self.content.get(at)).is_some_and(|part| matches!(part, Inline::Break))
        };
        let repeated = is_break(index.checked_sub(1)) || is_break(index.checked_add(1));
        if self.line.is_single || (self.line.care != Care::Natural && self.line.dialect.has_html()) {
            self.out.push_str("<br>");
            return;
        }
        self.out.push_str(if self.line.dialect.breaks_lines() && !repeated { "\n" } else { "\\\n" });
        self.at_line_start = true;
    }
}

/// What follows the text of a link.
fn destination(url: &str, title: &str, in_table: bool) -> String {
    let mut open = 0_i64;
    let mut is_balanced = true;
    for letter in url.chars() {
        open += i64::from(letter == '(') - i64::from(letter == ')');
        is_balanced &= open >= 0;
    }
    let is_plain = |letter: char| !letter.is_whitespace() && !letter.is_control();
    let bare =
        !url.is_empty() && open == 0 && is_balanced && url.chars().all(is_plain) && !url.starts_with('<');
    let mut out = String::from(if bare { "](" } else { "](<" });
    for (index, letter) in url.char_indices() {
        match letter {
            '\n' | '\r' => out.push_str("%0A"),
            '\\' | '*' | '_' | '`' | '[' | ']' | '!' | '~' => {
                out.push('\\');
                out.push(letter);
            }
            '<' | '>' => {
                out.push('\\');
                out.push(letter);
            }
            '&' if entity_follows(&url[index + 1..]) => out.push_str("\\&"),
            '|' if in_table => out.push_str("\\|"),
            letter => out.push(letter),
        }
    }
    if !bare {
        out.push('>');
    }
    if !title.is_empty() {
        out.push_str(" \"");
        for letter in title.chars() {
            match letter {
                '\n' | '\r' => out.push(' '),
                letter if letter.is_ascii_punctuation() && !".,:;/-()'?".contains(letter) => {
                    out.push('\\');
                    out.push(letter);
                }
                letter => out.push(letter),
            }
        }
        out.push('"');
    }
    out.push(')');
    out
}

fn entity_follows(rest: &str) -> bool {
    let end =
        rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '#').unwrap_or(rest.len());
    end > 0 && rest[end..].starts_with(';')
}
