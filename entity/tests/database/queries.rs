//! The named queries: their results, and the indexes they use.

use rstest::rstest;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection, DbBackend, DbErr, EntityTrait};
use serde_json::json;
use syncline_entity::{
    account, alert, api_token, approval, audit_log, idempotency_key, pause, project, status_history,
    sync_conflict, sync_history, sync_metadata, sync_state, sync_text, types::*, webhook_delivery,
};

use crate::stage::{On, Stage, at};

async fn account(db: &DatabaseConnection) -> i64 {
    let row = account::ActiveModel {
        project_id: Set(project::DEFAULT_PROJECT),
        platform: Set("jira".to_owned()),
        name: Set("acme".to_owned()),
        ..Default::default()
    };
    row.insert(db).await.unwrap().id
}

async fn deliver(
    db: &DatabaseConnection,
    account: i64,
    id: &str,
    second: u32,
) -> Result<webhook_delivery::Model, DbErr> {
    let row = webhook_delivery::ActiveModel {
        account_id: Set(account),
        delivery_id: Set(id.to_owned()),
        received_at: Set(at(second)),
        headers: Set(json!({})),
        body: Set(b"{}".to_vec()),
        ..Default::default()
    };
    row.insert(db).await
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn deliveries_are_due_once_in_order_of_arrival(#[case] on: On) {
    let stage = on.stage().await;
    let account = account(&stage.db).await;
    deliver(&stage.db, account, "later", 20).await.unwrap();
    let first = deliver(&stage.db, account, "first", 10).await.unwrap();
    assert_eq!(first.status, DeliveryStatus::Received);
    assert!(deliver(&stage.db, account, "first", 30).await.is_err());
    let mut done = webhook_delivery::ActiveModel::from(deliver(&stage.db, account, "done", 5).await.unwrap());
    done.status = Set(DeliveryStatus::Queued);
    done.update(&stage.db).await.unwrap();
    let due = webhook_delivery::due(&stage.db, 10).await.unwrap();
    assert_eq!(due.iter().map(|row| row.delivery_id.as_str()).collect::<Vec<_>>(), ["first", "later"]);
    let latest = webhook_delivery::latest(&stage.db, account).await.unwrap().unwrap();
    assert_eq!(latest.delivery_id, "later");
    assert!(
        account::Entity::delete_by_id(account).exec(&stage.db).await.is_err(),
        "a delivery would be lost"
    );
}

async fn raise(db: &DatabaseConnection, subject: &str) -> Result<alert::Model, DbErr> {
    let row = alert::ActiveModel {
        rule: Set("failure_rate".to_owned()),
        subject: Set(subject.to_owned()),
        level: Set(AlertLevel::Warning),
        value: Set(0.2),
        threshold: Set(0.1),
        message: Set("too many".to_owned()),
        raised_at: Set(at(1)),
        ..Default::default()
    };
    row.insert(db).await
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn an_alert_is_open_once_and_due_until_delivered(#[case] on: On) {
    let stage = on.stage().await;
    let first = raise(&stage.db, "sync:1").await.unwrap();
    assert!(raise(&stage.db, "sync:1").await.is_err());
    let other = raise(&stage.db, "sync:2").await.unwrap();
    assert_eq!(alert::open(&stage.db).await.unwrap(), [other.clone(), first.clone()]);
    assert_eq!(alert::undelivered(&stage.db, 1).await.unwrap(), std::slice::from_ref(&first));
    let mut over = alert::ActiveModel::from(first);
    over.delivered_at = Set(Some(at(2)));
    over.cleared_at = Set(Some(at(3)));
    over.update(&stage.db).await.unwrap();
    assert_eq!(alert::open(&stage.db).await.unwrap(), std::slice::from_ref(&other));
    assert_eq!(alert::undelivered(&stage.db, 9).await.unwrap(), [other]);
    raise(&stage.db, "sync:1").await.unwrap();
}

async fn token(db: &DatabaseConnection, hash: &str, project: Option<i64>) -> api_token::Model {
    let row = api_token::ActiveModel {
        hash: Set(hash.to_owned()),
        name: Set("ci".to_owned()),
        project_id: Set(project),
        scopes: Set(json!(["read"])),
        created_at: Set(at(1)),
        ..Default::default()
    };
    row.insert(db).await.unwrap()
}

async fn keep_key(db: &DatabaseConnection, token: Option<i64>, hash: &str) -> Result<(), DbErr> {
    let row = idempotency_key::ActiveModel {
        token_id: Set(token),
        key: Set("k".to_owned()),
        request_hash: Set(hash.to_owned()),
        created_at: Set(at(1)),
        expires_at: Set(at(2)),
        ..Default::default()
    };
    row.insert(db).await.map(|_| ())
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_key_belongs_to_its_caller_and_is_deleted_with_it(#[case] on: On) {
    let stage = on.stage().await;
    let db = &stage.db;
    let (one, other) = (token(db, "a", None).await.id, token(db, "b", None).await.id);
    for (caller, hash) in [(None, "nobody"), (Some(one), "one"), (Some(other), "other")] {
        keep_key(db, caller, hash).await.unwrap();
        assert!(keep_key(db, caller, "again").await.is_err(), "{caller:?}");
        let kept = idempotency_key::of_caller(db, caller, "k").await.unwrap().unwrap();
        assert_eq!((kept.token_id, kept.request_hash.as_str()), (caller, hash));
    }
    api_token::Entity::delete_by_id(one).exec(db).await.unwrap();
    let kept = stage.all::<idempotency_key::Entity>().await;
    assert_eq!(kept.iter().map(|row| row.token_id).collect::<Vec<_>>(), [None, Some(other)]);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_revoked_token_is_not_found(#[case] on: On) {
    let stage = on.stage().await;
    let made = token(&stage.db, "a", None).await;
    assert_eq!(api_token::by_hash(&stage.db, "a").await.unwrap().as_ref(), Some(&made));
    let mut revoked = api_token::ActiveModel::from(made);
    revoked.revoked_at = Set(Some(at(9)));
    revoked.update(&stage.db).await.unwrap();
    assert_eq!(api_token::by_hash(&stage.db, "a").await.unwrap(), None);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn deleting_a_project_deletes_its_tokens_and_keeps_the_log(#[case] on: On) {
    let stage = on.stage().await;
    let db = &stage.db;
    let web = project::ActiveModel {
        key: Set("web".to_owned()),
        name: Set("Web".to_owned()),
        ..Default::default()
    };
    let web = web.insert(db).await.unwrap().id;
    token(db, "a", Some(web)).await;
    pause(db, "9", Some(web)).await.unwrap();
    let entry = audit_log::ActiveModel {
        project_id: Set(Some(web)),
        at: Set(at(1)),
        actor: Set("ada".to_owned()),
        action: Set("project.delete".to_owned()),
        subject_kind: Set("project".to_owned()),
        subject_id: Set(Some("web".to_owned())),
        ..Default::default()
    };
    entry.insert(db).await.unwrap();
    project::Entity::delete_by_id(web).exec(db).await.unwrap();
    assert_eq!(stage.all::<api_token::Entity>().await, []);
    assert_eq!(stage.all::<pause::Entity>().await, []);
    let log = audit_log::of_subject(db, "project", "web", 5).await.unwrap();
    assert_eq!(
        log.iter().map(|row| (row.actor.as_str(), row.project_id)).collect::<Vec<_>>(),
        [("ada", None)]
    );
}

async fn pause(db: &DatabaseConnection, subject: &str, project: Option<i64>) -> Result<pause::Model, DbErr> {
    let row = pause::ActiveModel {
        scope: Set(PauseScope::Sync),
        subject: Set(subject.to_owned()),
        project_id: Set(project),
        by: Set("ada".to_owned()),
        at: Set(at(1)),
        ..Default::default()
    };
    row.insert(db).await
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_subject_is_paused_once(#[case] on: On) {
    let stage = on.stage().await;
    let made = pause(&stage.db, "1", None).await.unwrap();
    assert!(pause(&stage.db, "1", None).await.is_err());
    assert_eq!(pause::of_subject(&stage.db, PauseScope::Sync, "1").await.unwrap(), Some(made));
    assert_eq!(pause::of_subject(&stage.db, PauseScope::Account, "1").await.unwrap(), None);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_text_is_stored_once_with_its_last_use(#[case] on: On) {
    let stage = on.stage().await;
    for second in [1, 9] {
        sync_text::keep(&stage.db, "ab".to_owned(), vec![0, 255], at(second)).await.unwrap();
    }
    let row =
        sync_text::Model { hash: "ab".to_owned(), bytes: vec![0, 255], created_at: at(1), used_at: at(9) };
    assert_eq!(stage.all::<sync_text::Entity>().await, [row]);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn a_side_is_in_one_status_at_a_time(#[case] on: On) {
    let stage = on.stage().await;
    let sync = stage.sync("mirror").await;
    let link = sync_state::NewSyncState {
        sync_config_id: sync,
        entity_type: "issue".to_owned(),
        entity_id: Some("E-1".to_owned()),
        jira_id: None,
    };
    let link = sync_state::create(&stage.db, link, at(0)).await.unwrap().id;
    let enter = async |side, status: &str, second| {
        let row = status_history::ActiveModel {
            link_id: Set(link),
            side: Set(side),
            status: Set(status.to_owned()),
            entered_at: Set(at(second)),
            ..Default::default()
        };
        row.insert(&stage.db).await
    };
    let open = enter(Side::Source, "Open", 1).await.unwrap();
    assert!(enter(Side::Source, "Done", 2).await.is_err());
    enter(Side::Target, "todo", 2).await.unwrap();
    let mut left = status_history::ActiveModel::from(open);
    left.left_at = Set(Some(at(3)));
    left.update(&stage.db).await.unwrap();
    let done = enter(Side::Source, "Done", 3).await.unwrap();
    assert_eq!(status_history::current(&stage.db, link, Side::Source).await.unwrap(), Some(done));
    let stays = status_history::of_link(&stage.db, link).await.unwrap();
    assert_eq!(stays.iter().map(|stay| stay.status.as_str()).collect::<Vec<_>>(), ["Open", "todo", "Done"]);
    sync_metadata::Entity::delete_by_id(link).exec(&stage.db).await.unwrap();
    assert_eq!(stage.all::<status_history::Entity>().await, []);
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn an_approval_needs_a_run_and_is_deleted_with_it(#[case] on: On) {
    let stage = on.stage().await;
    let sync = stage.sync("mirror").await;
    let run = sea_orm::prelude::Uuid::from_u128(1);
    let approval =
        approval::Model { run_id: run, plan_hash: "aa".to_owned(), by: "ada".to_owned(), at: at(1) };
    let approve = async || approval::ActiveModel::from(approval.clone()).reset_all().insert(&stage.db).await;
    assert!(approve().await.is_err());
    let held = sync_history::ActiveModel {
        run_uid: Set(run),
        project_id: Set(project::DEFAULT_PROJECT),
        sync_config_id: Set(sync),
        correlation_id: Set(run),
        kind: Set(RunKind::Sync),
        sync_type: Set(SyncMethod::Manual),
        args: Set(json!({})),
        queued_at: Set(at(0)),
        ..Default::default()
    };
    let held = held.insert(&stage.db).await.unwrap();
    approve().await.unwrap();
    assert!(approve().await.is_err());
    sync_history::Entity::delete_by_id(held.id).exec(&stage.db).await.unwrap();
    assert_eq!(stage.all::<approval::Entity>().await, []);
}

/// Asserts that each statement's plan uses its intended index.
async fn goes_by(stage: &mut Stage, index: &str, work: impl AsyncFnOnce(&DatabaseConnection)) {
    for plan in stage.plans(work).await {
        // SQLite names the indexes of a table's constraints itself.
        let of_constraint = index.starts_with("uq_") && plan.contains("USING INDEX sqlite_autoindex_");
        assert!(plan.contains(index) || of_constraint, "{index} is not used:\n{plan}");
    }
}

/// Creates enough links and stays to make one index clearly better than another.
async fn many_links(stage: &Stage) {
    let sync = stage.sync("mirror").await;
    let numbers = |until| {
        format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {until})"
        )
    };
    let time = match stage.db.get_database_backend() {
        DbBackend::Postgres => "TIMESTAMPTZ '2025-01-01T00:00:00+00:00'",
        _ => "'2025-01-01T00:00:00+00:00'",
    };
    let insert = "INSERT INTO sync_metadata (sync_config_id, entity_type, entity_id, external_id, created_at, updated_at)";
    let links = format!("SELECT {sync}, 'issue', 'E-' || n, 'PROJ-' || n, {time}, {time} FROM numbers");
    stage.run(&format!("{insert} {} {links}", numbers(2000))).await;
    let insert = "INSERT INTO status_history (link_id, side, status, entered_at, left_at)";
    let stays = format!("SELECT id, 'source', 'Open', {time}, {time} FROM sync_metadata, numbers");
    stage.run(&format!("{insert} {} {stays}", numbers(10))).await;
    stage.run("ANALYZE").await;
}

#[rstest]
#[case::sqlite(On::Sqlite)]
#[case::postgres(On::Postgres)]
#[tokio::test]
async fn every_query_has_its_index(#[case] on: On) {
    let mut stage = on.stage().await;
    let stage = &mut stage;
    many_links(stage).await;
    goes_by(stage, "ix_webhook_deliveries_due", async |db| drop(webhook_delivery::due(db, 9).await.unwrap()))
        .await;
    goes_by(stage, "ix_webhook_deliveries_account", async |db| {
        webhook_delivery::latest(db, 1).await.unwrap();
    })
    .await;
    goes_by(stage, "ix_alerts_open", async |db| drop(alert::open(db).await.unwrap())).await;
    goes_by(stage, "ix_alerts_undelivered", async |db| drop(alert::undelivered(db, 9).await.unwrap())).await;
    goes_by(stage, "ix_audit_log_subject", async |db| {
        audit_log::of_subject(db, "sync", "1", 9).await.unwrap();
    })
    .await;
    goes_by(stage, "uq_api_tokens_hash", async |db| drop(api_token::by_hash(db, "aa").await.unwrap())).await;
    goes_by(stage, "uq_idempotency_keys_key", async |db| {
        idempotency_key::of_caller(db, None, "k").await.unwrap();
    })
    .await;
    goes_by(stage, "uq_pauses_subject", async |db| {
        pause::of_subject(db, PauseScope::Sync, "1").await.unwrap();
    })
    .await;
    goes_by(stage, "ix_status_history_link", async |db| drop(status_history::of_link(db, 1).await.unwrap()))
        .await;
    goes_by(stage, "uq_status_history_open", async |db| {
        status_history::current(db, 1, Side::Source).await.unwrap();
    })
    .await;
    // A link has few conflicts, so the index by link is as good.
    goes_by(stage, "_sync_conflicts_", async |db| {
        sync_conflict::open_of_field(db, 1, None).await.unwrap();
    })
    .await;
    // With one sync, the index without the sync is as good.
    goes_by(stage, "_sync_metadata_entity", async |db| {
        sync_state::by_entity(db, 1, "issue", "E-1").await.unwrap();
    })
    .await;
    goes_by(stage, "uq_sync_metadata_external", async |db| {
        sync_state::by_jira_id(db, 1, "issue", "PROJ-1").await.unwrap();
    })
    .await;
}
