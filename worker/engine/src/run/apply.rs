//! Carries out a batch of plans: intent, write, record.

use std::{collections::HashMap, time::Duration};

use super::{
    Report, Run, RunError, Work,
    record::{Results, errors, is_old_news, written_item},
    retry::Refused,
};
use crate::{
    Item, Side, Value,
    mapping::Rule,
    merge::Decision,
    plan::{Action, ItemPlan, Op},
    ports::{
        Change, ConnectorError, ErrorKind, Intended, Intent, IntentOp, ItemStatus, LinkRef, OpKind, Recorded,
        Step, StoreError, Written,
    },
    side::Pair,
    value::{Fields, fields_to_json},
};

/// How to handle an item that was edited between our read and our write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stale {
    /// Read and decide it again.
    Again,
    /// Record it as failed; a later run tries again.
    Fails,
    /// As `Fails`, for an item that this run has tried before.
    Retried,
}

/// What a batch leaves for later in the run.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Links to read and decide again.
    pub(super) again: Vec<Work>,
    /// Items that a place refused.
    pub(super) refused: Vec<Refused>,
    /// Links of created items that have values to carry back to the copied items.
    pub(super) back: Vec<Work>,
}

impl Left {
    pub(super) fn add(&mut self, more: Left) {
        self.again.extend(more.again);
        self.refused.extend(more.refused);
        self.back.extend(more.back);
    }
}

/// The result of applying a batch.
#[derive(Debug)]
pub(super) enum Applied {
    /// The batch is carried out.
    Done(Left),
    /// Another run wrote one of its links since they were read. Nothing was sent or recorded.
    Outdated,
}

impl Run<'_> {
    /// Carries out a batch. `alone` is the number of requests before its items were read, if it has one item.
    pub(super) async fn apply(
        &self,
        plans: Vec<ItemPlan>,
        report: &mut Report,
        stale: Stale,
        alone: Option<u64>,
    ) -> Result<Applied, RunError> {
        let began = self.clock.now();
        let writing: Vec<usize> = (0..plans.len()).filter(|position| plans[*position].writes()).collect();
        let (refs, until) = match self.intend(&plans, &writing).await {
            Err(RunError::Store(StoreError::Outdated)) => return Ok(Applied::Outdated),
            refs => refs?,
        };
        let (sent, failed) = self.send(&plans, &writing, until).await;
        if !writing.is_empty() {
            self.observer.reached(Step::RemoteWritten).await;
        }
        let elapsed = (self.clock.now() - began).num_milliseconds().max(0) as u64;
        let share = elapsed / (plans.len() as u64).max(1);
        let mut records = Vec::with_capacity(plans.len());
        let mut left = Left::default();
        for (position, plan) in plans.iter().enumerate() {
            if is_idle(plan) {
                report.add_idle(plan);
                continue;
            }
            let results = sent.results(position);
            if let Some(error) = unknown(results) {
                // The intent stays open: the next run finds out what happened.
                count_writes(plan, results, report);
                report.counts.failed += 1;
                report.add_error(
                    plan.label(),
                    &format!("{error}; the next run finds out whether it was written"),
                );
                continue;
            }
            let mut record = self.record_of(plan, refs.get(&position).copied(), results);
            if stale == Stale::Retried {
                self.failed_once(plan, &mut record);
            }
            record.duration_ms = share;
            record.calls = alone.map_or_else(|| sent.calls(position), |before| self.meter.since(before));
            if let Some(link) = record.link {
                record.calls = record.calls.saturating_add(self.meter.kept(link.id));
            }
            let outdated = results.values().any(|result| refusal(result) == Some(ErrorKind::Conflict));
            // A limit or a dead token in the middle of an item is like one before it.
            if results
                .values()
                .any(|result| !matches!(result, Written::Refused(_)) && result.stopper().is_some())
            {
                self.keep_in_line(plan, &mut record);
                count_writes(plan, results, report);
            } else if let Some(link) = record.link.filter(|_| outdated && stale == Stale::Again) {
                record.error_count = record.error_count.saturating_sub(1);
                self.meter.keep(link.id, record.calls);
                left.again.push(Work::link(link.id, weight_of(plan), plan.facts.may_remove));
                count_writes(plan, results, report);
            } else if let Some(refused) = Refused::of(plan, &record, results, weight_of(plan)) {
                self.meter.keep(refused.link, record.calls);
                left.refused.push(refused);
                count_writes(plan, results, report);
            } else if let Some(link) = record.link.filter(|_| self.has_more_to_carry(plan, results)) {
                self.meter.keep(link.id, record.calls);
                left.back.push(Work::link(link.id, weight_of(plan), false));
                count_writes(plan, results, report);
            } else {
                count(plan, results, &record, report);
            }
            if !is_old_news(plan, &record) {
                records.push(record);
            }
        }
        if !records.is_empty() {
            match self.store.record(&records).await {
                Err(StoreError::Outdated) if writing.is_empty() => return Ok(Applied::Outdated),
                recorded => recorded?,
            }
            self.observer.reached(Step::BaseAdvanced).await;
        }
        failed.map_or(Ok(Applied::Done(left)), Err)
    }

    /// Records the intents of the writes. Returns the links, keyed by position, and until when the writes may be sent.
    async fn intend(
        &self,
        plans: &[ItemPlan],
        writing: &[usize],
    ) -> Result<(HashMap<usize, LinkRef>, Duration), RunError> {
        if writing.is_empty() {
            return Ok((HashMap::new(), Duration::ZERO));
        }
        let (until, deadline) = self.deadline().await?;
        let intended: Vec<Intended> =
            writing.iter().map(|position| self.intended(&plans[*position], deadline)).collect();
        let refs = self.store.intend(&intended).await?;
        self.observer.reached(Step::IntentCommitted).await;
        Ok((writing.iter().copied().zip(refs).collect(), until))
    }

    fn intended(&self, plan: &ItemPlan, deadline: chrono::DateTime<chrono::Utc>) -> Intended {
        let id = |side: Side| {
            let linked = plan.facts.link.as_ref().and_then(|link| link.ids.get(side).clone());
            linked.or_else(|| plan.facts.seen.get(side).item().map(|item| item.id.clone()))
        };
        Intended {
            link: plan.facts.link.as_ref().map(|link| link.at),
            ids: Pair::new(id(Side::Source), id(Side::Target)),
            intent: Intent { ops: plan.ops.iter().map(|op| self.intent_op(plan, op)).collect(), deadline },
            changes: if self.spec.enable_audit { changes(plan) } else { Vec::new() },
        }
    }

    fn intent_op(&self, plan: &ItemPlan, op: &Op) -> IntentOp {
        let before: Fields = op.fields.iter().map(|f| (f.field.clone(), f.before.clone())).collect();
        let after: Fields = op.fields.iter().map(|f| (f.field.clone(), f.after.clone())).collect();
        let other = op.side.other();
        // A value that a person chose for both sides comes from neither. Recovery then leaves the bases as they are, and
        // the choice, which is still on record, is carried out to its end.
        let sent = |(rule, decision): &(&Rule, &Decision)| {
            after.contains_key(rule.field.get(op.side)) && !matches!(decision, Decision::Set { .. })
        };
        let value = |rule: &Rule| plan.now.get(other).get(rule.field.get(other)).cloned();
        let origin: Fields = self
            .mapping
            .rules
            .iter()
            .zip(&plan.decisions)
            .filter(sent)
            .filter_map(|(rule, _)| Some((rule.field.get(op.side).clone(), value(rule)?)))
            .collect();
        IntentOp {
            side: op.side,
            kind: op.kind,
            how: op.how,
            id: op.id.clone(),
            marker: op.marker.as_ref().map(|marker| marker.text.clone()),
            before: fields_to_json(&before),
            after: fields_to_json(&after),
            origin: fields_to_json(&origin),
        }
    }

    fn has_more_to_carry(&self, plan: &ItemPlan, results: &Results) -> bool {
        let Action::Create(side) = plan.action else { return false };
        written_item(results, side).is_some_and(|new| self.carries_back(plan, side, new))
    }
}

/// The error of a write whose outcome is unknown, if there is one.
fn unknown(results: &Results) -> Option<&ConnectorError> {
    results.values().find_map(|result| match result {
        Written::Unknown(error) => Some(error),
        Written::Done(_) | Written::Refused(_) | Written::NotSent(_) => None,
    })
}

/// The kind of a refusal.
pub(super) fn refusal(result: &Written) -> Option<ErrorKind> {
    if let Written::Refused(error) = result { Some(error.kind) } else { None }
}

/// True if there is nothing to write and nothing to record.
fn is_idle(plan: &ItemPlan) -> bool {
    plan.action == Action::Leave && plan.facts.link.is_none()
}

/// The audit trail of a plan: a row per changed field, or one for a whole item created or deleted.
fn changes(plan: &ItemPlan) -> Vec<Change> {
    let mut changes = Vec::new();
    for op in &plan.ops {
        let whole =
            |fields: Fields| Value::Object(fields.into_iter().filter(|(_, v)| !v.is_blank()).collect());
        let rule = || op.fields.first().map_or_else(|| op.how.done().to_owned(), |field| field.rule.clone());
        match op.kind {
            OpKind::Create => {
                let after = op.fields.iter().map(|f| (f.field.clone(), f.after.clone())).collect();
                changes.push(Change {
                    side: op.side,
                    field: None,
                    before: Value::Null,
                    after: whole(after),
                    rule: rule(),
                });
            }
            OpKind::Delete => {
                let before = whole(plan.now.get(op.side).clone());
                changes.push(Change { side: op.side, field: None, before, after: Value::Null, rule: rule() });
            }
            OpKind::Update => changes.extend(op.fields.iter().map(|field| Change {
                side: op.side,
                field: Some(field.field.clone()),
                before: field.before.clone(),
                after: field.after.clone(),
                rule: field.rule.clone(),
            })),
        }
    }
    changes
}

/// Approximate size of a plan's items in bytes.
fn weight_of(plan: &ItemPlan) -> usize {
    Side::BOTH.into_iter().filter_map(|side| plan.facts.seen.get(side).item()).map(Item::weight).sum()
}

fn count_writes(plan: &ItemPlan, results: &Results, report: &mut Report) {
    let written = plan.ops.iter().filter(|op| results.get(&op.side).is_some_and(Written::is_done));
    report.counts.add_writes(written.map(|op| op.kind));
}

fn count(plan: &ItemPlan, results: &Results, record: &Recorded, report: &mut Report) {
    count_writes(plan, results, report);
    report.add_notes(plan);
    report.counts.add_absence(plan);
    report.left_for_whole_run +=
        u64::from(matches!(plan.action, Action::MarkMissing(_)) && !plan.facts.may_remove);
    let open = record.conflicts.iter().filter(|conflict| conflict.resolution.is_none()).count() as u64;
    // An item left alone because an earlier conflict in it is still open.
    let left_alone = record.status == ItemStatus::Conflict && open == 0;
    report.counts.add_status(if left_alone { ItemStatus::Skipped } else { record.status });
    report.counts.conflicts += open;
    report.counts.resolved += record.conflicts.len() as u64 - open;
    if record.status == ItemStatus::Failed {
        for error in errors(plan, results) {
            report.add_error(plan.label(), &error);
        }
    }
}
