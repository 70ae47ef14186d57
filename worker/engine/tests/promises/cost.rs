//! What a run costs a platform, in calls that the fake places count.

use serde_json::json;
use syncline_engine::{
    Side,
    run::{Options, Report, RunError},
};

use crate::support::{Endless, Manners, World, fields};

/// The store in memory copies its tables for each transaction.
const LARGE: usize = 10_000;

fn remote() -> Manners {
    Manners {
        incremental: true,
        remote: true,
        snapshot: false,
        finds: Some(5),
        page_size: 100,
        write_batch: LARGE,
        ..Manners::default()
    }
}

/// Two remote places with so many linked items, matched by title.
fn linked(items: usize) -> World {
    let document = json!({ "match_on": ["title"], "batch_size": LARGE });
    let mut world = World::with(document, remote(), remote());
    world.options = Options { full: false, ..Options::default() };
    for number in 0..items {
        world.source.add(fields(json!({ "title": format!("old {number}") })));
    }
    world.sync();
    // The next run meets what the first one created.
    world.sync();
    world
}

#[test]
fn one_new_item_among_20_000_costs_four_calls() {
    let world = linked(20_000);
    assert_eq!(world.assert_quiet().counts.api_calls, 2, "one per side");
    world.source.add(fields(json!({ "title": "new" })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.api_calls), (1, 4));
}

#[test]
fn links_are_read_only_if_an_item_changed_or_a_link_is_due() {
    let mut world = linked(2_500);
    world.options.retry_now = false;
    let read = |world: &World, report: Report| {
        let briefs = std::mem::take(&mut world.tables().briefs);
        (briefs, report.links, report.counts.unchanged)
    };
    read(&world, world.sync());
    assert_eq!(read(&world, world.assert_quiet()), (0, 2_500, 2_500));
    let (s, _) = world.source.all().remove(0);
    world.source.edit(&s, "title", "edited");
    world.target.refuse(|_| true);
    assert_eq!(read(&world, world.sync()), (2_500, 2_500, 2_499));
    world.target.refuse_nothing();
    assert_eq!(read(&world, world.sync()), (0, 2_500, 2_500), "its retry is not due yet");
    world.wait(2);
    assert_eq!(read(&world, world.sync()), (2_500, 2_500, 2_499), "no item changed, but the retry is due");
}

/// Ten pages of the source, one of the empty target, and writes in full batches: nothing is read again.
#[test]
fn a_first_sync_costs_what_pages_and_batches_require() {
    for batch in [1, 10, 50] {
        let target = Manners { write_batch: batch, ..remote() };
        let mut world = World::with(json!({ "match_on": ["title"] }), remote(), target);
        world.options = Options { full: false, ..Options::default() };
        for number in 0..1_000 {
            world.source.add(fields(json!({ "title": format!("item {number}") })));
        }
        let report = world.sync();
        let least = 10 + 1 + 1_000 / batch as u64;
        assert_eq!((report.counts.created, report.counts.api_calls), (1_000, least));
    }
}

/// 1,000,000 items in pages of 100, of which the limit lets 6,500 pass an hour.
#[test]
fn a_listing_that_takes_longer_than_its_limit_allows_comes_to_its_end() {
    let place = Endless::new(1_000_000, 100, 6_500);
    let mut world = World::with(json!({ "direction": "target_to_source" }), remote(), remote());
    world.options = Options { full: false, ..Options::default() };
    let mut ended = Vec::new();
    for _ in 0..3 {
        match world.try_sync_from(&place) {
            Ok(report) => {
                assert!(report.complete.source, "with the earlier part");
                ended.push(report.read.source);
                break;
            }
            Err(RunError::Place { side: Side::Source, .. }) => world.wait(60),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(ended, [350_000]);
    assert_eq!(place.pages(), vec![1; 10_000], "each page is read once");
}
