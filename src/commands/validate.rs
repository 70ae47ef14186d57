//! `syncline validate`: documents checked and not stored.

use serde_json::json;
use syncline_engine::spec::Severity;

use crate::{
    cli::FileArgs,
    document,
    fault::{Exit, Fault},
    output::Output,
};

/// Checks every sync of a file.
pub(crate) fn run(args: &FileArgs, output: &Output) -> Result<Exit, Fault> {
    let file = args.file();
    let document = document::read(&file)?;
    document.refuse_errors(&file)?;
    for warning in document.told(&file, Severity::Warning) {
        output.line(format!("warning: {warning}"));
    }
    for sync in &document.syncs {
        output.line(format!("{} is valid", sync.name));
    }
    output.data(&json!({ "valid": true, "syncs": document.syncs }));
    Ok(Exit::Done)
}
