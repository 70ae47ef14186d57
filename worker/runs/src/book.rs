//! The runs of this process: begun under a new fence, ended under the same fence.
//!
//! Runs that begin at the same time share a transaction, and so do runs that end at the same time. Otherwise a worker
//! with sixty slots and runs of a few milliseconds would spend its time waiting for commits.

use std::{collections::HashSet, hash::Hash, sync::Arc};

use sea_orm::{DatabaseConnection, DbErr};
use syncline_engine::ports::Clock;
use syncline_queue::{CutShort, Together};

use super::{Begun, RunQueue, begin, end};

/// Runs in one transaction.
const MOST: usize = 128;

/// Begins and ends the runs of one worker. Clones share it.
#[derive(Clone)]
pub struct RunBook {
    pub db: DatabaseConnection,
    /// The queue that the runs come from.
    pub queue: RunQueue,
    /// The clock for all written times.
    pub clock: Arc<dyn Clock>,
    /// The worker's name, as noted on attempts.
    pub worker: String,
    /// Shared by all run books of a process.
    pub meeting: Meeting,
}

/// Batches the beginnings and the endings of the runs of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Meeting {
    pub(crate) begin: Together<begin::BeginCall, Result<Option<Begun>, DbErr>>,
    pub(crate) end: Together<end::EndCall, Result<bool, DbErr>>,
}

impl Default for Meeting {
    fn default() -> Self {
        Self {
            begin: Together::new(MOST, |asked| Box::pin(begin::begin_together(asked))),
            end: Together::new(MOST, |asked| Box::pin(end::end_together(asked))),
        }
    }
}

pub(crate) fn cut_short(cut: CutShort) -> DbErr {
    DbErr::Custom(cut.to_string())
}

/// True if no two items are equal.
pub(crate) fn are_distinct<T: Hash + Eq>(items: impl IntoIterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    items.into_iter().all(|item| seen.insert(item))
}
