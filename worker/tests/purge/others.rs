//! Resolved conflicts, stays, deliveries, keys, and the audit log.

use std::time::Duration;

use chrono::TimeDelta;
use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, PaginatorTrait};
use serde_json::json;
use syncline_entity::{
    account, audit_log, event, idempotency_key, operation, project, status_history, sync_conflict,
    types::{DeliveryStatus, EventType, OperationAction, OperationState, Side},
    webhook_delivery,
};
use syncline_upkeep::purge::{Age, Count, Kind, Retention, Unwatched, events, purge};

use crate::stage::{On, Stage, kept};

async fn delivery(stage: &Stage, account: i64, days: i64, status: DeliveryStatus) {
    let row = webhook_delivery::ActiveModel {
        account_id: Set(account),
        delivery_id: Set(uuid::Uuid::now_v7().to_string()),
        received_at: Set(stage.ago(days)),
        headers: Set(json!({})),
        body: Set(b"{}".to_vec()),
        status: Set(status),
        ..Default::default()
    };
    row.insert(&stage.db).await.expect("a delivery");
}

async fn an_account(stage: &Stage) -> i64 {
    let project = project::Entity::find().one(&stage.db).await.unwrap().expect("the default project");
    let row = account::ActiveModel {
        project_id: Set(project.id),
        platform: Set("github".to_owned()),
        name: Set("main".to_owned()),
        ..Default::default()
    };
    row.insert(&stage.db).await.expect("an account").id
}

#[rstest]
#[tokio::test]
async fn a_conflict_goes_long_after_it_was_resolved(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let link = stage.link(stage.sync).await;
    let run = uuid::Uuid::now_v7();
    stage.conflict(link, run, Some(366)).await;
    let late = stage.conflict(link, run, Some(364)).await;
    let open = stage.conflict(link, run, None).await;
    assert_eq!(stage.purge(&Retention::default()).await.kinds[&Kind::Conflicts].removed, 1);
    let left = sync_conflict::Entity::find().all(&stage.db).await.unwrap();
    assert_eq!(left.iter().map(|row| row.id).collect::<Vec<_>>(), [late.id, open.id]);
}

#[rstest]
#[tokio::test]
async fn a_stay_goes_long_after_it_ended(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let (link, asked) = (stage.link(stage.sync).await, stage.link(stage.sync).await);
    stage.conflict(asked, uuid::Uuid::now_v7(), None).await;
    for link in [link, asked] {
        for left in [Some(400), Some(300), None] {
            let row = status_history::ActiveModel {
                link_id: Set(link),
                side: Set(Side::Source),
                status: Set("open".to_owned()),
                entered_at: Set(stage.ago(500)),
                left_at: Set(left.map(|days| stage.ago(days))),
                ..Default::default()
            };
            row.insert(&stage.db).await.expect("a stay");
        }
    }
    let report = stage.purge(&Retention::default()).await;
    assert_eq!(report.kinds[&Kind::StatusHistory].removed, 1);
    assert_eq!(kept(&report, Kind::StatusHistory), [("open_conflict", 1)]);
}

#[rstest]
#[tokio::test]
async fn a_delivery_goes_by_age_and_by_count_once_it_was_dealt_with(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    let stage = Stage::new(on).await;
    let account = an_account(&stage).await;
    for days in [40, 35, 20, 15, 10, 5] {
        delivery(&stage, account, days, DeliveryStatus::Queued).await;
    }
    delivery(&stage, account, 50, DeliveryStatus::Received).await;
    let retention = Retention { deliveries_count: Count::Newest(3), ..Retention::default() };
    let report = stage.purge(&retention).await;
    assert_eq!(report.kinds[&Kind::Deliveries].removed, 3);
    assert_eq!(kept(&report, Kind::Deliveries), [("not_processed", 1)]);
    let retention = Retention { deliveries: Age::Forever, ..Retention::default() };
    assert_eq!(stage.purge(&retention).await.removed(), 0);
}

#[rstest]
#[tokio::test]
async fn a_key_goes_when_it_expires(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    for (key, days) in [("old", 1), ("new", -1)] {
        let row = idempotency_key::ActiveModel {
            key: Set(key.to_owned()),
            request_hash: Set("h".to_owned()),
            created_at: Set(stage.ago(2)),
            expires_at: Set(stage.ago(days)),
            ..Default::default()
        };
        row.insert(&stage.db).await.expect("a key");
    }
    assert_eq!(stage.purge(&Retention::default()).await.kinds[&Kind::IdempotencyKeys].removed, 1);
    assert_eq!(idempotency_key::Entity::find().count(&stage.db).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn events_go_after_a_day_or_when_there_are_too_many(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    let write = async |days: i64, many: usize| {
        let event = event::NewEvent::new(EventType::RunStarted, None, json!({}));
        event::record(&stage.db, stage.ago(days), vec![event; many]).await.unwrap();
    };
    write(2, 300).await;
    write(0, 4).await;
    let kept = async || event::bounds(&stage.db).await.unwrap();
    let dry = purge(&stage.db, stage.now, &Retention::default(), true, "me", &Unwatched).await.unwrap();
    assert_eq!((dry.kinds[&Kind::Events].removed, kept().await), (300, Some((1, 304))));
    assert_eq!(stage.purge(&Retention::default()).await.kinds[&Kind::Events].removed, 300);
    assert_eq!(kept().await, Some((301, 304)));
    let few = Retention { events_count: Count::Newest(2), ..Retention::default() };
    assert_eq!(events(&stage.db, stage.now, &few, Duration::from_secs(9)).await.unwrap(), 2);
    assert_eq!(kept().await, Some((303, 304)));
    // The newest tells how far the feed has come.
    let later = stage.now + TimeDelta::days(9);
    assert_eq!(events(&stage.db, later, &few, Duration::from_secs(9)).await.unwrap(), 1);
    assert_eq!(kept().await, Some((304, 304)));
}

#[rstest]
#[tokio::test]
async fn an_operation_goes_as_long_after_its_end_as_a_run(#[values(On::Sqlite, On::Postgres)] on: On) {
    let stage = Stage::new(on).await;
    for (state, ended) in [
        (OperationState::Done, Some(91)),
        (OperationState::Cancelled, Some(100)),
        (OperationState::Failed, Some(89)),
        (OperationState::Running, None),
    ] {
        let row = operation::ActiveModel {
            operation_uid: Set(uuid::Uuid::now_v7()),
            action: Set(OperationAction::Replay),
            filter: Set(json!({})),
            cutoff: Set(stage.ago(200)),
            state: Set(state),
            total: Set(1),
            actor: Set("me".to_owned()),
            created_at: Set(stage.ago(200)),
            completed_at: Set(ended.map(|days| stage.ago(days))),
            ..Default::default()
        };
        row.insert(&stage.db).await.expect("an operation");
    }
    let forever = Retention { runs: Age::Forever, ..Retention::default() };
    assert_eq!(stage.purge(&forever).await.removed(), 0);
    assert_eq!(stage.purge(&Retention::default()).await.kinds[&Kind::Operations].removed, 2);
    let left = operation::Entity::find().all(&stage.db).await.unwrap();
    let left: Vec<_> = left.into_iter().map(|row| row.state).collect();
    assert_eq!(left, [OperationState::Failed, OperationState::Running]);
}

#[rstest]
#[tokio::test]
async fn the_audit_log_says_what_went_and_goes_itself_after_a_year(
    #[values(On::Sqlite, On::Postgres)] on: On,
) {
    let stage = Stage::new(on).await;
    stage.purge(&Retention::default()).await;
    assert_eq!(audit_log::Entity::find().count(&stage.db).await.unwrap(), 0, "nothing went");
    for days in [366, 1] {
        let row = audit_log::ActiveModel {
            at: Set(stage.ago(days)),
            actor: Set("me".to_owned()),
            action: Set("sync.delete".to_owned()),
            subject_kind: Set("sync".to_owned()),
            ..Default::default()
        };
        row.insert(&stage.db).await.expect("an entry");
    }
    stage.purge(&Retention::default()).await;
    let rows = audit_log::Entity::find().all(&stage.db).await.unwrap();
    assert_eq!(rows.len(), 2);
    let purge = rows.iter().find(|row| row.action == "purge").expect("the purge's own entry");
    assert_eq!(purge.actor, "test");
    assert_eq!(purge.details, Some(json!({ "complete": true, "removed": { "audit log entries": 1 } })));
}
