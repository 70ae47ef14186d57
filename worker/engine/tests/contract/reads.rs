//! What is read of links.

use chrono::TimeDelta;
use syncline_engine::{
    Side,
    ports::{LinkState, Recorded},
    side::Pair,
};

use super::{
    Stage,
    build::{ended, hash, ids, minute, pairs, recorded, refs, title},
};

pub(crate) async fn a_new_sync_has_nothing(stage: &dyn Stage) {
    let store = stage.open(1).await;
    assert_eq!(store.count().await.unwrap(), 0);
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
    assert_eq!(store.count().await.unwrap(), 3);
    let tombstones: Vec<bool> =
        store.briefs(0, 10).await.unwrap().iter().map(|brief| brief.tombstone).collect();
    assert_eq!(tombstones, [false, true, false]);
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
