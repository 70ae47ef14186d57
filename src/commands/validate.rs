//! `syncline validate`: checks documents without storing them.

mod online;

use serde::Serialize;
use serde_json::json;
use syncline_engine::{
    Side,
    spec::{Severity, SyncSpec},
};
use syncline_service::{
    losses::{self, Losses},
    syncs::display_name,
};

use crate::{
    cli::ValidateArgs,
    config::Config,
    document::{self, Checked},
    fault::{Exit, Fault},
    output::Output,
};

/// A sync of the files in the JSON document.
#[derive(Serialize)]
struct Valid<'a> {
    #[serde(flatten)]
    sync: &'a Checked,
    losses: Vec<Losses>,
}

impl Valid<'_> {
    fn new(sync: &Checked) -> Valid<'_> {
        Valid { sync, losses: losses::of(&sync.spec) }
    }
}

/// Lists what texts lose, which is no reason to change a document.
fn tell(spec: &SyncSpec, output: &Output) {
    for Losses { from, to, fields, lost } in losses::of(spec) {
        let name = match to {
            Side::Source => &spec.source_platform,
            Side::Target => &spec.target_platform,
        };
        output.note(&format!("note: texts from the {from} in {} of {name}:", fields.join(", ")));
        lost.iter().for_each(|what| output.note(&format!("  - {what}")));
    }
}

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
        tell(&sync.spec, output);
    }
    let syncs: Vec<Valid> = syncs.into_iter().map(Valid::new).collect();
    output.data(&json!({ "valid": true, "online": args.online, "syncs": syncs }));
    Ok(Exit::Done)
}
