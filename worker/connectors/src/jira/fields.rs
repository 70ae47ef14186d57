//! The fields of issues: names, types, which of them can be written, and which values they take.

use syncline_engine::{Value, ports::FieldInfo, spec::FieldType, value::parse_date};

use super::labels;
use crate::tracker::{self, Known, read, text, written};

/// Characters of a summary, at most.
pub(super) const LONGEST_LINE: usize = 255;
/// Characters of a description, of an environment and of a text of several lines, at most.
pub(super) const LONGEST_TEXT: usize = 32_767;

/// The fields of every issue; their names are Jira's ids of them.
pub(super) const KNOWN: [Known; 18] = [
    text("summary", LONGEST_LINE),
    Known { field_type: FieldType::RichText, ..text("description", LONGEST_TEXT) },
    Known { field_type: FieldType::RichText, ..text("environment", LONGEST_TEXT) },
    written("status", FieldType::Status),
    written("resolution", FieldType::String),
    written("priority", FieldType::String),
    written("labels", FieldType::Set),
    written("assignee", FieldType::Person),
    written("reporter", FieldType::Person),
    written("issuetype", FieldType::String),
    written("duedate", FieldType::Date),
    written("parent", FieldType::String),
    read("key", FieldType::String),
    read("url", FieldType::String),
    read("creator", FieldType::Person),
    read("created", FieldType::DateTime),
    read("updated", FieldType::DateTime),
    read("resolutiondate", FieldType::DateTime),
];

/// Before the name or the id of a field that somebody has added to the site.
pub(super) const CUSTOM: &str = "fields.";

/// The name or the id of a field that somebody has added, if it is one.
pub(super) fn custom(field: &str) -> Option<&str> {
    if is_custom_id(field) {
        return Some(field);
    }
    field.strip_prefix(CUSTOM).map(str::trim).filter(|name| !name.is_empty())
}

/// True if this is an id of such a field, and not its name.
pub(super) fn is_custom_id(name: &str) -> bool {
    let number = name.strip_prefix("customfield_").unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn known(field: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == field)
}

/// The fields of a place. Added fields are those that the sync maps: to list them takes a request, and `discover` makes it.
pub(super) fn infos(mapped: &[String]) -> Vec<FieldInfo> {
    let added = mapped.iter().filter(|name| custom(name).is_some());
    tracker::infos(&KNOWN, added, "custom field")
}

/// Ok if the field can be written with this value, as far as it is known without a request.
pub(super) fn accepts(field: &str, value: &Value) -> Result<(), String> {
    if let Some(name) = custom(field) {
        return accepts_custom(name, value);
    }
    let Some(known) = known(field) else {
        return Err(format!("issues of Jira have no field {field:?}"));
    };
    if !known.writable {
        return Err("Jira sets it by itself; map it in the other direction only".to_owned());
    }
    match field {
        "summary" if value.is_blank() || value.name().trim().is_empty() => {
            Err("an issue needs a summary; give the mapping a default_value".to_owned())
        }
        "status" | "issuetype" if value.is_blank() => {
            Err("an issue has one always; give the mapping a default_value".to_owned())
        }
        "labels" => accepts_labels(value),
        "assignee" | "reporter" => person(value).map(|_| ()),
        "duedate" => day(value).map(|_| ()),
        _ => accepts_text(value),
    }
}

fn accepts_text(value: &Value) -> Result<(), String> {
    match value {
        Value::List(_) | Value::Object(_) if !value.is_blank() => {
            Err(format!("takes text, and the value is {}", value.kind()))
        }
        Value::Text(text) if text.contains('\0') => {
            Err("cannot hold zero characters (\\0), which the text has".to_owned())
        }
        _ => Ok(()),
    }
}

fn accepts_labels(value: &Value) -> Result<(), String> {
    let names = labels::names(value).ok_or_else(|| {
        format!("takes a list of names, and the value is {}; map it with the type set", value.kind())
    })?;
    let most = labels::LONGEST;
    match names.iter().find(|name| name.is_empty() || labels::encode(name).chars().count() > most) {
        Some(name) => Err(format!("the label {name:?} does not have 1 to {most} characters")),
        None => Ok(()),
    }
}

fn accepts_custom(name: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Object(_) => Err(format!(
            "the field {name:?} takes text, a number, a date, a time or names, not {}",
            value.kind()
        )),
        Value::List(_) => labels::names(value).map(|_| ()).ok_or_else(|| {
            format!("the field {name:?} takes a list of names, and the list has other things")
        }),
        _ => Ok(()),
    }
}

/// The account id of a value; none if it is blank.
pub(super) fn person(value: &Value) -> Result<Option<String>, String> {
    let id = match value {
        value if value.is_blank() => return Ok(None),
        Value::Text(id) => id.trim().to_owned(),
        Value::List(several) if several.len() == 1 => return person(&several[0]),
        other => return Err(format!("takes one person, and the value is {}", other.kind())),
    };
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ":-_".contains(letter);
    if id.is_empty() || id.len() > 128 || !id.chars().all(allowed) {
        return Err(format!("{id:?} is no account id of Jira; map people to their account ids"));
    }
    Ok(Some(id))
}

/// The civil day of a value, as Jira takes it; none if it is blank.
pub(super) fn day(value: &Value) -> Result<Option<String>, String> {
    let none = || format!("{value} is no day; map it with the type date");
    match value {
        value if value.is_blank() => Ok(None),
        Value::Date(day) => Ok(Some(day.to_string())),
        Value::DateTime(instant) => Ok(Some(instant.at.date_naive().to_string())),
        Value::Text(text) => parse_date(text.trim()).map(|day| Some(day.to_string())).ok_or_else(none),
        _ => Err(none()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[rstest]
    #[case("summary", text("a"))]
    #[case("summary", text(&"x".repeat(300)))]
    #[case("description", Value::Null)]
    #[case("description", text(&"x".repeat(40_000)))]
    #[case("labels", Value::List(vec![text("needs triage")]))]
    #[case("assignee", text("712020:5b10ac8d-82e0"))]
    #[case("assignee", Value::Null)]
    #[case("duedate", text("2026-02-28"))]
    #[case("fields.customfield_10001", Value::Int(3))]
    #[case("fields.Team", Value::List(vec![text("a")]))]
    fn values_that_fit(#[case] field: &str, #[case] value: Value) {
        assert_eq!(accepts(field, &value), Ok(()));
    }

    #[rstest]
    #[case("summary", text(" "), "an issue needs a summary")]
    #[case("status", Value::Null, "an issue has one always")]
    #[case("description", Value::List(vec![text("a")]), "takes text, and the value is a list")]
    #[case("labels", text("bug"), "takes a list of names, and the value is text")]
    #[case("assignee", text("ada@example.org"), "is no account id of Jira")]
    #[case("duedate", text("2026-02-30"), "is no day")]
    #[case("created", Value::Null, "Jira sets it by itself")]
    #[case("colour", text("red"), "issues of Jira have no field \"colour\"")]
    #[case("fields.Team", Value::Object(Default::default()), "the field \"Team\" takes text")]
    fn values_that_do_not(#[case] field: &str, #[case] value: Value, #[case] problem: &str) {
        let found = accepts(field, &value).unwrap_err();
        assert!(found.contains(problem), "{found}");
    }

    #[test]
    fn ids_and_names_of_added_fields_are_told_apart() {
        assert!(is_custom_id("customfield_10001"));
        assert!(!is_custom_id("customfield_") && !is_custom_id("Story Points"));
        assert_eq!(custom("fields. Story Points"), Some("Story Points"));
        assert_eq!((custom("summary"), custom("fields.")), (None, None));
        assert_eq!(custom("customfield_10001"), custom("fields.customfield_10001"));
    }
}
