//! Compares items just before they are written, for places that cannot compare them themselves.
//!
//! An edit of another field that is made between this reading and the write stays: the write sets its own fields only,
//! and the next run finds the other one changed. An edit of the same field in that time is overwritten.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::Run;
use crate::{
    Side,
    capability::ConcurrencyControl,
    plan::{ItemPlan, Op},
    ports::{ConnectorError, ErrorKind, Found, OpKind, Written, changed_since_read},
};

/// An item that was read by its id this recently is not read again.
const RECENT: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// Returns the outcome of those writes that must not be sent, by their position in the chunk: the item is not as the
    /// plan read it, or could not be read.
    pub(super) async fn recheck(
        &self,
        side: Side,
        plans: &[ItemPlan],
        chunk: &[(usize, &Op)],
    ) -> BTreeMap<usize, Written> {
        let mut outcomes = BTreeMap::new();
        let place = *self.places.get(side);
        if place.capabilities().concurrency != ConcurrencyControl::None {
            return outcomes;
        }
        let now = self.clock.elapsed();
        let is_old = |plan: &ItemPlan| *plan.facts.read_at.get(side) + RECENT < now;
        let old = chunk
            .iter()
            .enumerate()
            .filter(|(_, (plan, op))| op.kind != OpKind::Create && is_old(&plans[*plan]));
        let mut by_id: HashMap<&str, (usize, &Op)> =
            old.filter_map(|(at, (_, op))| Some((op.id.as_deref()?, (at, *op)))).collect();
        let ids: Vec<String> = by_id.keys().map(|id| (*id).to_owned()).collect();
        for page in ids.chunks(place.capabilities().fetch_batch.max(1)) {
            for (id, found) in place.fetch(page, &self.call(side)).await {
                let Some((at, op)) = by_id.remove(id.as_str()) else { continue };
                if let Some(outcome) = refusal(op, &id, found) {
                    outcomes.insert(at, outcome);
                }
            }
        }
        for (id, (at, op)) in by_id {
            outcomes.extend(refusal(op, id, Ok(Found::NotVisible)).map(|outcome| (at, outcome)));
        }
        outcomes
    }
}

/// Why a write to this item is not sent; none if it is as the plan read it.
fn refusal(op: &Op, id: &str, found: Result<Found, ConnectorError>) -> Option<Written> {
    let missing = |what: &str| {
        Some(Written::Refused(ConnectorError::new(
            ErrorKind::NotFound,
            format!("{id} {what}; nothing was written"),
        )))
    };
    match found {
        Ok(Found::Item(item)) if !item.deleted => {
            let (field, (expected, now)) = changed_since_read(&op.expected, &item.fields).pop_first()?;
            let text = format!("{id} was edited meanwhile: {field} was {expected} and is {now}");
            Some(Written::Refused(ConnectorError::conflict(text)))
        }
        // What is gone need not be removed.
        Ok(Found::Item(_) | Found::Gone) if op.kind == OpKind::Delete => None,
        Ok(Found::Item(_) | Found::Gone) => missing("was deleted meanwhile"),
        Ok(Found::NotVisible) => missing("is not shown any more"),
        Ok(Found::Moved { .. } | Found::OutOfScope) => missing("was moved meanwhile"),
        Err(error) if error.stops_the_batch() => Some(Written::NotSent(error)),
        Err(error) => Some(Written::Refused(error)),
    }
}
