//! Runs: which go, and a case for each reason why one stays.

use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, PaginatorTrait};
use serde_json::json;
use syncline_entity::{approval, sync_attempt};
use syncline_queue::{Backend, NewJob, SqlBackend};
use syncline_upkeep::purge::{Age, Count, Kind, Retention};

use crate::stage::{On, Stage, kept};

#[rstest]
#[tokio::test]
async fn a_run_goes_when_it_is_old_and_takes_its_attempts_along(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let old = stage.run(stage.sync, Some(91)).await;
    let attempt = sync_attempt::ActiveModel {
        run_id: Set(old.run_uid),
        attempt: Set(1),
        worker: Set("w".to_owned()),
        started_at: Set(stage.ago(91)),
        ..Default::default()
    };
    attempt.insert(&stage.db).await.unwrap();
    let approval = approval::ActiveModel {
        run_id: Set(old.run_uid),
        plan_hash: Set("p".to_owned()),
        by: Set("me".to_owned()),
        at: Set(stage.ago(91)),
    };
    approval.insert(&stage.db).await.unwrap();
    let young = stage.run(stage.sync, Some(89)).await;
    let unfinished = stage.run(stage.sync, None).await;
    stage.run(stage.sync, Some(0)).await;

    let report = stage.purge(&Retention::default()).await;
    assert_eq!(report.kinds[&Kind::Runs].removed, 1);
    assert!(!stage.has_run(&old).await && stage.has_run(&young).await && stage.has_run(&unfinished).await);
    assert_eq!(sync_attempt::Entity::find().count(&stage.db).await.unwrap(), 0);
    assert_eq!(approval::Entity::find().count(&stage.db).await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn a_run_that_something_open_needs_stays(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (met, resolving) = (stage.run(stage.sync, Some(400)).await, stage.run(stage.sync, Some(400)).await);
    let (writing, dead) = (stage.run(stage.sync, Some(400)).await, stage.run(stage.sync, Some(400)).await);
    let (resolved, plain) = (stage.run(stage.sync, Some(400)).await, stage.run(stage.sync, Some(400)).await);
    stage.conflict(stage.link(stage.sync).await, met.run_uid, None).await;
    let chosen = stage.conflict(stage.link(stage.sync).await, plain.run_uid, None).await;
    let mut chosen: syncline_entity::sync_conflict::ActiveModel = chosen.into();
    chosen.run_id = Set(uuid::Uuid::now_v7());
    chosen.resolve_run_id = Set(Some(resolving.run_uid));
    chosen.update(&stage.db).await.unwrap();
    stage.conflict(stage.link(stage.sync).await, resolved.run_uid, Some(1)).await;
    let under_way = stage.link(stage.sync).await;
    stage
        .edit_link(under_way, |link| {
            link.last_run_id = Set(Some(writing.run_uid));
            link.intent_deadline = Set(Some(stage.ago(399)));
        })
        .await;
    let done = stage.link(stage.sync).await;
    stage.edit_link(done, |link| link.last_run_id = Set(Some(plain.run_uid))).await;
    let letter = NewJob { id: dead.run_uid, ..NewJob::new("sync", json!({ "run": dead.run_uid })) };
    SqlBackend::new(stage.db.clone()).push(&[letter]).await.unwrap();
    stage.execute("UPDATE jobs SET state = 'dead'").await;
    let newest = stage.run(stage.sync, Some(400)).await;
    let other = stage.sync_named("other").await;
    let (worked, planned) = (stage.run(other, Some(400)).await, stage.run(other, Some(300)).await);
    let mut plan: syncline_entity::sync_history::ActiveModel = planned.clone().into();
    plan.kind = Set(syncline_entity::types::RunKind::Plan);
    plan.update(&stage.db).await.unwrap();

    let report = stage.purge(&Retention::default()).await;
    let reasons = [("dead_letter", 1), ("newest_of_sync", 3), ("open_conflict", 2), ("open_intent", 1)];
    assert_eq!(kept(&report, Kind::Runs), reasons);
    for run in [&met, &resolving, &writing, &dead, &newest, &worked, &planned] {
        assert!(stage.has_run(run).await, "{}", run.id);
    }
    assert!(!stage.has_run(&resolved).await && !stage.has_run(&plain).await);
    assert_eq!(report.kinds[&Kind::Runs].removed, 2);
}

#[rstest]
#[tokio::test]
async fn of_each_sync_only_so_many_runs_stay(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let other = stage.sync_named("other").await;
    let mut runs = Vec::new();
    for number in 0..10 {
        runs.push(stage.run(stage.sync, Some(200 - number)).await);
    }
    for _ in 0..3 {
        runs.push(stage.run(other, Some(1)).await);
    }
    stage.conflict(stage.link(stage.sync).await, runs[1].run_uid, None).await;
    let retention = Retention { runs: Age::days(198), runs_count: Count::Newest(4), ..Retention::default() };
    let report = stage.purge(&retention).await;
    // 200 and 199 days are too old; of the other eight the oldest four are too many.
    assert_eq!(report.kinds[&Kind::Runs].removed, 5);
    assert_eq!(kept(&report, Kind::Runs), [("open_conflict", 1)]);
    for (at, run) in runs.iter().enumerate() {
        assert_eq!(stage.has_run(run).await, at == 1 || at >= 6, "{at}");
    }
    let retention = Retention { runs: Age::Forever, runs_count: Count::All, ..Retention::default() };
    assert_eq!(stage.purge(&retention).await.removed(), 0);
}
