//! Looks for the counterparts of new items on a side that was not read whole.

use std::collections::HashSet;

use super::{
    Run, RunError,
    index::{Found, LinkIndex},
    matching::{Matcher, Unpaired},
    observe::Observed,
    report::Report,
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
    /// Keys in `searched` were looked for on both sides before; those looked for now are added.
    ///
    /// A new item waits for the next whole reading if a search does not tell everything, or if the other side is remote
    /// and cannot search.
    pub(super) async fn find_counterparts(
        &self,
        side: Side,
        matcher: &Matcher<'_>,
        observed: &mut Pair<&mut Observed>,
        index: &mut LinkIndex,
        searched: &mut HashSet<Hash>,
        report: &mut Report,
    ) -> Result<Search, RunError> {
        let other = side.other();
        let capabilities = self.places.get(other).capabilities();
        let whole = index.len().div_ceil(capabilities.list_page.max(1)).max(1);
        let waits: Vec<Unpaired> =
            match (capabilities.find_batch, self.wanted(side, matcher, observed.get(side), searched)) {
                (None, _) if capabilities.remote => {
                    observed.get_mut(side).take_out(|item| item.link.is_none() && item.key.is_some())
                }
                (Some(keys), Some(wanted)) if wanted.len().div_ceil(keys.max(1)) <= whole => {
                    searched.extend(wanted.iter().map(|wanted| wanted.key));
                    let cut = self.find_each(side, wanted, matcher, observed, index).await?;
                    let is_cut = |item: &Unpaired| item.key.is_some_and(|key| cut.contains(&key));
                    observed.get_mut(side).take_out(|item| item.link.is_none() && is_cut(item))
                }
                _ => return Ok(Search::ReadWhole),
            };
        report.counts.skipped += waits.len() as u64;
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
