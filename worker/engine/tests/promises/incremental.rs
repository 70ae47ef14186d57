//! Incremental reads.

use serde_json::json;
use syncline_engine::{ports::LinkState, run::Options, spec::FullRead};

use crate::support::{Manners, World, fields};

fn world(mut changes: serde_json::Value) -> World {
    changes["full_read"] = json!("daily");
    let manners = Manners { incremental: true, ..Manners::default() };
    let mut world = World::with(changes, manners.clone(), manners);
    world.options = Options { full: false, ..Options::default() };
    world
}

#[test]
fn an_edit_is_found_by_the_cursor_and_the_rest_is_not_read() {
    let world = world(json!({}));
    for number in 0..5 {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    assert_eq!(world.sync().read.source, 5);
    world.sync();
    let (s, _) = world.source.all().remove(0);
    world.source.edit(&s, "title", "edited");
    let report = world.sync();
    assert_eq!((report.read.source, report.read.target, report.counts.updated), (1, 0, 1));
    assert!(!report.complete.source);
    world.sync();
    assert_eq!(world.assert_quiet().read.source, 0);
}

#[test]
fn a_run_that_somebody_asks_for_reads_everything_unless_the_document_says_otherwise() {
    let mut world = world(json!({}));
    world.source.add(fields(json!({ "title": "one" })));
    world.sync();
    let asked = Options { by_person: true, ..world.options.clone() };
    assert!(!world.sync_with(asked.clone()).complete.source);
    world.spec.full_read = Some(FullRead::Always);
    assert!(world.sync().complete.source);
    world.spec.full_read = None;
    assert!(!world.sync().complete.source);
    assert!(world.sync_with(asked).complete.source);
    world.wait(60);
    assert!(world.sync().complete.source, "a scheduled run is whole once an hour");
}

#[test]
fn an_absence_is_no_evidence_while_only_changes_are_read() {
    let world = world(json!({ "delete_policy": "delete" }));
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "one" }));
    world.sync();
    world.source.remove(&s);
    world.assert_quiet();
    world.wait(60 * 25);
    world.sync();
    world.sync();
    assert_eq!(world.target.get(&t), None, "whole listings are due once in a while");
}

#[test]
fn the_guard_counts_deletes_that_were_suspected_by_an_earlier_listing() {
    let world = world(json!({
        "delete_policy": "delete", "delete_guard": { "max_share": 0.1, "max_count": 5 },
    }));
    let sources: Vec<String> =
        (0..10).map(|number| world.source.add(fields(json!({ "title": format!("{number}") })))).collect();
    world.sync();
    for id in &sources[..3] {
        world.source.remove(id);
    }
    let whole = Options { full: true, ..world.options.clone() };
    assert!(world.sync_with(whole).held.is_some());
    let report = world.sync();
    assert!(report.held.is_some(), "an incremental run acts on the marks of the whole one");
    assert_eq!(world.target.ids().len(), 10);
}

#[test]
fn a_failed_item_is_tried_again_though_no_cursor_shows_it() {
    let world = world(json!({}));
    let s = world.source.add(fields(json!({ "title": "one" })));
    world.target.refuse(|_| true);
    world.sync();
    world.target.refuse_nothing();
    let report = world.sync();
    assert_eq!((report.read.source, report.counts.created), (0, 1));
    assert_eq!(world.tables().links[&1].ids.source, Some(s));
    world.sync();
    world.assert_quiet();
}

#[test]
fn a_new_item_finds_a_counterpart_that_the_cursor_has_passed() {
    let world = world(json!({ "match_on": ["title"] }));
    let t = world.target.add(fields(json!({ "name": "one" })));
    world.sync();
    world.source.add(fields(json!({ "title": "one" })));
    world.sync();
    assert_eq!(world.target.only(), t);
    world.sync();
    world.assert_quiet();
}

#[test]
fn ambiguous_items_stay_untouched_when_one_of_them_is_edited() {
    let world = world(json!({ "match_on": ["title"] }));
    let twin = world.source.add(fields(json!({ "title": "twin" })));
    world.source.add(fields(json!({ "title": "twin" })));
    world.target.add(fields(json!({ "name": "twin" })));
    world.sync();
    world.source.edit(&twin, "body", "edited");
    let report = world.sync();
    assert_eq!((report.counts.created, report.counts.failed), (0, 2));
    assert_eq!((world.target.ids().len(), world.tables().links.len()), (1, 0));
}

#[test]
fn an_item_that_is_gone_when_its_partner_changes_is_marked_and_then_acted_on() {
    let world = world(json!({ "delete_policy": "delete", "conflict_strategy": "source_wins" }));
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "one" }));
    world.sync();
    world.source.remove(&s);
    world.target.edit(&t, "name", "edited");
    world.sync();
    assert!(world.tables().links[&2].missing.is_some());
    world.sync();
    assert_eq!(world.tables().links[&2].state, LinkState::Tombstone);
    assert_eq!(world.target.get(&t), None);
}
