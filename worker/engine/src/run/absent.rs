//! Asks by id for items that a listing of a remote place lacks: it may be behind, cut short, or read with fewer
//! permissions, and an item may have another id by now.

use std::collections::HashMap;

use super::{
    Absence, Run, RunError,
    index::{self, LinkIndex},
    matching::Unpaired,
    observe::fetch,
    report::Report,
    respelled::NewIds,
};
use crate::{
    Side,
    ports::{Found, Link},
    side::Pair,
};

/// Most items out of scope that are asked for because there are new ones.
const MOST_OUT: usize = 100;

impl Run<'_> {
    /// Explains the absence of items, and follows those that have another id: they are removed from `unpaired`, and added
    /// to `ids`.
    pub(super) async fn look_for_absent(
        &self,
        index: &mut LinkIndex,
        unpaired: &mut Pair<Vec<Unpaired>>,
        ids: &mut NewIds,
        report: &mut Report,
    ) -> Result<(), RunError> {
        for side in Side::BOTH {
            let capabilities = self.places.get(side).capabilities();
            if capabilities.snapshot {
                continue;
            }
            let is_new = |item: &Unpaired| item.link.is_none();
            let absent = if *report.complete.get(side) {
                index.unexplained(side)
            } else if capabilities.ids_change && unpaired.get(side).iter().any(is_new) {
                // A new item may be one that has come back under another id.
                let mut out = index.out_of_scope(side);
                out.split_off(out.len().saturating_sub(MOST_OUT))
            } else {
                continue;
            };
            for page in absent.chunks(index::PAGE) {
                self.explain(side, page, index, unpaired, ids, report).await?;
            }
        }
        Ok(())
    }

    async fn explain(
        &self,
        side: Side,
        positions: &[u32],
        index: &mut LinkIndex,
        unpaired: &mut Pair<Vec<Unpaired>>,
        ids: &mut NewIds,
        report: &mut Report,
    ) -> Result<(), RunError> {
        let place = *self.places.get(side);
        let links: Vec<i64> = positions.iter().map(|position| index.id(*position)).collect();
        let of_link: HashMap<i64, u32> = links.iter().copied().zip(positions.iter().copied()).collect();
        let id = |link: &Link| Some((link.ids.get(side).clone()?, *of_link.get(&link.at.id)?));
        let mut by_id: HashMap<String, u32> = self.store.links(&links).await?.iter().filter_map(id).collect();
        let asked: Vec<String> = by_id.keys().cloned().collect();
        for (old, found) in fetch(side, place, &asked, &self.call(side)).await? {
            let Some(position) = by_id.remove(&old) else { continue };
            match found {
                Ok(Found::Item(item)) if item.deleted => index.explain(side, position, Absence::Gone),
                Ok(Found::Gone) => index.explain(side, position, Absence::Gone),
                // Read again with its batch.
                Ok(Found::Item(_)) | Err(_) => index.is_there(side, position),
                Ok(Found::OutOfScope) => index.explain(side, position, Absence::OutOfScope),
                Ok(Found::NotVisible) if *report.complete.get(side) => {
                    index.explain(side, position, Absence::Missing);
                }
                Ok(Found::NotVisible) => {}
                Ok(Found::Moved { id, .. }) if index.has(side, &id) => {
                    index.explain(side, position, Absence::OutOfScope);
                    report.add_merged(&old, &id);
                }
                Ok(Found::Moved { id, .. }) => {
                    index.found_again(side, position);
                    unpaired.get_mut(side).retain(|item| item.id != id);
                    *ids.entry(index.id(position)).or_default().get_mut(side) = Some(id);
                }
            }
        }
        if *report.complete.get(side) {
            by_id.into_values().for_each(|position| index.explain(side, position, Absence::Missing));
        }
        Ok(())
    }
}
