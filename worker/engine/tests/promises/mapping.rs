//! How values are carried over, and the effect of edits to the mapping.

use serde_json::json;
use syncline_engine::value::Precision;

use crate::support::{Manners, World, default_fields, fields};

#[test]
fn a_lossy_value_written_back_leaves_the_finer_one() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "one", "status": "In Progress" }));
    assert_eq!(world.target.value(&t, "state"), json!("open"));
    world.target.edit(&t, "notes", "touched");
    world.sync();
    assert_eq!(world.source.value(&s, "status"), json!("In Progress"));
    world.target.edit(&t, "state", "closed");
    world.sync();
    assert_eq!(world.source.value(&s, "status"), json!("Done"));
    world.target.edit(&t, "state", "open");
    world.sync();
    assert_eq!(world.source.value(&s, "status"), json!("To Do"));
    world.assert_quiet();
}

#[test]
fn a_finer_edit_that_the_other_side_cannot_tell_is_no_write() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "one", "status": "To Do" }));
    world.source.edit(&s, "status", "In Progress");
    let before = world.write_calls();
    world.sync();
    assert_eq!(world.write_calls(), before);
    world.target.edit(&t, "state", "closed");
    world.sync();
    assert_eq!(world.source.value(&s, "status"), json!("Done"), "the base has moved with the finer edit");
}

#[test]
fn a_value_that_is_not_in_the_map_stays_untouched_and_the_rest_goes_on() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "one", "status": "Done" }));
    world.source.edit(&s, "status", "Parked");
    world.source.edit(&s, "title", "new");
    let report = world.sync();
    assert_eq!(world.target.get(&t), Some(fields(json!({ "name": "new", "state": "closed" }))));
    assert_eq!((report.counts.failed, report.counts.updated), (1, 1));
    assert!(report.errors[0].error.contains("no mapping for value \"Parked\""), "{:?}", report.errors);
    world.source.edit(&s, "status", "To Do");
    world.sync();
    assert_eq!(world.target.value(&t, "state"), json!("open"));
    world.assert_quiet();
}

#[test]
fn a_value_that_crosses_one_way_only_fails_the_other_way_alone() {
    let mappings = json!([
        { "source_field": "status", "target_field": "state", "values": { "A": "x", "B": "x", "C": "y" } },
    ]);
    let world = World::new(json!({ "field_mappings": mappings }));
    let (s, t) = world.paired(json!({ "status": "C" }));
    world.target.edit(&t, "state", "x");
    assert_eq!(world.sync().counts.failed, 1);
    assert_eq!(world.source.value(&s, "status"), json!("C"));
    world.source.edit(&s, "status", "A");
    world.sync();
    assert_eq!(world.target.value(&t, "state"), json!("x"));
    world.assert_quiet();
}

#[test]
fn a_default_stands_in_for_a_value_that_is_not_there() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name", "required": true, "default_value": "Untitled" },
        { "source_field": "body", "target_field": "notes" },
    ]);
    let world = World::new(json!({ "field_mappings": mappings }));
    let (s, t) = world.paired(json!({ "body": "text" }));
    assert_eq!(world.target.value(&t, "name"), json!("Untitled"));
    assert_eq!(world.source.value(&s, "title"), json!(null));
    world.assert_quiet();
    world.target.edit(&t, "name", "Named");
    world.sync();
    assert_eq!(world.source.value(&s, "title"), json!("Named"));
    world.source.edit(&s, "title", "");
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("Untitled"));
    world.assert_quiet();
}

#[test]
fn a_default_is_filled_in_where_neither_side_has_a_value() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name" },
        { "source_field": "body", "target_field": "notes", "default_value": "nothing yet" },
    ]);
    let world = World::new(json!({ "field_mappings": mappings, "match_on": ["title"] }));
    let s = world.source.add(fields(json!({ "title": "one" })));
    let t = world.target.add(fields(json!({ "name": "one" })));
    world.sync();
    assert_eq!(world.target.value(&t, "notes"), json!("nothing yet"));
    assert_eq!(world.source.value(&s, "body"), json!(null));
    world.assert_quiet();
}

/// Items that have the earlier one get it; a value of a person's stays.
#[test]
fn an_edited_default_is_written_where_the_earlier_one_stands() {
    let mappings = |default: &str| {
        json!([
            { "source_field": "title", "target_field": "name" },
            { "source_field": "body", "target_field": "notes", "default_value": default, "direction": "push" },
        ])
    };
    let mut world = World::new(json!({ "field_mappings": mappings("first") }));
    let pairs: Vec<_> =
        ["", "", "own"].map(|body| world.paired(json!({ "title": "one", "body": body }))).into();
    world.target.edit(&pairs[1].1, "notes", "theirs");
    world.sync();
    world.revise(json!({ "field_mappings": mappings("second") }));
    assert_eq!(world.preview().1.len(), 1, "the plan shows it");
    world.sync();
    let notes = || pairs.iter().map(|(_, target)| world.target.value(target, "notes")).collect::<Vec<_>>();
    assert_eq!(notes(), [json!("second"), json!("theirs"), json!("own")]);
    world.assert_quiet();
    // Without an edit of the mapping nothing is written again.
    world.target.edit(&pairs[0].1, "notes", "theirs");
    world.sync();
    assert_eq!(notes()[0], json!("theirs"));
}

#[test]
fn a_default_of_a_mapped_value_comes_back_as_the_sources_own() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name" },
        {
            "source_field": "status", "target_field": "state", "default_value": "open",
            "values": { "To Do": "open", "Done": "closed" }
        },
    ]);
    let world = World::new(json!({ "field_mappings": mappings }));
    let (s, t) = world.paired(json!({ "title": "one", "status": "Done" }));
    world.target.edit(&t, "state", "");
    world.sync();
    assert_eq!(world.source.value(&s, "status"), json!("To Do"));
    world.assert_quiet();
}

#[test]
fn blank_in_one_form_is_blank_in_the_other() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "one", "body": "" }));
    world.assert_quiet();
    world.target.edit(&t, "notes", json!(null));
    world.assert_quiet();
    world.source.edit(&s, "body", json!([]));
    world.assert_quiet();
    world.source.edit(&s, "body", "text");
    world.sync();
    world.target.edit(&t, "notes", "");
    world.sync();
    assert_eq!(world.source.value(&s, "body"), json!(null), "clearing a field is an edit");
}

#[test]
fn what_a_platform_makes_of_a_value_is_no_edit() {
    let trims = Manners { trims: true, ..Manners::default() };
    let world = World::with(json!({}), Manners::default(), trims);
    let (s, t) = world.paired(json!({ "title": " spaced " }));
    assert_eq!(world.target.value(&t, "name"), json!("spaced"));
    world.assert_quiet();
    world.target.edit(&t, "notes", "touched");
    world.sync();
    assert_eq!(world.source.value(&s, "title"), json!(" spaced "));
    world.source.edit(&s, "title", " new ");
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("new"));
    world.assert_quiet();
}

#[test]
fn coarser_times_are_no_edits() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name" },
        { "source_field": "due", "target_field": "due", "source_type": "datetime", "target_type": "datetime" },
    ]);
    let coarse = Manners { precision: Some(Precision::Minute), ..Manners::default() };
    // Text in the source; the target stores the datetime that the engine sends.
    let world = World::with(json!({ "field_mappings": mappings }), Manners::default(), coarse);
    let (s, t) = world.paired(json!({ "title": "one", "due": "2026-03-01T10:30:15Z" }));
    assert_eq!(world.target.value(&t, "due"), json!("2026-03-01T10:30Z"));
    world.assert_quiet();
    world.target.edit(&t, "name", "touched");
    world.sync();
    assert_eq!(world.source.value(&s, "due"), json!("2026-03-01T10:30:15Z"));
    world.source.edit(&s, "due", "2026-03-01T10:30:45Z");
    let before = world.target.write_calls();
    world.sync();
    assert_eq!(world.target.write_calls(), before, "the target could not tell the difference");
    world.target.edit(&t, "due", "2026-03-01T11:00Z");
    world.sync();
    assert_eq!(world.source.value(&s, "due"), json!("2026-03-01T11:00Z"));
    world.assert_quiet();
}

#[test]
fn a_one_way_field_goes_one_way() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name", "bidirectional": false },
        { "source_field": "body", "target_field": "notes", "direction": "pull" },
    ]);
    let world = World::new(json!({ "field_mappings": mappings, "two_way_create": true }));
    let (s, t) = world.paired(json!({ "title": "one", "body": "stays here" }));
    assert_eq!(world.target.value(&t, "notes"), json!(null));
    world.target.edit(&t, "name", "drifts");
    world.source.edit(&s, "body", "drifts too");
    world.sync();
    assert_eq!(world.source.value(&s, "title"), json!("one"));
    assert_eq!(world.target.value(&t, "notes"), json!(null));
    world.assert_quiet();
}

#[test]
fn a_field_new_to_the_mapping_is_matched_and_not_taken_for_an_edit() {
    let mut world = World::new(json!({ "field_mappings": [default_fields()[0].clone()] }));
    let (s, t) = world.paired(json!({ "title": "one", "body": "from source", "points": 3 }));
    world.target.edit(&t, "notes", "from target");
    world.target.edit(&t, "state", "closed");
    world.target.edit(&t, "points", 3);
    world.assert_quiet();
    world.revise(json!({ "conflict_strategy": "manual" }));
    let report = world.sync();
    assert_eq!(world.source.value(&s, "status"), json!("Done"), "a blank side is filled");
    assert_eq!(world.source.value(&s, "body"), json!("from source"));
    assert_eq!(world.target.value(&t, "notes"), json!("from target"));
    assert_eq!(report.counts.conflicts, 1);
    assert_eq!(world.tables().open_conflicts()[0].conflict.kind.as_str(), "timestamp");
    world.assert_quiet();
}

#[test]
fn a_revised_mapping_without_new_fields_writes_nothing() {
    let mut world = World::new(json!({}));
    world.paired(json!({ "title": "one", "status": "In Progress" }));
    let before = world.write_calls();
    world.revise(json!({}));
    world.sync();
    assert_eq!(world.write_calls(), before);
    world.assert_quiet();
}

#[test]
fn a_field_that_returns_to_the_mapping_is_matched_anew() {
    let mut world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "one", "body": "old" }));
    world.revise(json!({ "field_mappings": [default_fields()[0].clone()] }));
    world.sync();
    world.source.edit(&s, "body", "S");
    world.target.edit(&t, "notes", "T");
    world.sync();
    world.revise(json!({ "conflict_strategy": "manual" }));
    world.sync();
    assert_eq!(world.tables().open_conflicts()[0].conflict.kind.as_str(), "timestamp");
}

#[test]
fn a_text_key_reads_the_same_for_numbers_and_texts() {
    let mappings = json!([
        { "source_field": "level", "target_field": "level", "source_type": "number", "values": { "1": "low" } },
    ]);
    let world = World::new(json!({ "field_mappings": mappings }));
    let (s, t) = world.paired(json!({ "level": 1 }));
    assert_eq!(world.target.value(&t, "level"), json!("low"));
    world.source.edit(&s, "level", 1.0);
    world.assert_quiet();
}
