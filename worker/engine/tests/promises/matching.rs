//! The first sync of sides that already have items.

use serde_json::json;

use crate::support::{Manners, World, fields};

#[test]
fn items_with_the_same_match_fields_are_paired_and_not_duplicated() {
    let world = World::new(json!({ "match_on": ["title"], "two_way_create": true }));
    world.source.add(fields(json!({ "title": "both", "body": "text" })));
    world.source.add(fields(json!({ "title": "source only" })));
    world.target.add(fields(json!({ "name": "both" })));
    world.target.add(fields(json!({ "name": "target only" })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.updated), (2, 1));
    assert_eq!((world.source.ids().len(), world.target.ids().len()), (3, 3));
    assert!(
        world
            .target
            .all()
            .iter()
            .any(|(_, item)| item == &fields(json!({ "name": "both", "notes": "text" })))
    );
    world.assert_quiet();
}

#[test]
fn items_are_matched_by_what_the_mapping_makes_of_them() {
    let mappings = json!([
        { "source_field": "nr", "target_field": "number", "source_type": "string", "target_type": "number" },
    ]);
    let world = World::new(json!({ "match_on": ["nr"], "field_mappings": mappings }));
    world.source.add(fields(json!({ "nr": " 7.0" })));
    world.target.add(fields(json!({ "number": 7 })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.updated), (0, 0));
    assert_eq!(world.tables().links.len(), 1);
}

#[test]
fn without_match_fields_a_mapped_key_pairs() {
    let mappings = json!([
        { "source_field": "id", "target_field": "ref" },
        { "source_field": "title", "target_field": "name" },
    ]);
    let keyed = Manners { key_field: Some("id".to_owned()), ..Manners::default() };
    let world = World::with(json!({ "field_mappings": mappings }), keyed, Manners::default());
    world.source.add(fields(json!({ "id": "1", "title": "one" })));
    world.target.add(fields(json!({ "ref": "1", "name": "one" })));
    assert_eq!(world.sync().counts.created, 0);
    assert_eq!(world.target.ids().len(), 1);
}

#[test]
fn ambiguous_items_stay_untouched_and_are_told() {
    let world = World::new(json!({ "match_on": ["title"], "two_way_create": true }));
    for body in ["one", "two"] {
        world.source.add(fields(json!({ "title": "twin", "body": body })));
    }
    world.target.add(fields(json!({ "name": "twin" })));
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.created, report.counts.updated), (2, 0, 0));
    assert!(report.errors[0].error.contains("same title"), "{:?}", report.errors);
    assert_eq!((world.source.ids().len(), world.target.ids().len(), world.tables().links.len()), (2, 1, 0));
    world.assert_quiet();
}

#[test]
fn an_empty_match_field_matches_nothing_even_where_it_has_a_default() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name", "default_value": "Untitled" },
        { "source_field": "body", "target_field": "notes" },
    ]);
    let world = World::new(json!({ "match_on": ["title"], "field_mappings": mappings }));
    world.source.add(fields(json!({ "body": "about one thing" })));
    world.target.add(fields(json!({ "name": "Untitled", "notes": "about another" })));
    world.sync();
    assert_eq!(world.target.ids().len(), 2);
    assert_eq!(world.tables().conflicts.len(), 0);
}

#[test]
fn a_waiting_item_is_paired_when_its_counterpart_turns_up() {
    let world = World::new(json!({ "match_on": ["title"] }));
    world.source.add(fields(json!({ "title": "one", "body": "text" })));
    world.target.refuse(|_| true);
    world.sync();
    world.target.refuse_nothing();
    let t = world.target.add(fields(json!({ "name": "one" })));
    world.sync();
    assert_eq!(world.target.only(), t);
    assert_eq!(world.target.value(&t, "notes"), json!("text"));
    assert_eq!(world.tables().links.len(), 1);
    world.assert_quiet();
}

#[test]
fn a_blank_field_is_filled_from_the_side_that_has_a_value() {
    let world = World::new(json!({ "match_on": ["title"], "conflict_strategy": "manual" }));
    let s = world.source.add(fields(json!({ "title": "one", "points": 3 })));
    let t = world.target.add(fields(json!({ "name": "one", "notes": "text", "points": "" })));
    world.sync();
    assert_eq!(world.source.value(&s, "body"), json!("text"));
    assert_eq!(world.target.value(&t, "points"), json!(3));
    assert_eq!(world.tables().conflicts.len(), 0);
    world.assert_quiet();
}
