//! Why the schema could not be changed.

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// As many names as an ambiguous one is answered with.
const NAMED: usize = 6;

/// Why the schema could not be changed. Whatever it was, the database is at the version before the step that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// No migration has such a name, or several have.
    #[error("no migration is named {given:?}{}", match .close.as_slice() {
        [] => "; `syncline migrate status` lists them".to_owned(),
        close => format!(" alone: {} have it in their names; write more of it", first_of(close)),
    })]
    UnknownName {
        /// As it was given.
        given: String,
        /// Those whose names contain it.
        close: Vec<String>,
    },
    /// The database has migrations that this program cannot take back.
    #[error(
        "the database has migrations that this program does not know ({}); only the newer program can take them back",
        .0.join(", ")
    )]
    Newer(Vec<String>),
    /// Down to a version above, or up to one below.
    #[error("{to} is {}; nothing was done", if *.up { "applied already, and `migrate up` takes nothing back: use `migrate down --to`" } else { "not applied, and `migrate down` applies nothing: use `migrate up --to`" })]
    WrongWay {
        /// The migration asked for.
        to: String,
        /// Whether the way was up.
        up: bool,
    },
    /// A lock was not to be had.
    #[error(
        "{step} needs a lock that others hold and did not get it within {waited_s} s; nothing was changed. Stop the workers, \
         or end the transaction that holds it, and run it again"
    )]
    Busy {
        /// The migration.
        step: String,
        /// How long was waited, in seconds.
        waited_s: u64,
    },
    /// More steps down than there are.
    #[error("--steps {asked} is more than the {applied} migrations that are applied; nothing was done")]
    TooMany {
        /// How many were asked for.
        asked: u32,
        /// How many are applied.
        applied: usize,
    },
    /// Somebody else's table, view or index has a name that a migration needs.
    #[error(
        "{step}: {said}, and it was not made by Syncline; nothing of this step was done. Give Syncline another database, or \
         on PostgreSQL a schema of its own: CREATE SCHEMA syncline; and `?options=-c%20search_path%3Dsyncline` at the end of \
         DATABASE_URL"
    )]
    Taken {
        /// The migration.
        step: String,
        /// What the database said.
        said: String,
    },
    /// The database's user may not do what a migration does.
    #[error("{step}: {said}; nothing of this step was done. {remedy}")]
    Forbidden {
        /// The migration.
        step: String,
        /// What the database said.
        said: String,
        /// The statement that mends it.
        remedy: String,
    },
    /// A step failed.
    #[error("{step}: {}", words(.error))]
    Step {
        /// The migration.
        step: String,
        /// What the database said.
        error: DbErr,
    },
    /// The database could not be asked.
    #[error("{}", words(.0))]
    Database(#[from] DbErr),
}

/// What the driver says of an error, where it comes from there.
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

/// PostgreSQL's SQLSTATE; none for errors of SQLite, whose codes are numbers and may look like one.
pub fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    let error = error.as_database_error()?.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
    Some(error.code())
}

/// What a database said, without the driver's own words, and without the lines of the database's source code.
pub fn words(error: &DbErr) -> String {
    driver(error).map_or_else(|| error.to_string(), words_of_driver)
}

/// The same for an error of the driver.
pub fn words_of_driver(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => {
            let text = error.to_string();
            // The resolver's own words differ from system to system.
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
