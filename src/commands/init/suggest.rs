//! A suggested mapping between two places, at least one of which is behind an account.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syncline_connectors::{Catalogue, Field, Status};
use syncline_engine::spec::FieldType;

/// Names that platforms use for the same thing.
const PAIRS: [&[&str]; 8] = [
    &["title", "name", "summary", "subject"],
    &["body", "description", "content", "details", "notes"],
    &["status", "state"],
    &["labels", "tags"],
    &["type", "issuetype", "kind"],
    &["priority"],
    &["duedate", "due", "dueon", "deadline"],
    &["number", "id", "key"],
];

/// Names of fields that hold people.
const PEOPLE: [&str; 8] =
    ["assignee", "assignees", "owner", "author", "reporter", "creator", "requester", "members"];

/// What is known of a side.
pub(super) struct Side<'a> {
    pub(super) name: &'static str,
    pub(super) catalogue: &'a Catalogue,
    /// The field whose value identifies an item, if it may come from the other side.
    pub(super) key: Option<&'a str>,
}

/// A suggested mapping of one field.
pub(super) struct Suggested<'a> {
    pub(super) source: &'a Field,
    pub(super) target: &'a Field,
    /// None: both ways.
    pub(super) direction: Option<&'static str>,
    pub(super) values: BTreeMap<String, Value>,
    pub(super) back: BTreeMap<String, Value>,
}

/// The mapping, and what could not be mapped, in sentences.
pub(super) struct Suggestion<'a> {
    pub(super) fields: Vec<Suggested<'a>>,
    pub(super) remarks: Vec<String>,
}

/// Suggests a mapping: equal names first, then names that are known to mean the same.
pub(super) fn suggest<'a>(source: &Side<'a>, target: &Side<'a>) -> Suggestion<'a> {
    let mut remarks = Vec::new();
    let mut left = candidates(source, &mut remarks);
    let mut right = candidates(target, &mut remarks);
    let mut fields = Vec::new();
    for fits in [equal as fn(&str, &str) -> bool, known] {
        left.retain(|one| {
            let found = right.iter().position(|other| {
                fits(&one.name, &other.name) && direction(source, target, one, other).is_some()
            });
            let Some(place) = found else { return true };
            let other = right.remove(place);
            let direction = direction(source, target, one, other).flatten();
            let (values, back) = statuses(source, target, one, other, &mut remarks);
            fields.push(Suggested { source: one, target: other, direction, values, back });
            false
        });
    }
    let place = |field: &Field| source.catalogue.fields.iter().position(|known| known.name == field.name);
    fields.sort_by_key(|suggested| place(suggested.source));
    for (side, rest) in [(source, &left), (target, &right)] {
        let required: Vec<&str> =
            rest.iter().filter(|field| field.required).map(|field| &*field.name).collect();
        if !required.is_empty() {
            remarks.push(format!("the {} needs a value for: {}", side.name, required.join(", ")));
        }
        let names: Vec<String> = rest.iter().map(|field| described(field)).collect();
        if !names.is_empty() {
            remarks.push(format!("not mapped, of the {}: {}", side.name, names.join(", ")));
        }
    }
    Suggestion { fields, remarks }
}

/// The fields of a side that may be mapped. People, and the parts of a status that stands in one field, are left out.
fn candidates<'a>(side: &Side<'a>, remarks: &mut Vec<String>) -> Vec<&'a Field> {
    let has_status = !side.catalogue.statuses.is_empty()
        && side.catalogue.fields.iter().any(|field| field.name == "status");
    let is_part = |field: &Field| has_status && ["state", "state_reason"].contains(&&*field.name);
    let is_person = |field: &Field| PEOPLE.contains(&&*plain(&field.name));
    let (mut people, mut parts, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for field in &side.catalogue.fields {
        if is_person(field) {
            people.push(&*field.name);
        } else if is_part(field) {
            parts.push(&*field.name);
        } else {
            rest.push(field);
        }
    }
    if !people.is_empty() {
        let logins: Vec<&str> = side.catalogue.people.iter().map(|person| &*person.login).take(10).collect();
        let known = if logins.is_empty() { String::new() } else { format!(" ({})", logins.join(", ")) };
        remarks.push(format!(
            "people of the {}, which are not matched by themselves: {}{known}; map them with `values`",
            side.name,
            people.join(", ")
        ));
    }
    if !parts.is_empty() {
        remarks.push(format!("of the {}, part of status: {}", side.name, parts.join(", ")));
    }
    rest
}

/// Letters and digits in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn equal(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn known(one: &str, other: &str) -> bool {
    let (one, other) = (plain(one), plain(other));
    PAIRS.iter().any(|names| names.contains(&&*one) && names.contains(&&*other))
}

/// The direction of a field: none if neither side can be written, `Some(None)` for both ways. A key goes to the side that
/// takes it for new items, and never back.
fn direction(
    source: &Side<'_>,
    target: &Side<'_>,
    one: &Field,
    other: &Field,
) -> Option<Option<&'static str>> {
    let is_key = |side: &Side<'_>, field: &Field| side.key == Some(&*field.name);
    match (is_key(source, one), is_key(target, other)) {
        (false, false) => {}
        (false, true) if !one.writable => return Some(Some("source_to_target")),
        _ => return None,
    }
    match (one.writable, other.writable) {
        (true, true) => Some(None),
        (false, true) => Some(Some("source_to_target")),
        (true, false) => Some(Some("target_to_source")),
        (false, false) => None,
    }
}

type Values = BTreeMap<String, Value>;

/// Pairs the statuses of both sides by what they mean.
fn statuses(
    source: &Side<'_>,
    target: &Side<'_>,
    one: &Field,
    other: &Field,
    remarks: &mut Vec<String>,
) -> (Values, Values) {
    let (left, right) = (&source.catalogue.statuses, &target.catalogue.statuses);
    let is_status = |field: &Field| ["status", "state"].contains(&&*plain(&field.name));
    if !is_status(one) || !is_status(other) {
        return Default::default();
    }
    for (side, statuses, others) in [(source, left, right), (target, right, left)] {
        if others.is_empty() && !statuses.is_empty() {
            let names: Vec<&str> = statuses.iter().map(|status| &*status.name).collect();
            remarks.push(format!(
                "the {} takes only these statuses: {}; map others with `values`",
                side.name,
                names.join(", ")
            ));
        }
    }
    if left.is_empty() || right.is_empty() || same_names(left, right) {
        return Default::default();
    }
    (by_meaning(left, right, source.name, remarks), by_meaning(right, left, target.name, remarks))
}

fn same_names(left: &[Status], right: &[Status]) -> bool {
    left.len() == right.len() && left.iter().all(|status| right.iter().any(|other| other.name == status.name))
}

/// For each status the one of the same name, else the first of the same meaning.
fn by_meaning(from: &[Status], to: &[Status], side: &str, remarks: &mut Vec<String>) -> Values {
    let mut values = Values::new();
    for status in from {
        let named = to.iter().find(|other| other.name.eq_ignore_ascii_case(&status.name));
        match named.or_else(|| to.iter().find(|other| other.canonical == status.canonical)) {
            Some(other) => {
                values.insert(status.name.clone(), json!(other.name));
            }
            None => remarks.push(format!(
                "the status {:?} of the {side} ({}) has no counterpart; an item in it keeps its status on the other side",
                status.name, status.canonical
            )),
        }
    }
    values
}

/// A field's name, and why it may be hard to map.
fn described(field: &Field) -> String {
    if field.writable { field.name.clone() } else { format!("{} (read only)", field.name) }
}

/// The type as which a field is mapped: text takes that of the other side.
pub(super) fn types(suggested: &Suggested<'_>) -> (FieldType, FieldType) {
    let (one, other) = (suggested.source.field_type, suggested.target.field_type);
    match (one, other) {
        (FieldType::String, other) => (other, other),
        (one, FieldType::String) => (one, one),
        both => both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, writable: bool) -> Field {
        Field {
            name: name.to_owned(),
            field_type: FieldType::String,
            writable,
            required: false,
            options: Vec::new(),
            longest: None,
        }
    }

    fn catalogue(fields: &[&str], statuses: &[(&str, &'static str)]) -> Catalogue {
        let status =
            |(name, canonical): &(&str, &'static str)| Status { name: (*name).to_owned(), canonical };
        Catalogue {
            fields: fields
                .iter()
                .map(|name| field(name.trim_start_matches('!'), !name.starts_with('!')))
                .collect(),
            statuses: statuses.iter().map(status).collect(),
            ..Catalogue::default()
        }
    }

    fn side<'a>(name: &'static str, catalogue: &'a Catalogue, key: Option<&'a str>) -> Side<'a> {
        Side { name, catalogue, key }
    }

    fn told(suggestion: &Suggestion<'_>) -> Vec<String> {
        let line = |one: &Suggested<'_>| {
            format!("{} {} {}", one.source.name, one.target.name, one.direction.unwrap_or("both"))
        };
        suggestion.fields.iter().map(line).collect()
    }

    #[test]
    fn equal_names_come_before_known_pairs_and_keys_go_one_way() {
        let github = catalogue(
            &["title", "body", "state", "status", "labels", "assignees", "!number", "!url"],
            &[("open", "todo"), ("completed", "done")],
        );
        let csv = catalogue(&["id", "Title", "description", "state", "owner"], &[]);
        let suggestion = suggest(&side("source", &github, None), &side("target", &csv, Some("id")));
        assert_eq!(
            told(&suggestion),
            ["title Title both", "body description both", "status state both", "number id source_to_target"]
        );
        let remarks = suggestion.remarks.join("\n");
        for part in [
            "people of the source",
            "assignees",
            "owner",
            "of the source, part of status: state",
            "takes only these statuses: open, completed",
            "labels, url (read only)",
        ] {
            assert!(remarks.contains(part), "{part}: {remarks}");
        }
        let back = suggest(&side("source", &csv, Some("id")), &side("target", &github, None));
        assert_eq!(told(&back), ["Title title both", "description body both", "state status both"]);
    }

    #[test]
    fn statuses_are_paired_by_meaning_and_those_without_a_counterpart_are_told() {
        let one =
            catalogue(&["status"], &[("open", "todo"), ("completed", "done"), ("not_planned", "cancelled")]);
        let other =
            catalogue(&["state"], &[("Backlog", "todo"), ("Doing", "in_progress"), ("Completed", "done")]);
        let suggestion = suggest(&side("source", &one, None), &side("target", &other, None));
        let [status] = &*suggestion.fields else { panic!("one field") };
        assert_eq!(json!(status.values), json!({ "open": "Backlog", "completed": "Completed" }));
        assert_eq!(json!(status.back), json!({ "Backlog": "open", "Completed": "completed" }));
        let remarks = suggestion.remarks.join("\n");
        assert!(
            remarks.contains("\"not_planned\" of the source") && remarks.contains("\"Doing\" of the target"),
            "{remarks}"
        );
    }
}
