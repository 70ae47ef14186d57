//! New items.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Side,
    capability::CreateIdempotency,
    ports::{LinkState, Step},
};

use crate::support::{ChangeState, Manners, World, fields};

#[test]
fn a_new_item_arrives_with_its_fields_and_is_left_alone_afterwards() {
    let world = World::new(json!({}));
    world.source.add(fields(json!({ "title": "one", "body": "text", "status": "Done", "points": 3 })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.synced), (1, 1));
    let id = world.target.only();
    let expected = json!({ "name": "one", "notes": "text", "state": "closed", "points": 3 });
    assert_eq!(world.target.get(&id), Some(fields(expected)));
    let report = world.assert_quiet();
    assert_eq!(report.counts.unchanged, 1);
}

#[rstest]
#[case::both_ways("bidirectional", false, (true, false))]
#[case::both_ways_both("bidirectional", true, (true, true))]
#[case::push("push", false, (true, false))]
#[case::push_never_writes_back("push", true, (true, false))]
#[case::pull("pull", false, (false, true))]
fn items_are_created_where_the_sync_says(
    #[case] direction: &str,
    #[case] two_way_create: bool,
    #[case] expected: (bool, bool),
) {
    let world = World::new(json!({ "direction": direction, "two_way_create": two_way_create }));
    world.source.add(fields(json!({ "title": "from source" })));
    world.target.add(fields(json!({ "name": "from target" })));
    let report = world.sync();
    let arrived = (world.target.ids().len() == 2, world.source.ids().len() == 2);
    assert_eq!(arrived, expected);
    let unlinked = [expected.0, expected.1].iter().filter(|created| !**created).count() as u64;
    assert_eq!(report.counts.unlinked, unlinked);
    world.assert_quiet();
}

#[test]
fn a_create_leaves_one_row_for_the_whole_item() {
    let world = World::new(json!({}));
    world.source.add(fields(json!({ "title": "one", "points": 3 })));
    world.sync();
    let tables = world.tables();
    let [row] = tables.changes.as_slice() else { panic!("{:?}", tables.changes) };
    assert_eq!((row.change.side, row.change.field.as_deref()), (Side::Target, None));
    assert_eq!(row.change.after.to_json(), json!({ "name": "one", "points": 3 }));
    assert_eq!(row.state, ChangeState::Confirmed);
}

#[test]
fn an_update_leaves_a_row_for_each_field_with_the_values_before_and_after() {
    let world = World::new(json!({}));
    let (s, _) = world.paired(json!({ "title": "old", "points": 3 }));
    world.source.edit(&s, "title", "new");
    world.source.edit(&s, "points", 4);
    world.sync();
    let tables = world.tables();
    let rows: Vec<_> = tables.changes[1..]
        .iter()
        .map(|row| {
            (row.change.field.as_deref().unwrap(), row.change.before.to_json(), row.change.after.to_json())
        })
        .collect();
    assert_eq!(rows, [("name", json!("old"), json!("new")), ("points", json!(3), json!(4))]);
}

#[test]
fn an_item_listed_on_two_pages_is_created_once() {
    let manners =
        Manners { overlaps: true, create_idempotency: CreateIdempotency::None, ..Manners::default() };
    let changes = json!({ "two_way_create": true, "batch_size": 1, "match_on": ["title"] });
    let world = World::with(changes, manners.clone(), manners);
    world.source.add(fields(json!({ "title": "both" })));
    world.target.add(fields(json!({ "name": "both" })));
    for number in 0..4 {
        world.source.add(fields(json!({ "title": format!("s{number}") })));
        world.target.add(fields(json!({ "name": format!("t{number}") })));
    }
    let report = world.sync();
    assert_eq!((world.source.ids().len(), world.target.ids().len(), report.counts.failed), (9, 9, 0));
    world.assert_quiet();
}

#[test]
fn a_mapped_key_becomes_the_id_of_the_new_item() {
    let mappings = json!([
        { "source_field": "id", "target_field": "id", "bidirectional": false },
        { "source_field": "title", "target_field": "name" },
    ]);
    let keyed = Manners { key_field: Some("id".to_owned()), ..Manners::default() };
    let world = World::with(json!({ "field_mappings": mappings }), keyed.clone(), keyed);
    world.source.add(fields(json!({ "id": "A-1", "title": "one" })));
    world.sync();
    assert_eq!(world.target.only(), "A-1");
    world.assert_quiet();
}

#[test]
fn a_taken_key_fails_the_item_and_overwrites_nothing() {
    let mappings = json!([
        { "source_field": "id", "target_field": "id" },
        { "source_field": "title", "target_field": "name" },
    ]);
    let keyed = Manners { key_field: Some("id".to_owned()), ..Manners::default() };
    let changes = json!({ "field_mappings": mappings, "match_on": ["title"] });
    let world = World::with(changes, keyed.clone(), keyed);
    world.source.add(fields(json!({ "id": "A-1", "title": "ours" })));
    world.target.add(fields(json!({ "id": "A-1", "name": "theirs" })));
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.created), (1, 0));
    assert_eq!(world.target.value("A-1", "name"), json!("theirs"));
    assert!(report.errors[0].error.contains("A-1 is taken"), "{:?}", report.errors);
}

#[test]
fn an_item_without_a_required_value_waits_for_it() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name", "required": true },
        { "source_field": "body", "target_field": "notes" },
    ]);
    let world = World::new(json!({ "field_mappings": mappings }));
    let s = world.source.add(fields(json!({ "body": "text" })));
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.created), (1, 0));
    assert!(report.errors[0].error.contains("title is required"), "{:?}", report.errors);
    assert_eq!(world.tables().links[&1].state, LinkState::Pending);
    world.source.edit(&s, "title", "at last");
    world.sync();
    assert_eq!(world.target.value(&world.target.only(), "name"), json!("at last"));
    world.assert_quiet();
}

#[test]
fn a_link_that_waits_for_its_counterpart_ends_with_its_own_item() {
    let world = World::new(json!({}));
    let s = world.source.add(fields(json!({ "title": "one" })));
    world.target.refuse(|_| true);
    world.sync();
    world.target.refuse_nothing();
    world.source.remove(&s);
    world.sync();
    world.sync();
    assert_eq!(world.tables().links[&1].state, LinkState::Tombstone);
    assert_eq!(world.target.ids().len(), 0);
    world.assert_quiet();
}

#[test]
fn what_the_target_adds_to_a_new_item_is_its_own_edit() {
    let world = World::new(json!({}));
    world.source.add(fields(json!({ "title": "one" })));
    world.sync();
    world.target.edit(&world.target.only(), "state", "open");
    world.sync();
    assert_eq!(world.source.value(&world.source.only(), "status"), json!("To Do"));
}

/// A sync whose target computes `total` (7), which flows back to `sum`.
fn with_a_computed_field() -> World {
    let mappings = json!([
        { "source_field": "title", "target_field": "name" },
        { "source_field": "sum", "target_field": "total", "direction": "pull" },
    ]);
    let target = Manners { computed: Some("total"), ..Manners::default() };
    World::with(json!({ "field_mappings": mappings }), Manners::default(), target)
}

#[test]
fn a_value_that_the_new_item_computes_is_carried_back_in_the_same_run() {
    let world = with_a_computed_field();
    let id = world.source.add(fields(json!({ "title": "one" })));
    let report = world.sync();
    assert_eq!(world.source.value(&id, "sum"), json!("7"));
    assert_eq!((report.counts.created, report.counts.updated, report.counts.synced), (1, 1, 1));
    world.assert_quiet();
}

#[rstest]
#[case::after_the_create(Step::RemoteWritten, 0)]
#[case::after_its_record(Step::BaseAdvanced, 0)]
#[case::after_the_write_back(Step::RemoteWritten, 1)]
fn a_value_that_the_new_item_computes_is_carried_back_after_a_crash(#[case] step: Step, #[case] nth: usize) {
    let world = with_a_computed_field();
    let id = world.source.add(fields(json!({ "title": "one" })));
    assert!(world.crash(step, nth).is_none());
    world.wait(60);
    world.sync();
    assert_eq!(world.source.value(&id, "sum"), json!("7"));
    world.assert_quiet();
}
