//! Plans what to do about one item. Pure: the same facts give the same plan, so a dry run shows what a run does.

mod deletion;
pub(crate) mod fields;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{
    Item, Side, Value,
    capability::Removal,
    conflict::Conflict,
    mapping::Mapping,
    merge::Decision,
    ports::{ConnectorError, Link, LinkState, Marker, OpKind, Place},
    side::Pair,
    spec::SyncSpec,
    value::Fields,
};

/// What applies to every item of a run.
pub struct Context<'a> {
    pub spec: &'a SyncSpec,
    pub mapping: &'a Mapping,
    /// The connectors: their capabilities, which ids they treat as the same, which values they accept. Plans make no
    /// calls.
    pub places: Pair<&'a dyn Place>,
    /// The time of the run.
    pub now: DateTime<Utc>,
    /// Act on a missing item at once instead of at the second complete listing.
    pub confirm_deletes: bool,
    /// The links are older than the items: see [`Options::after_restore`](crate::run::Options::after_restore).
    pub after_restore: bool,
    /// True per side if a create there may duplicate an existing item, and no lookup can tell.
    pub doubtful: Pair<bool>,
}

/// What was read about one item.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Present(Item),
    /// The item existed, and a complete listing no longer has it.
    Missing,
    /// The platform says that the item was deleted.
    Gone,
    /// The platform does not show the item, and no listing tells why.
    NotVisible,
    /// The item exists outside what the place lists.
    OutOfScope,
    /// The item could not be read.
    Unread(ConnectorError),
    /// The item never existed: its counterpart is new.
    Never,
}

impl Seen {
    /// The item, if present.
    pub fn item(&self) -> Option<&Item> {
        match self {
            Seen::Present(item) => Some(item),
            Seen::Missing
            | Seen::Gone
            | Seen::NotVisible
            | Seen::OutOfScope
            | Seen::Unread(_)
            | Seen::Never => None,
        }
    }
}

/// What is known about one pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// None for a new pair.
    pub link: Option<Link>,
    pub seen: Pair<Seen>,
    /// The delete guard has counted the link, so that its items may be removed. False in runs of single items, which
    /// only mark.
    pub may_remove: bool,
    /// When each item was read, by the clock that never goes back; zero if it comes from a listing.
    pub read_at: Pair<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ItemPlan {
    pub facts: Facts,
    /// The present values of the mapped fields, typed; empty for a side without an item.
    pub now: Pair<Fields>,
    pub action: Action,
    /// Writes, at most one per side.
    pub ops: Vec<Op>,
    /// One decision per rule of the mapping, in its order; empty if fields were not merged.
    pub decisions: Vec<Decision>,
    /// Conflicts found, resolved or open.
    pub conflicts: Vec<Conflict>,
    /// What could not be carried over, as messages for people.
    pub problems: Vec<String>,
    /// What is left alone because the other side has no counterpart of it; no failure.
    pub notes: Vec<String>,
}

/// What a plan does to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The two items are merged; `ops` may be empty.
    Merge,
    /// A counterpart is created on this side.
    Create(Side),
    /// Nothing: by policy the item stays on its side only.
    Leave,
    /// The item was missing on this side for the first time.
    MarkMissing(Side),
    /// The item on this side has left what its place lists; nothing is written until it is back.
    LeaveScope(Side),
    /// The item on this side is removed, because its counterpart is gone.
    Delete(Side),
    /// The item is gone from this side; the link ends, the counterpart stays.
    End(Side),
    /// Deleted on this side, edited on the other: a person decides.
    AskDeleted(Side),
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub struct Op {
    pub side: Side,
    pub kind: OpKind,
    /// How an item is removed; of no meaning for other writes.
    pub how: Removal,
    /// The item's id; for a create, the requested id.
    pub id: Option<String>,
    /// The marker by which a create can be found again.
    pub marker: Option<Marker>,
    pub fields: Vec<FieldWrite>,
    /// The values as read, for the platform to compare.
    pub expected: Fields,
    /// The version as read.
    pub version: Option<String>,
}

/// One field of a write.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldWrite {
    /// The side's name of the field.
    pub field: String,
    pub before: Value,
    pub after: Value,
    /// The rule that decided.
    pub rule: String,
}

impl ItemPlan {
    fn new(facts: Facts, mapping: &Mapping, action: Action) -> ItemPlan {
        let typed = |side: Side| {
            facts.seen.get(side).item().map(|item| mapping.typed(side, item)).unwrap_or_default()
        };
        let now = Pair::new(typed(Side::Source), typed(Side::Target));
        ItemPlan {
            facts,
            now,
            action,
            ops: Vec::new(),
            decisions: Vec::new(),
            conflicts: vec![],
            problems: vec![],
            notes: vec![],
        }
    }

    /// True if the plan changes anything on a platform.
    pub fn writes(&self) -> bool {
        !self.ops.is_empty()
    }

    /// Conflicts left for a person.
    pub fn open_conflicts(&self) -> usize {
        self.conflicts.iter().filter(|conflict| conflict.resolution.is_none()).count()
    }

    /// The name of the pair for people: the source's key or id, else the target's.
    pub fn label(&self) -> &str {
        let of = |side: Side| {
            let item = self.facts.seen.get(side).item();
            let linked = || self.facts.link.as_ref().and_then(|link| link.ids.get(side).as_deref());
            item.map(|item| item.key.as_deref().unwrap_or(&item.id)).or_else(linked)
        };
        of(Side::Source).or_else(|| of(Side::Target)).unwrap_or("?")
    }
}

/// Plans one pair.
pub fn plan_item(context: &Context<'_>, facts: Facts) -> ItemPlan {
    if let Some(plan) = unknown(context, &facts) {
        return plan;
    }
    match (&facts.seen.source, &facts.seen.target) {
        (Seen::Present(_), Seen::Present(_)) => fields::merge(context, facts),
        (Seen::Present(_), Seen::Never) => fields::create(context, facts, Side::Target),
        (Seen::Never, Seen::Present(_)) => fields::create(context, facts, Side::Source),
        (Seen::Present(_), _) => deletion::plan(context, facts, Side::Target),
        (_, Seen::Present(_)) => deletion::plan(context, facts, Side::Source),
        (Seen::Never, Seen::Never) => ItemPlan::new(facts, context.mapping, Action::Leave),
        (Seen::Never, _) => deletion::both_gone(context, facts, Side::Target),
        (_, _) => deletion::both_gone(context, facts, Side::Source),
    }
}

/// The plan for a pair of which one item's fate is unknown, or that is out of scope; none for other pairs.
fn unknown(context: &Context<'_>, facts: &Facts) -> Option<ItemPlan> {
    let new = |action| ItemPlan::new(facts.clone(), context.mapping, action);
    let sides = || Side::BOTH.into_iter();
    let error = sides().find_map(|side| match facts.seen.get(side) {
        Seen::Unread(error) => Some(format!("{side}: {error}")),
        _ => None,
    });
    if let Some(problem) = error {
        let mut plan = new(Action::Leave);
        plan.problems.push(problem);
        return Some(plan);
    }
    if let Some(side) = sides().find(|side| *facts.seen.get(*side) == Seen::OutOfScope) {
        return Some(new(Action::LeaveScope(side)));
    }
    sides().any(|side| *facts.seen.get(side) == Seen::NotVisible).then(|| new(Action::Leave))
}

/// True if this link has ended and its deleted item has not come back; if both were deleted, neither of them.
pub fn has_ended(link: &Link, seen: &Pair<Seen>) -> bool {
    let gone = |side: Side| seen.get(side).item().is_none();
    let gone = link.deleted_side.map_or_else(|| gone(Side::Source) && gone(Side::Target), gone);
    link.state == LinkState::Tombstone && gone
}
