//! Where pairs are played: Syncline's own database, and the servers and folders of the places.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectOptions, Database, DatabaseConnection,
    EntityTrait, QueryFilter, sqlx::sqlite::SqliteSynchronous,
};
use serde_json::{Value as Json, json};
use sqlx::{
    PgPool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use syncline_connectors::{check_scope, platform};
use syncline_engine::{
    Side,
    ports::{Gate, Leave, Meter, OpenGate, Stopped, Unobserved},
    run::{Options, Report, Run},
    side::Pair as Both,
    spec::{SyncSpec, check_document},
};
use syncline_entity::{
    project, sync_change, sync_config, sync_conflict, sync_history, sync_metadata,
    types::{Direction, ManagedBy, RunKind, RunStatus, SyncDirection, SyncMethod},
};
use syncline_migration::{Migrator, Until};
use syncline_worker::{
    clock::SystemClock,
    gate::Calls,
    open::{OpenSync, Opener},
    store::{LinkStore, RunIdentity, SyncIdentity},
};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    faults::Fault,
    faulty::Faulty,
    pair::{Kind, Layout},
    place::{At, Place},
    postgres::connect,
};

/// What one thread plays its pairs on.
pub(crate) struct Stage {
    db: DatabaseConnection,
    project: i64,
    pub(crate) folder: TempDir,
    postgres: OnceCell<(String, PgPool)>,
}

/// A sync that is on record.
pub(crate) struct Sync {
    pub(crate) id: i64,
    pub(crate) spec: SyncSpec,
}

/// What a run did, and what Syncline's database says of it.
pub(crate) struct Ran {
    pub(crate) outcome: Result<Report, String>,
    pub(crate) links: Vec<sync_metadata::Model>,
    /// Those of this run alone.
    pub(crate) changes: Vec<sync_change::Model>,
    /// Open ones.
    pub(crate) conflicts: Vec<sync_conflict::Model>,
}

/// Nothing stops a run, and a successor need not wait for it.
pub(crate) struct Always;

impl Leave for Always {
    fn check(&self) -> Result<(), Stopped> {
        Ok(())
    }

    fn remaining(&self) -> std::time::Duration {
        std::time::Duration::from_secs(30)
    }
}

/// In memory where there is such a folder: what is tested brings each write to the disk.
fn folder() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let builder = || tempfile::Builder::new().prefix("places-").to_owned();
    Ok(builder().tempdir_in(memory).or_else(|_| tempfile::tempdir())?)
}

impl Stage {
    pub(crate) async fn new() -> Result<Stage> {
        let folder = folder()?;
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("syncline.db").display());
        let mut options = ConnectOptions::new(url);
        options.max_connections(2).sqlx_logging(false);
        options.map_sqlx_sqlite_opts(|sqlite| sqlite.synchronous(SqliteSynchronous::Off).foreign_keys(true));
        // A connection that saw the schema before the last migration may take the name of a new column for a text.
        let db = Database::connect(options.clone()).await?;
        Migrator::new().up(&db, &Until::End).await?;
        db.close().await?;
        let db = Database::connect(options).await?;
        let project = project::Entity::find().one(&db).await?.context("the default project")?.id;
        Ok(Stage { db, project, folder, postgres: OnceCell::new() })
    }

    /// A place for a layout, of which nothing exists yet.
    pub(crate) async fn place(&self, layout: &Layout, name: &str) -> Result<Place> {
        let at = match layout.kind {
            Kind::Csv => At::File(self.folder.path().join(format!("{name}.csv"))),
            Kind::Sqlite => {
                let path = self.folder.path().join(format!("{name}.db"));
                let options = SqliteConnectOptions::new()
                    .filename(&path)
                    .create_if_missing(true)
                    .synchronous(sqlx::sqlite::SqliteSynchronous::Off);
                At::Sqlite(path, SqlitePoolOptions::new().max_connections(1).connect_with(options).await?)
            }
            Kind::Postgres => {
                let (url, pool) = self.postgres.get_or_try_init(connect).await?.clone();
                At::Postgres(url, pool)
            }
        };
        Ok(Place { layout: layout.clone(), at, table: format!("rows_{name}") })
    }

    /// Removes what a place consists of.
    pub(crate) async fn clear(&self, place: &Place) -> Result<()> {
        match &place.at {
            At::File(path) => std::fs::remove_file(path)?,
            At::Sqlite(path, pool) => {
                pool.close().await;
                std::fs::remove_file(path)?;
            }
            At::Postgres(..) => {
                let table = &place.table;
                let sql = format!(
                    "DROP TABLE IF EXISTS \"{table}\", \"{table}_beside\"; DROP FUNCTION IF EXISTS \"{table}_act\""
                );
                place.execute(&sql).await?;
            }
        }
        Ok(())
    }

    /// Checks a document as `validate` does, and stores it.
    pub(crate) async fn sync(&self, document: &Json) -> Result<Sync> {
        let spec: SyncSpec = serde_json::from_value(document.clone())?;
        let mut findings = check_document(document);
        findings.extend(spec.findings());
        for (name, scope, path) in
            [(&spec.source_platform, &spec.source, "source"), (&spec.target_platform, &spec.target, "target")]
        {
            let platform = platform(name).context("a platform")?;
            findings.extend(check_scope(platform, &Json::Object(scope.clone()), path));
        }
        ensure!(findings.is_empty(), "the document is refused: {findings:?}");
        let row = sync_config::ActiveModel {
            project_id: Set(self.project),
            name: Set(spec.name.clone()),
            source_platform: Set("files".to_owned()),
            target_platform: Set("sql".to_owned()),
            entity_type: Set(spec.entity_type.clone()),
            direction: Set(Direction::Bidirectional),
            conflict_strategy: Set(spec.conflict_strategy.as_str().to_owned()),
            config_json: Set(document.clone()),
            revision: Set(1),
            managed_by: Set(ManagedBy::File),
            ..Default::default()
        };
        Ok(Sync { id: row.insert(&self.db).await?.id, spec })
    }

    async fn begin(&self, sync: &Sync) -> Result<RunIdentity> {
        let id = Uuid::now_v7();
        let row = sync_history::ActiveModel {
            run_uid: Set(id),
            project_id: Set(self.project),
            sync_config_id: Set(sync.id),
            correlation_id: Set(id),
            kind: Set(RunKind::Sync),
            sync_type: Set(SyncMethod::Manual),
            args: Set(json!({})),
            status: Set(RunStatus::InProgress),
            queued_at: Set(Utc::now()),
            started_at: Set(Some(Utc::now())),
            ..Default::default()
        };
        let row = row.insert(&self.db).await?;
        Ok(RunIdentity { id, fence: row.fence, method: SyncMethod::Manual })
    }

    /// Opens both places of a document.
    pub(crate) async fn open(&self, spec: &SyncSpec) -> Result<OpenSync, String> {
        let broker = syncline_accounts::Broker::default();
        let opener = Opener { db: &self.db, broker: &broker, http: None, timeout: Duration::from_secs(30) };
        let calls = Calls::unlimited();
        let context = calls.context(&Always, chrono::Utc::now());
        opener.open(spec.clone(), 1, &context).await.map_err(|error| error.to_string())
    }

    /// One run, from opening the places to its end. `fault` is what the places get wrong.
    pub(crate) async fn run(&self, sync: &Sync, fault: &Arc<Fault>, options: Options) -> Result<Ran> {
        let run = self.begin(sync).await?;
        let id = run.id;
        let outcome = self.execute(sync, run, fault, options).await;
        let links = sync_metadata::Entity::find().filter(sync_metadata::Column::SyncConfigId.eq(sync.id));
        let links = links.all(&self.db).await?;
        let changes =
            sync_change::Entity::find().filter(sync_change::Column::RunId.eq(id)).all(&self.db).await?;
        let ids: Vec<i64> = links.iter().map(|link| link.id).collect();
        let conflicts = sync_conflict::Entity::find()
            .filter(sync_conflict::Column::LinkId.is_in(ids))
            .filter(sync_conflict::Column::Resolved.eq(false));
        Ok(Ran { outcome, links, changes, conflicts: conflicts.all(&self.db).await? })
    }

    async fn execute(
        &self,
        sync: &Sync,
        run: RunIdentity,
        fault: &Arc<Fault>,
        options: Options,
    ) -> Result<Report, String> {
        let open = self.open(&sync.spec).await?;
        let connectors = Both::new(
            Faulty::new(open.places.source, Side::Source, fault),
            Faulty::new(open.places.target, Side::Target, fault),
        );
        let clock = SystemClock;
        let store = LinkStore {
            db: self.db.clone(),
            run,
            sync: SyncIdentity {
                project_id: 1,
                config_id: sync.id,
                entity_type: open.spec.entity_type.clone(),
                direction: SyncDirection::Bidirectional,
                platforms: [open.spec.source_platform.clone(), open.spec.target_platform.clone()],
            },
            clock: Arc::new(clock),
            intended: Mutex::default(),
            open_intents: Mutex::new(None),
            origin: std::sync::OnceLock::new(),
            observer: Arc::new(Unobserved),
        };
        let run = Run {
            spec: &open.spec,
            mapping: &open.mapping,
            places: Both::new(&connectors.source, &connectors.target),
            gates: Both::new(&OpenGate as &dyn Gate, &OpenGate),
            store: &store,
            clock: &clock,
            leave: &Always,
            meter: &Meter::default(),
            observer: &Unobserved,
            options,
        };
        run.execute().await.map_err(|error| error.to_string())
    }
}
