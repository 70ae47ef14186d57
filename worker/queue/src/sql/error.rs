//! Sorts failures of the database into temporary and permanent ones.

use sea_orm::{DbErr, RuntimeErr, sqlx};

use crate::backend::Error;

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_permanent(&error) { Error::Refused(error.into()) } else { Error::Unavailable(error.into()) }
    }
}

/// True if the database refused the call for a permanent reason. Unknown errors count as temporary: giving up wrongly
/// loses an outcome, while retrying wrongly only costs calls.
fn is_permanent(error: &DbErr) -> bool {
    let Some(code) = code(error) else {
        return matches!(error, DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. });
    };
    // SQLSTATE classes: 22 data, 23 integrity, 42 syntax and names. SQLite: 18 too big, 19 constraint, 20 wrong type.
    let sqlstate = code.len() == 5 && ["22", "23", "42"].contains(&&code[..2]);
    let sqlite =
        code.len() < 5 && code.parse::<u32>().is_ok_and(|code| [18, 19, 20].contains(&(code & 0xFF)));
    sqlstate || sqlite
}

/// True if a unique index already has such a row.
pub(super) fn is_unique_violation(error: &DbErr) -> bool {
    // 2067 and 1555 are SQLite's extended codes for a unique index and a primary key.
    code(error).is_some_and(|code| ["23505", "2067", "1555"].contains(&code.as_str()))
}

fn code(error: &DbErr) -> Option<String> {
    let sqlx::Error::Database(error) = driver(error)? else { return None };
    error.code().map(|code| code.into_owned())
}

/// Returns the database's message, without the driver's prefix and without lines of the database's source code.
pub(crate) fn words(error: &DbErr) -> String {
    match driver(error) {
        Some(sqlx::Error::Database(error)) => error.message().to_owned(),
        Some(sqlx::Error::Io(error)) => {
            error.to_string().split(" (os error").next().unwrap_or_default().to_owned()
        }
        Some(sqlx::Error::PoolTimedOut) => NO_CONNECTION.to_owned(),
        Some(other) => other.to_string(),
        None if matches!(error, DbErr::ConnectionAcquire(_)) => NO_CONNECTION.to_owned(),
        None => error.to_string(),
    }
}

const NO_CONNECTION: &str = "no connection was to be had in time";

fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}
