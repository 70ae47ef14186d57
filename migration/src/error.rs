//! The errors of migrating.

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// The most names listed for an ambiguous one.
const NAMED: usize = 6;

/// Why the schema could not be changed. The database is at the version before the failed step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// No migration matches this name, or several do.
    #[error("no migration is named {given:?}{}", match .close.as_slice() {
        [] => "; `syncline migrate status` lists them".to_owned(),
        close => format!(" alone: {} have it in their names; write more of it", first_of(close)),
    })]
    UnknownName {
        given: String,
        /// The migrations whose names contain it.
        close: Vec<String>,
    },
    /// The database has migrations that this program cannot revert.
    #[error(
        "the database has migrations that this program does not know ({}); only the newer program can take them back",
        .0.join(", ")
    )]
    Newer(Vec<String>),
    /// The target of `down` is above the present version, or the target of `up` below it.
    #[error("{to} is {}; nothing was done", if *.up { "applied already, and `migrate up` takes nothing back: use `migrate down --to`" } else { "not applied, and `migrate down` applies nothing: use `migrate up --to`" })]
    WrongWay {
        /// The requested migration.
        to: String,
        /// True for `up`.
        up: bool,
    },
    /// A lock was not acquired in time.
    #[error(
        "{step} needs a lock that others hold and did not get it within {waited_s} s; nothing was changed. Stop the workers, \
         or end the transaction that holds it, and run it again"
    )]
    Busy { step: String, waited_s: u64 },
    /// Fewer steps are applied than should be reverted.
    #[error("--steps {asked} is more than the {applied} migrations that are applied; nothing was done")]
    TooMany { asked: u32, applied: usize },
    /// A table, view or index that is not Syncline's has a name that a migration needs.
    #[error(
        "{step}: {said}, and it was not made by Syncline; nothing of this step was done. Give Syncline another database, or \
         on PostgreSQL a schema of its own: CREATE SCHEMA syncline; and `?options=-c%20search_path%3Dsyncline` at the end of \
         DATABASE_URL"
    )]
    Taken {
        step: String,
        /// The database's message.
        said: String,
    },
    /// The database user lacks a privilege that a migration needs.
    #[error("{step}: {said}; nothing of this step was done. {remedy}")]
    Forbidden {
        step: String,
        /// The database's message.
        said: String,
        /// The statement that grants it.
        remedy: String,
    },
    #[error("{step}: {}", words(.error))]
    Step { step: String, error: DbErr },
    /// The connection or a query failed.
    #[error("{}", words(.0))]
    Database(#[from] DbErr),
}

/// Returns the driver's error, if the driver caused it.
pub(crate) fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

fn first_of(names: &[String]) -> String {
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// PostgreSQL's SQLSTATE; none for errors of SQLite, whose numeric codes may look like one.
pub fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    let error = error.as_database_error()?.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
    Some(error.code())
}

/// Returns a database's message, without the driver's additions and without lines of the database's source code.
pub fn words(error: &DbErr) -> String {
    driver(error).map_or_else(|| error.to_string(), words_of_driver)
}

/// The same for an error of the driver.
pub fn words_of_driver(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => {
            let text = error.to_string();
            // The resolver's message differs between systems.
            if text.contains("failed to lookup address") {
                return "there is no host of this name".to_owned();
            }
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
        sqlx::Error::Tls(error) => {
            let text = error.to_string();
            if text.contains("does not support TLS") { format!("the {text}") } else { text }
        }
        sqlx::Error::PoolTimedOut => "no connection was to be had in time".to_owned(),
        other => other.to_string(),
    }
}
