//! The queue in a SQL table, `jobs`, on SQLite and PostgreSQL.
//!
//! Every call is one statement where it can be; statements name the token they act under, so nothing here holds a
//! transaction open while it thinks. Times are microseconds since the epoch by the database's clock.

mod claim;
mod error;
mod listen;
mod look;
mod maintain;
mod notify;
mod push;
mod row;
mod settle;
mod statement;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, SqlxPostgresConnector, SqlxSqliteConnector};
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use self::notify::Origin;
use crate::{
    backend::{
        Backend, Cancelled, ClaimRequest, Claimed, Count, Error, JobQuery, LeaseRef, Page, Pushed, Renewal,
        Rescued, Settled, Settlement,
    },
    job::{Ended, Job, NewJob},
    meter,
};

/// A queue over a SQL database that has Syncline's schema.
#[derive(Debug, Clone)]
pub struct SqlBackend {
    db: DatabaseConnection,
    wakeups: Arc<watch::Sender<u64>>,
    cancellations: Arc<watch::Sender<u64>>,
    origin: Origin,
}

impl SqlBackend {
    /// A queue over this pool. Clones share their wake-ups, so one per process is best.
    pub fn new(db: DatabaseConnection) -> Self {
        Self { db, wakeups: Arc::default(), cancellations: Arc::default(), origin: Origin::new() }
    }

    /// Pushes through the caller's connection, which may be a transaction that also writes what the job stands for.
    /// Call [`Backend::wake`] after its commit; other processes hear of it by itself.
    pub async fn push_in<C: ConnectionTrait>(&self, db: &C, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let pushed = push::push(db, jobs, self.origin).await?;
        meter::pushed(jobs, &pushed);
        Ok(pushed)
    }

    /// Wakes the workers of this process if it is so.
    fn wake_if(&self, reason: bool) {
        if reason {
            self.wake();
        }
    }
}

#[async_trait]
impl Backend for SqlBackend {
    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        let pushed = self.push_in(&self.db, jobs).await?;
        self.wake_if(pushed.contains(&Pushed::New));
        Ok(pushed)
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Claimed, Error> {
        claim::claim(&self.db, request).await
    }

    async fn renew(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<Renewal>, Error> {
        maintain::renew(&self.db, leases, lease).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, Error> {
        let (settled, wake) = settle::settle(&self.db, settlements, self.origin).await?;
        self.wake_if(wake);
        Ok(settled)
    }

    async fn give_back(&self, leases: &[LeaseRef]) -> Result<Vec<Settled>, Error> {
        let settled = settle::give_back(&self.db, leases, self.origin).await?;
        self.wake_if(settled.iter().any(|settled| *settled != Settled::Stale));
        Ok(settled)
    }

    async fn rescue(&self) -> Result<Vec<Rescued>, Error> {
        let rescued = maintain::rescue(&self.db, self.origin).await?;
        self.wake_if(!rescued.is_empty());
        Ok(rescued)
    }

    async fn progress(&self, lease: LeaseRef, progress: &Value) -> Result<bool, Error> {
        maintain::progress(&self.db, lease, progress).await
    }

    async fn cancel(&self, id: Uuid) -> Result<Cancelled, Error> {
        let cancelled = maintain::cancel(&self.db, id, self.origin).await?;
        if cancelled == Cancelled::Requested {
            bump(&self.cancellations);
        }
        Ok(cancelled)
    }

    async fn get(&self, id: Uuid) -> Result<Option<Job>, Error> {
        look::get(&self.db, id).await
    }

    async fn put_back(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        self.push(jobs).await
    }

    async fn known(&self, ids: &[Uuid]) -> Result<Vec<bool>, Error> {
        let mut known = Vec::with_capacity(ids.len());
        for id in ids {
            known.push(look::get(&self.db, *id).await?.is_some());
        }
        Ok(known)
    }

    async fn ended(&self, _id: Uuid) -> Result<Option<Ended>, Error> {
        Ok(None)
    }

    async fn list(&self, query: &JobQuery) -> Result<Page, Error> {
        look::list(&self.db, query).await
    }

    async fn pause(&self, _queue: &str) -> Result<bool, Error> {
        Ok(false)
    }

    async fn resume(&self, _queue: &str) -> Result<bool, Error> {
        Ok(false)
    }

    async fn is_paused(&self, _queue: &str) -> Result<bool, Error> {
        Ok(false)
    }

    async fn listen(&self, _queue: &str) {
        if self.db.get_database_backend() == DbBackend::Postgres {
            listen::listen(self, self.db.get_postgres_connection_pool()).await;
        }
        std::future::pending::<()>().await;
    }

    async fn replay(&self, id: Uuid) -> Result<bool, Error> {
        let replayed = maintain::replay(&self.db, id, self.origin).await?;
        self.wake_if(replayed);
        Ok(replayed)
    }

    async fn discard(&self, id: Uuid) -> Result<bool, Error> {
        maintain::discard(&self.db, id).await
    }

    async fn counts(&self, queue: &str) -> Result<Vec<Count>, Error> {
        look::counts(&self.db, queue).await
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.wakeups.subscribe()
    }

    fn wake(&self) {
        bump(&self.wakeups);
    }

    fn cancellations(&self) -> watch::Receiver<u64> {
        self.cancellations.subscribe()
    }

    /// A pool of one with the options of the first, opened at its first use.
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
        Ok(Some(Arc::new(Self { db, ..self.clone() })))
    }
}

fn bump(hint: &watch::Sender<u64>) {
    hint.send_modify(|generation| *generation = generation.wrapping_add(1));
}
