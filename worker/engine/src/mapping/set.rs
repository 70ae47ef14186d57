//! Sets: texts of which order and repetition do not count. Labels, tags, people.

use std::collections::{BTreeMap, BTreeSet};

use super::Word;
use crate::Value;

/// A set as a value: a sorted list without blank texts and repetitions; null if it is empty.
pub(super) fn canonical(texts: impl Iterator<Item = String>) -> Value {
    let mut texts: Vec<String> =
        texts.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect();
    texts.sort_by_cached_key(|text| (folded(text), text.clone()));
    texts.dedup();
    if texts.is_empty() { Value::Null } else { Value::List(texts.into_iter().map(Value::Text).collect()) }
}

/// The elements of a set's value.
pub(super) fn elements(value: &Value) -> impl Iterator<Item = &str> {
    let values: &[Value] = if let Value::List(values) = value { values } else { &[] };
    values.iter().filter_map(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None })
}

/// The elements of one side's set, and what each is called on the other side.
#[derive(Debug, Clone, Default)]
pub struct Elements {
    /// This side's word, and the other side's; none if the mapping leads to this side's word and not back.
    shared: BTreeMap<String, Option<String>>,
    /// The other side's words of `shared`.
    there: BTreeSet<String>,
    /// This side's words by what either side calls them, without case.
    folded: BTreeMap<String, BTreeSet<String>>,
    /// Elements that the other side cannot have. They stay where they are.
    own: Vec<String>,
}

impl Elements {
    pub(super) fn new(value: &Value, word: impl Fn(&str) -> Word) -> Elements {
        let mut all = Elements::default();
        for element in elements(value) {
            match word(element) {
                Word::Is(there) => all.insert(element.to_owned(), Some(there)),
                Word::OneWay => all.insert(element.to_owned(), None),
                Word::NotInMap | Word::Stranger => all.own.push(element.to_owned()),
            }
        }
        all
    }

    fn insert(&mut self, here: String, there: Option<String>) {
        for word in std::iter::once(&here).chain(&there) {
            self.folded.entry(folded(word)).or_default().insert(here.clone());
        }
        self.there.extend(there.clone());
        self.shared.insert(here, there);
    }

    /// The shared elements that `other`, of the same side, does not have.
    pub(crate) fn without(&self, other: &Elements) -> Elements {
        let mut rest = Elements::default();
        for (here, there) in self.shared.iter().filter(|(here, _)| !other.has(here)) {
            rest.insert(here.clone(), there.clone());
        }
        rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.own.is_empty()
    }

    /// True if both have the same shared elements.
    pub(crate) fn shares(&self, other: &Elements) -> bool {
        self.shared.keys().eq(other.shared.keys())
    }

    pub(crate) fn has(&self, element: &str) -> bool {
        self.shared.contains_key(element)
    }

    pub(crate) fn shared(&self) -> impl Iterator<Item = &String> {
        self.shared.keys()
    }

    pub(crate) fn own(&self) -> &[String] {
        &self.own
    }

    /// The other side's word of an element.
    pub(crate) fn word_there(&self, element: &str) -> Option<&String> {
        self.shared.get(element)?.as_ref()
    }

    /// True if an element of the other side, which calls it `element`, is among these.
    fn is(&self, element: &str, here: Option<&String>) -> bool {
        here.is_some_and(|here| self.has(here)) || self.there.contains(element)
    }

    /// True if `element` of the set `of`, which is the other side's, has a counterpart among these. A place may not
    /// distinguish case, and then has one word for both: elements that differ only in case are counterparts unless
    /// either of them has an exact one.
    pub(crate) fn has_counterpart(&self, of: &Elements, element: &str) -> bool {
        let here = of.word_there(element);
        if self.is(element, here) {
            return true;
        }
        let stands_alone = |mine: &String| !of.is(mine, self.word_there(mine));
        std::iter::once(element)
            .chain(here.map(String::as_str))
            .filter_map(|word| self.folded.get(&folded(word)))
            .any(|mine| mine.iter().any(stands_alone))
    }
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}
