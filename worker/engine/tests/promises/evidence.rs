//! What removes an item on the other side, and what does not: a remote place with 1,000 linked items.

use rstest::rstest;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side,
    ports::LinkState,
    run::{Options, Report, Scope},
};

use crate::support::{Manners, Shown, World, fields};

const ITEMS: usize = 1_000;

/// Pairs in sync; the source is remote. The guard alone would let everything pass.
fn linked(tombstones: bool, policy: &str) -> (World, Vec<String>) {
    let remote =
        Manners { snapshot: false, tombstones, page_size: 100, write_batch: 100, ..Manners::default() };
    let world = World::with(document(policy), remote.clone(), Manners { tombstones: false, ..remote });
    let ids: Vec<String> =
        (0..ITEMS).map(|number| world.source.add(fields(json!({ "title": format!("{number}") })))).collect();
    world.sync();
    world.wait(60);
    (world, ids)
}

fn document(policy: &str) -> Json {
    json!({ "delete_policy": policy, "delete_guard": { "max_share": 1.0, "max_count": 5_000 } })
}

fn allowing(deletes: u64) -> Options {
    Options { approved_deletes: Some(deletes), ..Options::default() }
}

/// Three more runs delete and change nothing on the target.
fn assert_nothing_goes(world: &World) -> Report {
    let before = world.target.all();
    let mut last = None;
    for _ in 0..3 {
        let report = world.sync();
        assert_eq!(report.counts.deleted, 0);
        assert_eq!(world.target.all(), before);
        world.wait(1);
        last = Some(report);
    }
    last.unwrap()
}

#[rstest]
#[case::a_dead_token_shows_an_empty_site(ITEMS, Shown::Hidden)]
#[case::a_lost_permission_hides_half(ITEMS / 2, Shown::Hidden)]
#[case::a_cap_cuts_the_listing(ITEMS / 3, Shown::ById)]
#[case::the_index_is_behind(1, Shown::ById)]
#[case::items_leave_the_filter(300, Shown::Outside)]
fn what_a_place_does_not_show_is_not_removed(#[case] items: usize, #[case] shown: Shown) {
    let (world, ids) = linked(false, "delete");
    ids.iter().take(items).for_each(|id| world.source.show(id, Some(shown)));
    let report = assert_nothing_goes(&world);
    // Hidden items are candidates: a person decides.
    assert_eq!(report.held.map(|held| held.unproved), (shown == Shown::Hidden).then_some(items as u64));
    ids.iter().for_each(|id| world.source.show(id, None));
    world.source.edit(&ids[0], "title", "back");
    world.sync();
    assert!(world.target.all().iter().any(|(_, item)| item["name"].to_json() == json!("back")));
    world.assert_quiet();
    let linked = |world: &World| world.tables().links.values().all(|link| link.state == LinkState::Linked);
    assert!(linked(&world));
}

#[test]
fn a_run_of_single_items_removes_nothing() {
    for tombstones in [true, false] {
        let (world, ids) = linked(tombstones, "delete");
        world.source.remove(&ids[7]);
        let link = *world
            .tables()
            .links
            .iter()
            .find(|(_, link)| link.ids.source.as_deref() == Some(&ids[7]))
            .unwrap()
            .0;
        for _ in 0..3 {
            let only =
                Options { scope: Scope::Links(vec![link]), confirm_deletes: true, ..Options::default() };
            let report = world.sync_with(only);
            assert_eq!(report.left_for_whole_run, u64::from(tombstones));
            assert_eq!(world.target.ids().len(), ITEMS);
        }
    }
}

#[test]
fn a_tombstone_removes_once_and_exactly() {
    let (world, ids) = linked(true, "delete");
    world.source.remove(&ids[7]);
    let report = world.sync();
    assert_eq!((report.counts.deleted, world.target.ids().len()), (1, ITEMS - 1));
    assert!(!world.target.all().iter().any(|(_, item)| item["name"].to_json() == json!("7")));
    world.assert_quiet();
}

#[test]
fn a_marked_item_that_the_platform_calls_deleted_goes_with_the_next_whole_run() {
    let (world, ids) = linked(true, "delete");
    world.source.remove(&ids[7]);
    let link = world
        .tables()
        .links
        .iter()
        .find(|(_, link)| link.ids.source.as_deref() == Some(&ids[7]))
        .map(|(id, _)| *id);
    world.sync_with(Options { scope: Scope::Links(vec![link.unwrap()]), ..Options::default() });
    let report = world.sync();
    assert_eq!((report.counts.deleted, world.target.ids().len()), (1, ITEMS - 1));
    world.assert_quiet();
}

#[test]
fn a_candidate_goes_after_approval() {
    let (world, ids) = linked(false, "delete");
    world.source.remove(&ids[7]);
    assert_eq!(world.sync().counts.missing, 1);
    let report = world.sync();
    assert_eq!((report.held.unwrap().unproved, report.counts.deleted), (1, 0));
    let report = world.sync_with(allowing(1));
    assert_eq!((report.counts.deleted, world.target.ids().len()), (1, ITEMS - 1));
    world.assert_quiet();
}

#[test]
fn an_item_that_fails_to_be_read_stops_no_other() {
    let (world, ids) = linked(false, "delete");
    // Only reads by id fail, so the listing must lack them.
    for id in &ids[..3] {
        world.source.show(id, Some(Shown::ById));
    }
    for (side, id) in [(Side::Source, &ids[0]), (Side::Source, &ids[9])] {
        world.place(side).edit(id, "title", "edited");
    }
    world.source.poison(ids[..3].to_vec());
    let report = world.sync();
    assert_eq!((report.counts.updated, report.counts.deleted), (1, 0));
    world.source.poison([]);
    ids.iter().for_each(|id| world.source.show(id, None));
    world.sync();
    world.assert_quiet();
}

#[test]
fn an_item_that_was_deleted_while_its_counterpart_was_out_of_scope_is_deleted_afterwards() {
    let (world, ids) = linked(true, "delete");
    let target = world.target.ids().into_iter().next().unwrap();
    let name = world.target.get(&target).unwrap()["name"].clone();
    let source = ids.iter().find(|id| world.source.get(id).unwrap()["title"] == name).unwrap();
    world.target.show(&target, Some(Shown::Outside));
    world.sync();
    world.source.remove(source);
    world.sync();
    assert_eq!(world.target.ids().len(), ITEMS, "nothing is written to what is out of scope");
    world.target.show(&target, None);
    world.sync();
    world.sync();
    assert_eq!(world.target.get(&target), None);
    assert_eq!(world.target.ids().len(), ITEMS - 1);
    world.assert_quiet();
}

/// Nothing would be deleted, so the guard has nothing to hold.
#[test]
fn items_out_of_scope_whose_counterparts_are_gone_hold_no_run() {
    let remote = Manners { snapshot: false, tombstones: true, ..Manners::default() };
    let changes = json!({ "delete_policy": "delete", "delete_guard": { "max_share": 0.1, "max_count": 1 } });
    let world = World::with(changes, remote.clone(), remote);
    for number in 0..10 {
        world.source.add(fields(json!({ "title": format!("{number}") })));
    }
    world.sync();
    for id in world.target.ids().iter().take(5) {
        world.target.show(id, Some(Shown::Outside));
        let name = world.target.get(id).unwrap()["name"].clone();
        let source = world.source.all().into_iter().find(|(_, item)| item["title"] == name).unwrap().0;
        world.source.remove(&source);
    }
    for _ in 0..3 {
        let report = world.sync();
        assert_eq!((report.held, report.counts.deleted), (None, 0));
    }
    assert_eq!(world.target.ids().len(), 10);
}

/// Case 26: an expired token shows an empty site, here again and again.
#[test]
fn case_26_a_listing_under_a_dead_token_is_no_evidence() {
    for policy in ["delete", "close"] {
        let remote = Manners {
            snapshot: false,
            removals: &[
                syncline_engine::capability::Removal::Delete,
                syncline_engine::capability::Removal::Close,
            ],
            ..Manners::default()
        };
        let world = World::with(document(policy), remote.clone(), remote);
        for title in ["a", "b", "c"] {
            world.source.add(fields(json!({ "title": title })));
        }
        world.sync();
        world.source.read_as(None);
        for _ in 0..3 {
            let ended = world.try_sync_with(allowing(10));
            assert!(matches!(ended, Err(syncline_engine::run::RunError::Place { side: Side::Source, .. })));
            world.wait(60);
        }
        world.source.read_as(Some("us"));
        world.assert_quiet();
        assert_eq!(world.target.ids().len(), 3);
    }
}

#[test]
fn what_another_account_does_not_see_is_not_removed() {
    let (world, ids) = linked(false, "close");
    world.source.read_as(Some("us"));
    world.sync();
    world.source.read_as(Some("them"));
    ids.iter().take(3).for_each(|id| world.source.show(id, Some(Shown::Hidden)));
    let report = assert_nothing_goes(&world);
    assert!(report.errors.iter().any(|error| error.error.contains("does not see 3 of the linked items")));
    // With access to all of them it is the reader whose listings count.
    ids.iter().take(3).for_each(|id| world.source.show(id, None));
    assert_eq!(world.sync().errors, []);
    world.source.remove(&ids[0]);
    assert_eq!(world.sync().counts.missing, 1);
}

/// The link follows, and there is no third item.
#[test]
fn case_22_and_32_an_item_under_another_id_keeps_its_counterpart() {
    for incremental in [false, true] {
        let remote = Manners {
            snapshot: false,
            remote: true,
            ids_change: true,
            tombstones: true,
            incremental,
            ..Manners::default()
        };
        let mut world = World::with(document("delete"), remote.clone(), remote);
        world.options = Options { full: false, ..Options::default() };
        let ids: Vec<String> =
            ["a", "b"].map(|title| world.source.add(fields(json!({ "title": title })))).into();
        world.sync();
        // The daily reading finds it outside.
        world.wait(2_000);
        world.source.show(&ids[0], Some(Shown::Outside));
        world.sync();
        assert!(world.tables().links.values().any(|link| link.state == LinkState::OutOfScope));
        let now = world.source.renumber(&ids[0]);
        world.source.edit(&now, "title", "back");
        world.sync();
        assert_eq!(
            (world.source.ids().len(), world.target.ids().len()),
            (2, 2),
            "incremental: {incremental}"
        );
        assert!(world.target.all().iter().any(|(_, item)| item["name"].to_json() == json!("back")));
        let followed = |link: &crate::support::LinkRow| link.ids.source.as_deref() == Some(&now);
        assert!(world.tables().links.values().any(|link| followed(link) && link.state == LinkState::Linked));
        world.assert_quiet();
    }
}

/// Both items are linked, so neither link can have the other's id.
#[test]
fn case_19_and_31_a_merge_into_a_linked_item_is_reported_and_deletes_nothing() {
    let (world, ids) = linked(false, "delete");
    world.source.merge_into(&ids[0], &ids[1]);
    let report = assert_nothing_goes(&world);
    assert!(report.errors.iter().any(|error| error.error.contains("merged it into")), "{:?}", report.errors);
}
