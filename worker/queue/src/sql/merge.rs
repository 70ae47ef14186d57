//! Merges payloads into the waiting job of the same unique key.
//!
//! Only Rust can merge payloads, so the waiting row is locked, read and written in a transaction. Meanwhile a claim
//! skips the row (PostgreSQL) or waits like every writer (SQLite).

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, TransactionSession, TransactionTrait};
use serde_json::{Value as Json, json};
use syncline_sql::{Binds, Kind};
use uuid::Uuid;

use super::{row, statement::JobBinds};
use crate::{
    coalesce::{MAX_MERGES, coalesce},
    job::NewJob,
};

/// A pushed job and the waiting job with its key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meeting<'a> {
    /// Its position in the push.
    pub(super) at: usize,
    pub(super) job: &'a NewJob,
    pub(super) winner: Uuid,
}

/// Merges what it can, and returns each merged job's position in the push with the id of the waiting job. Left out are
/// jobs whose counterpart has left the line, or takes no more payloads and has given up its key: these can be pushed
/// again.
pub(super) async fn merge<C: ConnectionTrait + TransactionTrait>(
    db: &C,
    meetings: &[Meeting<'_>],
) -> Result<Vec<(usize, Uuid)>, DbErr> {
    if meetings.is_empty() {
        return Ok(Vec::new());
    }
    let mut by_winner: HashMap<Uuid, Vec<Meeting<'_>>> = HashMap::new();
    for meeting in meetings {
        by_winner.entry(meeting.winner).or_default().push(*meeting);
    }
    let transaction = db.begin().await?;
    let (mut merged, mut written, mut full) = (Vec::new(), Vec::new(), Vec::new());
    for waiting in lock(&transaction, by_winner.keys().copied()).await? {
        let winner = row::id(&waiting)?;
        let Some(met) = by_winner.get(&winner) else { continue };
        let (key, merges): (String, u32) =
            (waiting.try_get("", "unique_key")?, row::count(&waiting, "merges")?);
        if met.iter().any(|met| met.job.unique.as_ref().is_none_or(|unique| unique.key != key)) {
            continue;
        }
        let room = MAX_MERGES.saturating_sub(merges) as usize;
        // A job that cannot be read takes no payloads; a claim will make it dead.
        let payload: Option<Json> = waiting.try_get("", "payload").ok();
        let (Some(mut payload), true) = (payload, room > 0) else {
            full.push(winner);
            continue;
        };
        let taken = &met[..met.len().min(room)];
        for met in taken {
            coalesce(&mut payload, met.job.payload.clone());
            merged.push((met.at, winner));
        }
        written.push(json!({
            "job": winner.simple().to_string(), "payload": payload.to_string(), "taken": taken.len(),
        }));
    }
    if !written.is_empty() {
        let mut binds = Binds::new(&transaction);
        let columns = [("job", Kind::Id), ("payload", Kind::Text), ("taken", Kind::Number)];
        let rows = binds.rows(written, &columns);
        let text = format!(
            "UPDATE jobs SET payload = {}, merges = jobs.merges + up.taken FROM {rows} AS up WHERE jobs.id = up.job",
            binds.json("up.payload")
        );
        binds.run(&transaction, text).await?;
    }
    if !full.is_empty() {
        let mut binds = Binds::new(&transaction);
        let ids = binds.ids(full);
        let text =
            format!("UPDATE jobs SET unique_key = NULL WHERE id IN (SELECT job FROM {ids} AS full_ones)");
        binds.run(&transaction, text).await?;
    }
    transaction.commit().await?;
    Ok(merged)
}

/// Locks waiting jobs by id, so that two pushes cannot deadlock.
async fn lock<C: ConnectionTrait>(
    db: &C,
    ids: impl Iterator<Item = Uuid>,
) -> Result<Vec<QueryResult>, DbErr> {
    let mut binds = Binds::new(db);
    let ids = binds.ids(ids);
    let text = match binds.backend {
        DbBackend::Postgres => format!(
            "SELECT jobs.id, jobs.unique_key, jobs.payload, jobs.merges FROM {ids} AS met \
             JOIN jobs ON jobs.id = met.job WHERE jobs.state = 'waiting' AND jobs.unique_key IS NOT NULL \
             ORDER BY jobs.id FOR UPDATE OF jobs"
        ),
        // A write, even without changes, keeps other writers out.
        _ => format!(
            "UPDATE jobs SET merges = merges WHERE id IN (SELECT job FROM {ids} AS met) AND state = 'waiting' \
             AND unique_key IS NOT NULL RETURNING id, unique_key, payload, merges"
        ),
    };
    binds.all(db, text).await
}
