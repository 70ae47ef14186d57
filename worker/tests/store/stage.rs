//! A sync in a migrated database.

use std::{
    any::Any,
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectOptions, ConnectionTrait, Database,
    DatabaseConnection, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, Statement,
    sqlx::sqlite::SqliteSynchronous,
};
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side, Value,
    conflict::Choice,
    ports::{Clock, Names, Store, Unobserved},
    side::Pair,
};
use syncline_entity::{
    project, sync_change, sync_config, sync_conflict, sync_history, sync_metadata,
    types::{self, Direction, ManagedBy, RunKind, RunStatus, SyncDirection, SyncMethod},
};
use syncline_migration::{Migrator, Until};
use syncline_service::choice::{self, columns};
use syncline_support::postgres;
use syncline_worker::store::{LinkStore, RunIdentity, SyncIdentity, verify::verify_all};
use uuid::Uuid;

use crate::{
    contract::{Case, Kept, KeptChange, KeptConflict, KeptLink, Stage},
    support::TestClock,
};

pub(crate) fn on_sqlite(case: Case) {
    wait_for(async { case(&SqlStage::sqlite().await).await });
}

pub(crate) fn on_postgres(case: Case) {
    wait_for(async { case(&SqlStage::postgres().await).await });
}

pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

pub(crate) struct SqlStage {
    pub(crate) db: DatabaseConnection,
    sync: i64,
    clock: Arc<TestClock>,
    runs: Mutex<BTreeMap<u32, Uuid>>,
    _guard: Arc<dyn Any + Send + Sync>,
}

fn options(url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(3).sqlx_logging(false).acquire_timeout(Duration::from_secs(30));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite.foreign_keys(true).synchronous(SqliteSynchronous::Off).busy_timeout(Duration::from_secs(20))
    });
    options
}

async fn migrate(url: &str) {
    let db = Database::connect(options(url)).await.expect("a database");
    Migrator::new().up(&db, &Until::End).await.expect("the migrations");
    db.close().await.expect("a database");
}

impl SqlStage {
    pub(crate) async fn sqlite() -> SqlStage {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("links.db").display());
        migrate(&url).await;
        SqlStage::with(&url, Arc::new(folder)).await
    }

    pub(crate) async fn postgres() -> SqlStage {
        let database = postgres::Database::prepared(async |url: String| migrate(&url).await);
        SqlStage::with(&database.await.expect("a PostgreSQL server").url(), Arc::new(())).await
    }

    async fn with(url: &str, guard: Arc<dyn Any + Send + Sync>) -> SqlStage {
        let db = Database::connect(options(url)).await.expect("a database");
        let sync = new_sync(&db, "contract").await;
        SqlStage { db, sync, clock: Arc::new(TestClock::new()), runs: Mutex::default(), _guard: guard }
    }

    /// The clock, for places that share it.
    pub(crate) fn shared_clock(&self) -> Arc<TestClock> {
        self.clock.clone()
    }

    /// Another sync in the same database.
    pub(crate) async fn another(&self) -> SqlStage {
        let (db, sync) = (self.db.clone(), new_sync(&self.db, "another").await);
        SqlStage { db, sync, clock: self.clock.clone(), runs: Mutex::default(), _guard: self._guard.clone() }
    }

    /// Who resolved a conflict.
    pub(crate) async fn person(&self, conflict: i64) -> Option<String> {
        let row = sync_conflict::Entity::find_by_id(conflict).one(&self.db).await.unwrap();
        row.expect("the conflict").resolved_by
    }

    pub(crate) async fn execute(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) {
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        assert_eq!(self.db.execute_raw(statement).await.expect("a statement").rows_affected(), 1);
    }

    /// Raises the fence of a run, as a worker does that takes it up, and returns it.
    async fn begin(&self, run: u32) -> RunIdentity {
        let known = self.runs.lock().unwrap().get(&run).copied();
        let id = known.unwrap_or_else(Uuid::now_v7);
        if known.is_none() {
            let row = sync_history::ActiveModel {
                run_uid: Set(id),
                project_id: Set(project::DEFAULT_PROJECT),
                sync_config_id: Set(self.sync),
                correlation_id: Set(id),
                kind: Set(RunKind::Sync),
                sync_type: Set(SyncMethod::Manual),
                args: Set(json!({})),
                status: Set(RunStatus::InProgress),
                queued_at: Set(self.clock.now()),
                ..Default::default()
            };
            row.insert(&self.db).await.expect("a run");
            self.runs.lock().unwrap().insert(run, id);
        }
        self.execute("UPDATE sync_history SET fence = fence + 1 WHERE run_uid = $1", [id.into()]).await;
        let row = sync_history::by_run(&self.db, id).await.unwrap().expect("the run");
        RunIdentity { id, fence: row.fence, method: SyncMethod::Manual }
    }
}

async fn new_sync(db: &DatabaseConnection, name: &str) -> i64 {
    let row = sync_config::ActiveModel {
        project_id: Set(project::DEFAULT_PROJECT),
        name: Set(name.to_owned()),
        source_platform: Set("files".to_owned()),
        target_platform: Set("sql".to_owned()),
        entity_type: Set("task".to_owned()),
        direction: Set(Direction::Bidirectional),
        conflict_strategy: Set("manual".to_owned()),
        config_json: Set(json!({})),
        revision: Set(1),
        managed_by: Set(ManagedBy::File),
        ..Default::default()
    };
    row.insert(db).await.expect("a sync").id
}

#[async_trait]
impl Stage for SqlStage {
    async fn open(&self, run: u32) -> Box<dyn Store> {
        Box::new(LinkStore {
            db: self.db.clone(),
            run: self.begin(run).await,
            sync: SyncIdentity {
                project_id: 1,
                config_id: self.sync,
                entity_type: "task".to_owned(),
                direction: SyncDirection::Bidirectional,
                platforms: ["csv".to_owned(), "sql".to_owned()],
            },
            clock: self.clock.clone(),
            intended: Mutex::default(),
            open_intents: Mutex::new(None),
            origin: std::sync::OnceLock::new(),
            observer: Arc::new(Unobserved),
        })
    }

    async fn end(&self, run: u32) {
        let id = self.runs.lock().unwrap()[&run];
        let sql = "UPDATE sync_history SET status = 'completed', success = TRUE, completed_at = $1 WHERE run_uid = $2";
        self.execute(sql, [self.clock.now().into(), id.into()]).await;
    }

    async fn end_after_removals(&self, run: u32, items: u32, approved: bool) {
        let id = self.runs.lock().unwrap()[&run];
        let args = if approved { json!({ "allow_deletes": items }) } else { json!({}) };
        let row = sync_history::by_run(&self.db, id).await.unwrap().expect("the run");
        let mut row = sync_history::ActiveModel::from(row);
        (row.deleted, row.args) = (Set(i64::from(items)), Set(args));
        row.update(&self.db).await.expect("the run is stored");
        self.end(run).await;
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    async fn choose(&self, conflict: i64, choice: Choice) {
        let row =
            sync_conflict::Entity::find_by_id(conflict).one(&self.db).await.unwrap().expect("the conflict");
        let (side, choice) = columns(&row, &choice, "somebody").unwrap();
        let mut row = row.into_active_model();
        (row.resolution, row.choice) = (Set(side), Set(choice));
        row.resolved_by = Set(Some("somebody".to_owned()));
        row.update(&self.db).await.unwrap();
    }

    async fn kept(&self) -> Kept {
        let links = sync_metadata::Entity::find()
            .filter(sync_metadata::Column::SyncConfigId.eq(self.sync))
            .order_by_asc(sync_metadata::Column::Id);
        let links = links.all(&self.db).await.unwrap();
        let ids: Vec<i64> = links.iter().map(|link| link.id).collect();
        let changes = sync_change::Entity::find()
            .filter(sync_change::Column::LinkId.is_in(ids.clone()))
            .order_by_asc(sync_change::Column::LinkId)
            .order_by_asc(sync_change::Column::Seq);
        let conflicts = sync_conflict::Entity::find()
            .filter(sync_conflict::Column::LinkId.is_in(ids))
            .order_by_asc(sync_conflict::Column::Id);
        let verified = verify_all(&self.db, Some(self.sync)).await.unwrap();
        Kept {
            links: links.into_iter().map(link).collect(),
            changes: changes.all(&self.db).await.unwrap().into_iter().map(change).collect(),
            conflicts: conflicts.all(&self.db).await.unwrap().into_iter().map(conflict).collect(),
            broken: verified.broken.iter().map(|broken| broken.link.id).collect(),
        }
    }
}

fn side(side: types::Side) -> Side {
    if side == types::Side::Source { Side::Source } else { Side::Target }
}

fn value(json: Option<Json>) -> Value {
    json.as_ref().map_or(Value::Null, Value::from_json)
}

fn link(row: sync_metadata::Model) -> KeptLink {
    KeptLink {
        id: row.id,
        names: Pair::new(
            Names { key: row.source_key, url: row.source_url },
            Names { key: row.target_key, url: row.target_url },
        ),
        item_version: Pair::new(row.source_version, row.target_version),
        status: row.sync_status.to_value(),
        error: row.last_error,
        resolution: row.resolution_strategy,
        calls: row.api_calls_count as u32,
        duration_ms: row.sync_duration_ms.unwrap_or_default() as u64,
    }
}

fn change(row: sync_change::Model) -> KeptChange {
    KeptChange {
        link: row.link_id,
        side: side(row.side),
        field: row.field,
        before: value(row.before),
        after: value(row.after),
        rule: row.rule,
        state: row.state.to_value(),
    }
}

fn conflict(row: sync_conflict::Model) -> KeptConflict {
    let choice = choice::chosen(&row);
    KeptConflict {
        id: row.id,
        link: row.link_id,
        field: row.field,
        kind: row.conflict_type,
        base: value(row.base_data),
        values: Pair::new(value(row.source_data), value(row.target_data)),
        modified: Pair::new(row.source_modified, row.target_modified),
        open: !row.resolved,
        choice,
        reason: row.resolution_strategy,
        occurrences: row.occurrences as u32,
    }
}
