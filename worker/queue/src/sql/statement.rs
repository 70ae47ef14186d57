//! What statements on the table `jobs` have in common: claims and ids as tables, lengths of time.

use std::time::Duration;

use sea_orm::DbBackend;
use serde_json::json;
use syncline_sql::{Binds, Kind};
use uuid::Uuid;

use crate::backend::LeaseRef;

/// The row under `jobs` runs under the claim of a row of [`Binds::leases`], there called `held`.
///
/// What runs has a lease. To say so rather than `state = 'running'` keeps the planners from reading the index over running
/// jobs, which on PostgreSQL is full of those that have left since its last vacuum.
pub(super) const HELD: &str =
    "jobs.id = held.job AND jobs.claim_token = held.token AND jobs.lease_until IS NOT NULL";

/// Claims and jobs as tables of a statement.
pub(super) trait JobBinds {
    /// Claims, to stand in `FROM`: the columns `job` and `token`.
    fn leases(&mut self, leases: impl IntoIterator<Item = LeaseRef>) -> String;

    /// Jobs, to stand in `FROM`: the column `job`.
    fn ids(&mut self, ids: impl IntoIterator<Item = Uuid>) -> String;

    /// A further condition by which PostgreSQL finds the rows of `held` under their ids, one by one. SQLite does so itself.
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

/// The longest time that is still told apart from for ever: ten years.
const FOREVER: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// A length of time as the table keeps it.
pub(super) fn micros(length: Duration) -> i64 {
    i64::try_from(length.min(FOREVER).as_micros()).unwrap_or(i64::MAX)
}

/// A length of time from the table; what lies in the past is nothing.
pub(super) fn length(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
