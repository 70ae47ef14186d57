//! Changes with their items, for `syncline runs ID` and `syncline history`.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, Select};
use serde_json::{Value, json};
use syncline_entity::{sync_change, sync_metadata};

use crate::{
    fault::Fault,
    output::{Output, shown},
    words,
};

/// Ids of links per query; SQLite limits the values of a statement.
const TOGETHER: usize = 500;

/// A change and its link, if that still exists.
pub(crate) struct Found {
    pub(crate) change: sync_change::Model,
    pub(crate) link: Option<sync_metadata::Model>,
}

impl Found {
    /// The item's name on its sides.
    pub(crate) fn item(&self) -> String {
        self.link.as_ref().map_or_else(|| format!("link {}", self.change.link_id), words::item)
    }
}

/// The changes that a query selects, in the order in which they were made.
pub(crate) async fn find(
    db: &DatabaseConnection,
    query: Select<sync_change::Entity>,
) -> Result<Vec<Found>, Fault> {
    let changes = query.order_by_asc(sync_change::Column::Id).all(db).await?;
    let mut ids: Vec<i64> = changes.iter().map(|change| change.link_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut links = HashMap::new();
    for ids in ids.chunks(TOGETHER) {
        let some = sync_metadata::Entity::find()
            .filter(sync_metadata::Column::Id.is_in(ids.iter().copied()))
            .all(db)
            .await?;
        links.extend(some.into_iter().map(|link| (link.id, link)));
    }
    let found = |change: sync_change::Model| Found { link: links.get(&change.link_id).cloned(), change };
    Ok(changes.into_iter().map(found).collect())
}

/// Prints the changes of one run as a table.
pub(crate) fn table(found: &[Found], output: &Output) {
    let line = |found: &Found| {
        let change = &found.change;
        let mut line = vec![found.item(), change.side.to_string()];
        line.extend(values(change));
        line.extend([change.rule.clone(), change.state.to_string()]);
        line
    };
    let head = ["item", "written to", "field", "before", "after", "rule", "state"];
    output.table(&head, found.iter().map(line).collect());
}

/// The field, and its values before and after.
pub(crate) fn values(change: &sync_change::Model) -> [String; 3] {
    let value = |value: &Option<Value>| shown(&value.clone().unwrap_or_default());
    let field = change.field.clone().unwrap_or_else(|| "(whole item)".to_owned());
    [field, value(&change.before), value(&change.after)]
}

/// A change as JSON.
pub(crate) fn as_json(found: &Found) -> Value {
    let change = &found.change;
    let link = found.link.as_ref();
    json!({
        "link": change.link_id,
        "item": found.item(),
        "source_id": link.and_then(|link| link.entity_id.clone()),
        "source_key": link.and_then(|link| link.source_key.clone()),
        "target_id": link.and_then(|link| link.external_id.clone()),
        "target_key": link.and_then(|link| link.target_key.clone()),
        "seq": change.seq,
        "side": change.side,
        "field": change.field,
        "before": change.before,
        "after": change.after,
        "rule": change.rule,
        "origin": change.origin_system,
        "state": change.state,
        "at": change.at,
    })
}
