//! Generated histories, and the invariants after any of them.
//!
//! A failing history becomes a named test in `promises` with a description.

mod check;
mod history;
mod restore;
mod seeded;
mod setup;

use proptest::prelude::*;

use check::{
    assert_converges, assert_every_effect_has_its_row, assert_no_doubles,
    assert_nothing_is_overwritten_unseen, contents,
};
use history::{Event, Mishap, history, play};
use setup::{Setup, creates_found_again, no_way_to_tell, setup};

use crate::support::World;

pub(super) fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    // Over all laws 10,000 histories; `PROPTEST_CASES` asks for more. Failing seeds become named tests and are not stored
    // in files.
    let cases = usual.cases.max(1_000);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..usual }
}

/// Plays a history and checks after each event that no item was duplicated.
fn play_all(world: &mut World, events: &[Event]) {
    for event in events {
        play(world, event);
        assert_no_doubles(world);
        assert_nothing_is_overwritten_unseen(world);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn both_sides_come_to_agree_whatever_happened(setup in setup(creates_found_again()), events in history(14)) {
        let mut world = setup.world();
        play_all(&mut world, &events);
        assert_converges(&mut world);
    }

    #[test]
    fn nothing_is_doubled_even_where_a_create_cannot_be_found_again(
        setup in setup(no_way_to_tell()), events in history(14),
    ) {
        let mut world = setup.world();
        // With creates both ways, the item of an unanswered create comes back as if it were new.
        world.spec.direction = syncline_engine::spec::Direction::SourceToTarget;
        // A person may request a second create, and is responsible for it.
        let events: Vec<Event> =
            events.into_iter().filter(|event| !matches!(event, Event::Choose(_))).collect();
        play_all(&mut world, &events);
    }

    #[test]
    fn every_effect_has_its_row_whatever_crashes_when(
        setup in setup(creates_found_again()), events in history(10),
    ) {
        let mut world = Setup { trims: false, ..setup }.world();
        for event in &events {
            play(&mut world, event);
            // No edits before the successor has recovered the writes.
            play(&mut world, &Event::Sync(Mishap::None));
        }
        world.source.renew_token();
        world.target.renew_token();
        world.source.refuse_nothing();
        world.target.refuse_nothing();
        play(&mut world, &Event::Sync(Mishap::None));
        assert_every_effect_has_its_row(&world);
    }

    #[test]
    fn a_preview_shows_what_the_run_then_does(setup in setup(creates_found_again()), events in history(10)) {
        let mut world = setup.without_limits().world();
        play_all(&mut world, &events);
        check::assert_preview_is_what_happens(&mut world);
    }

    #[test]
    fn the_order_and_size_of_pages_and_batches_do_not_matter(
        setup in setup(creates_found_again()),
        pages in (1_usize..4, any::<bool>(), any::<bool>(), 1_u32..5),
        events in history(10),
    ) {
        let calm: Vec<Event> = events.into_iter().map(Event::without_mishap).collect();
        let (page_size, backwards, overlaps, batch_size) = pages;
        let setup = setup.without_limits();
        let other = Setup { page_size, backwards, overlaps, batch_size, ..setup.clone() };
        let outcome = |setup: &Setup| {
            let mut world = setup.world();
            play_all(&mut world, &calm);
            assert_converges(&mut world);
            contents(&world)
        };
        assert_eq!(outcome(&setup), outcome(&other));
    }

    #[test]
    fn populated_sides_are_paired_where_that_is_plain_and_left_alone_where_not(
        setup in setup(creates_found_again()),
        sources in proptest::collection::vec(0_usize..5, 0..7),
        targets in proptest::collection::vec(0_usize..5, 0..7),
        mishap in history::mishap(),
    ) {
        check::assert_matching(&setup.without_limits(), &sources, &targets, &mishap);
    }

    #[test]
    fn edits_of_one_side_arrive_and_those_of_different_fields_all_survive(
        setup in setup(creates_found_again()),
        edits in check::edits(),
        mishap in history::mishap(),
    ) {
        check::assert_edits_arrive(&setup.without_limits(), &edits, &mishap, None);
    }
}
