//! What a migration does to the database, statement by statement.

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::DatabaseConnection;

/// Called after each statement of a migration, with how many there were so far.
pub type StatementHook = Arc<dyn Fn(u64) + Send + Sync>;

/// A step as it was rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// The migration.
    pub name: String,
    /// Whether it was applied; otherwise it was taken back.
    pub up: bool,
    /// Its statements in order, with their values in place; reads are left out.
    pub statements: Vec<String>,
}

/// Notes the statements of one connection.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// The same pool; statements that run in its transactions are noted, and the hook is told.
    pub(crate) fn watch(
        &self,
        db: &DatabaseConnection,
        keep: bool,
        hook: Option<StatementHook>,
    ) -> DatabaseConnection {
        let mut db = db.clone();
        if !keep && hook.is_none() {
            return db;
        }
        let noted = Arc::clone(&self.0);
        let count = std::sync::atomic::AtomicU64::new(0);
        db.set_metric_callback(move |info| {
            if is_read(&info.statement.sql) {
                return;
            }
            if keep {
                noted.lock().unwrap_or_else(PoisonError::into_inner).push(info.statement.to_string());
            }
            if let Some(hook) = &hook {
                hook(count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1);
            }
        });
        db
    }

    /// What was noted since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_read(sql: &str) -> bool {
    sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"))
}
