//! Changes with their items, for `syncline runs ID` and `syncline history`.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, Select};
use serde_json::{Value, json};
use syncline_entity::{sync_change, sync_history, sync_metadata, types::ChangeState};

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

/// The rows of writes that happened, or may have.
pub(crate) fn happened(query: Select<sync_change::Entity>) -> Select<sync_change::Entity> {
    query.filter(sync_change::Column::State.ne(ChangeState::NotWritten))
}

/// The rows of writes that were refused or never sent. They stay on record and are no changes.
pub(crate) fn not_written(query: Select<sync_change::Entity>) -> Select<sync_change::Entity> {
    query.filter(sync_change::Column::State.eq(ChangeState::NotWritten))
}

/// What became of a write, in words; of one that was not written with the reason, if that is still on record.
pub(crate) fn state(found: &Found, run: Option<&sync_history::Model>) -> String {
    match found.change.state {
        ChangeState::NotWritten => {
            let reason = reason(found, run).map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("not written{reason}")
        }
        state => state.to_string(),
    }
}

/// Why a write was not carried out: what its run says about the item, or its link if that run was the last one there.
fn reason(found: &Found, run: Option<&sync_history::Model>) -> Option<String> {
    let link = found.link.as_ref()?;
    let names = [&link.source_key, &link.entity_id, &link.target_key, &link.external_id];
    let errors = run.and_then(|run| run.sync_metadata.as_ref()?["errors"].as_array());
    let is_it = |error: &&Value| names.iter().any(|name| name.as_deref() == error["item"].as_str());
    let of_run = errors.into_iter().flatten().find(|error| error["item"].is_string() && is_it(error));
    let of_run = of_run.and_then(|error| error["error"].as_str().map(str::to_owned));
    of_run.or_else(|| link.last_error.clone().filter(|_| link.last_run_id == Some(found.change.run_id)))
}

/// Prints the changes of one run as a table.
pub(crate) fn table(found: &[Found], run: &sync_history::Model, output: &Output) {
    let line = |found: &Found| {
        let change = &found.change;
        let mut line = vec![found.item(), change.side.to_string()];
        line.extend(values(change));
        line.extend([change.rule.clone(), state(found, Some(run))]);
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

/// A change as JSON; `reason` says why it was not written.
pub(crate) fn as_json(found: &Found, run: Option<&sync_history::Model>) -> Value {
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
        "reason": (change.state == ChangeState::NotWritten).then(|| reason(found, run)).flatten(),
        "at": change.at,
    })
}
