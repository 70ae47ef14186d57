//! Why the schema could not be changed.

use sea_orm::DbErr;

/// Why the schema could not be changed. Whatever it was, the database is at the version before the step that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// No migration has such a name, or several have.
    #[error("no migration is named {given:?}{}", match .close.as_slice() {
        [] => "; `syncline migrate status` lists them".to_owned(),
        close => format!(" alone: {} have it in their names; write more of it", close.join(", ")),
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
    /// A step failed.
    #[error("{step}: {error}")]
    Step {
        /// The migration.
        step: String,
        /// What the database said.
        error: DbErr,
    },
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] DbErr),
}
