//! Ids that a platform gives again.

use syncline_engine::{
    Side,
    ports::{LinkState, Recorded, StoreError, Verdict},
};

use super::{
    Stage,
    build::{count, ended, ids, intended, judged, link, pairs, recorded},
    seen::see,
};

pub(crate) async fn an_item_belongs_to_one_link(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 2).await;
    let before = see(stage, &*store).await;
    let taken = store.intend(&[intended(None, ids("s9", ""), &[]), intended(None, ids("s1", ""), &[])]).await;
    assert!(matches!(taken, Err(StoreError::Database(_))), "{taken:?}");
    for taken in [recorded(None, ids("s9", "t1")), recorded(Some(made[1]), ids("s1", "t2"))] {
        let taken = store.record(&[taken]).await;
        assert!(matches!(taken, Err(StoreError::Database(_))), "{taken:?}");
    }
    assert_eq!(see(stage, &*store).await, before);
}

pub(crate) async fn an_ended_link_leaves_its_id_to_a_new_one(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 2).await;
    let over = [(0, "s1", "t1"), (1, "s2", "t2")].map(|(place, source, target): (usize, _, _)| {
        ended(Some(made[place]), ids(source, target), Side::Source)
    });
    store.record(&over).await.unwrap();
    store.intend(&[intended(None, ids("s1", ""), &[Side::Target])]).await.unwrap();
    store.record(&[recorded(None, ids("s8", "t2"))]).await.unwrap();
    assert_eq!(link(&*store, made[0].id).await.ids, ids("", "t1"));
    assert_eq!(link(&*store, made[1].id).await.ids, ids("s2", ""));
    assert_eq!(count(&*store).await, 4);
}

pub(crate) async fn an_ended_link_leaves_its_id_to_a_created_item(stage: &dyn Stage) {
    let store = stage.open(1).await;
    let made = pairs(&*store, 1).await;
    store.record(&[ended(Some(made[0]), ids("s1", "t1"), Side::Target)]).await.unwrap();
    let at = store.intend(&[intended(None, ids("s2", ""), &[Side::Target])]).await.unwrap()[0];
    store.record(&[judged(at, ids("s2", "t1"), &[(Side::Target, Verdict::Confirmed)])]).await.unwrap();
    assert_eq!(link(&*store, at.id).await.ids, ids("s2", "t1"));
    let old = link(&*store, made[0].id).await;
    assert_eq!((old.ids, old.state), (ids("s1", ""), LinkState::Tombstone));
}

pub(crate) async fn an_only_id_is_marked_as_ended(stage: &dyn Stage) {
    let store = stage.open(1).await;
    store.record(&[ended(None, ids("s1", ""), Side::Target)]).await.unwrap();
    store.record(&[recorded(None, ids("s1", "t1"))]).await.unwrap();
    let briefs = store.briefs(0, 10).await.unwrap();
    assert_eq!(briefs[0].ids, ids(&format!("s1 (ended {})", briefs[0].id), ""));
    assert_eq!(briefs[1].ids, ids("s1", "t1"));
}

/// A table that numbers its rows may give the number of the row that was just deleted.
pub(crate) async fn a_link_may_end_in_the_batch_that_gives_its_id_again(stage: &dyn Stage) {
    for (number, delete_first) in [(1, true), (2, false)] {
        let store = stage.open(1).await;
        let (old, new) = (format!("old{number}"), format!("new{number}"));
        let row = format!("t{number}");
        store.record(&[recorded(None, ids(&old, &row))]).await.unwrap();
        let last = super::build::refs(&*store).await.pop().unwrap();
        let mut writes = vec![
            intended(Some(last), ids(&old, &row), &[Side::Target]),
            intended(None, ids(&new, ""), &[Side::Target]),
        ];
        if !delete_first {
            writes.reverse();
        }
        let refs = store.intend(&writes).await.unwrap();
        let confirmed = [(Side::Target, Verdict::Confirmed)];
        let records: Vec<Recorded> = writes
            .iter()
            .zip(&refs)
            .map(|(write, at)| match write.link {
                Some(_) => Recorded {
                    verdicts: confirmed.to_vec(),
                    ..ended(Some(*at), ids(&old, &row), Side::Source)
                },
                None => judged(*at, ids(&new, &row), &confirmed),
            })
            .collect();
        store.record(&records).await.unwrap();
        let [end, start] = if delete_first { [refs[0], refs[1]] } else { [refs[1], refs[0]] };
        assert_eq!(link(&*store, start.id).await.ids, ids(&new, &row));
        let end = link(&*store, end.id).await;
        assert_eq!((end.ids, end.state), (ids(&old, ""), LinkState::Tombstone));
    }
}

/// The same with a link that no write belongs to, and with one that has no other id.
pub(crate) async fn a_link_may_move_to_an_id_that_its_batch_frees(stage: &dyn Stage) {
    let store = stage.open(1).await;
    store.record(&[recorded(None, ids("", "t1"))]).await.unwrap();
    let old = super::build::refs(&*store).await[0];
    let records = [recorded(None, ids("s2", "t1")), ended(Some(old), ids("", "t1"), Side::Target)];
    store.record(&records).await.unwrap();
    let briefs = store.briefs(0, 10).await.unwrap();
    assert_eq!(briefs[0].ids, ids("", &format!("t1 (ended {})", old.id)));
    assert_eq!(briefs[1].ids, ids("s2", "t1"));
}
