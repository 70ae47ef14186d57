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

/// What is known of one field of a linked pair. All values are typed.
#[derive(Debug, Clone, Copy)]
pub struct FieldState<'a> {
    /// The values now.
    pub now: Pair<&'a Value>,
    /// Per side, the value it last returned; none before the field was first synced.
    pub base: Option<Pair<&'a Value>>,
    /// When each item was modified.
    pub modified: Pair<Option<Instant>>,
    /// Whether an item states a time of its last change that cannot be read.
    pub unread: Pair<bool>,
    /// When each had been modified, as of the base.
    pub modified_before: Pair<Option<DateTime<Utc>>>,
    /// A conflict in this field that an earlier run left open.
    pub open: Option<&'a OpenConflict>,
    /// The base is that of a backup: both sides may have been in step since, at other values.
    pub outdated: bool,
}

/// What to do about one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Nothing changed.
    Unchanged,
    /// The sides say the same: nothing to write, the bases take the present values.
    Agree,
    /// Write `value` to `side`; once confirmed, the bases take what both sides then have.
    Write {
        /// The side written to.
        side: Side,
        /// The value, in that side's type.
        value: Value,
        /// Why, for the audit trail.
        rule: String,
    },
    /// The side that changed may not be carried to the other: the values stay apart, and the bases stay.
    Drift,
    /// Left for a person.
    Ask,
    /// The value cannot cross; nothing is written and the bases stay.
    Blocked(Unmappable),
}

/// The decision for one field, and the conflict that was met on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// What to do.
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
/// A side has changed when it differs from its own base; with lossy maps the two sides never agree literally, so they are
/// never compared with each other's base.
///
/// ```text
///   source   target    decision
///   same     same      unchanged
///   changed  same      to the target
///   same     changed   to the source
///   changed  changed   settle if they agree, else a conflict
///   no base            settle if they agree, fill the blank side, else a conflict
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

/// Whether it is open who edited last, though only one side differs from its base. Once a person was asked about this it
/// stays open until they answer, or somebody edits what was left alone, even if the base may pass for a new one by then.
fn is_doubtful(rule: &Rule, state: &FieldState<'_>, changed: Side) -> bool {
    let left_alone = changed.other();
    let asked = open_about_old_base(state)
        .is_some_and(|open| open.values.get(left_alone).same(state.now.get(left_alone)));
    rule.flow.writes(left_alone) && (asked || state.outdated && may_be_set_back(state, left_alone))
}

/// An old base does not tell. Without one, a blank may be what somebody has emptied. With one, the side that has the old
/// value may have been set back to it since, unless nobody has touched its item: an item's time says nothing about one of
/// its fields, so it does not matter which of the two is the later.
fn may_be_set_back(state: &FieldState<'_>, side: Side) -> bool {
    match (state.base, state.modified.get(side), state.modified_before.get(side)) {
        (None, _, _) => true,
        (Some(_), Some(now), Some(before)) => now.at > *before,
        (Some(_), Some(_), None) => true,
        // It keeps no times, so it cannot be known.
        (Some(_), None, _) => false,
    }
}

/// What a person was asked because the base was old.
fn open_about_old_base<'a>(state: &FieldState<'a>) -> Option<&'a OpenConflict> {
    state.open.filter(|open| open.kind == ConflictKind::OldBase.as_str())
}

/// Neither side ever had a value: a default is written to the side that values flow to.
fn fill_default(rule: &Rule) -> Merged {
    let side = if rule.flow.writes(Side::Target) { Side::Target } else { Side::Source };
    Merged::plain(match rule.carry(side.other(), &Value::Null) {
        Ok(value) if !value.is_blank() => Decision::Write { side, value, rule: "default".to_owned() },
        _ => Decision::Agree,
    })
}

/// The side that changed to a value which is not of the field's type and may cross, if there is one. What may not cross
/// needs no reading.
fn unreadable(rule: &Rule, now: Pair<&Value>, changed: &Pair<bool>) -> Option<Side> {
    let is_read = |side: Side| read_as(now.get(side), *rule.field_type.get(side)).is_ok();
    let crosses = |side: Side| *changed.get(side) && rule.flow.writes(side.other());
    Side::BOTH.into_iter().find(|side| crosses(*side) && !is_read(*side))
}

/// A value that is not of its field's type crosses only if a person said that the other side's replaces it.
fn unreadable_value(rule: &Rule, state: &FieldState<'_>, side: Side) -> Merged {
    let winner = side.other();
    if chosen(state) != Some(winner) {
        return carry_from(rule, state, side, String::new());
    }
    let reason = format!("{winner} chosen by a person");
    let mut merged = resolved_by(rule, state, winner, reason.clone());
    let resolution = Some(Resolution { winner, reason });
    // The winner's value may be unreadable as well; then that is what is told.
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
    let kind = match state.base {
        _ if old_base => ConflictKind::OldBase,
        Some(_) => ConflictKind::FieldMismatch,
        None => ConflictKind::Timestamp,
    };
    let resolution = match chosen(state) {
        Some(side) => Some(Resolution { winner: side, reason: format!("{side} chosen by a person") }),
        // A person's choice, once asked for, is not overtaken by a strategy. And an item's time says nothing about one of
        // its fields when the base is old: the later item may have been edited elsewhere, or only written by us.
        None if old_base => None,
        // A time that cannot be read may be the later one.
        None if rule.strategy == Strategy::LastWriteWins && (state.unread.source || state.unread.target) => {
            None
        }
        // The winner's value was refused. The later time may be that of this sync's own write to other fields.
        None if was_refused(state) => None,
        None => resolve(rule.strategy, state.modified, now),
    };
    let mut merged = match &resolution {
        Some(resolution) => resolved_by(rule, state, resolution.winner, resolution.reason.clone()),
        None => Merged::plain(Decision::Ask),
    };
    merged.conflict.get_or_insert_with(|| describe(rule, state, kind, resolution));
    merged
}

/// The winner's value for the loser. Where the loser may not be written, each side keeps its own, for good.
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

/// Whether the other side refused the value that won, and both values still are what they were.
fn was_refused(state: &FieldState<'_>) -> bool {
    unchanged_conflict(state).is_some_and(|open| open.kind == ConflictKind::TypeMismatch.as_str())
}

/// The side that a person chose, while the values are still those that were shown.
pub(crate) fn chosen(state: &FieldState<'_>) -> Option<Side> {
    unchanged_conflict(state)?.chosen
}

/// The open conflict, while the values are still those that were shown.
fn unchanged_conflict<'a>(state: &FieldState<'a>) -> Option<&'a OpenConflict> {
    let same = |open: &&OpenConflict| {
        Side::BOTH.into_iter().all(|side| open.values.get(side).same(state.now.get(side)))
    };
    state.open.filter(same)
}
