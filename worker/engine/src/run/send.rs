//! Sends the writes of a batch.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Run, RunError, record::Results};
use crate::{
    Item, Side,
    capability::Capabilities,
    plan::{FieldWrite, ItemPlan, Op},
    ports::{
        Call, Clock, ConnectorError, Done, ErrorKind, ErrorScope, Found, ItemStatus, Leave, Marker, OpKind,
        Recorded, Stopped, StoreError, Write, WriteOp, Written,
    },
    value::Fields,
};

/// The outcomes of a batch's writes, keyed by the position of their plan.
#[derive(Default)]
pub(super) struct Sent {
    results: HashMap<usize, Results>,
    /// Requests made for the writes of one plan alone.
    calls: HashMap<usize, u32>,
    nothing: Results,
}

impl Sent {
    /// The outcomes of a plan's writes, one per write.
    pub(super) fn results(&self, position: usize) -> &Results {
        self.results.get(&position).unwrap_or(&self.nothing)
    }

    /// The requests made for a plan's writes alone.
    pub(super) fn calls(&self, position: usize) -> u32 {
        self.calls.get(&position).copied().unwrap_or_default()
    }
}

impl Run<'_> {
    /// Sends writes, as many per call as the platform accepts. Sends nothing more after an error that stops the batch.
    pub(super) async fn send(
        &self,
        plans: &[ItemPlan],
        writing: &[usize],
        until: Duration,
    ) -> (Sent, Option<RunError>) {
        let mut until = until;
        let mut sent = Sent::default();
        let mut failed: Option<RunError> = None;
        for side in Side::BOTH {
            let ops: Vec<(usize, &Op)> = writing
                .iter()
                .flat_map(|position| plans[*position].ops.iter().map(move |op| (*position, op)))
                .filter(|(_, op)| op.side == side)
                .collect();
            for chunk in calls(&ops, self.places.get(side).capabilities()) {
                if failed.is_none() {
                    failed = self.leave.check().err().map(RunError::from);
                }
                let outcomes = match &failed {
                    Some(error) => vec![not_sent(error); chunk.len()],
                    None => {
                        let (outcomes, error) =
                            self.send_in_time(side, plans, chunk, &mut until, &mut sent.calls).await;
                        failed = error.map(RunError::from);
                        outcomes
                    }
                };
                for ((position, _), outcome) in chunk.iter().zip(outcomes) {
                    if let Some(error) = outcome.stopper().filter(|_| failed.is_none()) {
                        failed = Some(RunError::Place { side, error: error.clone() });
                    }
                    sent.results.entry(*position).or_default().insert(side, outcome);
                }
            }
        }
        (sent, failed)
    }

    /// Until when the writes of an intent may be sent, by the local clock that never goes back, and the deadline by the
    /// store's clock. The local time is taken first and ends earlier, so that the sender stops before its successor
    /// begins.
    pub(super) async fn deadline(&self) -> Result<(Duration, DateTime<Utc>), StoreError> {
        let (begin, granted) = (self.clock.elapsed(), self.leave.remaining());
        let deadline = self.store.now().await? + TimeDelta::from_std(granted).unwrap_or_default();
        Ok((begin + granted - granted / 10, deadline))
    }

    /// Sends one call's writes, and those again for which the time ran out, as long as the lease is renewed. The error is
    /// why the deadline could not be moved; it is not about the platform.
    async fn send_in_time(
        &self,
        side: Side,
        plans: &[ItemPlan],
        chunk: &[(usize, &Op)],
        until: &mut Duration,
        calls: &mut HashMap<usize, u32>,
    ) -> (Vec<Written>, Option<StoreError>) {
        let mut outcomes: Vec<Option<Written>> = vec![None; chunk.len()];
        loop {
            let open: Vec<usize> = (0..chunk.len()).filter(|at| outcomes[*at].is_none()).collect();
            let ops: Vec<(usize, &Op)> = open.iter().map(|at| chunk[*at]).collect();
            let before = open.len();
            if self.clock.elapsed() >= *until
                && let Err(error) = self.prolong(until).await
            {
                let late = || Written::NotSent(Stopped::Deadline.into());
                return (
                    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(late)).collect(),
                    Some(error),
                );
            }
            let told = self.send_chunk(side, plans, &ops, *until, calls).await;
            for (at, outcome) in open.into_iter().zip(told) {
                let late = outcome.error().is_some_and(|e| e.kind == ErrorKind::Stopped(Stopped::Deadline));
                if !(late && matches!(outcome, Written::NotSent(_))) {
                    outcomes[at] = Some(outcome);
                }
            }
            let left = outcomes.iter().filter(|outcome| outcome.is_none()).count();
            if left == 0 || left == before && self.clock.elapsed() < *until {
                let late = || Written::NotSent(Stopped::Deadline.into());
                return (outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(late)).collect(), None);
            }
        }
    }

    /// Moves the deadline of the open intents after the lease was renewed.
    async fn prolong(&self, until: &mut Duration) -> Result<(), StoreError> {
        self.leave.check()?;
        let (local, deadline) = self.deadline().await?;
        self.store.move_deadline(deadline).await?;
        *until = local;
        Ok(())
    }

    /// Sends one call's writes, except those whose item is not as it was read. Returns one outcome per write, in the same
    /// order.
    async fn send_chunk(
        &self,
        side: Side,
        plans: &[ItemPlan],
        chunk: &[(usize, &Op)],
        until: Duration,
        calls: &mut HashMap<usize, u32>,
    ) -> Vec<Written> {
        let before = self.meter.requests();
        let mut kept_back = self.recheck(side, plans, chunk).await;
        if let [(position, _)] = chunk {
            add_calls(calls, *position, self.meter.since(before));
        }
        if let Some(error) = kept_back.values().find(|outcome| matches!(outcome, Written::NotSent(_))) {
            return vec![error.clone(); chunk.len()];
        }
        let open: Vec<(usize, &Op)> = chunk
            .iter()
            .enumerate()
            .filter_map(|(at, op)| (!kept_back.contains_key(&at)).then_some(*op))
            .collect();
        let mut sent = match open.is_empty() {
            true => Vec::new(),
            false => self.send_compared(side, plans, &open, until, calls).await,
        }
        .into_iter();
        let outcome = |at| kept_back.remove(&at).or_else(|| sent.next());
        (0..chunk.len()).filter_map(outcome).collect()
    }

    async fn send_compared(
        &self,
        side: Side,
        plans: &[ItemPlan],
        chunk: &[(usize, &Op)],
        until: Duration,
        calls: &mut HashMap<usize, u32>,
    ) -> Vec<Written> {
        let before = self.meter.requests();
        let writes: Vec<Write> = chunk.iter().map(|(_, op)| write_of(op)).collect();
        let leave = InTime { leave: self.leave, clock: self.clock, until };
        let call = Call { leave: &leave, ..self.call(side) };
        let mut outcomes = self.places.get(side).write(&writes, &call).await;
        if outcomes.len() != chunk.len() {
            // The counts are for writes that cannot be told apart.
            self.meter.take_writes(0, before);
            let (told, asked) = (outcomes.len(), chunk.len());
            let text = format!("answered {told} of {asked} writes; this is a fault of the connector");
            let error = ConnectorError::transient(text).about(ErrorScope::Endpoint);
            return vec![Written::Unknown(error); asked];
        }
        for outcome in &mut outcomes {
            // What stops the batch is not about this item; the next run sends the write again.
            if let Written::Refused(error) = &*outcome
                && error.stops_the_batch()
            {
                *outcome = Written::NotSent(error.clone());
            }
        }
        self.read_back(side, plans, chunk, &mut outcomes).await;
        outcomes.iter_mut().for_each(unknown_where_untold);
        for ((position, _), more) in chunk.iter().zip(self.meter.take_writes(chunk.len(), before)) {
            add_calls(calls, *position, more);
        }
        outcomes
    }

    /// Completes the outcomes of a platform that returned nothing: the items as they are read now, or else as sent.
    async fn read_back(
        &self,
        side: Side,
        plans: &[ItemPlan],
        chunk: &[(usize, &Op)],
        outcomes: &mut [Written],
    ) {
        let silent = |outcome: &Written| matches!(outcome, Written::Done(Done { item: None, .. }));
        let ids = chunk
            .iter()
            .zip(&*outcomes)
            .filter(|((_, op), outcome)| silent(outcome) && op.kind != OpKind::Delete);
        let ids: Vec<String> = ids.filter_map(|((_, op), _)| op.id.clone()).collect();
        let connector = self.places.get(side);
        let mut items: HashMap<String, Item> = HashMap::new();
        for page in ids.chunks(connector.capabilities().fetch_batch.max(1)) {
            for (id, found) in connector.fetch(page, &self.call(side)).await {
                if let Ok(Found::Item(item)) = found {
                    items.insert(id, item);
                }
            }
        }
        for ((position, op), outcome) in chunk.iter().zip(outcomes) {
            let Written::Done(done @ Done { item: None, .. }) = outcome else { continue };
            let id = op.id.clone().unwrap_or_default();
            let read = items.remove(&id);
            done.item = Some(read.unwrap_or_else(|| as_sent(&plans[*position], op, id, done)));
        }
    }

    /// An item whose write was not sent, because an earlier call failed, is unchanged; the next run processes it.
    pub(super) fn keep_in_line(&self, plan: &ItemPlan, record: &mut Recorded) {
        if record.status != ItemStatus::Failed {
            record.status = ItemStatus::Skipped;
            record.retry_at = Some(self.clock.now());
            record.error_count = plan.facts.link.as_ref().map_or(0, |link| link.error_count);
        }
    }
}

/// Cuts writes into calls of as many creates, and as many updates and removals, as the place takes at once.
fn calls<'a, 'p>(
    mut ops: &'a [(usize, &'p Op)],
    capabilities: &Capabilities,
) -> impl Iterator<Item = &'a [(usize, &'p Op)]> {
    let most = (capabilities.create_batch.max(1), capabilities.update_batch.max(1));
    std::iter::from_fn(move || {
        let (mut creates, mut others) = (0, 0);
        let fits = |(_, op): &&(usize, &Op)| {
            if op.kind == OpKind::Create {
                creates += 1
            } else {
                others += 1
            }
            creates <= most.0 && others <= most.1
        };
        let (call, rest) = ops.split_at(ops.iter().take_while(fits).count());
        ops = rest;
        (!call.is_empty()).then_some(call)
    })
}

/// Adds requests made for the writes of one plan alone.
fn add_calls(calls: &mut HashMap<usize, u32>, position: usize, more: u32) {
    let calls = calls.entry(position).or_default();
    *calls = calls.saturating_add(more);
}

/// Leave to write until the deadline of the intents.
struct InTime<'a> {
    leave: &'a dyn Leave,
    clock: &'a dyn Clock,
    until: Duration,
}

impl Leave for InTime<'_> {
    fn check(&self) -> Result<(), Stopped> {
        self.leave.check()?;
        if self.clock.elapsed() < self.until { Ok(()) } else { Err(Stopped::Deadline) }
    }

    fn remaining(&self) -> Duration {
        self.leave.remaining().min(self.until.saturating_sub(self.clock.elapsed()))
    }
}

fn not_sent(error: &RunError) -> Written {
    Written::NotSent(match error {
        RunError::Place { error, .. } => error.clone(),
        other => ConnectorError::transient(other.to_string()),
    })
}

/// Without the value of a field that is to be written again nothing tells an edit of it: the next run finds out.
fn unknown_where_untold(outcome: &mut Written) {
    let Written::Done(done) = &*outcome else { return };
    let has = |field: &String| {
        done.halfway.contains_key(field)
            || done.item.as_ref().is_some_and(|item| item.fields.contains_key(field))
    };
    let untold = done.due().find(|(field, _)| !has(field)).map(|(_, error)| error.clone());
    if let Some(error) = untold {
        *outcome = Written::Unknown(error);
    }
}

/// The item with the fields that were written; without any for a delete.
fn as_sent(plan: &ItemPlan, op: &Op, id: String, done: &Done) -> Item {
    if op.kind == OpKind::Delete {
        return Item { deleted: true, ..Item::new(id, Fields::new()) };
    }
    let seen = plan.facts.seen.get(op.side).item().cloned();
    let mut item = seen.unwrap_or_else(|| Item::new(id, Fields::new()));
    let is_written = |write: &&FieldWrite| done.left_out.iter().all(|(field, _)| *field != write.field);
    let written = op.fields.iter().filter(is_written);
    item.fields.extend(written.map(|write| (write.field.clone(), write.after.clone())));
    item.version = None;
    item
}

fn write_of(op: &Op) -> Write {
    let fields: Fields = op.fields.iter().map(|write| (write.field.clone(), write.after.clone())).collect();
    let id = op.id.clone().unwrap_or_default();
    let kind = match op.kind {
        OpKind::Create => {
            let marker = op.marker.clone().unwrap_or_else(|| Marker { text: String::new(), id: None });
            WriteOp::Create { marker, fields }
        }
        OpKind::Update => WriteOp::Update { id, fields },
        OpKind::Delete => WriteOp::Remove { id, how: op.how },
    };
    Write { op: kind, expected: op.expected.clone(), version: op.version.clone() }
}

impl From<Stopped> for RunError {
    fn from(stopped: Stopped) -> Self {
        RunError::Store(stopped.into())
    }
}
