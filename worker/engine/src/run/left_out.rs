//! Fields that a side left out of a write that it carried out otherwise.
//!
//! What was refused waits for a person, as a conflict. What could not be written now, because of a limit or a time-out, is
//! written by the next run, which must decide as this one did.

use super::{
    Run,
    record::{Results, written_item},
};
use crate::{
    Side, Value,
    conflict::{Choice, Conflict, ConflictKind, OpenConflict},
    mapping::Rule,
    merge::Decision,
    plan::{ItemPlan, fields::value_of},
    ports::{ConnectorError, Done, ErrorKind, Written},
    side::Pair,
    value::Fields,
};

/// True if a platform left the rule's field out of a write to `side` that it carried out otherwise.
pub(super) fn is_left_out(results: &Results, side: Side, rule: &Rule) -> bool {
    why_left_out(results, side, rule).is_some()
}

/// Why a platform left a rule's field out.
pub(super) fn why_left_out<'a>(results: &'a Results, side: Side, rule: &Rule) -> Option<&'a ConnectorError> {
    let Some(Written::Done(Done { left_out, .. })) = results.get(&side) else { return None };
    left_out.iter().find(|(field, _)| field == rule.field.get(side)).map(|(_, error)| error)
}

/// True if a side has what was written to it in the rule's field.
pub(super) fn landed(results: &Results, side: Side, rule: &Rule) -> bool {
    written_item(results, side).is_some() && !is_left_out(results, side, rule)
}

/// True if all sides have what a decision writes to them.
pub(super) fn all_landed(results: &Results, rule: &Rule, decision: &Decision) -> bool {
    let written = |side: &Side| decision.write_to(*side).is_some();
    Side::BOTH.into_iter().filter(written).all(|side| landed(results, side, rule))
}

/// The fields that platforms left out of writes that they carried out otherwise.
pub(super) fn left_out(results: &Results) -> Vec<(Side, String)> {
    let of_side = |(side, outcome): (&Side, &Written)| match outcome {
        Written::Done(Done { left_out, .. }) => {
            left_out.iter().map(|(field, _)| (*side, field.clone())).collect()
        }
        Written::Refused(_) | Written::Unknown(_) | Written::NotSent(_) => Vec::new(),
    };
    results.iter().flat_map(of_side).collect()
}

/// Why platforms left fields out, as text for people; none if they left nothing out.
pub(super) fn refusals(results: &Results) -> Option<String> {
    let of_side = |(side, outcome): (&Side, &Written)| match outcome {
        Written::Done(Done { left_out, .. }) => {
            left_out.iter().map(|(field, error)| format!("{side}: field {field}: {error}")).collect()
        }
        Written::Refused(_) | Written::Unknown(_) | Written::NotSent(_) => Vec::new(),
    };
    let all: Vec<String> = results.iter().flat_map(of_side).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

impl Run<'_> {
    /// A conflict for each field that a platform left out of a write that it carried out otherwise.
    pub(super) fn refused_values(&self, plan: &ItemPlan, results: &Results) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        for (rule, decision) in self.mapping.rules.iter().zip(&plan.decisions) {
            let left_out = |side: Side| {
                decision.write_to(side).is_some().then(|| why_left_out(results, side, rule)).flatten()
            };
            if let Some(error) = Side::BOTH.into_iter().find_map(left_out).filter(|error| !error.passes()) {
                let kind = match error.kind {
                    ErrorKind::NoTransition => ConflictKind::InvalidTransition,
                    _ => ConflictKind::RefusedValue,
                };
                // A side that took its part has the new value by now.
                let written = |side: Side| decision.write_to(side).filter(|_| landed(results, side, rule));
                let now = |side: Side| match written(side) {
                    Some((value, _)) => value.clone(),
                    None => self.left_with(plan, results, side, rule),
                };
                let link = plan.facts.link.as_ref();
                let base = link.and_then(|link| link.base.source.get(&rule.field.source).cloned());
                conflicts.push(Conflict {
                    field: Some(rule.field.source.clone()),
                    kind,
                    base: base.unwrap_or(Value::Null),
                    values: Pair::new(now(Side::Source), now(Side::Target)),
                    modified: Pair::default(),
                    resolution: None,
                });
            }
        }
        conflicts
    }

    /// The fields that this run has left to the next one, because their side took them not now, with that side. A value that
    /// a person chose for both sides stays on record instead.
    pub(super) fn due<'r>(
        &'r self,
        plan: &'r ItemPlan,
        results: &'r Results,
    ) -> impl Iterator<Item = (&'r Rule, Side)> {
        let is_chosen = |rule: &Rule| {
            let of_both = |open: &OpenConflict| matches!(open.chosen, Some(Choice::Base | Choice::Value(_)));
            let mut open = plan.facts.link.iter().flat_map(|link| &link.conflicts);
            open.any(|open| open.field.as_ref() == Some(&rule.field.source) && of_both(open))
        };
        self.mapping.rules.iter().zip(&plan.decisions).filter_map(move |(rule, decision)| {
            let Decision::Write { side, .. } = decision else { return None };
            let error = why_left_out(results, *side, rule)?;
            (error.passes() && !is_chosen(rule)).then_some((rule, *side))
        })
    }

    /// The value on which a write to a side has left a rule's field on the way.
    pub(super) fn halfway(&self, results: &Results, side: Side, rule: &Rule) -> Option<Value> {
        let Some(Written::Done(done)) = results.get(&side) else { return None };
        let field = rule.field.get(side);
        is_left_out(results, side, rule).then_some(())?;
        done.halfway.get(field).map(|value| self.typed(side, field, value))
    }

    /// The value of a left out field.
    pub(super) fn left_with(&self, plan: &ItemPlan, results: &Results, side: Side, rule: &Rule) -> Value {
        let read = || value_of(plan.now.get(side), rule.field.get(side)).clone();
        self.halfway(results, side, rule).unwrap_or_else(read)
    }
}

/// Sets the bases of a field that is to be written to `side` again: what that side has now was decided against, and what
/// the other one has is still to cross. `origin` is the value of the other side.
pub(super) fn note_due(rule: &Rule, side: Side, now: &Value, origin: &Value, base: &mut Pair<Fields>) {
    let (field, from) = (rule.field.get(side), side.other());
    let origin_field = rule.field.get(from);
    let crosses = base.get(from).get(origin_field).is_some_and(|base| !rule.same(from, origin, base));
    if !crosses {
        if origin.is_blank() {
            // A default is filled in where there is no base.
            return;
        }
        base.get_mut(from).insert(origin_field.clone(), rule.shared(from, &Value::Null));
    }
    base.get_mut(side).insert(field.clone(), rule.shared(side, now));
}
