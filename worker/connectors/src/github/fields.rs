//! The fields of issues: names, types, which of them can be written, and which values they take.

use syncline_engine::{Value, ports::FieldInfo, spec::FieldType};

use super::{marker, quiet, status};
use crate::{
    sets,
    tracker::{self, Known, read, text, written},
};

/// The fields of every issue.
pub(super) const KNOWN: [Known; 16] = [
    text("title", 256),
    Known { field_type: FieldType::RichText, ..text("body", marker::LONGEST_TEXT) },
    written("state", FieldType::String),
    written("state_reason", FieldType::String),
    written("status", FieldType::Status),
    written("labels", FieldType::Set),
    written("assignees", FieldType::People),
    written("type", FieldType::String),
    read("milestone", FieldType::String),
    read("number", FieldType::Number),
    read("url", FieldType::String),
    read("author", FieldType::Person),
    read("comments", FieldType::Number),
    read("created_at", FieldType::DateTime),
    read("updated_at", FieldType::DateTime),
    read("closed_at", FieldType::DateTime),
];

/// Before the name of a field that an organisation has added to issues.
pub(super) const CUSTOM: &str = "fields.";

/// Characters of a label's name, at most.
const LONGEST_LABEL: usize = 50;
/// Labels of an issue, at most.
const MOST_LABELS: usize = 100;
/// Assignees of an issue, at most. GitHub drops further ones without saying so.
const MOST_ASSIGNEES: usize = 10;

/// The name that an organisation gave the field, if it is one of an organisation.
pub(super) fn custom(field: &str) -> Option<&str> {
    field.strip_prefix(CUSTOM).filter(|name| !name.is_empty())
}

/// The fields of a place. An organisation's fields are known by name only where the sync maps them: their names take a
/// request, and `discover` makes it.
pub(super) fn infos(mapped: &[String]) -> Vec<FieldInfo> {
    let added = mapped.iter().filter(|name| custom(name).is_some());
    tracker::infos(&KNOWN, added, "issue field")
}

/// Ok if the field can be written with this value.
pub(super) fn accepts(field: &str, value: &Value) -> Result<(), String> {
    if let Some(name) = custom(field) {
        return accepts_custom(name, value);
    }
    let Some(known) = KNOWN.iter().find(|known| known.name == field) else {
        return Err(format!("issues of GitHub have no field {field:?}"));
    };
    if !known.writable {
        return Err("GitHub sets it by itself; map it in the other direction only".to_owned());
    }
    match field {
        "title" if value.is_blank() || value.name().trim().is_empty() => {
            Err("an issue needs a title; give the mapping a default_value".to_owned())
        }
        "title" | "body" | "type" => fits(known, value),
        "state" => status::read_state(value).map(|_| ()),
        "state_reason" => status::read_reason(value).map(|_| ()),
        "status" => status::read_status(value).map(|_| ()),
        "labels" => accepts_labels(value),
        _ => accepts_assignees(value),
    }
}

fn fits(known: &Known, value: &Value) -> Result<(), String> {
    let text = match value {
        value if value.is_blank() => return Ok(()),
        Value::List(_) | Value::Object(_) => {
            return Err(format!("takes text, and the value is {}", value.kind()));
        }
        Value::Text(text) => text.clone(),
        other => other.name(),
    };
    let unified = marker::unified(&text);
    // In a copy what would notify people takes some characters more.
    let stored = if known.name == "body" { quiet::quieted(&unified) } else { unified };
    let length = stored.chars().count();
    match known.longest {
        Some(longest) if length > longest => {
            Err(format!("takes {longest} characters, and the text has {length}; shorten it"))
        }
        _ if text.contains('\0') => Err("cannot hold zero characters (\\0), which the text has".to_owned()),
        _ => Ok(()),
    }
}

fn accepts_labels(value: &Value) -> Result<(), String> {
    let names = names_of(value)?;
    if names.len() > MOST_LABELS {
        return Err(format!("takes {MOST_LABELS} labels, and the list has {}", names.len()));
    }
    match names.iter().find(|name| name.is_empty() || name.chars().count() > LONGEST_LABEL) {
        Some(name) => Err(format!("the label {name:?} does not have 1 to {LONGEST_LABEL} characters")),
        None => Ok(()),
    }
}

fn accepts_assignees(value: &Value) -> Result<(), String> {
    let logins = names_of(value)?;
    if logins.len() > MOST_ASSIGNEES {
        return Err(format!("takes {MOST_ASSIGNEES} people, and the list has {}", logins.len()));
    }
    // `dependabot[bot]` is a login, too.
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_[]".contains(letter);
    match logins.iter().find(|login| login.is_empty() || !login.chars().all(allowed)) {
        Some(name) => Err(format!("{name:?} is no login of GitHub; map people to their logins")),
        None => Ok(()),
    }
}

fn names_of(value: &Value) -> Result<Vec<String>, String> {
    sets::names(value).ok_or_else(|| {
        format!("takes a list of names, and the value is {}; map it with the type set", value.kind())
    })
}

/// The type of the field is not known here; GitHub checks the value against it.
fn accepts_custom(name: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Object(_) | Value::Bool(_) | Value::DateTime(_) => Err(format!(
            "the issue field {name:?} takes text, a number, a date or names, not {}",
            value.kind()
        )),
        Value::List(_) => names_of(value).map(|_| ()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn texts(texts: &[&str]) -> Value {
        Value::List(texts.iter().map(|text| Value::Text((*text).to_owned())).collect())
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[rstest]
    #[case("title", text("a"))]
    #[case("title", text(&"ä".repeat(256)))]
    #[case("title", Value::Int(7))]
    #[case("body", Value::Null)]
    #[case("body", text(&"x".repeat(marker::LONGEST_TEXT)))]
    #[case("labels", texts(&["needs triage", "bug"]))]
    #[case("labels", Value::Null)]
    #[case("assignees", texts(&["ada", "dependabot[bot]"]))]
    #[case("type", Value::Null)]
    #[case("fields.Priority", text("High"))]
    #[case("fields.Effort", Value::Int(3))]
    fn values_that_fit(#[case] field: &str, #[case] value: Value) {
        assert_eq!(accepts(field, &value), Ok(()));
    }

    #[rstest]
    #[case("title", Value::Null, "an issue needs a title")]
    #[case("title", text("  "), "an issue needs a title")]
    #[case("title", text(&"x".repeat(257)), "takes 256 characters, and the text has 257")]
    #[case("body", text(&"x".repeat(65_536)), "takes 65436 characters")]
    #[case("body", texts(&["a"]), "takes text, and the value is a list")]
    #[case("body", text("a\0"), "cannot hold zero characters")]
    #[case("state", text("Done"), "GitHub has no state \"Done\"")]
    #[case("labels", text("bug"), "takes a list of names, and the value is text")]
    #[case("labels", texts(&[""]), "does not have 1 to 50 characters")]
    #[case("assignees", texts(&["Ada Quist"]), "\"Ada Quist\" is no login of GitHub")]
    #[case("number", Value::Int(1), "GitHub sets it by itself")]
    #[case("colour", text("red"), "issues of GitHub have no field \"colour\"")]
    #[case("fields.Priority", Value::Bool(true), "the issue field \"Priority\" takes text")]
    fn values_that_do_not(#[case] field: &str, #[case] value: Value, #[case] problem: &str) {
        let found = accepts(field, &value).unwrap_err();
        assert!(found.starts_with(problem) || found.contains(problem), "{found}");
    }

    #[test]
    fn an_organisations_fields_are_those_that_are_mapped() {
        let names = |mapped: &[&str]| -> Vec<String> {
            let mapped: Vec<String> = mapped.iter().map(|name| (*name).to_owned()).collect();
            infos(&mapped).into_iter().skip(KNOWN.len()).map(|info| info.name).collect()
        };
        assert_eq!(names(&["title", "fields.Priority", "fields."]), ["fields.Priority"]);
    }
}
