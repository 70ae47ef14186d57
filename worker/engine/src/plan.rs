//! What is to be done about one item. Pure: the same facts give the same plan, so a dry run shows what a run does.

mod deletion;
pub(crate) mod fields;

use chrono::{DateTime, Utc};

use crate::{
    Item, Side, Value,
    conflict::Conflict,
    mapping::Mapping,
    merge::Decision,
    ports::{Connector, Link, LinkState, Marker, OpKind},
    side::Pair,
    spec::SyncSpec,
    value::Fields,
};

/// What holds for every item of a run.
pub struct Context<'a> {
    /// The sync.
    pub spec: &'a SyncSpec,
    /// Its mapping, compiled.
    pub mapping: &'a Mapping,
    /// The two places: what they can do, which ids they take for the same, and what their fields take. Plans make no calls.
    pub places: Pair<&'a dyn Connector>,
    /// The time of the run.
    pub now: DateTime<Utc>,
    /// Act on an absence at once instead of at the second complete listing.
    pub confirm_deletes: bool,
    /// The links are older than the two places: see [`Options::after_restore`](crate::run::Options::after_restore).
    pub after_restore: bool,
    /// What a create on this side would make may be there already, and nothing tells.
    pub doubtful: Pair<bool>,
}

/// What was read of one item.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// It is there.
    Present(Item),
    /// It was there once, and a complete listing no longer has it.
    Missing,
    /// It never was there: its counterpart is new.
    Never,
}

impl Seen {
    /// The item, if it is there.
    pub fn item(&self) -> Option<&Item> {
        match self {
            Seen::Present(item) => Some(item),
            Seen::Missing | Seen::Never => None,
        }
    }
}

/// Everything that is known about one pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Its link, if it has one yet.
    pub link: Option<Link>,
    /// Its items.
    pub seen: Pair<Seen>,
}

/// What to do about one pair.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemPlan {
    /// What was known.
    pub facts: Facts,
    /// The mapped fields now, typed; empty for a side without an item.
    pub now: Pair<Fields>,
    /// What happens.
    pub action: Action,
    /// Writes, at most one per side.
    pub ops: Vec<Op>,
    /// The outcome per rule of the mapping, in its order; empty where fields were not merged.
    pub decisions: Vec<Decision>,
    /// Conflicts met, settled or open.
    pub conflicts: Vec<Conflict>,
    /// What could not be carried across, for people.
    pub problems: Vec<String>,
}

/// What a plan does to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The two items are merged; `ops` may be empty.
    Merge,
    /// A counterpart is created on this side.
    Create(Side),
    /// Nothing: policy keeps the item to its side.
    Leave,
    /// The item was absent on this side for the first time.
    MarkMissing(Side),
    /// The item on this side goes, because its counterpart went.
    Delete(Side),
    /// The item went from this side; the link ends, the counterpart stays.
    End(Side),
    /// Deleted on this side, edited on the other: a person decides.
    AskDeleted(Side),
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub struct Op {
    /// Where.
    pub side: Side,
    /// What kind.
    pub kind: OpKind,
    /// The item; of a create, the id asked for.
    pub id: Option<String>,
    /// What a create can be found again by.
    pub marker: Option<Marker>,
    /// The fields written.
    pub fields: Vec<FieldWrite>,
    /// The item as it was read, for the platform to compare.
    pub expected: Fields,
    /// Its version as it was read.
    pub version: Option<String>,
}

/// One field of a write.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldWrite {
    /// The side's name of the field.
    pub field: String,
    /// The value read.
    pub before: Value,
    /// The value to write.
    pub after: Value,
    /// Why.
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
        }
    }

    /// Whether carrying out the plan changes anything on a platform.
    pub fn writes(&self) -> bool {
        !self.ops.is_empty()
    }

    /// Conflicts left for a person.
    pub fn open_conflicts(&self) -> usize {
        self.conflicts.iter().filter(|conflict| conflict.resolution.is_none()).count()
    }

    /// What people know the pair by: the source's key or id, else the target's.
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
    match (&facts.seen.source, &facts.seen.target) {
        (Seen::Present(_), Seen::Present(_)) => fields::merge(context, facts),
        (Seen::Present(_), Seen::Never) => fields::create(context, facts, Side::Target),
        (Seen::Never, Seen::Present(_)) => fields::create(context, facts, Side::Source),
        (Seen::Present(_), Seen::Missing) => deletion::plan(context, facts, Side::Target),
        (Seen::Missing, Seen::Present(_)) => deletion::plan(context, facts, Side::Source),
        (Seen::Missing, _) => deletion::both_gone(context, facts, Side::Source),
        (_, Seen::Missing) => deletion::both_gone(context, facts, Side::Target),
        (Seen::Never, Seen::Never) => ItemPlan::new(facts, context.mapping, Action::Leave),
    }
}

/// Whether this link has ended and its deleted item has not come back; of two deleted items, either.
pub fn has_ended(link: &Link, seen: &Pair<Seen>) -> bool {
    let gone = |side: Side| seen.get(side).item().is_none();
    let gone = link.deleted_side.map_or_else(|| gone(Side::Source) && gone(Side::Target), gone);
    link.state == LinkState::Tombstone && gone
}
