//! A suggested mapping between two places, at least one of which is behind an account.

use syncline_connectors::{Catalogue, Field, Person, Status};
use syncline_engine::spec::FieldType;

use super::ordered::value_maps;

/// Who wrote an item. A platform names the account that created the copy, so these cross to files and tables alone.
const AUTHORS: &[&str] = &["author", "reporter", "creator", "requester"];

/// Names that platforms use for the same thing.
const PAIRS: [&[&str]; 11] = [
    &["title", "name", "summary", "subject"],
    &["body", "description", "content", "details", "notes"],
    &["status", "state"],
    &["labels", "tags"],
    &["assignees", "assignee", "owner", "owners", "members"],
    AUTHORS,
    &["type", "issuetype", "kind"],
    &["priority"],
    &["estimate", "storypoints", "storypointestimate", "points"],
    &["duedate", "due", "dueon", "deadline"],
    &["number", "id", "key"],
];

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
                fits(&one.name, &other.name)
                    && direction(source, target, one, other).is_some()
                    && have_one_language(one, other)
            });
            let Some(place) = found else { return true };
            let other = right.remove(place);
            let direction = direction(source, target, one, other).flatten();
            let suggested = Suggested { source: one, target: other, direction };
            match types(&suggested) {
                (FieldType::Status, _) => statuses(source, target, &mut remarks),
                (FieldType::Person | FieldType::People, _) => {
                    people(source, target, &suggested, &mut remarks)
                }
                _ => {}
            }
            fields.push(suggested);
            false
        });
    }
    unlike(&left, &right, &mut remarks);
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

/// The fields of a side that may be mapped: without the parts of a status that stands in one field.
fn candidates<'a>(side: &Side<'a>, remarks: &mut Vec<String>) -> Vec<&'a Field> {
    let has_status = side.catalogue.fields.iter().any(|field| field.field_type == FieldType::Status);
    let is_part = |field: &&Field| has_status && ["state", "state_reason"].contains(&&*field.name);
    // A parent is an item of its own place, which is called otherwise on the other side.
    let fields = side.catalogue.fields.iter().filter(|field| field.name != "parent");
    let (parts, rest): (Vec<&Field>, Vec<&Field>) = fields.partition(is_part);
    if !parts.is_empty() {
        let names: Vec<&str> = parts.iter().map(|field| &*field.name).collect();
        remarks.push(format!("of the {}, part of status: {}", side.name, names.join(", ")));
    }
    rest
}

/// False if each side has values of its own for a field, and no order says which are counterparts. Labels are made where
/// they are missing, and statuses and people have their own translation.
fn have_one_language(one: &Field, other: &Field) -> bool {
    let is_choice = |field: &Field| field.field_type == FieldType::String && !field.options.is_empty();
    let covers = |all: &Field, some: &Field| some.options.iter().all(|option| all.options.contains(option));
    !is_choice(one)
        || !is_choice(other)
        || (covers(one, other) && covers(other, one))
        || value_maps(one, other).is_some()
}

/// Tells which fields are left out since their values differ.
fn unlike(left: &[&Field], right: &[&Field], remarks: &mut Vec<String>) {
    for one in left {
        let named = |other: &&&Field| equal(&one.name, &other.name) || known(&one.name, &other.name);
        let Some(other) = right.iter().find(named).filter(|other| !have_one_language(one, other)) else {
            continue;
        };
        remarks.push(format!(
            "{} and {} have other values ({}; {}): a mapping of them needs all in values and back",
            one.name,
            other.name,
            one.options.join(", "),
            other.options.join(", ")
        ));
    }
}

/// Letters and digits in lower case, of a field that somebody has added without the word before its name.
fn plain(name: &str) -> String {
    let name = name.strip_prefix("fields.").unwrap_or(name);
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
    let tells_author = |field: &Field| AUTHORS.contains(&&*plain(&field.name));
    if source.key.is_none() && target.key.is_none() && (tells_author(one) || tells_author(other)) {
        return None;
    }
    match (is_key(source, one), is_key(target, other)) {
        (false, false) => {}
        (false, true) if !one.writable => return Some(Some("source_to_target")),
        _ => return None,
    }
    match (one.writable, other.writable) {
        (true, true) => Some(from_one_person(one, other)),
        (false, true) => Some(Some("source_to_target")),
        (true, false) => Some(Some("target_to_source")),
        (false, false) => None,
    }
}

/// The direction between one person and several: from the one, since several are not one.
fn from_one_person(one: &Field, other: &Field) -> Option<&'static str> {
    match (one.field_type, other.field_type) {
        (FieldType::Person, FieldType::People) => Some("source_to_target"),
        (FieldType::People, FieldType::Person) => Some("target_to_source"),
        _ => None,
    }
}

/// Tells what is known of the statuses, and where others are named.
fn statuses(source: &Side<'_>, target: &Side<'_>, remarks: &mut Vec<String>) {
    for (side, other) in [(source, target), (target, source)] {
        let named = |status: &Status| format!("{} ({})", status.name, status.canonical);
        let known: Vec<String> = side.catalogue.statuses.iter().map(named).collect();
        if known.is_empty() {
            let (side, other) = (side.name, other.name);
            remarks.push(format!(
                "statuses of the {side} have the names todo, in_progress, in_review, done, cancelled; those that it has instead \
                 go under {side}_statuses, for example {side}_statuses: {{ in_review: [Review, QA] }}, by what they mean on \
                 the {other}"
            ));
        } else {
            remarks.push(format!("statuses of the {}: {}", side.name, known.join(", ")));
        }
    }
}

/// Tells how people are matched.
fn people(source: &Side<'_>, target: &Side<'_>, suggested: &Suggested<'_>, remarks: &mut Vec<String>) {
    let mut known = Vec::new();
    for side in [source, target] {
        // Where people have no login there is an id, by which a reader does not know them.
        let called = |person: &Person| match &person.name {
            Some(name) if person.login == person.id => name.clone(),
            _ => person.login.clone(),
        };
        let names: Vec<String> = side.catalogue.people.iter().map(called).take(10).collect();
        if !names.is_empty() {
            known.push(format!("the {} has {}", side.name, names.join(", ")));
        }
    }
    let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join("; ")) };
    remarks.push(format!(
        "people in {} cross if they are known on both sides{known}: `syncline people sync` and `syncline people map`; others are \
         left alone",
        suggested.source.name
    ));
    if from_one_person(suggested.source, suggested.target).is_some() {
        remarks.push(format!(
            "{} and {}: one side has one person and the other several, so the one goes across, and who else is assigned stays; \
             without the direction an item with several fails",
            suggested.source.name, suggested.target.name
        ));
    }
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
            let kind = types(one).0;
            format!("{} {} {} {kind}", one.source.name, one.target.name, one.direction.unwrap_or("both"))
        };
        suggestion.fields.iter().map(line).collect()
    }

    #[test]
    fn equal_names_come_before_known_pairs_and_keys_go_one_way() {
        let mut github = catalogue(
            &["title", "body", "state", "status", "labels", "assignees", "!author", "!number", "!url"],
            &[("open", "todo"), ("completed", "done")],
        );
        for (at, kind) in [
            (1, FieldType::RichText),
            (3, FieldType::Status),
            (4, FieldType::Set),
            (5, FieldType::People),
            (6, FieldType::Person),
        ] {
            github.fields[at].field_type = kind;
        }
        let csv = catalogue(&["id", "Title", "description", "state", "owner", "tags"], &[]);
        let suggestion = suggest(&side("source", &github, None), &side("target", &csv, Some("id")));
        assert_eq!(
            told(&suggestion),
            [
                "title Title both string",
                "body description both rich_text",
                "status state both status",
                "labels tags both set",
                "assignees owner both people",
                "number id source_to_target string"
            ]
        );
        let remarks = suggestion.remarks.join("\n");
        for part in [
            "people in assignees cross if they are known on both sides",
            "of the source, part of status: state",
            "statuses of the source: open (todo), completed (done)",
            "target_statuses: { in_review: [Review, QA] }",
            "author (read only), url (read only)",
        ] {
            assert!(remarks.contains(part), "{part}: {remarks}");
        }
        let back = suggest(&side("source", &csv, Some("id")), &side("target", &github, None));
        let titles: Vec<String> = told(&back).into_iter().take(2).collect();
        assert_eq!(titles, ["Title title both string", "description body both rich_text"]);
    }

    /// Jira's and GitHub's types have names of their own, and an author is who made the copy.
    #[test]
    fn authors_and_values_without_counterparts_are_left_to_a_person() {
        let mut jira = catalogue(&["summary", "reporter", "issuetype", "fields.Story Points"], &[]);
        let mut other = catalogue(&["title", "!creator", "type", "estimate"], &[]);
        jira.fields[2].options = vec!["Task".to_owned(), "Epic".to_owned()];
        other.fields[2].options = vec!["Task".to_owned(), "Bug".to_owned()];
        let suggestion = suggest(&side("source", &jira, None), &side("target", &other, None));
        assert_eq!(
            told(&suggestion),
            ["summary title both string", "fields.Story Points estimate both string"]
        );
        let remarks = suggestion.remarks.join("\n");
        assert!(
            remarks.contains("issuetype and type have other values (Task, Epic; Task, Bug)"),
            "{remarks}"
        );
        other.fields[2].options.clone_from(&jira.fields[2].options);
        let suggestion = suggest(&side("source", &jira, None), &side("target", &other, None));
        assert!(told(&suggestion).contains(&"issuetype type both string".to_owned()));
    }

    #[test]
    fn one_person_goes_to_several_and_not_back() {
        let (mut jira, mut github) = (catalogue(&["assignee"], &[]), catalogue(&["assignees"], &[]));
        jira.fields[0].field_type = FieldType::Person;
        github.fields[0].field_type = FieldType::People;
        let suggestion = suggest(&side("source", &jira, None), &side("target", &github, None));
        assert_eq!(told(&suggestion), ["assignee assignees source_to_target person"]);
        let suggestion = suggest(&side("source", &github, None), &side("target", &jira, None));
        assert_eq!(told(&suggestion), ["assignees assignee target_to_source people"]);
    }

    #[test]
    fn statuses_of_two_platforms_are_paired_by_category() {
        let mut one = catalogue(&["status"], &[("open", "todo"), ("completed", "done")]);
        let mut other = catalogue(&["status"], &[("Backlog", "todo"), ("Doing", "in_progress")]);
        one.fields[0].field_type = FieldType::Status;
        other.fields[0].field_type = FieldType::Status;
        let suggestion = suggest(&side("source", &one, None), &side("target", &other, None));
        assert_eq!(told(&suggestion), ["status status both status"]);
        let remarks = suggestion.remarks.join("\n");
        assert!(remarks.contains("statuses of the target: Backlog (todo), Doing (in_progress)"), "{remarks}");
    }
}
