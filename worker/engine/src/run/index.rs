//! A compact index of all links of a sync in memory: tells changed items from unchanged ones.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU64,
};

use super::{
    Absence,
    keys::{IdKey, first_of, id_key},
};
use crate::{
    Side,
    hash::Hash,
    ports::{Due, LinkBrief, Store, StoreError, Tally},
    side::Pair,
};

/// Complete links read per statement.
pub(super) const PAGE: usize = 500;
/// Briefs read per statement.
const BRIEFS: usize = 1_000;

/// The links of a sync: 64 bytes each, regardless of content. They are read once an item or a due link needs them: most
/// runs find that nothing changed.
pub(super) struct LinkIndex {
    due: Due,
    tally: Tally,
    is_loaded: bool,
    entries: Vec<Entry>,
    /// An id and its position in `entries`; sorted, because a hash table would need twice the size while it grows.
    by_id: Pair<Vec<(IdKey, u32)>>,
    unanswered: Pair<bool>,
    /// Why items were not listed, as far as anything but the listing tells; by position.
    explained: Pair<HashMap<u32, Absence>>,
    /// Of these links alone items are removed, if any were named.
    approved: Option<HashSet<u32>>,
}

struct Entry {
    id: i64,
    content: Pair<Option<ContentKey>>,
    flags: u16,
    /// The items' size in KiB, as listed by this run.
    kib: Pair<u16>,
}

/// 64 bits of a content's hash: the chance to miss an edit is one in 10^19.
type ContentKey = NonZeroU64;

fn content_key(Hash(bytes): Hash) -> ContentKey {
    let number = u64::from_le_bytes(std::array::from_fn(|place| bytes[place]));
    NonZeroU64::new(number).unwrap_or(NonZeroU64::MAX)
}

const SEEN_SOURCE: u16 = 1;
const SEEN_TARGET: u16 = 1 << 1;
const HAS_SOURCE: u16 = 1 << 2;
const HAS_TARGET: u16 = 1 << 3;
/// Already recorded as absent from an earlier listing.
const MISSING_SOURCE: u16 = 1 << 4;
const MISSING_TARGET: u16 = 1 << 5;
/// Must be processed.
const DIRTY: u16 = 1 << 6;
const TOMBSTONE: u16 = 1 << 7;
/// Failed, and its backoff has not passed.
const WAITING: u16 = 1 << 8;
/// An item has left what its place lists, on the side that is missing.
const OUT_OF_SCOPE: u16 = 1 << 9;
/// Another run is writing it.
const BUSY: u16 = 1 << 10;

fn of(side: Side, source: u16, target: u16) -> u16 {
    if side == Side::Source { source } else { target }
}

fn seen(side: Side) -> u16 {
    of(side, SEEN_SOURCE, SEEN_TARGET)
}

fn has(side: Side) -> u16 {
    of(side, HAS_SOURCE, HAS_TARGET)
}

fn missing(side: Side) -> u16 {
    of(side, MISSING_SOURCE, MISSING_TARGET)
}

/// What the index knows about an item just read.
pub(super) enum Found {
    /// No link has it.
    New,
    /// Its link is left alone.
    Busy,
    /// This link has the item and a counterpart.
    Linked(u32),
    /// This link has the item and waits for its counterpart.
    Pending(u32),
}

impl LinkIndex {
    /// Counts the links and reads none yet.
    pub(super) async fn new(store: &dyn Store, due: Due) -> Result<LinkIndex, StoreError> {
        Ok(LinkIndex {
            due,
            tally: store.tally(&due).await?,
            is_loaded: false,
            entries: Vec::new(),
            by_id: Pair::new(Vec::new(), Vec::new()),
            unanswered: Pair::new(false, false),
            explained: Pair::default(),
            approved: None,
        })
    }

    /// Reads all links, a page per statement, unless it has read them.
    pub(super) async fn load(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        if self.is_loaded {
            return Ok(());
        }
        self.is_loaded = true;
        // Tables that grow by doubling would briefly need half as much again.
        let count = usize::try_from(self.tally.links).unwrap_or(0);
        self.entries.reserve_exact(count);
        self.by_id.source.reserve_exact(count);
        self.by_id.target.reserve_exact(count);
        let mut after = 0;
        loop {
            let page = store.briefs(after, BRIEFS).await?;
            let Some(last) = page.last() else { break };
            let full = page.len() == BRIEFS;
            after = last.id;
            for brief in page {
                self.add(&brief);
            }
            if !full {
                break;
            }
        }
        self.by_id.source.sort_unstable();
        self.by_id.target.sort_unstable();
        Ok(())
    }

    /// True if no item was read that is compared with a link, and no link is due by itself.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_loaded && self.tally.due == 0
    }

    fn add(&mut self, brief: &LinkBrief) {
        let position = self.entries.len() as u32;
        let mut flags = 0;
        for side in Side::BOTH {
            if let Some(id) = brief.ids.get(side) {
                flags |= has(side);
                self.by_id.get_mut(side).push((id_key(id), position));
            } else {
                *self.unanswered.get_mut(side) |= brief.unanswered;
            }
        }
        if brief.tombstone {
            flags |= TOMBSTONE;
        } else if brief.out_of_scope {
            flags |= OUT_OF_SCOPE;
        } else if self.due.is_due(brief) {
            flags |= DIRTY;
        } else if brief.retry_at.is_some() {
            flags |= WAITING;
        }
        if let Some(side) = brief.missing {
            flags |= missing(side);
        }
        let content = Pair::new(brief.hash.source.map(content_key), brief.hash.target.map(content_key));
        self.entries.push(Entry { id: brief.id, content, flags, kib: Pair::default() });
    }

    /// Takes a link out of this run. `creates`: the sides on which its item is being created, of which this run therefore
    /// copies no new item.
    pub(super) fn leave_alone(&mut self, id: i64, creates: Pair<bool>) {
        if let Ok(position) = self.entries.binary_search_by_key(&id, |entry| entry.id) {
            self.entries[position].flags |= BUSY;
        }
        for side in Side::BOTH {
            *self.unanswered.get_mut(side) |= *creates.get(side);
        }
    }

    /// The number of links, ended ones included.
    pub(super) fn len(&self) -> u64 {
        self.tally.links
    }

    /// True if an unpaired item of this side may be one that we created without receiving the reply.
    pub(super) fn may_be_ours(&self, side: Side) -> bool {
        *self.unanswered.get(side)
    }

    /// The number of links that have not ended.
    pub(super) fn living(&self) -> u64 {
        self.tally.living
    }

    /// The id of the link's row.
    pub(super) fn id(&self, position: u32) -> i64 {
        self.entry(position).id
    }

    /// Records that an item was read, and whether its content has changed.
    pub(super) fn see(&mut self, side: Side, id: &str, content: Hash, weight: usize) -> Found {
        let Some(position) = self.position(side, id) else { return Found::New };
        let entry = &mut self.entries[position as usize];
        entry.flags |= seen(side);
        if entry.flags & BUSY != 0 {
            return Found::Busy;
        }
        if entry.flags & OUT_OF_SCOPE != 0 && entry.flags & missing(side) != 0 {
            // It is back.
            entry.flags |= DIRTY;
        }
        *entry.kib.get_mut(side) = u16::try_from(weight / 1024).unwrap_or(u16::MAX);
        let news = match entry.content.get(side) {
            // A deleted item has no content; if it is listed again, it has come back.
            None => true,
            Some(before) if entry.flags & TOMBSTONE != 0 => {
                // A stale listing shows an item that we deleted as it was.
                if entry.flags & missing(side) != 0 && *before != content_key(content) {
                    return Found::New;
                }
                false
            }
            Some(before) => *before != content_key(content),
        };
        if news {
            entry.flags |= DIRTY;
        }
        match entry.flags & (HAS_SOURCE | HAS_TARGET) {
            both if both == HAS_SOURCE | HAS_TARGET => Found::Linked(position),
            _ if entry.flags & TOMBSTONE != 0 => Found::Linked(position),
            _ => Found::Pending(position),
        }
    }

    /// Records the items that the earlier parts of a listing had, by their short hashes.
    pub(super) fn see_earlier(&mut self, side: Side, seen: &[u8]) {
        for key in seen.as_chunks::<{ size_of::<IdKey>() }>().0 {
            let by_id = self.by_id.get(side);
            let first = first_of(by_id, *key);
            if let Some((_, position)) = by_id.get(first).filter(|(hash, _)| hash == key) {
                self.entries[*position as usize].flags |= of(side, SEEN_SOURCE, SEEN_TARGET);
            }
        }
    }

    /// Records why the item with this id was not listed.
    pub(super) fn explain_id(&mut self, side: Side, id: &str, absence: Absence) {
        let by_id = self.by_id.get(side);
        let key = id_key(id);
        let first = first_of(by_id, key);
        if let Some((_, position)) = by_id.get(first).filter(|(hash, _)| *hash == key).copied() {
            self.explain(side, position, absence);
        }
    }

    /// Takes all links out of this run whose item of this side was neither read nor explained.
    pub(super) fn leave_others_alone(&mut self, side: Side) {
        for (position, entry) in self.entries.iter_mut().enumerate() {
            let explained = self.explained.get(side).contains_key(&(position as u32));
            if entry.flags & seen(side) == 0 && !explained {
                entry.flags |= BUSY;
            }
        }
    }

    /// Records why the link's item was not listed.
    pub(super) fn explain(&mut self, side: Side, position: u32, absence: Absence) {
        self.explained.get_mut(side).insert(position, absence);
        let entry = &mut self.entries[position as usize];
        if absence == Absence::Gone && entry.flags & TOMBSTONE == 0 {
            entry.flags |= DIRTY;
        }
    }

    /// Records that the link's item is there although it was not listed.
    pub(super) fn is_there(&mut self, side: Side, position: u32) {
        let entry = &mut self.entries[position as usize];
        entry.flags |= seen(side);
        if entry.flags & OUT_OF_SCOPE != 0 && entry.flags & missing(side) != 0 {
            entry.flags |= DIRTY;
        }
    }

    /// Links with an item on this side that was not listed and whose absence nothing explains yet, except links that
    /// have ended. An item that was out of scope may have been deleted since.
    pub(super) fn unexplained(&self, side: Side) -> Vec<u32> {
        let open = |position: &u32| {
            let flags = self.entry(*position).flags;
            flags & (TOMBSTONE | BUSY) == 0 && !self.explained.get(side).contains_key(position)
        };
        self.absent(side).into_iter().filter(open).collect()
    }

    /// Links whose item was out of scope on this side and was not listed.
    pub(super) fn out_of_scope(&self, side: Side) -> Vec<u32> {
        let out = |position: &u32| {
            let flags = self.entry(*position).flags;
            flags & OUT_OF_SCOPE != 0 && flags & missing(side) != 0 && flags & BUSY == 0
        };
        self.absent(side).into_iter().filter(out).collect()
    }

    /// True if a link has this item and has not ended.
    pub(super) fn has(&self, side: Side, id: &str) -> bool {
        let key = id_key(id);
        let by_id = self.by_id.get(side);
        let first = first_of(by_id, key);
        let same = by_id[first..].iter().take_while(|(hash, _)| *hash == key);
        same.into_iter().any(|(_, position)| self.entry(*position).flags & TOMBSTONE == 0)
    }

    /// Why the link's item was not listed; none if it was, or if the listing was incomplete and nothing else tells.
    pub(super) fn absence(&self, position: u32, side: Side, complete: Pair<bool>) -> Option<Absence> {
        let flags = self.entry(position).flags;
        if let Some(absence) = self.explained.get(side).get(&position) {
            return Some(*absence);
        }
        let absent = *complete.get(side) && self.is_absent(position, side);
        let out = flags & OUT_OF_SCOPE != 0 && flags & missing(side) != 0;
        absent.then_some(if out { Absence::OutOfScope } else { Absence::Missing })
    }

    /// Approximate size of the link's items in bytes.
    pub(super) fn weight(&self, position: u32) -> usize {
        let kib = &self.entry(position).kib;
        (usize::from(kib.source) + usize::from(kib.target)) * 1024
    }

    /// True if the link must be processed.
    pub(super) fn is_dirty(&self, position: u32) -> bool {
        self.entry(position).flags & DIRTY != 0
    }

    /// True if a complete listing of this side lacked the link's item.
    pub(super) fn is_absent(&self, position: u32, side: Side) -> bool {
        let flags = self.entry(position).flags;
        flags & has(side) != 0 && flags & seen(side) == 0
    }

    /// Links with an item on this side that was not listed, including ended links.
    pub(super) fn absent(&self, side: Side) -> Vec<u32> {
        (0..self.entries.len() as u32).filter(|position| self.is_absent(*position, side)).collect()
    }

    /// Records that the link's item is there under another id, or under another spelling of its id.
    pub(super) fn found_again(&mut self, side: Side, position: u32) {
        self.entries[position as usize].flags |= seen(side) | DIRTY;
    }

    /// The number of links whose item is gone from this side, in this listing or an earlier one, while the other side
    /// may still have its own, which would be deleted.
    pub(super) fn lost(&self, side: Side, complete: Pair<bool>) -> u64 {
        self.work(complete).iter().filter(|position| self.is_lost(**position, side, complete)).count() as u64
    }

    /// Those of [`lost`](LinkIndex::lost) that only two absences tell of, not the platform.
    pub(super) fn unproved(&self, side: Side, complete: Pair<bool>) -> u64 {
        let twice = |position: &u32| {
            self.is_lost(*position, side, complete)
                && self.entry(*position).flags & missing(side) != 0
                && self.explained.get(side).get(position) == Some(&Absence::Missing)
        };
        self.work(complete).iter().filter(|position| twice(position)).count() as u64
    }

    /// True if the delete guard counts the link.
    pub(super) fn may_remove(&self, position: u32, complete: Pair<bool>) -> bool {
        self.approved.as_ref().is_none_or(|approved| approved.contains(&position))
            && Side::BOTH.into_iter().any(|side| self.is_lost(position, side, complete))
    }

    /// Lets only those links lose their items that have one of these ids. Returns the ids of which no item is gone.
    pub(super) fn approve<'i>(&mut self, ids: &'i [String], complete: Pair<bool>) -> Vec<&'i str> {
        let mut approved = HashSet::new();
        let mut unknown = Vec::new();
        for id in ids {
            let of_side = |side: Side| self.position(side, id);
            let known = Side::BOTH.into_iter().filter_map(of_side);
            let lost: Vec<u32> = known
                .filter(|position| Side::BOTH.into_iter().any(|side| self.is_lost(*position, side, complete)))
                .collect();
            if lost.is_empty() {
                unknown.push(id.as_str());
            }
            approved.extend(lost);
        }
        self.approved = Some(approved);
        unknown
    }

    /// The link that has an item of this id.
    fn position(&self, side: Side, id: &str) -> Option<u32> {
        let by_id = self.by_id.get(side);
        let key = id_key(id);
        let first = first_of(by_id, key);
        by_id.get(first).filter(|(hash, _)| *hash == key).map(|(_, position)| *position)
    }

    fn is_lost(&self, position: u32, side: Side, complete: Pair<bool>) -> bool {
        let flags = self.entry(position).flags;
        let gone = match self.absence(position, side, complete) {
            Some(Absence::Missing | Absence::Gone) => true,
            Some(Absence::OutOfScope) => false,
            None => self.is_absent(position, side) && flags & missing(side) != 0 && flags & OUT_OF_SCOPE == 0,
        };
        // Nothing is written to an item that is gone as well or out of scope.
        let other_out = flags & OUT_OF_SCOPE != 0
            && flags & (missing(side.other()) | seen(side.other())) == missing(side.other());
        let other_absent = other_out || self.absence(position, side.other(), complete).is_some();
        gone && flags & has(side.other()) != 0 && !other_absent
    }

    /// Links that lost their item on the other side and still have this side's, except ended links.
    pub(super) fn widowed(&self, side: Side, complete: Pair<bool>) -> Vec<i64> {
        let is_widowed = |entry: &&Entry| {
            let here = entry.flags & (has(side) | seen(side)) == has(side) | seen(side);
            let gone = entry.flags & (has(side.other()) | seen(side.other())) == has(side.other());
            let ended = entry.flags & TOMBSTONE != 0 && entry.flags & DIRTY == 0;
            here && gone && !ended && *complete.get(side.other())
        };
        self.entries.iter().filter(is_widowed).map(|entry| entry.id).collect()
    }

    /// Links to process: changed, unfinished, or with an item absent from a complete listing.
    pub(super) fn work(&self, complete: Pair<bool>) -> Vec<u32> {
        let wanted = |position: &u32| {
            let flags = self.entry(*position).flags;
            // A link in backoff is not retried because of the absence that it already waits for.
            let waits = |side: Side| flags & WAITING != 0 && flags & missing(side) != 0;
            let known = |side: Side| flags & OUT_OF_SCOPE != 0 && flags & missing(side) != 0;
            let absent = |side: Side| match self.absence(*position, side, complete) {
                Some(Absence::OutOfScope) => !known(side),
                Some(Absence::Missing | Absence::Gone) => !waits(side),
                None => false,
            };
            let ended = flags & TOMBSTONE != 0;
            flags & BUSY == 0 && (flags & DIRTY != 0 || (!ended && Side::BOTH.into_iter().any(absent)))
        };
        (0..self.entries.len() as u32).filter(wanted).collect()
    }

    fn entry(&self, position: u32) -> &Entry {
        // Only `add` creates positions, and entries are never removed.
        &self.entries[position as usize]
    }
}
