//! One run of a sync: recover, read both sides, plan, apply, save cursors.

mod absent;
mod apply;
mod audience;
mod batch;
mod find;
mod halfway;
mod index;
mod items;
mod keys;
mod left_out;
mod lost;
mod matching;
mod observe;
mod prepare;
mod recheck;
mod record;
mod recover;
mod report;
mod respelled;
mod restored;
mod retry;
mod send;
mod whole;

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::{
    Item, Side,
    mapping::Mapping,
    plan::{Context, ItemPlan},
    ports::{
        Call, Clock, ConnectorError, Gate, Leave, Link, Meter, Observer, Place, Step, Store, StoreError,
    },
    side::Pair,
    spec::SyncSpec,
};
use apply::{Applied, Left, Stale};
use matching::Unpaired;

/// Most bytes of the items in a batch. Plans, intents, writes and records each contain their values again.
const BATCH_BYTES: usize = 3 << 19;

/// How often a batch is planned before the run gives up because other runs keep writing its links.
const PLANS: usize = 4;

pub use report::{Counts, ItemError, Report};

pub struct Run<'a> {
    pub spec: &'a SyncSpec,
    pub mapping: &'a Mapping,
    pub places: Pair<&'a dyn Place>,
    /// What lets the requests to the places pass; the two places may belong to two accounts.
    pub gates: Pair<&'a dyn Gate>,
    pub store: &'a dyn Store,
    pub clock: &'a dyn Clock,
    pub leave: &'a dyn Leave,
    pub observer: &'a dyn Observer,
    /// Counts the requests to both places; `Counts::api_calls` is copied from it.
    pub meter: &'a Meter,
    pub options: Options,
}

/// What the caller of a run asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Read both sides completely, ignoring the cursors.
    pub full: bool,
    /// A person or a program asked for this run; a schedule did not.
    pub by_person: bool,
    /// Act on a missing item at once instead of at the second complete listing.
    pub confirm_deletes: bool,
    /// The number of deletes that an operator has approved, beyond the guard.
    pub approved_deletes: Option<u64>,
    /// Items whose deletes an operator has approved, by the id of either item of their links. Only these are removed, and
    /// the others, which stay, do not hold the run. Empty: none was named.
    pub approved_items: Vec<String>,
    /// Retry failed items now, ignoring their backoff.
    pub retry_now: bool,
    pub scope: Scope,
    /// The links come from a backup and are older than the two places. Every delete needs approval; existing items are
    /// found again instead of created twice; if an old base cannot tell an edit from an echo, a person decides.
    pub after_restore: bool,
}

/// What a run is about. Only a run of all removes anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    All,
    /// These links. Nothing is listed.
    Links(Vec<i64>),
    /// These items of one side, with or without a link. Nothing is listed; the counterparts of new ones are searched for.
    Items { side: Side, ids: Vec<String> },
}

impl Default for Options {
    fn default() -> Self {
        Self {
            full: true,
            by_person: false,
            confirm_deletes: false,
            approved_deletes: None,
            approved_items: Vec::new(),
            retry_now: true,
            scope: Scope::All,
            after_restore: false,
        }
    }
}

/// Why a run did not finish. What it wrote is recorded; a later run continues from there.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A call to a platform failed.
    #[error("{side}: {error}")]
    Place {
        side: Side,
        #[source]
        error: ConnectorError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A write of an earlier attempt may still be under way.
    #[error("an earlier attempt may still be writing until {0}")]
    NotBefore(DateTime<Utc>),
}

/// Why an item was not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// A complete listing lacks it, and the place does not show it by id either.
    Missing,
    /// The platform says that it was deleted.
    Gone,
    /// It exists outside what the place lists.
    OutOfScope,
}

/// A piece of work: what is read and planned together.
#[derive(Debug, Clone)]
enum Work {
    /// A link to process: the ids of its items if they changed, what is known of items that are not to be read, whether
    /// the delete guard has counted it, and the approximate size of the items in bytes.
    Link {
        id: i64,
        ids: Pair<Option<String>>,
        absence: Pair<Option<Absence>>,
        may_remove: bool,
        weight: usize,
    },
    /// Two items to pair.
    Pair { source: Unpaired, target: Unpaired },
    /// An item whose counterpart is created.
    Single { side: Side, item: Unpaired },
}

impl Work {
    /// A link to process, without items known to be absent.
    fn link(id: i64, weight: usize, may_remove: bool) -> Work {
        Work::Link { id, ids: Pair::default(), absence: Pair::default(), may_remove, weight }
    }

    /// Approximate size of its items in bytes.
    fn weight(&self) -> usize {
        match self {
            Work::Link { weight, .. } => *weight,
            Work::Pair { source, target } => source.weight + target.weight,
            Work::Single { item, .. } => item.weight,
        }
    }
}

/// Cuts work into batches of at most `count` pieces, and of `BATCH_BYTES` unless a single piece is larger.
fn batches(mut work: &[Work], count: usize) -> impl Iterator<Item = &[Work]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |piece: &&Work| {
            bytes += piece.weight();
            bytes <= BATCH_BYTES
        };
        let length = work.iter().take(count.max(1)).take_while(fits).count().max(1).min(work.len());
        let (batch, rest) = work.split_at(length);
        work = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

impl Run<'_> {
    pub async fn execute(&self) -> Result<Report, RunError> {
        let mut report = Report::default();
        // Until recovery has closed the open intents, their sender may still be writing.
        let busy = self.recover().await?;
        let done = self.execute_into(&busy, &mut report).await;
        if done.is_err() {
            // The run ends in order and sends nothing more, so its successor need not wait for the deadline.
            if let Ok(now) = self.store.now().await {
                let _ = self.store.move_deadline(now).await;
            }
        }
        report.counts.api_calls = self.meter.requests();
        done.map(|()| report)
    }

    /// The context of the next call to the place of a side.
    fn call(&self, side: Side) -> Call<'_> {
        Call::new(self.leave, *self.gates.get(side), self.meter, self.clock.now())
    }

    /// Plans without writing. `show` receives each plan that does something.
    pub async fn preview(&self, show: &mut (dyn FnMut(&ItemPlan) + Send)) -> Result<Report, RunError> {
        let mut report = Report::default();
        let mut prepared = self.prepare(&[], &mut report).await?;
        if !prepared.work.is_empty() {
            self.learn_statuses().await?;
        }
        let context = self.context(prepared.doubtful);
        for work in batches(&prepared.work, self.batch_size()) {
            for plan in self.plan_batch(&context, work, &mut prepared.kept).await? {
                report.counts.add_planned(&plan);
                show(&plan);
            }
        }
        report.counts.api_calls = self.meter.requests();
        Ok(report)
    }

    async fn execute_into(&self, busy: &[Link], report: &mut Report) -> Result<(), RunError> {
        let mut prepared = self.prepare(busy, report).await?;
        if report.held.is_some() {
            return self.mark_missing(&mut prepared, report).await;
        }
        let total = prepared.work.len() as u64;
        // A poll that finds nothing asks nothing.
        if total > 0 || report.complete.source || report.complete.target {
            self.check_audience().await?;
        }
        if total > 0 {
            self.learn_statuses().await?;
        }
        let context = self.context(prepared.doubtful);
        let mut left = Left::default();
        let mut done = 0;
        for work in batches(&prepared.work, self.batch_size()) {
            self.leave.check().map_err(StoreError::from)?;
            let more = self.plan_and_apply(&context, work, &mut prepared.kept, report, Stale::Again).await?;
            left.add(more);
            done += work.len() as u64;
            self.observer.progress(done, total);
        }
        // An item edited between our read and our write is read and decided once more; after that the next run takes
        // it.
        for work in batches(&std::mem::take(&mut left.again), self.batch_size()) {
            left.add(self.plan_and_apply(&context, work, &mut Pair::default(), report, Stale::Fails).await?);
        }
        let back = self.try_refused_again(&context, left.refused, report).await?;
        left.back.extend(back);
        for work in batches(&left.back, self.batch_size()) {
            let more =
                self.plan_and_apply(&context, work, &mut Pair::default(), report, Stale::Fails).await?;
            more.refused.iter().for_each(|refused| report.add_refused(refused));
        }
        // Only now are the items recorded that a later listing does not show again.
        for (side, listing) in &prepared.listings {
            self.store.save_listing(*side, listing.as_ref()).await?;
        }
        if !prepared.cursors.is_empty() {
            self.store.save_cursors(&prepared.cursors).await?;
            self.observer.reached(Step::CursorSaved).await;
        }
        match prepared.broken_off {
            // The run is to be continued.
            Some((side, error)) => Err(RunError::Place { side, error }),
            None => Ok(()),
        }
    }

    /// Plans a batch and carries it out. Starts again if another run wrote one of its links in between and nothing was
    /// sent yet: runs of single items may run beside one of the whole sync.
    async fn plan_and_apply(
        &self,
        context: &Context<'_>,
        work: &[Work],
        kept: &mut Pair<HashMap<String, Item>>,
        report: &mut Report,
        stale: Stale,
    ) -> Result<Left, RunError> {
        let before = report.clone();
        // The requests of a batch of one are all for its link.
        let alone = (work.len() == 1).then(|| self.meter.requests());
        for _ in 1..PLANS {
            let plans = self.plan_batch(context, work, kept).await?;
            match self.apply(plans, report, stale, alone).await? {
                Applied::Done(left) => return Ok(left),
                // Its items are read again as well.
                Applied::Outdated => *report = before.clone(),
            }
        }
        let plans = self.plan_batch(context, work, kept).await?;
        match self.apply(plans, report, stale, alone).await? {
            Applied::Done(left) => Ok(left),
            Applied::Outdated => Err(StoreError::Outdated.into()),
        }
    }

    /// Asks the places which statuses they have, if a field holds statuses and they were not asked yet. A poll that finds
    /// nothing needs none of them.
    async fn learn_statuses(&self) -> Result<(), RunError> {
        for side in Side::BOTH {
            let fields: Vec<String> = self.mapping.fields_with_statuses(side).map(str::to_owned).collect();
            for field in fields {
                let own = self.places.get(side).statuses(&field, &self.call(side)).await;
                let own = own.map_err(|error| RunError::Place { side, error })?;
                self.mapping.learn_statuses(side, &field, own);
            }
        }
        Ok(())
    }

    /// The context of every item's plan; `doubtful` as in [`Context`].
    fn context(&self, doubtful: Pair<bool>) -> Context<'_> {
        Context {
            spec: self.spec,
            mapping: self.mapping,
            places: self.places,
            now: self.clock.now(),
            confirm_deletes: self.options.confirm_deletes,
            after_restore: self.options.after_restore,
            doubtful,
        }
    }

    /// Items processed together: the document's number, or else more if a place rewrites itself as a whole.
    fn batch_size(&self) -> usize {
        let wanted = |side: Side| {
            let capabilities = self.places.get(side).capabilities();
            if capabilities.prefers_large_batches { capabilities.create_batch } else { 1 }
        };
        let usual = || SyncSpec::DEFAULT_BATCH_SIZE as usize;
        match self.spec.batch_size {
            Some(size) => size as usize,
            None => usual().max(wanted(Side::Source)).max(wanted(Side::Target)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_ends_by_count_and_by_bytes() {
        let sizes = |work: &[Work], count| batches(work, count).map(<[Work]>::len).collect::<Vec<_>>();
        let work = |weights: &[usize]| -> Vec<Work> {
            weights.iter().map(|weight| Work::link(1, *weight, false)).collect()
        };
        assert_eq!(sizes(&work(&[1; 7]), 3), [3, 3, 1]);
        let half = BATCH_BYTES / 2;
        assert_eq!(sizes(&work(&[half, half, 1, 2 * BATCH_BYTES, 1]), 50), [2, 1, 1, 1]);
        assert_eq!(sizes(&[], 3), [] as [usize; 0]);
    }
}
