//! Reads both sides and finds what must be processed.

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    Item, Side,
    hash::{Hash, content_hash},
    mapping::Mapping,
    plan::Seen,
    ports::{Call, Found as Read, ListingEnd, Place, ReadMode},
};

use super::{
    RunError,
    index::{Found, LinkIndex},
    matching::{Matcher, Unpaired},
};

/// Changed items per side kept from the listing; further ones are read again in their batch, so that memory does not
/// grow with the number of changes.
const KEPT: usize = 2_000;
/// Most bytes of the kept items.
const KEPT_BYTES: usize = 2 << 20;

/// What was read from one side.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Items without a counterpart.
    pub(super) unpaired: Vec<Unpaired>,
    /// Changed and new items, up to the limits.
    pub(super) kept: HashMap<String, Item>,
    /// Items read.
    pub(super) count: u64,
    /// The position in `unpaired` of each item, by the hash of its id.
    places: HashMap<Hash, usize>,
}

impl Observed {
    /// Paging by position lists an item twice if others are inserted before it; it is counted once.
    pub(super) fn add_unpaired(&mut self, item: Unpaired) {
        match self.places.entry(Hash::of_bytes(item.id.as_bytes())) {
            Entry::Occupied(place) => self.unpaired[*place.get()] = item,
            Entry::Vacant(place) => {
                place.insert(self.unpaired.len());
                self.unpaired.push(item);
            }
        }
    }

    /// Takes out the items without a counterpart that match.
    pub(super) fn take_out(&mut self, matches: impl Fn(&Unpaired) -> bool) -> Vec<Unpaired> {
        let (out, rest) = std::mem::take(&mut self.unpaired).into_iter().partition(matches);
        self.places.clear();
        for item in rest {
            self.add_unpaired(item);
        }
        out
    }
}

/// Reads one side to the end.
pub(super) async fn observe(
    side: Side,
    connector: &dyn Place,
    mode: ReadMode,
    mapping: &Mapping,
    matcher: &Matcher<'_>,
    index: &mut LinkIndex,
    call: &Call<'_>,
) -> Result<(Observed, ListingEnd), RunError> {
    let failed = |error| RunError::Place { side, error };
    let mut listing = connector.list(mode, None, call).await.map_err(failed)?;
    let mut observed = Observed::default();
    let mut kept_bytes = 0;
    while let Some(page) = listing.next_page(call).await.map_err(failed)? {
        for item in page {
            if item.deleted {
                index.see_deleted(side, &item.id);
                continue;
            }
            observed.count += 1;
            let typed = mapping.typed(side, &item);
            let weight = item.weight();
            let keep = match index.see(side, &item.id, content_hash(&typed), weight) {
                Found::Linked(position) => index.is_dirty(position),
                Found::Pending(position) => {
                    let due = index.is_dirty(position);
                    let link = Some(index.id(position));
                    observed.add_unpaired(matcher.unpaired(side, &item, &typed, link, due));
                    due
                }
                Found::Busy => false,
                Found::New => {
                    observed.add_unpaired(matcher.unpaired(side, &item, &typed, None, true));
                    true
                }
            };
            if keep && observed.kept.len() < KEPT && kept_bytes + weight <= KEPT_BYTES {
                kept_bytes += weight;
                observed.kept.insert(item.id.clone(), item);
            }
        }
    }
    Ok((observed, listing.end()))
}

/// Returns what is known of items by id: kept ones, and others fetched page by page. An error ends the run if it is
/// about more than one item.
pub(super) async fn bodies(
    side: Side,
    connector: &dyn Place,
    ids: &[String],
    kept: &mut HashMap<String, Item>,
    call: &Call<'_>,
) -> Result<HashMap<String, Seen>, RunError> {
    let mut items = HashMap::with_capacity(ids.len());
    let mut wanted = Vec::new();
    for id in ids {
        match kept.remove(id) {
            Some(item) => {
                items.insert(id.clone(), Seen::Present(item));
            }
            None => wanted.push(id.clone()),
        }
    }
    let snapshot = connector.capabilities().snapshot;
    for page in wanted.chunks(connector.capabilities().fetch_batch.max(1)) {
        for (id, read) in connector.fetch(page, call).await {
            let seen = match read {
                Ok(Read::Item(item)) if !item.deleted => Seen::Present(item),
                // Without the platform's own word an absence must be seen twice.
                Ok(Read::Item(_) | Read::Gone) if snapshot => Seen::Missing,
                Ok(Read::Item(_) | Read::Gone) => Seen::Gone,
                Ok(Read::NotVisible | Read::Moved { .. }) => Seen::NotVisible,
                Ok(Read::OutOfScope) => Seen::OutOfScope,
                Err(error) if error.stops_the_batch() => return Err(RunError::Place { side, error }),
                Err(error) => Seen::Unread(error),
            };
            items.insert(id, seen);
        }
    }
    Ok(items)
}
