//! `syncline syncs`: lists, shows, compares, exports and deletes stored syncs.

use std::collections::HashSet;

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_service::{
    configs::{self, ConfigsQuery},
    differences::Difference,
    syncs::{self, StoredSync},
    yaml,
};

use crate::{
    app,
    cli::{SyncsAction, SyncsArgs, SyncsDeleteArgs, SyncsDiffArgs, SyncsListArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, shown},
    words,
};

/// Carries out what is asked of stored syncs.
pub(crate) async fn run(config: &Config, args: &SyncsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    match &args.action {
        None => list(config, &db, &args.list, output).await,
        Some(SyncsAction::List(args)) => list(config, &db, args, output).await,
        Some(SyncsAction::Show(args)) => show(config, &db, &args.name, output).await,
        Some(SyncsAction::Diff(args)) => diff(config, &db, args, output).await,
        Some(SyncsAction::Export(args)) => export(config, &db, &args.names, output).await,
        Some(SyncsAction::Delete(args)) => delete(config, &db, args, output).await,
    }
}

async fn list(
    config: &Config,
    db: &DatabaseConnection,
    args: &SyncsListArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let asked = ConfigsQuery { filter: args.filter.clone(), limit: args.limit, ..ConfigsQuery::default() };
    let found = configs::list(db, &config.caller(), &asked).await?;
    let paused = configs::paused(db, &found).await?;
    output.data(&json!({ "syncs": found.iter().map(|sync| as_json(sync, &paused)).collect::<Vec<_>>() }));
    if found.is_empty() {
        output.line(match args.filter {
            Some(_) => "no sync fits the filter; syncline syncs lists all",
            None => "no syncs are stored; syncline apply FILE stores one",
        });
        return Ok(Exit::Done);
    }
    let line = |sync: &StoredSync| {
        vec![
            sync.to_string(),
            sync.source_platform.clone(),
            sync.target_platform.clone(),
            sync.entity_type.clone(),
            sync.direction.to_string(),
            every(sync),
            sync.revision.to_string(),
            state(sync, &paused).to_owned(),
        ]
    };
    let head = ["sync", "source", "target", "items", "direction", "runs", "revision", "state"];
    output.table(&head, found.iter().map(line).collect());
    if found.len() as u64 == args.limit {
        output.line("there may be more: --limit, --filter");
    }
    Ok(Exit::Done)
}

/// When it runs by itself.
fn every(sync: &StoredSync) -> String {
    match (&sync.schedule, sync.sync_interval) {
        (Some(schedule), _) => schedule.clone(),
        (None, Some(seconds)) if seconds > 0 => format!("every {seconds} s"),
        (None, _) => "by hand".to_owned(),
    }
}

fn state(sync: &StoredSync, paused: &HashSet<i64>) -> &'static str {
    match (paused.contains(&sync.id), sync.enabled) {
        (true, _) => "paused",
        (false, true) => "enabled",
        (false, false) => "disabled",
    }
}

/// A sync as JSON, with the keys of the API.
fn as_json(sync: &StoredSync, paused: &HashSet<i64>) -> Value {
    json!({
        "id": sync.id,
        "name": sync.name,
        "project": sync.project,
        "source_platform": sync.source_platform,
        "target_platform": sync.target_platform,
        "entity_type": sync.entity_type,
        "direction": sync.direction,
        "conflict_strategy": sync.conflict_strategy,
        "enabled": sync.enabled,
        "paused": paused.contains(&sync.id),
        "revision": sync.revision,
        "managed_by": sync.managed_by,
        "last_sync_at": sync.last_sync_at,
    })
}

async fn show(config: &Config, db: &DatabaseConnection, name: &str, output: &Output) -> Result<Exit, Fault> {
    let sync = syncs::find(db, name).await?;
    let paused = configs::paused(db, std::slice::from_ref(&sync)).await?;
    let revision = configs::revision(db, &config.caller(), sync.id, sync.revision).await.ok();
    let document = configs::document(&sync);
    let mut whole = as_json(&sync, &paused);
    whole["document"] = document.clone();
    output.data(&whole);
    let by = revision.map(|row| format!(", stored by {} at {} UTC", row.by, words::date(row.at)));
    output.line(format!(
        "# sync {sync}, id {}, {}, revision {}{}",
        sync.id,
        state(&sync, &paused),
        sync.revision,
        by.unwrap_or_default()
    ));
    output.verbatim(yaml::write(&[document]).trim_end());
    Ok(Exit::Done)
}

async fn diff(
    config: &Config,
    db: &DatabaseConnection,
    args: &SyncsDiffArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let sync = syncs::find(db, &args.name).await?;
    let (from, to, found) = configs::diff(db, &config.caller(), sync.id, args.from, args.to).await?;
    output.data(
        &json!({ "sync": sync.name, "project": sync.project, "from": from, "to": to, "differences": found }),
    );
    if found.is_empty() {
        output.line(match from == to {
            true => format!("{sync} has one revision so far"),
            false => format!("the revisions {from} and {to} of {sync} are the same"),
        });
        return Ok(Exit::Done);
    }
    output.line(format!("{sync}, from revision {from} to {to}:"));
    tell(&found, output);
    Ok(Exit::Done)
}

/// Prints differences, a line each.
pub(crate) fn tell(found: &[Difference], output: &Output) {
    for Difference { path, before, after } in found {
        output.line(format!("  {path}: {} -> {}", shown(before), shown(after)));
    }
}

async fn export(
    config: &Config,
    db: &DatabaseConnection,
    names: &[String],
    output: &Output,
) -> Result<Exit, Fault> {
    let mut found = Vec::new();
    for name in names {
        found.push(syncs::find(db, name).await?);
    }
    if names.is_empty() {
        let all = ConfigsQuery { limit: i64::MAX as u64, ..ConfigsQuery::default() };
        found = configs::list(db, &config.caller(), &all).await?;
    }
    let documents: Vec<Value> = found.iter().map(|sync| configs::document(sync)).collect();
    let text = yaml::write(&documents);
    output.data(&json!({ "documents": documents }));
    output.verbatim(text.trim_end());
    if text.contains("***") {
        output.note("passwords are written as ***; applied to this database, they stay as they are");
    }
    Ok(Exit::Done)
}

async fn delete(
    config: &Config,
    db: &DatabaseConnection,
    args: &SyncsDeleteArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let sync = syncs::find(db, &args.name).await?;
    if !args.yes {
        return Err(Fault::usage(format!(
            "this deletes the sync {sync}: its waiting runs are cancelled, and it runs no more. Its links and history \
             stay until they are purged, and no platform is touched. Add --yes to delete it"
        )));
    }
    let queue = app::queue(config, db)?;
    configs::delete(db, &queue, &config.caller(), sync.id, None).await?;
    output.data(&json!({ "id": sync.id, "name": sync.name, "project": sync.project, "deleted": true }));
    output.line(format!("deleted {sync}; `syncline purge` removes what is left of it when it is old enough"));
    Ok(Exit::Done)
}
