//! Groups the older rows that belong together.

use std::cmp::Reverse;
use std::collections::HashMap;

use sea_orm_migration::prelude::*;

use super::older::{self, Age};

/// The numbers of the rows of one `(entity_type, entity_id)`, or without an entity id of one external id, newest first.
/// Only the first becomes columns.
pub(super) type Group = Vec<i64>;

/// Returns the groups, newest first, so that of two with the same external id the newer one gets it.
pub(super) async fn of_all(manager: &SchemaManager<'_>) -> Result<Vec<Group>, DbErr> {
    let mut groups = HashMap::new();
    let mut rows: Vec<(Age, i64, usize)> = Vec::new();
    loop {
        let keys = older::keys(manager, rows.len() as i64).await?;
        if keys.is_empty() {
            break;
        }
        for key in keys {
            let (external_id, alone) = match (&key.entity_id, key.external_id) {
                (Some(_), _) => (None, None),
                (None, Some(external_id)) => (Some(external_id), None),
                (None, None) => (None, Some(key.number)),
            };
            let next = groups.len();
            let group = *groups.entry((key.entity_type, key.entity_id, external_id, alone)).or_insert(next);
            rows.push((key.age, key.number, group));
        }
    }
    let mut places = vec![None; groups.len()];
    drop(groups);
    rows.sort_unstable_by_key(|(age, number, _)| (Reverse(*age), *number));
    let mut sorted: Vec<Group> = Vec::new();
    for (_, number, group) in rows {
        match places.get(group).copied().flatten().and_then(|place: usize| sorted.get_mut(place)) {
            Some(group) => group.push(number),
            None => {
                if let Some(place) = places.get_mut(group) {
                    *place = Some(sorted.len());
                }
                sorted.push(vec![number]);
            }
        }
    }
    Ok(sorted)
}
