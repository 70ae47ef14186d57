//! Counterparts of new items, searched for where a side is not read whole.

use serde_json::json;
use syncline_engine::run::Options;

use crate::support::{Manners, Shown, World, fields};

/// Two remote places with 40 linked items, read incrementally and matched by title.
fn world(manners: Manners) -> World {
    let manners = Manners {
        incremental: true,
        remote: true,
        snapshot: false,
        page_size: 5,
        write_batch: 50,
        ..manners
    };
    let mut world = World::with(json!({ "match_on": ["title"] }), manners.clone(), manners);
    world.options = Options { full: false, ..Options::default() };
    for number in 0..40 {
        world.source.add(fields(json!({ "title": format!("old {number}") })));
    }
    world.sync();
    world.assert_quiet();
    world
}

fn searching() -> Manners {
    Manners { finds: Some(5), ..Manners::default() }
}

/// Adds an item to the target that no cursor shows: a run that creates nothing has passed it.
fn add_unseen(world: &World, title: &str) -> String {
    let id = world.target.add(fields(json!({ "name": title })));
    world.target.show(&id, Some(Shown::ById));
    world.sync();
    world.target.show(&id, None);
    id
}

#[test]
fn one_new_item_costs_four_calls() {
    let world = world(searching());
    world.source.add(fields(json!({ "title": "new" })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.api_calls), (1, 4));
    assert_eq!(world.assert_quiet().counts.api_calls, 2, "one per side");
}

#[test]
fn a_counterpart_is_found_and_not_created_again() {
    let world = world(searching());
    let there = add_unseen(&world, "one");
    world.source.add(fields(json!({ "title": "one" })));
    let report = world.sync();
    assert_eq!(
        (report.counts.created, report.counts.api_calls),
        (0, 4),
        "two listings, a search on each side"
    );
    assert!(world.tables().links.values().any(|link| link.ids.target.as_deref() == Some(&there)));
    world.assert_quiet();
}

#[test]
fn a_fuzzy_search_is_compared_exactly() {
    let world = world(Manners { fuzzy: true, ..searching() });
    add_unseen(&world, "one more");
    world.source.add(fields(json!({ "title": "one" })));
    assert_eq!(world.sync().counts.created, 1);
    assert_eq!(world.target.ids().len(), 42);
}

#[test]
fn several_candidates_are_left_to_a_person() {
    let world = world(searching());
    add_unseen(&world, "twin");
    add_unseen(&world, "twin");
    world.source.add(fields(json!({ "title": "twin" })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.failed), (0, 1));
    assert_eq!(world.tables().links.len(), 40);
}

#[test]
fn an_answer_that_was_cut_lets_the_item_wait_for_a_whole_reading() {
    let world = world(Manners { search_is_cut: true, ..searching() });
    let there = add_unseen(&world, "one");
    world.source.add(fields(json!({ "title": "one" })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.skipped), (0, 1));
    world.wait(60 * 25);
    world.sync();
    assert!(world.tables().links.values().any(|link| link.ids.target.as_deref() == Some(&there)));
}

#[test]
fn without_a_search_a_remote_place_lets_the_item_wait_for_a_whole_reading() {
    let world = world(Manners::default());
    world.source.add(fields(json!({ "title": "one" })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.skipped, report.counts.api_calls), (0, 1, 2));
    world.wait(60 * 25);
    assert_eq!(world.sync().counts.created, 1);
    world.sync();
    world.assert_quiet();
}

#[test]
fn many_new_items_are_worth_a_whole_reading() {
    let world = world(Manners { finds: Some(1), ..Manners::default() });
    for number in 0..20 {
        world.source.add(fields(json!({ "title": format!("new {number}") })));
    }
    let report = world.sync();
    assert_eq!(report.counts.created, 20);
    assert!(report.complete.target, "20 searches cost more than the target's 8 pages");
}

#[test]
fn an_index_that_lags_hides_nothing_that_a_listing_shows() {
    let world = world(Manners { search_lag: 100, ..searching() });
    world.source.add(fields(json!({ "title": "one" })));
    let there = world.target.add(fields(json!({ "name": "one" })));
    assert_eq!(world.sync().counts.created, 0);
    assert!(world.tables().links.values().any(|link| link.ids.target.as_deref() == Some(&there)));
}

/// The source is always read whole, and the target neither that nor searched.
#[test]
fn an_item_that_waits_keeps_its_counterpart_from_being_created_again() {
    let remote = Manners { incremental: true, remote: true, snapshot: false, ..Manners::default() };
    let document = json!({ "match_on": ["title"], "two_way_create": true });
    let mut world = World::with(document, Manners::default(), remote);
    world.options = Options { full: false, ..Options::default() };
    world.source.add(fields(json!({ "title": "old" })));
    world.sync();
    world.source.add(fields(json!({ "title": "new" })));
    world.target.add(fields(json!({ "name": "new" })));
    assert_eq!(world.sync().counts.created, 0);
    assert_eq!((world.source.ids().len(), world.target.ids().len()), (2, 2));
    assert_eq!(world.tables().links.len(), 2, "both were read, so they are a pair");
}

#[test]
fn candidates_of_an_answer_that_was_cut_are_not_created_on_the_other_side() {
    let mut world = world(Manners { search_is_cut: true, ..searching() });
    world.spec.two_way_create = true;
    add_unseen(&world, "one");
    world.source.add(fields(json!({ "title": "one" })));
    assert_eq!(world.sync().counts.created, 0);
    assert_eq!((world.source.ids().len(), world.target.ids().len()), (41, 41));
}
