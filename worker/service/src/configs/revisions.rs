//! The documents that a sync ever had.

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use syncline_entity::sync_config_revision;

use super::{change::Changed, change::stored, get};
use crate::{
    Caller, Error, Origin, Unknown,
    differences::{Difference, differences},
    passwords,
    store::Expected,
};

/// The revisions of a sync, the latest first; with `before` only earlier ones.
pub async fn revisions(
    db: &DatabaseConnection,
    caller: &Caller,
    id: i64,
    before: Option<i64>,
    limit: u64,
) -> Result<Vec<sync_config_revision::Model>, Error> {
    use sync_config_revision::Column;
    let sync = get(db, caller, id).await?;
    let mut query = sync_config_revision::Entity::find()
        .filter(Column::SyncConfigId.eq(sync.id))
        .order_by_desc(Column::Revision)
        .limit(limit);
    if let Some(before) = before {
        query = query.filter(Column::Revision.lt(before));
    }
    Ok(query.all(db).await?)
}

/// One revision, with its whole document.
pub async fn revision(
    db: &DatabaseConnection,
    caller: &Caller,
    id: i64,
    number: i64,
) -> Result<sync_config_revision::Model, Error> {
    let sync = get(db, caller, id).await?;
    let found = sync_config_revision::Entity::find_by_id((sync.id, number)).one(db).await?;
    found.ok_or_else(|| {
        let text =
            format!("the sync {:?} has no revision {number}; the latest is {}", sync.name, sync.revision);
        Error::unknown(Unknown::Revision, text)
    })
}

/// What two revisions differ in. Without numbers these are the latest and the one before it.
pub async fn diff(
    db: &DatabaseConnection,
    caller: &Caller,
    id: i64,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<(i64, i64, Vec<Difference>), Error> {
    let sync = get(db, caller, id).await?;
    let to = to.unwrap_or(sync.revision);
    let from = from.unwrap_or_else(|| (to - 1).max(1));
    let (one, other) = (revision(db, caller, id, from).await?, revision(db, caller, id, to).await?);
    let found = differences(&passwords::hidden(one.config_json), &passwords::hidden(other.config_json));
    Ok((from, to, found))
}

/// Stores the document of a revision again, as a new revision. The rules of today hold for it.
pub async fn restore(
    db: &DatabaseConnection,
    caller: &Caller,
    id: i64,
    number: i64,
    expected: Option<i64>,
    origin: Origin<'_>,
) -> Result<Changed, Error> {
    let document = revision(db, caller, id, number).await?.config_json;
    stored(db, caller, &document, origin, Expected::Sync { id, revision: expected }).await
}
