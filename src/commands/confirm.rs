//! The question before many things are changed.

use std::io::{IsTerminal, Write};

use crate::fault::Fault;

/// Asks whether to do this, such as `replay 12 dead letters`. Without a terminal it fails, and names the flags that answer.
pub(crate) fn confirm(what: &str, flags: &str) -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Fault::usage(format!("would {what}; add {flags} to do it")));
    }
    let mut stderr = std::io::stderr();
    // Without the question the answer is still read.
    let _ = write!(stderr, "{what}? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}
