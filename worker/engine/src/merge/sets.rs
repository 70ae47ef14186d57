//! Three-way merge of a set, element by element: what either side added is added to the other, and what either side
//! removed is removed there. Two edits never contradict each other, so there is no conflict.

use super::{Decision, FieldState, Merged, fill_default};
use crate::{
    Side,
    mapping::{Elements, Rule, Unmappable},
    side::Pair,
};

/// Merges one field whose values are sets. Without a base both sides keep what they have and take what the other has.
pub(super) fn merge(rule: &Rule, state: &FieldState<'_>) -> Merged {
    let of = |side: Side| rule.elements(side, state.now.get(side));
    let now = Pair::new(of(Side::Source), of(Side::Target));
    let before = |side: Side| state.base.map(|base| rule.elements(side, base.get(side))).unwrap_or_default();
    let base = Pair::new(before(Side::Source), before(Side::Target));
    if state.base.is_none() && now.source.is_empty() && now.target.is_empty() {
        return fill_default(rule);
    }
    Merged::plain(decide(rule, state, &now, &base).unwrap_or_else(Decision::Blocked))
}

fn decide(
    rule: &Rule,
    state: &FieldState<'_>,
    now: &Pair<Elements>,
    base: &Pair<Elements>,
) -> Result<Decision, Unmappable> {
    let after = Pair::new(merged(now, base, Side::Source), merged(now, base, Side::Target));
    let differs = |side: &Side| !after.get(*side).iter().eq(now.get(*side).shared());
    let writes = |side: &Side| differs(side) && rule.flow.writes(*side);
    let value = |side: Side| {
        let elements = after.get(side).iter().chain(now.get(side).own());
        rule.set(side, elements.cloned())
    };
    let changed = |side: Side| !now.get(side).shares(base.get(side));
    Ok(match (writes(&Side::Source), writes(&Side::Target)) {
        (true, true) => Decision::Set {
            values: Pair::new(value(Side::Source)?, value(Side::Target)?),
            rule: "both sets merged".to_owned(),
        },
        (source, target) if source || target => {
            let side = if source { Side::Source } else { Side::Target };
            Decision::Write { side, value: value(side)?, rule: format!("{} changed", side.other()) }
        }
        _ if Side::BOTH.iter().any(differs) => Decision::Drift,
        _ if state.base.is_some() && !Side::BOTH.into_iter().any(changed) => Decision::Unchanged,
        _ => Decision::Agree,
    })
}

/// The shared elements that a side is to have, sorted.
fn merged(now: &Pair<Elements>, base: &Pair<Elements>, to: Side) -> Vec<String> {
    let (here, there) = (now.get(to), now.get(to.other()));
    let added = there.without(base.get(to.other()));
    let removed = base.get(to.other()).without(there);
    let goes = |element: &String| {
        base.get(to).has(element)
            && removed.has_counterpart(here, element)
            && !there.has_counterpart(here, element)
    };
    let new = added.shared().filter(|element| !here.has_counterpart(there, element));
    let new = new.filter_map(|element| there.word_there(element));
    let mut all: Vec<String> = here.shared().filter(|element| !goes(element)).chain(new).cloned().collect();
    all.sort();
    all.dedup();
    all
}
