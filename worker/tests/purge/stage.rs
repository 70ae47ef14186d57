//! A database with a sync, and rows of any age.

use std::{
    any::Any,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectOptions, ConnectionTrait, Database,
    DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    sqlx::sqlite::SqliteJournalMode,
};
use serde_json::json;
use syncline_entity::{
    project, sync_change, sync_config, sync_conflict, sync_history, sync_metadata,
    types::{
        ChangeState, Direction, LinkState, ManagedBy, RunKind, RunStatus, Side, SyncDirection, SyncMethod,
        SyncStatus,
    },
};
use syncline_migration::{Migrator, Until};
use syncline_support::postgres;
use syncline_upkeep::purge::{Report, Retention, Unwatched, Watch, purge};
use syncline_worker::store::chain::{self, Chain};
use uuid::Uuid;

/// The databases that every promise is kept on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

pub(crate) struct Stage {
    pub(crate) db: DatabaseConnection,
    pub(crate) now: DateTime<Utc>,
    /// A sync of the default project.
    pub(crate) sync: i64,
    items: AtomicUsize,
    _guard: Box<dyn Any + Send + Sync>,
}

fn options(url: String) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(6).sqlx_logging(false).acquire_timeout(Duration::from_secs(30));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite.journal_mode(SqliteJournalMode::Wal).foreign_keys(true).busy_timeout(Duration::from_secs(20))
    });
    options
}

impl Stage {
    pub(crate) async fn new(on: On) -> Stage {
        let (db, guard): (_, Box<dyn Any + Send + Sync>) = match on {
            On::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}?mode=rwc", folder.path().join("purge.db").display());
                let db = Database::connect(options(url)).await.expect("a SQLite file");
                Migrator::new().up(&db, &Until::End).await.expect("the migrations");
                (db, Box::new(folder))
            }
            On::Postgres => {
                let prepare = async |url| {
                    let db = Database::connect(options(url)).await.expect("the server");
                    Migrator::new().up(&db, &Until::End).await.expect("the migrations");
                    db.close().await.expect("the server");
                };
                let database = postgres::Database::prepared(prepare).await.expect("a PostgreSQL server");
                (Database::connect(options(database.url())).await.expect("a database"), Box::new(()))
            }
        };
        let now = Utc::now().trunc_subsecs(6);
        let mut stage = Stage { db, now, sync: 0, items: AtomicUsize::new(0), _guard: guard };
        stage.sync = stage.sync_named("tasks").await;
        stage
    }

    pub(crate) fn ago(&self, days: i64) -> DateTime<Utc> {
        self.now - TimeDelta::days(days)
    }

    pub(crate) async fn sync_named(&self, name: &str) -> i64 {
        let project = project::Entity::find().one(&self.db).await.unwrap().expect("the default project");
        let row = sync_config::ActiveModel {
            project_id: Set(project.id),
            name: Set(name.to_owned()),
            source_platform: Set("files".to_owned()),
            target_platform: Set("sql".to_owned()),
            entity_type: Set("task".to_owned()),
            direction: Set(Direction::Bidirectional),
            conflict_strategy: Set("last_write_wins".to_owned()),
            config_json: Set(json!({})),
            revision: Set(1),
            managed_by: Set(ManagedBy::File),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a sync").id
    }

    pub(crate) async fn link(&self, sync: i64) -> i64 {
        let item = self.items.fetch_add(1, Ordering::Relaxed);
        let row = sync_metadata::ActiveModel {
            sync_config_id: Set(sync),
            entity_type: Set("task".to_owned()),
            entity_id: Set(Some(format!("S-{item}"))),
            external_id: Set(Some(format!("T-{item}"))),
            sync_status: Set(SyncStatus::Completed),
            link_state: Set(LinkState::Linked),
            sync_direction: Set(SyncDirection::Bidirectional),
            created_at: Set(self.ago(900)),
            updated_at: Set(self.ago(900)),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a link").id
    }

    pub(crate) async fn edit_link(&self, link: i64, edit: impl FnOnce(&mut sync_metadata::ActiveModel)) {
        let row = sync_metadata::Entity::find_by_id(link).one(&self.db).await.unwrap().expect("the link");
        let mut row: sync_metadata::ActiveModel = row.into();
        edit(&mut row);
        row.update(&self.db).await.expect("the link");
    }

    /// A run that ended so many days ago, or is not over.
    pub(crate) async fn run(&self, sync: i64, ended: Option<i64>) -> sync_history::Model {
        let project = project::Entity::find().one(&self.db).await.unwrap().expect("the default project");
        let id = Uuid::now_v7();
        let at = self.ago(ended.unwrap_or(400));
        let row = sync_history::ActiveModel {
            run_uid: Set(id),
            project_id: Set(project.id),
            sync_config_id: Set(sync),
            correlation_id: Set(id),
            kind: Set(RunKind::Sync),
            sync_type: Set(SyncMethod::Manual),
            args: Set(json!({})),
            status: Set(if ended.is_some() { RunStatus::Completed } else { RunStatus::InProgress }),
            queued_at: Set(at),
            started_at: Set(Some(at)),
            completed_at: Set(ended.map(|_| at)),
            success: Set(ended.map(|_| true)),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a run")
    }

    /// Appends a change of so many days ago to a link's chain, with the hash that belongs to it.
    pub(crate) async fn change(&self, link: i64, days: i64) -> sync_change::Model {
        self.change_as(link, days, |_| {}).await
    }

    pub(crate) async fn change_as(
        &self,
        link: i64,
        days: i64,
        edit: impl FnOnce(&mut sync_change::Model),
    ) -> sync_change::Model {
        let last = sync_change::last_of_link(&self.db, link).await.unwrap();
        let seq = last.as_ref().map_or(0, |last| last.seq) + 1;
        let mut row = sync_change::Model {
            id: 0,
            link_id: link,
            seq,
            run_id: Uuid::now_v7(),
            side: Side::Target,
            field: Some("title".to_owned()),
            before: Some(json!(format!("title {}", seq - 1))),
            after: Some(json!({ "text": format!("title {seq}"), "points": 1.5, "at": "2026-01-01T10:00Z" })),
            rule: "title".to_owned(),
            origin_system: "files".to_owned(),
            state: ChangeState::Confirmed,
            prev_hash: last.map(|last| last.hash),
            hash: String::new(),
            at: self.ago(days) + TimeDelta::microseconds(seq),
        };
        edit(&mut row);
        row.hash = chain::hash_of(&row);
        let mut row: sync_change::ActiveModel = row.into();
        row.id = sea_orm::ActiveValue::NotSet;
        for column in <sync_change::Column as sea_orm::Iterable>::iter() {
            if let sea_orm::ActiveValue::Unchanged(value) = row.get(column) {
                row.set(column, value);
            }
        }
        row.insert(&self.db).await.expect("a change")
    }

    /// A conflict about a field of a link: open, or resolved so many days ago.
    pub(crate) async fn conflict(&self, link: i64, run: Uuid, resolved: Option<i64>) -> sync_conflict::Model {
        let row = sync_conflict::ActiveModel {
            link_id: Set(link),
            run_id: Set(run),
            field: Set(Some("title".to_owned())),
            conflict_type: Set("both_changed".to_owned()),
            resolved: Set(resolved.is_some()),
            resolved_at: Set(resolved.map(|days| self.ago(days))),
            occurrences: Set(1),
            created_at: Set(self.ago(800)),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a conflict")
    }

    /// What a purge would do, and then what it does: they must be the same.
    pub(crate) async fn purge(&self, retention: &Retention) -> Report {
        let before = self.rows().await;
        let dry = purge(&self.db, self.now, retention, true, "test", &Unwatched).await.expect("a dry run");
        assert_eq!(self.rows().await, before, "a dry run removed something");
        let real = self.purge_watched(retention, &Unwatched).await;
        assert_eq!(Report { dry_run: false, ..dry }, real, "the dry run said something else");
        real
    }

    pub(crate) async fn purge_watched(&self, retention: &Retention, watch: &dyn Watch) -> Report {
        purge(&self.db, self.now, retention, false, "test", watch).await.expect("a purge")
    }

    /// Rows of each table that a purge may touch.
    pub(crate) async fn rows(&self) -> Vec<u64> {
        let db = &self.db;
        vec![
            sync_history::Entity::find().count(db).await.unwrap(),
            sync_change::Entity::find().count(db).await.unwrap(),
            sync_conflict::Entity::find().count(db).await.unwrap(),
            sync_metadata::Entity::find().count(db).await.unwrap(),
            sync_config::Entity::find().count(db).await.unwrap(),
        ]
    }

    pub(crate) async fn has_run(&self, run: &sync_history::Model) -> bool {
        sync_history::by_run(&self.db, run.run_uid).await.unwrap().is_some()
    }

    /// The places of a link's changes.
    pub(crate) async fn seqs(&self, link: i64) -> Vec<i64> {
        let rows = sync_change::Entity::find()
            .filter(sync_change::Column::LinkId.eq(link))
            .order_by_asc(sync_change::Column::Seq)
            .all(&self.db)
            .await
            .unwrap();
        rows.into_iter().map(|row| row.seq).collect()
    }

    pub(crate) async fn chain(&self, link: i64) -> Chain {
        chain::verify(&self.db, link).await.expect("the chain")
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.expect(sql);
    }
}

/// Stops a purge after so many batches.
pub(crate) struct After(pub(crate) AtomicUsize);

impl After {
    pub(crate) fn batches(batches: usize) -> After {
        After(AtomicUsize::new(batches))
    }
}

#[async_trait]
impl Watch for After {
    fn may_go_on(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    async fn reached(&self, step: &'static str) {
        if step == "purge_batch" {
            let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        }
    }
}

pub(crate) fn kept(report: &Report, kind: syncline_upkeep::purge::Kind) -> Vec<(&'static str, u64)> {
    report.kinds.get(&kind).map(|tally| tally.kept.clone().into_iter().collect()).unwrap_or_default()
}
