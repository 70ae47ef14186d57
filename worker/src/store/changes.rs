//! The audit trail: change rows, chained by hash within their link.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use syncline_engine::{
    Side,
    ports::{Change, Intended, LinkRef, Recorded, Verdict},
};
use syncline_entity::types::ChangeState;
use syncline_sql::{marks, pieces, statement};

use super::{
    LinkStore, bulk,
    chain::{self, Content},
};

const COLUMNS: [&str; 13] = [
    "link_id",
    "seq",
    "run_id",
    "side",
    "field",
    "before",
    "after",
    "rule",
    "origin_system",
    "state",
    "prev_hash",
    "hash",
    "at",
];

/// The end of a link's chain.
#[derive(Debug, Clone, Default)]
struct Tail {
    seq: i64,
    hash: Option<String>,
}

/// Inserts the change rows of a batch as `intended`.
pub(super) async fn insert(
    store: &LinkStore,
    tx: &DatabaseTransaction,
    batch: &[Intended],
    refs: &[LinkRef],
) -> Result<(), DbErr> {
    let known: Vec<i64> = batch
        .iter()
        .zip(refs)
        .filter(|(intended, _)| intended.link.is_some() && !intended.changes.is_empty())
        .map(|(_, at)| at.id)
        .collect();
    let mut tails = tails(tx, &known).await?;
    let mut rows = Vec::new();
    for (intended, at) in batch.iter().zip(refs) {
        let tail = tails.entry(at.id).or_default();
        rows.extend(intended.changes.iter().map(|change| row(store, at.id, tail, change)));
    }
    bulk::insert(tx, "sync_changes", &COLUMNS, &rows, "").await?;
    Ok(())
}

async fn tails(tx: &DatabaseTransaction, links: &[i64]) -> Result<HashMap<i64, Tail>, DbErr> {
    let mut tails = HashMap::with_capacity(links.len());
    for piece in pieces(links) {
        let sql = format!(
            "SELECT link_id, seq, hash FROM sync_changes AS c WHERE link_id IN ({}) \
             AND seq = (SELECT MAX(seq) FROM sync_changes WHERE link_id = c.link_id)",
            marks(piece.len())
        );
        let values = piece.iter().map(|id| Value::from(*id));
        for row in tx.query_all_raw(statement(tx.get_database_backend(), &sql, values)).await? {
            let tail = Tail { seq: row.try_get("", "seq")?, hash: row.try_get("", "hash")? };
            tails.insert(row.try_get("", "link_id")?, tail);
        }
    }
    Ok(tails)
}

/// Returns a change row and advances the end of the chain to it.
fn row(store: &LinkStore, link: i64, tail: &mut Tail, change: &Change) -> Vec<Value> {
    let at = store.now();
    tail.seq += 1;
    let json = |value: &syncline_engine::Value| value.to_json();
    let origin = store.sync.platform(change.side.other());
    let hash = chain::hash(&Content {
        previous: tail.hash.as_deref(),
        link,
        seq: tail.seq,
        run: store.run.id,
        side: change.side.as_str(),
        field: change.field.as_deref(),
        before: &change.before,
        after: &change.after,
        rule: &change.rule,
        at,
    });
    let previous = tail.hash.replace(hash.clone());
    vec![
        link.into(),
        tail.seq.into(),
        store.run.id.into(),
        change.side.as_str().into(),
        change.field.clone().into(),
        Some(json(&change.before)).filter(|json| !json.is_null()).into(),
        Some(json(&change.after)).filter(|json| !json.is_null()).into(),
        change.rule.clone().into(),
        origin.into(),
        "intended".into(),
        previous.into(),
        hash.into(),
        at.into(),
    ]
}

/// Sets the state of the intended rows of a batch by the verdicts. No row is deleted: the rows of a refused write stay
/// in the chain.
pub(super) async fn close_intended(tx: &DatabaseTransaction, batch: &[Recorded]) -> Result<(), DbErr> {
    let links = |side: Side, verdict: Verdict| -> Vec<i64> {
        batch
            .iter()
            .filter(|record| record.verdicts.contains(&(side, verdict)))
            .filter_map(|record| Some(record.link?.id))
            .collect()
    };
    let closed = [
        (Verdict::Confirmed, ChangeState::Confirmed),
        (Verdict::NotWritten, ChangeState::NotWritten),
        (Verdict::Unknown, ChangeState::Unknown),
    ];
    close_left_out(tx, batch).await?;
    for side in Side::BOTH {
        for (verdict, state) in closed {
            for piece in pieces(&links(side, verdict)) {
                let sql =
                    format!("UPDATE sync_changes SET state = '{state}' WHERE {}", intended(piece.len()));
                tx.execute_raw(statement(tx.get_database_backend(), &sql, intended_values(side, piece)))
                    .await?;
            }
        }
    }
    Ok(())
}

/// Sets the state of the rows of fields that a side left out of a confirmed write. There are few of them.
async fn close_left_out(tx: &DatabaseTransaction, batch: &[Recorded]) -> Result<(), DbErr> {
    let state = ChangeState::NotWritten;
    let sql = format!("UPDATE sync_changes SET state = '{state}' WHERE {} AND field = ?", intended(1));
    for record in batch {
        let Some(link) = record.link else { continue };
        for (side, field) in &record.left_out {
            let values = [Value::from(side.as_str()), link.id.into(), field.clone().into()];
            tx.execute_raw(statement(tx.get_database_backend(), &sql, values)).await?;
        }
    }
    Ok(())
}

/// Selects the intended rows of links. A link has one open intent at a time, so these rows belong to it, whichever run
/// wrote them.
fn intended(links: usize) -> String {
    format!("state = 'intended' AND side = ? AND link_id IN ({})", marks(links))
}

fn intended_values(side: Side, links: &[i64]) -> impl Iterator<Item = Value> {
    std::iter::once(Value::from(side.as_str())).chain(links.iter().map(|id| Value::from(*id)))
}
