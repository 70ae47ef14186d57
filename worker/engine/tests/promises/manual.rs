//! Conflicts left to a person.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Side,
    ports::ItemStatus,
    run::{Options, Scope},
};

use crate::support::World;

fn only(link: i64) -> Options {
    Options { scope: Scope::Links(vec![link]), ..Options::default() }
}

/// A pair with an open conflict in its title.
fn asked() -> (World, String, String) {
    let world = World::new(json!({ "conflict_strategy": "manual" }));
    let (s, t) = world.paired(json!({ "title": "old", "body": "old" }));
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "name", "T");
    let report = world.sync();
    assert_eq!((report.counts.conflicts, report.counts.updated), (1, 0));
    assert_eq!(world.tables().links[&1].status, ItemStatus::Conflict);
    world.assert_quiet();
    (world, s, t)
}

#[rstest]
#[case(Side::Source, "S")]
#[case(Side::Target, "T")]
fn the_side_chosen_is_applied(#[case] side: Side, #[case] expected: &str) {
    let (world, s, t) = asked();
    world.tables().choose(side);
    let report = world.sync_with(only(1));
    assert_eq!(report.counts.updated, 1);
    assert_eq!(world.source.value(&s, "title"), json!(expected));
    assert_eq!(world.target.value(&t, "name"), json!(expected));
    assert_eq!(world.tables().open_conflicts().len(), 0);
    assert_eq!(world.tables().links[&1].status, ItemStatus::Completed);
    world.assert_quiet();
}

#[test]
fn a_choice_is_dropped_when_the_values_have_changed_since() {
    let (world, s, t) = asked();
    world.tables().choose(Side::Source);
    world.target.edit(&t, "name", "T2");
    let report = world.sync_with(only(1));
    assert_eq!((report.counts.updated, report.counts.conflicts), (0, 1));
    assert_eq!(world.source.value(&s, "title"), json!("S"));
    assert_eq!(world.target.value(&t, "name"), json!("T2"));
    assert_eq!(world.tables().open_conflicts()[0].chosen, None);
}

#[test]
fn a_choice_whose_write_is_refused_is_kept() {
    let (world, _, t) = asked();
    world.tables().choose(Side::Source);
    world.target.refuse(|_| true);
    assert_eq!(world.sync_with(only(1)).counts.failed, 1);
    assert_eq!(world.tables().open_conflicts().len(), 1);
    world.target.refuse_nothing();
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("S"));
    assert_eq!(world.tables().open_conflicts().len(), 0);
}

#[test]
fn a_choice_waits_with_an_item_that_lacks_a_required_value() {
    let (mut world, s, t) = asked();
    world.revise(json!({
        "conflict_strategy": "manual",
        "field_mappings": [
            { "source_field": "title", "target_field": "name" },
            { "source_field": "body", "target_field": "notes", "required": true },
        ],
    }));
    world.tables().choose(Side::Source);
    world.source.edit(&s, "body", "");
    assert_eq!(world.sync_with(only(1)).counts.failed, 1);
    assert_eq!(world.tables().open_conflicts().len(), 1, "nothing was written, so nothing is resolved");
    world.source.edit(&s, "body", "again");
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("S"));
}

#[test]
fn a_conflict_that_people_resolve_on_the_platforms_closes_by_itself() {
    let (world, s, _) = asked();
    world.source.edit(&s, "title", "T");
    world.sync();
    assert_eq!(world.tables().open_conflicts().len(), 0);
    world.assert_quiet();
}

#[test]
fn other_fields_go_on_while_one_is_in_conflict() {
    let (world, s, t) = asked();
    world.source.edit(&s, "body", "new");
    world.sync();
    assert_eq!(world.target.value(&t, "notes"), json!("new"));
    assert_eq!(world.tables().open_conflicts().len(), 1);
    assert_eq!(world.tables().open_conflicts()[0].occurrences, 2);
    world.assert_quiet();
}

#[rstest]
#[case(Side::Source)]
#[case(Side::Target)]
fn an_edit_against_a_delete_is_applied_as_chosen(#[case] chosen: Side) {
    let world = World::new(json!({ "conflict_strategy": "manual", "delete_policy": "delete" }));
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.remove(&s);
    world.target.edit(&t, "name", "edited");
    world.sync();
    assert_eq!(world.sync().counts.conflicts, 1);
    world.assert_quiet();
    world.tables().choose(chosen);
    world.sync();
    let expected = if chosen == Side::Source { 1 } else { 2 };
    assert_eq!((world.source.ids().len(), world.target.ids().len()), (expected, expected));
    assert_eq!(world.tables().open_conflicts().len(), 0);
    world.assert_quiet();
}

#[test]
fn a_value_of_the_wrong_type_is_replaced_when_a_person_says_so() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "one", "points": 3 }));
    world.source.edit(&s, "points", "many");
    world.sync();
    world.tables().choose(Side::Target);
    world.sync();
    assert_eq!(world.source.value(&s, "points"), json!(3));
    assert_eq!(world.target.value(&t, "points"), json!(3));
    assert_eq!(world.tables().open_conflicts().len(), 0);
    world.assert_quiet();
}

#[test]
fn a_choice_against_a_value_of_the_wrong_type_holds_even_where_nothing_may_be_written() {
    let world = World::new(json!({ "direction": "push" }));
    let (s, t) = world.paired(json!({ "title": "one", "points": 3 }));
    world.source.edit(&s, "points", "many");
    world.sync();
    world.tables().choose(Side::Target);
    world.sync();
    assert_eq!(world.source.value(&s, "points"), json!("many"));
    assert_eq!(world.target.value(&t, "points"), json!(3));
    assert_eq!(world.tables().open_conflicts().len(), 0);
    world.assert_quiet();
    world.source.edit(&s, "points", 4);
    world.sync();
    assert_eq!(world.target.value(&t, "points"), json!(4));
}

#[test]
fn two_values_of_the_wrong_type_are_not_resolved_by_each_other() {
    let world = World::new(json!({ "conflict_strategy": "manual" }));
    let (s, t) = world.paired(json!({ "title": "one", "points": 3 }));
    world.source.edit(&s, "points", "many");
    world.target.edit(&t, "points", "few");
    world.sync();
    world.tables().choose(Side::Target);
    let report = world.sync();
    assert_eq!((report.counts.resolved, report.counts.failed), (0, 1));
    assert_eq!(world.tables().open_conflicts().len(), 1);
}

#[test]
fn a_choice_for_the_side_that_may_not_be_carried_leaves_both_as_they_are() {
    let world = World::new(json!({ "conflict_strategy": "manual", "direction": "push" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "name", "T");
    world.sync();
    world.tables().choose(Side::Target);
    world.sync_with(only(1));
    assert_eq!(world.source.value(&s, "title"), json!("S"));
    assert_eq!(world.target.value(&t, "name"), json!("T"));
    assert_eq!(world.tables().open_conflicts().len(), 0);
    world.assert_quiet();
    world.source.edit(&s, "title", "S2");
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("S2"), "what comes after the choice flows again");
}

#[rstest]
#[case::the_delete(Side::Source, 1, 0)]
#[case::the_edit(Side::Target, 0, 1)]
fn a_choice_about_a_deleted_item_is_applied_by_a_run_of_its_link(
    #[case] chosen: Side,
    #[case] deleted: u64,
    #[case] created: u64,
) {
    let world = World::new(json!({ "conflict_strategy": "manual", "delete_policy": "delete" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    let _other = world.paired(json!({ "title": "other" }));
    world.source.remove(&s);
    world.sync();
    world.target.edit(&t, "name", "edited");
    assert_eq!(world.sync().counts.conflicts, 1);
    world.tables().choose(chosen);
    let report = world.sync_with(Options { confirm_deletes: true, ..only(1) });
    assert_eq!((report.counts.deleted, report.counts.created), (deleted, created));
    world.assert_quiet();
}
