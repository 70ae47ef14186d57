//! Reads what a batch of work needs and plans it.

use std::collections::{HashMap, HashSet};

use super::{Absence, Run, RunError, Work, index, observe::bodies};
use crate::{
    Item, Side,
    plan::{Context, Facts, ItemPlan, Seen, plan_item},
    ports::{Link, LinkState},
    side::Pair,
};

impl Run<'_> {
    pub(super) async fn plan_batch(
        &self,
        context: &Context<'_>,
        work: &[Work],
        kept: &mut Pair<HashMap<String, Item>>,
    ) -> Result<Vec<ItemPlan>, RunError> {
        let mut links = self.links_of(work).await?;
        for work in work {
            if let Work::Link { id, ids, .. } = work
                && let Some(link) = links.get_mut(id)
            {
                for side in Side::BOTH {
                    *link.ids.get_mut(side) = ids.get(side).clone().or_else(|| link.ids.get(side).clone());
                }
            }
        }
        links.values().for_each(|link| forget_stale(link, kept));
        let mut items: Pair<HashMap<String, Seen>> = Pair::default();
        let read_at = self.clock.elapsed();
        let mut listed: Pair<HashSet<String>> = Pair::default();
        for side in Side::BOTH {
            let ids = ids_to_read(side, work, &links);
            *listed.get_mut(side) =
                ids.iter().filter(|id| kept.get(side).contains_key(*id)).cloned().collect();
            *items.get_mut(side) =
                bodies(side, *self.places.get(side), &ids, kept.get_mut(side), &self.call(side)).await?;
        }
        Ok(work
            .iter()
            .filter_map(|work| facts(work, &mut links, &mut items))
            .map(|mut facts| {
                for side in Side::BOTH {
                    let item = facts.seen.get(side).item();
                    if item.is_some_and(|item| !listed.get(side).contains(&item.id)) {
                        *facts.read_at.get_mut(side) = read_at;
                    }
                }
                plan_item(context, facts)
            })
            .collect())
    }

    /// The links of a batch by id.
    async fn links_of(&self, work: &[Work]) -> Result<HashMap<i64, Link>, RunError> {
        let ids: Vec<i64> = work.iter().filter_map(link_of).collect();
        let mut links = HashMap::with_capacity(ids.len());
        for page in ids.chunks(index::PAGE) {
            for link in self.store.links(page).await? {
                links.insert(link.at.id, self.mapping.retype(link));
            }
        }
        Ok(links)
    }

    /// Records which items of these links were absent, and nothing else.
    pub(super) async fn remember_absence(&self, work: &[Work]) -> Result<(), RunError> {
        let links = self.links_of(work).await?;
        let now = self.clock.now();
        let mut records = Vec::new();
        for work in work {
            let Work::Link { id, absence, .. } = work else { continue };
            let Some(link) = links.get(id) else { continue };
            let side = if absence.source.is_some() { Side::Source } else { Side::Target };
            if link.missing.is_none_or(|(missing, _)| missing != side) {
                let seen = Pair::new(Seen::Missing, Seen::Missing);
                let facts =
                    Facts { link: Some(link.clone()), seen, may_remove: false, read_at: Pair::default() };
                let mut record = self.unchanged(&facts);
                record.missing = Some((side, now));
                if record.state == LinkState::OutOfScope {
                    // The item that was out of scope is back.
                    record.state = LinkState::Linked;
                }
                records.push(record);
            }
        }
        if !records.is_empty() {
            self.store.record(&records).await?;
        }
        Ok(())
    }
}

/// Drops a listed item that is older than the link knows it: a platform's index may be behind our own writes, and would
/// undo them. The item is read by its id instead.
fn forget_stale(link: &Link, kept: &mut Pair<HashMap<String, Item>>) {
    for side in Side::BOTH {
        let (Some(id), Some(known)) = (link.ids.get(side), *link.modified.get(side)) else { continue };
        let is_older = |item: &Item| item.modified.is_some_and(|modified| modified.at < known);
        if kept.get(side).get(id).is_some_and(is_older) {
            kept.get_mut(side).remove(id);
        }
    }
}

fn link_of(work: &Work) -> Option<i64> {
    match work {
        Work::Link { id, .. } => Some(*id),
        Work::Pair { source, target } => source.link.or(target.link),
        Work::Single { item, .. } => item.link,
    }
}

fn ids_to_read(side: Side, work: &[Work], links: &HashMap<i64, Link>) -> Vec<String> {
    let mut seen = HashSet::new();
    let id = |work: &Work| match work {
        Work::Link { absence, .. } if absence.get(side).is_some() => None,
        Work::Link { id, .. } => links.get(id).and_then(|link| link.ids.get(side).clone()),
        Work::Pair { source, target } => {
            Some(if side == Side::Source { &source.id } else { &target.id }.clone())
        }
        Work::Single { side: on, item } => (*on == side).then(|| item.id.clone()),
    };
    work.iter().filter_map(id).filter(|id| seen.insert(id.clone())).collect()
}

/// The facts about one piece of work; none if it is gone by now.
fn facts(
    work: &Work,
    links: &mut HashMap<i64, Link>,
    items: &mut Pair<HashMap<String, Seen>>,
) -> Option<Facts> {
    match work {
        Work::Link { id, absence, may_remove, .. } => {
            let link = links.remove(id)?;
            let seen =
                |side: Side, items: &mut HashMap<String, Seen>| match (absence.get(side), link.ids.get(side))
                {
                    (Some(Absence::Missing), _) => Seen::Missing,
                    (Some(Absence::Gone), _) => Seen::Gone,
                    (Some(Absence::OutOfScope), _) => Seen::OutOfScope,
                    (None, None) => Seen::Never,
                    (None, Some(id)) => items.remove(id).unwrap_or(Seen::NotVisible),
                };
            let source = seen(Side::Source, &mut items.source);
            let target = seen(Side::Target, &mut items.target);
            let seen = Pair::new(source, target);
            Some(Facts { link: Some(link), seen, may_remove: *may_remove, read_at: Pair::default() })
        }
        Work::Pair { source, target } => {
            let link = source.link.or(target.link).and_then(|id| links.remove(&id));
            let ids = Pair::new(source.id.as_str(), target.id.as_str());
            let link = link.map(|link| repaired(link, ids));
            let seen = Pair::new(items.source.remove(&source.id)?, items.target.remove(&target.id)?);
            Some(Facts { link, seen: as_new(seen)?, may_remove: false, read_at: Pair::default() })
        }
        Work::Single { side, item } => {
            let link = item.link.and_then(|id| links.remove(&id));
            let read = items.get_mut(*side).remove(&item.id)?;
            let mut seen = Pair::new(Seen::Never, Seen::Never);
            *seen.get_mut(*side) = read;
            Some(Facts { link, seen: as_new(seen)?, may_remove: false, read_at: Pair::default() })
        }
    }
}

/// What is known of items without a link that are about to get one; none if one of them is gone by now.
fn as_new(seen: Pair<Seen>) -> Option<Pair<Seen>> {
    let stays = |seen: &Seen| matches!(seen, Seen::Present(_) | Seen::Unread(_) | Seen::Never);
    (stays(&seen.source) && stays(&seen.target)).then_some(seen)
}

/// A link that got another item as its counterpart: the state of the old item does not apply to the new one.
fn repaired(mut link: Link, ids: Pair<&str>) -> Link {
    let is_other = |side: Side| link.ids.get(side).as_deref().is_some_and(|id| id != *ids.get(side));
    if Side::BOTH.into_iter().any(is_other) {
        link.ids = Pair::new(Some(ids.source.to_owned()), Some(ids.target.to_owned()));
        link.base = Pair::default();
        link.hash = Pair::default();
        link.missing = None;
    }
    link
}
