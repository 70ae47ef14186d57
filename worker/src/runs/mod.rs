//! The life of a run's row: begun under a new fence, ended under the same.
//!
//! Runs that begin at the same time share a transaction, and so do runs that end at the same time: a worker with sixty
//! slots and runs of a few milliseconds would else do nothing but wait for commits.

mod begin;
mod bury;
mod end;
mod letters;
mod lost;

use std::{collections::HashSet, hash::Hash};

use sea_orm::DbErr;
use syncline_queue::outbox::{CutShort, Together};

pub use begin::{Begin, Begun, begin_run};
pub use bury::{bury, give_back, move_letter};
pub use end::{Ending, end_run};
pub(crate) use lost::tell_lost;

/// Runs in one transaction.
const MOST: usize = 128;

/// Where the runs of a process meet to begin and to end.
#[derive(Debug, Clone)]
pub struct RunBook {
    begin: Together<begin::Asked, Result<Option<Begun>, DbErr>>,
    end: Together<end::Asked, Result<bool, DbErr>>,
}

impl Default for RunBook {
    fn default() -> Self {
        Self {
            begin: Together::new(MOST, |asked| Box::pin(begin::all(asked))),
            end: Together::new(MOST, |asked| Box::pin(end::all(asked))),
        }
    }
}

fn cut_short(cut: CutShort) -> DbErr {
    DbErr::Custom(cut.to_string())
}

/// Whether no two are the same.
fn are_distinct<T: Hash + Eq>(items: impl IntoIterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    items.into_iter().all(|item| seen.insert(item))
}
