//! Histories with a backup taken in the middle and restored at the end.

use chrono::TimeDelta;
use proptest::prelude::*;
use syncline_engine::{
    Side, Value,
    ports::WriteOp,
    side::Pair,
    value::{Fields, fields_from_json},
};

use super::{
    check::{assert_converges, assert_no_doubles},
    config,
    history::{Event, history, play},
    setup::{Setup, creates_found_again, no_way_to_tell, setup},
};
use crate::support::{Tables, World};

/// Plays a history; returns the backup taken before the event with this number.
fn play_with_backup(world: &mut World, events: &[Event], taken: usize) -> Tables {
    let mut backup = world.backup();
    for (number, event) in events.iter().enumerate() {
        if number == taken {
            backup = world.backup();
        }
        // An item restored here has lost its marker, and one with another id is not the origin that its counterpart's
        // marker names: both look like new ones.
        if matches!(event, Event::Restore(_) | Event::Renumber(..)) {
            continue;
        }
        play(world, event);
        world.clock.advance(TimeDelta::seconds(1));
    }
    world.source.refuse_nothing();
    world.target.refuse_nothing();
    // After a restore an item that no listing has cannot be told from one that was never there.
    for side in Side::BOTH {
        world.place(side).show_all();
        world.place(side).renew_token();
    }
    backup
}

/// The contents of both places by id, and the last agreed contents of each side.
struct Before {
    items: Pair<Vec<(String, Fields)>>,
    in_step: Pair<Vec<(String, Fields)>>,
    /// True if a write has no recorded verdict: the agreed contents are unknown then.
    unanswered: bool,
    written: Pair<usize>,
}

impl Before {
    fn of(world: &World) -> Before {
        let tables = world.tables();
        let mapping = world.mapping();
        let in_step = |side: Side| {
            let rows = tables.links.values().filter(|row| row.intent.is_none());
            let base = |json: &serde_json::Value| mapping.typed_fields(side, &fields_from_json(json));
            rows.filter_map(|row| Some((row.ids.get(side).clone()?, base(row.base.get(side))))).collect()
        };
        Before {
            items: Pair::new(world.source.all(), world.target.all()),
            in_step: Pair::new(in_step(Side::Source), in_step(Side::Target)),
            unanswered: tables.links.values().any(|row| row.intent.is_some()),
            written: Pair::new(world.source.written().len(), world.target.written().len()),
        }
    }

    /// Nothing was deleted, and no edit is lost.
    #[track_caller]
    fn assert_nothing_is_lost(&self, world: &World) {
        self.assert_no_edit_is_lost(world);
        for side in Side::BOTH {
            let written = &world.place(side).written()[*self.written.get(side)..];
            assert!(!written.iter().any(|op| matches!(op, WriteOp::Remove { .. })), "{written:?}");
        }
    }

    /// Every overwritten value was the last agreed one of its side.
    #[track_caller]
    fn assert_no_edit_is_lost(&self, world: &World) {
        let mapping = world.mapping();
        for side in Side::BOTH {
            for op in &world.place(side).written()[*self.written.get(side)..] {
                let WriteOp::Update { id, fields } = op else { continue };
                let of = |items: &[(String, Fields)]| {
                    items.iter().find(|(other, _)| other == id).map(|(_, fields)| fields.clone())
                };
                let in_step = of(self.in_step.get(side));
                if in_step.is_none() && self.unanswered {
                    continue;
                }
                let (in_step, now) =
                    (in_step.unwrap_or_default(), of(self.items.get(side)).unwrap_or_default());
                let now = mapping.typed_fields(side, &now);
                for name in fields.keys() {
                    let value = |fields: &Fields| fields.get(name).cloned().unwrap_or(Value::Null);
                    let (now, in_step) = (value(&now), value(&in_step));
                    assert!(
                        now.same(&in_step),
                        "{side} {id} {name}: {now} was overwritten, last in step: {in_step}"
                    );
                }
            }
        }
    }
}

fn calm(events: Vec<Event>) -> Vec<Event> {
    events.into_iter().filter(|event| !matches!(event, Event::Choose(_))).map(Event::without_mishap).collect()
}

/// Both sides report modification times: without times a value that was set back looks like an untouched one.
fn with_times(setup: Setup) -> Setup {
    Setup { modified_times: Pair::new(true, true), ..setup }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_older_database_deletes_nothing_doubles_nothing_and_loses_no_edit(
        setup in setup(creates_found_again()), events in history(16), taken in 0_usize..16,
    ) {
        let mut world = with_times(setup).without_limits().world();
        world.options.approved_deletes = None;
        let backup = play_with_backup(&mut world, &events, taken);
        world.wait(1);
        let before = Before::of(&world);
        world.restore(&backup);
        for _ in 0..3 {
            let report = world.sync();
            assert_no_doubles(&world);
            before.assert_nothing_is_lost(&world);
            world.wait(1);
            // Earlier than the worker, which waits for the answers.
            world.options.after_restore &= report.held.is_some() || report.ambiguous > 0;
        }
    }

    #[test]
    fn an_older_database_doubles_nothing_even_where_a_create_cannot_be_found_again(
        setup in setup(no_way_to_tell()), one_way in any::<bool>(), events in history(16), taken in 0_usize..16,
    ) {
        let mut world = with_times(setup).without_limits().world();
        world.options.approved_deletes = None;
        if one_way {
            world.spec.direction = syncline_engine::spec::Direction::SourceToTarget;
        }
        let backup = play_with_backup(&mut world, &calm(events), taken);
        let before = Before::of(&world);
        world.restore(&backup);
        for _ in 0..3 {
            world.sync();
            assert_no_doubles(&world);
            before.assert_nothing_is_lost(&world);
            world.wait(1);
        }
    }

    #[test]
    fn an_older_database_comes_to_agree_once_its_deletes_are_agreed_to(
        setup in setup(creates_found_again()), events in history(14), taken in 0_usize..14,
    ) {
        let mut world = with_times(setup).without_limits().world();
        let backup = play_with_backup(&mut world, &events, taken);
        world.wait(1);
        let before = Before::of(&world);
        world.restore(&backup);
        for run in 0..4 {
            world.sync();
            assert_no_doubles(&world);
            if run == 0 {
                before.assert_no_edit_is_lost(&world);
            }
            world.wait(1);
            super::history::choose(&world, Side::Source);
        }
        world.options.after_restore = false;
        assert_converges(&mut world);
    }
}
