//! The filter of lists whose entries are in memory.

use chrono::{DateTime, Utc};

use super::{Term, Test, parse, times};
use crate::Error;

/// A filter whose values were read. Times are as of its reading.
#[derive(Debug, Clone)]
pub struct Entries {
    terms: Vec<(Term, Option<DateTime<Utc>>)>,
    keys: Vec<&'static str>,
}

/// What an entry has under a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    Nothing,
    /// One of these must be the value that is asked for.
    Texts(Vec<String>),
    /// The value that is asked for need only be part of it.
    Long(String),
    Time(DateTime<Utc>),
}

impl Read {
    pub fn text(text: impl Into<String>) -> Read {
        Read::Texts(vec![text.into()])
    }

    /// Nothing, if there is no text.
    pub fn maybe(text: Option<impl Into<String>>) -> Read {
        text.map_or(Read::Nothing, Read::text)
    }
}

impl Entries {
    /// Parses a filter with these keys, some of which are times.
    pub fn parse(text: &str, keys: &[&'static str], of_time: &[&str]) -> Result<Entries, Error> {
        let checked = |term: Term| {
            let bound = times::bound(&term, of_time, Utc::now())?;
            Ok((term, bound))
        };
        let terms = parse(text, keys)?.into_iter().map(checked).collect::<Result<_, Error>>()?;
        Ok(Entries { terms, keys: keys.to_vec() })
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True if an entry, which is read by key, is selected.
    pub fn hold(&self, read: impl Fn(&str) -> Read) -> bool {
        self.terms.iter().all(|(term, bound)| self.holds(term, *bound, &read) != term.negated)
    }

    fn holds(&self, term: &Term, bound: Option<DateTime<Utc>>, read: &impl Fn(&str) -> Read) -> bool {
        let Some(key) = term.key.as_deref() else {
            let Test::Is(words) = &term.test else { return false };
            let all: Vec<Read> = self.keys.iter().map(|key| read(key)).collect();
            return words.iter().all(|word| all.iter().any(|read| contains(read, word)));
        };
        match (read(key), &term.test) {
            (Read::Nothing, _) => false,
            (Read::Texts(texts), Test::Present) => texts.iter().any(|text| !text.is_empty()),
            (Read::Long(text), Test::Present) => !text.is_empty(),
            (Read::Time(_), Test::Present) => true,
            (Read::Texts(texts), Test::Is(values)) => texts.iter().any(|text| values.contains(text)),
            (read @ Read::Long(_), Test::Is(values)) => values.iter().any(|value| contains(&read, value)),
            // `age:>1h` is before the bound, `since:>DAY` after it.
            (Read::Time(time), Test::Above(_)) if key == "age" => bound.is_some_and(|bound| time < bound),
            (Read::Time(time), Test::Below(_)) if key == "age" => bound.is_some_and(|bound| time > bound),
            (Read::Time(time), Test::Above(_)) => bound.is_some_and(|bound| time > bound),
            (Read::Time(time), Test::Below(_)) => bound.is_some_and(|bound| time < bound),
            (_, Test::Is(_) | Test::Above(_) | Test::Below(_)) => false,
        }
    }
}

fn contains(read: &Read, word: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(&word.to_lowercase());
    match read {
        Read::Texts(texts) => texts.iter().any(|text| has(text)),
        Read::Long(text) => has(text),
        Read::Nothing | Read::Time(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const KEYS: [&str; 4] = ["name", "error", "age", "worker"];

    fn read(key: &str) -> Read {
        match key {
            "name" => Read::text("tasks"),
            "error" => Read::Long("Connection refused".to_owned()),
            "age" => Read::Time(Utc::now() - TimeDelta::minutes(30)),
            _ => Read::Nothing,
        }
    }

    #[test]
    fn terms_hold_for_what_they_say() {
        let holds = |text: &str| Entries::parse(text, &KEYS, &["age"]).unwrap().hold(read);
        for yes in [
            "",
            "REFUSED",
            "name:tasks",
            "name:a,tasks",
            "error:refused",
            "age:>10m age:<1h",
            "-worker:*",
            "name:*",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in ["nothing", "name:task", "-name:tasks", "error:timeout", "age:>1h", "worker:*", "worker:a"]
        {
            assert!(!holds(no), "{no}");
        }
        for wrong in ["age:10m", "name:>a", "age:>soon", "other:a"] {
            assert!(Entries::parse(wrong, &KEYS, &["age"]).is_err(), "{wrong}");
        }
    }
}
