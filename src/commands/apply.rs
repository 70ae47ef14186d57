//! `syncline apply`: stores the syncs of documents.

use serde_json::json;
use syncline_connectors::{Availability, platform};
use syncline_engine::spec::{Severity, SyncSpec};
use syncline_service::{
    Origin,
    store::{Stored, store},
    syncs::display_name,
};

use crate::{
    app::{self, Make},
    cli::ApplyArgs,
    config::Config,
    document,
    fault::{Exit, Fault},
    output::Output,
};

/// Stores every sync of the files, or none if one of them is invalid.
pub(crate) async fn run(config: &Config, args: &ApplyArgs, output: &Output) -> Result<Exit, Fault> {
    let documents = document::read_all(&args.files.all())?;
    let make = Make { migrate: false, among_other_tables: args.make.among_other_tables };
    let (db, made) = app::connect_or_make(config, make).await?;
    if let Some(made) = made {
        output.line(made);
    }
    let mut done = Vec::new();
    let syncs: Vec<_> = documents.iter().flat_map(|document| &document.syncs).collect();
    let specs: Vec<_> = syncs.iter().map(|sync| &sync.spec).collect();
    for (sync, stored) in syncs.iter().zip(store(&db, &config.caller(), &specs, Origin::CommandLine).await?) {
        let word = match stored {
            Stored::Created => "created",
            Stored::Changed => "changed",
            Stored::Unchanged => "unchanged",
        };
        output.line(format!("{word} {}", display_name(&sync.spec.project, &sync.name)));
        done.push(json!({ "name": sync.name, "project": sync.spec.project, "result": word, "findings": sync.findings }));
    }
    for warning in documents.iter().flat_map(|document| document.told(Severity::Warning)) {
        output.note(&format!("warning: {warning}"));
    }
    output.data(&json!({ "syncs": done }));
    // A sync of a platform without a connector would only fail.
    if let Some(first) = syncs.iter().find(|sync| can_run(&sync.spec)) {
        let name = display_name(&first.spec.project, &first.name);
        output.line(format!("next: syncline plan {name}, then syncline sync {name}"));
    }
    Ok(Exit::Done)
}

fn can_run(spec: &SyncSpec) -> bool {
    let has_connector = |name: &str| {
        platform(name).is_some_and(|platform| platform.availability() == Availability::Available)
    };
    has_connector(&spec.source_platform) && has_connector(&spec.target_platform)
}
