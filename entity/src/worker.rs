//! Workers: the processes that run jobs.

use sea_orm::{
    ConnectionTrait, DbBackend, FromQueryResult, QueryOrder, QuerySelect, Statement, entity::prelude::*,
    sea_query::Expr,
};

/// A worker counts as gone after this many missed heartbeats.
pub const BEATS_MISSED: i64 = 3;

/// A process that runs jobs. It deletes its row when it ends, unless it is killed.
///
/// Times are microseconds since the Unix epoch by the database's clock, as in `jobs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workers")]
pub struct Model {
    /// The id of this registration; registering the same name again creates a new one.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The name in jobs and attempts: host, process id, and the namespace of that process id.
    #[sea_orm(unique)]
    pub name: String,
    /// Its command: `worker`, `up`, `sync` ...
    pub role: String,
    pub host: String,
    /// Its process id on the host.
    pub pid: i64,
    /// The program's version.
    pub version: String,
    /// The newest migration that the program knows.
    pub schema_version: String,
    /// The queues that it serves, as a list of names.
    #[sea_orm(column_type = "JsonBinary")]
    pub queues: Json,
    /// The most concurrent jobs.
    pub concurrency: i32,
    /// Running jobs at the last heartbeat.
    pub running: i32,
    /// It claims no more jobs and ends when its present jobs have ended.
    pub stopping: bool,
    /// Milliseconds between heartbeats.
    pub beat_ms: i64,
    pub started_at: i64,
    pub heartbeat_at: i64,
    /// True if it should end; the worker reads this with each heartbeat.
    pub draining: bool,
}

/// Workers have no references: jobs and attempts keep a worker's name longer than its row exists.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the SQL expression for the database's clock in the unit of these rows.
pub fn now(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "(SELECT (extract(epoch from statement_timestamp()) * 1000000)::bigint)",
        _ => "(SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
    }
}

/// True if the schema has this table.
async fn exists(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => "SELECT 1 WHERE to_regclass('workers') IS NOT NULL",
        _ => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'workers'",
    };
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    Ok(row.is_some())
}

/// A worker, and the time since its last heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Seen {
    #[sea_orm(nested)]
    pub worker: Model,
    /// Microseconds since its last heartbeat, by the database's clock.
    pub silent: i64,
}

impl Seen {
    /// True if its last heartbeat is recent enough.
    pub fn is_live(&self) -> bool {
        is_recent(self.silent, self.worker.beat_ms)
    }
}

/// A worker's row without the columns that later migrations added, and the time since its last heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Process {
    pub name: String,
    pub role: String,
    pub host: String,
    pub pid: i64,
    pub version: String,
    pub schema_version: String,
    pub concurrency: i32,
    pub running: i32,
    pub stopping: bool,
    pub beat_ms: i64,
    pub started_at: i64,
    pub heartbeat_at: i64,
    /// Microseconds since its last heartbeat, by the database's clock.
    pub silent: i64,
}

impl Process {
    /// True if its last heartbeat is recent enough.
    pub fn is_live(&self) -> bool {
        is_recent(self.silent, self.beat_ms)
    }
}

fn is_recent(silent: i64, beat_ms: i64) -> bool {
    silent <= beat_ms.saturating_mul(1000 * BEATS_MISSED)
}

/// Returns all registered workers, oldest first, on any schema that has the table: a migrator reads them between two
/// migrations.
pub async fn processes(db: &impl ConnectionTrait) -> Result<Vec<Process>, DbErr> {
    if !exists(db).await? {
        return Ok(Vec::new());
    }
    let silent = format!("{} - heartbeat_at", now(db.get_database_backend()));
    Entity::find()
        .select_only()
        .columns([
            Column::Name,
            Column::Role,
            Column::Host,
            Column::Pid,
            Column::Version,
            Column::SchemaVersion,
        ])
        .columns([Column::Concurrency, Column::Running, Column::Stopping, Column::BeatMs])
        .columns([Column::StartedAt, Column::HeartbeatAt])
        .expr_as(Expr::cust(silent), "silent")
        .order_by_asc(Column::StartedAt)
        .order_by_asc(Column::Id)
        .into_model::<Process>()
        .all(db)
        .await
}

/// Returns all registered workers, oldest first.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Seen>, DbErr> {
    let silent = format!("{} - heartbeat_at", now(db.get_database_backend()));
    Entity::find()
        .expr_as(Expr::cust(silent), "silent")
        .order_by_asc(Column::StartedAt)
        .order_by_asc(Column::Id)
        .into_model::<Seen>()
        .all(db)
        .await
}

/// Returns the workers whose last heartbeat is recent enough.
pub async fn live(db: &impl ConnectionTrait) -> Result<Vec<Seen>, DbErr> {
    let mut seen = all(db).await?;
    seen.retain(Seen::is_live);
    Ok(seen)
}

/// Deletes the rows of workers without a heartbeat for `silent` microseconds; returns their number.
pub async fn forget_dead(db: &impl ConnectionTrait, silent: i64) -> Result<u64, DbErr> {
    let now = now(db.get_database_backend());
    let old = Expr::cust(format!("heartbeat_at < {now} - {silent}"));
    Ok(Entity::delete_many().filter(old).exec(db).await?.rows_affected)
}
