//! Texts that are too long for one side, which has a shortened copy. The copy never replaces the whole text: an edit of it goes
//! into the block that it was made in, or is refused.

use super::{Decision, FieldState, Merged, open_about_old_base, texts};
use crate::{
    Side, Value,
    mapping::{Rule, Unmappable},
    side::Pair,
};

/// A value in the place of the present one, in the length that the side can hold.
pub(super) fn placed(rule: &Rule, state: &FieldState<'_>, to: Side, value: Value) -> Value {
    let page = *state.pages.get(to.other());
    let value = rule.fitted(to, value, page);
    let kept = rule.keeping(to, value.clone(), state.now.get(to));
    // The blocks of the side's own spelling may be longer.
    if rule.is_too_long(to, &kept) { value } else { kept }
}

/// Carries the edit of a copy to the side that has the whole text.
pub(super) fn carry(rule: &Rule, state: &FieldState<'_>, copy: Side, why: String) -> Merged {
    let whole = copy.other();
    let base = state.base.filter(|_| !state.outdated && open_about_old_base(state).is_none());
    let is_same = |base: &Pair<&Value>| rule.same(whole, state.now.get(whole), base.get(whole));
    Merged::plain(match base.filter(is_same).and_then(|base| merged(rule, state, base, copy)) {
        Some(values) => texts::decide(rule, state, values, why),
        None => Decision::Blocked(refusal(rule, copy)),
    })
}

/// The texts of both sides with the edits of both. None if the copy's edit does not fit into the whole text.
pub(super) fn merged(
    rule: &Rule,
    state: &FieldState<'_>,
    base: Pair<&Value>,
    copy: Side,
) -> Option<Pair<Value>> {
    let whole = copy.other();
    let text = rule.merge_into_whole(base, state.now, whole)?;
    let short = placed(rule, state, copy, rule.carry(whole, &text).ok()?);
    Some(match whole {
        Side::Source => Pair::new(text, short),
        Side::Target => Pair::new(short, text),
    })
}

fn refusal(rule: &Rule, copy: Side) -> Unmappable {
    let whole = copy.other();
    let why = format!(
        "the {copy} has a shortened copy, and its edit has no certain place in the whole text; edit the text in the {whole}, \
         or undo the edit in the {copy}"
    );
    Unmappable::Refused { side: whole, field: rule.field.get(whole).clone(), why }
}
