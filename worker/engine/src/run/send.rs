//! Sends the writes of a batch.

use std::collections::HashMap;

use super::{Report, Run, RunError, record::Results};
use crate::{
    Side,
    plan::{ItemPlan, Op},
    ports::{
        ConnectorError, ItemStatus, Marker, OpKind, Recorded, Stopped, Verdict, Write, WriteContext, WriteOp,
        WriteResult,
    },
    value::Fields,
};

/// The results of a batch's writes, keyed by the position of their plan.
#[derive(Default)]
pub(super) struct Sent {
    results: HashMap<usize, Results>,
    unsent: HashMap<usize, Vec<Side>>,
    nothing: Results,
}

impl Sent {
    /// The replies to a plan's writes, and the sides that were never written to. None: a call was made and got no
    /// reply.
    pub(super) fn outcome(&self, position: usize, plan: &ItemPlan) -> Option<(&Results, &[Side])> {
        let results = self.results.get(&position).unwrap_or(&self.nothing);
        let unsent = self.unsent.get(&position).map_or(&[][..], Vec::as_slice);
        (results.len() + unsent.len() == plan.ops.len()).then_some((results, unsent))
    }
}

impl Run<'_> {
    /// Sends writes, as many per call as the platform accepts. Sends nothing more after a failed call.
    pub(super) async fn send(
        &self,
        plans: &[ItemPlan],
        writing: &[usize],
        report: &mut Report,
    ) -> (Sent, Option<RunError>) {
        let mut sent = Sent::default();
        let mut failed = None;
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
                if failed.is_some() {
                    for (position, _) in chunk {
                        sent.unsent.entry(*position).or_default().push(side);
                    }
                    continue;
                }
                match self.call(side, chunk, report).await {
                    Ok(answers) => {
                        for ((position, _), answer) in chunk.iter().zip(answers) {
                            sent.results.entry(*position).or_default().insert(side, answer);
                        }
                    }
                    Err(error) => failed = Some(RunError::Connector { side, error }),
                }
            }
        }
        (sent, failed)
    }

    async fn call(
        &self,
        side: Side,
        chunk: &[(usize, &Op)],
        report: &mut Report,
    ) -> Result<Vec<WriteResult>, ConnectorError> {
        let writes: Vec<Write> = chunk.iter().map(|(_, op)| write_of(op)).collect();
        let context = WriteContext { leave: self.leave, now: self.clock.now() };
        report.counts.api_calls += 1;
        let answers = self.connectors.get(side).write(&writes, &context).await?;
        if answers.len() != chunk.len() {
            let (told, asked) = (answers.len(), chunk.len());
            let text = format!("answered {told} of {asked} writes; this is a fault of the connector");
            return Err(ConnectorError::transient(text));
        }
        Ok(answers)
    }

    /// An item whose write was not sent, because an earlier call failed, is unchanged; the next run processes it.
    pub(super) fn keep_in_line(&self, plan: &ItemPlan, unsent: &[Side], record: &mut Recorded) {
        record.verdicts.extend(unsent.iter().map(|side| (*side, Verdict::NotWritten)));
        if record.status != ItemStatus::Failed {
            record.status = ItemStatus::Skipped;
            record.retry_at = Some(self.clock.now());
            record.error_count = plan.facts.link.as_ref().map_or(0, |link| link.error_count);
        }
    }
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
