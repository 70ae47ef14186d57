//! Verifies the chains of many links, in pages.

use std::collections::HashMap;

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    FromQueryResult, IsolationLevel, QueryFilter, TransactionOptions, TransactionTrait, Value, prelude::*,
};
use syncline_entity::{sync_change, sync_change_checkpoint, sync_metadata};

use syncline_sql::statement;

use super::chain::{self, Chain, wrong};

/// Changes read at once.
const PAGE: usize = 1_000;

/// A link whose chain of changes is broken.
#[derive(Debug, Clone)]
pub struct BrokenLink {
    /// The link.
    pub link: sync_metadata::Model,
    /// The position of the first change that does not fit.
    pub seq: i64,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// What a verification found.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// Links that have changes.
    pub links: u64,
    /// Changes that were read.
    pub changes: u64,
    /// Links whose chain is broken, in the order of their numbers.
    pub broken: Vec<BrokenLink>,
}

/// The chain of the link being read.
#[derive(Default)]
struct Open {
    link: i64,
    seq: i64,
    hash: Option<String>,
    broken: bool,
}

/// Checks the chain of every link, or of one sync's links. Runs may write meanwhile, so a chain that looks broken is
/// checked again in one snapshot.
pub async fn verify_all(db: &DatabaseConnection, sync: Option<i64>) -> Result<Verified, DbErr> {
    let mut verified = Verified::default();
    let mut open = Open::default();
    loop {
        let page = page(db, sync, (open.link, open.seq)).await?;
        let checkpoints = checkpoints(db, &page).await?;
        for change in &page {
            if change.link_id != open.link {
                let (seq, hash) = checkpoints.get(&change.link_id).cloned().unzip();
                open = Open { link: change.link_id, seq: seq.unwrap_or(0), hash, broken: false };
                verified.links += 1;
            }
            if !open.broken && wrong(change, open.seq, open.hash.as_deref()).is_some() {
                open.broken = true;
                verified.broken.extend(confirmed(db, change.link_id).await?);
            }
            (open.seq, open.hash) = (change.seq, Some(change.hash.clone()));
        }
        verified.changes += page.len() as u64;
        if page.len() < PAGE {
            break;
        }
    }
    for link in emptied(db, sync).await? {
        verified.broken.extend(confirmed(db, link).await?);
    }
    Ok(verified)
}

async fn page(
    db: &DatabaseConnection,
    sync: Option<i64>,
    after: (i64, i64),
) -> Result<Vec<sync_change::Model>, DbErr> {
    let mut values: Vec<Value> = vec![after.0.into(), after.1.into()];
    let of_sync = match sync {
        Some(sync) => {
            values.push(sync.into());
            "AND c.link_id IN (SELECT m.id FROM sync_metadata m WHERE m.sync_config_id = ?)"
        }
        None => "",
    };
    let sql = format!(
        "SELECT c.* FROM sync_changes c WHERE (c.link_id, c.seq) > (?, ?) {of_sync} \
         ORDER BY c.link_id, c.seq LIMIT {PAGE}"
    );
    let rows = db.query_all_raw(statement(db.get_database_backend(), &sql, values)).await?;
    rows.iter().map(|row| sync_change::Model::from_query_result(row, "")).collect()
}

async fn checkpoints(
    db: &DatabaseConnection,
    page: &[sync_change::Model],
) -> Result<HashMap<i64, (i64, String)>, DbErr> {
    let (Some(first), Some(last)) = (page.first(), page.last()) else { return Ok(HashMap::new()) };
    let rows = sync_change_checkpoint::Entity::find()
        .filter(sync_change_checkpoint::Column::LinkId.between(first.link_id, last.link_id))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.link_id, (row.seq, row.hash))).collect())
}

/// Returns the links with a checkpoint but without changes: a purge keeps some changes of each link, so these were
/// lost. Only the purge of a deleted sync removes all of them.
async fn emptied(db: &DatabaseConnection, sync: Option<i64>) -> Result<Vec<i64>, DbErr> {
    let of_sync = if sync.is_some() { "AND m.sync_config_id = ?" } else { "" };
    let sql = format!(
        "SELECT k.link_id FROM sync_change_checkpoints k JOIN sync_metadata m ON m.id = k.link_id \
         JOIN sync_configs s ON s.id = m.sync_config_id WHERE s.deleted_at IS NULL {of_sync} \
         AND NOT EXISTS (SELECT 1 FROM sync_changes c WHERE c.link_id = k.link_id) ORDER BY k.link_id"
    );
    let values = sync.map(Value::from);
    let rows = db.query_all_raw(statement(db.get_database_backend(), &sql, values)).await?;
    rows.iter().map(|row| row.try_get("", "link_id")).collect()
}

/// Checks one link again in one snapshot.
async fn confirmed(db: &DatabaseConnection, link: i64) -> Result<Option<BrokenLink>, DbErr> {
    let tx = snapshot(db).await?;
    let chain = chain::verify(&tx, link).await?;
    let link = sync_metadata::Entity::find_by_id(link).one(&tx).await?;
    tx.rollback().await?;
    Ok(match (chain, link) {
        (Chain::Broken { seq, reason }, Some(link)) => Some(BrokenLink { link, seq, reason }),
        _ => None,
    })
}

async fn snapshot(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    // SQLite's readers always see one snapshot.
    let postgres = db.get_database_backend() == DbBackend::Postgres;
    let options = TransactionOptions {
        isolation_level: postgres.then_some(IsolationLevel::RepeatableRead),
        access_mode: postgres.then_some(AccessMode::ReadOnly),
        sqlite_transaction_mode: None,
    };
    db.begin_with_options(options).await
}
