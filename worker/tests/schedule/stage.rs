//! A database with scheduled syncs, and a clock that is moved by hand.

use std::{
    any::Any,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectOptions, Database, DatabaseConnection,
    EntityTrait, QueryFilter, QueryOrder, sqlx::sqlite::SqliteJournalMode,
};
use serde_json::json;
use syncline_engine::ports::Clock;
use syncline_entity::{
    schedule, sync_config, sync_history,
    types::{Direction, ManagedBy, ScheduleKind},
};
use syncline_migration::{Migrator, Until};
use syncline_support::postgres;
use syncline_worker::{Environment, schedule::fire_due};

/// The databases that every promise is kept on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct HandClock(Mutex<DateTime<Utc>>);

impl Clock for HandClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().expect("the clock")
    }
}

pub(crate) struct Stage {
    pub(crate) db: DatabaseConnection,
    pub(crate) clock: Arc<HandClock>,
    _guard: Box<dyn Any + Send + Sync>,
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect(text).to_utc()
}

/// A Monday, at noon in UTC.
pub(crate) fn noon() -> DateTime<Utc> {
    at("2026-11-23T12:00:00Z")
}

fn options(url: String) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(10).sqlx_logging(false).acquire_timeout(Duration::from_secs(60));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite.journal_mode(SqliteJournalMode::Wal).foreign_keys(true).busy_timeout(Duration::from_secs(60))
    });
    options
}

impl Stage {
    pub(crate) async fn new(on: On) -> Stage {
        let (db, guard): (_, Box<dyn Any + Send + Sync>) = match on {
            On::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}?mode=rwc", folder.path().join("own.db").display());
                let db = Database::connect(options(url)).await.expect("a SQLite file");
                Migrator::new().up(&db, &Until::End).await.expect("the migrations");
                (db, Box::new(folder))
            }
            On::Postgres => {
                let database = postgres::Database::create().await.expect("a PostgreSQL server");
                let db = Database::connect(options(database.url())).await.expect("a database");
                Migrator::new().up(&db, &Until::End).await.expect("the migrations");
                (db, Box::new(()))
            }
        };
        Stage { db, clock: Arc::new(HandClock(Mutex::new(noon()))), _guard: guard }
    }

    /// A worker of this database; each has its own name and the same clock.
    pub(crate) fn worker(&self, number: usize) -> Environment {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Environment { clock, ..Environment::new(self.db.clone(), format!("worker-{number}")) }
    }

    pub(crate) fn pass(&self, time: TimeDelta) {
        *self.clock.0.lock().expect("the clock") += time;
    }

    /// A sync with a schedule whose next tick is now.
    pub(crate) async fn scheduled(&self, name: &str, expression: &str) -> schedule::Model {
        let config = sync_config::ActiveModel {
            project_id: Set(1),
            name: Set(name.to_owned()),
            source_platform: Set("csv".to_owned()),
            target_platform: Set("sql".to_owned()),
            entity_type: Set("task".to_owned()),
            direction: Set(Direction::Bidirectional),
            conflict_strategy: Set("last_write_wins".to_owned()),
            enabled: Set(true),
            batch_size: Set(50),
            batch_fallback_enabled: Set(true),
            two_way_create: Set(false),
            webhook_enabled: Set(false),
            max_retries: Set(3),
            config_json: Set(json!({})),
            revision: Set(1),
            managed_by: Set(ManagedBy::File),
            ..Default::default()
        };
        let config = config.insert(&self.db).await.expect("a sync");
        let interval = expression.parse::<u64>().is_ok();
        let row = schedule::ActiveModel {
            sync_config_id: Set(config.id),
            name: Set("interval".to_owned()),
            kind: Set(if interval { ScheduleKind::Interval } else { ScheduleKind::Cron }),
            expression: Set(expression.to_owned()),
            timezone: Set("UTC".to_owned()),
            missed_policy: Set("once".to_owned()),
            next_tick_at: Set(Some(self.clock.now())),
            created_at: Set(self.clock.now()),
            updated_at: Set(self.clock.now()),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a schedule")
    }

    pub(crate) async fn change(
        &self,
        row: &schedule::Model,
        change: impl FnOnce(&mut schedule::ActiveModel),
    ) {
        let mut model = row.clone().into();
        change(&mut model);
        model.update(&self.db).await.expect("the schedule");
    }

    pub(crate) async fn read(&self, row: &schedule::Model) -> schedule::Model {
        schedule::Entity::find_by_id(row.id).one(&self.db).await.expect("a read").expect("the schedule")
    }

    /// The ticks of a schedule that have a run, each as often as it has one.
    pub(crate) async fn ticks(&self, row: &schedule::Model) -> Vec<DateTime<Utc>> {
        let runs = sync_history::Entity::find()
            .filter(sync_history::Column::ScheduleId.eq(row.id))
            .order_by_asc(sync_history::Column::TickAt)
            .all(&self.db)
            .await
            .expect("runs");
        runs.iter().filter_map(|run| run.tick_at).collect()
    }

    /// Takes the runs out of line, as if workers had begun and ended them: what follows is not joined with them.
    pub(crate) async fn end_runs(&self) {
        use sea_orm::ConnectionTrait;
        let end = "UPDATE sync_history SET status = 'completed', success = TRUE, completed_at = queued_at";
        for sql in ["DELETE FROM jobs", end] {
            self.db.execute_unprepared(sql).await.expect(sql);
        }
    }

    pub(crate) async fn fire(&self) -> Option<DateTime<Utc>> {
        fire_due(&self.worker(0)).await.expect("schedules are read")
    }
}
