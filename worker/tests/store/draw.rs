//! Draws the next call of a history from what the store in memory has.

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use syncline_engine::{
    Side, Value,
    conflict::{Choice, Conflict},
    ports::{Intended, ItemStatus, Link, LinkRef, LinkState, Names, Recorded, Verdict},
    side::Pair,
};

use crate::contract::{
    build::{change, conflict, hash, intended, minute, recorded, resolved, text, title},
    seen::Seen,
};

/// Few ids, so that they meet.
const IDS: usize = 30;

fn some(rng: &mut StdRng, letter: &str) -> Option<String> {
    Some(format!("{letter}{}", rng.random_range(0..IDS)))
}

fn new_ids(rng: &mut StdRng) -> Pair<Option<String>> {
    match rng.random_range(0..3) {
        0 => Pair::new(some(rng, "s"), None),
        1 => Pair::new(None, some(rng, "t")),
        _ => Pair::new(some(rng, "s"), some(rng, "t")),
    }
}

/// The reference to a link, now and then one that is out of date.
fn at(rng: &mut StdRng, link: &Link) -> Option<LinkRef> {
    let stale = i64::from(rng.random_bool(0.03));
    Some(LinkRef { version: link.at.version - stale, ..link.at })
}

fn several(rng: &mut StdRng) -> usize {
    *[1, 1, 2, 3, 4, 6].choose(rng).unwrap()
}

/// Writes to some links without an open intent, and to new ones.
pub(crate) fn intents(rng: &mut StdRng, seen: &Seen) -> Vec<Intended> {
    let mut free: Vec<&Link> = seen.links.iter().filter(|link| link.intent.is_none()).collect();
    let mut batch = Vec::new();
    for _ in 0..several(rng) {
        let sides: &[Side] =
            [&Side::BOTH[..], &[Side::Target, Side::Source], &[Side::Source], &[Side::Target]]
                .choose(rng)
                .unwrap();
        let mut one = if free.is_empty() || rng.random_bool(0.4) {
            intended(None, new_ids(rng), sides)
        } else {
            let link = free.swap_remove(rng.random_range(0..free.len()));
            intended(at(rng, link), link.ids.clone(), sides)
        };
        if rng.random_bool(0.3) {
            let side = one.intent.ops[0].side;
            one.changes.push(change(side, "points", Value::Int(rng.random_range(0..9)), Value::Null));
        }
        if rng.random_bool(0.1) {
            one.changes.clear();
        }
        batch.push(one);
    }
    batch
}

/// What came of open intents, and states of other links and new ones.
pub(crate) fn records(rng: &mut StdRng, seen: &Seen) -> Vec<Recorded> {
    let mut links: Vec<&Link> = seen.links.iter().collect();
    let mut batch = Vec::new();
    for _ in 0..several(rng) {
        if links.is_empty() || rng.random_bool(0.3) {
            let mut new = recorded(None, new_ids(rng));
            decorate(rng, &mut new, &[]);
            batch.push(new);
            continue;
        }
        let open = links.iter().position(|link| link.intent.is_some()).filter(|_| rng.random_bool(0.7));
        let place = open.unwrap_or_else(|| rng.random_range(0..links.len()));
        let link = links.swap_remove(place);
        let mut record = recorded(at(rng, link), link.ids.clone());
        judge(rng, link, &mut record);
        decorate(
            rng,
            &mut record,
            &link
                .conflicts
                .iter()
                .map(|open| (open.id, open.field.clone(), open.chosen.clone()))
                .collect::<Vec<_>>(),
        );
        if rng.random_bool(0.2) {
            record.state = LinkState::Tombstone;
            record.deleted_side =
                [None, Some(Side::Source), Some(Side::Target)].choose(rng).copied().flatten();
        }
        batch.push(record);
    }
    batch
}

/// A verdict for each side written to; what was created has an id.
fn judge(rng: &mut StdRng, link: &Link, record: &mut Recorded) {
    let Some(intent) = &link.intent else { return };
    for op in &intent.ops {
        let verdict = [Verdict::Confirmed, Verdict::Confirmed, Verdict::NotWritten, Verdict::Unknown];
        let verdict = *verdict.choose(rng).unwrap();
        let id = record.ids.get_mut(op.side);
        if verdict == Verdict::Confirmed && id.is_none() {
            *id = some(rng, if op.side == Side::Source { "s" } else { "t" });
        }
        record.verdicts.push((op.side, verdict));
    }
    if rng.random_bool(0.5) {
        record.verdicts.reverse();
    }
}

type Open = (i64, Option<String>, Option<Choice>);

fn decorate(rng: &mut StdRng, record: &mut Recorded, open: &[Open]) {
    let number = rng.random_range(0..100);
    let maybe = |rng: &mut StdRng| rng.random_bool(0.5).then(|| format!("x{number}"));
    record.base = Pair::new(title(&format!("a{number}")), title(&format!("b{number}")));
    record.hash = Pair::new(hash(&number.to_string()), maybe(rng).and_then(|text| hash(&text)));
    record.names.source = Names { key: maybe(rng), url: maybe(rng) };
    record.names.target.key = maybe(rng);
    record.version = Pair::new(maybe(rng), maybe(rng));
    record.modified = Pair::new(maybe(rng).map(|_| minute(-number)), maybe(rng).map(|_| minute(number)));
    record.state = if record.ids.source.is_some() && record.ids.target.is_some() {
        LinkState::Linked
    } else {
        LinkState::Pending
    };
    let states = [ItemStatus::Completed, ItemStatus::Failed, ItemStatus::Conflict, ItemStatus::Skipped];
    record.status = *states.choose(rng).unwrap();
    record.retry_at = maybe(rng).map(|_| minute(number));
    record.error = maybe(rng);
    record.error_count = rng.random_range(0..4);
    record.missing = maybe(rng).map(|_| (Side::Target, minute(-number)));
    record.mapping_revision = rng.random_range(1..5);
    record.resolution = maybe(rng);
    record.calls = rng.random_range(0..5);
    record.duration_ms = rng.random_range(0..5000);
    if rng.random_bool(0.4) {
        record.conflicts = (0..rng.random_range(1..4)).map(|_| met(rng, open)).collect();
    }
    let closed = open.iter().filter(|_| rng.random_bool(0.3)).map(|(id, ..)| *id);
    record.closed_conflicts = closed.collect();
}

/// A conflict of one of few fields. Where a person has chosen, nothing resolves it in another way.
fn met(rng: &mut StdRng, open: &[Open]) -> Conflict {
    let field = *[Some("title"), Some("state"), None].choose(rng).unwrap();
    let met = conflict(field, &format!("here {}", rng.random_range(0..9)), "there");
    if rng.random_bool(0.6) {
        return met;
    }
    let chosen =
        open.iter().find(|(_, name, _)| name.as_deref() == field).and_then(|(.., chosen)| chosen.clone());
    resolved(
        Conflict { base: text("agreed"), ..met },
        chosen.unwrap_or(Choice::from(*[Side::Source, Side::Target].choose(rng).unwrap())),
    )
}
