//! The queue in a SQL table, `jobs`, on SQLite and PostgreSQL.
//!
//! Each call is one statement where possible. Statements name the token they act under, so no transaction stays open
//! between them. Times are microseconds since the epoch by the database's clock.

mod bell;
mod claim;
mod control;
mod error;
mod leave;
mod listen;
mod look;
mod maintain;
mod notify;
mod push;
mod room;
mod row;
mod settle;
mod statement;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, SqlxPostgresConnector, SqlxSqliteConnector};
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use uuid::Uuid;

pub use self::bell::Bell;
pub(crate) use self::error::words;
use self::{
    listen::Ears,
    notify::{Notice, Origin},
    room::Room,
};
use crate::{
    backend::{
        Backend, Cancelled, ClaimRequest, Claimed, Count, Error, JobQuery, LeaseRef, Page, Pushed, Renewal,
        Rescued, Settled, Settlement,
    },
    job::{Job, NewJob, Priority},
    meter,
};

/// A queue over a SQL database that has Syncline's schema.
#[derive(Debug, Clone)]
pub struct SqlBackend {
    db: DatabaseConnection,
    wakeups: Arc<watch::Sender<u64>>,
    cancellations: Arc<watch::Sender<u64>>,
    origin: Origin,
    room: Arc<Room>,
    /// Lets one task at a time write to SQLite, which has one writer: a second one would sleep for milliseconds.
    writer: Option<Arc<AsyncMutex<()>>>,
}

impl SqlBackend {
    /// Creates a queue over this pool with a limit of 100,000 waiting jobs. Clones share their wake-ups and their count
    /// of jobs, so use one per process.
    pub fn new(db: DatabaseConnection) -> Self {
        Self {
            db,
            wakeups: Arc::default(),
            cancellations: Arc::default(),
            origin: Origin::new(),
            room: Arc::new(Room::new(room::USUAL_LIMIT)),
            writer: Some(Arc::default()),
        }
    }

    /// Sets the limit of waiting jobs; [`u64::MAX`] means none. A push beyond it gives [`Error::Full`].
    pub fn with_limit(self, waiting: u64) -> Self {
        Self { room: Arc::new(Room::new(waiting)), ..self }
    }

    /// Pushes through the caller's connection, which may be a transaction that also writes the data that the job refers
    /// to. Call [`Backend::wake`] after its commit: under load other processes are notified only then.
    pub async fn push_in<C: ConnectionTrait>(&self, db: &C, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let places = self.room.take_within(db, jobs).await?;
        let pushed = push::push(db, jobs, &self.origin).await?;
        places.count(jobs, &pushed);
        meter::pushed(jobs, &pushed);
        Ok(pushed)
    }

    /// Counts the waiting jobs of a queue, and stops just above the limit.
    pub async fn waiting(db: &DatabaseConnection, queue: &str, limit: u64) -> Result<u64, Error> {
        Ok(room::count(db, queue, limit).await?)
    }

    /// Wakes workers if `reason` is true.
    fn wake_if(&self, reason: bool) {
        if reason {
            self.wake();
        }
    }

    /// Returns the lock that a task takes before it writes to SQLite.
    pub fn writer(&self) -> Arc<AsyncMutex<()>> {
        self.writer.clone().unwrap_or_default()
    }

    async fn turn(&self) -> Option<OwnedMutexGuard<()>> {
        match &self.writer {
            Some(writer) if self.db.get_database_backend() == DbBackend::Sqlite => {
                Some(Arc::clone(writer).lock_owned().await)
            }
            _ => None,
        }
    }

    async fn push_to_line(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let _turn = self.turn().await;
        let pushed = push::push(&self.db, jobs, &self.origin).await?;
        meter::pushed(jobs, &pushed);
        self.wake_if(pushed.contains(&Pushed::New));
        Ok(pushed)
    }
}

#[async_trait]
impl Backend for SqlBackend {
    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let places = self.room.take(&self.db, jobs).await?;
        let pushed = self.push_to_line(jobs).await?;
        places.count(jobs, &pushed);
        Ok(pushed)
    }

    async fn put_back(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        self.push_to_line(jobs).await
    }

    async fn known(&self, ids: &[Uuid]) -> Result<Vec<bool>, Error> {
        look::known(&self.db, ids).await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Claimed, Error> {
        let _turn = self.turn().await;
        claim::claim(&self.db, request, &self.origin).await
    }

    async fn renew(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<Renewal>, Error> {
        let _turn = self.turn().await;
        maintain::renew(&self.db, leases, lease).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, Error> {
        let _turn = self.turn().await;
        let (settled, wake) = settle::settle(&self.db, settlements, &self.origin).await?;
        self.wake_if(wake);
        Ok(settled)
    }

    async fn give_back(&self, leases: &[LeaseRef]) -> Result<Vec<Settled>, Error> {
        let _turn = self.turn().await;
        let settled = settle::give_back(&self.db, leases, &self.origin).await?;
        self.wake_if(settled.iter().any(|settled| *settled != Settled::Stale));
        Ok(settled)
    }

    async fn rescue(&self) -> Result<Vec<Rescued>, Error> {
        let turn = self.turn().await;
        let rescued = maintain::rescue(&self.db, &self.origin).await?;
        drop(turn);
        self.wake_if(!rescued.is_empty());
        Ok(rescued)
    }

    async fn progress(&self, lease: LeaseRef, progress: &Value) -> Result<bool, Error> {
        let _turn = self.turn().await;
        maintain::progress(&self.db, lease, progress).await
    }

    async fn cancel(&self, id: Uuid) -> Result<Cancelled, Error> {
        let turn = self.turn().await;
        let (cancelled, made_way) = maintain::cancel(&self.db, id, &self.origin).await?;
        drop(turn);
        self.wake_if(made_way);
        if cancelled == Cancelled::Requested {
            bump(&self.cancellations);
        }
        Ok(cancelled)
    }

    async fn get(&self, id: Uuid) -> Result<Option<Job>, Error> {
        look::get(&self.db, id).await
    }

    async fn list(&self, query: &JobQuery) -> Result<Page, Error> {
        look::list(&self.db, query).await
    }

    async fn pause(&self, queue: &str) -> Result<bool, Error> {
        control::pause(&self.db, queue).await
    }

    async fn resume(&self, queue: &str) -> Result<bool, Error> {
        let resumed = control::resume(&self.db, queue, &self.origin).await?;
        self.wake_if(resumed);
        Ok(resumed)
    }

    async fn is_paused(&self, queue: &str) -> Result<bool, Error> {
        control::is_paused(&self.db, queue).await
    }

    async fn listen(&self, _queue: &str) {
        if self.db.get_database_backend() == DbBackend::Postgres {
            let bump_all = || {
                bump(&self.wakeups);
                bump(&self.cancellations);
            };
            let hear = |payload: &str| match Notice::read(payload, &self.origin) {
                Notice::Due => bump(&self.wakeups),
                Notice::Stop => bump(&self.cancellations),
                Notice::Nothing => {}
            };
            let ears = Ears {
                db: &self.db,
                channel: notify::CHANNEL,
                hello: format!("hello {}", self.origin),
                late: "jobs of other processes start up to a poll interval late",
                begin: &bump_all,
                hear: &hear,
            };
            listen::listen(&ears, self.db.get_postgres_connection_pool()).await;
        }
        std::future::pending::<()>().await;
    }

    async fn replay(&self, id: Uuid) -> Result<bool, Error> {
        let replayed = maintain::replay(&self.db, id, &self.origin).await?;
        self.wake_if(replayed);
        Ok(replayed)
    }

    async fn discard(&self, id: Uuid) -> Result<bool, Error> {
        maintain::discard(&self.db, id).await
    }

    async fn set_priority(&self, id: Uuid, priority: Priority) -> Result<bool, Error> {
        let turn = self.turn().await;
        let changed = maintain::set_priority(&self.db, id, priority, &self.origin).await?;
        drop(turn);
        self.wake_if(changed);
        Ok(changed)
    }

    async fn counts(&self, queue: &str) -> Result<Vec<Count>, Error> {
        look::counts(&self.db, queue).await
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.wakeups.subscribe()
    }

    fn wake(&self) {
        bump(&self.wakeups);
        self.origin.make_up(&self.db);
    }

    fn cancellations(&self) -> watch::Receiver<u64> {
        self.cancellations.subscribe()
    }

    /// Opens a pool of one connection with the options of the first pool, at its first use.
    async fn own_connection(&self) -> Result<Option<Arc<dyn Backend>>, Error> {
        let patience = Duration::from_secs(5);
        let db = match self.db.get_database_backend() {
            DbBackend::Sqlite => {
                let pool = self.db.get_sqlite_connection_pool();
                let options =
                    pool.options().clone().min_connections(0).max_connections(1).acquire_timeout(patience);
                let connect = (*pool.connect_options()).clone();
                SqlxSqliteConnector::from_sqlx_sqlite_pool(options.connect_lazy_with(connect))
            }
            DbBackend::Postgres => {
                let pool = self.db.get_postgres_connection_pool();
                let options =
                    pool.options().clone().min_connections(0).max_connections(1).acquire_timeout(patience);
                let connect = (*pool.connect_options()).clone();
                SqlxPostgresConnector::from_sqlx_postgres_pool(options.connect_lazy_with(connect))
            }
            _ => return Ok(None),
        };
        // Uses no write lock: a blocked runtime may hold it.
        Ok(Some(Arc::new(Self { db, writer: None, ..self.clone() })))
    }
}

fn bump(hint: &watch::Sender<u64>) {
    hint.send_modify(|generation| *generation = generation.wrapping_add(1));
}
