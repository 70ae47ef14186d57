//! Reads both sides and finds what must be processed.

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    Item, Side,
    hash::Hash,
    mapping::{ContentHasher, Mapping},
    plan::Seen,
    ports::{
        BrokenListing, Call, ConnectorError, ErrorKind, Found as Read, ListingEnd, Place, ReadMode, Store,
    },
};

use super::{
    Absence, RunError,
    index::{Found, LinkIndex},
    keys::id_key,
    matching::{Matcher, Unpaired},
};

/// Changed items per side kept from the listing; further ones are read again in their batch, so that memory does not
/// grow with the number of changes.
const KEPT: usize = 2_000;
/// Most bytes of the kept items.
const KEPT_BYTES: usize = 2 << 20;
/// The same where reading an item again is a request.
const KEPT_BYTES_REMOTE: usize = 8 << 20;

/// What was read from one side.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Items without a counterpart.
    pub(super) unpaired: Vec<Unpaired>,
    /// Changed and new items, up to the limits.
    pub(super) kept: HashMap<String, Item>,
    kept_bytes: usize,
    remote: bool,
    /// Items read.
    pub(super) count: u64,
    /// The position in `unpaired` of each item, by the hash of its id.
    places: HashMap<Hash, usize>,
}

impl Observed {
    pub(super) fn add(
        &mut self,
        side: Side,
        item: Item,
        mapping: &Mapping,
        content: &mut ContentHasher<'_>,
        matcher: &Matcher<'_>,
        index: &mut LinkIndex,
    ) {
        if item.deleted {
            index.explain_id(side, &item.id, Absence::Gone);
            return;
        }
        if item.out_of_scope {
            index.explain_id(side, &item.id, Absence::OutOfScope);
            return;
        }
        self.count += 1;
        let weight = item.weight();
        let keep = match index.see(side, &item.id, content.hash(&item.fields), weight) {
            Found::Linked(position) => index.is_dirty(position),
            Found::Pending(position) => {
                let due = index.is_dirty(position);
                let link = Some(index.id(position));
                let typed = mapping.typed(side, &item);
                self.add_unpaired(matcher.unpaired(side, &item, &typed, link, due));
                due
            }
            Found::Busy => false,
            Found::New => {
                let typed = mapping.typed(side, &item);
                self.add_unpaired(matcher.unpaired(side, &item, &typed, None, true));
                true
            }
        };
        let most = if self.remote { KEPT_BYTES_REMOTE } else { KEPT_BYTES };
        if keep && self.kept.len() < KEPT && self.kept_bytes + weight <= most {
            self.kept_bytes += weight;
            self.kept.insert(item.id.clone(), item);
        }
    }

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
}

/// A listing that met an error and can go on later.
#[derive(Debug)]
pub(super) struct BrokenOff {
    pub(super) listing: BrokenListing,
    pub(super) error: ConnectorError,
}

/// How a side is read.
pub(super) struct Reading<'a> {
    pub(super) side: Side,
    pub(super) place: &'a dyn Place,
    pub(super) store: &'a dyn Store,
    pub(super) mode: ReadMode,
    /// Goes on where this one was broken off.
    pub(super) from: Option<BrokenListing>,
}

impl Reading<'_> {
    /// Reads the side to its end, or until an error after which the listing can go on later.
    pub(super) async fn observe(
        self,
        mapping: &Mapping,
        matcher: &Matcher<'_>,
        index: &mut LinkIndex,
        call: &Call<'_>,
    ) -> Result<(Observed, ListingEnd, Option<BrokenOff>), RunError> {
        let Reading { side, place, store, mode, from } = self;
        let failed = |error| RunError::Place { side, error };
        let whole = mode == ReadMode::Full;
        let (mut seen, mut position) = (Vec::new(), None);
        if let Some(from) = from {
            (seen, position) = (from.seen, Some(from.position));
        }
        let mut resumes = position.is_some();
        let mut listing = match place.list(mode.clone(), position, call).await {
            // The position is not known any more, so the listing begins anew.
            Err(error) if resumes && error.kind == ErrorKind::Conflict => {
                (resumes, seen) = (false, Vec::new());
                place.list(mode.clone(), None, call).await
            }
            listing => listing,
        }
        .map_err(failed)?;
        let mut content = mapping.hasher(side);
        let mut observed = Observed { remote: place.capabilities().remote, ..Observed::default() };
        loop {
            let page = match listing.next_page(call).await {
                // Some places look at the position with the first page only.
                Err(error) if resumes && error.kind == ErrorKind::Conflict => {
                    (resumes, seen) = (false, Vec::new());
                    listing = place.list(mode.clone(), None, call).await.map_err(failed)?;
                    continue;
                }
                Ok(None) => {
                    if resumes {
                        index.load(store).await?;
                        index.see_earlier(side, &seen);
                    }
                    return Ok((observed, listing.end(), None));
                }
                Ok(Some(page)) => page,
                Err(error) => {
                    let Some(position) = listing.position().filter(|_| can_wait(&error)) else {
                        return Err(failed(error));
                    };
                    let listing = BrokenListing { whole, position, seen };
                    let end = ListingEnd { complete: false, cursor: None };
                    return Ok((observed, end, Some(BrokenOff { listing, error })));
                }
            };
            if resumes || !page.is_empty() {
                index.load(store).await?;
            }
            if std::mem::take(&mut resumes) {
                index.see_earlier(side, &seen);
            }
            if whole && listing.position().is_some() {
                page.iter().for_each(|item| seen.extend(id_key(&item.id)));
            }
            for item in page {
                observed.add(side, item, mapping, &mut content, matcher, index);
            }
        }
    }
}

/// True if a listing that met this error may go on later.
fn can_wait(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::RateLimited { .. } | ErrorKind::Transient)
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
    for (id, read) in fetch(side, connector, &wanted, call).await? {
        let seen = match read {
            Ok(Read::Item(item)) if !item.deleted => Seen::Present(item),
            // Without the platform's own word an absence must be seen twice.
            Ok(Read::Item(_) | Read::Gone) if snapshot => Seen::Missing,
            Ok(Read::Item(_) | Read::Gone) => Seen::Gone,
            // A reading of the whole side follows an item to its new id.
            Ok(Read::NotVisible | Read::Moved { .. }) => Seen::NotVisible,
            Ok(Read::OutOfScope) => Seen::OutOfScope,
            Err(error) => Seen::Unread(error),
        };
        items.insert(id, seen);
    }
    Ok(items)
}

/// Asks for items by id, page by page. An error ends the run if it is about more than one item.
pub(super) async fn fetch(
    side: Side,
    connector: &dyn Place,
    ids: &[String],
    call: &Call<'_>,
) -> Result<Vec<(String, Result<Read, ConnectorError>)>, RunError> {
    let mut found = Vec::with_capacity(ids.len());
    for page in ids.chunks(connector.capabilities().fetch_batch.max(1)) {
        for (id, read) in connector.fetch(page, call).await {
            match read {
                Err(error) if error.stops_the_batch() => return Err(RunError::Place { side, error }),
                read => found.push((id, read)),
            }
        }
    }
    Ok(found)
}
