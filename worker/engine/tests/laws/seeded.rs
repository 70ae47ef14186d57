//! Each planted mistake breaks a law within 2,000 histories of a fixed seed.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::json;
use syncline_engine::{
    Side,
    run::{Options, Scope},
    side::Pair,
};

use super::{
    Event, Setup, assert_converges, assert_every_effect_has_its_row, assert_no_doubles,
    assert_nothing_is_overwritten_unseen,
    check::{assert_edits_arrive, assert_nothing_is_removed_by_itself},
    creates_found_again,
    history::{Edit, Mishap, history, mishap, play},
    setup,
};
use crate::support::{Fault, Manners, Seeded, Shown, World, fields};

/// What a history is made of.
type Draw = (Setup, Vec<Event>, Vec<(Side, Edit)>, Mishap);

/// Plays one drawn history under each law.
fn obey(seeded: Option<Seeded>, (setup, events, edits, mishap): &Draw) {
    let mut world = setup.world();
    world.seeded = seeded;
    // A single item would fall under the guard.
    for side in [Side::Source, Side::Target, Side::Source] {
        play(&mut world, &Event::Add(side));
    }
    play(&mut world, &Event::Sync(Mishap::None));
    for event in events {
        play(&mut world, event);
        assert_nothing_is_removed_by_itself(&world);
        assert_no_doubles(&world);
        assert_nothing_is_overwritten_unseen(&world);
    }
    assert_converges(&mut world);
    let mut world = Setup { trims: false, ..setup.without_limits() }.world();
    world.seeded = seeded;
    for event in events {
        play(&mut world, event);
        play(&mut world, &Event::Sync(Mishap::None));
    }
    world.source.renew_token();
    world.target.renew_token();
    world.source.refuse_nothing();
    world.target.refuse_nothing();
    play(&mut world, &Event::Sync(Mishap::None));
    assert_every_effect_has_its_row(&world);
    assert_edits_arrive(&setup.without_limits(), edits, mishap, seeded);
    assert_item_runs_only_mark(seeded);
    assert_listings_end(seeded, events.len());
    assert_deadlines(seeded, events.len());
}

/// A run of one item that is not shown any more removes nothing.
fn assert_item_runs_only_mark(seeded: Option<Seeded>) {
    let setup = Setup { remote: Pair::new(true, true), ..Setup::default() };
    let mut world = setup.world();
    for _ in 0..3 {
        play(&mut world, &Event::Add(Side::Source));
    }
    world.sync();
    world.seeded = seeded;
    let hidden = world.source.ids().remove(0);
    world.source.show(&hidden, Some(Shown::Hidden));
    drop(world.try_sync_with(Options {
        scope: Scope::Links(vec![1]),
        approved_deletes: None,
        ..world.options.clone()
    }));
    assert_nothing_is_removed_by_itself(&world);
}

/// A listing of three pages a run ends after as many runs as it takes, and nothing is read twice.
fn assert_listings_end(seeded: Option<Seeded>, items: usize) {
    let slow =
        Manners { remote: true, snapshot: false, page_size: 1, pages_per_run: Some(3), ..Manners::default() };
    let mut world = World::with(json!({}), slow, Manners::default());
    world.seeded = seeded;
    for number in 0..items {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    let runs = items.div_ceil(3).max(1);
    let calls = world.source.calls();
    for run in 1..=runs {
        assert_eq!(world.try_sync().is_ok(), run == runs, "run {run} of {runs} for {items} items");
    }
    assert_eq!(world.target.ids().len(), items);
    assert_eq!(world.source.calls(), calls, "no item was read by its id");
}

/// Slow writes stop at their deadline.
fn assert_deadlines(seeded: Option<Seeded>, seconds: usize) {
    let slow = Manners { write_batch: 20, ..Manners::default() };
    let mut world = World::with(json!({ "batch_size": 20 }), Manners::default(), slow);
    world.seeded = seeded;
    for number in 0..20 {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    world.target.fail([Fault::Slow(u32::try_from(seconds).unwrap() + 1)]);
    drop(world.try_sync());
    let moved = world.tables().deadlines.clone();
    for at in world.target.sent() {
        let valid = moved.iter().rfind(|(set, _)| *set <= at);
        assert!(valid.is_some_and(|valid| at < valid.1), "sent at {at} under {valid:?}");
    }
}

/// Plays histories until a law is broken; returns how many it took.
fn histories_until_broken(seeded: Option<Seeded>, most: usize) -> Option<usize> {
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let draw = (setup(creates_found_again()), history(14), super::check::edits(), mishap());
    (0..most).find(|_| {
        let drawn: Draw = draw.new_tree(&mut runner).unwrap().current();
        catch_unwind(AssertUnwindSafe(|| obey(seeded, &drawn))).is_err()
    })
}

#[test]
fn each_planted_mistake_breaks_a_law() {
    // The panics are the expected result.
    let before = take_hook();
    set_hook(Box::new(|_| {}));
    let found: Vec<(Seeded, Option<usize>)> =
        Seeded::ALL.iter().map(|seeded| (*seeded, histories_until_broken(Some(*seeded), 2_000))).collect();
    let broken = histories_until_broken(None, 100);
    set_hook(before);
    println!("{found:?}");
    let missed: Vec<Seeded> =
        found.iter().filter(|(_, broken)| broken.is_none()).map(|(seeded, _)| *seeded).collect();
    assert_eq!(missed, []);
    assert_eq!(broken, None, "the engine itself breaks none");
}
