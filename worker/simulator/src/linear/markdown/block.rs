//! Splits a text into blocks.

use super::table::{self, Table};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    Paragraph(Vec<String>),
    Heading(usize, String),
    Code {
        info: String,
        lines: Vec<String>,
    },
    Quote(Vec<Block>),
    List(List),
    Table(Table),
    /// Lines of HTML, which are kept unchanged.
    Html(Vec<String>),
    Rule,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct List {
    /// The first number of an ordered list.
    pub(super) start: Option<u64>,
    /// True if blank lines separate the items.
    pub(super) loose: bool,
    pub(super) items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// Whether a task is done.
    pub(super) done: Option<bool>,
    pub(super) blocks: Vec<Block>,
}

/// Returns a line whose indent consists of spaces.
pub(super) fn untabbed(line: &str) -> String {
    let rest = line.trim_start_matches([' ', '\t']);
    let mut width = 0;
    for letter in line[..line.len() - rest.len()].chars() {
        width += if letter == '\t' { 4 - width % 4 } else { 1 };
    }
    format!("{}{rest}", " ".repeat(width))
}

pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// The deepest nesting of blocks.
const DEEPEST: usize = 24;

pub(super) fn parse(lines: &[String]) -> Vec<Block> {
    within(lines, 0)
}

fn within(lines: &[String], depth: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    if depth > DEEPEST {
        let all: Vec<String> =
            lines.iter().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
        return if all.is_empty() { blocks } else { vec![Block::Html(all)] };
    }
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let rest = &lines[at..];
        if blank(line) {
            at += 1;
            continue;
        }
        let (block, taken) = code(rest)
            .or_else(|| heading(line).map(|block| (block, 1)))
            .or_else(|| is_rule(line).then_some((Block::Rule, 1)))
            .or_else(|| quote(rest, depth))
            .or_else(|| list(rest, depth))
            .or_else(|| table::read(rest).map(|(table, taken)| (Block::Table(table), taken)))
            .or_else(|| html(rest))
            .unwrap_or_else(|| paragraph(rest));
        at += taken;
        blocks.push(block);
    }
    blocks
}

/// Returns the character, the length and the rest of a fence.
fn fence(line: &str) -> Option<(char, usize, &str)> {
    let text = line.trim_start_matches(' ');
    let sign = text.chars().next().filter(|sign| ['`', '~'].contains(sign))?;
    let length = text.len() - text.trim_start_matches(sign).len();
    let info = text[length..].trim();
    (indent(line) < 4 && length >= 3 && !(sign == '`' && info.contains('`'))).then_some((sign, length, info))
}

fn code(lines: &[String]) -> Option<(Block, usize)> {
    let first = lines.first()?;
    if let Some((sign, length, info)) = fence(first) {
        let ends = |line: &String| {
            fence(line).is_some_and(|(s, l, rest)| s == sign && l >= length && rest.is_empty())
        };
        let end = lines[1..].iter().position(ends).map_or(lines.len(), |end| end + 1);
        let base = indent(first);
        let inner = lines[1..end].iter().map(|line| line[indent(line).min(base)..].to_owned()).collect();
        return Some((Block::Code { info: info.to_owned(), lines: inner }, (end + 1).min(lines.len())));
    }
    if indent(first) < 4 {
        return None;
    }
    let end = lines.iter().position(|line| !blank(line) && indent(line) < 4).unwrap_or(lines.len());
    let end = lines[..end].iter().rposition(|line| !blank(line)).map_or(0, |last| last + 1);
    let inner = lines[..end].iter().map(|line| line[indent(line).min(4)..].to_owned()).collect();
    Some((Block::Code { info: String::new(), lines: inner }, end))
}

fn heading(line: &str) -> Option<Block> {
    let text = line.trim();
    let level = text.len() - text.trim_start_matches('#').len();
    let rest = &text[level..];
    if indent(line) > 3 || !(1..=6).contains(&level) || !(rest.is_empty() || rest.starts_with(' ')) {
        return None;
    }
    let rest = rest.trim();
    let bare = rest.trim_end_matches('#');
    let title = if bare.is_empty() || bare.ends_with(' ') { bare.trim_end() } else { rest };
    Some(Block::Heading(level, title.to_owned()))
}

fn is_rule(line: &str) -> bool {
    let signs: Vec<char> = line.chars().filter(|letter| !letter.is_whitespace()).collect();
    indent(line) < 4
        && signs.len() >= 3
        && ['-', '*', '_'].contains(&signs[0])
        && signs.iter().all(|s| *s == signs[0])
}

fn quote(lines: &[String], depth: usize) -> Option<(Block, usize)> {
    let stripped = |line: &str| {
        let text = line.trim_start_matches(' ').strip_prefix('>').filter(|_| indent(line) < 4)?;
        Some(text.strip_prefix(' ').unwrap_or(text).to_owned())
    };
    let mut inner = vec![stripped(lines.first()?)?];
    for line in &lines[1..] {
        match stripped(line) {
            Some(text) => inner.push(text),
            None if continues(inner.last(), line) => inner.push(line.trim().to_owned()),
            None => break,
        }
    }
    let taken = inner.len();
    Some((Block::Quote(within(&inner, depth + 1)), taken))
}

/// True if a line without the marks of its container continues the paragraph before it.
fn continues(before: Option<&String>, line: &str) -> bool {
    let of_paragraph = |before: &String| !blank(before) && !starts(before) && fence(before).is_none();
    !blank(line) && !starts(line) && before.is_some_and(of_paragraph)
}

/// True if a line begins a block even directly after a paragraph.
fn starts(line: &str) -> bool {
    let quote = indent(line) < 4 && line.trim_start().starts_with('>');
    quote
        || fence(line).is_some()
        || heading(line).is_some()
        || is_rule(line)
        || marker_of(line)
            .is_some_and(|marker| !marker.rest.is_empty() && marker.number.is_none_or(|number| number == 1))
}

struct Marker<'a> {
    number: Option<u64>,
    /// Columns before the content.
    offset: usize,
    rest: &'a str,
}

fn marker_of(line: &str) -> Option<Marker<'_>> {
    let before = indent(line);
    let text = &line[before..];
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let (number, width) = match digits {
        0 if text.starts_with(['-', '*', '+']) => (None, 1),
        1..=9 if text[digits..].starts_with(['.', ')']) => (Some(text[..digits].parse().ok()?), digits + 1),
        _ => return None,
    };
    let rest = &text[width..];
    if before > 3 || !(rest.is_empty() || rest.starts_with(' ')) || is_rule(line) {
        return None;
    }
    let spaces = indent(rest);
    let content = rest.trim();
    let gap = if content.is_empty() || spaces > 4 { 1 } else { spaces };
    let rest = rest.get(gap..).unwrap_or_default();
    Some(Marker { number, offset: before + width + gap, rest: if content.is_empty() { "" } else { rest } })
}

fn list(lines: &[String], depth: usize) -> Option<(Block, usize)> {
    let first = marker_of(lines.first()?)?;
    let (start, ordered) = (first.number, first.number.is_some());
    let mut items = Vec::new();
    let (mut at, mut loose) = (0, false);
    while let Some(marker) =
        lines.get(at).and_then(|line| marker_of(line)).filter(|m| m.number.is_some() == ordered)
    {
        let (done, text) = task(marker.rest);
        let mut inner = vec![text.to_owned()];
        let mut end = at + 1;
        while let Some(line) = lines.get(end) {
            if blank(line) {
                inner.push(String::new());
            } else if indent(line) >= marker.offset {
                inner.push(line[marker.offset..].to_owned());
            } else if marker_of(line).is_none() && continues(inner.last(), line) {
                inner.push(line.trim().to_owned());
            } else {
                break;
            }
            end += 1;
            // An item that begins with a blank line has no content after a second one.
            if inner.len() == 2 && inner.iter().all(|line| blank(line)) {
                break;
            }
        }
        let blanks = inner.iter().rev().take_while(|line| blank(line)).count().min(inner.len() - 1);
        let next = lines.get(end).and_then(|line| marker_of(line)).filter(|m| m.number.is_some() == ordered);
        loose |= blanks > 0 && next.is_some();
        inner.truncate(inner.len() - blanks);
        loose |= separated(&inner);
        items.push(Item { done, blocks: within(&inner, depth + 1) });
        at = end;
        if next.is_none() {
            at -= blanks;
            break;
        }
    }
    Some((Block::List(List { start, loose, items }), at.max(1)))
}

/// Returns the state of a task, and its text.
fn task(text: &str) -> (Option<bool>, &str) {
    for (mark, done) in [("[ ] ", false), ("[x] ", true), ("[X] ", true)] {
        if let Some(rest) = text.strip_prefix(mark).filter(|rest| !blank(rest)) {
            return (Some(done), rest.trim_start());
        }
    }
    (None, text)
}

/// True if a blank line separates blocks of an item, outside of code and deeper lists.
fn separated(lines: &[String]) -> bool {
    let mut open = None;
    lines.windows(2).any(|pair| {
        match (open, fence(&pair[0])) {
            (None, Some((sign, length, _))) => open = Some((sign, length)),
            (Some((sign, length)), Some((s, l, ""))) if s == sign && l >= length => open = None,
            _ => {}
        }
        open.is_none() && blank(&pair[0]) && !blank(&pair[1]) && indent(&pair[1]) < 2
    })
}

fn html(lines: &[String]) -> Option<(Block, usize)> {
    let first = lines.first()?;
    let mut letters = first.trim_start().strip_prefix('<')?.chars();
    if indent(first) > 3
        || !letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || "/!?".contains(letter))
    {
        return None;
    }
    // Only a tag alone in its line begins a block, so `<https://...>` and `<b>text</b> more` do not.
    if first.contains("://") || !first.trim_end().ends_with('>') || first.matches('<').count() != 1 {
        return None;
    }
    let end = lines.iter().position(|line| blank(line)).unwrap_or(lines.len());
    Some((Block::Html(lines[..end].iter().map(|line| line.trim_end().to_owned()).collect()), end))
}

fn paragraph(lines: &[String]) -> (Block, usize) {
    let mut text: Vec<String> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 && indent(line) < 4 {
            let signs = line.trim();
            for (sign, level) in [('=', 1), ('-', 2)] {
                if !signs.is_empty() && signs.chars().all(|letter| letter == sign) {
                    return (Block::Heading(level, text.join(" ").trim().to_owned()), at + 1);
                }
            }
        }
        if at > 0 && (blank(line) || starts(line)) {
            return (Block::Paragraph(text), at);
        }
        let hard =
            line.ends_with("  ") && lines.get(at + 1).is_some_and(|next| !blank(next) && !starts(next));
        let mut bare = line.trim().to_owned();
        if hard && !bare.ends_with('\\') {
            bare.push('\\');
        }
        text.push(bare);
    }
    (Block::Paragraph(text), lines.len())
}
