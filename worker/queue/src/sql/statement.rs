//! Shared parts of statements on the table `jobs`: claims and ids as tables, and durations.

use std::time::Duration;

use sea_orm::DbBackend;
use serde_json::json;
use syncline_sql::{Binds, Kind};
use uuid::Uuid;

use crate::backend::LeaseRef;

/// The row of `jobs` runs under the claim of a row of [`Binds::leases`], there called `held`.
///
/// Running jobs have a lease. This condition, instead of `state = 'running'`, keeps the planners from reading the index
/// of running jobs, which on PostgreSQL is full of rows that have left since its last vacuum.
pub(super) const HELD: &str =
    "jobs.id = held.job AND jobs.claim_token = held.token AND jobs.lease_until IS NOT NULL";

/// Binds claims and ids as tables of a statement.
pub(super) trait JobBinds {
    /// Returns a table of claims for `FROM`, with the columns `job` and `token`.
    fn leases(&mut self, leases: impl IntoIterator<Item = LeaseRef>) -> String;

    /// Returns a table of jobs for `FROM`, with the column `job`.
    fn ids(&mut self, ids: impl IntoIterator<Item = Uuid>) -> String;

    /// Returns a further condition by which PostgreSQL finds the rows of `held` by id, one by one. SQLite does so
    /// without it.
    fn by_id(&self) -> &'static str;
}

impl JobBinds for Binds {
    fn leases(&mut self, leases: impl IntoIterator<Item = LeaseRef>) -> String {
        let row = |lease: LeaseRef| json!({ "job": lease.id.simple().to_string(), "token": lease.token });
        self.rows(leases.into_iter().map(row).collect(), &[("job", Kind::Id), ("token", Kind::Number)])
    }

    fn ids(&mut self, ids: impl IntoIterator<Item = Uuid>) -> String {
        let row = |id: Uuid| json!({ "job": id.simple().to_string() });
        self.rows(ids.into_iter().map(row).collect(), &[("job", Kind::Id)])
    }

    fn by_id(&self) -> &'static str {
        match self.backend {
            DbBackend::Postgres => " AND jobs.id = ANY (ARRAY(SELECT job FROM held))",
            _ => "",
        }
    }
}

/// Longer durations are cut to this one, ten years.
const FOREVER: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Returns a duration in the table's unit.
pub(super) fn micros(length: Duration) -> i64 {
    i64::try_from(length.min(FOREVER).as_micros()).unwrap_or(i64::MAX)
}

/// Returns a duration from the table; a negative one becomes zero.
pub(super) fn length(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
