//! A database restored from a backup: the links are older than the two places.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side,
    capability::CreateIdempotency,
    ports::{LinkState, Step},
    run::{Options, Scope},
};

use crate::support::{Manners, Shown, Tables, World, fields};

/// Two-way, with deletes; `None` for a target that numbers its rows and cannot store a marker.
fn world(target: CreateIdempotency) -> World {
    let manners = Manners { create_idempotency: target, ..Manners::default() };
    let changes = json!({
        "two_way_create": true, "delete_policy": "delete", "delete_guard": { "max_share": 1.0, "max_count": 1000 }
    });
    World::with(
        changes,
        Manners { create_idempotency: CreateIdempotency::Marker, ..Manners::default() },
        manners,
    )
}

fn sizes(world: &World) -> (usize, usize) {
    (world.source.ids().len(), world.target.ids().len())
}

/// A person chooses this side in all open conflicts, and the choices are applied.
fn answer(world: &World, side: Side) {
    let links: Vec<i64> = world.tables().open_conflicts().iter().map(|row| row.link).collect();
    world.tables().choose(side);
    world.sync_with(Options { scope: Scope::Links(links), ..world.options.clone() });
}

fn approved(world: &World, count: u64) -> Options {
    Options { approved_deletes: Some(count), ..world.options.clone() }
}

#[rstest]
#[case::marker(CreateIdempotency::Marker)]
#[case::native(CreateIdempotency::Native)]
#[case::nothing(CreateIdempotency::None)]
fn what_was_created_since_is_found_again_from_either_side(#[case] target: CreateIdempotency) {
    let mut world = world(target);
    world.paired(json!({ "title": "before" }));
    let backup = world.backup();
    world.source.add(fields(json!({ "title": "from the source" })));
    world.target.add(fields(json!({ "name": "from the target" })));
    world.sync();
    assert_eq!(sizes(&world), (3, 3));
    world.restore(&backup);
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.conflicts), (0, 0), "{report:?}");
    assert_eq!(sizes(&world), (3, 3));
    world.assert_quiet();
    world.options.after_restore = false;
    world.assert_quiet();
}

#[test]
fn what_was_created_and_edited_since_is_asked_about_field_by_field() {
    let mut world = world(CreateIdempotency::Marker);
    let backup = world.backup();
    let (s, t) = world.paired(json!({ "title": "one", "body": "text" }));
    world.source.edit(&s, "title", "two");
    world.restore(&backup);
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.conflicts), (0, 1), "{report:?}");
    assert_eq!(world.target.value(&t, "name"), json!("one"));
    answer(&world, Side::Source);
    assert_eq!(world.target.value(&t, "name"), json!("two"));
    world.assert_quiet();
}

#[test]
fn what_nothing_tells_apart_is_asked_about_and_not_made_again() {
    let mut world = world(CreateIdempotency::None);
    let backup = world.backup();
    let (s, _) = world.paired(json!({ "title": "one" }));
    world.source.edit(&s, "title", "two");
    world.restore(&backup);
    for _ in 0..3 {
        world.sync();
        assert_eq!(sizes(&world), (1, 1));
    }
    {
        let tables = world.tables();
        let [open] = tables.open_conflicts()[..] else { panic!("{} open", tables.open_conflicts().len()) };
        assert_eq!(open.conflict.kind.as_str(), "ambiguous_create");
        assert_eq!(open.conflict.values.target.to_json()["name"], json!("two"));
    }
    // It is the counterpart: the two are paired, and the next question is which title is right.
    answer(&world, Side::Target);
    world.sync();
    answer(&world, Side::Source);
    assert_eq!(sizes(&world), (1, 1));
    assert_eq!(world.target.value(&world.target.only(), "name"), json!("two"));
    world.options.after_restore = false;
    world.assert_quiet();
}

#[test]
fn an_item_that_a_person_knows_to_be_new_is_created() {
    let mut world = world(CreateIdempotency::None);
    let backup = world.backup();
    world.source.add(fields(json!({ "title": "mine" })));
    world.target.add(fields(json!({ "name": "yours" })));
    world.restore(&backup);
    world.sync();
    assert_eq!(sizes(&world), (1, 1));
    answer(&world, Side::Source);
    assert_eq!(sizes(&world), (1, 2));
    world.sync();
    assert_eq!(sizes(&world), (2, 2), "the target's own item is new as well, now that nothing else is left");
    world.assert_quiet();
}

#[test]
fn two_items_made_equal_by_hand_are_each_other_s() {
    let mut world = world(CreateIdempotency::None);
    let backup = world.backup();
    let (s, t) = world.paired(json!({ "title": "one" }));
    let (other, _) = world.paired(json!({ "title": "three" }));
    world.source.edit(&s, "title", "two");
    world.source.edit(&other, "title", "four");
    world.restore(&backup);
    assert_eq!(world.sync().counts.conflicts, 2);
    world.target.edit(&t, "name", "two");
    world.sync();
    assert_eq!(world.tables().open_conflicts().len(), 1);
    assert_eq!(sizes(&world), (2, 2));
}

#[rstest]
#[case::ordinary(json!({ "max_share": 0.1, "max_count": 20 }))]
#[case::generous(json!({ "max_share": 1.0, "max_count": 1000 }))]
fn nothing_is_deleted_until_somebody_agrees(#[case] guard: Json) {
    let mut world = world(CreateIdempotency::Marker);
    world.revise(json!({ "delete_policy": "delete", "delete_guard": guard }));
    let (s, _) = world.paired(json!({ "title": "goes" }));
    for title in ["a", "b", "c"] {
        world.paired(json!({ "title": title }));
    }
    let backup = world.backup();
    world.restore(&backup);
    world.source.remove(&s);
    for _ in 0..3 {
        let report = world.sync_with(Options { confirm_deletes: true, ..world.options.clone() });
        let held = report.held.unwrap();
        assert_eq!((held.deletes, held.allowed, held.after_restore), (1, 0, true));
        assert_eq!(world.target.ids().len(), 4);
    }
    assert_eq!(world.sync_with(approved(&world, 1)).counts.deleted, 1);
    assert_eq!(sizes(&world), (3, 3));
    world.assert_quiet();
}

#[test]
fn a_delete_that_was_carried_out_since_is_no_delete_any_more() {
    let mut world = world(CreateIdempotency::Marker);
    let (s, _) = world.paired(json!({ "title": "gone" }));
    world.paired(json!({ "title": "stays" }));
    let backup = world.backup();
    world.source.remove(&s);
    world.sync();
    world.sync();
    assert_eq!(sizes(&world), (1, 1));
    world.restore(&backup);
    world.sync();
    let report = world.sync();
    assert_eq!((report.held.clone(), report.counts.deleted, report.counts.ended), (None, 0, 1), "{report:?}");
    world.assert_quiet();
}

#[test]
fn a_counterpart_that_was_made_anew_takes_the_place_of_the_one_that_went() {
    let mut world = world(CreateIdempotency::Marker);
    let (s, t) = world.paired(json!({ "title": "one" }));
    let backup = world.backup();
    // Deleted there and edited here: the edit won, and the counterpart was created again.
    world.target.remove(&t);
    world.sync();
    world.wait(1);
    world.source.edit(&s, "title", "two");
    world.sync();
    let anew = world.target.only();
    assert_ne!(anew, t);
    world.restore(&backup);
    let report = world.sync();
    assert_eq!((report.held.clone(), report.counts.created), (None, 0), "{report:?}");
    assert_eq!(sizes(&world), (1, 1));
    assert_eq!(world.tables().links[&1].ids.target, Some(anew));
    assert_eq!(world.tables().links[&1].state, LinkState::Linked);
    world.assert_quiet();
}

#[rstest]
#[case("last_write_wins")]
#[case("source_wins")]
#[case("target_wins")]
fn an_edit_made_after_the_last_sync_is_not_overwritten_by_what_was_in_step(#[case] strategy: &str) {
    for edited in Side::BOTH {
        let mut world = World::new(json!({ "conflict_strategy": strategy }));
        let (s, t) = world.paired(json!({ "title": "first", "points": 1 }));
        let backup = world.backup();
        world.source.edit(&s, "title", "second");
        world.sync();
        world.wait(1);
        match edited {
            Side::Source => world.source.edit(&s, "title", "third"),
            Side::Target => world.target.edit(&t, "name", "third"),
        }
        // A later edit of another field of the other item: its time says nothing about the title, nor the first item's
        // time about the points.
        world.wait(1);
        match edited {
            Side::Source => world.target.edit(&t, "points", 2),
            Side::Target => world.source.edit(&s, "points", 2),
        }
        world.restore(&backup);
        let report = world.sync();
        assert_eq!(report.counts.conflicts, 2, "{report:?}");
        let titles = [world.source.value(&s, "title"), world.target.value(&t, "name")];
        assert!(titles.contains(&json!("third")) && titles.contains(&json!("second")), "{titles:?}");
        let points = [world.source.value(&s, "points"), world.target.value(&t, "points")];
        assert!(points.contains(&json!(1)) && points.contains(&json!(2)), "{points:?}");
        answer(&world, edited);
        assert_eq!(world.source.value(&s, "title"), json!("third"));
        assert_eq!(world.target.value(&t, "name"), json!("third"));
        world.assert_quiet();
    }
}

/// After a backup a title is edited and carried over, and then set back on the target: the world, the two items, the
/// backup.
fn set_back() -> (World, [String; 2], Tables) {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "first", "body": "text" }));
    let backup = world.backup();
    world.source.edit(&s, "title", "second");
    world.sync();
    world.wait(1);
    world.target.edit(&t, "name", "first");
    (world, [s, t], backup)
}

#[test]
fn a_value_set_back_after_the_last_sync_is_asked_about() {
    let (mut world, [_, t], backup) = set_back();
    world.restore(&backup);
    assert_eq!(world.sync().counts.conflicts, 1);
    assert_eq!(world.target.value(&t, "name"), json!("first"));
}

#[test]
fn a_value_set_back_is_asked_about_also_where_the_other_item_was_edited_last() {
    let (mut world, [s, t], backup) = set_back();
    world.wait(1);
    world.source.edit(&s, "body", "more text");
    world.restore(&backup);
    assert_eq!(world.sync().counts.conflicts, 2);
    let target = [world.target.value(&t, "name"), world.target.value(&t, "notes")];
    assert_eq!(target, [json!("first"), json!("text")]);
}

#[test]
fn a_value_set_back_is_asked_about_also_where_the_backup_held_a_write_under_way() {
    let mut world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "first" }));
    world.target.edit(&t, "name", "second");
    world.crash(Step::IntentCommitted, 0);
    world.wait(1);
    let backup = world.backup();
    world.sync();
    world.wait(1);
    world.source.edit(&s, "title", "first");
    world.restore(&backup);
    // Recovering that write reads both items, which must not count as knowing that they agree.
    world.sync();
    assert_eq!(world.source.value(&s, "title"), json!("first"));
    assert_eq!(world.tables().open_conflicts()[0].conflict.kind.as_str(), "old_base");
}

#[rstest]
fn a_question_stands_until_it_is_answered_also_when_the_restore_is_over(
    #[values(Side::Source, Side::Target)] winner: Side,
) {
    let (mut world, [s, t], backup) = set_back();
    world.restore(&backup);
    assert_eq!(world.sync().counts.conflicts, 1);
    world.options.after_restore = false;
    world.source.edit(&s, "body", "more text");
    world.sync();
    let target = [world.target.value(&t, "name"), world.target.value(&t, "notes")];
    assert_eq!(target, [json!("first"), json!("more text")]);
    answer(&world, winner);
    let expected = if winner == Side::Source { json!("second") } else { json!("first") };
    assert_eq!(
        [world.source.value(&s, "title"), world.target.value(&t, "name")],
        [expected.clone(), expected]
    );
    assert!(world.tables().open_conflicts().is_empty());
    world.assert_quiet();
}

#[test]
fn an_edit_of_an_item_whose_counterpart_nobody_touched_arrives() {
    let mut world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "first" }));
    world.wait(1);
    // Long before the backup, and later than the item that is edited then.
    world.target.edit(&t, "name", "second");
    world.sync();
    world.wait(1);
    let backup = world.backup();
    world.source.edit(&s, "title", "third");
    world.restore(&backup);
    assert_eq!(world.sync().counts.conflicts, 0);
    assert_eq!(world.target.value(&t, "name"), json!("third"));
}

#[test]
fn an_edit_of_one_side_arrives_as_always() {
    let mut world = World::new(json!({ "conflict_strategy": "target_wins" }));
    let (s, t) = world.paired(json!({ "title": "first", "body": "text" }));
    let backup = world.backup();
    world.restore(&backup);
    world.source.edit(&s, "title", "second");
    let report = world.sync();
    assert_eq!((report.counts.updated, report.counts.conflicts), (1, 0), "{report:?}");
    assert_eq!(world.target.value(&t, "name"), json!("second"));
    world.assert_quiet();
}

/// The edit was seen and not carried, because its counterpart was not shown, and the restore forgets that it was not.
#[test]
fn an_edit_beside_an_item_that_was_not_shown_is_carried_after_a_restore() {
    let remote = Manners { snapshot: false, ..Manners::default() };
    let mut world = World::with(json!({}), Manners::default(), remote);
    let (s, t) = world.paired(json!({ "title": "one" }));
    world.source.edit(&s, "title", "edited");
    world.target.show(&t, Some(Shown::Hidden));
    world.sync();
    let backup = world.backup();
    world.target.show(&t, None);
    world.restore(&backup);
    world.sync();
    world.options.after_restore = false;
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("edited"));
    world.assert_quiet();
}
