//! Edits that were made between our reading and our write, and that the write has overwritten. A platform that keeps a
//! history tells of them.

use super::{
    Run,
    left_out::why_left_out,
    record::{Results, written_item},
};
use crate::{
    Side,
    conflict::{Conflict, ConflictKind, OpenConflict},
    merge::Decision,
    plan::{ItemPlan, fields::value_of},
    ports::Written,
    side::Pair,
};

impl Run<'_> {
    /// A conflict for each edit that a write has overwritten, with the value of that edit.
    pub(super) fn lost_updates(&self, plan: &ItemPlan, results: &Results) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for (rule, decision) in self.mapping.rules.iter().zip(&plan.decisions) {
            for side in Side::BOTH {
                let field = rule.field.get(side);
                let (Some(Written::Done(done)), Some((sent, _))) =
                    (results.get(&side), decision.write_to(side))
                else {
                    continue;
                };
                let Some(lost) = done.overwritten.get(field) else { continue };
                let lost = self.typed(side, field, lost);
                if why_left_out(results, side, rule).is_some() || rule.same(side, &lost, sent) {
                    continue;
                }
                let now = |side: Side| match (decision.write_to(side), written_item(results, side)) {
                    (Some((value, _)), Some(_)) => value.clone(),
                    _ => value_of(plan.now.get(side), rule.field.get(side)).clone(),
                };
                let mut values = Pair::new(now(Side::Source), now(Side::Target));
                let base = values.source.clone();
                *values.get_mut(side) = lost;
                conflicts.push(Conflict {
                    field: Some(rule.field.source.clone()),
                    kind: ConflictKind::LostUpdate,
                    base,
                    values,
                    modified: Pair::default(),
                    resolution: None,
                });
            }
        }
        conflicts
    }

    /// True if nobody has decided about a lost edit, or edited the field again.
    pub(super) fn is_still_lost(&self, plan: &ItemPlan, open: &OpenConflict) -> bool {
        let of_field = |rule: &&crate::mapping::Rule| open.field.as_ref() == Some(&rule.field.source);
        let decision = || {
            let position = self.mapping.rules.iter().position(|rule| of_field(&rule))?;
            plan.decisions.get(position)
        };
        open.kind == ConflictKind::LostUpdate.as_str()
            && matches!(decision(), Some(Decision::Unchanged | Decision::Drift))
    }
}
