//! The fields of issues: names, types, which of them can be written, and which values they take.

use syncline_engine::{
    Value,
    ports::FieldInfo,
    richtext::{Dialect, Limit, Measure, TextForm},
    spec::FieldType,
    value::parse_date,
};

use super::quiet;
use crate::{
    sets,
    tracker::{self, Known, read, written},
};

/// The longest description, in characters. Linear documents no limit; this one is reported.
pub(super) const LONGEST_TEXT: usize = 250_000;

/// What a sync shortens a description to. The rest is room for what keeps a copy from notifying people.
pub(super) const FORM: TextForm = TextForm {
    dialect: Dialect::Linear,
    limit: Some(Limit { longest: LONGEST_TEXT - 6_000, measure: Measure::Characters }),
};

/// The fields of every issue.
pub(super) const KNOWN: [Known; 19] = [
    written("title", FieldType::String),
    Known { longest: Some(LONGEST_TEXT), ..written("description", FieldType::RichText) },
    written("status", FieldType::Status),
    written("priority", FieldType::String),
    written("estimate", FieldType::Number),
    written("labels", FieldType::Set),
    written("assignee", FieldType::Person),
    written("due_date", FieldType::Date),
    written("parent", FieldType::String),
    read("identifier", FieldType::String),
    read("project", FieldType::String),
    read("status_type", FieldType::String),
    read("url", FieldType::String),
    read("creator", FieldType::Person),
    read("created_at", FieldType::DateTime),
    read("updated_at", FieldType::DateTime),
    read("started_at", FieldType::DateTime),
    read("completed_at", FieldType::DateTime),
    read("canceled_at", FieldType::DateTime),
];

/// The names of priorities, by their numbers.
pub(super) const PRIORITIES: [&str; 5] = ["No priority", "Urgent", "High", "Medium", "Low"];

pub(super) fn infos() -> Vec<FieldInfo> {
    tracker::infos(&KNOWN, [].into_iter(), "")
}

/// Ok if the field can be written with this value, as far as it can be told without asking Linear.
pub(super) fn accepts(field: &str, value: &Value) -> Result<(), String> {
    let Some(known) = KNOWN.iter().find(|known| known.name == field) else {
        return Err(format!("issues of Linear have no field {field:?}"));
    };
    if !known.writable {
        return Err("Linear sets it by itself; map it in the other direction only".to_owned());
    }
    match field {
        "title" if value.is_blank() || value.name().trim().is_empty() => {
            Err("an issue needs a title; give the mapping a default_value".to_owned())
        }
        "status" if value.is_blank() => {
            Err("an issue always has a status; give the mapping a default_value".to_owned())
        }
        "priority" => priority(value).map(|_| ()),
        "estimate" => estimate(value).map(|_| ()),
        "due_date" => date(value).map(|_| ()),
        "labels" => names(value).map(|_| ()),
        _ => fits(known, value),
    }
}

fn fits(known: &Known, value: &Value) -> Result<(), String> {
    let text = match value {
        Value::List(_) | Value::Object(_) => {
            return Err(format!("takes text, and the value is {}", value.kind()));
        }
        value => text(value),
    };
    // In a copy what would notify people takes some characters more.
    let length = if known.longest.is_some() { quiet::quieted(&text).chars().count() } else { 0 };
    match known.longest {
        Some(longest) if length > longest => {
            Err(format!("takes {longest} characters, and the text has {length}; shorten it"))
        }
        _ if text.contains('\0') => Err("cannot hold zero characters (\\0), which the text has".to_owned()),
        _ => Ok(()),
    }
}

/// The text of a value, with line ends `\n`; empty for none.
pub(super) fn text(value: &Value) -> String {
    let text = match value {
        value if value.is_blank() => String::new(),
        Value::Text(text) => text.clone(),
        other => other.name(),
    };
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The number of a priority, from its name or its number.
pub(super) fn priority(value: &Value) -> Result<usize, String> {
    let name = text(value);
    let wanted = name.trim();
    if wanted.is_empty() {
        return Ok(0);
    }
    let by_name = PRIORITIES.iter().position(|known| known.eq_ignore_ascii_case(wanted));
    let by_number = || wanted.parse().ok().filter(|number| *number < PRIORITIES.len());
    by_name.or_else(by_number).ok_or_else(|| {
        format!("Linear has no priority {value}; map it to {} under `values`", PRIORITIES.join(", "))
    })
}

/// The points of an estimate; none clears it.
pub(super) fn estimate(value: &Value) -> Result<Option<i64>, String> {
    let refused = || format!("an estimate is a whole number of points, not {value}");
    match value {
        value if value.is_blank() => Ok(None),
        Value::Int(points) if (0..=1_000).contains(points) => Ok(Some(*points)),
        Value::Float(_) | Value::Decimal(_) | Value::Text(_) => {
            let number = Value::number(&value.name()).and_then(|number| number.to_decimal()?.to_i64());
            number.filter(|points| (0..=1_000).contains(points)).map(Some).ok_or_else(refused)
        }
        _ => Err(refused()),
    }
}

/// A due date as Linear writes it; none clears it.
pub(super) fn date(value: &Value) -> Result<Option<String>, String> {
    match value {
        value if value.is_blank() => Ok(None),
        Value::Date(date) => Ok(Some(date.to_string())),
        Value::Text(text) if parse_date(text).is_some() => Ok(Some(text.trim().to_owned())),
        other => Err(format!("a due date is a day, like 2026-11-20, not {other}; map it with the type date")),
    }
}

/// The names of labels.
pub(super) fn names(value: &Value) -> Result<Vec<String>, String> {
    let names = sets::names(value).ok_or_else(|| {
        format!("takes a list of names, and the value is {}; map it with the type set", value.kind())
    })?;
    match names.iter().find(|name| name.is_empty()) {
        Some(_) => Err("a label has no name".to_owned()),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn text_of(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn list(names: &[&str]) -> Value {
        Value::List(names.iter().map(|name| text_of(name)).collect())
    }

    #[rstest]
    #[case("title", text_of("a"))]
    #[case("title", Value::Int(7))]
    #[case("description", Value::Null)]
    #[case("description", text_of(&"ä".repeat(LONGEST_TEXT)))]
    #[case("status", text_of("In Progress"))]
    #[case("priority", text_of("urgent"))]
    #[case("priority", Value::Int(4))]
    #[case("priority", Value::Null)]
    #[case("estimate", Value::Int(5))]
    #[case("estimate", Value::Float(3.0))]
    #[case("due_date", text_of("2026-11-20"))]
    #[case("labels", list(&["needs triage", "bug"]))]
    #[case("assignee", text_of("ada"))]
    #[case("parent", text_of("ENG-1"))]
    fn values_that_fit(#[case] field: &str, #[case] value: Value) {
        assert_eq!(accepts(field, &value), Ok(()));
    }

    #[rstest]
    #[case("title", text_of("  "), "an issue needs a title")]
    #[case("description", text_of(&"x".repeat(250_001)), "takes 250000 characters, and the text has 250001")]
    #[case("description", text_of("a\0"), "cannot hold zero characters")]
    #[case("description", list(&["a"]), "takes text, and the value is a list")]
    #[case("status", Value::Null, "an issue always has a status")]
    #[case(
        "priority",
        text_of("Blocker"),
        "Linear has no priority \"Blocker\"; map it to No priority, Urgent"
    )]
    #[case("priority", Value::Int(5), "Linear has no priority 5")]
    #[case("estimate", Value::Float(1.5), "an estimate is a whole number of points, not 1.5")]
    #[case("estimate", text_of("XL"), "an estimate is a whole number of points")]
    #[case("due_date", text_of("tomorrow"), "a due date is a day")]
    #[case("labels", text_of("bug"), "takes a list of names, and the value is text")]
    #[case("labels", list(&["a", ""]), "a label has no name")]
    #[case("identifier", text_of("ENG-1"), "Linear sets it by itself")]
    #[case("colour", text_of("red"), "issues of Linear have no field \"colour\"")]
    fn values_that_do_not(#[case] field: &str, #[case] value: Value, #[case] problem: &str) {
        let found = accepts(field, &value).unwrap_err();
        assert!(found.contains(problem), "{found}");
    }
}
