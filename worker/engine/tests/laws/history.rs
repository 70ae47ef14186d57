//! Possible events: edits by people, and syncs with and without faults.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side,
    capability::ConcurrencyControl,
    conflict::Choice,
    ports::{Place, Step, WriteOp},
    run::{Options, Scope},
    value::Fields,
};

use crate::support::{FakePlace, Fault, LinkRow, Shown, World, fields};

/// An event. Items are picked by their position on a side, in order of their tags.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Add(Side),
    Edit(Side, Edit),
    Remove(Side, usize),
    /// A removed item is restored.
    Restore(Side),
    Wait,
    /// From now on a side shows an item otherwise: by id only, not at all, or as outside what it lists.
    Show(Side, usize, Option<Shown>),
    /// From now on a side shows an empty place, because its token is dead, or everything again.
    Token(Side, bool),
    /// An item gets another id.
    Renumber(Side, usize),
    /// From now on a side refuses this kind of writes, or none.
    Refuse(Side, Option<Refused>),
    Sync(Mishap),
    /// A run of one item, which a place has told about.
    SyncItem(Side, usize),
    /// A person decides every open conflict in this way, and the choices are applied.
    Choose(Choice),
}

/// An edit to one field of an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edit {
    pub(super) item: usize,
    pub(super) field: usize,
    pub(super) value: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Refused {
    Creates,
    Updates,
    Deletes,
}

/// A fault of a sync.
#[derive(Debug, Clone)]
pub(super) enum Mishap {
    None,
    Crash(Step, usize),
    /// The n-th write call of a side.
    Call(Side, Fault, usize),
    LeaseLost(usize),
    /// An item is edited just before a write to this side, or after the sync if there is none.
    Meddling(Side, Edit),
}

/// The edited fields, by side, and their values: blank ones, values that the other side cannot distinguish, and text
/// that the target normalises.
const NAMES: [(&str, &str); 5] =
    [("title", "name"), ("body", "notes"), ("status", "state"), ("points", "points"), ("labels", "labels")];

pub(super) fn name(side: Side, field: usize) -> &'static str {
    let (source, target) = NAMES[field % NAMES.len()];
    if side == Side::Source { source } else { target }
}

pub(super) fn value(side: Side, edit: &Edit) -> Json {
    let pick = |values: &[Json]| values[edit.value % values.len()].clone();
    match (edit.field % NAMES.len(), side) {
        (2, Side::Source) => pick(&[json!("To Do"), json!("In Progress"), json!("Done"), json!(null)]),
        (2, Side::Target) => pick(&[json!("open"), json!("closed"), json!("")]),
        (3, _) => pick(&[json!(1), json!(2), json!("3"), json!(null)]),
        (4, _) => pick(&[json!(["a"]), json!(["b", "a"]), json!(["c"]), json!([])]),
        _ => pick(&[json!("a"), json!("b"), json!(" c "), json!("")]),
    }
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Source), Just(Side::Target)]
}

/// A value that text and numbers can have, and the status cannot.
fn choice() -> impl Strategy<Value = Choice> {
    let value = Choice::Value(syncline_engine::Value::text("1"));
    prop_oneof![2 => side().prop_map(Choice::from), 1 => Just(Choice::Base), 1 => Just(value)]
}

pub(super) fn edit() -> impl Strategy<Value = Edit> {
    (0_usize..4, 0_usize..5, 0_usize..4).prop_map(|(item, field, value)| Edit { item, field, value })
}

pub(super) fn mishap() -> impl Strategy<Value = Mishap> {
    let step = prop_oneof![
        Just(Step::IntentCommitted),
        Just(Step::RemoteWritten),
        Just(Step::Confirmed),
        Just(Step::BaseAdvanced),
        Just(Step::CursorSaved),
    ];
    let one = (0_usize..3).prop_map(Fault::AfterOne);
    let part = (0_usize..2, 0_usize..5).prop_map(|(write, field)| Fault::LeavesOut(write, field));
    let halfway = (0_usize..2).prop_map(Fault::Halfway);
    let fault = prop_oneof![Just(Fault::Before), Just(Fault::After), one, part, halfway];
    prop_oneof![
        3 => Just(Mishap::None),
        4 => (step, 0_usize..3).prop_map(|(step, nth)| Mishap::Crash(step, nth)),
        3 => (side(), fault, 0_usize..3).prop_map(|(side, fault, nth)| Mishap::Call(side, fault, nth)),
        1 => (0_usize..8).prop_map(Mishap::LeaseLost),
        2 => (side(), edit()).prop_map(|(side, edit)| Mishap::Meddling(side, edit)),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let refused = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Refused::Creates)),
        1 => Just(Some(Refused::Updates)),
        1 => Just(Some(Refused::Deletes)),
    ];
    let shown = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Shown::ById)),
        1 => Just(Some(Shown::Hidden)),
        1 => Just(Some(Shown::Outside)),
    ];
    prop_oneof![
        3 => side().prop_map(Event::Add),
        6 => (side(), edit()).prop_map(|(side, edit)| Event::Edit(side, edit)),
        2 => (side(), 0_usize..4).prop_map(|(side, item)| Event::Remove(side, item)),
        1 => side().prop_map(Event::Restore),
        2 => Just(Event::Wait),
        1 => (side(), 0_usize..4, shown).prop_map(|(side, item, shown)| Event::Show(side, item, shown)),
        1 => (side(), any::<bool>()).prop_map(|(side, dead)| Event::Token(side, dead)),
        1 => (side(), 0_usize..4).prop_map(|(side, item)| Event::Renumber(side, item)),
        1 => (side(), refused).prop_map(|(side, refused)| Event::Refuse(side, refused)),
        6 => mishap().prop_map(Event::Sync),
        1 => (side(), 0_usize..4).prop_map(|(side, item)| Event::SyncItem(side, item)),
        1 => choice().prop_map(Event::Choose),
    ]
}

pub(super) fn history(length: usize) -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(event(), 1..length)
}

impl Event {
    pub(super) fn without_mishap(self) -> Event {
        match self {
            Event::Sync(_) => Event::Sync(Mishap::None),
            Event::Refuse(side, _) => Event::Refuse(side, None),
            Event::Show(side, item, _) => Event::Show(side, item, None),
            Event::Token(side, _) => Event::Token(side, false),
            other => other,
        }
    }
}

/// A side's items in order of their tags.
pub(super) fn by_tag(world: &World, side: Side) -> Vec<(String, Fields)> {
    let mut all = world.place(side).all();
    all.sort_by_key(|(_, fields)| tag(fields));
    all
}

pub(super) fn tag(fields: &Fields) -> String {
    fields.get("tag").map(|tag| tag.to_json().to_string()).unwrap_or_default()
}

fn picked(world: &World, side: Side, item: usize) -> Option<String> {
    let all = by_tag(world, side);
    (!all.is_empty()).then(|| all[item % all.len()].0.clone())
}

pub(super) fn play(world: &mut World, event: &Event) {
    // An approval would confirm that hidden items are deleted, so none is given while there are any.
    let approved = world.options.approved_deletes;
    if Side::BOTH.into_iter().any(|side| world.place(side).hides()) {
        world.options.approved_deletes = None;
    }
    play_as_approved(world, event);
    world.options.approved_deletes = approved;
}

fn play_as_approved(world: &mut World, event: &Event) {
    match event {
        Event::Add(side) => add(world, *side),
        Event::Edit(side, edit) => {
            if let Some(id) = picked(world, *side, edit.item) {
                world.place(*side).edit(&id, name(*side, edit.field), value(*side, edit));
            }
        }
        Event::Remove(side, item) => {
            if let Some(id) = picked(world, *side, *item) {
                let fields = world.place(*side).get(&id).unwrap();
                world.ever_removed.insert(tag(&fields));
                world.place(*side).remove(&id);
                world.removed.push((*side, id, fields));
            }
        }
        Event::Restore(side) => restore(world, *side),
        Event::Wait => world.wait(1),
        Event::Show(side, item, shown) => {
            // What a place of snapshots does not list is gone.
            let remote = !world.place(*side).capabilities().snapshot;
            if let Some(id) = picked(world, *side, *item).filter(|_| remote) {
                world.place(*side).show(&id, *shown);
            }
        }
        Event::Token(side, dead) => {
            if !world.place(*side).capabilities().snapshot {
                world.place(*side).read_as((!dead).then_some("us"));
            }
        }
        Event::Renumber(side, item) => {
            // A reading of changes, or of a part, does not tell a new item from one that has another id.
            let place = world.place(*side);
            let whole = place.capabilities().ids_change && !place.is_read_in_parts();
            if let Some(id) = picked(world, *side, *item).filter(|_| whole) {
                place.renumber(&id);
            }
        }
        Event::Refuse(side, None) => world.place(*side).refuse_nothing(),
        Event::Refuse(side, Some(kind)) => {
            let kind = *kind;
            world.place(*side).refuse(move |op| {
                matches!(
                    (op, kind),
                    (WriteOp::Create { .. }, Refused::Creates)
                        | (WriteOp::Update { .. }, Refused::Updates)
                        | (WriteOp::Remove { .. }, Refused::Deletes)
                )
            });
        }
        Event::Sync(mishap) => sync(world, mishap),
        Event::SyncItem(side, item) => {
            let removed = world.removed.iter().rev().find(|(on, ..)| on == side).map(|(_, id, _)| id.clone());
            let id = if *item == 3 { removed } else { picked(world, *side, *item) };
            // Like a reading of changes, it does not tell a new item from one that has another id.
            let known = |id: &String| {
                let linked = |row: &LinkRow| row.ids.get(*side).as_ref() == Some(id);
                !world.place(*side).is_renumbered(id) || world.tables().links.values().any(linked)
            };
            if let Some(id) = id.filter(known) {
                let scope = Scope::Items { side: *side, ids: vec![id] };
                drop(world.try_sync_with(Options { scope, ..world.options.clone() }));
                world.wait(1);
            }
        }
        Event::Choose(choice) => choose(world, choice.clone()),
    }
}

/// Applies choices like the job behind a resolution: only to the affected links.
pub(super) fn choose(world: &World, choice: impl Into<Choice>) {
    let links = {
        let mut tables = world.tables();
        tables.choose(choice);
        tables.open_conflicts().iter().map(|row| row.link).collect::<Vec<i64>>()
    };
    if !links.is_empty() {
        drop(world.try_sync_with(Options { scope: Scope::Links(links), ..world.options.clone() }));
        world.wait(1);
    }
}

fn add(world: &mut World, side: Side) {
    world.added += 1;
    let tag = format!("tag {:03}", world.added);
    world.place(side).add(fields(json!({ "tag": tag, name(side, 0): "new" })));
}

/// Restores the item that was last removed from a side, if its link still knows it and nothing has replaced it.
fn restore(world: &mut World, side: Side) {
    let Some(position) = world.removed.iter().rposition(|(on, _, _)| *on == side) else { return };
    let (_, id, fields) = world.removed.remove(position);
    // Items that the sync deleted stay deleted: a stale listing may show them once more.
    let ended = |row: &LinkRow| row.deleted_side == Some(side.other());
    let is_it = |row: &&LinkRow| row.ids.get(side).as_ref() == Some(&id) && !ended(row);
    let known = world.tables().links.values().any(|row| is_it(&row));
    let replaced = world.place(side).all().iter().any(|(_, other)| tag(other) == tag(&fields));
    if known && !replaced {
        world.place(side).restore(&id, fields);
    }
}

fn sync(world: &mut World, mishap: &Mishap) {
    match mishap {
        Mishap::None => drop(world.try_sync()),
        Mishap::Crash(step, nth) => drop(world.crash(*step, *nth)),
        Mishap::Call(side, fault, nth) => {
            world.place(*side).fail(std::iter::repeat_n(Fault::None, *nth).chain([*fault]));
            drop(world.try_sync());
            world.place(*side).fail([]);
        }
        Mishap::LeaseLost(after) => drop(world.sync_until_lost(*after)),
        Mishap::Meddling(side, edit) => {
            let (on, edit) = (*side, *edit);
            if let Some(id) = picked(world, on, edit.item) {
                let meddling = move |place: &FakePlace| {
                    if place.get(&id).is_some() {
                        place.edit(&id, name(on, edit.field), value(on, &edit));
                    }
                };
                // A place that cannot compare loses an edit of the same field between the last reading and the write; a
                // history tells of it.
                let can = world.place(on).capabilities();
                match can.concurrency {
                    ConcurrencyControl::None if !can.history => world.place(on).meddle_at_intent(meddling),
                    _ => world.place(on).meddle(meddling),
                }
            }
            drop(world.try_sync());
            world.place(on).meddle_now();
        }
    }
    // Past the deadline of a dead run.
    world.wait(1);
}
