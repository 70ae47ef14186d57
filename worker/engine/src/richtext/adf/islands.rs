//! Nodes that Markdown has no form for: the texts that they are shown as, and how they are found again.

use std::collections::{BTreeSet, HashMap, VecDeque};

use chrono::DateTime;
use serde_json::Value as Json;

use super::node::{content, kind, text};
use crate::richtext::loss;

/// How an inline node is shown.
pub(super) enum Shown {
    Text(String),
    /// As a link with its address as text.
    Link(String),
}

/// How an inline node other than text and a line break is shown, and what that loses.
pub(super) fn shown(node: &Json) -> (Shown, &'static str) {
    let bracketed = |label: &str| Shown::Text(format!("[{}]", plain(label)));
    match kind(node) {
        "mention" => {
            let name = text(node, "text").unwrap_or("someone");
            (Shown::Text(format!("@{}", plain(name.trim_start_matches('@')))), loss::MENTIONS)
        }
        "emoji" => {
            let label = text(node, "text").or_else(|| text(node, "shortName")).unwrap_or(":emoji:");
            (Shown::Text(plain(label)), loss::ISLANDS)
        }
        "date" => (Shown::Text(date(text(node, "timestamp").unwrap_or_default())), loss::ISLANDS),
        "status" => (bracketed(text(node, "text").unwrap_or("status")), loss::ISLANDS),
        "inlineCard" => match text(node, "url") {
            Some(url) => (Shown::Link(url.trim().to_owned()), loss::ISLANDS),
            None => (bracketed("card"), loss::ISLANDS),
        },
        "mediaInline" | "media" => (bracketed(&file(node)), loss::FILES),
        "placeholder" => (bracketed(text(node, "text").unwrap_or("placeholder")), loss::ISLANDS),
        other => (bracketed(&named(node, other)), loss::MACROS),
    }
}

/// What a macro, or a node of an unknown kind, is called.
pub(super) fn named(node: &Json, kind: &str) -> String {
    let kind = if kind.is_empty() { "unknown" } else { kind };
    let label = text(node, "text").or_else(|| text(node, "extensionKey")).unwrap_or(kind);
    plain(label)
}

/// What a file is called.
pub(super) fn file(node: &Json) -> String {
    let what = if text(node, "type") == Some("image") { "image" } else { "attachment" };
    match text(node, "alt") {
        Some(alt) => format!("{what}: {}", plain(alt)),
        None => what.to_owned(),
    }
}

/// A label in one line of at most 100 characters, without the signs of links.
fn plain(label: &str) -> String {
    let label: String =
        label.chars().map(|sign| if "[]()<>`\\".contains(sign) { ' ' } else { sign }).collect();
    let words: Vec<&str> = label.split_whitespace().collect();
    let label: String = words.join(" ").chars().filter(|sign| !sign.is_control()).take(100).collect();
    if label.trim().is_empty() { "?".to_owned() } else { label.trim().to_owned() }
}

/// The day of a time in milliseconds.
fn date(milliseconds: &str) -> String {
    let at = milliseconds.trim().parse().ok().and_then(DateTime::from_timestamp_millis);
    at.map_or_else(|| plain(milliseconds), |at| at.date_naive().to_string())
}

pub(super) fn is_inline(node: &Json) -> bool {
    matches!(
        kind(node),
        "mention"
            | "emoji"
            | "date"
            | "status"
            | "inlineCard"
            | "mediaInline"
            | "placeholder"
            | "inlineExtension"
    )
}

/// Inline nodes by the texts that they are shown as.
#[derive(Debug, Default)]
pub(super) struct Islands<'a> {
    texts: HashMap<String, VecDeque<&'a Json>>,
    links: HashMap<String, VecDeque<&'a Json>>,
    /// The lengths of the texts, by their first character.
    lengths: HashMap<char, BTreeSet<usize>>,
}

impl<'a> Islands<'a> {
    /// Takes up the inline nodes within a node.
    pub(super) fn collect(&mut self, node: &'a Json) {
        let mut rest = vec![node];
        while let Some(node) = rest.pop() {
            if is_inline(node) {
                match shown(node).0 {
                    Shown::Text(text) => {
                        if let Some(first) = text.chars().next() {
                            self.lengths.entry(first).or_default().insert(text.len());
                        }
                        self.texts.entry(text).or_default().push_back(node);
                    }
                    Shown::Link(url) => self.links.entry(url).or_default().push_back(node),
                }
            }
            rest.extend(content(node).iter().rev());
        }
    }

    /// Takes up what is left in others.
    pub(super) fn take_up(&mut self, others: Islands<'a>) {
        for (text, nodes) in others.texts {
            if let Some(first) = text.chars().next() {
                self.lengths.entry(first).or_default().insert(text.len());
            }
            self.texts.entry(text).or_default().extend(nodes);
        }
        for (url, nodes) in others.links {
            self.links.entry(url).or_default().extend(nodes);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.links.is_empty()
    }

    /// Takes the node that is shown as a link to an address.
    pub(super) fn link(&mut self, url: &str) -> Option<&'a Json> {
        self.links.get_mut(url)?.pop_front()
    }

    /// Takes the first node that a text shows, with where its text begins and ends.
    pub(super) fn first(&mut self, text: &str) -> Option<(std::ops::Range<usize>, &'a Json)> {
        if self.texts.is_empty() {
            return None;
        }
        let mut before: Option<char> = None;
        for (start, sign) in text.char_indices() {
            for length in self.lengths.get(&sign).into_iter().flatten().rev() {
                let end = start + length;
                let Some(found) = text.get(start..end) else { continue };
                let next = text[end..].chars().next();
                // `@Ada` is not in `@Adam`.
                if joins(before, Some(sign)) || joins(found.chars().next_back(), next) {
                    continue;
                }
                if let Some(node) = self.texts.get_mut(found).and_then(VecDeque::pop_front) {
                    return Some((start..end, node));
                }
            }
            before = Some(sign);
        }
        None
    }
}

fn joins(a: Option<char>, b: Option<char>) -> bool {
    let is_word = |sign: Option<char>| sign.is_some_and(char::is_alphanumeric);
    is_word(a) && is_word(b)
}
