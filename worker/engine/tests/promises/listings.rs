//! Listings that meet a limit on their way.

use serde_json::json;
use syncline_engine::{
    ports::ErrorKind,
    run::{Options, RunError},
};

use crate::support::{Manners, Shown, World, fields};

/// A remote source that shows three pages of ten items a run, and a target that shows everything.
fn world(document: serde_json::Value, items: usize) -> World {
    let slow = Manners {
        remote: true,
        snapshot: false,
        page_size: 10,
        pages_per_run: Some(3),
        ..Manners::default()
    };
    let mut world =
        World::with(document, slow, Manners { page_size: 100, write_batch: 100, ..Manners::default() });
    world.options = Options { full: false, ..Options::default() };
    for number in 0..items {
        world.source.add(fields(json!({ "title": format!("item {number}") })));
    }
    world
}

fn is_limited(result: Result<syncline_engine::run::Report, RunError>) -> bool {
    matches!(result, Err(RunError::Place { error, .. }) if matches!(error.kind, ErrorKind::RateLimited { .. }))
}

#[test]
fn a_run_that_meets_a_limit_records_what_it_read_and_the_next_one_goes_on() {
    let world = world(json!({}), 95);
    for copied in [30, 60, 90] {
        assert!(is_limited(world.try_sync()));
        assert_eq!(world.target.ids().len(), copied);
        world.wait(60);
    }
    let report = world.sync();
    assert_eq!((report.read.source, report.counts.created), (5, 5), "each page is read once");
    assert!(report.complete.source, "with the ids of the earlier parts");
    assert!(world.tables().listings.is_empty());
    let calls = world.source.calls();
    assert!(is_limited(world.try_sync()), "the next listing begins anew");
    assert_eq!(world.source.calls() - calls, 0, "nothing was read by id or written");
}

#[test]
fn what_an_earlier_part_listed_is_not_absent() {
    let world = world(
        json!({ "delete_policy": "delete", "delete_guard": { "max_share": 1.0, "max_count": 100 } }),
        35,
    );
    assert!(is_limited(world.try_sync()));
    world.sync();
    for _ in 0..3 {
        assert!(is_limited(world.try_sync()));
        world.sync();
    }
    assert_eq!((world.source.ids().len(), world.target.ids().len()), (35, 35));
}

#[test]
fn an_item_that_no_part_lists_is_absent() {
    let world = world(json!({ "delete_policy": "delete" }), 35);
    assert!(is_limited(world.try_sync()));
    world.sync();
    let gone = world.source.ids().remove(34);
    world.source.remove(&gone);
    for _ in 0..2 {
        assert!(is_limited(world.try_sync()));
        let report = world.try_sync();
        if report.as_ref().is_ok_and(|report| report.held.is_some()) {
            // Nothing but its absence tells of the delete, so a person approves it.
            world.sync_with(Options { approved_deletes: Some(1), ..world.options.clone() });
        }
    }
    assert!(world.tables().links.values().any(|link| link.missing.is_some() || link.deleted_side.is_some()));
}

#[test]
fn items_of_the_other_side_wait_for_counterparts_that_were_not_listed_yet() {
    let world = world(json!({ "match_on": ["title"] }), 35);
    for number in 0..35 {
        world.target.add(fields(json!({ "name": format!("item {number}") })));
    }
    assert!(is_limited(world.try_sync()));
    assert_eq!(world.tables().links.len(), 30);
    world.wait(60);
    let report = world.sync();
    assert_eq!(report.counts.created, 0);
    assert_eq!(
        (world.source.ids().len(), world.target.ids().len(), world.tables().links.len()),
        (35, 35, 35)
    );
}

/// A link that waits for its counterpart, whose item was hidden while a listing was under way.
#[test]
fn a_refused_item_that_was_hidden_during_a_listing_in_parts_is_copied_in_the_end() {
    let slow =
        Manners { remote: true, snapshot: false, page_size: 1, pages_per_run: Some(1), ..Manners::default() };
    let world =
        World::with(json!({ "two_way_create": true, "delete_policy": "delete" }), slow, Manners::default());
    let hidden = world.source.add(fields(json!({ "title": "one" })));
    world.source.add(fields(json!({ "title": "two" })));
    world.target.refuse(|_| true);
    drop(world.try_sync());
    world.source.show(&hidden, Some(Shown::Hidden));
    drop(world.try_sync());
    world.target.refuse_nothing();
    world.source.show_all();
    world.source.lift_limits();
    for _ in 0..6 {
        world.sync();
        world.wait(60);
    }
    assert_eq!(world.target.ids().len(), 2);
    world.assert_quiet();
}

/// The index of a platform is behind: its listing shows an item as it was before our own write.
#[test]
fn a_listing_that_is_behind_undoes_no_write() {
    let world = World::new(json!({}));
    let (source, target) = world.paired(json!({ "title": "one", "points": 1 }));
    world.target.lag(&target);
    world.source.edit(&source, "title", "two");
    world.sync();
    world.wait(1);
    for _ in 0..2 {
        let report = world.sync();
        assert_eq!((report.counts.updated, report.counts.conflicts), (0, 0), "{report:?}");
    }
    assert_eq!(world.source.value(&source, "title"), json!("two"));
    assert_eq!(world.target.value(&target, "name"), json!("two"));
    // An edit of a person is seen, too, since the item is read by its id.
    world.target.edit(&target, "name", "three");
    world.sync();
    assert_eq!(world.source.value(&source, "title"), json!("three"));
    world.target.catch_up();
    world.wait(1);
    world.assert_quiet();
}
