//! Records what a migration does to the database, statement by statement.

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::DatabaseConnection;

/// Called after each statement of a migration, with the number of statements so far.
pub type StatementHook = Arc<dyn Fn(u64) + Send + Sync>;

/// A rehearsed step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    pub name: String,
    /// True if it was applied, false if it was reverted.
    pub up: bool,
    /// Its statements in order, with their values inserted; reads are omitted.
    pub statements: Vec<String>,
}

/// Records the statements of one connection.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// Returns the same pool; records the statements of its transactions and calls the hook.
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

    /// Returns the statements recorded since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_read(sql: &str) -> bool {
    sql.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"))
}
