//! How a successor recovers a dead run.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Side,
    capability::CreateIdempotency,
    ports::{LinkState, Step},
    run::{Options, Scope},
};

use crate::support::{ChangeState, Manners, World, fields};

const STEPS: [Step; 5] =
    [Step::IntentCommitted, Step::RemoteWritten, Step::Confirmed, Step::BaseAdvanced, Step::CursorSaved];

fn with_creates(create_idempotency: CreateIdempotency) -> World {
    let manners = Manners { create_idempotency, incremental: true, ..Manners::default() };
    World::with(
        json!({ "two_way_create": true, "batch_size": 2, "delete_policy": "delete" }),
        manners.clone(),
        manners,
    )
}

/// All kinds of work at once: creates both ways, edits both ways, a delete.
fn busy(create_idempotency: CreateIdempotency) -> World {
    let world = with_creates(create_idempotency);
    for _ in 0..3 {
        world.paired(json!({ "title": "bystander" }));
    }
    let (gone, _) = world.paired(json!({ "title": "gone" }));
    let (s, t) = world.paired(json!({ "title": "old", "body": "old" }));
    world.source.remove(&gone);
    world.sync();
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "notes", "T");
    for number in 0..3 {
        world.source.add(fields(json!({ "title": format!("from source {number}") })));
        world.target.add(fields(json!({ "name": format!("from target {number}") })));
    }
    world
}

#[rstest]
fn a_crash_at_any_step_costs_nothing_and_doubles_nothing(
    #[values(CreateIdempotency::Native, CreateIdempotency::Marker)] creates: CreateIdempotency,
) {
    let calm = busy(creates);
    calm.sync();
    let mut crashes = 0;
    for step in STEPS {
        for nth in 0.. {
            let world = busy(creates);
            if world.crash(step, nth).is_some() {
                break;
            }
            crashes += 1;
            world.wait(1);
            world.sync();
            for side in Side::BOTH {
                let sorted = |world: &World| {
                    let mut all: Vec<String> =
                        world.place(side).all().iter().map(|(_, fields)| format!("{fields:?}")).collect();
                    all.sort();
                    all
                };
                assert_eq!(sorted(&world), sorted(&calm), "{side}, crash at {step:?} {nth}");
            }
            let tables = world.tables().clone();
            assert_eq!(tables.happened().len(), calm.tables().changes.len(), "crash at {step:?} {nth}");
            assert!(
                tables.happened().iter().all(|row| row.state == ChangeState::Confirmed),
                "{step:?} {nth}"
            );
            assert!(tables.links.values().all(|row| row.intent.is_none()));
            assert_eq!(tables.conflicts.len(), 0);
            world.sync();
            world.assert_quiet();
        }
    }
    assert!(crashes >= 15, "{crashes}");
}

#[test]
fn a_successor_waits_until_the_sender_has_stopped_and_the_marker_shows() {
    let lagging = Manners {
        create_idempotency: CreateIdempotency::Marker,
        marker_visible_after: std::time::Duration::from_secs(300),
        ..Manners::default()
    };
    let world = World::with(json!({}), Manners::default(), lagging);
    world.source.add(fields(json!({ "title": "one" })));
    assert!(world.crash(Step::IntentCommitted, 0).is_none());
    world.sync_after_five_minutes();
    assert_eq!(world.target.ids().len(), 1);
}

fn crashed_create(step: Step) -> (World, String) {
    let world = with_creates(CreateIdempotency::Marker);
    world.paired(json!({ "title": "bystander" }));
    let s = world.source.add(fields(json!({ "title": "one", "body": "text" })));
    assert!(world.crash(step, 0).is_none());
    world.wait(1);
    (world, s)
}

#[rstest]
#[case(Step::IntentCommitted)]
#[case(Step::RemoteWritten)]
fn an_origin_edited_before_the_restart_arrives_as_edited(#[case] step: Step) {
    let (mut world, s) = crashed_create(step);
    // No conflict, whichever side would win: the target still has the written value.
    world.spec.conflict_strategy = syncline_engine::spec::Strategy::TargetWins;
    world.source.edit(&s, "title", "edited");
    world.sync();
    assert_eq!(world.target.ids().len(), 2);
    assert!(world.target.all().iter().any(|(_, item)| item["name"].to_json() == "edited"));
    assert_eq!(world.tables().conflicts.len(), 0);
    world.sync();
    world.assert_quiet();
}

#[rstest]
#[case(Step::IntentCommitted)]
#[case(Step::RemoteWritten)]
fn an_origin_deleted_before_the_restart_takes_its_counterpart_with_it(#[case] step: Step) {
    let (world, s) = crashed_create(step);
    world.source.remove(&s);
    for _ in 0..3 {
        world.sync();
    }
    assert_eq!((world.source.ids().len(), world.target.ids().len()), (1, 1));
    assert_eq!(world.tables().links[&2].state, LinkState::Tombstone);
    world.assert_quiet();
}

#[test]
fn a_counterpart_edited_before_the_restart_keeps_its_edit() {
    let (world, s) = crashed_create(Step::RemoteWritten);
    let (t, _) =
        world.target.all().into_iter().find(|(_, item)| item["name"].to_json() == "one").expect("created");
    world.target.edit(&t, "name", "edited there");
    world.target.edit(&t, "points", 5);
    world.sync();
    assert_eq!(world.source.value(&s, "title"), json!("edited there"));
    assert_eq!(world.source.value(&s, "points"), json!(5), "of a field that was created empty, too");
    assert_eq!(world.source.value(&s, "body"), json!("text"));
    world.sync();
    world.assert_quiet();
}

#[test]
fn a_counterpart_deleted_before_the_restart_is_made_anew() {
    let (world, _) = crashed_create(Step::RemoteWritten);
    let (t, _) =
        world.target.all().into_iter().find(|(_, item)| item["name"].to_json() == "one").expect("created");
    world.target.remove(&t);
    world.sync();
    assert_eq!(world.target.ids().len(), 2, "nobody can tell that it was ever there");
    world.sync();
    world.assert_quiet();
}

#[test]
fn a_field_that_could_not_cross_is_carried_once_it_can_even_after_a_crash() {
    let world = with_creates(CreateIdempotency::Marker);
    let s = world.source.add(fields(json!({ "title": "one", "status": "Unheard of" })));
    assert!(world.crash(Step::RemoteWritten, 0).is_none());
    world.wait(1);
    world.sync();
    let mut mappings = crate::support::default_fields();
    mappings[2]["values"]["Unheard of"] = json!("closed");
    let mut world = world;
    world.revise(json!({ "field_mappings": mappings }));
    world.sync();
    assert_eq!(world.target.value(&world.target.only(), "state"), json!("closed"));
    assert_eq!(world.source.value(&s, "status"), json!("Unheard of"));
}

/// A crash during writes to both sides of one item.
#[test]
fn writes_to_both_sides_are_each_found_out_about() {
    for step in [Step::IntentCommitted, Step::RemoteWritten, Step::Confirmed] {
        let world = World::new(json!({}));
        let (s, t) = world.paired(json!({ "title": "old", "body": "old" }));
        world.source.edit(&s, "title", "S");
        world.target.edit(&t, "notes", "T");
        assert!(world.crash(step, 0).is_none());
        world.wait(1);
        world.source.edit(&s, "title", "S2");
        world.sync();
        assert_eq!(world.target.get(&t), Some(fields(json!({ "name": "S2", "notes": "T" }))), "{step:?}");
        assert_eq!(world.source.get(&s), Some(fields(json!({ "title": "S2", "body": "T" }))), "{step:?}");
        assert_eq!(world.tables().conflicts.len(), 0, "{step:?}");
        world.assert_quiet();
    }
}

/// The value that was overwritten is on record, although the run died before it recorded the conflict.
#[test]
fn a_conflict_that_a_run_settled_before_it_died_is_on_record() {
    let world = World::new(json!({ "conflict_strategy": "source_wins" }));
    let (s, t) = world.paired(json!({ "title": "old", "body": "old" }));
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "name", "T");
    world.source.edit(&s, "body", "only here");
    assert!(world.crash(Step::RemoteWritten, 0).is_none());
    world.wait(5);
    world.sync();
    assert_eq!(world.target.get(&t), Some(fields(json!({ "name": "S", "notes": "only here" }))));
    let found: Vec<(Option<String>, bool)> = world
        .tables()
        .conflicts
        .iter()
        .map(|row| (row.conflict.field.clone(), row.conflict.resolution.is_some()))
        .collect();
    assert_eq!(found, [(Some("title".to_owned()), true)]);
    world.assert_quiet();
}

/// A list is replaced as a whole, unlike a set.
#[test]
fn a_settled_conflict_of_a_list_is_on_record_too() {
    let rule = json!({ "source_field": "tags", "target_field": "tags", "source_type": "array", "target_type": "array" });
    let world = World::new(json!({ "conflict_strategy": "source_wins", "field_mappings": [rule] }));
    let (s, t) = world.paired(json!({ "tags": ["old"] }));
    world.source.edit(&s, "tags", json!(["S"]));
    world.target.edit(&t, "tags", json!(["T"]));
    assert!(world.crash(Step::RemoteWritten, 0).is_none());
    world.wait(1);
    world.sync();
    assert_eq!(world.target.value(&t, "tags"), json!(["S"]));
    assert_eq!(world.tables().conflicts.len(), 1);
    world.assert_quiet();
}

#[test]
fn an_update_overwritten_before_the_restart_is_unknown_and_resolved_like_any_conflict() {
    let world = World::new(json!({ "conflict_strategy": "target_wins" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "S");
    assert!(world.crash(Step::RemoteWritten, 0).is_none());
    world.wait(1);
    world.target.edit(&t, "name", "T");
    world.sync();
    assert_eq!(world.source.value(&s, "title"), json!("T"));
    let states: Vec<ChangeState> = world.tables().changes.iter().map(|row| row.state).collect();
    assert_eq!(states, [ChangeState::Confirmed, ChangeState::Unknown, ChangeState::Confirmed]);
    world.assert_quiet();
}

#[test]
fn what_a_platform_made_of_an_unanswered_write_is_no_edit() {
    let trims = Manners { trims: true, ..Manners::default() };
    for (step, title) in [(Step::IntentCommitted, "new "), (Step::RemoteWritten, " new")] {
        let world =
            World::with(json!({ "conflict_strategy": "target_wins" }), Manners::default(), trims.clone());
        let (s, t) = world.paired(json!({ "title": "old" }));
        world.source.edit(&s, "title", title);
        assert!(world.crash(step, 0).is_none());
        world.wait(1);
        world.sync();
        assert_eq!(world.source.value(&s, "title"), json!(title));
        assert_eq!(world.target.value(&t, "name"), json!("new"));
        assert_eq!(world.tables().conflicts.len(), 0);
        assert!(world.tables().happened().iter().all(|row| row.state == ChangeState::Confirmed));
        world.assert_quiet();
    }
}

#[test]
fn an_unanswered_create_without_a_marker_is_left_to_a_person() {
    let none = Manners { create_idempotency: CreateIdempotency::None, ..Manners::default() };
    let world = World::with(json!({}), Manners::default(), none);
    let s = world.source.add(fields(json!({ "title": "one" })));
    assert!(world.crash(Step::RemoteWritten, 0).is_none());
    world.wait(1);
    world.sync();
    world.sync();
    assert_eq!(world.target.ids().len(), 1, "it is not sent again");
    assert_eq!(world.tables().open_conflicts()[0].conflict.kind.as_str(), "ambiguous_create");
    world.assert_quiet();
    world.source.edit(&s, "body", "edited");
    world.sync();
    assert_eq!(world.target.ids().len(), 1);
    world.target.remove(&world.target.only());
    world.tables().choose(Side::Source);
    world.sync_with(Options { scope: Scope::Links(vec![1]), ..Options::default() });
    assert_eq!(world.target.value(&world.target.only(), "name"), json!("one"));
    assert_eq!(world.tables().open_conflicts().len(), 0);
    world.assert_quiet();
}

#[test]
fn what_an_unanswered_create_may_have_made_is_not_carried_back() {
    let none = Manners { create_idempotency: CreateIdempotency::None, ..Manners::default() };
    let world = World::with(json!({ "two_way_create": true }), Manners::default(), none);
    world.source.add(fields(json!({ "title": "one" })));
    assert!(world.crash(Step::RemoteWritten, 0).is_none());
    world.wait(1);
    for _ in 0..3 {
        world.sync();
    }
    assert_eq!((world.source.ids().len(), world.target.ids().len()), (1, 1));
    // A person found the item, so nothing is created for it any more, on neither side.
    world.tables().choose(Side::Target);
    world.sync_with(Options { scope: Scope::Links(vec![1]), ..Options::default() });
    assert_eq!(world.tables().open_conflicts().len(), 0);
    assert_eq!((world.source.ids().len(), world.target.ids().len()), (1, 1));
}

#[test]
fn an_unanswered_create_of_a_deleted_item_is_not_sent_again_either() {
    let none = Manners { create_idempotency: CreateIdempotency::None, ..Manners::default() };
    let changes = json!({ "delete_policy": "delete", "conflict_strategy": "source_wins" });
    let world = World::with(changes, Manners::default(), none);
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.target.remove(&t);
    world.source.edit(&s, "title", "edited");
    world.sync();
    assert!(world.crash(Step::RemoteWritten, 0).is_none());
    world.wait(1);
    for _ in 0..3 {
        world.sync();
    }
    assert_eq!(world.target.ids().len(), 2);
    assert_eq!(world.tables().open_conflicts()[0].conflict.kind.as_str(), "ambiguous_create");
    world.assert_quiet();
}

#[test]
fn an_unanswered_create_is_paired_when_its_item_turns_up() {
    let none = Manners { create_idempotency: CreateIdempotency::None, ..Manners::default() };
    let world = World::with(json!({ "match_on": ["title"] }), Manners::default(), none);
    world.source.add(fields(json!({ "title": "one" })));
    assert!(world.crash(Step::RemoteWritten, 0).is_none());
    world.wait(1);
    world.sync();
    assert_eq!(world.target.ids().len(), 1);
    assert_eq!(world.tables().open_conflicts().len(), 0);
    world.assert_quiet();
}

#[test]
fn an_item_that_comes_back_is_not_taken_for_the_one_that_was_to_be_made() {
    let world = World::new(json!({ "delete_policy": "delete", "conflict_strategy": "source_wins" }));
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    let before = world.target.get(&t).unwrap();
    world.target.remove(&t);
    world.sync();
    world.source.edit(&s, "title", "edited");
    assert!(world.crash(Step::IntentCommitted, 0).is_none());
    world.wait(1);
    world.target.restore(&t, before);
    world.sync();
    assert_eq!(world.source.value(&s, "title"), json!("edited"));
    assert_eq!(world.target.value(&t, "name"), json!("edited"));
    assert_eq!(world.target.ids().len(), 2);
    world.assert_quiet();
}

/// A run of one item is writing while a run of the whole sync begins: the latter does the rest, and neither waits.
#[rstest]
#[case::an_update(false)]
#[case::a_create(true)]
fn a_run_of_everything_leaves_alone_what_another_run_is_writing(#[case] create: bool) {
    let world =
        World::new(json!({ "two_way_create": true, "match_on": ["title"], "delete_policy": "delete" }));
    let (s, t) = world.paired(json!({ "title": "one" }));
    let (other, other_t) = world.paired(json!({ "title": "two" }));
    let link = if create {
        // A failed create left a link that waits for its counterpart.
        world.target.refuse(|_| true);
        world.source.add(fields(json!({ "title": "new" })));
        world.sync();
        world.target.refuse_nothing();
        3
    } else {
        world.source.edit(&s, "title", "edited");
        1
    };
    let only = Options { scope: Scope::Links(vec![link]), ..Options::default() };
    assert!(world.crash_other(&only, Step::RemoteWritten, 0).is_none());
    world.source.edit(&other, "title", "changed");
    let report = world.sync();
    assert_eq!(world.target.value(&other_t, "name"), json!("changed"));
    assert_eq!((report.counts.updated, report.counts.created), (1, 0));
    // It is taken over once its sender must have stopped.
    world.wait(1);
    world.sync_other(&only);
    assert_eq!(world.source.ids().len(), world.target.ids().len());
    assert_eq!(world.target.value(&t, "name"), json!(if create { "one" } else { "edited" }));
    world.sync();
    world.assert_quiet();
}
