//! Removes jobs from the queue for good.

use sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult};
use syncline_sql::Binds;

use super::{
    notify::Origin,
    row,
    statement::{HELD, JobBinds},
};
use crate::backend::LeaseRef;

/// Selects which of the named jobs leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Jobs that run under the named claim.
    Held,
    /// Jobs that wait.
    Waiting,
    /// Waiting jobs whose cancellation was requested.
    Unwanted,
}

impl Which {
    fn condition(self) -> &'static str {
        match self {
            Which::Held => HELD,
            Which::Waiting => "jobs.id = held.job AND jobs.state = 'waiting'",
            Which::Unwanted => {
                "jobs.id = held.job AND jobs.state = 'waiting' AND jobs.cancel_requested = TRUE"
            }
        }
    }
}

/// A job that has left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) lease: LeaseRef,
    /// It had a key, so the next job of that key may start.
    pub(super) keyed: bool,
}

impl Left {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self { lease: row::lease(row)?, keyed: row.try_get("", "keyed")? })
    }
}

const KEYED: &str = "(jobs.concurrency_key IS NOT NULL OR jobs.order_key IS NOT NULL) AS keyed";

/// Removes jobs and returns those that have left. The token matters only for [`Which::Held`].
pub(super) async fn leave(
    db: &DatabaseConnection,
    which: Which,
    leaving: &[LeaseRef],
    origin: &Origin,
) -> Result<Vec<Left>, DbErr> {
    if leaving.is_empty() {
        return Ok(Vec::new());
    }
    let mut binds = Binds::new(db);
    let (rows, condition) = (binds.leases(leaving.iter().copied()), which.condition());
    let delete = match binds.backend {
        DbBackend::Postgres => format!(
            "WITH held AS MATERIALIZED {rows} DELETE FROM jobs USING held WHERE {condition}{}",
            binds.by_id()
        ),
        _ => format!(
            "DELETE FROM jobs WHERE rowid IN (SELECT jobs.rowid FROM {rows} AS held CROSS JOIN jobs WHERE {condition})"
        ),
    };
    // A job with a key makes way for the next one of that key.
    let told = origin.due_if(binds.backend, "coalesce(jobs.concurrency_key, jobs.order_key) IS NOT NULL");
    let text = format!("{delete} RETURNING id, claim_token, {KEYED}{told}");
    binds.all(db, text).await?.iter().map(Left::read).collect()
}
