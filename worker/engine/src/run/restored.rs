//! Pairs again what was paired after the backup from which the database was restored.
//!
//! Items created since then are on both sides and have no link. Their markers identify them for certain. If a place has
//! no markers, two items with the same value in every mapped field are paired, and a person is asked about what is left
//! on both sides, so that nothing is created twice.

use std::collections::{HashMap, VecDeque};

use super::{
    Report, Run, RunError, index,
    index::LinkIndex,
    matching::{Matched, Matcher, Unpaired},
    observe::bodies,
};
use crate::{
    Item, Side,
    capability::CreateIdempotency,
    hash::Hash,
    plan::{Context, Seen, fields::ambiguous_create, fields::create_marker},
    ports::{Link, Marker, Probed},
    side::Pair,
};

/// The pairs found for items without a counterpart.
#[derive(Default)]
pub(super) struct FoundAgain {
    pub(super) pairs: Vec<(Unpaired, Unpaired)>,
    /// Linked items whose counterpart is gone, by the side that they are on. It may exist under another id.
    widows: Pair<Vec<Unpaired>>,
    /// How many of `widows` got a counterpart.
    reunited: Pair<u64>,
}

impl FoundAgain {
    /// True per side if items without a counterpart are left there, or may be left after an incomplete listing.
    pub(super) fn left(&self, matched: &Matched, complete: Pair<bool>) -> Pair<bool> {
        let left = |side: Side| {
            !matched.singles.get(side).is_empty()
                || !matched.ambiguous.is_empty()
                || !self.widows.get(side).is_empty()
                || !*complete.get(side)
        };
        Pair::new(left(Side::Source), left(Side::Target))
    }

    /// The number of links that got another item, by the side of that item.
    pub(super) fn reunited(&self) -> Pair<u64> {
        Pair::new(self.reunited.target, self.reunited.source)
    }

    fn add(&mut self, side: Side, item: Unpaired, other: Unpaired) {
        self.pairs.push(if side == Side::Source { (item, other) } else { (other, item) });
    }
}

impl Run<'_> {
    /// True per side if a create there may duplicate an item: some are left, and one of the two places has no markers.
    pub(super) fn doubtful(&self, left: Pair<bool>) -> Pair<bool> {
        let doubtful =
            self.options.after_restore && Side::BOTH.into_iter().any(|side| !self.is_certain(side));
        Pair::new(doubtful && left.source, doubtful && left.target)
    }

    /// True if items created on this side can be found again.
    fn is_certain(&self, side: Side) -> bool {
        let idempotency = self.places.get(side).capabilities().create_idempotency;
        !self.spec.creates_on(side) || idempotency != CreateIdempotency::None
    }

    /// Pairs items with those that were created from them and carry their marker.
    pub(super) async fn find_by_markers(
        &self,
        context: &Context<'_>,
        index: &LinkIndex,
        matcher: &Matcher<'_>,
        unpaired: &mut Pair<Vec<Unpaired>>,
        kept: &Pair<HashMap<String, Item>>,
        report: &mut Report,
    ) -> Result<FoundAgain, RunError> {
        let mut again = FoundAgain::default();
        for side in Side::BOTH {
            let other = side.other();
            if unpaired.get(other).is_empty() {
                continue;
            }
            let mut items = std::mem::take(unpaired.get_mut(side));
            let unlinked = items.len();
            items.extend(self.widows(side, index, matcher, report.complete).await?);
            let mut found = HashMap::new();
            if self.spec.creates_on(other) && self.is_certain(other) {
                for chunk in items.chunks(self.places.get(other).capabilities().fetch_batch.max(1)) {
                    found.extend(self.probe(context, side, chunk, kept.get(side)).await?);
                }
            }
            let others = std::mem::take(unpaired.get_mut(other)).into_iter();
            let mut others: HashMap<String, Unpaired> = others.map(|item| (item.id.clone(), item)).collect();
            for (position, item) in items.into_iter().enumerate() {
                let counterpart = found.get(&item.id).and_then(|id| others.get(id));
                let free = counterpart.is_some_and(|other| other.link.is_none() || item.link.is_none());
                match found.get(&item.id).filter(|_| free).and_then(|id| others.remove(id)) {
                    Some(counterpart) => {
                        *again.reunited.get_mut(side) += u64::from(position >= unlinked);
                        again.add(side, item, counterpart);
                    }
                    None if position >= unlinked => again.widows.get_mut(side).push(item),
                    None => unpaired.get_mut(side).push(item),
                }
            }
            *unpaired.get_mut(other) = others.into_values().collect();
            // The hash map has no stable order, and a plan must be deterministic.
            unpaired.get_mut(other).sort_by(|a, b| a.id.cmp(&b.id));
        }
        Ok(again)
    }

    /// Linked items on this side whose counterpart is gone.
    async fn widows(
        &self,
        side: Side,
        index: &LinkIndex,
        matcher: &Matcher<'_>,
        complete: Pair<bool>,
    ) -> Result<Vec<Unpaired>, RunError> {
        let mut widows = Vec::new();
        for page in index.widowed(side, complete).chunks(index::PAGE) {
            let links = self.store.links(page).await?;
            let of = |link: &Link| Some((link.ids.get(side).clone()?, link.at.id));
            let of: Vec<(String, i64)> = links.iter().filter_map(of).collect();
            let ids: Vec<String> = of.iter().map(|(id, _)| id.clone()).collect();
            let items = self.look_at(side, &ids, &HashMap::new()).await?;
            widows.extend(of.into_iter().filter_map(|(id, link)| {
                let item = items.get(&id)?;
                let typed = self.mapping.typed(side, item);
                Some(Unpaired { key: None, ..matcher.unpaired(side, item, &typed, Some(link), true) })
            }));
        }
        Ok(widows)
    }

    /// Items by id; does not remove them from those kept for the plans.
    async fn look_at(
        &self,
        side: Side,
        ids: &[String],
        kept: &HashMap<String, Item>,
    ) -> Result<HashMap<String, Item>, RunError> {
        let mut known: HashMap<String, Item> =
            ids.iter().filter_map(|id| Some((id.clone(), kept.get(id)?.clone()))).collect();
        let seen = bodies(side, *self.places.get(side), ids, &mut known, &self.call(side)).await?;
        let present = |(id, seen)| match seen {
            Seen::Present(item) => Some((id, item)),
            _ => None,
        };
        Ok(seen.into_iter().filter_map(present).collect())
    }

    /// The ids of the items created on the other side from these items.
    async fn probe(
        &self,
        context: &Context<'_>,
        side: Side,
        items: &[Unpaired],
        kept: &HashMap<String, Item>,
    ) -> Result<Vec<(String, String)>, RunError> {
        let ids: Vec<String> = items.iter().map(|item| item.id.clone()).collect();
        let bodies = self.look_at(side, &ids, kept).await?;
        let marker = |item: &Unpaired| {
            let body = bodies.get(&item.id)?;
            Some((item.id.clone(), create_marker(context, side, body, &self.mapping.typed(side, body))))
        };
        let (ids, markers): (Vec<String>, Vec<Marker>) = items.iter().filter_map(marker).unzip();
        let other = side.other();
        let answers = self.places.get(other).probe(&markers, &self.call(other)).await;
        let answers = answers.map_err(|error| RunError::Place { side: other, error })?;
        let found = ids.into_iter().zip(answers);
        let present = |(id, probed)| match probed {
            Probed::Found(item) if !item.deleted => Some((id, item.id)),
            Probed::Found(_) | Probed::Absent | Probed::CannotTell => None,
        };
        Ok(found.filter_map(present).collect())
    }

    /// Pairs the remaining items that have the same value in every mapped field, and at last a single item whose
    /// counterpart a person found with the single item left. If creates carry markers, this pairs the items that lost
    /// theirs.
    pub(super) async fn pair_alike(
        &self,
        again: &mut FoundAgain,
        matched: &mut Matched,
    ) -> Result<(), RunError> {
        let mut targets: HashMap<Hash, VecDeque<(Unpaired, bool)>> = HashMap::new();
        let singles = std::mem::take(&mut matched.singles.target).into_iter().map(|item| (item, false));
        let widows = std::mem::take(&mut again.widows.target).into_iter().map(|item| (item, true));
        let mut left = Vec::new();
        for (item, widow) in singles.chain(widows) {
            match item.content {
                Some(content) => targets.entry(content).or_default().push_back((item, widow)),
                None => left.push((item, widow)),
            }
        }
        let singles = std::mem::take(&mut matched.singles.source).into_iter().map(|item| (item, false));
        let widows = std::mem::take(&mut again.widows.source).into_iter().map(|item| (item, true));
        for (item, widow) in singles.chain(widows) {
            let alike = item.content.and_then(|content| targets.get_mut(&content));
            let fits = |other: &(Unpaired, bool)| item.link.is_none() || other.0.link.is_none();
            let counterpart = alike.and_then(|alike| {
                let place = alike.iter().position(fits)?;
                alike.remove(place)
            });
            match counterpart {
                Some((other, other_widow)) => {
                    again.reunited.source += u64::from(widow);
                    again.reunited.target += u64::from(other_widow);
                    again.pairs.push((item, other));
                }
                None if widow => again.widows.source.push(item),
                None => matched.singles.source.push(item),
            }
        }
        left.extend(targets.into_values().flatten());
        left.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        for (item, widow) in left {
            if widow { &mut again.widows.target } else { &mut matched.singles.target }.push(item);
        }
        self.pair_the_last(again, matched).await
    }

    /// Pairs the only two items left, if a person has found the counterpart of one of them and the other has none.
    async fn pair_the_last(&self, again: &mut FoundAgain, matched: &mut Matched) -> Result<(), RunError> {
        let ([source], [target]) = (&matched.singles.source[..], &matched.singles.target[..]) else {
            return Ok(());
        };
        let side = match (source.link, target.link) {
            (Some(_), None) => Side::Source,
            (None, Some(_)) => Side::Target,
            _ => return Ok(()),
        };
        let link: Vec<i64> = [source.link, target.link].into_iter().flatten().collect();
        let links = self.store.links(&link).await?;
        let found =
            |link: &Link| ambiguous_create(link).is_some_and(|open| open.chosen_side() == Some(side.other()));
        if links.iter().any(found) {
            let pair = matched.singles.source.pop().zip(matched.singles.target.pop());
            again.pairs.extend(pair);
        }
        Ok(())
    }
}
