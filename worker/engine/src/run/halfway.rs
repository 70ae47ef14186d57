//! Fields that a write left on the way to their value when its process died: a status that takes several transitions, or
//! that is set after the create. What such a field has now is no edit by a person, and is written again.

use super::{
    Run, RunError,
    left_out::note_due,
    recover::{Evidence, is_what_became_of},
};
use crate::{
    Item, Side, Value,
    ports::{IntentOp, Link, OpKind, Recorded},
    value::fields_from_json,
};

impl Run<'_> {
    /// Finds the fields of the intents that were left on the way. What a new item has there is its own; of another one the
    /// platform's history tells, if it keeps any.
    pub(super) async fn look_halfway(
        &self,
        side: Side,
        links: &[Link],
        found: &mut Evidence,
    ) -> Result<(), RunError> {
        let place = *self.places.get(side);
        let capabilities = place.capabilities();
        for link in links {
            let of_side = |op: &&IntentOp| op.side == side && op.kind != OpKind::Delete;
            for op in link.intent.iter().flat_map(|intent| &intent.ops).filter(of_side) {
                let Some(item) = found.items.get(&(link.at.id, side)) else { continue };
                let now = self.mapping.typed(side, item);
                let before = fields_from_json(&op.before);
                for (field, sent) in fields_from_json(&op.after) {
                    let is = |value: &Value| {
                        let now = now.get(&field).unwrap_or(&Value::Null);
                        is_what_became_of(&self.typed(side, &field, value), now)
                    };
                    if !capabilities.stepwise.contains(&field.as_str()) || is(&sent) {
                        continue;
                    }
                    let ours = match op.kind {
                        OpKind::Create => true,
                        _ if before.get(&field).is_some_and(is) || !capabilities.history => false,
                        _ => place
                            .wrote(&item.id, &field, &self.call(side))
                            .await
                            .map_err(|error| RunError::Place { side, error })?,
                    };
                    if ours {
                        found.halfway.insert((link.at.id, side, field));
                    }
                }
            }
        }
        Ok(())
    }

    /// Sets the bases of the fields of a write that were left out or on the way: they are still to be written.
    pub(super) fn note_apart(
        &self,
        op: &IntentOp,
        item: Option<&Item>,
        apart: &[String],
        record: &mut Recorded,
    ) {
        let Some(item) = item else { return };
        let now = self.mapping.typed(op.side, item);
        // What a person chose for both sides comes from neither: the choice is still on record.
        let (origins, other) = (fields_from_json(&op.origin), op.side.other());
        for field in apart {
            let (Some(rule), Some(origin)) = (self.mapping.rule_of(op.side, field), origins.get(field))
            else {
                continue;
            };
            let origin = self.typed(other, rule.field.get(other), origin);
            let now = now.get(field).unwrap_or(&Value::Null);
            note_due(rule, op.side, now, &origin, &mut record.base);
        }
    }
}
