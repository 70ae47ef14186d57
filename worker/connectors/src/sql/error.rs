//! Classifies database errors: does an error concern one row or the whole call?

use sqlx::postgres::PgDatabaseError;
use syncline_engine::ports::{ConnectorError, ErrorKind};

#[derive(Debug)]
pub(super) enum Fault {
    /// The database refused this row; others may be written.
    Row(ConnectorError),
    /// The whole call fails.
    Call(ConnectorError),
}

impl Fault {
    /// The error itself, for reads, which do not distinguish the two.
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

/// Classifies a driver's error; `label` names the database.
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
        // A TLS failure arrives as an I/O error about invalid data.
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
    let permanent = |message: String| Fault::Call(ConnectorError::permanent(message));
    let transient = |message: String| Fault::Call(ConnectorError::transient(message));
    match code & 0xff {
        5 | 6 => transient(format!("{label} is locked by another program; tried for 5 s")),
        4 | 7 | 9 => transient(format!("{label}: {message}")),
        13 => transient(format!("{label}: disk full; free some space")),
        10 => transient(format!("{label}: the disk failed: {message}")),
        3 | 8 | 23 => permanent(format!("{label} may not be written: {message}; mend its permissions")),
        14 => permanent(format!("{label} cannot be opened; mend the permissions of the file and its folder")),
        11 | 26 => permanent(format!("{label} is damaged or is no SQLite database: {message}")),
        // The general code covers a statement that does not match the table and a function that fails on one value.
        1 if !is_about_the_statement(message) => {
            Fault::Row(ConnectorError::permanent(format!("{label}: {message}")))
        }
        18..=20 => Fault::Row(ConnectorError::permanent(format!("{label}: {message}"))),
        _ => permanent(format!("{label}: {message}")),
    }
}

fn is_about_the_statement(message: &str) -> bool {
    let parts = ["no such", "has no column", "syntax error", "unrecognized token", "cannot modify"];
    parts.iter().any(|part| message.contains(part))
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres(label: &str, error: &PgDatabaseError) -> Fault {
    let mut message = format!("{label}: {}", error.message());
    // The detail of a violated constraint names the values; other details may repeat a whole row.
    if let (Some(detail), "23503" | "23505") = (error.detail(), error.code()) {
        message = format!("{message} ({detail})");
    }
    // A rule may prevent inserts from returning their key while updates work; the server's hint names the remedy.
    if let (Some(hint), "0A000") = (error.hint(), error.code()) {
        message = format!("{message}; {hint}");
    }
    // A user's function (a trigger) chooses its code freely, so the code does not show whether other rows fail.
    let raised = error.routine() == Some("exec_stmt_raise");
    let in_function = raised || error.r#where().is_some();
    let code = error.code();
    match Scope::of(code, error.routine(), in_function) {
        Scope::Row => Fault::Row(ConnectorError::permanent(message)),
        Scope::Auth => Fault::Call(ConnectorError::new(ErrorKind::Auth, message)),
        Scope::Denied => {
            Fault::Call(ConnectorError::permanent(format!("{message}; {}", grant(label, error))))
        }
        Scope::Statement => Fault::Call(ConnectorError::permanent(message)),
        Scope::Transient if raised => Fault::Row(ConnectorError::transient(message)),
        Scope::Transient => Fault::Call(ConnectorError::transient(match code {
            "57014" => format!("{message}; the statement took too long"),
            "55P03" => format!("{message}; another program holds a lock"),
            _ => message,
        })),
    }
}

/// The scope of an SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// This row's data: others can be written.
    Row,
    Auth,
    /// A privilege that the role lacks.
    Denied,
    /// The statement, regardless of the row.
    Statement,
    /// The present moment: a retry may succeed.
    Transient,
}

impl Scope {
    /// `routine` is the server's function that raised the error: row security and missing privileges share a code.
    fn of(code: &str, routine: Option<&str>, in_function: bool) -> Scope {
        let class = code.get(..2).unwrap_or_default();
        match (code, class) {
            ("28000" | "28P01", _) => Scope::Auth,
            ("57P04", _) | (_, "3D") => Scope::Statement,
            ("55P03", _) | (_, "08" | "40" | "53" | "57" | "58") => Scope::Transient,
            _ if in_function => Scope::Row,
            ("42501", _) if routine == Some("aclcheck_error") => Scope::Denied,
            ("42501" | "42804" | "42846", _) => Scope::Row,
            ("55000", _) | (_, "25" | "26" | "3F" | "42") => Scope::Statement,
            _ => Scope::Row,
        }
    }
}

/// The statement that grants the missing privilege. Only the server's message names the kind of object.
fn grant(label: &str, error: &PgDatabaseError) -> String {
    let role = label.split_once('@').map_or("the role", |(role, _)| role);
    let mut words = error.message().rsplit(' ');
    let object = words.next().unwrap_or_default();
    let rights = match words.next() {
        Some("table" | "relation" | "view") => format!("SELECT, INSERT, UPDATE, DELETE ON {object}"),
        Some("schema") => format!("USAGE ON SCHEMA {object}"),
        Some("sequence") => format!("USAGE, SELECT, UPDATE ON SEQUENCE {object}"),
        Some("function") => format!("EXECUTE ON FUNCTION {object}"),
        _ => "the missing right on the object named".to_owned(),
    };
    format!("as its owner, run: GRANT {rights} TO {role}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("23505", None, false, Scope::Row)]
    #[case("54000", None, false, Scope::Row)]
    #[case("PT422", Some("exec_stmt_raise"), true, Scope::Row)]
    #[case("42501", Some("ExecWithCheckOptions"), false, Scope::Row)]
    #[case("42501", Some("aclcheck_error"), false, Scope::Denied)]
    #[case("42501", Some("aclcheck_error"), true, Scope::Row)]
    #[case("42P01", Some("parserOpenTable"), false, Scope::Statement)]
    #[case("42P01", Some("parserOpenTable"), true, Scope::Row)]
    #[case("40P01", None, true, Scope::Transient)]
    #[case("55P03", None, false, Scope::Transient)]
    #[case("53100", None, false, Scope::Transient)]
    #[case("28P01", None, false, Scope::Auth)]
    #[case("3D000", None, false, Scope::Statement)]
    #[case("0A000", None, false, Scope::Row)]
    fn a_code_concerns_a_row_or_the_statement(
        #[case] code: &str,
        #[case] routine: Option<&str>,
        #[case] in_function: bool,
        #[case] expected: Scope,
    ) {
        assert_eq!(Scope::of(code, routine, in_function), expected);
    }

    #[rstest]
    #[case(1, "malformed JSON", true)]
    #[case(1, "no such column: x", false)]
    #[case(1811, "not allowed", true)]
    #[case(2067, "UNIQUE constraint failed: t.pos", true)]
    #[case(20, "datatype mismatch", true)]
    #[case(5, "database is locked", false)]
    fn a_code_of_sqlite_concerns_a_row_or_the_call(
        #[case] code: u32,
        #[case] message: &str,
        #[case] row: bool,
    ) {
        assert_eq!(matches!(sqlite("t.db", code, message), Fault::Row(_)), row);
    }
}
