//! `syncline apply`: stores the syncs of documents.

use serde_json::{Value, json};
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
    document::{self, Document},
    fault::{Exit, Fault},
    output::{Output, list, text},
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
    let syncs: Vec<_> = documents.iter().flat_map(|document| &document.syncs).collect();
    let specs: Vec<_> = syncs.iter().map(|sync| &sync.spec).collect();
    let applied = apply(&db, &config.caller(), &specs, Origin::CommandLine, args.dry_run).await?;
    let done = applied.into_iter().map(|applied| {
        let before = applied.before.map(hidden);
        let found = before.map(|before| differences(&before, &hidden(applied.after))).unwrap_or_default();
        json!({ "result": applied.stored.as_str(), "revision": applied.revision, "differences": found })
    });
    tell(&documents, done.collect(), args.dry_run, output);
    Ok(Exit::Done)
}

/// Prints what became of the syncs of documents: `done` has the result, the revision and the differences of each.
pub(crate) fn tell(documents: &[Document], done: Vec<Value>, dry_run: bool, output: &Output) {
    let syncs: Vec<_> = documents.iter().flat_map(|document| &document.syncs).collect();
    let mut told = Vec::new();
    for (sync, done) in syncs.iter().zip(done) {
        let word = match (dry_run, text(&done, "result")) {
            (true, result) if result == Stored::Created.as_str() => "would create".to_owned(),
            (true, result) if result == Stored::Changed.as_str() => "would change".to_owned(),
            (_, result) => result,
        };
        let name = display_name(&sync.spec.project, &sync.name);
        let found = list(&done, "differences");
        output.line(format!("{word} {name}{}", if found.is_empty() { "" } else { ":" }));
        super::syncs::tell(found, output);
        told.push(json!({
            "name": sync.name, "project": sync.spec.project, "result": done["result"], "dry_run": dry_run,
            "revision": done["revision"], "differences": found, "findings": sync.findings,
        }));
    }
    for warning in documents.iter().flat_map(|document| document.told(Severity::Warning)) {
        output.note(&format!("warning: {warning}"));
    }
    output.data(&json!({ "syncs": told }));
    if dry_run {
        output.line("nothing was stored; without --dry-run it is");
        return;
    }
    // A sync of a platform without a connector would only fail.
    if let Some(first) = syncs.iter().find(|sync| can_run(&sync.spec)) {
        let name = display_name(&first.spec.project, &first.name);
        output.line(format!("next: syncline plan {name}, then syncline sync {name}"));
    }
}

fn can_run(spec: &SyncSpec) -> bool {
    let has_connector = |name: &str| {
        platform(name).is_some_and(|platform| platform.availability() == Availability::Available)
    };
    has_connector(&spec.source_platform) && has_connector(&spec.target_platform)
}
