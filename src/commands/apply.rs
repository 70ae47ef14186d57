//! `syncline apply`: documents into stored syncs.

use serde_json::json;
use syncline_engine::spec::Severity;

use crate::{
    app::{self, Make},
    cli::ApplyArgs,
    document,
    fault::{Exit, Fault},
    output::Output,
    syncs::{self, Stored},
};

/// Stores every sync of a file, or none if one of them is wrong.
pub(crate) async fn run(url: &str, args: &ApplyArgs, output: &Output) -> Result<Exit, Fault> {
    let file = args.files.file();
    let document = document::read(&file)?;
    document.refuse_errors(&file)?;
    let make = Make { migrate: false, among_other_tables: args.make.among_other_tables };
    let (db, made) = app::connect_or_make(url, make).await?;
    if let Some(made) = made {
        output.line(made);
    }
    let mut done = Vec::new();
    let specs: Vec<_> = document.syncs.iter().map(|sync| &sync.spec).collect();
    for (sync, stored) in document.syncs.iter().zip(syncs::store(&db, &specs).await?) {
        let word = match stored {
            Stored::Created => "created",
            Stored::Changed => "changed",
            Stored::Unchanged => "unchanged",
        };
        output.line(format!("{word} {}", sync.name));
        done.push(json!({ "name": sync.name, "project": sync.spec.project, "result": word, "findings": sync.findings }));
    }
    for warning in document.told(&file, Severity::Warning) {
        output.line(format!("warning: {warning}"));
    }
    output.data(&json!({ "syncs": done }));
    if let Some(first) = document.syncs.first() {
        output.line(format!("next: syncline plan {0}, then syncline sync {0}", first.name));
    }
    Ok(Exit::Done)
}
