//! Links, changes, conflicts and cursors in memory, kept as strictly as a database keeps them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use syncline_engine::{
    Side, Value,
    conflict::{Conflict, OpenConflict},
    ports::{
        Change, Clock, CursorState, Intended, Intent, ItemStatus, Link, LinkBrief, LinkRef, LinkState,
        Observer, Recorded, Step, Stopped, Store, StoreError, Verdict,
    },
    side::Pair,
    value::{fields_from_json, fields_to_json},
};

use super::TestClock;

/// What all processes share.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Tables {
    pub(crate) links: BTreeMap<i64, LinkRow>,
    pub(crate) changes: Vec<ChangeRow>,
    pub(crate) conflicts: Vec<ConflictRow>,
    pub(crate) cursors: BTreeMap<Side, CursorState>,
    /// The run that may write.
    pub(crate) fence: u64,
    /// Transactions that wrote links.
    pub(crate) records: u64,
    /// So often yet, another run writes the links that were just read.
    pub(crate) rivals: u32,
}

/// A link as the database has it: bases are JSON, so dates have become text.
#[derive(Clone, PartialEq)]
pub(crate) struct LinkRow {
    pub(crate) version: i64,
    pub(crate) ids: Pair<Option<String>>,
    pub(crate) base: Pair<serde_json::Value>,
    pub(crate) hash: Pair<Option<syncline_engine::hash::Hash>>,
    pub(crate) modified: Pair<Option<DateTime<Utc>>>,
    pub(crate) state: LinkState,
    pub(crate) deleted_side: Option<Side>,
    pub(crate) missing: Option<(Side, DateTime<Utc>)>,
    pub(crate) status: ItemStatus,
    pub(crate) error: Option<String>,
    pub(crate) error_count: u32,
    pub(crate) retry_at: Option<DateTime<Utc>>,
    pub(crate) mapping_revision: i64,
    pub(crate) intent: Option<Intent>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChangeRow {
    pub(crate) link: i64,
    pub(crate) change: Change,
    pub(crate) state: ChangeState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeState {
    Intended,
    Confirmed,
    Unknown,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConflictRow {
    pub(crate) link: i64,
    pub(crate) conflict: Conflict,
    pub(crate) open: bool,
    pub(crate) chosen: Option<Side>,
    pub(crate) occurrences: u32,
}

impl Tables {
    pub(crate) fn open_conflicts(&self) -> Vec<&ConflictRow> {
        self.conflicts.iter().filter(|row| row.open).collect()
    }

    /// A person chooses a side for every open conflict.
    pub(crate) fn choose(&mut self, side: Side) {
        self.conflicts.iter_mut().filter(|row| row.open).for_each(|row| row.chosen = Some(side));
    }

    fn link(&self, id: i64, row: &LinkRow) -> Link {
        let conflicts = self.conflicts.iter().enumerate().filter(|(_, c)| c.link == id && c.open);
        let open = |(position, row): (usize, &ConflictRow)| OpenConflict {
            id: position as i64,
            field: row.conflict.field.clone(),
            kind: row.conflict.kind.as_str().to_owned(),
            values: Pair::new(
                through_json(&row.conflict.values.source),
                through_json(&row.conflict.values.target),
            ),
            chosen: row.chosen,
        };
        Link {
            at: LinkRef { id, version: row.version },
            ids: row.ids.clone(),
            base: Pair::new(fields_from_json(&row.base.source), fields_from_json(&row.base.target)),
            hash: row.hash,
            modified: row.modified,
            state: row.state,
            deleted_side: row.deleted_side,
            missing: row.missing,
            error_count: row.error_count,
            mapping_revision: row.mapping_revision,
            intent: row.intent.clone(),
            conflicts: conflicts.map(open).collect(),
        }
    }

    /// The link of a reference, if nobody wrote it since.
    fn current(&mut self, at: LinkRef) -> Result<&mut LinkRow, StoreError> {
        let row = self.links.get_mut(&at.id).filter(|row| row.version == at.version);
        let row = row.ok_or(StoreError::Outdated)?;
        row.version += 1;
        Ok(row)
    }

    fn insert(&mut self, ids: Pair<Option<String>>) -> i64 {
        // An ended link leaves its id to a living one.
        for side in Side::BOTH {
            let ended = |row: &&mut LinkRow| row.state == LinkState::Tombstone && row.ids.get(side).is_some();
            for row in self.links.values_mut().filter(ended) {
                if row.ids.get(side) == ids.get(side) {
                    *row.ids.get_mut(side) = None;
                }
            }
        }
        let id = self.links.last_key_value().map_or(1, |(last, _)| last + 1);
        let row = LinkRow {
            version: 1,
            ids,
            base: Pair::new(serde_json::json!({}), serde_json::json!({})),
            hash: Pair::default(),
            modified: Pair::default(),
            state: LinkState::Pending,
            deleted_side: None,
            missing: None,
            status: ItemStatus::Skipped,
            error: None,
            error_count: 0,
            retry_at: None,
            mapping_revision: 0,
            intent: None,
        };
        self.links.insert(id, row);
        id
    }

    /// The database's own constraints: an item belongs to one link, a link has an item.
    fn check(&self) -> Result<(), StoreError> {
        for side in Side::BOTH {
            let mut ids: Vec<&String> =
                self.links.values().filter_map(|row| row.ids.get(side).as_ref()).collect();
            ids.sort();
            if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(violation(format!("unique: {side} {}", twice[0])));
            }
        }
        let empty = |row: &LinkRow| row.ids.source.is_none() && row.ids.target.is_none();
        if self.links.values().any(empty) {
            return Err(violation("check: a link without items".to_owned()));
        }
        Ok(())
    }

    fn intend_one(&mut self, intended: &Intended) -> Result<LinkRef, StoreError> {
        let id = match intended.link {
            Some(at) => {
                self.current(at)?;
                at.id
            }
            None => self.insert(intended.ids.clone()),
        };
        let row = self.links.get_mut(&id).unwrap();
        assert!(row.intent.is_none(), "link {id}: an intent on top of an open one");
        row.intent = Some(intended.intent.clone());
        let version = row.version;
        self.changes.extend(intended.changes.iter().map(|change| ChangeRow {
            link: id,
            change: through_database(change),
            state: ChangeState::Intended,
        }));
        Ok(LinkRef { id, version })
    }

    fn record_one(&mut self, record: &Recorded) -> Result<(), StoreError> {
        let id = match record.link {
            Some(at) => {
                self.current(at)?;
                at.id
            }
            None => self.insert(record.ids.clone()),
        };
        let row = self.links.get_mut(&id).unwrap();
        if let Some(intent) = row.intent.take() {
            for op in &intent.ops {
                let told = record.verdicts.iter().filter(|(side, _)| *side == op.side).count();
                assert_eq!(told, 1, "link {id}: {} verdicts on the write to the {}", told, op.side);
            }
        }
        row.ids = record.ids.clone();
        row.base = Pair::new(fields_to_json(&record.base.source), fields_to_json(&record.base.target));
        row.hash = record.hash;
        for side in Side::BOTH {
            let modified = row.modified.get_mut(side);
            *modified = record.modified.get(side).or(*modified);
        }
        row.state = record.state;
        row.deleted_side = record.deleted_side;
        row.missing = record.missing;
        row.status = record.status;
        row.error = record.error.clone();
        row.error_count = record.error_count;
        row.retry_at = record.retry_at;
        row.mapping_revision = record.mapping_revision;
        for (side, verdict) in &record.verdicts {
            self.judge(id, *side, *verdict);
        }
        for conflict in &record.conflicts {
            self.meet(id, conflict);
        }
        for closed in &record.closed_conflicts {
            let row = &mut self.conflicts[*closed as usize];
            assert_eq!(row.link, id, "conflict {closed} is another link's");
            row.open = false;
        }
        Ok(())
    }

    fn judge(&mut self, link: i64, side: Side, verdict: Verdict) {
        let is_ours = |row: &ChangeRow| {
            row.link == link && row.change.side == side && row.state == ChangeState::Intended
        };
        match verdict {
            Verdict::NotWritten => self.changes.retain(|row| !is_ours(row)),
            Verdict::Confirmed | Verdict::Unknown => {
                let confirmed = verdict == Verdict::Confirmed;
                let state = if confirmed { ChangeState::Confirmed } else { ChangeState::Unknown };
                self.changes.iter_mut().filter(|row| is_ours(row)).for_each(|row| row.state = state);
            }
        }
    }

    /// Of one link and field at most one conflict is open; a choice holds for the values that were shown.
    fn meet(&mut self, link: i64, conflict: &Conflict) {
        let open = conflict.resolution.is_none();
        let is_it =
            |row: &&mut ConflictRow| row.open && row.link == link && row.conflict.field == conflict.field;
        match self.conflicts.iter_mut().find(is_it) {
            Some(row) => {
                *row = ConflictRow {
                    link,
                    conflict: conflict.clone(),
                    open,
                    chosen: None,
                    occurrences: row.occurrences + 1,
                };
            }
            None => {
                let conflict = conflict.clone();
                self.conflicts.push(ConflictRow { link, conflict, open, chosen: None, occurrences: 1 });
            }
        }
    }
}

fn through_json(value: &Value) -> Value {
    Value::from_json(&value.to_json())
}

fn through_database(change: &Change) -> Change {
    Change { before: through_json(&change.before), after: through_json(&change.after), ..change.clone() }
}

fn violation(what: String) -> StoreError {
    StoreError::Database(what.into())
}

/// The store of one run.
pub(crate) struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    fence: u64,
    clock: Arc<TestClock>,
    observer: Arc<dyn Observer>,
}

impl MemoryStore {
    /// Opens the store for a new run, which shuts out the one before.
    pub(crate) fn open(
        tables: &Arc<Mutex<Tables>>,
        clock: &Arc<TestClock>,
        observer: Arc<dyn Observer>,
    ) -> MemoryStore {
        let mut guard = tables.lock().unwrap();
        guard.fence += 1;
        MemoryStore { tables: tables.clone(), fence: guard.fence, clock: clock.clone(), observer }
    }

    /// One transaction: all of it, or nothing.
    fn write<T>(&self, work: impl FnOnce(&mut Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut tables = self.tables.lock().unwrap();
        if tables.fence != self.fence {
            return Err(Stopped::LeaseLost.into());
        }
        let mut next = tables.clone();
        let answer = work(&mut next)?;
        next.check()?;
        *tables = next;
        Ok(answer)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.tables.lock().unwrap().links.len() as u64)
    }

    async fn briefs(&self, after: i64, limit: usize) -> Result<Vec<LinkBrief>, StoreError> {
        let tables = self.tables.lock().unwrap();
        let brief = |(id, row): (&i64, &LinkRow)| LinkBrief {
            id: *id,
            ids: row.ids.clone(),
            hash: row.hash,
            tombstone: row.state == LinkState::Tombstone,
            retry_at: row.retry_at,
            missing: row.missing.map(|(side, _)| side),
            unanswered: row.state == LinkState::Pending && row.status == ItemStatus::Conflict,
            mapping_revision: row.mapping_revision,
        };
        Ok(tables.links.range(after + 1..).take(limit).map(brief).collect())
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

    async fn release_intents(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.write(|tables| {
            // One job keeps its run's identity through all attempts, so these may be another attempt's.
            for intent in tables.links.values_mut().filter_map(|row| row.intent.as_mut()) {
                intent.deadline = now;
            }
            Ok(())
        })
    }

    async fn intend(&self, batch: &[Intended]) -> Result<Vec<LinkRef>, StoreError> {
        self.write(|tables| {
            tables.records += 1;
            batch.iter().map(|intended| tables.intend_one(intended)).collect()
        })
    }

    async fn record(&self, batch: &[Recorded]) -> Result<(), StoreError> {
        // A first pass as the transaction that a crash at this step leaves uncommitted.
        let mut draft = self.tables.lock().unwrap().clone();
        batch.iter().try_for_each(|record| draft.record_one(record))?;
        if batch.iter().any(|record| !record.verdicts.is_empty()) {
            self.observer.reached(Step::Confirmed).await;
        }
        self.write(|tables| {
            tables.records += 1;
            batch.iter().try_for_each(|record| tables.record_one(record))
        })
    }

    async fn cursor(&self, side: Side) -> Result<Option<CursorState>, StoreError> {
        Ok(self.tables.lock().unwrap().cursors.get(&side).cloned())
    }

    async fn save_cursors(&self, cursors: &[(Side, CursorState)]) -> Result<(), StoreError> {
        self.write(|tables| {
            tables.cursors.extend(cursors.iter().cloned());
            Ok(())
        })
    }
}
