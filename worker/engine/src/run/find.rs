//! Looks for the counterparts of new items on a side that was not read whole.

use std::collections::HashSet;

use super::{
    Run, RunError,
    index::{Found, LinkIndex},
    matching::{Matcher, Unpaired},
    observe::Observed,
};
use crate::{
    Side,
    hash::{Hash, content_hash},
    ports::MatchKey,
    side::Pair,
    value::Fields,
};

/// A new item, and the values by which a side is searched for others with its key.
struct Wanted {
    id: String,
    key: Hash,
    values: Pair<Fields>,
}

/// The keys of new items that wait for the next whole reading. They are put off after the pairing and not before: an item
/// that is taken out cannot keep its counterpart from being created again.
#[derive(Default)]
pub(super) struct Waiting {
    /// Their counterparts may be among items that were not read; a pair of items that were read is one.
    pub(super) alone: HashSet<Hash>,
    /// A search did not tell everything, so that even a pair may be the wrong one.
    pub(super) unsure: HashSet<Hash>,
    /// Keys that were searched for on both sides.
    searched: HashSet<Hash>,
}

impl Waiting {
    /// True if a new item without a counterpart waits.
    pub(super) fn has(&self, item: &Unpaired) -> bool {
        let waits = |key: &Hash| self.alone.contains(key) || self.unsure.contains(key);
        item.link.is_none() && item.key.as_ref().is_some_and(waits)
    }

    /// True if a pair may be the wrong one.
    pub(super) fn doubts(&self, item: &Unpaired) -> bool {
        item.key.as_ref().is_some_and(|key| self.unsure.contains(key))
    }
}

/// How the search for counterparts ended.
pub(super) enum Search {
    /// The new items can be paired or created, or were taken out to wait.
    Done,
    /// The sides must be read whole: that is cheaper, or a place that costs little cannot search.
    ReadWhole,
}

/// What a search of one side found.
#[derive(Default)]
struct Answers {
    /// The keys of items that have no link yet.
    unlinked: HashSet<Hash>,
    /// The keys of which the side did not tell everything.
    cut: HashSet<Hash>,
}

impl Run<'_> {
    /// Adds to what was read the items that may be the counterpart of a new item of this side, or share its key on its
    /// own side.
    ///
    /// A new item waits for the next whole reading if a search does not tell everything, or if the other side is remote
    /// and cannot search. In a rare run that reads this side at once, the other one is read whole as well: otherwise the two
    /// would have to be due in the same run. `other_in_parts`: the other side was read whole in several runs, and is not
    /// read again.
    pub(super) async fn find_counterparts(
        &self,
        side: Side,
        (own_at_once, other_in_parts): (bool, bool),
        matcher: &Matcher<'_>,
        observed: &mut Pair<&mut Observed>,
        index: &mut LinkIndex,
        waiting: &mut Waiting,
    ) -> Result<Search, RunError> {
        let other = side.other();
        let capabilities = self.places.get(other).capabilities();
        let links = usize::try_from(index.len()).unwrap_or(usize::MAX);
        let whole = links.div_ceil(capabilities.list_page.max(1)).max(1);
        let wanted = self.wanted(side, matcher, observed.get(side), &waiting.searched);
        match (capabilities.find_batch, wanted) {
            (Some(keys), Some(wanted)) if other_in_parts || wanted.len().div_ceil(keys.max(1)) <= whole => {
                waiting.searched.extend(wanted.iter().map(|wanted| wanted.key));
                let cut = self.find_each(side, wanted, matcher, observed, index).await?;
                if own_at_once && !other_in_parts && !cut.is_empty() {
                    return Ok(Search::ReadWhole);
                }
                waiting.unsure.extend(cut);
            }
            (None, _) | (Some(_), None) if other_in_parts || capabilities.remote && !own_at_once => {
                let new = observed.get(side).unpaired.iter().filter(|item| item.link.is_none());
                waiting.alone.extend(new.filter_map(|item| item.key));
            }
            _ => return Ok(Search::ReadWhole),
        }
        Ok(Search::Done)
    }

    /// Searches both sides for new items of `side`. Returns the keys of which the answer was cut.
    async fn find_each(
        &self,
        side: Side,
        wanted: Vec<Wanted>,
        matcher: &Matcher<'_>,
        observed: &mut Pair<&mut Observed>,
        index: &mut LinkIndex,
    ) -> Result<HashSet<Hash>, RunError> {
        let there =
            self.search(side.other(), &wanted, matcher, observed.get_mut(side.other()), index).await?;
        let mut cut = there.cut;
        // Of several items with the key a pair may be the wrong one; what has no counterpart is created in any case.
        let paired: Vec<Wanted> =
            wanted.into_iter().filter(|wanted| there.unlinked.contains(&wanted.key)).collect();
        if self.places.get(side).capabilities().find_batch.is_some() {
            cut.extend(self.search(side, &paired, matcher, observed.get_mut(side), index).await?.cut);
        }
        Ok(cut)
    }

    /// The new items of a side that have a key which was not looked for before. None if the values of one of them are not at hand.
    fn wanted(
        &self,
        side: Side,
        matcher: &Matcher<'_>,
        observed: &Observed,
        searched: &HashSet<Hash>,
    ) -> Option<Vec<Wanted>> {
        let is_new =
            |item: &&Unpaired| item.link.is_none() && item.key.is_none_or(|key| !searched.contains(&key));
        let new = observed.unpaired.iter().filter(is_new);
        let wanted = |(item, key): (&Unpaired, Hash)| {
            let typed = self.mapping.typed(side, observed.kept.get(&item.id)?);
            let values = matcher.values(side, &typed)?;
            Some(Wanted { id: item.id.clone(), key, values: Pair::new(values.source, values.target) })
        };
        new.filter_map(|item| Some((item, item.key?))).map(wanted).collect()
    }

    /// Searches a side for these keys, and adds the items that have them and no link, or a link that waits for its
    /// counterpart.
    async fn search(
        &self,
        side: Side,
        wanted: &[Wanted],
        matcher: &Matcher<'_>,
        observed: &mut Observed,
        index: &mut LinkIndex,
    ) -> Result<Answers, RunError> {
        let place = *self.places.get(side);
        let batch = place.capabilities().find_batch.unwrap_or(1).max(1);
        let mut search = Answers::default();
        for page in wanted.chunks(batch) {
            let keys: Vec<MatchKey> =
                page.iter().map(|wanted| MatchKey { fields: wanted.values.get(side).clone() }).collect();
            let answers =
                place.find(&keys, &self.call(side)).await.map_err(|error| RunError::Place { side, error })?;
            for (at, wanted) in page.iter().enumerate() {
                let Some(candidates) = answers.get(at).filter(|answer| answer.complete) else {
                    search.cut.insert(wanted.key);
                    continue;
                };
                for item in &candidates.items {
                    let typed = self.mapping.typed(side, item);
                    if item.deleted || item.id == wanted.id || matcher.key(side, &typed) != Some(wanted.key) {
                        continue;
                    }
                    let found = index.see(side, &item.id, content_hash(&typed), item.weight());
                    let link = match found {
                        Found::New => None,
                        Found::Pending(position) => Some(index.id(position)),
                        Found::Linked(_) | Found::Busy => continue,
                    };
                    search.unlinked.insert(wanted.key);
                    observed.add_unpaired(matcher.unpaired(side, item, &typed, link, true));
                    observed.kept.insert(item.id.clone(), item.clone());
                }
            }
        }
        Ok(search)
    }
}
