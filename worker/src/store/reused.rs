//! Ids that a platform reuses. A database that numbers its rows may give the number of a deleted row to a new one,
//! while the ended link of the deleted row still has it.

use std::{borrow::Cow, collections::HashSet};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use syncline_engine::{
    Side,
    ports::{LinkState, Recorded},
    side::Pair,
};

use syncline_sql::{marks, pieces, statement};

use super::LinkStore;

/// The column of each side's id, and that of the opposite side.
const COLUMNS: [(Side, &str, &str); 2] =
    [(Side::Source, "entity_id", "external_id"), (Side::Target, "external_id", "entity_id")];

/// Returns the assignments that clear one id of a row and keep the other.
fn without(own: &str, other: &str) -> String {
    format!("{own} = CASE WHEN {other} IS NULL THEN {own} || ' (ended ' || id || ')' END")
}

/// Clears these ids of ended links, so that live ones can use them. A link must have an id, so the only id of a link is
/// marked as ended instead.
pub(super) async fn release<'a>(
    store: &LinkStore,
    tx: &DatabaseTransaction,
    ids: impl Iterator<Item = &'a Pair<Option<String>>>,
) -> Result<(), DbErr> {
    let ids: Vec<_> = ids.collect();
    for (side, own, other) in COLUMNS {
        let of_side: Vec<&String> = ids.iter().filter_map(|ids| ids.get(side).as_ref()).collect();
        for piece in pieces(&of_side) {
            let sql = format!(
                "UPDATE sync_metadata SET {} \
                 WHERE sync_config_id = ? AND entity_type = ? AND {own} IN ({}) AND link_state = 'tombstone'",
                without(own, other),
                marks(piece.len())
            );
            let first = [Value::from(store.sync.config_id), store.sync.entity_type.clone().into()];
            let values = first.into_iter().chain(piece.iter().map(|id| Value::from((*id).clone())));
            tx.execute_raw(statement(tx.get_database_backend(), &sql, values)).await?;
        }
    }
    Ok(())
}

/// As [`release`], for links that end in the same batch in which a live one takes their id: a row is deleted, and the
/// next one gets its number. Returns the batch to write. The ids are released before the batch, since no database
/// accepts an id twice while the rows are written one after the other.
pub(super) async fn release_within<'a>(
    tx: &DatabaseTransaction,
    batch: &'a [Recorded],
    taken: &[&Pair<Option<String>>],
) -> Result<Cow<'a, [Recorded]>, DbErr> {
    let mut batch = Cow::Borrowed(batch);
    for (side, own, other) in COLUMNS {
        let taken: HashSet<&String> = taken.iter().filter_map(|ids| ids.get(side).as_ref()).collect();
        for place in 0..batch.len() {
            let Recorded { link, ids, state, .. } = &batch[place];
            let (Some(at), LinkState::Tombstone, Some(id)) = (link, state, ids.get(side)) else { continue };
            if !taken.contains(id) {
                continue;
            }
            let marked = ids.get(side.other()).is_none().then(|| format!("{id} (ended {})", at.id));
            let sql = format!("UPDATE sync_metadata SET {} WHERE id = ?", without(own, other));
            tx.execute_raw(statement(tx.get_database_backend(), &sql, [Value::from(at.id)])).await?;
            *batch.to_mut()[place].ids.get_mut(side) = marked;
        }
    }
    Ok(batch)
}
