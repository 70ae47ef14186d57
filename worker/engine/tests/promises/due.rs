//! Fields that a platform could not take now are written by the next run. That is no conflict, and what is there meanwhile
//! is no edit.

use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::support::{Fault, Manners, World, fields};

/// The fields of an update come in the order of their names.
const NOTES: usize = 1;

#[test]
fn a_field_that_was_not_taken_for_now_is_written_by_the_next_run() {
    let world = World::new(json!({}));
    let (source, target) = world.paired(json!({ "title": "a", "body": "b" }));
    world.source.edit(&source, "title", json!("a2"));
    world.source.edit(&source, "body", json!("b2"));
    world.target.fail([Fault::LeavesOut(0, NOTES)]);
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.conflicts), (1, 0));
    assert_eq!(report.errors[0].error, "target: field notes: t did not answer");
    assert_eq!(world.target.value(&target, "name"), json!("a2"));
    assert_eq!(world.target.value(&target, "notes"), json!("b"));
    assert_eq!(world.tables().links[&1].base.source["body"], json!("b"), "it has not crossed");
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.updated), (0, 1));
    assert_eq!(world.target.value(&target, "notes"), json!("b2"));
    assert_eq!(world.tables().conflicts.len(), 0);
    world.assert_quiet();
}

/// The write to the other fields makes the target the later one.
#[test]
fn a_decision_that_could_not_be_carried_out_stands() {
    let world = World::new(json!({}));
    let (source, target) = world.paired(json!({ "title": "a", "body": "b" }));
    world.target.edit(&target, "notes", json!("theirs"));
    world.wait(1);
    world.source.edit(&source, "body", json!("ours"));
    world.source.edit(&source, "title", json!("a2"));
    world.target.fail([Fault::LeavesOut(0, NOTES)]);
    world.wait(1);
    world.sync();
    assert_eq!(world.target.value(&target, "notes"), json!("theirs"));
    world.wait(1);
    world.sync();
    assert_eq!(world.source.value(&source, "body"), json!("ours"));
    assert_eq!(world.target.value(&target, "notes"), json!("ours"));
    let tables = world.tables();
    let [conflict] = &tables.conflicts[..] else { panic!("{:?}", tables.conflicts) };
    assert!(conflict.conflict.resolution.is_some());
}

/// Of two fields one is not taken, and the platform trims the other.
#[test]
fn what_a_platform_makes_of_a_field_beside_one_that_it_did_not_take_is_no_edit() {
    let set = json!({ "source_field": "labels", "target_field": "labels", "source_type": "set", "target_type": "set" });
    let title = json!({ "source_field": "title", "target_field": "name" });
    let trims = Manners { trims: true, ..Manners::default() };
    let world = World::with(json!({ "field_mappings": [title, set] }), Manners::default(), trims);
    let (source, target) = world.paired(json!({ "title": "a", "labels": null }));
    world.source.edit(&source, "title", json!(" c "));
    world.source.edit(&source, "labels", json!(["a"]));
    world.target.fail([Fault::LeavesOut(0, 0)]);
    world.sync();
    assert_eq!(world.target.value(&target, "name"), json!("c"));
    world.wait(1);
    world.sync();
    world.sync();
    assert_eq!(world.target.value(&target, "labels"), json!(["a"]));
    assert_eq!(world.source.value(&source, "title"), json!(" c "));
    assert_eq!(world.tables().conflicts.len(), 0);
    world.assert_quiet();
}

fn by_steps() -> Manners {
    Manners { stepwise: &["state"], history: true, ..Manners::default() }
}

/// Without an answer the next run finds out. A status that is taken away is as much an edit as another one.
#[rstest]
fn a_status_that_was_left_halfway_is_no_edit(
    #[values(Fault::LeavesOut(0, 0), Fault::Halfway(0))] fault: Fault,
    #[values((json!("Done"), "", json!("closed")), (json!(null), "closed", json!(null)))] edit: (
        Json,
        &str,
        Json,
    ),
) {
    let (status, on_the_way, state) = edit;
    let world = World::with(json!({}), Manners::default(), by_steps());
    let (source, target) = world.paired(json!({ "title": "a", "status": "To Do" }));
    world.source.edit(&source, "status", status.clone());
    world.target.fail([fault]);
    world.wait(1);
    drop(world.try_sync());
    assert_eq!(world.target.value(&target, "state"), json!(on_the_way), "on the way from open to {state}");
    world.wait(1);
    world.sync();
    assert_eq!(world.target.value(&target, "state"), state);
    assert_eq!(world.source.value(&source, "status"), status);
    assert_eq!(world.tables().conflicts.len(), 0);
    world.assert_quiet();
}

/// By the history it is not ours.
#[test]
fn a_status_that_a_person_changed_after_a_crash_is_an_edit() {
    let world = World::with(json!({ "conflict_strategy": "manual" }), Manners::default(), by_steps());
    let (source, target) = world.paired(json!({ "title": "a", "status": "To Do" }));
    world.source.edit(&source, "status", json!("Done"));
    world.target.fail([Fault::Halfway(0)]);
    world.wait(1);
    drop(world.try_sync());
    world.target.edit(&target, "state", json!("open"));
    world.target.edit(&target, "state", json!(""));
    world.wait(1);
    world.sync();
    assert_eq!(world.tables().open_conflicts().len(), 1);
    assert_eq!(world.target.value(&target, "state"), json!(""));
}

/// A new item has a status of its own until it gets that of the copied one.
#[rstest]
#[case::told(Fault::LeavesOut(0, 3))]
#[case::lost(Fault::Halfway(0))]
fn a_new_item_gets_the_status_that_failed_for_a_while(#[case] fault: Fault) {
    let world = World::with(json!({}), Manners::default(), by_steps());
    let source =
        world.source.add(fields(json!({ "title": "a", "body": "b", "status": "Done", "points": 1 })));
    world.wait(1);
    world.target.fail([fault]);
    drop(world.try_sync());
    let target = world.target.only();
    assert_eq!(world.target.value(&target, "state"), json!("open"));
    assert_eq!(world.target.value(&target, "name"), json!("a"));
    world.wait(1);
    world.sync();
    assert_eq!(world.target.value(&target, "state"), json!("closed"));
    assert_eq!(world.source.value(&source, "status"), json!("Done"));
    assert_eq!(world.tables().conflicts.len(), 0);
    world.assert_quiet();
}

/// A limit in the middle of an item is like one between two: the run is to be continued, and no item has failed.
#[test]
fn a_limit_in_the_middle_of_an_item_ends_the_run() {
    let limited =
        Manners { leaves_out: Some("notes"), is_limited: true, write_batch: 1, ..Manners::default() };
    let mut world = World::with(json!({}), Manners::default(), limited);
    world.target.leave_out(None);
    let pairs: Vec<_> =
        (0..3).map(|n| world.paired(json!({ "title": format!("{n}"), "body": "b" }))).collect();
    for (source, _) in &pairs {
        world.source.edit(source, "body", json!("b2"));
        world.source.edit(source, "title", json!("t2"));
    }
    world.target.leave_out(Some("notes"));
    let before = world.target.write_calls();
    assert!(world.try_sync().is_err());
    assert_eq!(world.target.write_calls(), before + 1, "the others are not tried");
    assert!(world.tables().links.values().all(|link| link.error_count == 0));
    world.target.leave_out(None);
    assert_eq!(world.sync().counts.failed, 0);
    for (_, target) in &pairs {
        assert_eq!(world.target.value(target, "notes"), json!("b2"));
    }
    assert_eq!(world.tables().conflicts.len(), 0);
}
