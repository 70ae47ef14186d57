//! The invariants.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use syncline_engine::{
    Side, Value,
    conflict::Conflict,
    mapping::Rule,
    plan::Op,
    ports::{LinkState, OpKind, WriteOp},
    run::Options,
    side::Pair,
    value::Fields,
};

use super::{
    history::{self, Edit, Event, Mishap, by_tag, name, play, tag, value},
    setup::Setup,
};
use crate::support::{ChangeState, Overwritten, Seeded, World, fields};

/// No item has two counterparts, and no item is duplicated.
#[track_caller]
pub(super) fn assert_no_doubles(world: &World) {
    for side in Side::BOTH {
        let tags: Vec<String> = by_tag(world, side).iter().map(|(_, fields)| tag(fields)).collect();
        assert!(tags.windows(2).all(|pair| pair[0] != pair[1]), "doubles on the {side}: {tags:?}");
    }
}

/// No write has overwritten an edit that the engine had not read.
#[track_caller]
pub(super) fn assert_nothing_is_overwritten_unseen(world: &World) {
    for side in Side::BOTH {
        assert_eq!(world.place(side).blind_writes(), [""; 0], "edits that no reading had shown");
        let mapping = world.mapping();
        for Overwritten { field, edit, sent } in world.place(side).overwritten() {
            let rule = mapping.rule_of(side, &field).unwrap();
            let edit = rule_reads(rule, side, &edit);
            let shown = |conflict: &Conflict| conflict.values.get(side).same(&edit);
            assert!(
                rule.same(side, &edit, &sent) || world.tables().lost.iter().any(shown),
                "{edit} in {field} was overwritten on the {side}, and nothing tells"
            );
        }
    }
}

/// No sync has removed what nobody removed.
#[track_caller]
pub(super) fn assert_nothing_is_removed_by_itself(world: &World) {
    for side in Side::BOTH {
        for item in world.place(side).removed() {
            assert!(world.ever_removed.contains(&tag(&item)), "{} was removed from the {side}", tag(&item));
        }
    }
}

/// What nobody removed is on both sides.
#[track_caller]
fn assert_nothing_is_missing(world: &World) {
    for side in Side::BOTH {
        let there: Vec<String> = by_tag(world, side).iter().map(|(_, fields)| tag(fields)).collect();
        for number in 1..=world.added {
            let added = json!(format!("tag {number:03}")).to_string();
            assert!(
                there.contains(&added) || world.ever_removed.contains(&added),
                "{added} is gone from the {side}"
            );
        }
    }
}

/// Without further faults, a few runs bring both sides in sync, and then nothing is left to do.
#[track_caller]
pub(super) fn assert_converges(world: &mut World) {
    settle(world);
    assert_no_doubles(world);
    world.assert_quiet();
    assert_nothing_is_removed_by_itself(world);
    assert_nothing_is_missing(world);
    let (source, target) = (contents_of(world, Side::Source), contents_of(world, Side::Target));
    let tags = |contents: &BTreeMap<String, Fields>| contents.keys().cloned().collect::<Vec<_>>();
    assert_eq!(tags(&source), tags(&target));
    let mapping = world.mapping();
    for (tag, source) in &source {
        for rule in &mapping.rules {
            let now = Pair::new(field(source, &rule.field.source), field(&target[tag], &rule.field.target));
            assert!(
                in_step(world, rule, now),
                "{tag} {}: {} and {}",
                rule.field.source,
                now.source,
                now.target
            );
        }
    }
    assert_nothing_is_open(world);
}

fn settle(world: &mut World) {
    for side in Side::BOTH {
        world.place(side).refuse_nothing();
        world.place(side).fail([]);
        world.place(side).show_all();
        world.place(side).renew_token();
        world.place(side).lift_limits();
    }
    let full = Options { full: true, ..world.options.clone() };
    world.options = full;
    // Two for a deletion, one for an edit during our own write, one for its consequences, some spare.
    for _ in 0..6 {
        world.sync();
        world.wait(1);
        history::choose(world, Side::Source);
    }
}

fn assert_nothing_is_open(world: &World) {
    let tables = world.tables();
    assert!(tables.links.values().all(|row| row.intent.is_none()));
    assert!(tables.links.values().all(|row| row.state != LinkState::Pending));
    assert!(tables.changes.iter().all(|row| row.state != ChangeState::Intended));
    assert_eq!(tables.open_conflicts().len(), 0);
}

/// True if both sides agree on a field, as far as mapping and platforms can tell.
fn in_step(world: &World, rule: &Rule, now: Pair<&Value>) -> bool {
    let read = |side: Side| rule_reads(rule, side, now.get(side));
    let (source, target) = (read(Side::Source), read(Side::Target));
    let kept = |from: Side, value: &Value, other: &Value| {
        rule.carry(from, value).is_ok_and(|carried| world.place(from.other()).normal(&carried).same(other))
    };
    rule.agrees(&source, &target)
        || kept(Side::Source, &source, &target)
        || kept(Side::Target, &target, &source)
}

fn rule_reads(rule: &Rule, side: Side, value: &Value) -> Value {
    syncline_engine::mapping::read_as(value, *rule.field_type.get(side)).unwrap()
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}

fn contents_of(world: &World, side: Side) -> BTreeMap<String, Fields> {
    world.place(side).all().into_iter().map(|(_, fields)| (tag(&fields), fields)).collect()
}

/// The contents of both sides, regardless of ids.
pub(super) fn contents(world: &World) -> Pair<BTreeMap<String, Fields>> {
    Pair::new(contents_of(world, Side::Source), contents_of(world, Side::Target))
}

/// Each effect of a write has one confirmed row, and each row its effect. A create of an item that is there and hidden is
/// answered with that item, and has no effect.
#[track_caller]
pub(super) fn assert_every_effect_has_its_row(world: &World) {
    let mut effects: Vec<String> = Vec::new();
    for side in Side::BOTH {
        for op in world.place(side).written() {
            match op {
                WriteOp::Create { .. } => effects.push(format!("{side} create")),
                WriteOp::Update { fields, .. } => {
                    let row =
                        |(field, value): (&String, &Value)| format!("{side} {field} {}", value.to_json());
                    effects.extend(fields.iter().map(row));
                }
                WriteOp::Remove { .. } => effects.push(format!("{side} delete")),
            }
        }
        let answered = world.place(side).answered_with_hidden();
        effects.extend(std::iter::repeat_n(format!("{side} create"), answered));
    }
    let tables = world.tables();
    assert!(tables.links.values().all(|row| row.intent.is_none()));
    let happened = tables.happened();
    assert!(happened.iter().all(|row| row.state == ChangeState::Confirmed), "{happened:?}");
    let row = |change: &syncline_engine::ports::Change| match &change.field {
        Some(field) => format!("{} {field} {}", change.side, change.after.to_json()),
        None if change.after == Value::Null => format!("{} delete", change.side),
        None => format!("{} create", change.side),
    };
    let mut rows: Vec<String> = happened.iter().map(|changed| row(&changed.change)).collect();
    effects.sort();
    rows.sort();
    assert_eq!(rows, effects);
}

/// A dry run writes nothing, and shows what the run then sends.
#[track_caller]
pub(super) fn assert_preview_is_what_happens(world: &mut World) {
    for side in Side::BOTH {
        world.place(side).refuse_nothing();
        world.place(side).fail([]);
    }
    // A preview does not recover earlier attempts; only a run does.
    if world.tables().links.values().any(|row| row.intent.is_some()) {
        return;
    }
    if Side::BOTH.into_iter().any(|side| world.place(side).read_by() == Some(None)) {
        return;
    }
    // A create of an item that is there and hidden is answered with that item, and has no effect.
    if Side::BOTH.into_iter().any(|side| world.place(side).hides()) {
        return;
    }
    let written = |world: &World| (world.source.written().len(), world.target.written().len());
    let before = (world.write_calls(), world.tables().records, written(world));
    let (planned, ops) = world.preview();
    assert_eq!((world.write_calls(), world.tables().records, written(world)), before);
    let done = world.sync();
    let (source, target) = before.2;
    let mut sent: Vec<String> =
        world.source.written()[source..].iter().map(|op| format!("source {op:?}")).collect();
    sent.extend(world.target.written()[target..].iter().map(|op| format!("target {op:?}")));
    let mut shown: Vec<String> = ops.iter().map(|op| format!("{} {:?}", op.side, write_op(op))).collect();
    sent.sort();
    shown.sort();
    assert_eq!(planned.held, done.held);
    if done.held.is_some() {
        // The preview shows what the run would do after the approval.
        assert_eq!(sent, [""; 0]);
        return;
    }
    assert_eq!(shown, sent);
    assert_eq!(
        (planned.counts.synced, planned.counts.failed, planned.counts.skipped, planned.counts.unchanged),
        (done.counts.synced, done.counts.failed, done.counts.skipped, done.counts.unchanged)
    );
}

fn write_op(op: &Op) -> WriteOp {
    let fields = op.fields.iter().map(|write| (write.field.clone(), write.after.clone())).collect();
    let id = op.id.clone().unwrap_or_default();
    match op.kind {
        OpKind::Create => WriteOp::Create { marker: op.marker.clone().unwrap(), fields },
        OpKind::Update => WriteOp::Update { id, fields },
        OpKind::Delete => WriteOp::Remove { id, how: op.how },
    }
}

/// At most one edit for each field of each item, by either side.
pub(super) fn edits() -> impl Strategy<Value = Vec<(Side, Edit)>> {
    let side = prop_oneof![Just(Side::Source), Just(Side::Target)];
    proptest::collection::vec((side, history::edit()), 1..12).prop_map(|edits| {
        let mut kept: Vec<(Side, Edit)> = Vec::new();
        for (side, edit) in edits {
            if kept.iter().all(|(_, other)| (other.item, other.field) != (edit.item, edit.field)) {
                kept.push((side, edit));
            }
        }
        kept
    })
}

/// Edits that do not collide arrive unchanged, whatever happens to one sync.
#[track_caller]
pub(super) fn assert_edits_arrive(
    setup: &Setup,
    edits: &[(Side, Edit)],
    mishap: &Mishap,
    seeded: Option<Seeded>,
) {
    let mut world = setup.world();
    world.seeded = seeded;
    let start = json!({ "title": "old", "body": "old", "status": "In Progress", "points": 7 });
    for number in 0..4 {
        let mut item = start.clone();
        item["tag"] = json!(format!("tag {number:03}"));
        world.source.add(fields(item));
    }
    world.sync();
    world.sync();
    world.wait(1);
    for (side, edit) in edits {
        play(&mut world, &Event::Edit(*side, *edit));
    }
    let mut edits = edits.to_vec();
    let mut mishap = mishap.clone();
    if let Mishap::Meddling(side, edit) = mishap {
        // An edit during our own write counts as well, unless it collides with another.
        if edits.iter().any(|(_, other)| (other.item, other.field) == (edit.item, edit.field)) {
            mishap = Mishap::None;
        } else {
            edits.push((side, edit));
        }
    }
    play(&mut world, &Event::Sync(mishap));
    world.sync();
    world.sync();
    let mapping = world.mapping();
    for (number, (source, target)) in
        by_tag(&world, Side::Source).iter().zip(by_tag(&world, Side::Target)).enumerate()
    {
        for field_number in 0..4 {
            let author = edits.iter().find(|(_, edit)| (edit.item, edit.field) == (number, field_number));
            let rule = mapping.rule_of(Side::Source, name(Side::Source, field_number)).unwrap();
            let now = Pair::new(field(&source.1, &rule.field.source), field(&target.1, &rule.field.target));
            assert!(in_step(&world, rule, now), "item {number}: {} and {}", now.source, now.target);
            let (side, wanted) = match author {
                Some((side, edit)) => (*side, value(*side, edit)),
                None => (Side::Source, start[name(Side::Source, field_number)].clone()),
            };
            let wanted = world.place(side).normal(&Value::from_json(&wanted));
            assert!(now.get(side).same(&wanted), "item {number}: {} instead of {wanted}", now.get(side));
        }
    }
    assert_eq!(world.tables().conflicts.len(), 0, "edits that do not meet are no conflict");
}

/// Items with these titles exist on the two sides before the first sync.
#[track_caller]
pub(super) fn assert_matching(setup: &Setup, sources: &[usize], targets: &[usize], mishap: &Mishap) {
    let mut world = setup.world();
    world.spec.match_on = vec!["title".to_owned()];
    for title in sources {
        world.source.add(fields(json!({ "title": format!("title {title}") })));
    }
    for title in targets {
        world.target.add(fields(json!({ "name": format!("title {title}") })));
    }
    let mishap = if let Mishap::Meddling(..) = mishap { &Mishap::None } else { mishap };
    play(&mut world, &Event::Sync(mishap.clone()));
    settle(&mut world);
    for title in 0..5 {
        let count = |titles: &[usize]| titles.iter().filter(|other| **other == title).count();
        let (before_source, before_target) = (count(sources), count(targets));
        let ambiguous = before_source > 0 && before_target > 0 && before_source + before_target > 2;
        let expected = if ambiguous {
            (before_source, before_target)
        } else {
            (before_source.max(before_target), before_source.max(before_target))
        };
        let count = |side: Side| {
            let named = |(_, item): &(String, Fields)| {
                field(item, name(side, 0)).to_json() == json!(format!("title {title}"))
            };
            world.place(side).all().iter().filter(|item| named(item)).count()
        };
        assert_eq!((count(Side::Source), count(Side::Target)), expected, "title {title}");
    }
    world.assert_quiet();
}
