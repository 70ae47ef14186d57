//! `syncline validate`: checks documents without storing them.

mod online;

use serde_json::json;
use syncline_engine::spec::Severity;
use syncline_service::syncs::display_name;

use crate::{
    cli::ValidateArgs,
    config::Config,
    document,
    fault::{Exit, Fault},
    output::Output,
};

/// Checks every sync of the files. `config` reads the settings, which are needed to open places.
pub(crate) async fn run(
    args: &ValidateArgs,
    config: impl FnOnce() -> Result<Config, Fault>,
    output: &Output,
) -> Result<Exit, Fault> {
    let documents = document::read_all(&args.files.all())?;
    for warning in documents.iter().flat_map(|document| document.told(Severity::Warning)) {
        output.note(&format!("warning: {warning}"));
    }
    let syncs: Vec<_> = documents.iter().flat_map(|document| &document.syncs).collect();
    if args.online {
        online::check(&config()?, syncs.iter().map(|sync| &sync.spec), output).await?;
    }
    for sync in &syncs {
        output.line(format!(
            "{} is valid{}",
            display_name(&sync.spec.project, &sync.name),
            if args.online { ", and its places fit it" } else { "" }
        ));
    }
    output.data(&json!({ "valid": true, "online": args.online, "syncs": syncs }));
    Ok(Exit::Done)
}
