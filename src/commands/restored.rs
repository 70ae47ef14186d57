//! `syncline mark-restored`: shows what is known of a restore, or records one.

use std::io::Write;

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_entity::installation;
use syncline_service::{
    audit::{self, Entry},
    syncs::{self, NamedSync},
};
use syncline_upkeep::restore;

use crate::{
    app,
    cli::RestoredArgs,
    config::Config,
    fault::{Exit, Fault},
    output::{Output, folded},
    words::count,
};

/// Marks all syncs as running on a restored database, or shows which of them still are.
pub(crate) async fn run(config: &Config, args: &RestoredArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    if !args.show && !args.yes {
        return Err(unconfirmed(&db).await?);
    }
    if args.yes {
        let marked = restore::mark_by_hand(&db, now()).await?;
        let entry = Entry {
            action: "database.mark-restored",
            kind: "database",
            id: None,
            project: None,
            before: Value::Null,
            after: json!({ "syncs": marked }),
        };
        audit::record(&db, &config.caller(), entry).await?;
    }
    let row = installation::the(&db).await?;
    let (at, from) = row.map(|row| (row.restored_at, row.restored_from)).unwrap_or_default();
    let syncs = syncs::all(&db).await?;
    let waits = |sync: &&NamedSync| sync.restored_at.is_some() && sync.deleted_at.is_none();
    let mut waiting: Vec<String> = syncs.values().filter(waits).map(ToString::to_string).collect();
    waiting.sort();
    output.data(&json!({ "restored_at": at, "reason": from, "syncs": waiting }));
    match (at, waiting.is_empty()) {
        (None, _) => output.line("this database was not restored, as far as is known, or has no syncs"),
        (Some(at), true) => {
            output.line(format!("restored at {}; all syncs have looked at both sides since", shown(at)));
        }
        (Some(at), false) => {
            output.line(format!("restored at {}: {}", shown(at), from.unwrap_or_default()));
            output.line(format!(
                "nothing is deleted without --allow-deletes until a run of it has looked at both sides: {}",
                waiting.join(", ")
            ));
        }
    }
    Ok(Exit::Done)
}

/// Describes the consequences. A mark cannot be removed.
async fn unconfirmed(db: &DatabaseConnection) -> Result<Fault, Fault> {
    let syncs = syncs::all(db).await?;
    let number = syncs.values().filter(|sync| sync.deleted_at.is_none()).count() as u64;
    Ok(Fault::usage(format!(
        "this marks {} as running on a restored database: until a run of each has looked at both sides in full, nothing is \
         deleted without --allow-deletes, both sides are read from the beginning, and what an old state cannot decide is \
         asked. It cannot be taken back, and nothing was done. If that is right, stop the workers and add --yes; --show \
         only shows what is known",
        count(number, "sync", "syncs")
    )))
}

/// Checks whether the database was restored since the last start, and warns if so: a role that serves in its log, a
/// command on standard error.
pub(crate) async fn notice(config: &Config, db: &DatabaseConnection) -> Result<(), Fault> {
    if let Some(noticed) = restore::notice(db, now()).await? {
        if tracing::enabled!(tracing::Level::WARN) {
            tracing::warn!("{noticed}");
        } else {
            let _ = writeln!(std::io::stderr(), "{}", folded(&format!("warning: {noticed}"), config.screen));
        }
    }
    Ok(())
}

fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

fn shown(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
