//! Refusals because of order, field or spelling.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde_json::json;
use syncline_engine::ports::WriteOp;

use crate::support::{Manners, World, fields};

fn titled(op: &WriteOp, title: &str) -> bool {
    matches!(op, WriteOp::Create { fields, .. } if fields["name"].to_json() == title)
}

#[test]
fn an_item_refused_because_of_its_order_is_written_in_the_same_run() {
    let world = World::new(json!({ "batch_size": 1 }));
    for title in ["child", "parent"] {
        world.source.add(fields(json!({ "title": title })));
    }
    let parent = Arc::new(AtomicBool::new(false));
    world.target.refuse(move |op| {
        parent.fetch_or(titled(op, "parent"), Ordering::SeqCst);
        titled(op, "child") && !parent.load(Ordering::SeqCst)
    });
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.failed, report.counts.synced), (2, 0, 2));
    assert_eq!(report.errors, []);
    world.assert_quiet();
}

#[test]
fn an_item_that_stays_refused_counts_once() {
    let world = World::new(json!({}));
    for title in ["good", "bad"] {
        world.source.add(fields(json!({ "title": title })));
    }
    world.target.refuse(|op| titled(op, "bad"));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.failed, report.errors.len()), (1, 1, 1));
    let failed: Vec<u32> =
        world.tables().links.values().map(|link| link.error_count).filter(|count| *count > 0).collect();
    assert_eq!(failed, [1]);
}

#[test]
fn a_field_that_cannot_be_written_does_not_keep_the_others_back() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name" },
        { "source_field": "sum", "target_field": "total" },
    ]);
    let target = Manners { computed: Some("total"), ..Manners::default() };
    let world = World::with(json!({ "field_mappings": mappings }), Manners::default(), target);
    world.source.add(fields(json!({ "title": "one", "sum": "3" })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.failed), (1, 1));
    assert!(report.errors[0].error.contains("field total: t computes total"), "{:?}", report.errors);
    assert_eq!(world.target.value(&world.target.only(), "name"), json!("one"));
}

#[test]
fn what_a_new_item_has_in_a_refused_field_does_not_come_back() {
    for direction in ["two_way", "pull"] {
        let mappings = json!([
            { "source_field": "title", "target_field": "name" },
            { "source_field": "sum", "target_field": "total", "direction": direction },
        ]);
        let target = Manners { computed: Some("total"), ..Manners::default() };
        let changes = json!({ "field_mappings": mappings, "conflict_strategy": "target_wins" });
        let world = World::with(changes, Manners::default(), target);
        let id = world.source.add(fields(json!({ "title": "one", "sum": "3" })));
        let failed = u64::from(direction == "two_way");
        assert_eq!(world.sync().counts.failed, failed);
        assert_eq!(world.target.value(&world.target.only(), "total"), json!(7));
        // Retried, refused again, and left alone.
        assert_eq!(world.sync().counts.failed, failed);
        world.source.edit(&id, "title", "two");
        assert_eq!(world.sync().counts.failed, failed);
        assert_eq!(world.source.value(&id, "sum"), json!("3"));
        assert_eq!(world.target.value(&world.target.only(), "name"), json!("two"));
    }
}

#[test]
fn a_conflict_whose_winner_was_refused_waits_for_a_person() {
    let mappings = json!([
        { "source_field": "title", "target_field": "name" },
        { "source_field": "body", "target_field": "text" },
        { "source_field": "sum", "target_field": "total" },
    ]);
    let target = Manners { computed: Some("total"), ..Manners::default() };
    let changes = json!({
        "field_mappings": mappings, "match_on": ["title"], "conflict_strategy": "last_write_wins",
    });
    let world = World::with(changes, Manners::default(), target);
    world.target.add(fields(json!({ "name": "one", "text": "old", "total": 7 })));
    world.wait(60);
    let id = world.source.add(fields(json!({ "title": "one", "body": "new", "sum": "3" })));
    let report = world.sync();
    assert_eq!((report.counts.updated, report.counts.failed), (1, 1));
    assert_eq!(world.target.value(&world.target.only(), "text"), json!("new"));
    // The target is the later one now, because this sync wrote to it.
    for _ in 0..2 {
        world.wait(60);
        world.sync();
        assert_eq!(world.source.value(&id, "sum"), json!("3"));
        assert_eq!(world.tables().open_conflicts().len(), 1);
    }
}

#[test]
fn a_key_in_another_spelling_pairs_and_both_sides_keep_their_own() {
    let mappings = json!([
        { "source_field": "id", "target_field": "id" },
        { "source_field": "title", "target_field": "name" },
    ]);
    let keyed = Manners { key_field: Some("id".to_owned()), ..Manners::default() };
    let target = Manners { ignores_case: true, ..keyed.clone() };
    let changes = json!({ "field_mappings": mappings, "two_way_create": true });
    let world = World::with(changes, keyed, target);
    world.source.add(fields(json!({ "id": "ABC-1", "title": "one" })));
    world.target.add(fields(json!({ "id": "abc-1", "name": "one" })));
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.updated, report.counts.conflicts), (0, 0, 0));
    assert_eq!((world.source.only(), world.target.only()), ("ABC-1".to_owned(), "abc-1".to_owned()));
    world.assert_quiet();
}
