//! Changes with their items, for `syncline runs ID` and `syncline history`.

use sea_orm::{ColumnTrait, DatabaseConnection, QueryFilter, QueryOrder, Select};
use serde_json::{Value, json};
use syncline_api::routes::history::change::view;
use syncline_entity::{sync_change, types::ChangeState};
use syncline_service::{
    Caller,
    history::{Change, with_links},
};

use crate::{
    fault::Fault,
    output::{Output, shown, text},
    words::item_of,
};

/// The changes that a query selects, in the order in which they were made.
pub(crate) async fn find(
    db: &DatabaseConnection,
    query: Select<sync_change::Entity>,
) -> Result<Vec<Change>, Fault> {
    let changes = query.order_by_asc(sync_change::Column::Id).all(db).await?;
    Ok(with_links(db, changes).await?)
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
pub(crate) fn state(change: &Value) -> String {
    match (change["state"] == "not_written", change["reason"].as_str()) {
        (true, Some(reason)) => format!("not written: {reason}"),
        (true, None) => "not written".to_owned(),
        (false, _) => text(change, "state"),
    }
}

/// Prints the changes of one run as a table.
pub(crate) fn table(found: &[Value], output: &Output) {
    let line = |change: &Value| {
        let mut line = vec![item_of(change), text(change, "side")];
        line.extend(values(change));
        line.extend([text(change, "rule"), state(change)]);
        line
    };
    let head = ["item", "written to", "field", "before", "after", "rule", "state"];
    output.table(&head, found.iter().map(line).collect());
}

/// The field, and its values before and after.
pub(crate) fn values(change: &Value) -> [String; 3] {
    let field = change["field"].as_str().unwrap_or("(whole item)").to_owned();
    [field, shown(&change["before"]), shown(&change["after"])]
}

/// A change as JSON.
pub(crate) fn as_json(found: Change) -> Value {
    json!(view(&Caller::person("command line"), found))
}
