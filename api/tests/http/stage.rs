//! A database, a queue and the router over them.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection,
    sqlx::sqlite::SqliteJournalMode,
};
use serde_json::{Value, json};
use syncline_api::{ApiState, Cursors, Hosts, Limits, Live, Parts, Platforms, Rates, router};
use syncline_entity::{
    project, sync_config, sync_config_revision,
    types::{Direction, ManagedBy},
};
use syncline_migration::{Migrator, Until};
use syncline_runs::RunQueue;
use syncline_service::tokens::Gate;
use syncline_support::postgres;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::conforms;

pub(crate) struct Stage {
    pub(crate) db: DatabaseConnection,
    pub(crate) state: ApiState,
    pub(crate) router: Router,
    _guard: Box<dyn Any + Send + Sync>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem document, of this status and kind.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:syncline:problem:{kind}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        problem
    }
}

fn options(url: String) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(4).sqlx_logging(false).acquire_timeout(Duration::from_secs(20));
    options.map_sqlx_sqlite_opts(|sqlite| sqlite.journal_mode(SqliteJournalMode::Wal).foreign_keys(true));
    options
}

async fn migrate(db: &DatabaseConnection) {
    Migrator::new().up(db, &Until::End).await.expect("the migrations");
}

/// A feed whose streams end after their beginning, since requests of these tests are read to their end.
fn live(db: &DatabaseConnection) -> Live {
    let stop = CancellationToken::new();
    stop.cancel();
    let live = Live::new(db.clone(), stop);
    let feed = live.feed.clone();
    tokio::spawn(async move { feed.relay().await });
    live
}

fn state(db: &DatabaseConnection) -> ApiState {
    ApiState {
        db: db.clone(),
        queue: RunQueue::sql(db.clone()),
        version: "1.2.3",
        role: "up",
        gate: Gate::local(),
        hosts: Arc::new(Hosts::local()),
        rates: Rates::new(Limits::NONE),
        cursors: Cursors::default(),
        parts: Parts::default(),
        answers: Default::default(),
        docs: true,
        live: live(db),
        allow: Arc::default(),
        platforms: Platforms::default(),
        metrics: None,
        queue_health: Arc::new(|| Ok(())),
        task_health: Arc::new(|| Ok(())),
        database_answers: Arc::new(|| Box::pin(async { true })),
        ready: Arc::new(|| Box::pin(async { Ok(()) })),
    }
}

impl Stage {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("api.db").display());
        let db = Database::connect(options(url)).await.expect("a SQLite file");
        migrate(&db).await;
        Self::over(db, folder)
    }

    pub(crate) async fn postgres() -> Self {
        let database = postgres::Database::prepared(async |url| {
            let db = Database::connect(options(url)).await.expect("the server");
            migrate(&db).await;
            db.close().await.expect("the server");
        });
        let database = database.await.expect("a PostgreSQL server");
        let db = Database::connect(options(database.url())).await.expect("a PostgreSQL database");
        Self::over(db, ())
    }

    fn over(db: DatabaseConnection, guard: impl Any + Send + Sync) -> Self {
        let state = state(&db);
        Self { db, router: router(state.clone()), state, _guard: Box::new(guard) }
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.expect(sql);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        send(&self.router, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).header("host", "localhost").body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl ToString) -> Reply {
        let request =
            Request::post(path).header("host", "localhost").header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// A sync of files in the project `default`, changed as the caller likes.
    pub(crate) async fn sync(&self, name: &str, change: impl FnOnce(&mut sync_config::ActiveModel)) -> i64 {
        let document = json!({
            "name": name, "source_platform": "csv", "source": {"path": "a.csv", "key": "id"},
            "target_platform": "jsonl", "target": {"path": "b.jsonl", "key": "id"},
            "priority": "high", "max_retries": 7, "retry_delay": 2.5,
            "field_mappings": [{"source_field": "a", "target_field": "b"}],
        });
        let mut row = sync_config::ActiveModel {
            id: NotSet,
            project_id: Set(project::DEFAULT_PROJECT),
            name: Set(name.to_owned()),
            source_platform: Set("csv".to_owned()),
            target_platform: Set("jsonl".to_owned()),
            entity_type: Set("record".to_owned()),
            direction: Set(Direction::Bidirectional),
            conflict_strategy: Set("last_write_wins".to_owned()),
            config_json: Set(document),
            managed_by: Set(ManagedBy::File),
            ..Default::default()
        };
        change(&mut row);
        row.insert(&self.db).await.expect("a sync").id
    }
}

impl Stage {
    /// The revision of a sync that was not stored by a document.
    pub(crate) async fn revision(&self, sync: i64) {
        let row = sync_config_revision::ActiveModel {
            sync_config_id: Set(sync),
            revision: Set(1),
            config_json: Set(json!({ "name": "own" })),
            by: Set("mia".to_owned()),
            at: Set(chrono::Utc::now()),
        };
        row.insert(&self.db).await.expect("a revision");
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Reply {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 16 << 20).await.expect("a body");
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let reply = Reply { status: parts.status, headers: parts.headers, text };
    conforms::check(&method, &path, &reply);
    reply
}
