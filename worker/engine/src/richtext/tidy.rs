//! The canonical form of a line of text: what looks the same is the same.
//!
//! White space is one space, and stands outside of marks that begin or end with it. Neighbours with equal marks are one.
//! Addresses are links. Breaks at the ends show nothing and go.

use std::sync::Arc;

use super::tree::{Inline, Link, Marks, Style};

pub(super) fn tidy(content: Vec<Inline>) -> Vec<Inline> {
    // Most lines are so already.
    if is_tidy(&content) {
        return content;
    }
    let mut tidied = Tidied { out: Vec::with_capacity(content.len()), space: String::new() };
    for part in joined(content) {
        match part {
            Inline::Text { text, marks } if marks.has(Style::Code) => {
                tidied.push(Inline::Text { text: text.replace(['\n', '\r'], " "), marks });
            }
            Inline::Text { text, marks } => tidied.text(text, marks),
            Inline::Break => {
                tidied.end_line();
                // A line break at the very beginning shows nothing.
                if !tidied.out.is_empty() {
                    tidied.out.push(Inline::Break);
                }
            }
            part => tidied.push(part),
        }
    }
    tidied.end_line();
    while matches!(tidied.out.last(), Some(Inline::Break)) {
        tidied.out.pop();
    }
    joined(linked(joined(tidied.out)))
}

struct Tidied {
    out: Vec<Inline>,
    /// White space that waits for what follows it.
    space: String,
}

impl Tidied {
    fn text(&mut self, text: String, marks: Marks) {
        let core = text.trim();
        if core.is_empty() {
            return self.space.push_str(&text);
        }
        if core.len() == text.len() && is_collapsed(core) {
            return self.push(Inline::Text { text, marks });
        }
        let start = core.as_ptr() as usize - text.as_ptr() as usize;
        self.space.push_str(&text[..start]);
        self.push(Inline::Text { text: collapsed(core), marks });
        self.space.push_str(&text[start + core.len()..]);
    }

    fn push(&mut self, part: Inline) {
        if !self.space.is_empty()
            && let Some(last @ (Inline::Text { .. } | Inline::Image { .. } | Inline::Comment(_))) =
                self.out.last()
        {
            let mut marks = marks_of(last).shared(&marks_of(&part));
            // Two addresses are two links.
            if is_address(last) || is_address(&part) {
                marks.link = None;
            }
            self.out.push(Inline::Text { text: collapsed(&self.space), marks });
        }
        self.space.clear();
        self.out.push(part);
    }

    /// White space at an end of a line shows nothing.
    fn end_line(&mut self) {
        self.space.clear();
    }
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// True if nothing is to be done; false if that is not plain to see.
fn is_tidy(content: &[Inline]) -> bool {
    let holds_space = |at: Option<usize>| {
        let neighbour = at.and_then(|at| content.get(at));
        neighbour.is_some_and(|part| !matches!(part, Inline::Break))
    };
    content.iter().enumerate().all(|(index, part)| {
        let before = index.checked_sub(1);
        match part {
            Inline::Text { text, marks } => {
                let joins = |of: &Inline| matches!(of, Inline::Text { marks: of, .. } if of == marks);
                if text.is_empty() || before.and_then(|at| content.get(at)).is_some_and(joins) {
                    return false;
                }
                if marks.has(Style::Code) {
                    return !text.contains(['\n', '\r']);
                }
                let (starts, ends) = (text.starts_with(' '), text.ends_with(' '));
                text != " "
                    && (marks.is_plain() || !(starts || ends))
                    && (!starts || holds_space(before))
                    && (!ends || holds_space(Some(index + 1)))
                    && is_collapsed(text)
                    && (marks.link.is_some() || !text.contains("://"))
            }
            Inline::Break => before.is_some() && index + 1 < content.len(),
            Inline::Image { .. } | Inline::Comment(_) => true,
        }
    })
}

/// True if all white space is single spaces.
fn is_collapsed(text: &str) -> bool {
    let mut before = 0;
    for byte in text.bytes() {
        if !(b' '..0x7f).contains(&byte) {
            return !text.contains("  ") && !text.contains(|sign: char| sign != ' ' && sign.is_whitespace());
        }
        if byte == b' ' && before == b' ' {
            return false;
        }
        before = byte;
    }
    true
}

/// Runs of white space as one space.
fn collapsed(text: &str) -> String {
    if is_collapsed(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if !is_space(letter) {
            out.push(letter);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out
}

fn marks_of(part: &Inline) -> Marks {
    match part {
        Inline::Text { marks, .. } => marks.clone(),
        Inline::Image { link, .. } => Marks { link: link.clone(), ..Marks::default() },
        Inline::Break | Inline::Comment(_) => Marks::default(),
    }
}

/// True for a link that shows where it leads.
fn is_address(part: &Inline) -> bool {
    matches!(part, Inline::Text { text, marks } if marks.link.as_ref().is_some_and(|link| link.url == *text))
}

fn joined(content: Vec<Inline>) -> Vec<Inline> {
    let is_empty = |part: &Inline| matches!(part, Inline::Text { text, .. } if text.is_empty());
    let joins = |pair: &[Inline]| match pair {
        [Inline::Text { marks: one, .. }, Inline::Text { marks: other, .. }] => one == other,
        _ => false,
    };
    if !content.iter().any(is_empty) && !content.windows(2).any(joins) {
        return content;
    }
    let mut out: Vec<Inline> = Vec::with_capacity(content.len());
    for part in content {
        match (out.last_mut(), part) {
            (Some(Inline::Text { text: before, marks: those }), Inline::Text { text, marks })
                if *those == marks =>
            {
                before.push_str(&text);
            }
            (_, Inline::Text { text, .. }) if text.is_empty() => {}
            (_, part) => out.push(part),
        }
    }
    out
}

/// Gives addresses in plain text their links.
fn linked(content: Vec<Inline>) -> Vec<Inline> {
    let is_candidate = |part: &Inline| {
        matches!(part, Inline::Text { text, marks }
            if marks.link.is_none() && !marks.has(Style::Code) && text.contains("://"))
    };
    if !content.iter().any(is_candidate) {
        return content;
    }
    let mut out = Vec::with_capacity(content.len() + 2);
    for part in content {
        if !is_candidate(&part) {
            out.push(part);
            continue;
        }
        let Inline::Text { text, marks } = part else { continue };
        let mut rest = text.as_str();
        let mut before: Option<char> = None;
        while let Some((start, end)) = address(rest, before) {
            if start > 0 {
                out.push(Inline::Text { text: rest[..start].to_owned(), marks: marks.clone() });
            }
            let url = rest[start..end].to_owned();
            let link = Some(Arc::new(Link { url: url.clone(), title: String::new() }));
            out.push(Inline::Text { text: url, marks: Marks { link, ..marks.clone() } });
            before = rest[..end].chars().next_back();
            rest = &rest[end..];
        }
        if !rest.is_empty() {
            out.push(Inline::Text { text: rest.to_owned(), marks });
        }
    }
    out
}

/// Where the first address in a text begins and ends. `before` is the character before the text.
pub(super) fn address(text: &str, before: Option<char>) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(at) = text[from..].find("://").map(|found| from + found) {
        from = at + 3;
        let Some(start) = ["https", "http"].into_iter().find_map(|scheme| {
            let start = at.checked_sub(scheme.len())?;
            text.get(start..at).filter(|found| found.eq_ignore_ascii_case(scheme)).map(|_| start)
        }) else {
            continue;
        };
        let previous = text[..start].chars().next_back().or(before);
        if previous.is_some_and(|letter| letter.is_alphanumeric()) {
            continue;
        }
        let end = text[from..]
            .find(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '<')
            .map_or(text.len(), |found| from + found);
        let end = from + trimmed(&text[from..end]);
        if text[from..end].starts_with(|letter: char| letter.is_alphanumeric() || letter == '[') {
            return Some((start, end));
        }
    }
    None
}

/// The length of an address without the punctuation that ends a sentence, and without a bracket that it does not open.
fn trimmed(address: &str) -> usize {
    let mut open = address.matches('(').count();
    let mut close = address.matches(')').count();
    let mut end = address.len();
    while let Some(last) = address[..end].chars().next_back() {
        let goes = match last {
            ')' => close > open,
            '?' | '!' | '.' | ',' | ':' | ';' | '*' | '_' | '~' | '\'' | '"' | '|' | '`' | '\\' | ']'
            | '}' => true,
            _ => false,
        };
        if !goes {
            break;
        }
        match last {
            ')' => close -= 1,
            '(' => open -= 1,
            _ => {}
        }
        end -= last.len_utf8();
    }
    end
}
