//! Errors about files, with the place and the remedy.

use std::{io, path::Path};

use syncline_engine::ports::ConnectorError;

use super::record::Flaw;

/// An I/O error; `doing` completes "cannot … the file".
pub(super) fn io_error(path: &Path, doing: &str, error: &io::Error) -> ConnectorError {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            ConnectorError::permanent(format!("{path}: there is no such file; create it or mend the path"))
        }
        io::ErrorKind::PermissionDenied => ConnectorError::permanent(format!(
            "{path}: permission denied (cannot {doing}); let this user read and write the file and its folder"
        )),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            ConnectorError::permanent(format!("{path}: cannot {doing}: {error}"))
        }
        // A file that is a mount of its own (a volume of a container) cannot be replaced.
        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => ConnectorError::permanent(format!(
            "{path}: cannot {doing}: {error}; if the file is a mount of its own, mount its folder instead"
        )),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ConnectorError::transient(format!(
            "{path}: disk full (cannot {doing}); free some space, the file is as it was"
        )),
        _ => ConnectorError::transient(format!("{path}: cannot {doing}: {error}")),
    }
}

/// An error on a line of a file.
pub(super) fn refusal(path: &Path, line: u64, what: &str) -> ConnectorError {
    ConnectorError::permanent(format!("{}, line {line}: {what}", path.display()))
}

/// An error for a record that cannot be parsed.
pub(super) fn flaw(path: &Path, flaw: &Flaw) -> ConnectorError {
    match flaw {
        Flaw::Io(error) => io_error(path, "read it", error),
        Flaw::NotUtf8 { line } => refusal(
            path,
            *line,
            "this is not UTF-8 text (Windows-1252 or Latin-1?); save the file as UTF-8, for example with \
             `iconv -f WINDOWS-1252 -t UTF-8`",
        ),
        Flaw::Nul { line } => refusal(
            path,
            *line,
            "there is a zero byte (\\0), which no text has; remove it, or save the file as UTF-8",
        ),
        Flaw::OpenQuote { line } => refusal(
            path,
            *line,
            "the quote that opens a cell here is never closed; close it, or wait until the file is completely \
             written",
        ),
        Flaw::TooLong { line } => refusal(
            path,
            *line,
            "the row starting here is longer than 16 MiB; probably a quote is not closed",
        ),
        Flaw::AfterQuote { line, opened, backslash } => {
            let opened = if line == opened { String::new() } else { format!(" that opens on line {opened}") };
            let remedy = if *backslash {
                "a backslash does not escape a quote: double it (\"\")"
            } else {
                "close the cell where it ends, and double the quotes inside it (\"\")"
            };
            refusal(path, *line, &format!("text follows the closing quote of the cell{opened}; {remedy}"))
        }
        Flaw::StrayQuote { line } => refusal(
            path,
            *line,
            "a cell has a quote where its opening quote may be missing; put the whole cell in quotes, without a \
             blank before them, and double the quotes inside it (\"\")",
        ),
    }
}
