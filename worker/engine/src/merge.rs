//! Three-way merge of one field.

use chrono::{DateTime, Utc};

use crate::{
    Side, Value,
    conflict::{Conflict, ConflictKind, OpenConflict, Resolution},
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
    /// The mapping's direction forbids the write: the values stay different, and the bases stay.
    Drift,
    /// Left for a person.
    Ask,
    /// The value cannot be carried over; nothing is written and the bases stay.
    Blocked(Unmappable),
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
pub fn merge_field(rule: &Rule, state: &FieldState<'_>, now: DateTime<Utc>) -> Merged {
    let Pair { source, target } = state.now;
    let changed = match state.base {
        Some(base) => Pair::new(!source.same(base.source), !target.same(base.target)),
        None => Pair::new(!source.is_blank(), !target.is_blank()),
    };
    if let Some(side) = unreadable(rule, state.now, &changed) {
        return unreadable_value(rule, state, side);
    }
    match (changed.source, changed.target) {
        (false, false) if state.base.is_some() => Merged::plain(Decision::Unchanged),
        (false, false) => fill_default(rule),
        _ if rule.agrees(source, target) => Merged::plain(Decision::Agree),
        (true, false) if is_doubtful(rule, state, Side::Source) => conflict(rule, state, now),
        (false, true) if is_doubtful(rule, state, Side::Target) => conflict(rule, state, now),
        (true, false) => carry_from(rule, state, Side::Source, "source changed".to_owned()),
        (false, true) => carry_from(rule, state, Side::Target, "target changed".to_owned()),
        (true, true) => conflict(rule, state, now),
    }
}

/// True if the last editor is unknown although only one side differs from its base. Once a person was asked, the
/// conflict stays open until they answer or the unchanged side is edited, even if the base could pass for a new one by
/// then.
fn is_doubtful(rule: &Rule, state: &FieldState<'_>, changed: Side) -> bool {
    let left_alone = changed.other();
    let asked = open_about_old_base(state)
        .is_some_and(|open| open.values.get(left_alone).same(state.now.get(left_alone)));
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

/// The side whose new value flows to the other but does not parse as the field's type, if any. Values that do not flow
/// need no parsing.
fn unreadable(rule: &Rule, now: Pair<&Value>, changed: &Pair<bool>) -> Option<Side> {
    let is_read = |side: Side| read_as(now.get(side), *rule.field_type.get(side)).is_ok();
    let crosses = |side: Side| *changed.get(side) && rule.flow.writes(side.other());
    Side::BOTH.into_iter().find(|side| crosses(*side) && !is_read(*side))
}

/// Carries a value that is not of its field's type only if a person chose the other side's value to replace it.
fn unreadable_value(rule: &Rule, state: &FieldState<'_>, side: Side) -> Merged {
    let winner = side.other();
    if chosen(state) != Some(winner) {
        return carry_from(rule, state, side, String::new());
    }
    let reason = format!("{winner} chosen by a person");
    let mut merged = resolved_by(rule, state, winner, reason.clone());
    let resolution = Some(Resolution { winner, reason });
    // The winner's value may not parse either; then that problem is reported.
    merged.conflict.get_or_insert_with(|| describe(rule, state, ConflictKind::TypeMismatch, resolution));
    merged
}

fn carry_from(rule: &Rule, state: &FieldState<'_>, from: Side, why: String) -> Merged {
    let to = from.other();
    if !rule.flow.writes(to) {
        return Merged::plain(Decision::Drift);
    }
    match rule.carry(from, state.now.get(from)) {
        Ok(value) if value.same(state.now.get(to)) => Merged::plain(Decision::Agree),
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
    let resolution = match chosen(state) {
        Some(side) => Some(Resolution { winner: side, reason: format!("{side} chosen by a person") }),
        // No strategy overrides a person's choice once it was asked for. With an old base the items' times are not used:
        // the later item may have been edited in another field, or only written by us.
        None if old_base => None,
        // A time that cannot be parsed may be the later one.
        None if rule.strategy == Strategy::LastWriteWins && (state.unread.source || state.unread.target) => {
            None
        }
        // The winner's value was refused. The later time may come from this sync's own write to other fields.
        None if waits => None,
        None => resolve(rule.strategy, state.modified, now),
    };
    let mut merged = match &resolution {
        Some(resolution) => resolved_by(rule, state, resolution.winner, resolution.reason.clone()),
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

/// The side that a person chose; none if the values have changed since they were shown.
pub(crate) fn chosen(state: &FieldState<'_>) -> Option<Side> {
    unchanged_conflict(state)?.chosen
}

/// The open conflict; none if the values have changed since they were shown.
fn unchanged_conflict<'a>(state: &FieldState<'a>) -> Option<&'a OpenConflict> {
    let same = |open: &&OpenConflict| {
        Side::BOTH.into_iter().all(|side| open.values.get(side).same(state.now.get(side)))
    };
    state.open.filter(same)
}
