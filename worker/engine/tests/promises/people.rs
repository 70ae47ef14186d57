//! People are translated by the table of people; whoever is not in it is left alone.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use syncline_engine::{
    mapping::{Identity, People, PeopleOfSync},
    ports::LinkState,
    side::Pair,
};

use crate::support::{World, fields};

fn mappings() -> Json {
    json!([
        { "source_field": "title", "target_field": "name" },
        { "source_field": "assignees", "target_field": "people", "source_type": "people", "target_type": "people" },
        { "source_field": "lead", "target_field": "owner", "source_type": "person", "target_type": "person" },
    ])
}

/// Person, account, id.
fn table(rows: &[(&str, i64, &str)]) -> PeopleOfSync {
    let identity = |(person, account, id): &(&str, i64, &str)| Identity {
        person: (*person).to_owned(),
        account: Some(*account),
        id: (*id).to_owned(),
        login: None,
        name: None,
        email: None,
    };
    let people = Arc::new(People::new(rows.iter().map(identity).collect()));
    PeopleOfSync { people, accounts: Pair::new(Some(1), Some(2)), same: false }
}

/// Ada and Ben are known on both sides; everybody else on one.
fn world() -> World {
    let mut world = World::new(json!({ "field_mappings": mappings() }));
    let rows = [("a", 1, "ada"), ("a", 2, "A1"), ("b", 1, "ben"), ("b", 2, "B2"), ("c", 1, "cleo")];
    world.people = (table(&rows), 1);
    world
}

#[test]
fn people_who_are_known_on_both_sides_cross_in_both_directions() {
    let world = world();
    let (source, target) = world.paired(json!({ "title": "a", "assignees": ["ada"], "lead": "Ben" }));
    assert_eq!(world.target.value(&target, "people"), json!(["A1"]));
    assert_eq!(world.target.value(&target, "owner"), json!("B2"));
    world.assert_quiet();
    world.target.edit(&target, "people", json!(["B2", "A1"]));
    world.target.edit(&target, "owner", json!("A1"));
    world.sync();
    assert_eq!(world.source.value(&source, "assignees"), json!(["ada", "ben"]));
    assert_eq!(world.source.value(&source, "lead"), json!("ada"));
    world.assert_quiet();
}

#[test]
fn case_47_a_person_without_a_counterpart_is_left_alone_until_mapped_by_hand() {
    let mut world = world();
    let (source, target) =
        world.paired(json!({ "title": "a", "assignees": ["ada", "cleo"], "lead": "cleo" }));
    assert_eq!(world.target.value(&target, "people"), json!(["A1"]));
    assert_eq!(world.target.value(&target, "owner"), Json::Null);
    assert_eq!(world.tables().links.values().next().unwrap().state, LinkState::Linked);
    world.assert_quiet();
    // Neither edits nor removals of others touch her, and nobody takes her place.
    world.target.edit(&target, "people", json!(["B2"]));
    world.target.edit(&target, "owner", json!("B2"));
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.conflicts), (0, 0));
    assert_eq!(world.source.value(&source, "assignees"), json!(["ben", "cleo"]));
    assert_eq!(world.source.value(&source, "lead"), json!("cleo"));
    assert_eq!(world.target.value(&target, "owner"), json!("B2"));
    let notes: Vec<&str> = report.notes.iter().map(|note| note.error.as_str()).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with(
        "source: field assignees: \"cleo\" has no counterpart on the target and is left alone; `syncline people map`"
    ));
    world.assert_quiet();
    world.target.edit(&target, "owner", Json::Null);
    world.sync();
    assert_eq!(world.source.value(&source, "lead"), json!("cleo"), "never unassigned");
    // Once she is mapped, the next run carries her.
    let rows =
        [("a", 1, "ada"), ("a", 2, "A1"), ("b", 1, "ben"), ("b", 2, "B2"), ("c", 1, "cleo"), ("c", 2, "C3")];
    world.people = (table(&rows), 2);
    world.sync();
    assert_eq!(world.target.value(&target, "people"), json!(["B2", "C3"]));
    world.assert_quiet();
    // And once she is unmapped, both keep what they have.
    world.people = (table(&rows[..5]), 3);
    world.sync();
    assert_eq!(world.target.value(&target, "people"), json!(["B2", "C3"]));
    assert_eq!(world.source.value(&source, "assignees"), json!(["ben", "cleo"]));
    world.assert_quiet();
}

#[test]
fn a_stranger_on_either_side_is_no_conflict() {
    let mut world = world();
    let (source, target) = world.paired(json!({ "title": "a", "lead": "ada" }));
    world.source.edit(&source, "lead", json!("cleo"));
    world.target.edit(&target, "owner", json!("somebody"));
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.conflicts, report.counts.updated), (0, 0, 0));
    assert_eq!(report.notes.len(), 2);
    world.source.edit(&source, "lead", json!("ben"));
    world.sync();
    assert_eq!(world.target.value(&target, "owner"), json!("somebody"));
    world.target.edit(&target, "owner", json!("A1"));
    world.revise(json!({ "field_mappings": mappings(), "conflict_strategy": "source_wins" }));
    world.sync();
    assert_eq!(world.target.value(&target, "owner"), json!("B2"));
}

#[test]
fn a_required_person_who_is_unknown_keeps_the_item_from_being_created() {
    let mut required = mappings();
    required[2]["required"] = json!(true);
    let mut world = world();
    world.revise(json!({ "field_mappings": required }));
    world.source.add(fields(json!({ "title": "a", "lead": "cleo" })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.failed), (0, 1));
    assert_eq!(world.target.ids(), Vec::<String>::new());
}

#[test]
fn entries_of_the_document_go_before_the_table() {
    let mut mapped = mappings();
    mapped[1]["values"] = json!({ "ada": "B2", "guest": "G9" });
    mapped[1]["direction"] = json!("source_to_target");
    let mut world = world();
    world.revise(json!({ "field_mappings": mapped }));
    let (_, target) = world.paired(json!({ "title": "a", "assignees": ["ada", "guest", "cleo"] }));
    assert_eq!(world.target.value(&target, "people"), json!(["B2", "G9"]));
}

#[test]
fn a_set_of_one_and_a_person_fit() {
    let mut mapped = mappings();
    mapped[1]["target_type"] = json!("person");
    let mut world = world();
    world.revise(json!({ "field_mappings": mapped }));
    let (source, target) = world.paired(json!({ "title": "a", "assignees": ["ada"] }));
    assert_eq!(world.target.value(&target, "people"), json!("A1"));
    world.source.edit(&source, "assignees", json!(["ada", "ben"]));
    let report = world.sync();
    assert_eq!(report.counts.failed, 1);
    assert!(report.errors[0].error.contains("is not one person"), "{report:?}");
    assert_eq!(world.target.value(&target, "people"), json!("A1"));
}
