//! Mistakes that an engine could make, planted between it and its ports: the laws have to notice each.

mod place;
mod store;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use syncline_engine::{
    ports::Clock,
    run::{Options, Scope},
};

pub(crate) use place::FaultyPlace;
pub(crate) use store::FaultyStore;

use super::TestClock;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seeded {
    // About what was read.
    NotVisibleIsGone,
    OutOfScopeIsGone,
    ChangesAreEverything,
    LimitIsTheEnd,
    TrustsAnyReader,
    // About what was written.
    UnknownIsNotWritten,
    NotSentIsWritten,
    RefusedIsWritten,
    LeftOutIsRefused,
    HalfwayIsAnEdit,
    SkipsTheLastReading,
    ForgetsLostUpdates,
    ForgetsWhatItExpects,
    MarksCreatesAtRandom,
    SendsAfterTheDeadline,
    // About deletes.
    DropsTheGuard,
    FirstAbsenceCounts,
    ItemRunsRemove,
    // About what is recorded.
    BeginsListingsAnew,
    ForgetsTheFirstPart,
    DropsAChangeRow,
    DropsConflicts,
    KeepsOldBases,
    ForgetsHashes,
    ForgetsIntents,
    ForgetsTombstones,
}

impl Seeded {
    pub(crate) const ALL: [Seeded; 26] = [
        Seeded::NotVisibleIsGone,
        Seeded::OutOfScopeIsGone,
        Seeded::ChangesAreEverything,
        Seeded::LimitIsTheEnd,
        Seeded::TrustsAnyReader,
        Seeded::UnknownIsNotWritten,
        Seeded::NotSentIsWritten,
        Seeded::RefusedIsWritten,
        Seeded::LeftOutIsRefused,
        Seeded::HalfwayIsAnEdit,
        Seeded::SkipsTheLastReading,
        Seeded::ForgetsLostUpdates,
        Seeded::ForgetsWhatItExpects,
        Seeded::MarksCreatesAtRandom,
        Seeded::SendsAfterTheDeadline,
        Seeded::DropsTheGuard,
        Seeded::FirstAbsenceCounts,
        Seeded::ItemRunsRemove,
        Seeded::BeginsListingsAnew,
        Seeded::ForgetsTheFirstPart,
        Seeded::DropsAChangeRow,
        Seeded::DropsConflicts,
        Seeded::KeepsOldBases,
        Seeded::ForgetsHashes,
        Seeded::ForgetsIntents,
        Seeded::ForgetsTombstones,
    ];

    /// The options of a run that makes the mistake.
    pub(crate) fn options(seeded: Option<Seeded>, options: &Options) -> Options {
        let asked = options.clone();
        match seeded {
            Some(Seeded::DropsTheGuard) => Options { approved_deletes: Some(u64::MAX), ..asked },
            Some(Seeded::FirstAbsenceCounts) => Options { confirm_deletes: true, ..asked },
            Some(Seeded::ItemRunsRemove) if asked.scope != Scope::All => Options {
                scope: Scope::All,
                approved_deletes: Some(u64::MAX),
                confirm_deletes: true,
                ..asked
            },
            _ => asked,
        }
    }
}

/// A clock that lets no time pass for a sender.
pub(crate) struct FaultyClock<'a> {
    pub(crate) inner: &'a Arc<TestClock>,
    pub(crate) seeded: Option<Seeded>,
}

impl Clock for FaultyClock<'_> {
    fn now(&self) -> DateTime<Utc> {
        self.inner.now()
    }

    fn elapsed(&self) -> Duration {
        match self.seeded {
            Some(Seeded::SendsAfterTheDeadline) => Duration::ZERO,
            _ => self.inner.elapsed(),
        }
    }
}
