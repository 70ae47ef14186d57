//! The engine's store in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use syncline_engine::{
    Side,
    ports::{
        BrokenListing, Clock, CursorState, Due, Intended, Link, LinkBrief, LinkRef, LinkState, Observer,
        Recorded, Step, Stopped, Store, StoreError, Tally,
    },
    side::Pair,
};

use super::{Tables, TestClock};

/// The store of one run.
pub(crate) struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    run: u32,
    fence: u64,
    clock: Arc<TestClock>,
    observer: Arc<dyn Observer>,
}

impl MemoryStore {
    /// Opens the store for the next attempt of the one run that most tests have, which shuts out the attempt before.
    pub(crate) fn open(
        tables: &Arc<Mutex<Tables>>,
        clock: &Arc<TestClock>,
        observer: Arc<dyn Observer>,
    ) -> MemoryStore {
        MemoryStore::open_run(0, tables, clock, observer)
    }

    /// Opens the store for the next attempt of a run. Other runs go on.
    pub(crate) fn open_run(
        run: u32,
        tables: &Arc<Mutex<Tables>>,
        clock: &Arc<TestClock>,
        observer: Arc<dyn Observer>,
    ) -> MemoryStore {
        let mut guard = tables.lock().unwrap();
        let fence = guard.fences.entry(run).or_default();
        *fence += 1;
        MemoryStore { tables: tables.clone(), run, fence: *fence, clock: clock.clone(), observer }
    }

    fn fenced(&self, tables: &Tables) -> Result<(), StoreError> {
        if tables.fences.get(&self.run) == Some(&self.fence) {
            Ok(())
        } else {
            Err(Stopped::LeaseLost.into())
        }
    }

    /// One transaction: all of it, or nothing.
    fn write<T>(&self, work: impl FnOnce(&mut Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut tables = self.tables.lock().unwrap();
        self.fenced(&tables)?;
        let mut next = tables.clone();
        let answer = work(&mut next)?;
        next.check()?;
        *tables = next;
        Ok(answer)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn tally(&self, due: &Due) -> Result<Tally, StoreError> {
        let tables = self.tables.lock().unwrap();
        let briefs: Vec<LinkBrief> = tables.links.iter().map(|(id, row)| row.brief(*id)).collect();
        Ok(Tally {
            links: briefs.len() as u64,
            living: briefs.iter().filter(|brief| !brief.tombstone).count() as u64,
            due: briefs.iter().filter(|brief| due.is_due(brief)).count() as u64,
        })
    }

    async fn briefs(&self, after: i64, limit: usize) -> Result<Vec<LinkBrief>, StoreError> {
        let mut tables = self.tables.lock().unwrap();
        let briefs: Vec<LinkBrief> =
            tables.links.range(after + 1..).take(limit).map(|(id, row)| row.brief(*id)).collect();
        tables.briefs += briefs.len() as u64;
        Ok(briefs)
    }

    async fn links(&self, ids: &[i64]) -> Result<Vec<Link>, StoreError> {
        let mut tables = self.tables.lock().unwrap();
        let links = ids.iter().filter_map(|id| Some(tables.link(*id, tables.links.get(id)?))).collect();
        if tables.rivals > 0 && !ids.is_empty() {
            tables.rivals -= 1;
            ids.iter().for_each(|id| tables.links.get_mut(id).unwrap().version += 1);
        }
        Ok(links)
    }

    async fn open_intents(&self) -> Result<Vec<i64>, StoreError> {
        let tables = self.tables.lock().unwrap();
        Ok(tables.links.iter().filter(|(_, row)| row.intent.is_some()).map(|(id, _)| *id).collect())
    }

    async fn live_intents(&self, links: &[i64]) -> Result<Vec<i64>, StoreError> {
        let tables = self.tables.lock().unwrap();
        let live = |id: &&i64| {
            let row = tables.links.get(*id);
            row.is_some_and(|row| {
                row.intent.is_some() && row.run != self.run && !tables.over.contains(&row.run)
            })
        };
        Ok(links.iter().filter(live).copied().collect())
    }

    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.clock.now())
    }

    async fn move_deadline(&self, to: DateTime<Utc>) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.write(|tables| {
            // A run keeps its identity through all attempts, so these may be another attempt's.
            let own = tables.links.values_mut().filter(|row| row.run == self.run);
            own.filter_map(|row| row.intent.as_mut()).for_each(|intent| intent.deadline = to);
            tables.deadlines.push((now, to));
            Ok(())
        })
    }

    async fn intend(&self, batch: &[Intended]) -> Result<Vec<LinkRef>, StoreError> {
        let now = self.clock.now();
        self.write(|tables| {
            tables.records += 1;
            tables.deadlines.extend(batch.iter().map(|intended| (now, intended.intent.deadline)));
            let refs = batch.iter().map(|intended| tables.intend_one(self.run, intended)).collect();
            tables.release(batch.iter().filter(|one| one.link.is_none()).map(|one| &one.ids));
            refs
        })
    }

    async fn record(&self, batch: &[Recorded]) -> Result<(), StoreError> {
        // A first pass as the transaction that a crash at this step leaves uncommitted.
        let mut draft = self.tables.lock().unwrap().clone();
        self.fenced(&draft)?;
        batch.iter().try_for_each(|record| draft.record_one(self.run, record))?;
        if batch.iter().any(|record| !record.verdicts.is_empty()) {
            self.observer.reached(Step::Confirmed).await;
        }
        self.write(|tables| {
            tables.records += 1;
            batch.iter().try_for_each(|record| tables.record_one(self.run, record))?;
            let has_new_item = |one: &&Recorded| one.link.is_none() || !one.verdicts.is_empty();
            let living = batch.iter().filter(|one| one.state != LinkState::Tombstone);
            tables.release(living.filter(has_new_item).map(|one| &one.ids));
            Ok(())
        })
    }

    async fn cursor(&self, side: Side) -> Result<Option<CursorState>, StoreError> {
        Ok(self.tables.lock().unwrap().cursors.get(&side).cloned())
    }

    async fn listing(&self, side: Side) -> Result<Option<BrokenListing>, StoreError> {
        Ok(self.tables.lock().unwrap().listings.get(&side).cloned())
    }

    async fn save_listing(&self, side: Side, listing: Option<&BrokenListing>) -> Result<(), StoreError> {
        self.write(|tables| {
            match listing {
                Some(listing) => tables.listings.insert(side, listing.clone()),
                None => tables.listings.remove(&side),
            };
            Ok(())
        })
    }

    async fn admit_audience(&self, public: Pair<Option<bool>>) -> Result<(), StoreError> {
        self.tables.lock().unwrap().audience = public;
        Ok(())
    }

    async fn removed_since(&self, since: DateTime<Utc>) -> Result<u64, StoreError> {
        Ok(self.tables.lock().unwrap().removed.iter().filter(|at| **at > since).count() as u64)
    }

    async fn save_cursors(&self, cursors: &[(Side, CursorState)]) -> Result<(), StoreError> {
        self.write(|tables| {
            tables.cursors.extend(cursors.iter().cloned());
            Ok(())
        })
    }
}
