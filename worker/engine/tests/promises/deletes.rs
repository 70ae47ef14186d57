//! The conditions for a delete.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Side,
    capability::Removal,
    ports::{LinkState, Step, WriteOp},
    run::Options,
};

use crate::support::{Manners, World, fields};

fn confirmed() -> Options {
    Options { confirm_deletes: true, ..Options::default() }
}

/// Ten pairs in sync, with a guard that allows two deletes.
fn ten(policy: &str) -> (World, Vec<String>, Vec<String>) {
    let world = World::new(json!({
        "delete_policy": policy, "delete_guard": { "max_share": 0.2, "max_count": 5 },
    }));
    let sources: Vec<String> =
        (0..10).map(|number| world.source.add(fields(json!({ "title": format!("{number}") })))).collect();
    world.sync();
    let target_of = |source: &String| {
        let title = world.source.get(source).unwrap()["title"].clone();
        world.target.all().into_iter().find(|(_, item)| item["name"] == title).unwrap().0
    };
    let targets = sources.iter().map(target_of).collect();
    world.wait(1);
    (world, sources, targets)
}

#[rstest]
#[case(Side::Source)]
#[case(Side::Target)]
fn case_34_only_two_complete_readings_remove(#[case] side: Side) {
    let (world, sources, targets) = ten("delete");
    let (gone, stays) = if side == Side::Source { (&sources, &targets) } else { (&targets, &sources) };
    world.place(side).remove(&gone[0]);
    let report = world.sync();
    assert_eq!((report.counts.deleted, report.counts.skipped), (0, 1));
    assert!(world.place(side.other()).get(&stays[0]).is_some());
    assert_eq!(world.tables().links[&1].missing.map(|(side, _)| side), Some(side));
    let report = world.sync();
    assert_eq!(report.counts.deleted, 1);
    assert_eq!(world.place(side.other()).get(&stays[0]), None);
    assert_eq!(world.tables().links[&1].state, LinkState::Tombstone);
    world.assert_quiet();
}

#[test]
fn a_confirmed_delete_acts_at_once() {
    let (world, sources, targets) = ten("delete");
    world.source.remove(&sources[3]);
    assert_eq!(world.sync_with(confirmed()).counts.deleted, 1);
    assert_eq!(world.target.get(&targets[3]), None);
    world.assert_quiet();
}

/// The rest stays, and is asked about by the next run.
#[test]
fn deletes_are_approved_by_the_names_of_their_items() {
    let (world, sources, targets) = ten("delete");
    for source in &sources[..4] {
        world.source.remove(source);
    }
    let run = |approved: &[&String]| {
        let approved_items = approved.iter().map(|id| (*id).clone()).collect();
        world.sync_with(Options { approved_items, ..Options::default() })
    };
    assert!(run(&[]).held.is_some());
    // By the id of either item; another one is there.
    let report = run(&[&sources[0], &targets[1], &sources[9]]);
    assert_eq!((report.held.is_none(), report.counts.deleted, report.counts.failed), (true, 2, 1));
    assert_eq!(report.errors[0].item, sources[9]);
    let left = |at: usize| world.target.get(&targets[at]).is_some();
    assert_eq!([left(0), left(1), left(2), left(3), left(9)], [false, false, true, true, true]);
    assert!(run(&[]).held.is_some(), "nobody has agreed to the others");
    assert_eq!(run(&[&sources[2]]).counts.deleted, 1);
    assert_eq!(world.target.ids().len(), 7);
}

#[test]
fn an_item_that_was_absent_once_and_comes_back_is_in_step_again() {
    let (world, sources, targets) = ten("delete");
    let fields = world.source.get(&sources[0]).unwrap();
    world.source.remove(&sources[0]);
    world.sync();
    world.source.restore(&sources[0], fields);
    world.sync();
    world.source.remove(&sources[0]);
    world.sync();
    assert!(world.target.get(&targets[0]).is_some(), "the absences were not in a row");
}

#[test]
fn an_absence_from_an_incomplete_listing_is_no_evidence() {
    let (world, sources, _) = ten("delete");
    world.source.remove(&sources[0]);
    world.source.incomplete(true);
    world.assert_quiet();
    world.assert_quiet();
    assert_eq!(world.target.ids().len(), 10);
}

#[rstest]
#[case(Side::Source)]
#[case(Side::Target)]
fn policy_ignore_deletes_nothing_and_brings_nothing_back(#[case] side: Side) {
    let (world, sources, targets) = ten("ignore");
    let gone = if side == Side::Source { &sources[0] } else { &targets[0] };
    world.place(side).remove(gone);
    world.sync();
    world.sync();
    assert_eq!((world.place(side).ids().len(), world.place(side.other()).ids().len()), (9, 10));
    assert_eq!(world.tables().links[&1].state, LinkState::Tombstone);
    world.assert_quiet();
    let (stays, name) = if side == Side::Source { (&targets[0], "name") } else { (&sources[0], "title") };
    world.place(side.other()).edit(stays, name, "edited since");
    world.sync();
    assert_eq!(world.place(side).get(gone), None);
}

#[test]
fn a_delete_on_both_sides_ends_the_link_and_writes_nothing() {
    let (world, sources, targets) = ten("delete");
    world.source.remove(&sources[0]);
    world.target.remove(&targets[0]);
    let before = world.write_calls();
    world.sync();
    world.sync();
    assert_eq!(world.write_calls(), before);
    assert_eq!(world.tables().links[&1].state, LinkState::Tombstone);
    world.assert_quiet();
}

#[rstest]
#[case(Side::Source)]
#[case(Side::Target)]
fn the_guard_holds_a_run_that_would_delete_too_much(#[case] side: Side) {
    let (world, sources, targets) = ten("delete");
    let (gone, edited) = if side == Side::Source { (&sources, &sources[9]) } else { (&targets, &sources[9]) };
    for id in &gone[..3] {
        world.place(side).remove(id);
    }
    world.source.edit(edited, "title", "edited");
    let before = world.write_calls();
    for _ in 0..3 {
        let report = world.sync();
        let held = report.held.expect("held");
        let missing = (held.missing_on_source, held.missing_on_target);
        assert_eq!(missing, if side == Side::Source { (3, 0) } else { (0, 3) });
        assert_eq!((held.deletes, held.links, held.allowed), (3, 10, 2));
    }
    assert_eq!(world.write_calls(), before, "a held run writes nothing at all");
    world.assert_quiet();
    let report = world.sync_with(Options { approved_deletes: Some(3), ..Options::default() });
    assert_eq!((report.held, report.counts.deleted, report.counts.updated), (None, 3, 1));
    assert_eq!(world.place(side.other()).ids().len(), 7);
}

#[test]
fn losing_everything_is_always_asked_about() {
    let world = World::new(json!({
        "delete_policy": "delete", "delete_guard": { "max_share": 1.0, "max_count": 100 },
    }));
    let (one, _) = world.paired(json!({ "title": "one" }));
    let (two, _) = world.paired(json!({ "title": "two" }));
    world.source.remove(&one);
    world.source.remove(&two);
    assert!(world.sync_with(confirmed()).held.is_some());
    assert_eq!(world.target.ids().len(), 2);
}

#[test]
fn the_guard_does_not_count_links_that_have_nothing_to_delete() {
    let (world, _, _) = ten("delete");
    let waiting: Vec<String> =
        (0..5).map(|number| world.source.add(fields(json!({ "title": format!("new {number}") })))).collect();
    world.target.refuse(|_| true);
    world.sync();
    for id in &waiting {
        world.source.remove(id);
    }
    world.target.refuse_nothing();
    let report = world.sync();
    assert_eq!(report.held, None, "their counterparts were never made");
    world.sync();
    world.assert_quiet();
}

#[rstest]
#[case("close", Removal::Close)]
#[case("archive", Removal::Archive)]
fn a_policy_that_cannot_be_carried_out_deletes_nothing(#[case] policy: &str, #[case] _removal: Removal) {
    let (world, sources, targets) = ten(policy);
    world.source.remove(&sources[0]);
    world.sync();
    let report = world.sync();
    assert!(world.target.get(&targets[0]).is_some(), "{policy} is not delete");
    assert_eq!((report.counts.deleted, report.counts.failed), (0, 1));
    assert!(report.errors[0].error.contains(policy), "{:?}", report.errors);
}

#[test]
fn a_place_that_cannot_delete_keeps_its_items() {
    let kept = Manners { removals: &[], ..Manners::default() };
    let world = World::with(json!({ "delete_policy": "delete" }), Manners::default(), kept);
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "one" }));
    world.source.remove(&s);
    world.sync();
    assert_eq!(world.sync().counts.failed, 1);
    assert!(world.target.get(&t).is_some());
}

#[test]
fn an_edit_that_meets_the_delete_is_not_deleted_unseen() {
    let (world, sources, targets) = ten("delete");
    world.source.remove(&sources[0]);
    world.sync();
    world.wait(1);
    let edited = targets[0].clone();
    world.target.meddle(move |place| place.edit(&edited, "name", "edited just now"));
    world.sync();
    assert!(world.source.all().iter().any(|(_, item)| item["title"].to_json() == "edited just now"));
    world.assert_quiet();
}

#[test]
fn an_item_with_an_open_conflict_is_not_deleted_unasked() {
    let world = World::new(json!({
        "delete_policy": "delete", "conflict_strategy": "manual", "match_on": ["title"],
    }));
    world.paired(json!({ "title": "bystander" }));
    let s = world.source.add(fields(json!({ "title": "same", "body": "S" })));
    let t = world.target.add(fields(json!({ "name": "same", "notes": "T" })));
    world.sync();
    world.source.remove(&s);
    world.sync();
    world.sync();
    assert!(world.target.get(&t).is_some(), "its notes were never in step with the source");
    world.assert_quiet();
}

#[test]
fn a_refused_delete_is_tried_again_later_and_not_in_every_run() {
    let (world, sources, targets) = ten("delete");
    world.source.remove(&sources[0]);
    world.sync();
    world.target.refuse(|op| matches!(op, WriteOp::Remove { .. }));
    let scheduled = || world.sync_with(Options { retry_now: false, ..Options::default() });
    assert_eq!(scheduled().counts.failed, 1);
    let before = world.write_calls();
    scheduled();
    assert_eq!(world.write_calls(), before, "it waits");
    world.wait(2);
    assert_eq!(scheduled().counts.failed, 1);
    world.target.refuse_nothing();
    world.wait(10);
    scheduled();
    assert_eq!(world.target.get(&targets[0]), None);
}

/// A pair in step beside nine others, of places that close what they remove. Closing changes a mapped field.
fn closing() -> (World, String, String) {
    let manners = Manners { removals: &[Removal::Close], ..Manners::default() };
    let world = World::with(json!({ "delete_policy": "close" }), manners.clone(), manners);
    for number in 0..9 {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    world.sync();
    let (s, t) = world.paired(json!({ "title": "one", "body": "open" }));
    (world, s, t)
}

#[test]
fn a_policy_of_closing_closes_the_counterpart_once_and_ends_the_link() {
    let (world, s, t) = closing();
    world.source.remove(&s);
    world.sync();
    assert_eq!(world.sync().counts.deleted, 1);
    assert_eq!(world.target.get(&t).unwrap()["notes"].to_json(), "closed");
    let closes = |op: &WriteOp| matches!(op, WriteOp::Remove { id, how: Removal::Close } if *id == t);
    assert_eq!(world.target.written().iter().filter(|op| closes(op)).count(), 1);
    world.assert_quiet();
    world.target.edit(&t, "notes", "open again");
    world.assert_quiet();
    assert_eq!(world.source.ids().len(), 9, "an item that is opened again is not created anew");
}

#[test]
fn a_close_whose_process_died_is_sent_again_and_is_no_edit() {
    let (world, s, t) = closing();
    world.source.remove(&s);
    world.sync();
    assert!(world.crash(Step::RemoteWritten, 0).is_none());
    world.wait(10);
    world.sync();
    assert_eq!(world.target.get(&t).unwrap()["notes"].to_json(), "closed");
    let tables = world.tables();
    assert!(tables.links.values().any(|link| link.state == LinkState::Tombstone));
    assert!(tables.conflicts.is_empty(), "the run's own close is not an edit after the delete");
    drop(tables);
    world.assert_quiet();
}

#[test]
fn the_guard_counts_the_deletes_of_the_last_day() {
    let (world, sources, targets) = ten("delete");
    world.source.remove(&sources[0]);
    world.sync();
    let now = syncline_engine::ports::Clock::now(&*world.clock);
    world.tables().removed.push(now - chrono::TimeDelta::hours(23));
    world.tables().removed.push(now - chrono::TimeDelta::hours(2));
    let held = world.sync().held.unwrap();
    assert_eq!((held.deletes, held.recent, held.allowed), (1, 2, 2));
    assert!(world.target.get(&targets[0]).is_some());
    world.wait(120);
    assert!(world.sync().held.is_none(), "one of them is older than a day");
    assert_eq!(world.target.get(&targets[0]), None);
}
