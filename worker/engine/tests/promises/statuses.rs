//! Statuses are mapped by category, and a category keeps the detail that the other side lacks.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::spec::{Category, SyncSpec, check_document};

use crate::support::{Manners, World, fields};

fn mappings(changes: Json) -> Json {
    let mut status = json!({
        "source_field": "status", "target_field": "state", "source_type": "status", "target_type": "status",
        "source_statuses": { "todo": "To Do", "in_progress": ["Doing", "Blocked"], "in_review": "In Review" },
        "target_statuses": { "todo": "open", "done": "completed", "cancelled": ["not_planned", "duplicate"] },
    });
    for (key, value) in changes.as_object().unwrap() {
        status[key] = value.clone();
    }
    json!([{ "source_field": "title", "target_field": "name" }, status])
}

/// The target has four statuses of its own, as GitHub; the source those of the document.
fn world(changes: Json) -> World {
    let mut world = World::new(json!({ "field_mappings": mappings(changes) }));
    let all = [
        ("open", Category::Todo),
        ("completed", Category::Done),
        ("duplicate", Category::Cancelled),
        ("not_planned", Category::Cancelled),
    ];
    world.statuses = all.map(|(name, category)| (name.to_owned(), category)).to_vec();
    world
}

#[rstest]
#[case("In Review", "open")]
#[case("in-review", "open")]
#[case("Blocked", "open")]
#[case("todo", "open")]
#[case("Done", "completed")]
#[case("cancelled", "not_planned")]
fn a_status_becomes_the_preferred_one_of_its_category(#[case] status: &str, #[case] there: &str) {
    let world = world(json!({}));
    let (_, target) = world.paired(json!({ "title": "a", "status": status }));
    assert_eq!(world.target.value(&target, "state"), json!(there));
    world.assert_quiet();
}

#[test]
fn case_41_a_lossy_map_keeps_detail_and_reopening_takes_the_preferred_open_status() {
    let world = world(json!({}));
    let (source, target) = world.paired(json!({ "title": "a", "status": "In Review" }));
    world.target.edit(&target, "name", json!("b"));
    world.sync();
    assert_eq!(world.source.value(&source, "title"), json!("b"));
    assert_eq!(world.source.value(&source, "status"), json!("In Review"));
    world.source.edit(&source, "status", json!("Blocked"));
    assert_eq!(world.sync().counts.updated, 0, "it is as open as before");
    world.target.edit(&target, "state", json!("completed"));
    world.sync();
    assert_eq!(world.source.value(&source, "status"), json!("done"));
    world.target.edit(&target, "state", json!("open"));
    world.sync();
    assert_eq!(world.source.value(&source, "status"), json!("To Do"), "the preferred one");
    // Both sides close it, each in its own words.
    world.source.edit(&source, "status", json!("Cancelled"));
    world.target.edit(&target, "state", json!("duplicate"));
    let report = world.sync();
    assert_eq!((report.counts.conflicts, report.counts.updated), (0, 0));
    world.assert_quiet();
}

/// They take a request, which a poll that finds nothing does without.
#[test]
fn a_place_is_asked_for_its_statuses_when_something_is_planned() {
    let world = world(json!({ "source_statuses": {}, "target_statuses": { "cancelled": "Verworfen" } }));
    world.source.set_statuses(&[
        ("Offen", Category::Todo),
        ("QA", Category::InReview),
        ("Fertig", Category::Done),
    ]);
    world.target.set_statuses(&[
        ("Neu", Category::Todo),
        ("Erledigt", Category::Done),
        ("Verworfen", Category::Cancelled),
    ]);
    let (source, target) = world.paired(json!({ "title": "a", "status": "QA" }));
    assert_eq!(world.target.value(&target, "state"), json!("Neu"), "not that of its platform");
    world.assert_quiet();
    let idle = world.requests();
    world.source.edit(&source, "title", json!("b"));
    world.sync();
    let edited = world.requests();
    world.source.set_statuses(&[]);
    world.target.set_statuses(&[]);
    world.source.edit(&source, "title", json!("c"));
    world.sync();
    assert_eq!(edited - world.requests(), 2, "one for each side");
    world.assert_quiet();
    assert_eq!(world.requests(), idle);
}

#[test]
fn a_status_that_no_transition_leads_to_is_a_conflict_of_its_own_kind() {
    let rigid = Manners { leaves_out: Some("state"), ..Manners::default() };
    let world = World::with(json!({ "field_mappings": mappings(json!({})) }), Manners::default(), rigid);
    let source = world.source.add(fields(json!({ "title": "a", "status": "To Do" })));
    world.sync();
    world.source.edit(&source, "status", json!("Done"));
    world.sync();
    let tables = world.tables();
    let [.., open] = &tables.open_conflicts()[..] else { panic!("{:?}", tables.conflicts) };
    assert_eq!(
        (open.conflict.kind.as_str(), open.conflict.field.as_deref()),
        ("invalid_transition", Some("status"))
    );
}

#[test]
fn strict_an_unknown_status_is_an_error_of_its_field() {
    let world = world(json!({}));
    let (source, target) = world.paired(json!({ "title": "a", "status": "Doing" }));
    let before = world.target.value(&target, "state");
    world.source.edit(&source, "status", json!("Waiting"));
    world.source.edit(&source, "title", json!("b"));
    let report = world.sync();
    assert_eq!(report.counts.failed, 1);
    let error = &report.errors[0].error;
    for part in
        ["field status: no mapping for value \"Waiting\"", "known are To Do, Doing", "source_statuses"]
    {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(world.target.value(&target, "state"), before);
    assert_eq!(world.target.value(&target, "name"), json!("b"));
}

#[test]
fn lenient_an_unknown_status_is_left_alone_with_a_note() {
    let world = world(json!({ "status_matching": "lenient" }));
    let (source, target) = world.paired(json!({ "title": "a", "status": "Doing" }));
    let before = world.target.value(&target, "state");
    world.source.edit(&source, "status", json!("Waiting"));
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.conflicts), (0, 0));
    assert!(report.notes[0].error.contains("\"Waiting\" has no counterpart on the target"), "{report:?}");
    assert_eq!(world.target.value(&target, "state"), before);
    world.assert_quiet();
    world.target.edit(&target, "state", json!("completed"));
    world.sync();
    assert_eq!(world.source.value(&source, "status"), json!("Waiting"));
    world.source.edit(&source, "status", json!("To Do"));
    assert_eq!(world.sync().counts.conflicts + world.sync().counts.failed, 0);
}

#[rstest]
#[case(json!({ "source_statuses": { "closed": "x" } }), "source_statuses.closed", "allowed: todo, in_progress, in_review, done, cancelled")]
#[case(json!({ "source_statuses": { "done": 1 } }), "source_statuses.done", "must be a name, or a list of names")]
#[case(json!({ "source_statuses": { "done": [] } }), "source_statuses.done", "must be a name, or a list of names")]
#[case(json!({ "source_statuses": ["Done"] }), "source_statuses", "must be categories and names")]
#[case(json!({ "source_statuses": { "done": "Ready", "todo": ["Ready"] } }), "source_statuses.done", "\"Ready\" is in todo already")]
#[case(json!({ "source_statuses": { "cancelled": "x", "canceled": "y" } }), "source_statuses", "the same category as another key")]
#[case(json!({ "status_matching": "loose" }), "status_matching", "allowed: strict, lenient")]
#[case(json!({ "source_type": "string", "target_type": "string" }), "source_statuses", "belongs to statuses")]
#[case(json!({ "source_type": "number" }), "source_type", "number cannot hold what the other side has, a status")]
#[case(json!({ "source_type": "set", "target_type": "number", "source_statuses": null, "target_statuses": null }), "target_type", "number cannot hold")]
fn what_a_document_says_of_statuses_is_checked(
    #[case] changes: Json,
    #[case] path: &str,
    #[case] problem: &str,
) {
    let document = json!({
        "name": "a", "source_platform": "csv", "source": {}, "target_platform": "csv", "target": {},
        "field_mappings": mappings(changes),
    });
    let mut findings = check_document(&document);
    if findings.is_empty() {
        let without_null: Json = serde_json::from_str(&document.to_string().replace(":null", ":{}")).unwrap();
        findings = serde_json::from_value::<SyncSpec>(without_null).unwrap().findings();
    }
    let found = findings.iter().any(|finding| {
        finding.path.starts_with(&format!("field_mappings[1].{path}")) && finding.message.contains(problem)
    });
    assert!(found, "{findings:?}");
}
