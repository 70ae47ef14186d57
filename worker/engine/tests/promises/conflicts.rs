//! Winners by strategy, kind of conflict and direction, with the contents of both sides afterwards.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{Side, run::Options};

use crate::support::{Manners, World, fields};

const OPEN: bool = true;
const RESOLVED: bool = false;

fn assert_conflict(world: &World, kind: &str, open: bool) {
    let tables = world.tables();
    let [row] = tables.conflicts.as_slice() else { panic!("{:?}", tables.conflicts) };
    assert_eq!((row.conflict.kind.as_str(), row.open), (kind, open));
    assert_eq!(row.conflict.resolution.is_none(), open);
}

/// It may be the later one: a person decides, and the run gives the reason.
#[test]
fn a_time_that_cannot_be_read_neither_wins_nor_loses() {
    let unread = Manners { unread_times: true, ..Manners::default() };
    let world = World::with(json!({}), Manners::default(), unread);
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.wait(1);
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "name", "T");
    world.wait(1);
    let report = world.sync();
    assert_eq!((world.source.value(&s, "title"), world.target.value(&t, "name")), (json!("S"), json!("T")));
    assert_conflict(&world, "field_mismatch", OPEN);
    assert!(report.errors[0].error.contains("5:11 PM"), "{:?}", report.errors);
}

/// The target's edit is the later one.
#[rstest]
#[case::both_ways_source("bidirectional", "source_wins", ("S", "S"), RESOLVED)]
#[case::both_ways_target("bidirectional", "target_wins", ("T", "T"), RESOLVED)]
#[case::both_ways_last("bidirectional", "last_write_wins", ("T", "T"), RESOLVED)]
#[case::both_ways_manual("bidirectional", "manual", ("S", "T"), OPEN)]
#[case::push_source("push", "source_wins", ("S", "S"), RESOLVED)]
#[case::push_target("push", "target_wins", ("S", "T"), RESOLVED)]
#[case::push_last("push", "last_write_wins", ("S", "T"), RESOLVED)]
#[case::push_manual("push", "manual", ("S", "T"), OPEN)]
#[case::pull_source("pull", "source_wins", ("S", "T"), RESOLVED)]
#[case::pull_target("pull", "target_wins", ("T", "T"), RESOLVED)]
#[case::pull_last("pull", "last_write_wins", ("T", "T"), RESOLVED)]
#[case::pull_manual("pull", "manual", ("S", "T"), OPEN)]
fn a_field_changed_on_both_sides_goes_by_the_strategy(
    #[case] direction: &str,
    #[case] strategy: &str,
    #[case] expected: (&str, &str),
    #[case] open: bool,
) {
    let world = World::new(json!({ "direction": direction, "conflict_strategy": strategy }));
    let (s, t) = if direction == "pull" {
        let t = world.target.add(fields(json!({ "name": "old" })));
        world.sync();
        (world.source.only(), t)
    } else {
        world.paired(json!({ "title": "old" }))
    };
    world.wait(1);
    world.source.edit(&s, "title", "S");
    world.wait(1);
    world.target.edit(&t, "name", "T");
    world.wait(1);
    let report = world.sync();
    assert_eq!(
        (world.source.value(&s, "title"), world.target.value(&t, "name")),
        (json!(expected.0), json!(expected.1))
    );
    assert_conflict(&world, "field_mismatch", open);
    let writes = u64::from(expected.0 == expected.1);
    assert_eq!((report.counts.updated, report.counts.conflicts), (writes, u64::from(open)));
    assert_eq!((report.counts.resolved, report.counts.failed), (u64::from(!open), 0));
    world.assert_quiet();
}

#[rstest]
#[case::the_source_was_later(2, 1, "S")]
#[case::the_target_was_later(1, 2, "T")]
#[case::a_tie_goes_to_the_source(1, 1, "S")]
fn the_last_write_wins(#[case] source_at: i64, #[case] target_at: i64, #[case] winner: &str) {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old" }));
    for minute in 1..=2 {
        world.wait(1);
        if source_at == minute {
            world.source.edit(&s, "title", "S");
        }
        if target_at == minute {
            world.target.edit(&t, "name", "T");
        }
    }
    world.sync();
    assert_eq!(
        (world.source.value(&s, "title"), world.target.value(&t, "name")),
        (json!(winner), json!(winner))
    );
}

/// Both items existed before the first sync, and differ in one field.
#[rstest]
#[case::both_ways_source("bidirectional", "source_wins", ("S", "S"), RESOLVED)]
#[case::both_ways_target("bidirectional", "target_wins", ("T", "T"), RESOLVED)]
#[case::both_ways_last("bidirectional", "last_write_wins", ("T", "T"), RESOLVED)]
#[case::both_ways_manual("bidirectional", "manual", ("S", "T"), OPEN)]
#[case::push_source("push", "source_wins", ("S", "S"), RESOLVED)]
#[case::push_target("push", "target_wins", ("S", "T"), RESOLVED)]
#[case::push_manual("push", "manual", ("S", "T"), OPEN)]
#[case::pull_source("pull", "source_wins", ("S", "T"), RESOLVED)]
#[case::pull_target("pull", "target_wins", ("T", "T"), RESOLVED)]
#[case::pull_manual("pull", "manual", ("S", "T"), OPEN)]
fn a_field_that_differed_before_the_first_sync_goes_by_the_strategy(
    #[case] direction: &str,
    #[case] strategy: &str,
    #[case] expected: (&str, &str),
    #[case] open: bool,
) {
    let world = World::new(json!({
        "direction": direction, "conflict_strategy": strategy, "match_on": ["title"],
    }));
    let s = world.source.add(fields(json!({ "title": "same", "body": "S" })));
    world.wait(1);
    let t = world.target.add(fields(json!({ "name": "same", "notes": "T" })));
    let report = world.sync();
    assert_eq!(
        (world.source.value(&s, "body"), world.target.value(&t, "notes")),
        (json!(expected.0), json!(expected.1))
    );
    assert_conflict(&world, "timestamp", open);
    assert_eq!(report.counts.created, 0);
    assert_eq!((report.counts.conflicts, report.counts.resolved), (u64::from(open), u64::from(!open)));
    world.assert_quiet();
}

/// The number of points becomes a word on one side.
#[rstest]
#[case::both_ways("bidirectional", Side::Source, true)]
#[case::both_ways_back("bidirectional", Side::Target, true)]
#[case::push("push", Side::Source, true)]
#[case::push_drift("push", Side::Target, false)]
#[case::pull_drift("pull", Side::Source, false)]
#[case::pull("pull", Side::Target, true)]
fn a_value_of_the_wrong_type_does_not_cross_whatever_the_strategy(
    #[case] direction: &str,
    #[case] side: Side,
    #[case] met: bool,
    #[values("last_write_wins", "source_wins", "target_wins", "manual")] strategy: &str,
) {
    let mut world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old", "points": 3 }));
    world.revise(json!({ "direction": direction, "conflict_strategy": strategy }));
    world.sync();
    let id = if side == Side::Source { &s } else { &t };
    world.place(side).edit(id, "points", "many");
    let report = world.sync();
    let other = if side == Side::Source { &t } else { &s };
    assert_eq!(world.place(side.other()).value(other, "points"), json!(3));
    assert_eq!(world.place(side).value(id, "points"), json!("many"));
    assert_eq!((report.counts.failed, report.counts.conflicts), (u64::from(met), u64::from(met)));
    if met {
        assert_conflict(&world, "type_mismatch", OPEN);
    } else {
        world.assert_quiet();
    }
    world.place(side).edit(id, "points", 5);
    world.sync();
    let expected = if met { 5 } else { 3 };
    assert_eq!(world.place(side.other()).value(other, "points"), json!(expected));
    assert_eq!(world.tables().open_conflicts().len(), 0);
}

#[test]
fn an_unreadable_value_that_may_not_cross_does_not_stop_the_other_sides_edit() {
    let world = World::new(json!({ "direction": "push", "conflict_strategy": "source_wins" }));
    let (s, t) = world.paired(json!({ "title": "old", "points": 3 }));
    world.target.edit(&t, "points", "many");
    world.sync();
    world.source.edit(&s, "points", 4);
    world.sync();
    assert_eq!(world.target.value(&t, "points"), json!(4));
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum After {
    /// The edited item is deleted too.
    Deleted,
    /// The deleted item is back, with the edit.
    Back,
    /// Nothing is done: the link has ended.
    Apart,
    /// Nothing is done: a person decides.
    Asked,
}

/// One side deletes the item, then the other side edits it.
#[rstest]
#[case("bidirectional", "source_wins", Side::Source, After::Deleted)]
#[case("bidirectional", "target_wins", Side::Source, After::Back)]
#[case("bidirectional", "last_write_wins", Side::Source, After::Back)]
#[case("bidirectional", "manual", Side::Source, After::Asked)]
#[case("bidirectional", "source_wins", Side::Target, After::Back)]
#[case("bidirectional", "target_wins", Side::Target, After::Deleted)]
#[case("bidirectional", "last_write_wins", Side::Target, After::Back)]
#[case("bidirectional", "manual", Side::Target, After::Asked)]
#[case::what_does_not_flow_is_no_edit("push", "target_wins", Side::Source, After::Deleted)]
#[case::nothing_is_written_to_the_source("push", "source_wins", Side::Target, After::Apart)]
#[case::what_does_not_flow_is_no_edit("pull", "source_wins", Side::Target, After::Deleted)]
#[case::nothing_is_written_to_the_target("pull", "target_wins", Side::Source, After::Apart)]
fn an_item_deleted_here_and_edited_there_goes_by_the_strategy(
    #[case] direction: &str,
    #[case] strategy: &str,
    #[case] deleted: Side,
    #[case] after: After,
) {
    let mut world = World::new(json!({}));
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.revise(json!({ "direction": direction, "conflict_strategy": strategy, "delete_policy": "delete" }));
    world.sync();
    let (gone, stays) = if deleted == Side::Source { (&s, &t) } else { (&t, &s) };
    let name = |side: Side| if side == Side::Source { "title" } else { "name" };
    world.place(deleted).remove(gone);
    world.sync();
    world.wait(1);
    world.place(deleted.other()).edit(stays, name(deleted.other()), "edited");
    world.wait(1);
    let report = world.sync();
    let there = world.place(deleted.other()).get(stays).is_some();
    let edited = |(_, fields): &(String, syncline_engine::value::Fields)| {
        fields.get(name(deleted)) == Some(&"edited".to_owned().into_value())
    };
    let back = world.place(deleted).all().iter().any(edited);
    let (conflicts, resolved) = (report.counts.conflicts, report.counts.resolved);
    match after {
        After::Deleted => assert_eq!((there, back, conflicts), (false, false, 0)),
        After::Back => assert_eq!((there, back, conflicts, resolved), (true, true, 0, 1)),
        After::Apart => assert_eq!((there, back, conflicts, resolved), (true, false, 0, 0)),
        After::Asked => {
            assert_eq!((there, back, conflicts), (true, false, 1));
            assert_conflict(&world, "edit_delete", OPEN);
        }
    }
    world.assert_quiet();
}

trait IntoValue {
    fn into_value(self) -> syncline_engine::Value;
}

impl IntoValue for String {
    fn into_value(self) -> syncline_engine::Value {
        syncline_engine::Value::Text(self)
    }
}

#[test]
fn an_edit_before_the_delete_does_not_outlive_it() {
    let world = World::new(json!({ "delete_policy": "delete" }));
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.target.edit(&t, "name", "edited");
    world.wait(1);
    world.source.remove(&s);
    world.sync_with(Options { confirm_deletes: true, ..Options::default() });
    assert_eq!(world.target.get(&t), None);
}

#[test]
fn different_fields_edited_on_both_sides_both_survive() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old", "body": "old" }));
    world.source.edit(&s, "title", "new title");
    world.target.edit(&t, "notes", "new notes");
    let report = world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("new title"));
    assert_eq!(world.source.value(&s, "body"), json!("new notes"));
    // One item, although both its sides were written.
    assert_eq!((report.counts.updated, report.counts.conflicts, report.counts.resolved), (1, 0, 0));
}

#[test]
fn the_same_edit_on_both_sides_is_no_conflict_and_no_write() {
    let world = World::new(json!({ "conflict_strategy": "manual" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "new");
    world.target.edit(&t, "name", "new");
    let before = world.write_calls();
    world.sync();
    assert_eq!((world.write_calls(), world.tables().conflicts.len()), (before, 0));
    world.source.edit(&s, "title", "newer");
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("newer"));
}

#[test]
fn a_conflict_whose_winner_is_refused_is_not_resolved() {
    let world = World::new(json!({ "conflict_strategy": "source_wins" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "name", "T");
    world.target.refuse(|_| true);
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.resolved), (1, 0));
    assert_eq!(world.tables().conflicts.len(), 0);
    world.target.refuse_nothing();
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("S"));
    assert_conflict(&world, "field_mismatch", RESOLVED);
}

#[test]
fn a_conflict_is_not_resolved_while_the_item_lacks_a_required_value() {
    let required: Json = json!([
        { "source_field": "title", "target_field": "name" },
        { "source_field": "body", "target_field": "notes", "required": true },
    ]);
    let world = World::new(json!({ "conflict_strategy": "source_wins", "field_mappings": required }));
    let (s, t) = world.paired(json!({ "title": "old", "body": "text" }));
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "name", "T");
    world.source.edit(&s, "body", "");
    let report = world.sync();
    assert_eq!((report.counts.failed, report.counts.resolved, report.counts.updated), (1, 0, 0));
    assert_eq!(world.tables().conflicts.len(), 0);
    world.source.edit(&s, "body", "again");
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("S"));
}

#[test]
fn a_field_may_have_a_strategy_of_its_own() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name", "conflict_strategy": "target_wins" },
        { "source_field": "body", "target_field": "notes" },
    ]);
    let world = World::new(json!({ "conflict_strategy": "source_wins", "field_mappings": mappings }));
    let (s, t) = world.paired(json!({ "title": "old", "body": "old" }));
    for (field, there) in [("title", "name"), ("body", "notes")] {
        world.source.edit(&s, field, "S");
        world.target.edit(&t, there, "T");
    }
    world.sync();
    assert_eq!(world.source.get(&s), Some(fields(json!({ "title": "T", "body": "S" }))));
    assert_eq!(world.target.get(&t), Some(fields(json!({ "name": "T", "notes": "S" }))));
    world.assert_quiet();
}

#[test]
fn a_winner_without_a_mapping_does_not_lose_in_the_next_run() {
    for (strategy, waits) in [("last_write_wins", true), ("source_wins", false)] {
        let document = |map: Json| {
            let mappings = json!([
                { "source_field": "title", "target_field": "name" },
                { "source_field": "body", "target_field": "text" },
                { "source_field": "status", "target_field": "state", "values": map },
            ]);
            json!({ "field_mappings": mappings, "match_on": ["title"], "conflict_strategy": strategy })
        };
        let mut world = World::new(document(json!({ "Done": "closed" })));
        world.target.add(fields(json!({ "name": "one", "text": "old", "state": "closed" })));
        world.wait(60);
        let id = world.source.add(fields(json!({ "title": "one", "body": "new", "status": "Parked" })));
        for _ in 0..2 {
            // This sync's write of the text makes the target the later one.
            world.sync();
            world.wait(60);
            assert_eq!(world.source.value(&id, "status"), json!("Parked"), "{strategy}");
            assert_eq!(world.tables().open_conflicts().len(), 1);
        }
        world.revise(document(json!({ "Done": "closed", "Parked": "parked" })));
        world.sync();
        let state = if waits { "closed" } else { "parked" };
        assert_eq!(world.target.value(&world.target.only(), "state"), json!(state), "{strategy}");
        assert_eq!(world.tables().open_conflicts().len(), usize::from(waits));
    }
}
