//! What is read of links.

use chrono::TimeDelta;
use syncline_engine::{
    Side,
    ports::{Due, ItemStatus, LinkState, Recorded},
    side::Pair,
};

use super::{
    Stage,
    build::{count, ended, hash, ids, intended, minute, pairs, recorded, refs, title},
};

pub(crate) async fn a_new_sync_has_nothing(stage: &dyn Stage) {
    let store = stage.open(1).await;
    assert_eq!(count(&*store).await, 0);
    assert_eq!(store.briefs(0, 500).await.unwrap(), []);
    assert_eq!(store.links(&[]).await.unwrap(), []);
    assert_eq!(store.links(&[1, 2]).await.unwrap(), []);
    assert_eq!(store.open_intents().await.unwrap(), [0_i64; 0]);
    for side in Side::BOTH {
        assert_eq!(store.cursor(side).await.unwrap(), None);
    }
}

pub(crate) async fn briefs_come_by_id_and_go_on_after_one(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made: Vec<i64> = pairs(&*store, 7).await.iter().map(|at| at.id).collect();
    let page = async |after, limit| -> Vec<i64> {
        store.briefs(after, limit).await.unwrap().iter().map(|brief| brief.id).collect()
    };
    assert!(made.is_sorted());
    assert_eq!(page(0, 3).await, made[..3]);
    assert_eq!(page(made[2], 3).await, made[3..6]);
    assert_eq!(page(made[5], 3).await, made[6..]);
    assert_eq!(page(made[6], 3).await, [0_i64; 0]);
    assert_eq!(page(0, usize::MAX).await, made);
    assert_eq!(page(0, 0).await, [0_i64; 0]);
}

pub(crate) async fn every_link_counts_even_an_ended_one(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 3).await;
    store.record(&[ended(Some(made[1]), ids("s2", "t2"), Side::Source)]).await.unwrap();
    assert_eq!(count(&*store).await, 3);
    let tombstones: Vec<bool> =
        store.briefs(0, 10).await.unwrap().iter().map(|brief| brief.tombstone).collect();
    assert_eq!(tombstones, [false, true, false]);
}

/// What a tally calls due are the links of which their briefs tell the same.
pub(crate) async fn a_tally_counts_the_links_that_are_due(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 12).await;
    let link = |number: usize| {
        let (source, target) = (format!("s{}", number + 1), format!("t{}", number + 1));
        recorded(Some(made[number]), ids(&source, &target))
    };
    let failed = |number, retry_at| Recorded { status: ItemStatus::Failed, retry_at, ..link(number) };
    let lacks = |side| Some((side, minute(-1)));
    let out = Recorded { state: LinkState::OutOfScope, missing: lacks(Side::Source), ..link(6) };
    let batch = [
        failed(1, Some(minute(5))),
        failed(2, Some(minute(10))),
        failed(3, None),
        Recorded { retry_at: Some(minute(8)), status: ItemStatus::Conflict, ..link(4) },
        Recorded { missing: lacks(Side::Target), ..link(5) },
        Recorded { mapping_revision: 3, retry_at: Some(minute(-9)), ..out },
        ended(Some(made[7]), ids("s8", "t8"), Side::Source),
        Recorded { mapping_revision: 3, ..link(8) },
        Recorded { missing: lacks(Side::Source), ..failed(9, Some(minute(7))) },
    ];
    store.record(&batch).await.unwrap();
    store.intend(&[intended(None, ids("s20", ""), &[Side::Target])]).await.unwrap();
    let briefs = store.briefs(0, 100).await.unwrap();
    let mut numbers = Vec::new();
    for revision in [1, 3, 4] {
        for by in [Some(minute(0)), Some(minute(5)), Some(minute(8)), Some(minute(60)), None] {
            let due = Due { by, mapping_revision: revision };
            let tally = store.tally(&due).await.unwrap();
            let expected = briefs.iter().filter(|brief| due.is_due(brief)).count() as u64;
            assert_eq!((tally.links, tally.living, tally.due), (13, 12, expected), "{due:?}");
            numbers.push(tally.due);
        }
    }
    assert_eq!(numbers[..5], [4, 5, 7, 8, 8]);
}

pub(crate) async fn links_are_read_whole_and_unknown_ids_left_out(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 2).await;
    let record = Recorded {
        base: Pair::new(title("here"), title("there")),
        hash: Pair::new(hash("here"), None),
        modified: Pair::new(Some(minute(-5)), Some(minute(-4) + TimeDelta::microseconds(7))),
        missing: Some((Side::Target, minute(-1))),
        error_count: 3,
        mapping_revision: 9,
        ..recorded(Some(made[1]), ids("s2", "t2"))
    };
    store.record(std::slice::from_ref(&record)).await.unwrap();
    let mut links = store.links(&[made[1].id, made[1].id + 1000, made[0].id]).await.unwrap();
    links.sort_by_key(|link| link.at.id);
    assert_eq!(links.iter().map(|link| link.at.id).collect::<Vec<_>>(), [made[0].id, made[1].id]);
    let link = &links[1];
    assert_eq!((&link.ids, &link.base), (&record.ids, &record.base));
    assert_eq!((link.hash, link.modified), (record.hash, record.modified));
    assert_eq!((link.state, link.deleted_side), (LinkState::Linked, None));
    assert_eq!((link.missing, link.error_count, link.mapping_revision), (record.missing, 3, 9));
    assert_eq!((&link.intent, link.conflicts.len()), (&None, 0));
    let brief = &store.briefs(made[0].id, 1).await.unwrap()[0];
    assert_eq!((&brief.ids, brief.hash), (&record.ids, record.hash));
    assert_eq!((brief.missing, brief.mapping_revision), (Some(Side::Target), 9));
    assert_eq!((brief.tombstone, brief.unanswered, brief.retry_at), (false, false, None));
}

/// Larger than any statement that a store may make of it.
pub(crate) async fn a_batch_of_hundreds_is_kept_in_order(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 603).await;
    let known: Vec<Recorded> = made
        .iter()
        .enumerate()
        .map(|(place, at)| Recorded {
            mapping_revision: place as i64,
            ..recorded(Some(*at), ids(&format!("s{}", place + 1), &format!("t{}", place + 1)))
        })
        .collect();
    store.record(&known).await.unwrap();
    assert_eq!(refs(&*store).await.len(), 603);
    for (place, brief) in store.briefs(0, 1000).await.unwrap().iter().enumerate() {
        assert_eq!(brief.id, made[place].id);
        assert_eq!(brief.ids, ids(&format!("s{}", place + 1), &format!("t{}", place + 1)));
        assert_eq!(brief.mapping_revision, place as i64);
    }
}
