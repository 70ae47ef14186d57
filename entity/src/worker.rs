//! Workers: the processes that run jobs.

use sea_orm::{
    ConnectionTrait, DbBackend, FromQueryResult, QueryOrder, QuerySelect, Statement, entity::prelude::*,
    sea_query::Expr,
};

/// So many beats may fail to come before a worker counts as gone.
pub const BEATS_MISSED: i64 = 3;

/// A process that runs jobs. Its row goes with it, unless it is killed.
///
/// Times are microseconds since the Unix epoch by the database's clock, as in `jobs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workers")]
pub struct Model {
    /// Of this registration; the same name registered anew has another.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// As jobs and attempts name their worker: host, process, and the world in which the process has that number.
    #[sea_orm(unique)]
    pub name: String,
    /// The command it is: `worker`, `up`, `sync` ...
    pub role: String,
    /// The machine.
    pub host: String,
    /// The process there.
    pub pid: i64,
    /// The program's version.
    pub version: String,
    /// The newest migration that the program knows.
    pub schema_version: String,
    /// The queues it serves, as a list of names.
    #[sea_orm(column_type = "JsonBinary")]
    pub queues: Json,
    /// Jobs at once, at most.
    pub concurrency: i32,
    /// Jobs at its last beat.
    pub running: i32,
    /// It takes no more jobs and ends when the present ones have.
    pub stopping: bool,
    /// Milliseconds from one beat to the next.
    pub beat_ms: i64,
    /// When it registered.
    pub started_at: i64,
    /// When it last said that it lives.
    pub heartbeat_at: i64,
}

/// Workers belong to nothing: jobs and attempts keep a worker's name for longer than its row lives.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The database's clock as these rows keep time.
pub fn now(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "(SELECT (extract(epoch from statement_timestamp()) * 1000000)::bigint)",
        _ => "(SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
    }
}

/// Whether the schema has this table yet.
pub async fn exists(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => "SELECT 1 WHERE to_regclass('workers') IS NOT NULL",
        _ => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'workers'",
    };
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    Ok(row.is_some())
}

/// A worker, and how long it has been silent.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Seen {
    /// The worker.
    #[sea_orm(nested)]
    pub worker: Model,
    /// Microseconds since its last beat, by the database's clock.
    pub silent: i64,
}

impl Seen {
    /// Whether its last beat is as young as a living worker's.
    pub fn is_live(&self) -> bool {
        self.silent <= self.worker.beat_ms.saturating_mul(1000 * BEATS_MISSED)
    }
}

/// Every worker on record, the oldest first.
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

/// Those whose last beat is not too old.
pub async fn live(db: &impl ConnectionTrait) -> Result<Vec<Seen>, DbErr> {
    let mut seen = all(db).await?;
    seen.retain(Seen::is_live);
    Ok(seen)
}

/// Removes the rows of workers that have been silent for so many microseconds, and answers how many.
pub async fn forget_dead(db: &impl ConnectionTrait, silent: i64) -> Result<u64, DbErr> {
    let now = now(db.get_database_backend());
    let old = Expr::cust(format!("heartbeat_at < {now} - {silent}"));
    Ok(Entity::delete_many().filter(old).exec(db).await?.rows_affected)
}
