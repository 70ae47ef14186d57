//! Requests are counted where they are made, on the run and on the link that they were made for.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use syncline_engine::{
    ports::{StoreError, WriteOp},
    run::RunError,
};

use crate::support::{Fault, Manners, World, fields};

/// A page of the source, and one of the empty target.
const LISTED: u64 = 2;

/// A place that sends so many requests for each write.
fn single(calls_per_write: u32) -> Manners {
    Manners { calls_per_write, write_batch: 10, ..Manners::default() }
}

fn add(world: &World, titles: &[&str]) {
    for title in titles {
        world.source.add(fields(json!({ "title": title })));
    }
}

fn counts_of_links(world: &World) -> Vec<u32> {
    world.tables().links.values().map(|link| link.calls).collect()
}

#[test]
fn requests_for_one_item_count_on_its_link_and_on_the_run() {
    let world = World::with(json!({}), Manners::default(), single(3));
    add(&world, &["a", "b"]);
    let report = world.sync();
    assert_eq!(counts_of_links(&world), [3, 3]);
    assert_eq!(report.counts.api_calls, LISTED + 6);
}

#[test]
fn a_shared_request_counts_on_the_run_alone() {
    let world = World::with(json!({}), Manners::default(), single(0));
    add(&world, &["a", "b"]);
    let report = world.sync();
    assert_eq!(counts_of_links(&world), [0, 0]);
    assert_eq!(report.counts.api_calls, LISTED + 1);
}

#[test]
fn the_requests_of_a_batch_of_one_are_for_its_link() {
    let world = World::with(json!({ "batch_size": 1 }), Manners::default(), single(0));
    add(&world, &["a", "b"]);
    world.sync();
    assert_eq!(counts_of_links(&world), [1, 1]);
}

#[test]
fn an_item_tried_twice_in_a_run_counts_both() {
    let world = World::with(json!({}), Manners::default(), single(1));
    add(&world, &["child", "parent"]);
    let titled = |op: &WriteOp, title: &str| matches!(op, WriteOp::Create { fields, .. } if fields["name"].to_json() == title);
    let parent = Arc::new(AtomicBool::new(false));
    world.target.refuse(move |op| {
        parent.fetch_or(titled(op, "parent"), Ordering::SeqCst);
        titled(op, "child") && !parent.load(Ordering::SeqCst)
    });
    let report = world.sync();
    let mut counts = counts_of_links(&world);
    counts.sort_unstable();
    // The child was sent again alone: its item was read for that, too.
    assert_eq!(counts, [1, 3]);
    assert_eq!(report.counts.api_calls, LISTED + 1 + 3);
}

#[test]
fn a_run_that_fails_has_counted_its_requests() {
    let world = World::with(json!({}), Manners::default(), single(1));
    add(&world, &["a"]);
    world.target.fail([Fault::Before]);
    assert!(world.try_sync().is_err());
    assert_eq!(world.requests(), LISTED + 1);
}

#[test]
fn a_cancelled_run_has_counted_its_requests() {
    let world = World::with(json!({}), Manners::default(), single(1));
    add(&world, &["a"]);
    let ended = world.sync_until_lost(0);
    assert!(matches!(ended, Some(Err(RunError::Store(StoreError::Stopped(_))))));
    assert_eq!(world.requests(), LISTED);
}

#[test]
fn work_that_is_planned_again_counts_each_time() {
    let source = Manners { snapshot: false, ..Manners::default() };
    let world = World::with(json!({ "batch_size": 1 }), source, single(1));
    let (s, _) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "new");
    let before = world.sync().counts.api_calls;
    world.source.edit(&s, "title", "newer");
    world.tables().rivals = 2;
    let again = world.sync().counts.api_calls;
    // Two more readings of both items.
    assert_eq!(again, before + 4);
    assert_eq!(counts_of_links(&world), [1 + 4]);
}
