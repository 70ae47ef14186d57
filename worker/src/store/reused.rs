//! Ids that a platform gives again. A database that numbers its rows may give the number of a deleted row to a new one,
//! while the ended link of the deleted row still has it.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use syncline_engine::{Side, side::Pair};

use syncline_sql::{marks, pieces, statement};

use super::LinkStore;

/// Takes these ids from ended links, so that living ones can have them. A link has at least one id, so that its only one
/// is marked as ended instead.
pub(super) async fn release<'a>(
    store: &LinkStore,
    tx: &DatabaseTransaction,
    ids: impl Iterator<Item = &'a Pair<Option<String>>>,
) -> Result<(), DbErr> {
    let ids: Vec<_> = ids.collect();
    for (side, own, other) in
        [(Side::Source, "entity_id", "external_id"), (Side::Target, "external_id", "entity_id")]
    {
        let of_side: Vec<&String> = ids.iter().filter_map(|ids| ids.get(side).as_ref()).collect();
        for piece in pieces(&of_side) {
            let sql = format!(
                "UPDATE sync_metadata SET {own} = CASE WHEN {other} IS NULL THEN {own} || ' (ended ' || id || ')' END \
                 WHERE sync_config_id = ? AND entity_type = ? AND {own} IN ({}) AND link_state = 'tombstone'",
                marks(piece.len())
            );
            let first = [Value::from(store.sync.config_id), store.sync.entity_type.clone().into()];
            let values = first.into_iter().chain(piece.iter().map(|id| Value::from((*id).clone())));
            tx.execute_raw(statement(tx.get_database_backend(), &sql, values)).await?;
        }
    }
    Ok(())
}
