//! Retries refused writes within the run: a place may have refused them only because of their order.

use std::collections::HashMap;

use super::{
    Report, Run, RunError, Work,
    apply::{Stale, refusal},
    batches,
    record::{Results, errors, retry_at},
};
use crate::{
    Item,
    plan::{Context, ItemPlan},
    ports::{ErrorKind, ItemStatus, Recorded, Written},
    side::Pair,
};

/// Most passes over refused items. Each pass must write something for another to follow.
const PASSES: usize = 16;

/// An item that a place refused, set aside until the rest is written.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) link: i64,
    /// The item's name for people.
    pub(super) item: String,
    /// Why it could not be carried out.
    pub(super) errors: Vec<String>,
    pub(super) conflicts: u64,
    /// Conflicts that the run resolved.
    pub(super) resolved: u64,
    /// Approximate size of its items in bytes.
    pub(super) weight: usize,
    /// The delete guard has counted the link.
    pub(super) may_remove: bool,
}

impl Refused {
    /// The item of a plan, if a place refused one of its writes and may accept it later in the run.
    pub(super) fn of(
        plan: &ItemPlan,
        record: &Recorded,
        results: &Results,
        weight: usize,
    ) -> Option<Refused> {
        let refused = |result: &Written| refusal(result) == Some(ErrorKind::Permanent);
        let link = record.link.filter(|_| results.values().any(refused))?;
        let open = record.conflicts.iter().filter(|conflict| conflict.resolution.is_none()).count();
        Some(Refused {
            link: link.id,
            item: plan.label().to_owned(),
            errors: errors(plan, results),
            conflicts: open as u64,
            resolved: (record.conflicts.len() - open) as u64,
            weight,
            may_remove: plan.facts.may_remove,
        })
    }
}

impl Run<'_> {
    /// Retries refused items as long as some are accepted: a unique value may have become free, a referenced row may
    /// have arrived. They are sent together, so that the place sees rows that depend on each other. Returns the links
    /// of created items that have values to carry back.
    pub(super) async fn try_refused_again(
        &self,
        context: &Context<'_>,
        mut refused: Vec<Refused>,
        report: &mut Report,
    ) -> Result<Vec<Work>, RunError> {
        let mut back = Vec::new();
        let written = |report: &Report| report.counts.created + report.counts.updated + report.counts.deleted;
        let mut before = 0;
        for _ in 0..PASSES {
            if refused.is_empty() || written(report) == before {
                break;
            }
            before = written(report);
            let work: Vec<Work> = refused
                .drain(..)
                .map(|refused| Work::link(refused.link, refused.weight, refused.may_remove))
                .collect();
            for work in batches(&work, self.retry_size()) {
                let mut kept: Pair<HashMap<String, Item>> = Pair::default();
                let left = self.plan_and_apply(context, work, &mut kept, report, Stale::Retried).await?;
                refused.extend(left.refused);
                back.extend(left.back);
            }
        }
        refused.iter().for_each(|refused| report.add_refused(refused));
        Ok(back)
    }

    /// As many items as both places accept in one call.
    fn retry_size(&self) -> usize {
        let takes = |connector: &dyn crate::ports::Place| connector.capabilities().update_batch;
        takes(self.places.source).min(takes(self.places.target)).max(self.batch_size())
    }

    /// A write retried within a run counts as one failure, however often it is refused.
    pub(super) fn failed_once(&self, plan: &ItemPlan, record: &mut Recorded) {
        if record.status == ItemStatus::Failed {
            record.error_count = plan.facts.link.as_ref().map_or(1, |link| link.error_count.max(1));
            record.retry_at = Some(retry_at(self.clock.now(), record.error_count));
        }
    }
}
