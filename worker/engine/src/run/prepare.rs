//! Reads both sides, lists the work and checks the delete guard.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Absence, Run, RunError, Scope, Work,
    find::{Search, Waiting},
    index::{self, LinkIndex},
    matching::{self, Matched, Matcher, Unpaired},
    observe::{self, BrokenOff, Observed},
    recover::create_on,
    report::Report,
    respelled::NewIds,
    restored::FoundAgain,
    whole,
};
use crate::{
    Item, Side,
    guard::{Held, allowed, is_held},
    ports::{BrokenListing, ConnectorError, CursorState, Due, Link, ListingEnd, ReadMode},
    side::Pair,
    spec::DeletePolicy,
};

/// The time over which the guard counts deletes: many small runs remove as much as a large one.
const GUARDED: TimeDelta = TimeDelta::hours(24);

/// The work of a run, with the items kept from the listings.
pub(super) struct Prepared {
    pub(super) work: Vec<Work>,
    pub(super) kept: Pair<HashMap<String, Item>>,
    pub(super) cursors: Vec<(Side, CursorState)>,
    /// Where listings go on, and those that have come to their end.
    pub(super) listings: Vec<(Side, Option<BrokenListing>)>,
    /// Why a side was not read to its end.
    pub(super) broken_off: Option<(Side, ConnectorError)>,
    /// True per side if a create there may duplicate an existing item.
    pub(super) doubtful: Pair<bool>,
}

/// What was read of one side.
#[derive(Default)]
pub(super) struct Read {
    pub(super) observed: Observed,
    end: ListingEnd,
    /// It was read whole, perhaps in several runs.
    whole: bool,
    /// It was read whole by this run alone, so that every item without a link is known.
    at_once: bool,
    before: Option<CursorState>,
    /// The account whose whole reading is the last one that counts.
    reader: Option<String>,
    /// The store has where an earlier listing was broken off; it is over once the side was read to its end, in whichever
    /// way.
    stored: bool,
    broken: Option<BrokenOff>,
}

impl Run<'_> {
    /// Reads both sides and lists the work. Leaves the links alone that another run is writing.
    pub(super) async fn prepare(&self, busy: &[Link], report: &mut Report) -> Result<Prepared, RunError> {
        if let Scope::Links(only) = &self.options.scope {
            let work = only.iter().map(|id| Work::link(*id, 0, false)).collect();
            // Without a listing it is unknown which items exist.
            let doubtful = self.doubtful(Pair::new(true, true));
            let (listings, broken_off) = Default::default();
            let (kept, cursors) = Default::default();
            return Ok(Prepared { work, kept, cursors, listings, broken_off, doubtful });
        }
        report.after_restore = self.options.after_restore;
        let now = self.clock.now();
        let due =
            Due { by: (!self.options.retry_now).then_some(now), mapping_revision: self.mapping.revision };
        let mut index = LinkIndex::new(self.store, due).await?;
        if !busy.is_empty() || self.options.scope != Scope::All {
            index.load(self.store).await?;
        }
        for link in busy {
            let creates = |side: Side| create_on(link, side).is_some();
            index.leave_alone(link.at.id, Pair::new(creates(Side::Source), creates(Side::Target)));
        }
        let context = self.context(Pair::default());
        let mut matcher = Matcher::new(self.spec, self.mapping, self.places);
        // A first run needs them in any case. If a limit ends it here, nothing that it has read is lost.
        if index.len() == 0 || self.options.after_restore || matcher.has_statuses() {
            self.learn_statuses().await?;
        }
        if self.options.after_restore {
            matcher = matcher.by_content(self.mapping);
        }
        let mut waiting = Waiting::default();
        let mut readings = match &self.options.scope {
            Scope::Items { side, ids } => {
                self.read_items(*side, ids, &matcher, &mut index, &mut waiting, report).await?
            }
            Scope::All | Scope::Links(_) => self.read(&matcher, &mut index, &mut waiting).await?,
        };
        for side in Side::BOTH {
            self.check_reader(side, readings.get_mut(side), &mut index, report).await?;
        }
        report.read = Pair::new(readings.source.observed.count, readings.target.observed.count);
        report.complete = Pair::new(readings.source.end.complete, readings.target.end.complete);
        report.links = index.len();
        let mut cursors: Vec<(Side, CursorState)> =
            Side::BOTH.into_iter().filter_map(|side| cursor_after(side, readings.get(side), now)).collect();
        // The counterparts of new items may be in the part of the other side that was not listed yet.
        let broken = |side: Side| readings.get(side).broken.is_some() && matcher.matches();
        let waits = Pair::new(broken(Side::Target), broken(Side::Source));
        let (listings, broken_off) = listings_after(&mut readings);
        let Pair { source, target } = readings;
        let mut unpaired = Pair::new(source.observed.unpaired, target.observed.unpaired);
        let kept = Pair::new(source.observed.kept, target.observed.kept);
        if index.is_idle() && self.is_plain() && !(report.complete.source || report.complete.target) {
            report.counts.unchanged = index.living();
            let doubtful = self.doubtful(Pair::new(true, true));
            return Ok(Prepared { work: Vec::new(), kept, cursors, listings, broken_off, doubtful });
        }
        index.load(self.store).await?;
        let mut again = FoundAgain::default();
        let mut ids = self.respelled(&mut index, &mut unpaired, report.complete).await?;
        self.look_for_absent(&mut index, &mut unpaired, &mut ids, report).await?;
        if !self.options.approved_items.is_empty() {
            for id in index.approve(&self.options.approved_items, report.complete) {
                report.add_not_gone(id);
            }
        }
        if self.options.after_restore {
            again = self.find_by_markers(&context, &index, &matcher, &mut unpaired, &kept, report).await?;
        }
        let mut matched = matching::pair(unpaired);
        if self.options.after_restore {
            self.pair_alike(&mut again, &mut matched).await?;
        }
        let doubtful = self.doubtful(again.left(&matched, report.complete));
        let reunited = again.reunited();
        matched.pairs.append(&mut again.pairs);
        let pairs = matched.pairs.len();
        matched.pairs.retain(|(source, _)| !waiting.doubts(source));
        report.counts.skipped += (pairs - matched.pairs.len()) as u64;
        for side in Side::BOTH {
            let singles = matched.singles.get_mut(side);
            let new = singles.len();
            singles.retain(|item| !waiting.has(item));
            report.counts.skipped += (new - singles.len()) as u64;
        }
        for side in Side::BOTH.into_iter().filter(|side| *waits.get(*side)) {
            let put_off = put_off(matched.singles.get_mut(side));
            if put_off > 0 {
                // The next run must meet them again.
                cursors.retain(|(of, _)| *of != side);
                report.counts.skipped += put_off;
            }
        }
        let work = self.work(&index, matched, &mut ids, doubtful, report);
        self.hold(&index, reunited, report).await?;
        let touched = work.iter().filter(|work| matches!(work, Work::Link { .. })).count() as u64;
        report.counts.unchanged = index.living().saturating_sub(touched);
        Ok(Prepared { work, kept, cursors, listings, broken_off, doubtful })
    }

    /// True if the run does nothing but what changes and due links ask for.
    fn is_plain(&self) -> bool {
        !self.options.after_restore && self.options.approved_items.is_empty()
    }

    /// Reads both sides: incrementally, or completely if matching needs it and cannot search.
    async fn read(
        &self,
        matcher: &Matcher<'_>,
        index: &mut LinkIndex,
        waiting: &mut Waiting,
    ) -> Result<Pair<Read>, RunError> {
        let mut readings = Pair::new(
            self.read_side(Side::Source, false, matcher, index).await?,
            self.read_side(Side::Target, false, matcher, index).await?,
        );
        if !matcher.matches() || !self.has_new_items(&readings) {
            return Ok(readings);
        }
        // The counterpart of a new item, or its duplicate, may be older than the cursor.
        for side in Side::BOTH {
            // Of a listing that was broken off, `put_off` takes care.
            if readings.get(side.other()).at_once || readings.get(side.other()).broken.is_some() {
                continue;
            }
            let reading = |side: Side| readings.get(side);
            let incremental = self.places.get(side).capabilities().incremental;
            let how = (incremental && reading(side).at_once, reading(side.other()).whole);
            let mut observed = Pair::new(&mut readings.source.observed, &mut readings.target.observed);
            match self.find_counterparts(side, how, matcher, &mut observed, index, waiting).await? {
                Search::Done => {}
                Search::ReadWhole => {
                    for side in Side::BOTH {
                        if readings.get(side).whole {
                            continue;
                        }
                        *readings.get_mut(side) = self.read_side(side, true, matcher, index).await?;
                    }
                    break;
                }
            }
        }
        Ok(readings)
    }

    async fn read_side(
        &self,
        side: Side,
        whole: bool,
        matcher: &Matcher<'_>,
        index: &mut LinkIndex,
    ) -> Result<Read, RunError> {
        let (mode, before) = self.read_mode(side, whole).await?;
        let whole = mode == ReadMode::Full;
        let earlier = if self.options.after_restore { None } else { self.store.listing(side).await? };
        // One of changes is no part of a whole one; a whole one comes to its end before changes are read again.
        let stored = earlier.is_some();
        let from = earlier.filter(|earlier| earlier.whole || !whole);
        let mode = if from.as_ref().is_some_and(|from| from.whole) { ReadMode::Full } else { mode };
        let whole = mode == ReadMode::Full;
        let at_once = whole && from.is_none();
        let (place, store) = (*self.places.get(side), self.store);
        let reading = observe::Reading { side, place, store, mode, from };
        let (observed, end, broken) = reading.observe(self.mapping, matcher, index, &self.call(side)).await?;
        let reader = before.as_ref().and_then(|before| before.reader.clone());
        Ok(Read {
            observed,
            end,
            whole,
            at_once: at_once && broken.is_none(),
            before,
            reader,
            stored,
            broken,
        })
    }

    /// A complete listing counts as one only if the same account as before read it, or if it lacks no item of a link.
    async fn check_reader(
        &self,
        side: Side,
        reading: &mut Read,
        index: &mut LinkIndex,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let place = *self.places.get(side);
        if !reading.end.complete || place.capabilities().snapshot {
            return Ok(());
        }
        let reader = place.reader(&self.call(side)).await.map_err(|error| RunError::Place { side, error })?;
        index.load(self.store).await?;
        let is_another = reading.reader.is_some() && reader.is_some() && reader != reading.reader;
        let lacks = || !index.unexplained(side).is_empty();
        if is_another && self.options.approved_deletes.is_none() && lacks() {
            reading.end.complete = false;
            report.add_other_reader(side, index.unexplained(side).len());
        } else if reader.is_some() {
            reading.reader = reader;
        }
        Ok(())
    }

    async fn read_mode(&self, side: Side, whole: bool) -> Result<(ReadMode, Option<CursorState>), RunError> {
        let capabilities = self.places.get(side).capabilities();
        if capabilities.snapshot && !capabilities.incremental {
            return Ok((ReadMode::Full, None));
        }
        let now = self.clock.now();
        let state = self.store.cursor(side).await?;
        if !capabilities.incremental {
            return Ok((ReadMode::Full, state));
        }
        let due = |state: &CursorState| {
            let age = state.last_full_at.map(|at| now - at);
            whole::is_due(self.spec.full_read, capabilities.remote, self.options.by_person, age)
        };
        let mode = match &state {
            Some(state) if !whole && !self.options.full && !self.options.after_restore && !due(state) => {
                state.cursor.clone().map(ReadMode::Since)
            }
            _ => None,
        };
        Ok((mode.unwrap_or(ReadMode::Full), state))
    }

    /// True if there are items to create or to pair.
    fn has_new_items(&self, readings: &Pair<Read>) -> bool {
        let unpaired = |side: Side| &readings.get(side).observed.unpaired;
        let creates = |side: Side| {
            self.spec.creates_on(side.other()) && unpaired(side).iter().any(|item| item.link.is_none())
        };
        let on_both = Side::BOTH.into_iter().all(|side| !unpaired(side).is_empty());
        on_both || Side::BOTH.into_iter().any(creates)
    }

    /// Lists links first, then new pairs, then new items.
    fn work(
        &self,
        index: &LinkIndex,
        matched: Matched,
        ids: &mut NewIds,
        doubtful: Pair<bool>,
        report: &mut Report,
    ) -> Vec<Work> {
        let complete = report.complete;
        let is_whole = self.options.scope == Scope::All;
        let taken: HashSet<i64> =
            matched.pairs.iter().flat_map(|(source, target)| [source.link, target.link]).flatten().collect();
        let absence = |position, side: Side| index.absence(position, side, complete);
        let link = |position| Work::Link {
            id: index.id(position),
            ids: ids.remove(&index.id(position)).unwrap_or_default(),
            absence: Pair::new(absence(position, Side::Source), absence(position, Side::Target)),
            may_remove: is_whole && index.may_remove(position, complete),
            weight: index.weight(position),
        };
        let mut work: Vec<Work> = index
            .work(complete)
            .into_iter()
            .filter(|position| !taken.contains(&index.id(*position)))
            .map(link)
            .collect();
        for (sources, targets) in &matched.ambiguous {
            report.add_ambiguous(&self.spec.match_on, sources, targets);
        }
        work.extend(matched.pairs.into_iter().map(|(source, target)| Work::Pair { source, target }));
        let Pair { source, target } = matched.singles;
        // If an item of either side may be the counterpart of one on the other, the source's items raise questions and
        // the target's wait.
        let target_waits = doubtful.source && !source.is_empty() && self.spec.creates_on(Side::Target);
        for (side, items) in [(Side::Source, source), (Side::Target, target)] {
            // A waiting link that is due is already in the list.
            let new = items.into_iter().filter(|item| item.link.is_none());
            if index.may_be_ours(side) || (side == Side::Target && target_waits) {
                // Creating it on the other side would duplicate an item that we created.
                report.counts.skipped += new.count() as u64;
            } else if self.spec.creates_on(side.other()) {
                work.extend(new.map(|item| Work::Single { side, item }));
            } else {
                report.counts.unlinked += new.count() as u64;
            }
        }
        work
    }

    /// Holds the run if more items are gone than the guard allows; after a restore, if any are. `reunited` counts links
    /// whose item was found under another id, by the side that lacked it.
    async fn hold(
        &self,
        index: &LinkIndex,
        reunited: Pair<u64>,
        report: &mut Report,
    ) -> Result<(), RunError> {
        if self.spec.delete_policy == DeletePolicy::Ignore || self.options.scope != Scope::All {
            return Ok(());
        }
        // What was not named stays.
        if !self.options.approved_items.is_empty() {
            return Ok(());
        }
        let missing = |side: Side| {
            let lost = || index.lost(side, report.complete).saturating_sub(*reunited.get(side));
            if self.spec.writes(side.other()) { lost() } else { 0 }
        };
        let (on_source, on_target) = (missing(Side::Source), missing(Side::Target));
        let (deletes, links) = (on_source + on_target, index.living());
        if deletes == 0 {
            return Ok(());
        }
        let recent = self.store.removed_since(self.store.now().await? - GUARDED).await?;
        let (after_restore, approved) = (self.options.after_restore, self.options.approved_deletes);
        let candidates: u64 = match self.spec.delete_policy {
            DeletePolicy::Delete => {
                let writable = |side: &Side| self.spec.writes(side.other());
                Side::BOTH
                    .into_iter()
                    .filter(writable)
                    .map(|side| index.unproved(side, report.complete))
                    .sum()
            }
            DeletePolicy::Ignore | DeletePolicy::Close | DeletePolicy::Archive => 0,
        };
        let held = match after_restore || candidates > 0 {
            true => deletes > approved.unwrap_or(0),
            false => is_held(&self.spec.delete_guard, deletes, recent, links, approved),
        };
        if held {
            report.held = Some(Held {
                deletes,
                recent,
                links,
                allowed: if after_restore { 0 } else { allowed(&self.spec.delete_guard, links + recent) },
                after_restore,
                unproved: candidates,
                missing_on_source: on_source,
                missing_on_target: on_target,
            });
        }
        Ok(())
    }

    /// A held run writes nothing to the platforms, but records which items were absent.
    pub(super) async fn mark_missing(
        &self,
        prepared: &mut Prepared,
        report: &mut Report,
    ) -> Result<(), RunError> {
        // One of the two items is missing, and the other one is not out of scope.
        let absent = |work: &Work| {
            let Work::Link { absence, .. } = work else { return false };
            let missing =
                Side::BOTH.map(|side| matches!(absence.get(side), Some(Absence::Missing | Absence::Gone)));
            let out = Side::BOTH.into_iter().any(|side| *absence.get(side) == Some(Absence::OutOfScope));
            missing[0] != missing[1] && !out
        };
        let work: Vec<Work> = prepared.work.iter().filter(|work| absent(work)).cloned().collect();
        for work in work.chunks(index::PAGE) {
            self.remember_absence(work).await?;
        }
        report.counts.skipped += prepared.work.len() as u64;
        Ok(())
    }
}

/// Takes out new items that have a key, and returns their number.
fn put_off(items: &mut Vec<Unpaired>) -> u64 {
    let before = items.len();
    items.retain(|item| item.link.is_some() || item.key.is_none());
    (before - items.len()) as u64
}

/// Where the sides' listings go on, and why one of them was broken off.
#[allow(clippy::type_complexity, reason = "two parts of `Prepared`")]
fn listings_after(
    readings: &mut Pair<Read>,
) -> (Vec<(Side, Option<BrokenListing>)>, Option<(Side, ConnectorError)>) {
    let (mut listings, mut broken_off) = (Vec::new(), None);
    for side in Side::BOTH {
        let reading = readings.get_mut(side);
        match reading.broken.take() {
            Some(BrokenOff { listing, error }) => {
                listings.push((side, Some(listing)));
                broken_off.get_or_insert((side, error));
            }
            None if reading.stored => listings.push((side, None)),
            None => {}
        }
    }
    (listings, broken_off)
}

/// The cursor with which a side's next incremental read starts.
fn cursor_after(side: Side, reading: &Read, now: DateTime<Utc>) -> Option<(Side, CursorState)> {
    let cursor = reading.end.cursor.clone();
    if cursor.is_none() && (reading.reader.is_none() || !reading.end.complete) {
        return None;
    }
    let before = reading.before.as_ref().and_then(|state| state.last_full_at);
    let last_full_at = if reading.whole { Some(now) } else { before };
    Some((side, CursorState { cursor, last_full_at, reader: reading.reader.clone() }))
}
