//! Plans for pairs that have lost an item.

use super::{Action, Context, Facts, ItemPlan, Op, Seen, fields, has_ended};
use crate::{
    Side, Value,
    capability::Removal,
    conflict::{Conflict, ConflictKind, OpenConflict, Resolution},
    ports::{LinkState, OpKind},
    side::Pair,
    strategy::resolve,
    value::{Fields, Instant, Precision, fields_to_json},
};

/// Plans a pair whose item on side `gone` is missing and whose counterpart is present.
pub(super) fn plan(context: &Context<'_>, facts: Facts, gone: Side) -> ItemPlan {
    let new = |facts, action| ItemPlan::new(facts, context.mapping, action);
    if facts.link.as_ref().is_some_and(|link| has_ended(link, &facts.seen)) {
        return new(facts, Action::Leave);
    }
    if facts.link.as_ref().is_some_and(|link| link.state == LinkState::Tombstone) {
        // The deleted item is back and its counterpart has gone since: treat it as a new item.
        return fields::create(context, facts, gone);
    }
    if facts.link.as_ref().is_some_and(fields::may_exist) {
        return new(facts, Action::Leave);
    }
    if !(facts.may_remove || was_decided(&facts)) || !is_confirmed(context, &facts, gone) {
        return new(facts, Action::MarkMissing(gone));
    }
    let stays = gone.other();
    let how = match context.spec.delete_policy.removal() {
        Some(how) if context.spec.writes(stays) => how,
        _ => return new(facts, Action::End(gone)),
    };
    if let Some(problem) = cannot_remove(context, stays, how) {
        let mut plan = new(facts, Action::Leave);
        plan.problems.push(problem);
        return plan;
    }
    let mut plan = new(facts, Action::Delete(stays));
    if !was_edited(context, &plan, stays) {
        add_delete(&mut plan, stays, how);
        return plan;
    }
    let resolution = resolve_edit_against_delete(context, &plan, gone);
    match resolution.as_ref().and_then(|resolution| resolution.winner.side()) {
        None => plan.action = Action::AskDeleted(gone),
        Some(winner) if winner == gone => add_delete(&mut plan, stays, how),
        Some(_) if !context.spec.writes(gone) => plan.action = Action::End(gone),
        Some(_) => {
            plan.action = Action::Create(gone);
            fields::add_create(context, &mut plan, gone, "edited after the delete");
        }
    }
    let conflict = describe(&plan, gone, resolution);
    plan.conflicts.push(conflict);
    plan
}

/// Plans a pair whose items are both missing.
pub(super) fn both_gone(context: &Context<'_>, facts: Facts, gone: Side) -> ItemPlan {
    let confirmed = context.confirm_deletes
        || facts
            .link
            .as_ref()
            .is_some_and(|link| link.missing.is_some() && link.state != LinkState::OutOfScope)
        || Side::BOTH.into_iter().all(|side| *facts.seen.get(side) == Seen::Gone);
    let action = match &facts.link {
        Some(link) if has_ended(link, &facts.seen) => Action::Leave,
        _ if confirmed => Action::End(gone),
        _ => Action::MarkMissing(gone),
    };
    ItemPlan::new(facts, context.mapping, action)
}

/// Why an item of this side is not removed: a place may not be able to do what the policy asks for.
fn cannot_remove(context: &Context<'_>, side: Side, how: Removal) -> Option<String> {
    let capabilities = context.places.get(side).capabilities();
    (!capabilities.removals.contains(&how)).then(|| {
        let (policy, platform) = (context.spec.delete_policy, capabilities.platform);
        format!("delete_policy {policy}: the {side} ({platform}) cannot do that; nothing was taken away. Use ignore")
    })
}

/// True if a person has decided about this very delete.
fn was_decided(facts: &Facts) -> bool {
    let whole = |open: &OpenConflict| open.field.is_none() && open.chosen_side().is_some();
    facts.link.as_ref().is_some_and(|link| link.conflicts.iter().any(whole))
}

/// True if the platform says that the item was deleted, an earlier complete listing lacked it too, or the operator
/// confirmed its absence.
fn is_confirmed(context: &Context<'_>, facts: &Facts, gone: Side) -> bool {
    // Of a link that was out of scope `missing` has another meaning.
    let link = facts.link.as_ref().filter(|link| link.state != LinkState::OutOfScope);
    let earlier = link.and_then(|link| link.missing);
    context.confirm_deletes
        || *facts.seen.get(gone) == Seen::Gone
        || earlier.is_some_and(|(side, _)| side == gone)
}

fn was_edited(context: &Context<'_>, plan: &ItemPlan, side: Side) -> bool {
    let Some(link) = &plan.facts.link else { return false };
    // A field with an open conflict never agreed.
    if link.conflicts.iter().any(|open| open.field.is_some()) {
        return true;
    }
    let (base, now) = (link.base.get(side), plan.now.get(side));
    context.mapping.rules.iter().any(|rule| {
        let field = rule.field.get(side);
        // A field without a base never agreed, so it cannot have been edited since.
        rule.flow.writes(side.other())
            && base.get(field).is_some_and(|base| !rule.same(side, base, fields::value_of(now, field)))
    })
}

fn resolve_edit_against_delete(context: &Context<'_>, plan: &ItemPlan, gone: Side) -> Option<Resolution> {
    let open = plan.facts.link.as_ref().and_then(|link| link.conflicts.iter().find(|c| c.field.is_none()));
    if let Some(open) = open
        && let Some(winner) = open.chosen_side()
        && open.values.get(gone.other()).same(&whole(plan, gone.other()))
    {
        return Some(Resolution { winner: winner.into(), reason: format!("{winner} chosen by a person") });
    }
    if context.after_restore {
        // An apparent edit may be older than the delete, and an apparently untouched value newer.
        return None;
    }
    resolve(context.spec.conflict_strategy, modified(plan, gone), context.now)
}

/// When the item was first seen to be missing and when its counterpart was edited.
fn modified(plan: &ItemPlan, gone: Side) -> Pair<Option<Instant>> {
    let mut modified = Pair::new(None, None);
    let missing = plan.facts.link.as_ref().and_then(|link| link.missing);
    *modified.get_mut(gone) = missing.map(|(_, since)| Instant::new(since, Precision::Micro));
    *modified.get_mut(gone.other()) = plan.facts.seen.get(gone.other()).item().and_then(|item| item.modified);
    modified
}

fn describe(plan: &ItemPlan, gone: Side, resolution: Option<Resolution>) -> Conflict {
    let stays = gone.other();
    let mut values = Pair::new(Value::Null, Value::Null);
    *values.get_mut(stays) = whole(plan, stays);
    let base = plan.facts.link.as_ref().map(|link| Value::Object(link.base.get(stays).clone()));
    Conflict {
        field: None,
        kind: ConflictKind::EditDelete,
        base: base.unwrap_or(Value::Null),
        values,
        modified: modified(plan, gone),
        resolution,
    }
}

/// All mapped fields of a side as one value, as the database returns it.
fn whole(plan: &ItemPlan, side: Side) -> Value {
    Value::from_json(&fields_to_json(plan.now.get(side)))
}

fn add_delete(plan: &mut ItemPlan, side: Side, how: Removal) {
    let Some(item) = plan.facts.seen.get(side).item() else { return };
    let mapped = |name: &String| plan.now.get(side).contains_key(name);
    let expected: Fields =
        item.fields.iter().filter(|(name, _)| mapped(name)).map(|(k, v)| (k.clone(), v.clone())).collect();
    plan.ops.push(Op {
        side,
        kind: OpKind::Delete,
        how,
        id: Some(item.id.clone()),
        marker: None,
        fields: Vec::new(),
        expected,
        version: item.version.clone(),
    });
}
