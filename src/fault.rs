//! Errors of a command, and its exit code.

use std::process::ExitCode;

use syncline_migration::{MigrateError, words};

use crate::config::QueueConfig;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Exit code 0.
    Done,
    /// Something failed or is in conflict: exit code 1.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        match exit {
            Exit::Done => ExitCode::SUCCESS,
            Exit::Failed => ExitCode::from(1),
        }
    }
}

/// The system's text of an error, without its number.
pub(crate) fn said(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Why a command stopped.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The exit code: 1 if something failed, 2 if the use or the configuration is wrong.
    pub(crate) code: u8,
    /// The error, its cause and the remedy; never a secret.
    pub(crate) message: String,
    /// True if the queue's store failed and the message does not say which store that is.
    of_queue: bool,
    /// Whether a server that starts may wait for it to pass.
    pub(crate) passes: Passes,
}

/// Whether what stopped a command may pass without the command being changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passes {
    /// It does not.
    Never,
    /// The database is unreachable, starting or stopping.
    WithTheOutage,
    /// The schema lacks migrations, which another process may apply.
    WithAMigration,
}

impl Fault {
    /// An error with exit code 1.
    pub(crate) fn failed(message: impl Into<String>) -> Fault {
        Fault { code: 1, message: message.into(), of_queue: false, passes: Passes::Never }
    }

    /// An error of the usage or the configuration, with exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Fault {
        Fault { code: 2, message: message.into(), of_queue: false, passes: Passes::Never }
    }

    /// The same, which may pass.
    pub(crate) fn passing(self, passes: Passes) -> Fault {
        Fault { passes, ..self }
    }

    /// Adds the location of the queue, if its store failed.
    pub(crate) fn placed(self, queue: &QueueConfig) -> Fault {
        match (self.of_queue, &queue.redis) {
            (true, Some(_)) => Fault {
                message: format!("REDIS_URL {}: {}", queue.shown(), self.message),
                of_queue: false,
                ..self
            },
            (_, _) => self,
        }
    }
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Fault::failed(format!("{error:#}"))
    }
}

impl From<sea_orm::DbErr> for Fault {
    fn from(error: sea_orm::DbErr) -> Self {
        let fault = Fault::failed(format!("Syncline's database: {}", words(&error)));
        match error {
            sea_orm::DbErr::Conn(_) | sea_orm::DbErr::ConnectionAcquire(_) => {
                fault.passing(Passes::WithTheOutage)
            }
            _ => fault,
        }
    }
}

impl From<syncline_service::Error> for Fault {
    fn from(error: syncline_service::Error) -> Self {
        use syncline_service::{Error, Refusal};
        match error {
            Error::Database(error) => error.into(),
            Error::Queue(error) => error.into(),
            // A retry without changes may succeed if something is paused or is written to all the time.
            Error::Refused {
                why: Refusal::QueuePaused | Refusal::SyncPaused | Refusal::Contended,
                message,
            } => Fault::failed(message),
            other => Fault::usage(other.to_string()),
        }
    }
}

impl From<MigrateError> for Fault {
    fn from(error: MigrateError) -> Self {
        use MigrateError::{Forbidden, Newer, Taken, TooMany, UnknownName, WrongWay};
        match error {
            UnknownName { .. } | Newer(_) | WrongWay { .. } | TooMany { .. } => {
                Fault::usage(error.to_string())
            }
            Forbidden { .. } | Taken { .. } => {
                Fault::usage(format!("the schema could not be changed: {error}"))
            }
            other => Fault::failed(format!("the schema could not be changed: {other}")),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Fault::failed(said(&error))
    }
}

impl From<syncline_queue::Error> for Fault {
    fn from(error: syncline_queue::Error) -> Self {
        let of_queue = !error.is_of_database();
        match (error.needs_a_person(), &error) {
            (Some(why), _) => Fault { of_queue, ..Fault::usage(why) },
            (None, syncline_queue::Error::Unavailable(_)) => Fault { of_queue, ..Fault::usage(error.told()) },
            (None, _) => Fault::failed(error.told()),
        }
    }
}
