//! Mistakes about what is recorded.

use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use syncline_engine::{
    Side,
    ports::{
        BrokenListing, CursorState, Due, Intended, Link, LinkBrief, LinkRef, LinkState, Recorded, Store,
        StoreError, Tally,
    },
    side::Pair,
};

use super::Seeded;
use crate::support::{MemoryStore, Tables};

pub(crate) struct FaultyStore<'a> {
    pub(crate) inner: &'a MemoryStore,
    pub(crate) seeded: Option<Seeded>,
    pub(crate) tables: &'a Mutex<Tables>,
}

#[async_trait]
impl Store for FaultyStore<'_> {
    async fn tally(&self, due: &Due) -> Result<Tally, StoreError> {
        self.inner.tally(due).await
    }

    async fn briefs(&self, after: i64, limit: usize) -> Result<Vec<LinkBrief>, StoreError> {
        self.inner.briefs(after, limit).await
    }

    async fn links(&self, ids: &[i64]) -> Result<Vec<Link>, StoreError> {
        self.inner.links(ids).await
    }

    async fn open_intents(&self) -> Result<Vec<i64>, StoreError> {
        match self.seeded {
            Some(Seeded::ForgetsIntents) => Ok(Vec::new()),
            _ => self.inner.open_intents().await,
        }
    }

    async fn live_intents(&self, links: &[i64]) -> Result<Vec<i64>, StoreError> {
        self.inner.live_intents(links).await
    }

    async fn move_deadline(&self, to: DateTime<Utc>) -> Result<(), StoreError> {
        self.inner.move_deadline(to).await
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        self.inner.now().await
    }

    async fn intend(&self, batch: &[Intended]) -> Result<Vec<LinkRef>, StoreError> {
        self.inner.intend(batch).await
    }

    async fn record(&self, batch: &[Recorded]) -> Result<(), StoreError> {
        let mut batch = batch.to_vec();
        for record in &mut batch {
            let link = record.link.and_then(|at| {
                let tables = self.tables.lock().unwrap();
                tables.links.get(&at.id).map(|row| row.base.clone())
            });
            match self.seeded {
                Some(Seeded::DropsConflicts) => {
                    record.conflicts.retain(|conflict| conflict.resolution.is_some())
                }
                Some(Seeded::ForgetsHashes) => record.hash = Pair::default(),
                Some(Seeded::ForgetsTombstones) if record.state == LinkState::Tombstone => {
                    record.state = LinkState::Linked;
                }
                Some(Seeded::KeepsOldBases) => {
                    if let Some(base) = link.filter(|base| *base.get(Side::Source) != serde_json::json!({})) {
                        let read = |side: Side| syncline_engine::value::fields_from_json(base.get(side));
                        record.base = Pair::new(read(Side::Source), read(Side::Target));
                    }
                }
                _ => {}
            }
        }
        self.inner.record(&batch).await?;
        if self.seeded == Some(Seeded::DropsAChangeRow) {
            self.tables.lock().unwrap().changes.pop();
        }
        Ok(())
    }

    async fn cursor(&self, side: Side) -> Result<Option<CursorState>, StoreError> {
        self.inner.cursor(side).await
    }

    async fn save_cursors(&self, cursors: &[(Side, CursorState)]) -> Result<(), StoreError> {
        self.inner.save_cursors(cursors).await
    }

    async fn listing(&self, side: Side) -> Result<Option<BrokenListing>, StoreError> {
        let mut listing = self.inner.listing(side).await?;
        if let Some(listing) = &mut listing {
            match self.seeded {
                Some(Seeded::BeginsListingsAnew) => listing.position[0] = "".into(),
                Some(Seeded::ForgetsTheFirstPart) => listing.seen.clear(),
                _ => {}
            }
        }
        Ok(listing)
    }

    async fn save_listing(&self, side: Side, listing: Option<&BrokenListing>) -> Result<(), StoreError> {
        self.inner.save_listing(side, listing).await
    }

    async fn admit_audience(&self, public: Pair<Option<bool>>) -> Result<(), StoreError> {
        self.inner.admit_audience(public).await
    }

    async fn removed_since(&self, since: DateTime<Utc>) -> Result<u64, StoreError> {
        self.inner.removed_since(since).await
    }
}
