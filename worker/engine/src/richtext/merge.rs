//! Three-way merge of two texts, block by block.
//!
//! Each side has its own base, since each side spells a text in its own way. What one side changed goes to the other; what
//! neither changed keeps its bytes on both.

use std::{borrow::Cow, ops::Range};

use super::{
    Dialect,
    align::{Part, Step, align, are_alike},
    blocks as read_blocks,
    loss::Counter,
    lower::lower,
    read::read,
    tree::{Block, Item},
    write::{spelled, write, write_each},
};
use crate::side::Pair;

/// The same block was edited on both sides, in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("both sides edited the same part of the text")]
pub struct Collision;

/// Merges the edits of both sides. Returns the text of each side.
pub fn merge(base: Pair<&str>, now: Pair<&str>, dialects: Pair<Dialect>) -> Result<Pair<String>, Collision> {
    let source = read_blocks(base.source, dialects.source);
    let is_one = base.source == base.target && dialects.source == dialects.target;
    let target = if is_one { None } else { Some(read_blocks(base.target, dialects.target)) };
    let base = Pair::new(source.as_slice(), target.as_deref().unwrap_or(&source));
    let texts = Pair::new(Parts::new(now.source, dialects.source), Parts::new(now.target, dialects.target));
    let blocks = Pair::new(texts.source.blocks.as_slice(), texts.target.blocks.as_slice());
    let merged = three_way(base, blocks, &merge_block).ok_or(Collision)?;
    let (source, target): (Vec<_>, Vec<_>) =
        merged.into_iter().map(|entry| (entry.source, entry.target)).unzip();
    let source = assemble(&texts.source, source).ok_or(Collision)?;
    let target = assemble(&texts.target, target).ok_or(Collision)?;
    Ok(Pair::new(source, target))
}

/// A text as another dialect spells it. It stays as it is if it says the same there.
pub fn express(text: &str, from: Dialect, to: Dialect) -> String {
    if from == to {
        return text.to_owned();
    }
    let mut unseen = Counter::default();
    let blocks = read_blocks(text, from);
    if to == Dialect::Plain {
        return write(blocks, to, &mut unseen);
    }
    let blocks = lower(blocks, to, &mut unseen);
    if blocks == read_blocks(text, to) {
        return text.to_owned();
    }
    write_each(&[blocks], to, &mut unseen).0
}

/// A text in place of another one of the same dialect, of which every block that stays keeps its bytes.
pub fn in_place_of(text: &str, now: &str, dialect: Dialect) -> String {
    let (wanted, now) = (read_blocks(text, dialect), Parts::new(now, dialect));
    let slots = align(&now.blocks, &wanted).into_iter().filter_map(|step| match step {
        Step::Same(i, _) => Some(Slot::Own(i)),
        Step::Changed(_, j) | Step::Added(j) => Some(Slot::New(wanted[j].clone())),
        Step::Removed(_) => None,
    });
    assemble(&now, slots.collect()).unwrap_or_else(|| text.to_owned())
}

/// A text in its blocks, with where each stands.
struct Parts<'a> {
    text: &'a str,
    dialect: Dialect,
    blocks: Vec<Block>,
    ranges: Vec<Range<usize>>,
}

impl<'a> Parts<'a> {
    fn new(text: &'a str, dialect: Dialect) -> Parts<'a> {
        let (blocks, ranges) =
            read(text, dialect).into_iter().map(|piece| (piece.block, piece.range)).unzip();
        Parts { text, dialect, blocks, ranges }
    }
}

/// What stands at one place of a side's text.
#[derive(Debug, Clone, PartialEq)]
enum Slot<T> {
    /// A part that the side has.
    Own(usize),
    New(T),
    None,
}

/// What a side did with a part of its base.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Kept(usize),
    Changed(usize),
    Removed,
    /// The part was never on this side.
    Absent,
}

/// What a side did since its base.
struct Edits {
    fates: Vec<Fate>,
    /// What was added before the first part of the base, and behind each.
    added: Vec<Vec<usize>>,
}

impl Edits {
    fn new<T: Part>(base: &[T], now: &[T]) -> Edits {
        let mut edits =
            Edits { fates: vec![Fate::Removed; base.len()], added: vec![Vec::new(); base.len() + 1] };
        let mut behind = 0;
        for step in align(base, now) {
            match step {
                Step::Same(i, j) => (edits.fates[i], behind) = (Fate::Kept(j), i + 1),
                Step::Changed(i, j) => (edits.fates[i], behind) = (Fate::Changed(j), i + 1),
                Step::Removed(i) => behind = i + 1,
                Step::Added(j) => edits.added[behind].push(j),
            }
        }
        edits
    }

    fn fate(&self, index: Option<usize>) -> Fate {
        index.map_or(Fate::Absent, |index| self.fates[index])
    }
}

type Merger<'a, T> = &'a dyn Fn(Pair<&T>, Pair<&T>) -> Option<T>;

/// Merges two sequences; none if both sides changed the same part and `inside` cannot merge it.
fn three_way<T: Part + Clone>(
    base: Pair<&[T]>,
    now: Pair<&[T]>,
    inside: Merger<'_, T>,
) -> Option<Vec<Pair<Slot<T>>>> {
    let source = Edits::new(base.source, now.source);
    let target = Edits::new(base.target, now.target);
    let mut out = added(&source.added[0], &target.added[0], now)?;
    for step in align(base.source, base.target) {
        let (i, j) = match step {
            Step::Same(i, j) | Step::Changed(i, j) => (Some(i), Some(j)),
            Step::Removed(i) => (Some(i), None),
            Step::Added(j) => (None, Some(j)),
        };
        match (source.fate(i), target.fate(j)) {
            (Fate::Kept(a), Fate::Kept(b)) => out.push(Pair::new(Slot::Own(a), Slot::Own(b))),
            (Fate::Kept(_) | Fate::Absent, Fate::Changed(b)) => {
                out.push(Pair::new(Slot::New(now.target[b].clone()), Slot::Own(b)));
            }
            (Fate::Changed(a), Fate::Kept(_) | Fate::Absent) => {
                out.push(Pair::new(Slot::Own(a), Slot::New(now.source[a].clone())));
            }
            (Fate::Changed(a), Fate::Changed(b)) if now.source[a] == now.target[b] => {
                out.push(Pair::new(Slot::Own(a), Slot::Own(b)));
            }
            (Fate::Changed(a), Fate::Changed(b)) => {
                let (i, j) = (i?, j?);
                let bases = Pair::new(&base.source[i], &base.target[j]);
                let merged = inside(bases, Pair::new(&now.source[a], &now.target[b]))?;
                let slot = |own: usize, has: &T| {
                    if *has == merged { Slot::Own(own) } else { Slot::New(merged.clone()) }
                };
                out.push(Pair::new(slot(a, &now.source[a]), slot(b, &now.target[b])));
            }
            (Fate::Kept(a), Fate::Absent) => out.push(Pair::new(Slot::Own(a), Slot::None)),
            (Fate::Absent, Fate::Kept(b)) => out.push(Pair::new(Slot::None, Slot::Own(b))),
            (Fate::Removed, Fate::Changed(_)) | (Fate::Changed(_), Fate::Removed) => return None,
            (Fate::Removed, _) | (_, Fate::Removed) | (Fate::Absent, Fate::Absent) => {}
        }
        let behind = |edits: &Edits, index: Option<usize>| {
            index.map(|index| edits.added[index + 1].clone()).unwrap_or_default()
        };
        out.extend(added(&behind(&source, i), &behind(&target, j), now)?);
    }
    Some(out)
}

/// What both sides added at the same place: what is the same once, and the source's before the target's. None if they added
/// two versions of one part.
fn added<T: Part + Clone>(a: &[usize], b: &[usize], now: Pair<&[T]>) -> Option<Vec<Pair<Slot<T>>>> {
    let from_source = |at: usize| Pair::new(Slot::Own(a[at]), Slot::New(now.source[a[at]].clone()));
    let from_target = |at: usize| Pair::new(Slot::New(now.target[b[at]].clone()), Slot::Own(b[at]));
    if a.is_empty() || b.is_empty() {
        let all = (0..a.len()).map(from_source).chain((0..b.len()).map(from_target));
        return Some(all.collect());
    }
    let parts = |of: &[usize], now: &[T]| of.iter().map(|at| now[*at].clone()).collect::<Vec<T>>();
    let (in_source, in_target) = (parts(a, now.source), parts(b, now.target));
    let mut out = Vec::with_capacity(a.len() + b.len());
    let mut waiting = Vec::new();
    for step in align(&in_source, &in_target) {
        match step {
            Step::Same(i, j) => {
                out.append(&mut waiting);
                out.push(Pair::new(Slot::Own(a[i]), Slot::Own(b[j])));
            }
            Step::Changed(i, j) if are_alike(&in_source[i], &in_target[j]) => return None,
            Step::Changed(i, j) => {
                out.push(from_source(i));
                waiting.push(from_target(j));
            }
            Step::Removed(i) => out.push(from_source(i)),
            Step::Added(j) => waiting.push(from_target(j)),
        }
    }
    out.append(&mut waiting);
    Some(out)
}

/// Merges a block that both sides changed: lists by item, what holds other blocks by those.
fn merge_block(base: Pair<&Block>, now: Pair<&Block>) -> Option<Block> {
    let all = [base.source, base.target, now.source, now.target];
    if let [
        Block::List { items: base_a, .. },
        Block::List { items: base_b, .. },
        Block::List { start, items: a, loose },
        Block::List { start: other, items: b, .. },
    ] = all
    {
        let items = three_way(Pair::new(base_a, base_b), Pair::new(a, b), &merge_item)?;
        return (start == other).then(|| Block::List {
            start: *start,
            items: whole(items, a),
            loose: *loose,
        });
    }
    match all {
        [Block::Quote(x), Block::Quote(y), Block::Quote(a), Block::Quote(b)] => {
            merge_blocks(Pair::new(x, y), Pair::new(a, b)).map(Block::Quote)
        }
        [
            Block::Alert { blocks: x, .. },
            Block::Alert { blocks: y, .. },
            Block::Alert { kind, blocks: a },
            Block::Alert { kind: other, blocks: b },
        ] if kind == other => {
            let blocks = merge_blocks(Pair::new(x, y), Pair::new(a, b))?;
            Some(Block::Alert { kind: *kind, blocks })
        }
        [
            Block::Details { blocks: x, .. },
            Block::Details { blocks: y, .. },
            Block::Details { title, blocks: a },
            Block::Details { title: other, blocks: b },
        ] if title == other => {
            let blocks = merge_blocks(Pair::new(x, y), Pair::new(a, b))?;
            Some(Block::Details { title: title.clone(), blocks })
        }
        _ => None,
    }
}

fn merge_blocks(base: Pair<&Vec<Block>>, now: Pair<&Vec<Block>>) -> Option<Vec<Block>> {
    let merged =
        three_way(Pair::new(base.source, base.target), Pair::new(now.source, now.target), &merge_block)?;
    Some(whole(merged, now.source))
}

fn merge_item(base: Pair<&Item>, now: Pair<&Item>) -> Option<Item> {
    let checked = match (now.source.checked == base.source.checked, now.target.checked == base.target.checked)
    {
        (true, _) => now.target.checked,
        (_, true) => now.source.checked,
        _ if now.source.checked == now.target.checked => now.source.checked,
        _ => return None,
    };
    let blocks = match (now.source.blocks == base.source.blocks, now.target.blocks == base.target.blocks) {
        (true, _) => now.target.blocks.clone(),
        (_, true) => now.source.blocks.clone(),
        _ => merge_blocks(
            Pair::new(&base.source.blocks, &base.target.blocks),
            Pair::new(&now.source.blocks, &now.target.blocks),
        )?,
    };
    Some(Item { checked, blocks })
}

/// The merged sequence as the source has it.
fn whole<T: Clone>(merged: Vec<Pair<Slot<T>>>, source: &[T]) -> Vec<T> {
    let part = |entry: Pair<Slot<T>>| match entry.source {
        Slot::Own(at) => source.get(at).cloned(),
        Slot::New(part) => Some(part),
        Slot::None => None,
    };
    merged.into_iter().filter_map(part).collect()
}

/// Puts a side's text together. None if it could not be read as what it is to be.
fn assemble(of: &Parts<'_>, slots: Vec<Slot<Block>>) -> Option<String> {
    let Parts { text, dialect, blocks, ranges } = of;
    let (text, dialect) = (*text, *dialect);
    let ends = |at: usize| ranges.get(at + 1).map_or(text.len(), |next| next.start);
    let mut out = String::with_capacity(text.len() + 64);
    let mut expected: Vec<Cow<'_, Block>> = Vec::with_capacity(slots.len());
    let mut unseen = Counter::default();
    // The bytes between blocks that are used; what else defines the addresses of links is kept at the end.
    let mut used = vec![false; ranges.len()];
    let mut last: Option<usize> = None;
    let lead = text.get(..ranges.first().map_or(text.len(), |first| first.start))?;
    let keeps_lead = !lead.trim().is_empty() || matches!(slots.first(), Some(Slot::Own(0)));
    if keeps_lead {
        out.push_str(lead);
    }
    for slot in slots {
        match slot {
            Slot::None => {}
            Slot::Own(at) => {
                let range = ranges.get(at)?.clone();
                let gap = last
                    .filter(|last| last + 1 == at)
                    .and_then(|last| Some((last, text.get(ranges.get(last)?.end..range.start)?)));
                match gap {
                    Some((last, gap)) => {
                        used[last] = true;
                        out.push_str(gap);
                    }
                    None if at > 0 || !keeps_lead || !expected.is_empty() => separate(&mut out),
                    None => {}
                }
                out.push_str(text.get(range)?);
                expected.push(Cow::Borrowed(blocks.get(at)?));
                last = Some(at);
            }
            Slot::New(block) => {
                for block in lower(vec![block], dialect, &mut unseen) {
                    let after_list = matches!((expected.last().map(AsRef::as_ref), &block),
                        (Some(Block::List { start: a, .. }), Block::List { start: b, .. }) if a.is_some() == b.is_some());
                    let alternate = after_list && !is_alternate(of, last, &out);
                    let written = spelled(&block, dialect, alternate, &mut unseen);
                    if written.is_empty() {
                        continue;
                    }
                    separate(&mut out);
                    out.push_str(&written);
                    expected.extend(read_blocks(&written, dialect).into_iter().map(Cow::Owned));
                }
                last = None;
            }
        }
    }
    if let Some(at) = last.filter(|at| at + 1 == ranges.len()) {
        used[at] = true;
        out.push_str(text.get(ranges.get(at)?.end..)?);
    }
    for (at, _) in used.iter().enumerate().filter(|(_, used)| !**used) {
        let gap = text.get(ranges.get(at)?.end..ends(at))?.trim();
        if !gap.is_empty() {
            separate(&mut out);
            out.push_str(gap);
        }
    }
    if text.ends_with('\n') && !out.ends_with('\n') && !out.is_empty() {
        out.push('\n');
    }
    if text.contains("\r\n") {
        out = out.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    let is_expected = |text: &str| {
        let read = read_blocks(text, dialect);
        read.len() == expected.len() && read.iter().zip(&expected).all(|(read, block)| read == block.as_ref())
    };
    if is_expected(&out) {
        return Some(out);
    }
    let all = expected.iter().map(|block| block.as_ref().clone()).collect();
    let whole = write(all, dialect, &mut unseen);
    is_expected(&whole).then_some(whole)
}

/// True if the list that was written last has the other kind of marker.
fn is_alternate(of: &Parts<'_>, last: Option<usize>, out: &str) -> bool {
    let own = last.and_then(|at| of.text.get(of.ranges.get(at)?.clone()));
    let list = own.unwrap_or_else(|| out.rsplit("\n\n").next().unwrap_or_default());
    super::write::marker_is_alternate(list)
}

/// Ends the block before with a blank line.
fn separate(out: &mut String) {
    out.truncate(out.trim_end_matches(['\n', '\r', ' ', '\t']).len());
    if !out.is_empty() {
        out.push_str("\n\n");
    }
}
