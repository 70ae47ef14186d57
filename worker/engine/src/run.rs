//! One run of a sync: recover, read both sides, plan, apply, save cursors.

mod apply;
mod batch;
mod index;
mod matching;
mod observe;
mod record;
mod recover;
mod report;

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    Item, Side,
    guard::{Held, allowed, is_held},
    mapping::Mapping,
    plan::{Context, ItemPlan},
    ports::{
        Clock, Connector, ConnectorError, CursorState, Leave, ListingEnd, Observer, ReadMode, Step, Store,
        StoreError,
    },
    side::Pair,
    spec::{DeletePolicy, SyncSpec},
};
use index::LinkIndex;
use matching::{Matcher, Unpaired};

pub use report::{Counts, ItemError, Report};

/// One run of one sync.
pub struct Run<'a> {
    /// The sync.
    pub spec: &'a SyncSpec,
    /// Its mapping, compiled.
    pub mapping: &'a Mapping,
    /// Its two places.
    pub connectors: Pair<&'a dyn Connector>,
    /// Where its links are kept.
    pub store: &'a dyn Store,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Leave to go on.
    pub leave: &'a dyn Leave,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// What was asked for.
    pub options: Options,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Read both sides whole, whatever the cursors say.
    pub full: bool,
    /// A side read incrementally is read whole once in this time, because only that shows deletes.
    pub full_every: TimeDelta,
    /// Act on an absence at once instead of at the second complete listing.
    pub confirm_deletes: bool,
    /// How many deletes an operator has agreed to, past the guard.
    pub approved_deletes: Option<u64>,
    /// Try failed items again now, whatever their waiting time.
    pub retry_now: bool,
    /// Deal with these links only, without listing anything.
    pub only: Option<Vec<i64>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            full: true,
            full_every: TimeDelta::hours(1),
            confirm_deletes: false,
            approved_deletes: None,
            retry_now: true,
            only: None,
        }
    }
}

/// Why a run did not come to its end. What was written until then is recorded; a later run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A platform.
    #[error("{side}: {error}")]
    Connector {
        /// Which side.
        side: Side,
        /// What it said.
        #[source]
        error: ConnectorError,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A write of an earlier attempt may still be on its way.
    #[error("an earlier attempt may still be writing until {0}")]
    NotBefore(DateTime<Utc>),
}

/// A piece of work: what is read and planned together.
#[derive(Debug, Clone)]
enum Work {
    /// A link to look at; which of its items a complete listing lacked.
    Link { id: i64, absent: Pair<bool> },
    /// Two items to be paired.
    Pair { source: Unpaired, target: Unpaired },
    /// An item whose counterpart is to be created.
    Single { side: Side, item: Unpaired },
}

impl Work {
    /// A link to look at, of which nothing is known to be absent.
    fn link(id: i64) -> Work {
        Work::Link { id, absent: Pair::new(false, false) }
    }
}

impl Run<'_> {
    /// Carries the run out.
    pub async fn execute(&self) -> Result<Report, RunError> {
        let mut report = Report::default();
        // Until these are settled, open intents may be those of a sender that is still at work.
        self.recover(&mut report).await?;
        let done = self.execute_into(&mut report).await;
        if done.is_err() {
            // An orderly end: nothing more is sent, so a successor need not wait for the deadline.
            let _ = self.store.release_intents().await;
        }
        done.map(|()| report)
    }

    /// What a run would do now, and nothing else. `show` is given each plan that does something.
    pub async fn preview(&self, show: &mut (dyn FnMut(&ItemPlan) + Send)) -> Result<Report, RunError> {
        let mut report = Report::default();
        let mut prepared = self.prepare(&mut report).await?;
        let context = self.context();
        for work in prepared.work.chunks(self.batch_size()) {
            for plan in self.plan_batch(&context, work, &mut prepared.kept, &mut report).await? {
                report.counts.add_planned(&plan);
                show(&plan);
            }
        }
        Ok(report)
    }

    async fn execute_into(&self, report: &mut Report) -> Result<(), RunError> {
        let mut prepared = self.prepare(report).await?;
        if report.held.is_some() {
            return self.mark_missing(&mut prepared, report).await;
        }
        let total = prepared.work.len() as u64;
        let context = self.context();
        let mut again = Vec::new();
        let mut done = 0;
        for work in prepared.work.chunks(self.batch_size()) {
            self.leave.check().map_err(StoreError::from)?;
            let plans = self.plan_batch(&context, work, &mut prepared.kept, report).await?;
            again.extend(self.apply(&context, plans, report, apply::Stale::Again).await?);
            done += work.len() as u64;
            self.observer.progress(done, total);
        }
        // What somebody edited between our read and our write is read and decided once more; then it is next run's.
        for work in again.chunks(self.batch_size()) {
            let plans = self.plan_batch(&context, work, &mut Pair::default(), report).await?;
            self.apply(&context, plans, report, apply::Stale::Fails).await?;
        }
        if !prepared.cursors.is_empty() {
            self.store.save_cursors(&prepared.cursors).await?;
            self.observer.reached(Step::CursorSaved).await;
        }
        Ok(())
    }

    fn context(&self) -> Context<'_> {
        Context {
            spec: self.spec,
            mapping: self.mapping,
            capabilities: Pair::new(
                self.connectors.source.capabilities(),
                self.connectors.target.capabilities(),
            ),
            now: self.clock.now(),
            confirm_deletes: self.options.confirm_deletes,
        }
    }

    /// Items handled together: what the document says, or else more where a place rewrites itself whole.
    fn batch_size(&self) -> usize {
        let wanted = |side: Side| {
            let capabilities = self.connectors.get(side).capabilities();
            if capabilities.prefers_large_batches { capabilities.write_batch } else { 1 }
        };
        let usual = || SyncSpec::DEFAULT_BATCH_SIZE as usize;
        match self.spec.batch_size {
            Some(size) => size as usize,
            None => usual().max(wanted(Side::Source)).max(wanted(Side::Target)),
        }
    }

    /// Reads both sides and lists the work.
    async fn prepare(&self, report: &mut Report) -> Result<Prepared, RunError> {
        if let Some(only) = &self.options.only {
            let work = only.iter().map(|id| Work::link(*id)).collect();
            return Ok(Prepared { work, kept: Pair::default(), cursors: Vec::new() });
        }
        let now = self.clock.now();
        let mut index =
            LinkIndex::load(self.store, self.mapping.revision, self.options.retry_now, now).await?;
        let context = self.context();
        let matcher = Matcher::new(self.spec, self.mapping, context.capabilities);
        let mut kept: Pair<HashMap<String, Item>> = Pair::default();
        let mut unpaired: Pair<Vec<Unpaired>> = Pair::default();
        let mut ends = Vec::new();
        let mut cursors = Vec::new();
        for side in Side::BOTH {
            let connector = *self.connectors.get(side);
            let (mode, before) = self.read_mode(side, now).await?;
            let full = mode == ReadMode::Full;
            let (observed, end) =
                observe::observe(side, connector, mode, self.mapping, &matcher, &mut index).await?;
            *report.read.get_mut(side) = observed.count;
            report.counts.api_calls += end.calls;
            *unpaired.get_mut(side) = observed.unpaired;
            *kept.get_mut(side) = observed.kept;
            if let Some(cursor) = end.cursor.clone() {
                let last_full_at = if full { Some(now) } else { before.and_then(|state| state.last_full_at) };
                cursors.push((side, CursorState { cursor: Some(cursor), last_full_at }));
            }
            ends.push(end);
        }
        let ends = both(ends);
        report.complete = observe::complete(&ends);
        report.links = index.len() as u64;
        let work = self.work(&index, report.complete, unpaired, report);
        self.hold(&index, report);
        let touched = work.iter().filter(|work| matches!(work, Work::Link { .. })).count() as u64;
        report.counts.unchanged = index.living().saturating_sub(touched);
        Ok(Prepared { work, kept, cursors })
    }

    async fn read_mode(
        &self,
        side: Side,
        now: DateTime<Utc>,
    ) -> Result<(ReadMode, Option<CursorState>), RunError> {
        if !self.connectors.get(side).capabilities().incremental {
            return Ok((ReadMode::Full, None));
        }
        let state = self.store.cursor(side).await?;
        let due =
            |state: &CursorState| state.last_full_at.is_none_or(|at| now - at >= self.options.full_every);
        let mode = match &state {
            Some(state) if !self.options.full && !due(state) => state.cursor.clone().map(ReadMode::Since),
            _ => None,
        };
        Ok((mode.unwrap_or(ReadMode::Full), state))
    }

    /// Links to look at first, then new pairs, then new items.
    fn work(
        &self,
        index: &LinkIndex,
        complete: Pair<bool>,
        unpaired: Pair<Vec<Unpaired>>,
        report: &mut Report,
    ) -> Vec<Work> {
        let matched = matching::pair(unpaired);
        let taken: std::collections::HashSet<i64> =
            matched.pairs.iter().flat_map(|(source, target)| [source.link, target.link]).flatten().collect();
        let absent = |position, side: Side| *complete.get(side) && index.is_absent(position, side);
        let link = |position| Work::Link {
            id: index.id(position),
            absent: Pair::new(absent(position, Side::Source), absent(position, Side::Target)),
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
        for (side, items) in [(Side::Source, source), (Side::Target, target)] {
            // A waiting link is in the list already, if it is due.
            let new = items.into_iter().filter(|item| item.link.is_none());
            if self.spec.creates_on(side.other()) {
                work.extend(new.map(|item| Work::Single { side, item }));
            } else {
                report.counts.unlinked += new.count() as u64;
            }
        }
        work
    }

    /// Holds the run when more items are gone than the guard lets pass.
    fn hold(&self, index: &LinkIndex, report: &mut Report) {
        if self.spec.delete_policy == DeletePolicy::Ignore {
            return;
        }
        let missing = |side: Side| {
            if self.spec.writes(side.other()) { index.lost(side, report.complete) } else { 0 }
        };
        let (on_source, on_target) = (missing(Side::Source), missing(Side::Target));
        let (deletes, links) = (on_source + on_target, index.living());
        if deletes > 0 && is_held(&self.spec.delete_guard, deletes, links, self.options.approved_deletes) {
            report.held = Some(Held {
                deletes,
                links,
                allowed: allowed(&self.spec.delete_guard, links),
                missing_on_source: on_source,
                missing_on_target: on_target,
            });
        }
    }

    /// A held run writes nothing, but remembers what was absent.
    async fn mark_missing(&self, prepared: &mut Prepared, report: &mut Report) -> Result<(), RunError> {
        let absent =
            |work: &Work| matches!(work, Work::Link { absent, .. } if absent.source != absent.target);
        let work: Vec<Work> = prepared.work.iter().filter(|work| absent(work)).cloned().collect();
        for work in work.chunks(index::PAGE) {
            self.remember_absence(work).await?;
        }
        report.counts.skipped += prepared.work.len() as u64;
        Ok(())
    }
}

/// What is to be done, with the items kept from the listings.
struct Prepared {
    work: Vec<Work>,
    kept: Pair<HashMap<String, Item>>,
    cursors: Vec<(Side, CursorState)>,
}

fn both(mut ends: Vec<ListingEnd>) -> Pair<ListingEnd> {
    let nothing = ListingEnd { complete: false, cursor: None, calls: 0 };
    let target = ends.pop().unwrap_or_else(|| nothing.clone());
    Pair::new(ends.pop().unwrap_or(nothing), target)
}
