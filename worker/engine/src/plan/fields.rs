//! Plans for items that are present: merge a pair, create a counterpart.

use super::{Action, Context, Facts, FieldWrite, ItemPlan, Op, has_ended};
use crate::{
    Item, Side, Value,
    capability::Removal,
    conflict::{Conflict, ConflictKind, OpenConflict},
    mapping::{Rule, Unmappable},
    merge::{Decision, FieldState, chosen, merge_field},
    ports::{Link, Marker, OpKind, Place},
    side::Pair,
    spec::SyncSpec,
    value::Fields,
};

pub(super) fn merge(context: &Context<'_>, facts: Facts) -> ItemPlan {
    if facts.link.as_ref().is_some_and(|link| has_ended(link, &facts.seen)) {
        return ItemPlan::new(facts, context.mapping, Action::Leave);
    }
    let mut plan = ItemPlan::new(facts, context.mapping, Action::Merge);
    let modified = |side: Side| plan.facts.seen.get(side).item().and_then(|item| item.modified);
    let modified = Pair::new(modified(Side::Source), modified(Side::Target));
    let unread = |side: Side| plan.facts.seen.get(side).item().is_some_and(|item| item.unread.is_some());
    let unread = Pair::new(unread(Side::Source), unread(Side::Target));
    let page = |side: Side| plan.facts.seen.get(side).item().and_then(|item| item.url.as_deref());
    let pages = Pair::new(page(Side::Source), page(Side::Target));
    let link = plan.facts.link.as_ref();
    let modified_before = link.map(|link| link.modified).unwrap_or_default();
    let mut required_missing = false;
    for rule in &context.mapping.rules {
        let base = link.and_then(|link| base_of(rule, &link.base));
        let open = link
            .and_then(|link| link.conflicts.iter().find(|c| c.field.as_deref() == Some(&rule.field.source)));
        let now = Pair::new(
            value_of(&plan.now.source, &rule.field.source),
            value_of(&plan.now.target, &rule.field.target),
        );
        if same_key(context, rule, now) {
            plan.decisions.push(Decision::Agree);
            continue;
        }
        let outdated = context.after_restore;
        let revised = link.is_some_and(|link| link.mapping_revision != context.mapping.revision);
        let state =
            FieldState { now, base, pages, modified, unread, modified_before, open, outdated, revised };
        let mut merged = merge_field(rule, &state, context.now);
        let decision = match merged.decision {
            // The key identifies the item: it is compared, never written.
            Decision::Write { side, value, .. } if is_key(context, rule, side) => {
                if base.is_some() {
                    Decision::Blocked(key_stays(rule, side, &value))
                } else {
                    Decision::Drift
                }
            }
            Decision::Write { side, value, rule: why } => match accepted(context, rule, side, &value) {
                Ok(()) => Decision::Write { side, value, rule: why },
                Err(problem) => Decision::Blocked(problem),
            },
            // Neither side is written if one of them cannot be.
            Decision::Set { values, rule: why } => match accepted_by_both(context, rule, &values) {
                Ok(()) => Decision::Set { values, rule: why },
                Err(problem) => Decision::Blocked(problem),
            },
            decision => decision,
        };
        for side in Side::BOTH {
            let strangers = rule.strangers(side, now.get(side));
            plan.notes.extend(strangers.iter().map(ToString::to_string));
        }
        if let Some(problem) = failure(&decision) {
            required_missing |= matches!(problem, Unmappable::Required { .. });
            plan.problems.push(problem.to_string());
            // The strategy's decision cannot be carried out, and a later run must not decide differently by itself: this
            // run's write to another field renews the item's time. A person's choice remains and is tried again.
            if let Some(conflict) = merged.conflict.as_mut().filter(|_| chosen(rule, &state).is_none()) {
                (conflict.kind, conflict.resolution) = (ConflictKind::TypeMismatch, None);
            }
        }
        plan.conflicts.extend(merged.conflict);
        plan.decisions.push(decision);
    }
    if !required_missing {
        plan.ops = Side::BOTH.into_iter().filter_map(|side| update(context, &plan, side)).collect();
    }
    tell_unread(&mut plan);
    plan
}

/// Why a field cannot be carried over, unless it is left alone.
fn failure(decision: &Decision) -> Option<&Unmappable> {
    match decision {
        Decision::Blocked(problem) if !problem.is_note() => Some(problem),
        _ => None,
    }
}

/// Reports a time that cannot be parsed if it matters: it would have decided a conflict, or a write renews it.
fn tell_unread(plan: &mut ItemPlan) {
    let asks = plan.decisions.contains(&Decision::Ask);
    for side in Side::BOTH {
        let writes = plan.ops.iter().any(|op| op.side == side);
        let unread = plan.facts.seen.get(side).item().and_then(|item| item.unread.as_ref());
        if let Some(why) = unread.filter(|_| asks || writes) {
            let problem = format!("{side}: {why}");
            plan.problems.push(problem);
        }
    }
}

/// The write that carries a merge's decisions to one side.
fn update(context: &Context<'_>, plan: &ItemPlan, side: Side) -> Option<Op> {
    let item = plan.facts.seen.get(side).item()?;
    let mut fields = Vec::new();
    let mut expected = Fields::new();
    for (rule, decision) in context.mapping.rules.iter().zip(&plan.decisions) {
        if let Some((value, why)) = decision.write_to(side) {
            let field = rule.field.get(side);
            // As read, not as typed: the platform compares its own form.
            expected.insert(field.clone(), value_of(&item.fields, field).clone());
            fields.push(FieldWrite {
                field: field.clone(),
                before: value_of(plan.now.get(side), field).clone(),
                after: value.clone(),
                rule: why.to_owned(),
            });
        }
    }
    (!fields.is_empty()).then(|| Op {
        side,
        kind: OpKind::Update,
        how: Removal::default(),
        id: Some(item.id.clone()),
        marker: None,
        fields,
        expected,
        version: item.version.clone(),
    })
}

/// Plans an item that never had a counterpart.
pub(super) fn create(context: &Context<'_>, facts: Facts, on: Side) -> ItemPlan {
    let ended = facts.link.as_ref().is_some_and(|link| has_ended(link, &facts.seen));
    if ended || !context.spec.creates_on(on) || facts.link.as_ref().is_some_and(may_exist) {
        return ItemPlan::new(facts, context.mapping, Action::Leave);
    }
    // A person found the item on this side: it stays as it is, and a second one is never created.
    if facts
        .link
        .as_ref()
        .is_some_and(|link| ambiguous_create(link).is_some_and(|open| open.chosen_side() == Some(on)))
    {
        // A run after a restore may still find out which of the unpaired items there it is; until then that item must
        // not be created on the other side as if it were new.
        let waits = context.after_restore && context.spec.creates_on(on.other());
        let action = if waits { Action::Leave } else { Action::End(on) };
        return ItemPlan::new(facts, context.mapping, action);
    }
    let mut plan = ItemPlan::new(facts, context.mapping, Action::Create(on));
    add_create(context, &mut plan, on, "created");
    plan
}

/// True if a create was sent and nothing has shown yet that it failed.
pub(super) fn may_exist(link: &Link) -> bool {
    ambiguous_create(link).is_some_and(|open| open.chosen_side().is_none())
}

pub(crate) fn ambiguous_create(link: &Link) -> Option<&OpenConflict> {
    link.conflicts.iter().find(|conflict| conflict.kind == ConflictKind::AmbiguousCreate.as_str())
}

/// Adds the create of a counterpart on side `on` to a plan.
pub(super) fn add_create(context: &Context<'_>, plan: &mut ItemPlan, on: Side, why: &str) {
    let from = on.other();
    let Some(item) = plan.facts.seen.get(from).item() else { return };
    let marker = create_marker(context, from, item, plan.now.get(from));
    let mut fields = Vec::new();
    let mut required_missing = false;
    plan.decisions.clear();
    for rule in &context.mapping.rules {
        if !rule.flow.writes(on) && !is_key(context, rule, on) {
            plan.decisions.push(Decision::Drift);
            continue;
        }
        let needed = context.places.get(on).needs(rule.field.get(on));
        let strangers = rule.strangers(from, value_of(plan.now.get(from), rule.field.get(from)));
        plan.notes.extend(strangers.iter().map(ToString::to_string));
        let carried = rule.carry(from, value_of(plan.now.get(from), rule.field.get(from)));
        let accepted = carried.and_then(|value| {
            let value = rule.fitted(on, value, item.url.as_deref());
            if needed || !value.is_blank() {
                accepted(context, rule, on, &value)?;
            }
            Ok(value)
        });
        let decision = match accepted {
            Ok(value) => Decision::Write { side: on, value, rule: why.to_owned() },
            Err(problem) if problem.is_note() && !needed && !rule.required => Decision::Blocked(problem),
            Err(problem) => {
                // Without such a field the platform would refuse the item, or give it a wrong id.
                required_missing |= matches!(problem, Unmappable::Required { .. })
                    || problem.is_note()
                    || matches!(problem, Unmappable::Refused { .. }) && (needed || is_key(context, rule, on));
                plan.problems.push(problem.to_string());
                Decision::Blocked(problem)
            }
        };
        if let Decision::Write { value, .. } = &decision
            && (needed || !value.is_blank())
        {
            fields.push(FieldWrite {
                field: rule.field.get(on).clone(),
                before: Value::Null,
                after: value.clone(),
                rule: why.to_owned(),
            });
        }
        plan.decisions.push(decision);
    }
    if required_missing {
        return;
    }
    let names: Vec<&str> = fields.iter().map(|write| write.field.as_str()).collect();
    if let Err(problem) = context.places.get(on).creates(&names) {
        plan.problems.push(problem);
        return;
    }
    if *context.doubtful.get(on) && !is_known_to_lack(plan.facts.link.as_ref(), on) {
        let conflict = may_be_there(plan, on, fields);
        plan.conflicts.push(conflict);
    } else {
        let id = marker.id.clone();
        plan.ops.push(Op {
            side: on,
            kind: OpKind::Create,
            how: Removal::default(),
            id,
            marker: Some(marker),
            fields,
            expected: Fields::new(),
            version: None,
        });
    }
}

/// True if a person was asked and found no counterpart on this side.
fn is_known_to_lack(link: Option<&Link>, on: Side) -> bool {
    link.and_then(ambiguous_create).is_some_and(|open| open.chosen_side() == Some(on.other()))
}

/// The conflict for a counterpart that may already exist; its values show a person what to look for.
fn may_be_there(plan: &ItemPlan, on: Side, fields: Vec<FieldWrite>) -> Conflict {
    let mut values = Pair::new(Value::Null, Value::Null);
    *values.get_mut(on) = Value::Object(fields.into_iter().map(|write| (write.field, write.after)).collect());
    let from = plan.now.get(on.other()).iter().filter(|(_, value)| !value.is_blank());
    *values.get_mut(on.other()) =
        Value::Object(from.map(|(name, value)| (name.clone(), value.clone())).collect());
    Conflict {
        field: None,
        kind: ConflictKind::AmbiguousCreate,
        base: Value::Null,
        values,
        modified: Pair::new(None, None),
        resolution: None,
    }
}

/// The marker and, if the key is mapped, the key under which an item's counterpart is created and found again.
pub(crate) fn create_marker(context: &Context<'_>, from: Side, item: &Item, now: &Fields) -> Marker {
    let on = from.other();
    let mut marker = marker_of(context.spec, from, item);
    let key = |rule: &&Rule| is_key(context, rule, on);
    let carried = |rule: &Rule| rule.carry(from, value_of(now, rule.field.get(from))).ok();
    let id = context.mapping.rules.iter().filter(key).filter_map(carried).rfind(|value| !value.is_blank());
    marker.id = id.as_ref().map(Value::name);
    marker
}

/// The marker of an item's counterpart.
pub(crate) fn marker_of(spec: &SyncSpec, origin: Side, item: &Item) -> Marker {
    Marker::derive(&format!("{}/{}", spec.project, spec.name), &spec.entity_type, origin, &item.id)
}

fn is_key(context: &Context<'_>, rule: &Rule, side: Side) -> bool {
    context.places.get(side).capabilities().key_field.as_ref() == Some(rule.field.get(side))
}

fn key_stays(rule: &Rule, side: Side, value: &Value) -> Unmappable {
    let why = format!(
        "it is the key of the {side}, which stays as it is, and the other side says {value} now; change that back, or \
         delete the item and make it anew"
    );
    Unmappable::Refused { side, field: rule.field.get(side).clone(), why }
}

/// Ok if the place accepts the value for this field.
fn accepted(context: &Context<'_>, rule: &Rule, side: Side, value: &Value) -> Result<(), Unmappable> {
    let field = rule.field.get(side);
    let refused = |why| Unmappable::Refused { side, field: field.clone(), why };
    context.places.get(side).accepts(field, value).map_err(refused)
}

/// Ok if both places accept a value that a person chose for both, and neither has the field as its key.
fn accepted_by_both(context: &Context<'_>, rule: &Rule, values: &Pair<Value>) -> Result<(), Unmappable> {
    for side in Side::BOTH {
        if is_key(context, rule, side) {
            let why = format!("it is the key of the {side}, which stays as it is; choose the {side}'s value");
            return Err(Unmappable::Refused { side, field: rule.field.get(side).clone(), why });
        }
        accepted(context, rule, side, values.get(side))?;
    }
    Ok(())
}

/// True if both sides spell the same key. Both sides keep their own spelling.
fn same_key(context: &Context<'_>, rule: &Rule, now: Pair<&Value>) -> bool {
    let Ok(source) = rule.carry(Side::Source, now.source) else { return false };
    if source.is_blank() || now.target.is_blank() {
        return false;
    }
    let key = |value: &Value| canonical_key(context.places, rule, value);
    key(&source).is_some_and(|source| Some(source) == key(now.target))
}

/// A key's value in the target's terms, in the canonical form of its places; none if the field is no key.
pub(crate) fn canonical_key(places: Pair<&dyn Place>, rule: &Rule, value: &Value) -> Option<String> {
    let mut canonical = None;
    for side in [Side::Target, Side::Source] {
        let place = places.get(side);
        if place.capabilities().key_field.as_ref() == Some(rule.field.get(side)) {
            canonical = Some(place.canonical_id(&canonical.unwrap_or_else(|| value.name())));
        }
    }
    canonical
}

fn base_of<'a>(rule: &Rule, base: &'a Pair<Fields>) -> Option<Pair<&'a Value>> {
    Some(Pair::new(base.source.get(&rule.field.source)?, base.target.get(&rule.field.target)?))
}

pub(crate) fn value_of<'a>(fields: &'a Fields, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}
