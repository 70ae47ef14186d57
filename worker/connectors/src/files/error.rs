//! What went wrong with a file, in words that say where and what to do.

use std::{io, path::Path};

use syncline_engine::ports::ConnectorError;

use super::record::Flaw;

/// An input or output error; `doing` completes "cannot … the file".
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
        // A file that is mounted by itself (a volume of a container) cannot be replaced.
        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices => ConnectorError::permanent(format!(
            "{path}: cannot {doing}: {error}; if the file is a mount of its own, mount its folder instead"
        )),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ConnectorError::transient(format!(
            "{path}: disk full (cannot {doing}); free some space, the file is as it was"
        )),
        _ => ConnectorError::transient(format!("{path}: cannot {doing}: {error}")),
    }
}

/// A record that cannot be read.
pub(super) fn flaw(path: &Path, flaw: &Flaw) -> ConnectorError {
    let path_shown = path.display();
    let message = match flaw {
        Flaw::Io(error) => return io_error(path, "read it", error),
        Flaw::NotUtf8 { line } => {
            format!("{path_shown}, line {line}: this is not UTF-8 text; save the file as UTF-8")
        }
        Flaw::OpenQuote { line } => format!(
            "{path_shown}, line {line}: a quote that opens in the row starting here is never closed; close it, or \
             wait until the file is completely written"
        ),
        Flaw::TooLong { line } => format!(
            "{path_shown}, line {line}: the row starting here is longer than 16 MiB; probably a quote is not closed"
        ),
    };
    ConnectorError::permanent(message)
}
