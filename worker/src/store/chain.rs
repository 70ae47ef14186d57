//! The chain of a link's changes: computes the hash of a change, and checks whether a stored chain is whole.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, prelude::*};
use syncline_engine::{
    Value,
    hash::{canonical_json, digest},
};
use syncline_entity::{sync_change, sync_change_checkpoint};
use uuid::Uuid;

/// Changes read at once.
const PAGE: u64 = 500;

/// The hashed content of a change. It excludes the state, which is updated later.
pub(super) struct Content<'a> {
    pub(super) previous: Option<&'a str>,
    pub(super) link: i64,
    pub(super) seq: i64,
    pub(super) run: Uuid,
    pub(super) side: &'a str,
    pub(super) field: Option<&'a str>,
    pub(super) before: &'a Value,
    pub(super) after: &'a Value,
    pub(super) rule: &'a str,
    pub(super) at: DateTime<Utc>,
}

/// Returns the hash of a change, in hex.
pub(super) fn hash(content: &Content<'_>) -> String {
    let parts = [
        content.previous.unwrap_or_default().to_owned(),
        content.link.to_string(),
        content.seq.to_string(),
        content.run.to_string(),
        content.side.to_owned(),
        content.field.unwrap_or_default().to_owned(),
        canonical_json(content.before),
        canonical_json(content.after),
        content.rule.to_owned(),
        content.at.timestamp_micros().to_string(),
    ];
    digest(parts.join("\u{1f}").as_bytes())
}

/// The state of a link's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chain {
    /// Whole, from its beginning or from the checkpoint that a purge left.
    Whole {
        /// Changes checked.
        changes: u64,
        /// Changes that were purged before them.
        purged: i64,
    },
    /// The change at this position differs from what was written, or does not follow the one before it.
    Broken {
        /// Its position.
        seq: i64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Checks a link's chain: each change against its own hash and against the one before it, and the first change of a
/// purged chain against the checkpoint. A concurrent write to the link may make a whole chain look broken, so check a
/// broken one again.
pub async fn verify(db: &impl ConnectionTrait, link: i64) -> Result<Chain, DbErr> {
    let checkpoint = sync_change_checkpoint::Entity::find_by_id(link).one(db).await?;
    let purged = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.purged);
    let (mut seq, mut previous) =
        checkpoint.map_or((0, None), |checkpoint| (checkpoint.seq, Some(checkpoint.hash)));
    let mut read = 0;
    let mut changes = 0;
    loop {
        let page = sync_change::Entity::find()
            .filter(sync_change::Column::LinkId.eq(link))
            .filter(sync_change::Column::Seq.gt(read))
            .order_by_asc(sync_change::Column::Seq)
            .limit(PAGE)
            .all(db)
            .await?;
        for change in &page {
            if let Some(reason) = wrong(change, seq, previous.as_deref()) {
                return Ok(Chain::Broken { seq: change.seq, reason });
            }
            (read, seq, changes) = (change.seq, change.seq, changes + 1);
            previous = Some(change.hash.clone());
        }
        if (page.len() as u64) < PAGE {
            if purged > 0 && changes == 0 {
                return Ok(Chain::Broken {
                    seq: seq + 1,
                    reason: "the changes after the checkpoint are missing",
                });
            }
            return Ok(Chain::Whole { changes, purged });
        }
    }
}

pub(super) fn wrong(
    change: &sync_change::Model,
    before: i64,
    previous: Option<&str>,
) -> Option<&'static str> {
    if change.seq <= before {
        return Some("it is older than the checkpoint that a purge left");
    }
    if change.prev_hash.as_deref() != previous {
        return Some("the change before it is missing or was replaced");
    }
    (hash_of(change) != change.hash).then_some("its content is not what its hash was made of")
}

/// Returns the hash that a stored change should have, in hex.
pub fn hash_of(change: &sync_change::Model) -> String {
    let value = |json: &Option<serde_json::Value>| json.as_ref().map_or(Value::Null, Value::from_json);
    hash(&Content {
        previous: change.prev_hash.as_deref(),
        link: change.link_id,
        seq: change.seq,
        run: change.run_id,
        side: change.side.as_str(),
        field: change.field.as_deref(),
        before: &value(&change.before),
        after: &value(&change.after),
        rule: &change.rule,
        at: change.at,
    })
}
