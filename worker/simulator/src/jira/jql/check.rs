//! The conditions of a query on an issue.

use std::{cmp::Ordering, collections::BTreeSet};

use serde_json::Value;

use super::super::{adf, index::words, state::State, types::Issue};

/// A condition on issues.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Check {
    All(Vec<Check>),
    Any(Vec<Check>),
    Not(Box<Check>),
    Project(BTreeSet<u64>),
    Id(BTreeSet<u64>),
    Type(BTreeSet<u64>),
    Status(BTreeSet<u64>),
    Resolution(BTreeSet<u64>),
    Parent(BTreeSet<u64>),
    Created(Compare, i64),
    Updated(Compare, i64),
    Resolved(Compare, i64),
    /// The stored value of a field, or one of its list, is one of these.
    Value(String, Vec<Value>),
    /// Compares a number or a date.
    Compared(String, Compare, Value),
    Empty(String),
    /// Contains all of these words; `*` at the end of a word matches any ending.
    Words(Text, Vec<String>),
    /// Contains these words in sequence.
    Phrase(Text, Vec<String>),
    Property(String, Vec<String>, Value),
}

/// The searched text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Text {
    Summary,
    Everything,
    Field(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

impl Compare {
    fn takes(self, ordering: Ordering) -> bool {
        match self {
            Compare::Less => ordering.is_lt(),
            Compare::AtMost => ordering.is_le(),
            Compare::Equal => ordering.is_eq(),
            Compare::AtLeast => ordering.is_ge(),
            Compare::More => ordering.is_gt(),
        }
    }
}

impl Check {
    pub(crate) fn takes(&self, state: &State, issue: &Issue) -> bool {
        match self {
            Check::All(checks) => checks.iter().all(|check| check.takes(state, issue)),
            Check::Any(checks) => checks.iter().any(|check| check.takes(state, issue)),
            Check::Not(check) => !check.takes(state, issue),
            Check::Project(ids) => ids.contains(&issue.project),
            Check::Id(ids) => ids.contains(&issue.id),
            Check::Type(ids) => ids.contains(&issue.issue_type),
            Check::Status(ids) => ids.contains(&issue.status),
            Check::Resolution(ids) => issue.resolution.is_some_and(|id| ids.contains(&id)),
            Check::Parent(ids) => issue.parent.is_some_and(|id| ids.contains(&id)),
            Check::Created(compare, at) => compare.takes(issue.created.cmp(at)),
            Check::Updated(compare, at) => compare.takes(issue.updated.cmp(at)),
            Check::Resolved(compare, at) => issue.resolved.is_some_and(|time| compare.takes(time.cmp(at))),
            Check::Value(field, values) => issue.values.get(field).is_some_and(|value| match value {
                Value::Array(items) => items.iter().any(|item| values.contains(item)),
                value => values.contains(value),
            }),
            Check::Compared(field, compare, wanted) if field == "id" => {
                wanted.as_u64().is_some_and(|id| compare.takes(issue.id.cmp(&id)))
            }
            Check::Compared(field, compare, wanted) => {
                let ordering = issue.values.get(field).and_then(|value| compared(value, wanted));
                ordering.is_some_and(|ordering| compare.takes(ordering))
            }
            Check::Empty(field) => match field.as_str() {
                "resolution" | "resolutiondate" => issue.resolution.is_none(),
                "parent" => issue.parent.is_none(),
                field => !issue.values.contains_key(field),
            },
            Check::Words(text, wanted) => {
                let found: Vec<String> = all_words(state, issue, text);
                wanted.iter().all(|word| match word.strip_suffix('*') {
                    Some(start) => found.iter().any(|word| word.starts_with(start)),
                    None => found.contains(word),
                })
            }
            Check::Phrase(text, wanted) => {
                all_words(state, issue, text).windows(wanted.len().max(1)).any(|row| row == wanted.as_slice())
            }
            Check::Property(key, path, wanted) => {
                let value = issue
                    .properties
                    .get(key)
                    .and_then(|value| path.iter().try_fold(value, |value, part| value.get(part)));
                value.is_some_and(|value| match (value, wanted) {
                    (Value::String(one), Value::String(other)) => one.eq_ignore_ascii_case(other),
                    (one, other) => one == other || one.as_f64().is_some_and(|n| other.as_f64() == Some(n)),
                })
            }
        }
    }
}

fn compared(value: &Value, wanted: &Value) -> Option<Ordering> {
    match (value, wanted) {
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        (one, other) => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

fn all_words(state: &State, issue: &Issue, text: &Text) -> Vec<String> {
    let of = |value: &Value| match value {
        Value::String(text) => words(text).collect::<Vec<_>>(),
        document if document.is_object() => words(&adf::plain(document)).collect(),
        _ => Vec::new(),
    };
    match text {
        Text::Summary => words(issue.text("summary")).collect(),
        Text::Field(field) => issue.values.get(field).map(of).unwrap_or_default(),
        Text::Everything => {
            let texts = issue.values.iter().filter(|(field, _)| {
                let kind = state.fields.get(*field).map(|field| field.kind);
                matches!(kind, Some(super::super::kind::Kind::Text | super::super::kind::Kind::Textarea))
            });
            texts.flat_map(|(_, value)| of(value)).collect()
        }
    }
}

impl Text {
    pub(crate) fn is_summary(&self) -> bool {
        *self == Text::Summary
    }
}
