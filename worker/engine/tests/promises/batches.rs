//! Batch sizes and previews.

use serde_json::json;
use syncline_engine::run::{Options, Scope};

use crate::support::{Manners, World, fields};

#[test]
fn a_place_that_rewrites_itself_gets_one_large_call_unless_the_document_says_otherwise() {
    let large = Manners { prefers_large_batches: true, write_batch: 100, ..Manners::default() };
    for (document, calls) in [(json!({}), 1), (json!({ "batch_size": 5 }), 4)] {
        let world = World::with(document, Manners::default(), large.clone());
        for number in 0..20 {
            world.source.add(fields(json!({ "title": format!("{number}") })));
        }
        world.sync();
        assert_eq!((world.target.write_calls(), world.target.ids().len()), (calls, 20));
    }
}

#[test]
fn a_preview_shows_what_the_run_then_does_and_does_nothing_itself() {
    let world = World::new(json!({ "delete_policy": "delete", "two_way_create": true }));
    world.paired(json!({ "title": "bystander" }));
    let (gone, _) = world.paired(json!({ "title": "gone" }));
    let (edited, _) = world.paired(json!({ "title": "old" }));
    world.source.remove(&gone);
    world.sync();
    world.source.edit(&edited, "title", "new");
    world.source.add(fields(json!({ "title": "new one" })));
    world.target.add(fields(json!({ "name": "new there" })));
    let before = (world.write_calls(), world.tables().records);
    let (planned, ops) = world.preview();
    assert_eq!((world.write_calls(), world.tables().records), before);
    assert_eq!(ops.len(), 4);
    let done = world.sync();
    assert_eq!(planned.counts.created, 2);
    assert_eq!(
        (planned.counts.created, planned.counts.updated, planned.counts.deleted, planned.counts.synced),
        (done.counts.created, done.counts.updated, done.counts.deleted, done.counts.synced)
    );
    assert_eq!(world.preview().1.len(), 0);
}

#[test]
fn a_preview_counts_an_item_that_is_left_alone_in_conflict_as_the_run_does() {
    let world = World::new(json!({ "conflict_strategy": "manual", "delete_policy": "delete" }));
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "old" }));
    world.source.edit(&s, "title", "S");
    world.target.edit(&t, "name", "T");
    world.sync();
    world.source.remove(&s);
    let (planned, _) = world.preview();
    assert_eq!(planned.counts.skipped, 1);
    assert_eq!(world.sync().counts.skipped, 1);
}

#[test]
fn a_run_for_some_links_deals_with_them_only() {
    let world = World::new(json!({}));
    let (one, _) = world.paired(json!({ "title": "one" }));
    let (two, t) = world.paired(json!({ "title": "two" }));
    world.source.edit(&one, "title", "edited");
    world.source.edit(&two, "title", "edited");
    world.sync_with(Options { scope: Scope::Links(vec![2]), ..Options::default() });
    assert_eq!(world.target.value(&t, "name"), json!("edited"));
    assert_eq!(world.sync().counts.updated, 1);
}

#[test]
fn more_changes_than_are_kept_in_memory_are_read_again() {
    let manners = Manners { page_size: 100, write_batch: 100, ..Manners::default() };
    let world = World::with(json!({ "batch_size": 500 }), manners.clone(), manners);
    for number in 0..2_300 {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    assert_eq!(world.sync().counts.created, 2_300);
    assert!(world.source.calls() > 0, "the rest was fetched");
    world.assert_quiet();
}
