//! Three-way merge of a text, block by block. Edits of different blocks are both kept; two edits of one block are a conflict
//! of the whole field, which the sync's strategy resolves.

use super::{Decision, FieldState, Merged, copies, open_about_old_base};
use crate::{
    Side, Value,
    mapping::{Rule, Unmappable},
    side::Pair,
};

/// Merges a text that both sides edited. None if that is a conflict.
pub(super) fn merge(rule: &Rule, state: &FieldState<'_>) -> Option<Merged> {
    let base = state.base.filter(|_| !state.outdated && open_about_old_base(state).is_none())?;
    // What was emptied on one side and edited on the other is not put together.
    let is_blank = |side: Side| state.now.get(side).is_blank();
    if is_blank(Side::Source) || is_blank(Side::Target) {
        return None;
    }
    let values = match rule.shortened_side(state.base, state.now) {
        Some(copy) => copies::merged(rule, state, base, copy)?,
        None => rule.merge_texts(base, state.now)?,
    };
    Some(Merged::plain(decide(rule, state, values, "both texts merged".to_owned())))
}

/// The text of side `from` for the other side, which did not edit its own: only the changed blocks are written anew there.
pub(super) fn one_sided(rule: &Rule, state: &FieldState<'_>, from: Side) -> Option<Value> {
    let to = from.other();
    let base = state.base.filter(|_| !state.outdated)?;
    if !rule.is_rich_text() || !rule.same(to, state.now.get(to), base.get(to)) {
        return None;
    }
    let merged = rule.merge_texts(base, state.now)?;
    Some(merged.get(to).clone()).filter(|value| !value.is_blank())
}

pub(super) fn decide(rule: &Rule, state: &FieldState<'_>, values: Pair<Value>, why: String) -> Decision {
    if values.source.is_blank() && rule.required {
        return Decision::Blocked(Unmappable::Required { field: rule.field.source.clone() });
    }
    let differs = |side: Side| !rule.same(side, values.get(side), state.now.get(side));
    let writes = |side: Side| differs(side) && rule.flow.writes(side);
    match (writes(Side::Source), writes(Side::Target)) {
        (true, true) => Decision::Set { values, rule: why },
        (true, false) => Decision::Write { side: Side::Source, value: values.source, rule: why },
        (false, true) => Decision::Write { side: Side::Target, value: values.target, rule: why },
        (false, false) if Side::BOTH.into_iter().any(differs) => Decision::Drift,
        (false, false) => Decision::Agree,
    }
}
