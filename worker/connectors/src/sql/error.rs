//! What went wrong in a database, and whether it concerns one row or the whole call.

use sqlx::postgres::PgDatabaseError;
use syncline_engine::ports::{ConnectorError, ErrorKind};

/// A failure of a statement.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database refused this row; others may be written.
    Row(ConnectorError),
    /// Nothing goes on.
    Call(ConnectorError),
}

impl Fault {
    /// The error, for reads, where the two are the same.
    pub(super) fn into_error(self) -> ConnectorError {
        match self {
            Fault::Row(error) | Fault::Call(error) => error,
        }
    }
}

impl From<ConnectorError> for Fault {
    fn from(error: ConnectorError) -> Self {
        Fault::Call(error)
    }
}

/// Judges a driver's error; `label` names the database.
pub(super) fn fault(label: &str, error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(inner) => match inner.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => postgres(label, error),
            None => {
                let code = inner.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(0);
                sqlite(label, code, inner.message())
            }
        },
        sqlx::Error::PoolTimedOut => {
            Fault::Call(ConnectorError::transient(format!("{label}: no connection became free in time")))
        }
        // What TLS has against the other side comes as data that is not as it should be.
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Fault::Call(ConnectorError::permanent(format!("{label}: no encrypted connection: {error}")))
        }
        sqlx::Error::Io(error) => {
            Fault::Call(ConnectorError::transient(format!("{label}: the connection failed: {error}")))
        }
        sqlx::Error::Tls(error) => {
            Fault::Call(ConnectorError::permanent(format!("{label}: no encrypted connection: {error}")))
        }
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => {
            Fault::Call(ConnectorError::transient(format!("{label}: the connection was lost: {error}")))
        }
        other => Fault::Call(ConnectorError::permanent(format!("{label}: {other}"))),
    }
}

/// <https://www.sqlite.org/rescode.html>; the low byte is the primary code.
fn sqlite(label: &str, code: u32, message: &str) -> Fault {
    let refused = |message: String| Fault::Row(ConnectorError::permanent(message));
    let permanent = |message: String| Fault::Call(ConnectorError::permanent(message));
    let transient = |message: String| Fault::Call(ConnectorError::transient(message));
    match code & 0xff {
        5 | 6 => transient(format!("{label} is locked by another program; tried for 5 s")),
        13 => transient(format!("{label}: disk full; free some space")),
        10 => transient(format!("{label}: the disk failed: {message}")),
        3 | 8 | 23 => permanent(format!("{label} may not be written: {message}; mend its permissions")),
        14 => permanent(format!("{label} cannot be opened; mend the permissions of the file and its folder")),
        11 | 26 => permanent(format!("{label} is damaged or is no SQLite database: {message}")),
        18..=20 => refused(format!("{label}: {message}")),
        _ => permanent(format!("{label}: {message}")),
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres(label: &str, error: &PgDatabaseError) -> Fault {
    let mut message = format!("{label}: {}", error.message());
    // The detail of a violated constraint names the values; elsewhere it may repeat a whole row.
    if let (Some(detail), "23503" | "23505") = (error.detail(), error.code()) {
        message = format!("{message} ({detail})");
    }
    match error.code() {
        "28000" | "28P01" => Fault::Call(ConnectorError::new(ErrorKind::Auth, message)),
        "57014" => Fault::Call(ConnectorError::transient(format!("{message}; the statement took too long"))),
        "55P03" => Fault::Call(ConnectorError::transient(format!("{message}; another program holds a lock"))),
        "57P04" | "3D000" => Fault::Call(ConnectorError::permanent(message)),
        code => match code.get(..2) {
            // Data that the column cannot take, a violated constraint, a trigger's refusal, a mismatched type.
            Some("22" | "23" | "44" | "P0") => Fault::Row(ConnectorError::permanent(message)),
            _ if code == "42804" => Fault::Row(ConnectorError::permanent(message)),
            // Lost connections, deadlocks, a shortage of resources, an operator's intervention.
            Some("08" | "40" | "53" | "57" | "58") => Fault::Call(ConnectorError::transient(message)),
            _ => Fault::Call(ConnectorError::permanent(message)),
        },
    }
}
