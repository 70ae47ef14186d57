//! Places that get something wrong, to show that the laws see it. Nothing here is compiled into the product.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use syncline_engine::{Item, Side, side::Pair as Both};

use crate::{laws::Law, place::Place};

/// A fault of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    AddsALineWhenRead,
    QuotesWhenRead,
    ReadsAnotherText,
    QuotesAnotherRow,
    WritesAnotherField,
    WritesOldValue,
    TrimsText,
    RoundsNumbers,
    DropsTheTime,
    WritesWhatItRefuses,
    GivesNoReason,
    WritesNothing,
    CopiesNewRows,
    LosesMarkers,
    CopiesUpdatedRows,
    EndsAtTheBrokenRow,
    MergesAtTheBrokenRow,
    HidesTheLine,
    OmitsNewRows,
    ReadsNothing,
    LeavesAQuoteOpen,
}

/// Each fault and the law that is to see it.
pub(crate) const FLAWS: [(Flaw, Law); 21] = [
    (Flaw::AddsALineWhenRead, Law::Idle),
    (Flaw::QuotesWhenRead, Law::Idle),
    (Flaw::ReadsAnotherText, Law::Idle),
    (Flaw::QuotesAnotherRow, Law::Edit),
    (Flaw::WritesAnotherField, Law::Edit),
    (Flaw::WritesOldValue, Law::Edit),
    (Flaw::TrimsText, Law::Crossing),
    (Flaw::RoundsNumbers, Law::Crossing),
    (Flaw::DropsTheTime, Law::Crossing),
    (Flaw::WritesWhatItRefuses, Law::Refused),
    (Flaw::GivesNoReason, Law::Refused),
    (Flaw::WritesNothing, Law::Refused),
    (Flaw::CopiesNewRows, Law::Once),
    (Flaw::LosesMarkers, Law::Once),
    (Flaw::CopiesUpdatedRows, Law::Once),
    (Flaw::EndsAtTheBrokenRow, Law::Malformed),
    (Flaw::MergesAtTheBrokenRow, Law::Malformed),
    (Flaw::HidesTheLine, Law::Malformed),
    (Flaw::OmitsNewRows, Law::Reads),
    (Flaw::ReadsNothing, Law::Reads),
    (Flaw::LeavesAQuoteOpen, Law::Reads),
];

/// What the places of a pair get wrong, over all its runs.
#[derive(Default)]
pub(crate) struct Fault {
    pub(crate) flaw: Option<Flaw>,
    /// The answer to the next creates is lost: no fault, but what every network does.
    pub(crate) lose_answer: AtomicBool,
    places: Option<Both<Place>>,
    runs: AtomicUsize,
    pub(crate) markers: AtomicUsize,
    created: Mutex<Vec<(Side, String)>>,
    pub(crate) listed: Mutex<Both<Vec<Item>>>,
}

impl Fault {
    pub(crate) fn of(flaw: Option<Flaw>, lose_answer: bool, places: &Both<Place>) -> Arc<Fault> {
        let lose_answer = AtomicBool::new(lose_answer || flaw == Some(Flaw::LosesMarkers));
        Arc::new(Fault { flaw, lose_answer, places: Some(places.clone()), ..Fault::default() })
    }

    /// A run begins.
    pub(crate) fn next_run(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }

    /// From here on every answer arrives.
    pub(crate) fn lose_nothing(&self) {
        self.lose_answer.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(crate) fn is_later_run(&self) -> bool {
        self.runs.load(Ordering::Relaxed) > 1
    }

    pub(crate) fn place(&self, side: Side) -> Option<&Place> {
        self.places.as_ref().map(|places| places.get(side))
    }

    pub(crate) fn created(&self) -> std::sync::MutexGuard<'_, Vec<(Side, String)>> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
