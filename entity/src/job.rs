//! Jobs of the SQL queue.

use sea_orm::entity::prelude::*;

use crate::types::{JobState, Priority, UniqueRule};

/// A job that is waiting, running or dead; a finished one is deleted at once, because history records it.
///
/// Times are microseconds since the Unix epoch by the database's clock: statements compare and add to them, and whole
/// numbers make that the same arithmetic on every database.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// The run's id; a UUIDv7, so that jobs of equal priority run in order of arrival.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub queue: String,
    /// The name of its handler.
    pub kind: String,
    /// Version of `payload`; a worker leaves a newer version to newer workers.
    pub payload_version: i32,
    /// The handler's arguments.
    #[sea_orm(column_type = "JsonBinary")]
    pub payload: Json,
    pub priority: Priority,
    pub state: JobState,
    /// Must not start before this time.
    pub run_at: i64,
    /// Attempts started.
    pub attempt: i32,
    /// The job is dead after this many attempts.
    pub max_attempts: i32,
    /// First delay before a retry.
    pub retry_base_ms: i64,
    /// Longest delay before a retry.
    pub retry_cap_ms: i64,
    /// Raised at each claim; a worker with a lower token has lost the job.
    pub claim_token: i64,
    /// When the lease expires unless it is extended; null while not running.
    pub lease_until: Option<i64>,
    /// The worker that holds the lease.
    pub worker_id: Option<String>,
    /// At most one waiting job per queue has it.
    pub unique_key: Option<String>,
    /// The number of running jobs with one key is limited: see `concurrency_limit`.
    pub concurrency_key: Option<String>,
    /// Jobs of one key run in order of arrival.
    pub order_key: Option<String>,
    /// True if its worker should stop.
    pub cancel_requested: bool,
    /// Progress for people.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub progress: Option<Json>,
    /// The error of the last failed attempt.
    pub last_error: Option<String>,
    pub dead_reason: Option<String>,
    pub enqueued_at: i64,
    pub finished_at: Option<i64>,
    /// It starts only while fewer jobs of its concurrency key run.
    pub concurrency_limit: i32,
    /// The uniqueness rule that it was pushed with.
    pub unique_rule: UniqueRule,
    /// The number of payloads merged into it; also the revision of `payload`.
    pub merges: i32,
    /// How long `job_results` keeps its outcome.
    pub keep_result_ms: i64,
    /// The latest attempts that failed, oldest first: `attempt`, `worker`, `at` (microseconds), `outcome`, `error`.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub history: Option<Json>,
}

/// A job refers to its run by id only: the queue has no run rows.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
