//! Finds linked items whose key is now spelled differently: `007` instead of `7`, if one of the two places treats both
//! as the same. Without this the old spelling would count as deleted and the new one as a new item.

use std::collections::{HashMap, HashSet};

use super::{
    Run, RunError,
    index::{self, LinkIndex},
    matching::Unpaired,
};
use crate::{Item, Side, Value, mapping::Rule, plan::fields::canonical_key, side::Pair, value::Fields};

/// The present ids of items, by link, where they are not those of the links.
pub(super) type NewIds = HashMap<i64, Pair<Option<String>>>;

impl Run<'_> {
    /// The present ids of links' items. The items are removed from `unpaired`, and their links count as seen.
    pub(super) async fn respelled(
        &self,
        index: &mut LinkIndex,
        unpaired: &mut Pair<Vec<Unpaired>>,
        complete: Pair<bool>,
    ) -> Result<NewIds, RunError> {
        let mut ids = NewIds::new();
        if !Side::BOTH.into_iter().any(|side| self.places.get(side).respells_keys()) {
            return Ok(ids);
        }
        for side in Side::BOTH.into_iter().filter(|side| *complete.get(*side)) {
            let key = self.places.get(side).capabilities().key_field.as_ref();
            let Some(rule) = self.mapping.rules.iter().find(|rule| key == Some(rule.field.get(side))) else {
                continue;
            };
            let absent = index.absent(side);
            if absent.is_empty() {
                continue;
            }
            let mut new = self.by_spelling(rule, side, unpaired.get(side));
            for page in absent.chunks(index::PAGE) {
                let positions: HashMap<i64, u32> =
                    page.iter().map(|position| (index.id(*position), *position)).collect();
                for link in self.store.links(&positions.keys().copied().collect::<Vec<_>>()).await? {
                    let spelling = link.ids.get(side).as_ref().and_then(|id| self.spelling(rule, side, id));
                    let found = spelling.and_then(|spelling| new.remove(&spelling)).flatten();
                    if let (Some(id), Some(position)) = (found, positions.get(&link.at.id)) {
                        index.found_again(side, *position);
                        *ids.entry(link.at.id).or_default().get_mut(side) = Some(id);
                    }
                }
            }
            let found: HashSet<&String> = ids.values().filter_map(|ids| ids.get(side).as_ref()).collect();
            unpaired.get_mut(side).retain(|item| item.link.is_some() || !found.contains(&item.id));
        }
        Ok(ids)
    }

    /// New items by the canonical form of their key; none where several new items share the form.
    fn by_spelling(&self, rule: &Rule, side: Side, items: &[Unpaired]) -> HashMap<String, Option<String>> {
        let mut new: HashMap<String, Option<String>> = HashMap::new();
        for item in items.iter().filter(|item| item.link.is_none()) {
            if let Some(spelling) = self.spelling(rule, side, &item.id) {
                new.entry(spelling).and_modify(|id| *id = None).or_insert_with(|| Some(item.id.clone()));
            }
        }
        new
    }

    fn spelling(&self, rule: &Rule, side: Side, id: &str) -> Option<String> {
        let field = rule.field.get(side);
        let item = Item::new(id, Fields::from([(field.clone(), Value::text(id))]));
        let typed = self.mapping.typed(side, &item);
        let value = typed.get(field)?;
        let value = match side {
            Side::Source => rule.carry(Side::Source, value).ok()?,
            Side::Target => value.clone(),
        };
        canonical_key(self.places, rule, &value)
    }
}
