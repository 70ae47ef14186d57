//! `syncline apply`: stores the syncs of documents.

use serde_json::json;
use syncline_connectors::{Availability, platform};
use syncline_engine::spec::{Severity, SyncSpec};
use syncline_service::{
    Origin,
    differences::differences,
    passwords::hidden,
    store::{Stored, apply},
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

/// Stores every sync of the files, or none if one of them is invalid. A dry run says what that would change.
pub(crate) async fn run(config: &Config, args: &ApplyArgs, output: &Output) -> Result<Exit, Fault> {
    let documents = document::read_all(&args.files.all())?;
    let make = Make { migrate: false, among_other_tables: args.make.among_other_tables };
    let (db, made) = match args.dry_run {
        true => (app::connect_or_imagine(config).await?, None),
        false => app::connect_or_make(config, make).await?,
    };
    if let Some(made) = made {
        output.line(made);
    }
    let mut done = Vec::new();
    let syncs: Vec<_> = documents.iter().flat_map(|document| &document.syncs).collect();
    let specs: Vec<_> = syncs.iter().map(|sync| &sync.spec).collect();
    let applied = apply(&db, &config.caller(), &specs, Origin::CommandLine, args.dry_run).await?;
    for (sync, applied) in syncs.iter().zip(applied) {
        let word = match (args.dry_run, applied.stored) {
            (true, Stored::Created) => "would create",
            (true, Stored::Changed) => "would change",
            (_, stored) => stored.as_str(),
        };
        let name = display_name(&sync.spec.project, &sync.name);
        let before = applied.before.map(hidden);
        let found = before.map(|before| differences(&before, &hidden(applied.after))).unwrap_or_default();
        output.line(format!("{word} {name}{}", if found.is_empty() { "" } else { ":" }));
        super::syncs::tell(&found, output);
        done.push(json!({
            "name": sync.name, "project": sync.spec.project, "result": applied.stored.as_str(), "dry_run": args.dry_run,
            "revision": applied.revision, "differences": found, "findings": sync.findings,
        }));
    }
    for warning in documents.iter().flat_map(|document| document.told(Severity::Warning)) {
        output.note(&format!("warning: {warning}"));
    }
    output.data(&json!({ "syncs": done }));
    if args.dry_run {
        output.line("nothing was stored; without --dry-run it is");
        return Ok(Exit::Done);
    }
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
