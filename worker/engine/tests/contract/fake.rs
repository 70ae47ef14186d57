//! The stage of the engine's store in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use syncline_engine::{
    conflict::Choice,
    ports::{ItemStatus, Store, Unobserved},
    side::Pair,
};

use super::{Kept, KeptChange, KeptConflict, KeptLink, Stage};
use crate::support::{ChangeState, LinkRow, MemoryStore, Tables, TestClock, through_json};

pub(crate) struct Fake {
    tables: Arc<Mutex<Tables>>,
    clock: Arc<TestClock>,
}

impl Fake {
    pub(crate) fn new() -> Fake {
        Fake { tables: Arc::default(), clock: Arc::new(TestClock::new()) }
    }
}

#[async_trait]
impl Stage for Fake {
    async fn open(&self, run: u32) -> Box<dyn Store> {
        Box::new(MemoryStore::open_run(run, &self.tables, &self.clock, Arc::new(Unobserved)))
    }

    async fn end(&self, run: u32) {
        self.tables.lock().unwrap().fences.remove(&run);
    }

    async fn end_after_removals(&self, run: u32, items: u32, approved: bool) {
        if !approved {
            let at = std::iter::repeat_n(syncline_engine::ports::Clock::now(&*self.clock), items as usize);
            self.tables.lock().unwrap().removed.extend(at);
        }
        self.end(run).await;
    }

    fn clock(&self) -> &TestClock {
        &self.clock
    }

    async fn choose(&self, conflict: i64, choice: Choice) {
        self.tables.lock().unwrap().conflicts[conflict as usize].chosen = Some(choice);
    }

    async fn kept(&self) -> Kept {
        let tables = self.tables.lock().unwrap();
        let mut changes: Vec<KeptChange> = tables.changes.iter().map(change).collect();
        // Stable, so that each chain keeps its order.
        changes.sort_by_key(|change| change.link);
        Kept {
            links: tables.links.iter().map(|(id, row)| link(*id, row)).collect(),
            changes,
            conflicts: tables.conflicts.iter().enumerate().map(conflict).collect(),
            broken: Vec::new(),
        }
    }
}

fn link(id: i64, row: &LinkRow) -> KeptLink {
    let status = match row.status {
        _ if !row.recorded => "in_progress",
        ItemStatus::Skipped if row.retry_at.is_some() => "pending",
        ItemStatus::Completed => "completed",
        ItemStatus::Failed => "failed",
        ItemStatus::Conflict => "conflict",
        ItemStatus::Skipped => "skipped",
    };
    KeptLink {
        id,
        names: row.names.clone(),
        item_version: row.item_version.clone(),
        status: status.to_owned(),
        error: row.error.clone(),
        resolution: row.resolution.clone(),
        calls: row.calls,
        duration_ms: row.duration_ms,
    }
}

fn change(row: &crate::support::ChangeRow) -> KeptChange {
    let state = match row.state {
        ChangeState::Intended => "intended",
        ChangeState::Confirmed => "confirmed",
        ChangeState::NotWritten => "not_written",
        ChangeState::Unknown => "unknown",
    };
    KeptChange {
        link: row.link,
        side: row.change.side,
        field: row.change.field.clone(),
        before: row.change.before.clone(),
        after: row.change.after.clone(),
        rule: row.change.rule.clone(),
        state: state.to_owned(),
    }
}

fn conflict((id, row): (usize, &crate::support::ConflictRow)) -> KeptConflict {
    let conflict = &row.conflict;
    let resolution = conflict.resolution.as_ref();
    KeptConflict {
        id: id as i64,
        link: row.link,
        field: conflict.field.clone(),
        kind: conflict.kind.as_str().to_owned(),
        base: through_json(&conflict.base),
        values: Pair::new(through_json(&conflict.values.source), through_json(&conflict.values.target)),
        modified: Pair::new(
            conflict.modified.source.map(|instant| instant.at),
            conflict.modified.target.map(|instant| instant.at),
        ),
        open: row.open,
        choice: row.chosen.clone().or_else(|| resolution.map(|resolution| resolution.winner.clone())),
        reason: resolution.map(|resolution| resolution.reason.clone()),
        occurrences: row.occurrences,
    }
}
