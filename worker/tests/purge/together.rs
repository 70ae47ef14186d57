//! A purge beside those who write, and two purges at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, TransactionTrait};
use syncline_upkeep::purge::{Kind, Retention, Unwatched};
use syncline_worker::store::chain::Chain;

use crate::stage::{On, Stage};

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_purges_share_the_work(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let mut links = Vec::new();
    for _ in 0..40 {
        let link = stage.link(stage.sync).await;
        links.push(link);
        for number in 0..20 {
            stage.change(link, 800 - number).await;
        }
        stage.run(stage.sync, Some(300)).await;
    }
    let retention = Retention::default();
    let (one, two) = tokio::join!(
        stage.purge_watched(&retention, &Unwatched),
        stage.purge_watched(&retention, &Unwatched)
    );
    let both = |kind| one.kinds[&kind].removed + two.kinds[&kind].removed;
    assert_eq!(both(Kind::Changes), 40 * 19);
    assert_eq!(both(Kind::Runs), 39);
    for link in links {
        assert_eq!(stage.chain(link).await, Chain::Whole { changes: 1, purged: 19 });
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chains_that_grow_meanwhile_stay_whole(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Arc::new(Stage::new(on).await);
    let mut links = Vec::new();
    for _ in 0..5 {
        let link = stage.link(stage.sync).await;
        links.push(link);
        for number in 0..100 {
            stage.change(link, 800 - number).await;
        }
    }
    let done = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (stage, done, links) = (Arc::clone(&stage), Arc::clone(&done), links.clone());
        async move {
            let mut written = 0;
            // At least once round, however quick the purge.
            while written < links.len() || !done.load(Ordering::SeqCst) {
                stage.change(links[written % links.len()], 1).await;
                written += 1;
            }
            written
        }
    });
    let report = stage.purge_watched(&Retention::default(), &Unwatched).await;
    done.store(true, Ordering::SeqCst);
    let written = writer.await.unwrap();
    assert!(report.kinds[&Kind::Changes].removed >= 5 * 99);
    stage.purge_watched(&Retention::default(), &Unwatched).await;
    let mut left = 0;
    for link in links {
        match stage.chain(link).await {
            Chain::Whole { changes, purged } => {
                assert_eq!(purged, 100);
                left += changes;
            }
            broken => panic!("{broken:?}"),
        }
    }
    assert_eq!(left, written as u64);
}

/// Somebody holds rows that are past their limit, and a link whose chain is: they are left for the next time.
#[tokio::test]
async fn rows_that_somebody_holds_are_passed_over_and_not_waited_for() {
    let stage = Stage::new(On::Postgres).await;
    let held = stage.run(stage.sync, Some(300)).await;
    for _ in 0..3 {
        stage.run(stage.sync, Some(300)).await;
    }
    let (busy, idle) = (stage.link(stage.sync).await, stage.link(stage.sync).await);
    for link in [busy, idle] {
        stage.change(link, 800).await;
        stage.change(link, 1).await;
    }
    let tx = stage.db.begin().await.unwrap();
    let mut row: syncline_entity::sync_history::ActiveModel = held.clone().into();
    row.error_message = Set(Some("held".to_owned()));
    row.update(&tx).await.unwrap();
    let link = syncline_entity::sync_metadata::ActiveModel {
        id: Set(busy),
        entity_id: Set(Some("another id".to_owned())),
        ..Default::default()
    };
    link.update(&tx).await.unwrap();
    // It would wait here for ever, were it to wait.
    let report = stage.purge_watched(&Retention::default(), &Unwatched).await;
    assert_eq!((report.kinds[&Kind::Runs].removed, report.kinds[&Kind::Changes].removed), (2, 1));
    tx.commit().await.unwrap();
    let report = stage.purge_watched(&Retention::default(), &Unwatched).await;
    assert_eq!((report.kinds[&Kind::Runs].removed, report.kinds[&Kind::Changes].removed), (1, 1));
}
