//! What one failure does to the rest.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Side,
    capability::ConcurrencyControl,
    ports::{ItemStatus, StoreError, WriteOp},
    run::{Options, RunError},
};

use crate::support::{ChangeState, Fault, Manners, World, fields};

fn scheduled() -> Options {
    Options { retry_now: false, ..Options::default() }
}

#[test]
fn a_refused_item_leaves_the_others_written() {
    let world = World::new(json!({}));
    for title in ["good", "bad", "better"] {
        world.source.add(fields(json!({ "title": title })));
    }
    world
        .target
        .refuse(|op| matches!(op, WriteOp::Create { fields, .. } if fields["name"].to_json() == "bad"));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.failed, report.errors.len()), (2, 1, 1));
    assert!(report.errors[0].error.contains("will not have it"));
    let tables = world.tables();
    let states: Vec<ChangeState> = tables.changes.iter().map(|row| row.state).collect();
    // It is sent once more at the end of the run.
    let refused = [ChangeState::NotWritten, ChangeState::Confirmed, ChangeState::NotWritten];
    assert_eq!(states, [&[ChangeState::Confirmed], &refused[..]].concat());
}

#[test]
fn a_failed_item_waits_longer_after_each_failure_and_then_is_in_step() {
    let world = World::new(json!({}));
    world.source.add(fields(json!({ "title": "one" })));
    world.target.refuse(|_| true);
    world.sync_with(scheduled());
    let mut waits = Vec::new();
    for _ in 0..12 {
        let retry_at = world.tables().links[&1].retry_at.unwrap();
        let wait = (retry_at - syncline_engine::ports::Clock::now(&*world.clock)).num_minutes();
        waits.push(wait);
        world.wait(wait - 1);
        let before = world.write_calls();
        world.sync_with(scheduled());
        assert_eq!(world.write_calls(), before, "too early");
        world.wait(1);
        assert_eq!(world.sync_with(scheduled()).counts.failed, 1);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]);
    world.target.refuse_nothing();
    world.wait(360);
    world.sync_with(scheduled());
    assert_eq!(world.target.ids().len(), 1);
    assert_eq!(world.tables().links[&1].error_count, 0);
    world.assert_quiet();
}

#[test]
fn a_failed_item_that_is_edited_is_tried_at_once() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "bad");
    world.target.refuse(|_| true);
    world.sync_with(scheduled());
    world.target.refuse_nothing();
    world.source.edit(&s, "title", "good");
    world.sync_with(scheduled());
    assert_eq!(world.target.value(&t, "name"), json!("good"));
}

#[test]
fn an_item_refused_for_ever_does_not_stop_its_deletion() {
    let world = World::new(json!({ "delete_policy": "delete" }));
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "never");
    world.target.refuse(|op| matches!(op, WriteOp::Update { .. }));
    world.sync();
    world.sync();
    world.source.remove(&s);
    world.sync();
    world.sync();
    assert_eq!(world.target.get(&t), None);
    world.assert_quiet();
}

#[test]
fn one_side_refused_leaves_the_other_sides_write_standing() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old", "body": "old" }));
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "notes", "T");
    world.target.refuse(|_| true);
    let report = world.sync();
    assert_eq!((report.counts.updated, report.counts.failed), (1, 1));
    assert_eq!(world.source.value(&s, "body"), json!("T"));
    world.target.refuse_nothing();
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("S"));
    assert_eq!(world.target.value(&t, "notes"), json!("T"));
    world.assert_quiet();
}

#[test]
fn an_edit_between_our_read_and_our_write_is_read_and_decided_again() {
    let world = World::new(json!({ "conflict_strategy": "target_wins" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "S");
    let edited = t.clone();
    world.target.meddle(move |place| place.edit(&edited, "name", "T"));
    let report = world.sync();
    assert_eq!(world.source.value(&s, "title"), json!("T"));
    assert_eq!((report.counts.failed, report.counts.resolved, report.counts.updated), (0, 1, 1));
    world.assert_quiet();
}

#[test]
fn an_edit_of_another_field_just_before_our_write_still_arrives() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old", "body": "old" }));
    world.source.edit(&s, "title", "S");
    let edited = t.clone();
    world.target.meddle(move |place| place.edit(&edited, "notes", "T"));
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("S"));
    world.sync();
    assert_eq!(world.source.value(&s, "body"), json!("T"));
    world.assert_quiet();
}

#[test]
fn an_item_that_vanishes_just_before_our_write_is_not_brought_back() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "S");
    let gone = t.clone();
    world.target.meddle(move |place| place.remove(&gone));
    assert_eq!(world.sync().counts.failed, 1);
    world.sync();
    world.sync();
    assert_eq!(world.target.ids().len(), 0);
    world.assert_quiet();
}

#[test]
fn a_call_that_fails_ends_the_run_and_the_next_one_goes_on() {
    for fault in [Fault::Before, Fault::After] {
        let world = World::new(json!({ "batch_size": 2 }));
        for number in 0..6 {
            world.source.add(fields(json!({ "title": format!("{number}") })));
        }
        world.target.fail([Fault::None, fault]);
        world.try_sync().unwrap_err();
        world.sync();
        assert_eq!(world.target.ids().len(), 6);
        assert_eq!(world.tables().happened().len(), 6);
        world.assert_quiet();
    }
}

#[rstest]
#[case::none_was_sent(Fault::Before, 0, 3)]
#[case::one_was_not_answered(Fault::After, 1, 2)]
fn only_creates_without_an_answer_are_put_before_a_person(
    #[case] fault: Fault,
    #[case] conflicts: usize,
    #[case] created: u64,
) {
    let none = Manners {
        create_idempotency: syncline_engine::capability::CreateIdempotency::None,
        write_batch: 1,
        ..Manners::default()
    };
    let world = World::with(json!({}), Manners::default(), none);
    for number in 0..4 {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    world.target.fail([Fault::None, fault]);
    world.try_sync().unwrap_err();
    let report = world.sync();
    assert_eq!(world.tables().open_conflicts().len(), conflicts);
    assert_eq!((report.counts.created, world.target.ids().len()), (created, 4));
}

#[test]
fn a_lost_lease_stops_every_write() {
    for granted in 0..8 {
        let world = World::new(json!({ "batch_size": 2 }));
        for number in 0..6 {
            world.source.add(fields(json!({ "title": format!("{number}") })));
        }
        let ended = world.sync_until_lost(granted).expect("it comes to an end");
        assert!(ended.is_err());
        assert!(world.target.ids().len() < 6);
        world.sync();
        assert_eq!(world.target.ids().len(), 6, "after {granted} questions");
        assert_eq!(world.tables().happened().len(), 6);
        world.assert_quiet();
    }
}

#[test]
fn a_failed_item_keeps_its_reason_on_its_link() {
    let world = World::new(json!({}));
    let (s, _) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "new");
    world.target.refuse(|_| true);
    world.sync();
    let tables = world.tables();
    assert_eq!(tables.links[&1].status, ItemStatus::Failed);
    assert_eq!(tables.links[&1].error.as_deref(), Some("t will not have it"));
    assert_eq!(tables.links[&1].base.get(Side::Target)["name"], json!("old"));
}

#[test]
fn a_link_that_another_run_wrote_before_anything_was_sent_is_decided_again() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old" }));
    for (title, rivals) in [("once", 1), ("thrice", 3)] {
        world.source.edit(&s, "title", title);
        world.tables.lock().unwrap().rivals = rivals;
        let report = world.sync();
        assert_eq!((report.counts.updated, report.counts.synced), (1, 1));
        assert_eq!(world.target.value(&t, "name"), json!(title));
    }
    world.source.edit(&s, "title", "four times");
    world.tables.lock().unwrap().rivals = 4;
    assert!(matches!(world.try_sync(), Err(RunError::Store(StoreError::Outdated))));
    assert_eq!(world.target.value(&t, "name"), json!("thrice"), "nothing was sent");
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("four times"));
    assert!(world.tables().changes.iter().all(|row| row.state == ChangeState::Confirmed));
    world.assert_quiet();
}

#[test]
fn a_link_that_another_run_wrote_meanwhile_is_left_to_the_next_run() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "new");
    let tables = world.tables.clone();
    world.target.meddle(move |_| tables.lock().unwrap().links.get_mut(&1).unwrap().version += 1);
    assert!(matches!(world.try_sync(), Err(RunError::Store(StoreError::Outdated))));
    world.wait(1);
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("new"));
    assert_eq!(world.tables().changes.len(), 2);
    assert!(world.tables().changes.iter().all(|row| row.state == ChangeState::Confirmed));
    world.assert_quiet();
}

#[test]
fn a_run_that_was_taken_over_records_nothing_more() {
    let world = World::new(json!({}));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "new");
    let tables = world.tables.clone();
    world.target.meddle(move |_| tables.lock().unwrap().shut_out());
    assert!(matches!(world.try_sync(), Err(RunError::Store(StoreError::Stopped(_)))));
    assert!(matches!(world.try_sync(), Err(RunError::NotBefore(_))), "it may still be writing");
    world.wait(1);
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("new"));
    assert_eq!(world.tables().changes.len(), 2);
    world.assert_quiet();
}

/// The sender is slower than its lease, which is renewed meanwhile: no write is sent after the deadline that the store
/// has for it at that moment.
#[test]
fn nothing_is_sent_after_the_deadline_of_its_intent() {
    let slow = Manners { write_batch: 20, ..Manners::default() };
    let world = World::with(json!({ "batch_size": 20 }), Manners::default(), slow);
    for number in 0..20 {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    world.target.fail([Fault::Slow(8)]);
    world.sync();
    assert_eq!(world.target.ids().len(), 20);
    let (sent, moved) = (world.target.sent(), world.tables().deadlines.clone());
    assert!(moved.len() > 4, "{moved:?}");
    for at in sent {
        let valid = moved.iter().rfind(|(set, _)| *set <= at).unwrap();
        assert!(at < valid.1, "sent at {at} under {valid:?}");
    }
    world.target.fail([]);
    world.assert_quiet();
}

#[test]
fn a_write_without_an_answer_stops_no_other_and_is_not_sent_again_blindly() {
    let one = Manners { write_batch: 6, ..Manners::default() };
    let world = World::with(json!({ "batch_size": 6 }), Manners::default(), one);
    for number in 0..12 {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    world.target.fail([Fault::AfterOne(2)]);
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.failed), (11, 1));
    assert!(report.errors[0].error.contains("the next run finds out"), "{:?}", report.errors);
    assert_eq!(world.tables().links.values().filter(|link| link.intent.is_some()).count(), 1);
    world.wait(1);
    assert_eq!(world.sync().counts.created, 0);
    assert_eq!(world.target.ids().len(), 12);
    world.assert_quiet();
}

/// The platform may still be working on the request whose answer did not arrive.
#[test]
fn a_successor_waits_for_requests_that_may_still_take_effect() {
    let slow = Manners { request_timeout: std::time::Duration::from_secs(300), ..Manners::default() };
    let world = World::with(json!({}), Manners::default(), slow);
    world.source.add(fields(json!({ "title": "one" })));
    world.target.fail([Fault::After]);
    world.try_sync().unwrap_err();
    world.sync_after_five_minutes();
    assert_eq!(world.target.ids().len(), 1);
}

/// The lease is lost while the sender is at work, and the store says so when the deadline is to be moved.
#[test]
fn a_sender_whose_deadline_cannot_be_moved_stops_and_blames_no_platform() {
    let slow = Manners { write_batch: 20, ..Manners::default() };
    let world = World::with(json!({ "batch_size": 20 }), Manners::default(), slow);
    for number in 0..20 {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    let tables = world.tables.clone();
    world.target.meddle(move |_| tables.lock().unwrap().shut_out());
    world.target.fail([Fault::Slow(8)]);
    assert!(matches!(world.try_sync(), Err(RunError::Store(StoreError::Stopped(_)))));
    let sent = world.target.sent().len();
    assert!((1..20).contains(&sent), "{sent}");
    world.target.fail([]);
    world.wait(1);
    world.sync();
    assert_eq!(world.target.ids().len(), 20);
    world.assert_quiet();
}

#[test]
fn a_field_that_a_platform_leaves_out_is_a_conflict_of_that_field_alone() {
    let picky = Manners { leaves_out: Some("notes"), ..Manners::default() };
    let world = World::with(json!({}), Manners::default(), picky);
    let s = world.source.add(fields(json!({ "title": "one", "points": 3 })));
    world.sync();
    let t = world.target.only();
    world.source.edit(&s, "title", "two");
    world.source.edit(&s, "body", "text");
    let report = world.sync();
    assert_eq!((report.counts.updated, report.counts.failed, report.counts.conflicts), (1, 0, 1));
    assert_eq!(world.target.value(&t, "name"), json!("two"));
    {
        let tables = world.tables();
        let [open] = &tables.open_conflicts()[..] else { panic!("{:?}", tables.conflicts) };
        assert_eq!(
            (open.conflict.kind.as_str(), open.conflict.field.as_deref()),
            ("refused_value", Some("body"))
        );
        assert!(
            tables.links[&1]
                .error
                .as_deref()
                .is_some_and(|error| error.contains("field notes: t is too long"))
        );
    }
    world.assert_quiet();
}

#[test]
fn what_a_silent_platform_wrote_is_read_back() {
    let silent = Manners { silent: true, trims: true, ..Manners::default() };
    let world = World::with(json!({ "delete_policy": "delete" }), Manners::default(), silent);
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", " new ");
    world.sync();
    assert_eq!(world.target.value(&t, "name"), json!("new"));
    assert_eq!(world.source.value(&s, "title"), json!(" new "), "what the target made of it is no edit");
    world.assert_quiet();
}

/// Two places that cannot compare, and an item edited on both sides of which the target's edit comes from a listing.
fn uncompared() -> (World, String, String) {
    let manners = Manners { concurrency: ConcurrencyControl::None, ..Manners::default() };
    let world = World::with(json!({}), manners.clone(), manners);
    let (s, t) = world.paired(json!({ "title": "one", "body": "b" }));
    world.source.edit(&s, "title", "renamed");
    world.target.edit(&t, "points", 5);
    (world, s, t)
}

#[test]
fn a_place_that_cannot_compare_is_read_again_just_before_the_write() {
    let (world, s, t) = uncompared();
    let edited = t.clone();
    world.target.meddle_at_intent(move |place| place.edit(&edited, "name", "edited just now"));
    world.wait(1);
    world.sync();
    assert_eq!(world.source.get(&s).unwrap()["title"], world.target.get(&t).unwrap()["name"]);
    let seen = world.tables().conflicts[0].conflict.values.target.to_json();
    assert_eq!(seen, "edited just now", "the edit is not overwritten unseen");
    world.sync();
    world.assert_quiet();
}

#[test]
fn an_edit_of_another_field_beside_the_write_is_merged_by_the_next_run() {
    let (world, s, t) = uncompared();
    let edited = t.clone();
    world.target.meddle(move |place| place.edit(&edited, "notes", "edited just now"));
    world.sync();
    world.sync();
    assert_eq!(world.source.get(&s).unwrap()["body"].to_json(), "edited just now");
    assert_eq!(world.target.get(&t).unwrap()["name"].to_json(), "renamed");
    world.assert_quiet();
}
