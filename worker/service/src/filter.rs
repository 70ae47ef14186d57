//! The filter of lists, one grammar for the API (`q=`) and the command line (`--filter`).
//!
//! - `word`, `"two words"`: a text of the entry contains it;
//! - `key:value`, `key:a,b`: the key has this value, or one of these;
//! - `key:>10m`, `key:<3`: above, below;
//! - `key:*`: the key has a value;
//! - `-` before any of them: not so.
//!
//! All terms must hold. Letters count alike in upper and lower case in words only.

pub mod entries;
pub mod jobs;
pub mod rows;
mod times;

use syncline_engine::nearest::alternatives;

use crate::Error;

/// The longest filter, in bytes.
const LONGEST: usize = 2_048;

/// The most terms of a filter.
const MOST: usize = 20;

/// A term of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// It must not hold.
    pub negated: bool,
    /// None for a word.
    pub key: Option<String>,
    pub test: Test,
}

/// What a term asks of a key, or of all texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is one of these; a word is contained.
    Is(Vec<String>),
    Above(String),
    Below(String),
    /// It has a value.
    Present,
}

/// Parses a filter whose terms may have these keys.
pub fn parse(text: &str, keys: &[&str]) -> Result<Vec<Term>, Error> {
    let invalid = |why: String| Error::Invalid(format!("filter: {why}"));
    if text.len() > LONGEST {
        return Err(invalid(format!("must not have more than {LONGEST} bytes")));
    }
    let mut terms = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if terms.len() == MOST {
            return Err(invalid(format!("must not have more than {MOST} terms")));
        }
        let (term, after) = term(rest).map_err(invalid)?;
        if let Some(key) = &term.key
            && !keys.contains(&key.as_str())
        {
            let known = alternatives(key, keys.iter().copied(), "the keys are:");
            return Err(invalid(format!("{key:?} is no key of this list; {known}")));
        }
        terms.push(term);
        rest = after.trim_start();
    }
    Ok(terms)
}

/// The first term, and the text after it.
fn term(text: &str) -> Result<(Term, &str), String> {
    let (negated, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (key, rest) = match key(text) {
        Some((key, rest)) => (Some(key.to_owned()), rest),
        None => (None, text),
    };
    let (test, rest) = match (&key, rest.chars().next()) {
        (Some(_), Some('>')) => value(&rest[1..]).map(|(value, rest)| (Test::Above(value), rest))?,
        (Some(_), Some('<')) => value(&rest[1..]).map(|(value, rest)| (Test::Below(value), rest))?,
        _ => {
            let quoted = rest.starts_with('"');
            let (first, mut rest) = value(rest)?;
            let mut values = vec![first];
            while key.is_some()
                && let Some(after) = rest.strip_prefix(',')
            {
                let (next, after) = value(after)?;
                values.push(next);
                rest = after;
            }
            let any = key.is_some() && !quoted && values == ["*"];
            (if any { Test::Present } else { Test::Is(values) }, rest)
        }
    };
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return Err(format!("a blank is missing before {rest:?}"));
    }
    Ok((Term { negated, key, test }, rest))
}

/// The key before a colon.
fn key(text: &str) -> Option<(&str, &str)> {
    let (key, rest) = text.split_once(':')?;
    let plain = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    (!key.is_empty() && key.chars().all(plain)).then_some((key, rest))
}

/// A value: in quotation marks, or up to a comma or blank.
fn value(text: &str) -> Result<(String, &str), String> {
    if let Some(inside) = text.strip_prefix('"') {
        let mut value = String::new();
        let mut letters = inside.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => return Ok((value, &inside[at + 1..])),
                '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
                letter => value.push(letter),
            }
        }
        return Err(format!("the quotation mark before {inside:?} has no end"));
    }
    let end = text.find([' ', '\t', '\n', '\r', ',']).unwrap_or(text.len());
    match &text[..end] {
        "" => Err("a value is missing; write KEY:VALUE, or KEY:* for any value".to_owned()),
        value if value.contains('"') => {
            Err(format!("{value:?} has a quotation mark inside; put all of it in quotation marks"))
        }
        value => Ok((value.to_owned(), &text[end..])),
    }
}

#[cfg(test)]
mod tests;
