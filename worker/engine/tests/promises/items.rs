//! Runs of single items: what an event of a platform asks for.

use serde_json::json;
use syncline_engine::{
    Side,
    run::{Options, Report, Scope},
};

use crate::support::{Manners, World, fields};

/// Two remote places with 20 linked items, matched by title.
fn world(finds: Option<usize>, tombstones: bool) -> World {
    let manners = Manners {
        incremental: true,
        remote: true,
        snapshot: false,
        tombstones,
        finds,
        write_batch: 50,
        ..Manners::default()
    };
    let document = json!({ "match_on": ["title"], "delete_policy": "delete" });
    let mut world = World::with(document, manners.clone(), manners);
    world.options = Options { full: false, ..Options::default() };
    for number in 0..20 {
        world.source.add(fields(json!({ "title": format!("old {number}") })));
    }
    world.sync();
    world.assert_quiet();
    world
}

fn sync_item(world: &World, id: &str) -> Report {
    let scope = Scope::Items { side: Side::Source, ids: vec![id.to_owned()] };
    world.sync_with(Options { scope, ..world.options.clone() })
}

#[test]
fn a_new_item_costs_a_fetch_a_search_and_a_create() {
    let world = world(Some(5), false);
    let id = world.source.add(fields(json!({ "title": "new" })));
    world.source.edit(&world.source.ids()[0], "title", "of another run");
    let report = sync_item(&world, &id);
    assert_eq!((report.counts.created, report.counts.updated, report.counts.api_calls), (1, 0, 3));
    assert_eq!(world.target.ids().len(), 21);
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.updated), (0, 1));
    world.assert_quiet();
}

#[test]
fn an_edit_costs_a_fetch_of_either_item_and_a_write() {
    let world = world(Some(5), false);
    let id = world.source.ids()[3].clone();
    world.source.edit(&id, "title", "edited");
    let report = sync_item(&world, &id);
    assert_eq!((report.counts.updated, report.counts.api_calls), (1, 3));
    assert_eq!(sync_item(&world, &id).counts.api_calls, 1, "nothing is new");
}

#[test]
fn a_counterpart_that_is_there_is_not_created_again() {
    let world = world(Some(5), false);
    world.target.add(fields(json!({ "name": "both" })));
    let id = world.source.add(fields(json!({ "title": "both" })));
    let report = sync_item(&world, &id);
    assert_eq!((report.counts.created, report.counts.synced), (0, 1));
    assert_eq!(world.target.ids().len(), 21);
    world.assert_quiet();
}

#[test]
fn a_new_item_waits_for_a_whole_reading_where_nothing_can_be_searched() {
    let world = world(None, false);
    let id = world.source.add(fields(json!({ "title": "new" })));
    let report = sync_item(&world, &id);
    assert_eq!((report.counts.created, report.counts.skipped, report.counts.api_calls), (0, 1, 1));
    world.sync_with(Options { full: true, ..world.options.clone() });
    assert_eq!(world.target.ids().len(), 21);
}

#[test]
fn an_item_that_is_gone_is_left_to_a_run_of_everything() {
    for tombstones in [true, false] {
        let world = world(Some(5), tombstones);
        let id = world.source.ids()[0].clone();
        world.source.remove(&id);
        for _ in 0..3 {
            let report = sync_item(&world, &id);
            assert_eq!((report.counts.deleted, report.left_for_whole_run), (0, u64::from(tombstones)));
            assert_eq!(world.target.ids().len(), 20);
        }
        if tombstones {
            world.sync();
            assert_eq!(world.target.ids().len(), 19);
        }
    }
}
