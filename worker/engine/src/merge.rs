//! Three-way merge of one field.

mod copies;
mod sets;
mod texts;

use chrono::{DateTime, Utc};

use crate::{
    Side, Value,
    conflict::{Choice, Conflict, ConflictKind, OpenConflict, Resolution},
    mapping::{Rule, Unmappable, read_as},
    side::Pair,
    spec::Strategy,
    strategy::resolve,
    value::Instant,
};

/// The state of one field of a linked pair. All values are typed.
#[derive(Debug, Clone, Copy)]
pub struct FieldState<'a> {
    /// The present values.
    pub now: Pair<&'a Value>,
    /// Per side, the value it last returned; none before the field was first synced.
    pub base: Option<Pair<&'a Value>>,
    /// The page that shows each item, if it has one.
    pub pages: Pair<Option<&'a str>>,
    /// When each item was last modified.
    pub modified: Pair<Option<Instant>>,
    /// True per side if the item's modification time cannot be parsed.
    pub unread: Pair<bool>,
    /// The modification times stored with the base.
    pub modified_before: Pair<Option<DateTime<Utc>>>,
    /// A conflict in this field that an earlier run left open.
    pub open: Option<&'a OpenConflict>,
    /// The base comes from a backup: both sides may have agreed on other values since.
    pub outdated: bool,
    /// The mapping was edited since the base was taken.
    pub revised: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    Unchanged,
    /// The sides agree: nothing to write, the bases take the present values.
    Agree,
    /// Write `value` to `side`; once that is confirmed, the bases take the values of both sides.
    Write {
        side: Side,
        /// The value in that side's type.
        value: Value,
        /// The rule that decided, for the audit trail.
        rule: String,
    },
    /// Both sides get another value, by a person's decision or because two sets were merged: once both writes are
    /// confirmed, the bases take them.
    Set {
        /// Per side, the value in its type.
        values: Pair<Value>,
        /// The reason, for the audit trail.
        rule: String,
    },
    /// The mapping's direction forbids the write: the values stay different, and the bases stay.
    Drift,
    /// Left for a person.
    Ask,
    /// The value cannot be carried over; nothing is written and the bases stay.
    Blocked(Unmappable),
}

impl Decision {
    /// What is written to a side, and the rule that decided.
    pub(crate) fn write_to(&self, to: Side) -> Option<(&Value, &str)> {
        match self {
            Decision::Write { side, value, rule } if *side == to => Some((value, rule)),
            Decision::Set { values, rule } => Some((values.get(to), rule)),
            _ => None,
        }
    }
}

/// The decision for one field, and the conflict found with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    pub decision: Decision,
    /// A conflict, resolved or open.
    pub conflict: Option<Conflict>,
}

impl Merged {
    fn plain(decision: Decision) -> Merged {
        Merged { decision, conflict: None }
    }
}

/// Merges one field.
///
/// A side has changed when it differs from its own base. With lossy maps the two sides never agree literally, so they
/// are never compared with each other's base.
///
/// ```text
///   source   target    decision
///   same     same      unchanged
///   changed  same      to the target
///   same     changed   to the source
///   changed  changed   new bases if they agree, else a conflict
///   no base            new bases if they agree, fill the blank side, else a conflict
/// ```
///
/// What a person decided about these very values goes first.
pub fn merge_field(rule: &Rule, state: &FieldState<'_>, now: DateTime<Utc>) -> Merged {
    let mut merged = decision_for(rule, state, now);
    if let Decision::Set { values, .. } = &mut merged.decision {
        for side in Side::BOTH {
            let value = std::mem::replace(values.get_mut(side), Value::Null);
            *values.get_mut(side) = rule.fitted(side, value, *state.pages.get(side.other()));
        }
    }
    merged
}

fn decision_for(rule: &Rule, state: &FieldState<'_>, now: DateTime<Utc>) -> Merged {
    if let Some(choice) = chosen(rule, state) {
        return decided(rule, state, choice);
    }
    let Pair { source, target } = state.now;
    let changed = match state.base {
        Some(base) => Pair::new(
            !rule.same(Side::Source, source, base.source),
            !rule.same(Side::Target, target, base.target),
        ),
        None => Pair::new(!source.is_blank(), !target.is_blank()),
    };
    if let Some(side) = unreadable(rule, state.now, &changed) {
        return carry_from(rule, state, side, String::new());
    }
    // With an old base what looks added may be what was removed since.
    if rule.is_set() && !state.outdated && open_about_old_base(state).is_none() {
        return sets::merge(rule, state);
    }
    if changed.source || changed.target {
        let strangers = |side: Side| rule.strangers(side, state.now.get(side)).into_iter();
        if let Some(stranger) = Side::BOTH.into_iter().flat_map(strangers).next().filter(|_| !rule.is_set()) {
            return Merged::plain(Decision::Blocked(stranger));
        }
    }
    match (changed.source, changed.target) {
        (false, false) if state.base.is_some() => {
            Merged::plain(new_default(rule, state).unwrap_or(Decision::Unchanged))
        }
        (false, false) => fill_default(rule),
        _ if rule.agrees(source, target) => Merged::plain(Decision::Agree),
        (true, false) if is_doubtful(rule, state, Side::Source) => conflict(rule, state, now),
        (false, true) if is_doubtful(rule, state, Side::Target) => conflict(rule, state, now),
        (true, false) => carry_from(rule, state, Side::Source, "source changed".to_owned()),
        (false, true) => carry_from(rule, state, Side::Target, "target changed".to_owned()),
        (true, true) => texts::merge(rule, state).unwrap_or_else(|| conflict(rule, state, now)),
    }
}

/// True if the last editor is unknown although only one side differs from its base. Once a person was asked, the
/// conflict stays open until they answer or the unchanged side is edited, even if the base could pass for a new one by
/// then.
fn is_doubtful(rule: &Rule, state: &FieldState<'_>, changed: Side) -> bool {
    let left_alone = changed.other();
    let asked = open_about_old_base(state)
        .is_some_and(|open| rule.same(left_alone, open.values.get(left_alone), state.now.get(left_alone)));
    rule.flow.writes(left_alone) && (asked || state.outdated && may_be_set_back(state, left_alone))
}

/// True if the unchanged side may have been edited since the backup. Without a base, a blank may have been emptied.
/// With an old base, the side that has the old value may have been set back to it, unless its item is untouched since.
/// The items' times are not used: an item's time is not the time of one of its fields.
fn may_be_set_back(state: &FieldState<'_>, side: Side) -> bool {
    match (state.base, state.modified.get(side), state.modified_before.get(side)) {
        (None, _, _) => true,
        (Some(_), Some(now), Some(before)) => now.at > *before,
        (Some(_), Some(_), None) => true,
        // The side keeps no times, so this cannot be known.
        (Some(_), None, _) => false,
    }
}

/// The open conflict that was raised because the base was old.
fn open_about_old_base<'a>(state: &FieldState<'a>) -> Option<&'a OpenConflict> {
    state.open.filter(|open| open.kind == ConflictKind::OldBase.as_str())
}

/// Neither side ever had a value: writes a default to the side that values flow to.
fn fill_default(rule: &Rule) -> Merged {
    let side = if rule.flow.writes(Side::Target) { Side::Target } else { Side::Source };
    Merged::plain(match rule.carry(side.other(), &Value::Null) {
        Ok(value) if !value.is_blank() => Decision::Write { side, value, rule: "default".to_owned() },
        _ => Decision::Agree,
    })
}

/// Returns the decision to write the edited default of a field: the side that values come from is blank, and the other side
/// still has the earlier default.
fn new_default(rule: &Rule, state: &FieldState<'_>) -> Option<Decision> {
    let side = if rule.flow.writes(Side::Target) { Side::Target } else { Side::Source };
    let (from, now) = (side.other(), state.now.get(side));
    let comes_back = || rule.carry(side, now).is_ok_and(|value| value.is_blank());
    if !state.revised || state.outdated || !state.now.get(from).is_blank() {
        return None;
    }
    // What a map takes to nothing may be a person's.
    if !now.is_blank() && rule.flow.writes(from) && comes_back() {
        return None;
    }
    let value = rule.carry(from, &Value::Null).ok().filter(|value| !value.is_blank())?;
    (!rule.same(side, &value, now)).then(|| Decision::Write { side, value, rule: "default".to_owned() })
}

/// The side whose new value flows to the other but does not parse as the field's type, if any. Values that do not flow
/// need no parsing.
fn unreadable(rule: &Rule, now: Pair<&Value>, changed: &Pair<bool>) -> Option<Side> {
    let is_read = |side: Side| read_as(now.get(side), rule.meaning(side)).is_ok();
    let crosses = |side: Side| *changed.get(side) && rule.flow.writes(side.other());
    Side::BOTH.into_iter().find(|side| crosses(*side) && !is_read(*side))
}

/// Carries out what a person decided. A value that is not of its field's type is replaced only in this way.
fn decided(rule: &Rule, state: &FieldState<'_>, choice: &Choice) -> Merged {
    let reason = format!("{choice} chosen by a person");
    let mut merged = match choice.side() {
        Some(side) if lost_on(rule, state) == Some(side) => {
            Merged::plain(set(rule, state, choice, reason.clone()).unwrap_or_else(Decision::Blocked))
        }
        Some(_) if rule.agrees(state.now.source, state.now.target) => return Merged::plain(Decision::Agree),
        Some(winner) => resolved_by(rule, state, winner, reason.clone()),
        None => Merged::plain(set(rule, state, choice, reason.clone()).unwrap_or_else(Decision::Blocked)),
    };
    let kind = state.open.and_then(|open| ConflictKind::parse(&open.kind));
    let resolution = Some(Resolution { winner: choice.clone(), reason });
    // The winner's value may not parse either; then that problem is reported.
    merged.conflict.get_or_insert_with(|| {
        describe(rule, state, kind.unwrap_or(ConflictKind::FieldMismatch), resolution)
    });
    merged
}

/// The decision that gives each side the value chosen for it. Nothing is written if one of them cannot have it.
fn set(rule: &Rule, state: &FieldState<'_>, choice: &Choice, why: String) -> Result<Decision, Unmappable> {
    let Some(values) = wanted(rule, state, choice)? else { return Ok(Decision::Ask) };
    let differs = |side: &Side| !rule.same(*side, values.get(*side), state.now.get(*side));
    for side in Side::BOTH.into_iter().filter(differs) {
        if !rule.flow.writes(side) {
            return Err(unwritten(rule, side, values.get(side)));
        }
    }
    Ok(match (differs(&Side::Source), differs(&Side::Target)) {
        (false, false) => Decision::Agree,
        (true, true) => Decision::Set { values, rule: why },
        (source, _) => {
            let side = if source { Side::Source } else { Side::Target };
            Decision::Write { side, value: values.get(side).clone(), rule: why }
        }
    })
}

/// The refusal of a value for a side that this sync does not write.
pub fn unwritten(rule: &Rule, side: Side, value: &Value) -> Unmappable {
    let why = format!("this sync does not write the {side}; set {value} there, or choose the {side}'s value");
    Unmappable::Refused { side, field: rule.field.get(side).clone(), why }
}

/// The values that a choice of neither side gives both; none if the sides never agreed, so that there is no base.
fn wanted(rule: &Rule, state: &FieldState<'_>, choice: &Choice) -> Result<Option<Pair<Value>>, Unmappable> {
    match choice {
        Choice::Value(value) => rule.both(value).map(Some),
        // The overwritten edit comes back; the other value is what both have.
        Choice::Source | Choice::Target => {
            let lost = choice.side().filter(|side| lost_on(rule, state) == Some(*side));
            let Some((side, open)) = lost.zip(state.open) else {
                return Ok(Some(Pair::new(state.now.source.clone(), state.now.target.clone())));
            };
            let value = open.values.get(side);
            let mut both = Pair::new(value.clone(), value.clone());
            *both.get_mut(side.other()) = rule.carry(side, value)?;
            Ok(Some(both))
        }
        Choice::Base => {
            let of = |side: Side, base: &Value| rule.keeping(side, base.clone(), state.now.get(side));
            let both =
                |base: Pair<&Value>| Pair::new(of(Side::Source, base.source), of(Side::Target, base.target));
            Ok(state.base.map(both))
        }
    }
}

fn carry_from(rule: &Rule, state: &FieldState<'_>, from: Side, why: String) -> Merged {
    let to = from.other();
    if !rule.flow.writes(to) {
        return Merged::plain(Decision::Drift);
    }
    let copy = rule.shortened_side(state.base, state.now);
    if copy == Some(from) {
        return copies::carry(rule, state, from, why);
    }
    let carried = rule.carry(from, state.now.get(from));
    let placed = |value: Value| {
        let merges = copy.is_none() && !value.is_blank() && !rule.is_too_long(to, &value);
        let merged = if merges { texts::one_sided(rule, state, from) } else { None };
        let merged = merged.filter(|merged| !rule.is_too_long(to, merged));
        merged.unwrap_or_else(|| copies::placed(rule, state, to, value))
    };
    match carried.map(placed) {
        Ok(value) if rule.same(to, &value, state.now.get(to)) => Merged::plain(Decision::Agree),
        Ok(value) => Merged::plain(Decision::Write { side: to, value, rule: why }),
        Err(problem) => {
            let conflict = matches!(problem, Unmappable::Type { .. })
                .then(|| describe(rule, state, ConflictKind::TypeMismatch, None));
            Merged { decision: Decision::Blocked(problem), conflict }
        }
    }
}

fn conflict(rule: &Rule, state: &FieldState<'_>, now: DateTime<Utc>) -> Merged {
    let old_base = state.outdated || open_about_old_base(state).is_some();
    let waits = rule.strategy == Strategy::LastWriteWins && was_refused(state);
    let kind = match state.base {
        _ if old_base => ConflictKind::OldBase,
        _ if waits => ConflictKind::TypeMismatch,
        Some(_) => ConflictKind::FieldMismatch,
        None => ConflictKind::Timestamp,
    };
    let resolution = match rule.strategy {
        // No strategy overrides a person's choice once it was asked for. With an old base the items' times are not used:
        // the later item may have been edited in another field, or only written by us.
        _ if old_base => None,
        // A time that cannot be parsed may be the later one.
        Strategy::LastWriteWins if state.unread.source || state.unread.target => None,
        // The winner's value was refused. The later time may come from this sync's own write to other fields.
        _ if waits => None,
        strategy => resolve(strategy, state.modified, now),
    };
    let winner = resolution.as_ref().and_then(|resolution| Some((resolution.winner.side()?, resolution)));
    let mut merged = match winner {
        Some((winner, resolution)) => resolved_by(rule, state, winner, resolution.reason.clone()),
        None => Merged::plain(Decision::Ask),
    };
    merged.conflict.get_or_insert_with(|| describe(rule, state, kind, resolution));
    merged
}

/// Carries the winner's value to the loser. If the loser may not be written, each side keeps its own value for good.
fn resolved_by(rule: &Rule, state: &FieldState<'_>, winner: Side, reason: String) -> Merged {
    let mut merged = carry_from(rule, state, winner, reason);
    if merged.decision == Decision::Drift {
        merged.decision = Decision::Agree;
    }
    merged
}

fn describe(
    rule: &Rule,
    state: &FieldState<'_>,
    kind: ConflictKind,
    resolution: Option<Resolution>,
) -> Conflict {
    Conflict {
        field: Some(rule.field.source.clone()),
        kind,
        base: state.base.map_or(Value::Null, |base| base.source.clone()),
        values: Pair::new(state.now.source.clone(), state.now.target.clone()),
        modified: state.modified,
        resolution,
    }
}

/// True if the other side refused the winning value and both values are unchanged since.
fn was_refused(state: &FieldState<'_>) -> bool {
    let refused = [ConflictKind::TypeMismatch, ConflictKind::RefusedValue];
    unchanged_conflict(state).is_some_and(|open| refused.iter().any(|kind| open.kind == kind.as_str()))
}

/// The side on which a write has overwritten the edit that an open conflict shows; none if a later run has changed the base.
fn lost_on(rule: &Rule, state: &FieldState<'_>) -> Option<Side> {
    let open = state.open.filter(|open| open.kind == ConflictKind::LostUpdate.as_str())?;
    let base = state.base?;
    let is_base = |side: Side| rule.same(side, open.values.get(side), base.get(side));
    Side::BOTH.into_iter().find(|side| !is_base(*side) && is_base(side.other()))
}

/// What a person chose; none if the values have changed since they were shown. A value that this choice gave a side is
/// not such a change: the write to the other side may have failed.
pub(crate) fn chosen<'a>(rule: &Rule, state: &FieldState<'a>) -> Option<&'a Choice> {
    let open = state.open?;
    let choice = open.chosen.as_ref()?;
    let base = state.base.filter(|_| lost_on(rule, state).is_some());
    if choice.side().is_some() && base.is_none() {
        return unchanged_conflict(state).map(|_| choice);
    }
    let wanted = wanted(rule, state, choice);
    let seen = |side: Side| match base {
        // Both have what the write has put in the place of the edit.
        Some(base) => rule.same(side, base.get(side), state.now.get(side)),
        None => open.values.get(side).same(state.now.get(side)),
    };
    let set = |side: Side| match &wanted {
        Ok(Some(values)) => values.get(side).same(state.now.get(side)),
        Ok(None) | Err(_) => false,
    };
    let stands = Side::BOTH.into_iter().all(|side| seen(side) || set(side));
    (stands && !matches!(wanted, Ok(None))).then_some(choice)
}

/// The open conflict; none if the values have changed since they were shown.
fn unchanged_conflict<'a>(state: &FieldState<'a>) -> Option<&'a OpenConflict> {
    let same = |open: &&OpenConflict| {
        Side::BOTH.into_iter().all(|side| open.values.get(side).same(state.now.get(side)))
    };
    state.open.filter(same)
}
