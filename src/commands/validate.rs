//! `syncline validate`: checks documents without storing them.

use serde_json::json;
use syncline_engine::spec::Severity;
use syncline_service::syncs::display_name;

use crate::{
    cli::FileArgs,
    document,
    fault::{Exit, Fault},
    output::Output,
};

/// Checks every sync of the files.
pub(crate) fn run(args: &FileArgs, output: &Output) -> Result<Exit, Fault> {
    let documents = document::read_all(&args.all())?;
    for warning in documents.iter().flat_map(|document| document.told(Severity::Warning)) {
        output.note(&format!("warning: {warning}"));
    }
    let syncs: Vec<_> = documents.iter().flat_map(|document| &document.syncs).collect();
    for sync in &syncs {
        output.line(format!("{} is valid", display_name(&sync.spec.project, &sync.name)));
    }
    output.data(&json!({ "valid": true, "syncs": syncs }));
    Ok(Exit::Done)
}
