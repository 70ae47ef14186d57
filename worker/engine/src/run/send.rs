//! Sends the writes of a batch.

use std::collections::HashMap;

use super::{Run, RunError, record::Results};
use crate::{
    Item, Side,
    plan::{ItemPlan, Op},
    ports::{
        ConnectorError, ErrorScope, Found, ItemStatus, Marker, OpKind, Recorded, Stopped, Write, WriteOp,
        Written,
    },
    value::Fields,
};

/// The outcomes of a batch's writes, keyed by the position of their plan.
#[derive(Default)]
pub(super) struct Sent {
    results: HashMap<usize, Results>,
    nothing: Results,
}

impl Sent {
    /// The outcomes of a plan's writes, one per write.
    pub(super) fn results(&self, position: usize) -> &Results {
        self.results.get(&position).unwrap_or(&self.nothing)
    }
}

impl Run<'_> {
    /// Sends writes, as many per call as the platform accepts. Sends nothing more after an error that stops the batch.
    pub(super) async fn send(&self, plans: &[ItemPlan], writing: &[usize]) -> (Sent, Option<RunError>) {
        let mut sent = Sent::default();
        let mut failed: Option<RunError> = None;
        for side in Side::BOTH {
            let ops: Vec<(usize, &Op)> = writing
                .iter()
                .flat_map(|position| plans[*position].ops.iter().map(move |op| (*position, op)))
                .filter(|(_, op)| op.side == side)
                .collect();
            let batch = self.connectors.get(side).capabilities().write_batch.max(1);
            for chunk in ops.chunks(batch) {
                if failed.is_none() {
                    failed = self.leave.check().err().map(RunError::from);
                }
                let outcomes = match &failed {
                    Some(error) => vec![not_sent(error); chunk.len()],
                    None => self.send_chunk(side, plans, chunk).await,
                };
                for ((position, _), outcome) in chunk.iter().zip(outcomes) {
                    if let Some(error) =
                        outcome.error().filter(|error| failed.is_none() && stops(&outcome, error))
                    {
                        failed = Some(RunError::Connector { side, error: error.clone() });
                    }
                    sent.results.entry(*position).or_default().insert(side, outcome);
                }
            }
        }
        (sent, failed)
    }

    /// Sends one call's writes. Returns one outcome per write, in the same order.
    async fn send_chunk(&self, side: Side, plans: &[ItemPlan], chunk: &[(usize, &Op)]) -> Vec<Written> {
        let writes: Vec<Write> = chunk.iter().map(|(_, op)| write_of(op)).collect();
        let mut outcomes = self.connectors.get(side).write(&writes, &self.call()).await;
        if outcomes.len() != chunk.len() {
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
        let silent = |outcome: &Written| matches!(outcome, Written::Done { item: None, .. });
        let ids = chunk
            .iter()
            .zip(&*outcomes)
            .filter(|((_, op), outcome)| silent(outcome) && op.kind != OpKind::Delete);
        let ids: Vec<String> = ids.filter_map(|((_, op), _)| op.id.clone()).collect();
        let connector = self.connectors.get(side);
        let mut items: HashMap<String, Item> = HashMap::new();
        for page in ids.chunks(connector.capabilities().page_size.max(1)) {
            for (id, found) in connector.fetch(page, &self.call()).await {
                if let Ok(Found::Item(item)) = found {
                    items.insert(id, item);
                }
            }
        }
        for ((position, op), outcome) in chunk.iter().zip(outcomes) {
            let Written::Done { item: item @ None, .. } = outcome else { continue };
            let id = op.id.clone().unwrap_or_default();
            let read = items.remove(&id);
            *item = Some(read.unwrap_or_else(|| as_sent(&plans[*position], op, id)));
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

/// True if nothing more is sent after this outcome.
fn stops(outcome: &Written, error: &ConnectorError) -> bool {
    matches!(outcome, Written::NotSent(_)) || error.stops_the_batch()
}

fn not_sent(error: &RunError) -> Written {
    Written::NotSent(match error {
        RunError::Connector { error, .. } => error.clone(),
        other => ConnectorError::transient(other.to_string()),
    })
}

/// The item with the fields that were sent; without any for a delete.
fn as_sent(plan: &ItemPlan, op: &Op, id: String) -> Item {
    if op.kind == OpKind::Delete {
        return Item { deleted: true, ..Item::new(id, Fields::new()) };
    }
    let seen = plan.facts.seen.get(op.side).item().cloned();
    let mut item = seen.unwrap_or_else(|| Item::new(id, Fields::new()));
    item.fields.extend(op.fields.iter().map(|write| (write.field.clone(), write.after.clone())));
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
        OpKind::Delete => WriteOp::Delete { id },
    };
    Write { op: kind, expected: op.expected.clone(), version: op.version.clone() }
}

impl From<Stopped> for RunError {
    fn from(stopped: Stopped) -> Self {
        RunError::Store(stopped.into())
    }
}
