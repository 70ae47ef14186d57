//! The engine's store over SQL: the links of one sync, written by one run under its fence.

mod audience;
pub(crate) mod bulk;
pub mod chain;
mod changes;
mod conflicts;
mod events;
mod intend;
mod read;
mod record;
mod reused;
pub mod verify;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr};
use serde::{Deserialize, Serialize};
use syncline_engine::{
    Side,
    ports::{
        BrokenListing, Clock, CursorState, Due, Intended, Link, LinkBrief, LinkRef, Observer, OpKind,
        Recorded, Stopped, Store, StoreError, Tally,
    },
    side::Pair,
};
use syncline_entity::types::{SyncDirection, SyncMethod};
use syncline_sql::{begin, statement};
use uuid::Uuid;

/// The links of one sync, for one run.
pub struct LinkStore {
    pub db: DatabaseConnection,
    pub run: RunIdentity,
    pub sync: SyncIdentity,
    pub clock: Arc<dyn Clock>,
    /// The operations that this run intended for links and has not recorded yet.
    pub intended: Mutex<HashMap<i64, OpKind>>,
    /// Links with an open intent when the run began; taken by the first call of `open_intents`.
    pub open_intents: Mutex<Option<Vec<i64>>>,
    /// The database's time at the first query, and the local time of that moment.
    pub origin: OnceLock<(DateTime<Utc>, Instant)>,
    /// Called after change rows are confirmed and before the commit.
    pub observer: Arc<dyn Observer>,
}

/// Fence and origin, part of every write of a run.
#[derive(Debug, Clone)]
pub struct RunIdentity {
    pub id: Uuid,
    /// Must equal the fence of the run's row.
    pub fence: i64,
    pub method: SyncMethod,
}

/// Values that all links of a sync share.
#[derive(Debug, Clone)]
pub struct SyncIdentity {
    pub project_id: i64,
    pub config_id: i64,
    pub entity_type: String,
    pub direction: SyncDirection,
    /// The platforms, as change rows name the system that a value came from.
    pub platforms: [String; 2],
}

impl SyncIdentity {
    fn platform(&self, side: Side) -> &str {
        match side {
            Side::Source => &self.platforms[0],
            Side::Target => &self.platforms[1],
        }
    }
}

/// Returns the time by PostgreSQL's clock.
async fn clock_of(db: &DatabaseConnection) -> Result<DateTime<Utc>, DbErr> {
    let sql = "SELECT clock_timestamp() AS now";
    let row = db.query_one_raw(statement(db.get_database_backend(), sql, [])).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?.try_get("", "now")
}

pub(crate) fn database(error: DbErr) -> StoreError {
    StoreError::Database(Box::new(error))
}

impl LinkStore {
    /// Begins a transaction that locks the run's row and has checked its fence.
    async fn fenced(&self) -> Result<DatabaseTransaction, StoreError> {
        let tx = begin(&self.db).await.map_err(database)?;
        if !syncline_runs::hold(&tx, self.run.id, self.run.fence).await.map_err(database)? {
            return Err(StoreError::Stopped(Stopped::LeaseLost));
        }
        Ok(tx)
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

#[async_trait]
impl Store for LinkStore {
    async fn tally(&self, due: &Due) -> Result<Tally, StoreError> {
        read::tally(&self.db, self.sync.config_id, due).await.map_err(database)
    }

    async fn briefs(&self, after: i64, limit: usize) -> Result<Vec<LinkBrief>, StoreError> {
        read::briefs(&self.db, self.sync.config_id, after, limit as u64).await.map_err(database)
    }

    async fn links(&self, ids: &[i64]) -> Result<Vec<Link>, StoreError> {
        read::links(&self.db, self.sync.config_id, ids).await
    }

    async fn open_intents(&self) -> Result<Vec<i64>, StoreError> {
        let known = self.open_intents.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(known) = known {
            return Ok(known);
        }
        read::open_intents(&self.db, self.sync.config_id).await.map_err(database)
    }

    async fn live_intents(&self, links: &[i64]) -> Result<Vec<i64>, StoreError> {
        read::live_intents(&self.db, self.run.id, links).await.map_err(database)
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        if self.db.get_database_backend() != DbBackend::Postgres {
            // All runs on one SQLite file are on one machine.
            return Ok(self.now());
        }
        if let Some((at, since)) = self.origin.get() {
            return Ok(*at + since.elapsed());
        }
        // Counted from before the query, so it may be ahead by a round trip, which the sender's margin covers.
        let since = Instant::now();
        let at = clock_of(&self.db).await.map_err(database)?;
        let (at, since) = *self.origin.get_or_init(|| (at, since));
        Ok(at + since.elapsed())
    }

    async fn move_deadline(&self, to: DateTime<Utc>) -> Result<(), StoreError> {
        let tx = self.fenced().await?;
        let sql = "UPDATE sync_metadata SET intent_deadline = ? \
                   WHERE sync_config_id = ? AND last_run_id = ? AND intent_deadline IS NOT NULL";
        let values = [to.into(), self.sync.config_id.into(), self.run.id.into()];
        tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await.map_err(database)?;
        tx.commit().await.map_err(database)
    }

    async fn intend(&self, batch: &[Intended]) -> Result<Vec<LinkRef>, StoreError> {
        let tx = self.fenced().await?;
        let refs = intend::intend(self, &tx, batch).await?;
        changes::insert(self, &tx, batch, &refs).await.map_err(database)?;
        tx.commit().await.map_err(database)?;
        events::note_intended(self, batch, &refs);
        Ok(refs)
    }

    async fn record(&self, batch: &[Recorded]) -> Result<(), StoreError> {
        let tx = self.fenced().await?;
        changes::close_intended(&tx, batch).await.map_err(database)?;
        if batch.iter().any(|record| !record.verdicts.is_empty()) {
            self.observer.reached(syncline_engine::ports::Step::Confirmed).await;
        }
        let refs = record::record(self, &tx, batch).await?;
        let mut told = events::of_items(self, batch, &refs);
        told.extend(conflicts::record(self, &tx, batch, &refs).await.map_err(database)?);
        syncline_entity::event::record(&tx, self.now(), told).await.map_err(database)?;
        tx.commit().await.map_err(database)?;
        events::forget_intended(self, &refs);
        Ok(())
    }

    async fn cursor(&self, side: Side) -> Result<Option<CursorState>, StoreError> {
        read::cursor(&self.db, self.sync.config_id, side).await.map_err(database)
    }

    async fn listing(&self, side: Side) -> Result<Option<BrokenListing>, StoreError> {
        read::listing(&self.db, self.sync.config_id, side).await.map_err(database)
    }

    async fn save_listing(&self, side: Side, listing: Option<&BrokenListing>) -> Result<(), StoreError> {
        let stored = listing.map(|listing| {
            StoredListing { whole: listing.whole, position: listing.position.clone() }.to_text()
        });
        let seen = listing.map(|listing| listing.seen.clone());
        let tx = self.fenced().await?;
        let sql = "INSERT INTO sync_cursors (sync_config_id, side, container, listing, listed_ids, run_id, version) \
                   VALUES (?, ?, '', ?, ?, ?, 0) ON CONFLICT (sync_config_id, side, container) DO UPDATE SET \
                   listing = excluded.listing, listed_ids = excluded.listed_ids, run_id = excluded.run_id, \
                   version = sync_cursors.version + 1";
        let values = [
            self.sync.config_id.into(),
            side.as_str().into(),
            stored.into(),
            seen.into(),
            self.run.id.into(),
        ];
        tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await.map_err(database)?;
        tx.commit().await.map_err(database)
    }

    async fn admit_audience(&self, public: Pair<Option<bool>>) -> Result<(), StoreError> {
        self.admit(public).await
    }

    async fn removed_since(&self, since: DateTime<Utc>) -> Result<u64, StoreError> {
        read::removed_since(&self.db, self.sync.config_id, self.run.id, since).await.map_err(database)
    }

    async fn save_cursors(&self, cursors: &[(Side, CursorState)]) -> Result<(), StoreError> {
        let tx = self.fenced().await?;
        for (side, state) in cursors {
            let sql = "INSERT INTO sync_cursors (sync_config_id, side, container, cursor, last_full_at, reader, run_id, \
                       version) VALUES (?, ?, '', ?, ?, ?, ?, 0) ON CONFLICT (sync_config_id, side, container) DO UPDATE \
                       SET cursor = excluded.cursor, last_full_at = excluded.last_full_at, reader = excluded.reader, \
                       run_id = excluded.run_id, version = sync_cursors.version + 1";
            let values = [
                self.sync.config_id.into(),
                side.as_str().into(),
                state.cursor.as_ref().map(ToString::to_string).into(),
                state.last_full_at.into(),
                state.reader.clone().into(),
                self.run.id.into(),
            ];
            tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await.map_err(database)?;
        }
        tx.commit().await.map_err(database)
    }
}

/// An interrupted listing as stored in its column.
#[derive(Debug, Serialize, Deserialize)]
struct StoredListing {
    whole: bool,
    position: serde_json::Value,
}

impl StoredListing {
    fn to_text(&self) -> String {
        serde_json::json!(self).to_string()
    }
}
