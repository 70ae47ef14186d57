//! Deleted syncs, and all that hangs on them.

use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};
use serde_json::json;
use syncline_entity::{sync_config, sync_cursor, types::Side};
use syncline_queue::{Backend, JobQuery, NewJob, SqlBackend, State};
use syncline_upkeep::purge::{Age, Kind, Retention};

use crate::stage::{After, On, Stage, kept};

/// A sync deleted so many days ago, with rows of every kind.
async fn deleted(stage: &Stage, name: &str, days: i64) -> i64 {
    let sync = stage.sync_named(name).await;
    for number in 0..3 {
        let run = stage.run(sync, Some(days + number)).await;
        let link = stage.link(sync).await;
        stage.change(link, days + 2).await;
        stage.change(link, days + 1).await;
        stage.conflict(link, run.run_uid, None).await;
        if number == 0 {
            let letter = NewJob { id: run.run_uid, ..NewJob::new("sync", json!({ "run": run.run_uid })) };
            SqlBackend::new(stage.db.clone()).push(&[letter]).await.unwrap();
            stage.execute("UPDATE jobs SET state = 'dead'").await;
            stage.edit_link(link, |link| link.intent_deadline = Set(Some(stage.ago(days)))).await;
        }
    }
    let cursor = sync_cursor::ActiveModel {
        sync_config_id: Set(sync),
        side: Set(Side::Source),
        container: Set(String::new()),
        version: Set(0),
        ..Default::default()
    };
    cursor.insert(&stage.db).await.unwrap();
    let row = sync_config::Entity::find_by_id(sync).one(&stage.db).await.unwrap().unwrap();
    let mut row: sync_config::ActiveModel = row.into();
    row.deleted_at = Set(Some(stage.ago(days)));
    row.update(&stage.db).await.unwrap();
    sync
}

#[rstest]
#[tokio::test]
async fn a_sync_deleted_long_ago_goes_with_all_that_hangs_on_it(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let link = stage.link(stage.sync).await;
    stage.change(link, 5).await;
    stage.run(stage.sync, Some(5)).await;
    let alone = stage.rows().await;
    deleted(&stage, "gone", 400).await;
    let report = stage.purge(&Retention::default()).await;
    assert_eq!(stage.rows().await, alone);
    assert_eq!(report.kinds[&Kind::DeletedSyncs].removed, 1);
    // Three runs, three links with two changes and a conflict each, a cursor.
    assert_eq!(report.kinds[&Kind::OfDeletedSyncs].removed, 16);
    assert_eq!(report.kinds[&Kind::Runs].removed + report.kinds[&Kind::Changes].removed, 0);
    assert!(
        SqlBackend::new(stage.db.clone())
            .list(&JobQuery::new("default", State::Dead))
            .await
            .unwrap()
            .jobs
            .is_empty()
    );
}

#[rstest]
#[tokio::test]
async fn a_sync_deleted_lately_keeps_what_a_live_one_would(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    deleted(&stage, "lately", 29).await;
    let before = stage.rows().await;
    assert_eq!(stage.purge(&Retention::default()).await.removed(), 0);
    assert_eq!(stage.rows().await, before);
    let retention = Retention { deleted_syncs: Age::Forever, ..Retention::default() };
    let old = deleted(&stage, "old", 500).await;
    // As of a live one: the first of each link's two changes goes, but for open conflicts and the intent.
    assert_eq!(stage.purge(&retention).await.removed(), 0);
    assert!(sync_config::Entity::find_by_id(old).one(&stage.db).await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn what_is_under_way_holds_a_deleted_sync_back(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (running, sending) = (deleted(&stage, "running", 100).await, deleted(&stage, "sending", 100).await);
    stage.run(running, None).await;
    let link = stage.link(sending).await;
    stage.edit_link(link, |link| link.intent_deadline = Set(Some(stage.ago(-1)))).await;
    let before = stage.rows().await;
    let report = stage.purge(&Retention::default()).await;
    assert_eq!(stage.rows().await, before);
    assert_eq!(kept(&report, Kind::DeletedSyncs), [("open_intent", 1), ("unfinished_run", 1)]);
}

#[rstest]
#[tokio::test]
async fn one_that_is_stopped_after_any_batch_is_gone_on_with(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let alone = stage.rows().await;
    let sync = deleted(&stage, "gone", 400).await;
    let mut stops = 0;
    while !stage.purge_watched(&Retention::default(), &After::batches(1)).await.complete {
        stops += 1;
        assert!(stops < 20, "it never ends");
        if stage.rows().await != alone {
            let row = sync_config::Entity::find_by_id(sync).one(&stage.db).await.unwrap();
            assert!(row.is_some(), "the sync went before what hangs on it");
        }
    }
    assert!(stops >= 5, "{stops} batches");
    assert_eq!(stage.rows().await, alone);
}
