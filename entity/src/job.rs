//! Jobs of the SQL queue.

use sea_orm::entity::prelude::*;

use crate::types::{JobState, Priority, UniqueRule};

/// A job that is waiting, running or dead; a finished one leaves at once, since history has it.
///
/// Times are microseconds since the Unix epoch by the database's clock: they are compared and added to inside
/// statements, and whole numbers make that the same arithmetic on every database.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// The run's id; a UUIDv7, so that equal jobs are served in the order they came.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Which queue.
    pub queue: String,
    /// Which handler.
    pub kind: String,
    /// Version of `payload`; a worker that meets a newer one leaves it to newer workers.
    pub payload_version: i32,
    /// The handler's arguments.
    #[sea_orm(column_type = "JsonBinary")]
    pub payload: Json,
    /// How urgent it is.
    pub priority: Priority,
    /// Where it stands.
    pub state: JobState,
    /// Not before this.
    pub run_at: i64,
    /// Attempts begun.
    pub attempt: i32,
    /// Attempts after which it is dead.
    pub max_attempts: i32,
    /// First delay before a retry.
    pub retry_base_ms: i64,
    /// Longest delay before a retry.
    pub retry_cap_ms: i64,
    /// Raised at each claim; whoever presents a lower one lost the job.
    pub claim_token: i64,
    /// When the claim lapses unless it is extended; null while not running.
    pub lease_until: Option<i64>,
    /// Who holds it.
    pub worker_id: Option<String>,
    /// At most one waiting job per queue has it.
    pub unique_key: Option<String>,
    /// No more than so many jobs of one key run at once: see `concurrency_limit`.
    pub concurrency_key: Option<String>,
    /// Jobs of one key run in the order they came.
    pub order_key: Option<String>,
    /// Whether its worker should stop.
    pub cancel_requested: bool,
    /// How far it is, for people.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub progress: Option<Json>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Why it was given up.
    pub dead_reason: Option<String>,
    /// When it was accepted.
    pub enqueued_at: i64,
    /// When it became dead.
    pub finished_at: Option<i64>,
    /// It starts only while fewer jobs of its concurrency key run.
    pub concurrency_limit: i32,
    /// Under which rule it was pushed.
    pub unique_rule: UniqueRule,
    /// How many payloads it has taken up; also the revision of `payload`.
    pub merges: i32,
    /// How long `job_results` keeps how it went.
    pub keep_result_ms: i64,
    /// The latest attempts that failed, oldest first: `attempt`, `worker`, `at` (microseconds), `outcome`, `error`.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub history: Option<Json>,
}

/// A job refers to its run by id only: the queue knows no run rows.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
