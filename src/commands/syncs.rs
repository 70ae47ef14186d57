//! `syncline syncs`: lists, shows, compares, exports and deletes stored syncs.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::configs::{view, whole};
use syncline_service::{
    Caller, Origin,
    configs::{self, ConfigsQuery},
    syncs::{self, StoredSync},
    yaml,
};

use crate::{
    app,
    cli::{SyncsAction, SyncsArgs, SyncsDeleteArgs, SyncsDiffArgs, SyncsListArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, bare, list as entries, shown, sync_name, text},
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
    tell_list(&lines(&config.caller(), db, args).await?, args, output);
    Ok(Exit::Done)
}

/// The syncs that a filter selects.
pub(crate) async fn lines(
    caller: &Caller,
    db: &DatabaseConnection,
    args: &SyncsListArgs,
) -> Result<Vec<Line>, Fault> {
    let asked = ConfigsQuery { filter: args.filter.clone(), limit: args.limit, ..ConfigsQuery::default() };
    let found = configs::list(db, caller, &asked).await?;
    let paused = configs::paused(db, &found).await?;
    let line = |sync: &StoredSync| Line { sync: bare(view("", sync, &paused)), runs: every(sync) };
    Ok(found.iter().map(line).collect())
}

/// A sync in a list.
pub(crate) struct Line {
    /// The sync as JSON.
    pub(crate) sync: Value,
    /// When it runs by itself.
    pub(crate) runs: String,
}

/// Prints syncs.
pub(crate) fn tell_list(found: &[Line], args: &SyncsListArgs, output: &Output) {
    output.data(&json!({ "syncs": found.iter().map(|line| &line.sync).collect::<Vec<_>>() }));
    if found.is_empty() {
        output.line(match args.filter {
            Some(_) => "no sync fits the filter; syncline syncs lists all",
            None => "no syncs are stored; syncline apply FILE stores one",
        });
        return;
    }
    let row = |Line { sync, runs }: &Line| {
        vec![
            name_of(sync),
            text(sync, "source_platform"),
            text(sync, "target_platform"),
            text(sync, "entity_type"),
            text(sync, "direction"),
            runs.clone(),
            sync["revision"].to_string(),
            state(sync).to_owned(),
        ]
    };
    let head = ["sync", "source", "target", "items", "direction", "runs", "revision", "state"];
    output.table(&head, found.iter().map(row).collect());
    if found.len() as u64 == args.limit {
        output.line("there may be more: --limit, --filter");
    }
}

pub(super) fn name_of(sync: &Value) -> String {
    syncs::display_name(&text(sync, "project"), &text(sync, "name"))
}

/// When a sync runs by itself.
fn every(sync: &StoredSync) -> String {
    in_words(sync.schedule.as_deref(), sync.sync_interval.map(i64::from))
}

/// A schedule, or an interval in seconds, in words.
pub(crate) fn in_words(schedule: Option<&str>, interval: Option<i64>) -> String {
    match (schedule, interval) {
        (Some(schedule), _) => schedule.to_owned(),
        (None, Some(seconds)) if seconds > 0 => format!("every {seconds} s"),
        (None, _) => "by hand".to_owned(),
    }
}

pub(super) fn state(sync: &Value) -> &'static str {
    match (sync["paused"] == true, sync["enabled"] == true) {
        (true, _) => "paused",
        (false, true) => "enabled",
        (false, false) => "disabled",
    }
}

async fn show(config: &Config, db: &DatabaseConnection, name: &str, output: &Output) -> Result<Exit, Fault> {
    let sync = syncs::find(db, name).await?;
    let revision = configs::revision(db, &config.caller(), sync.id, sync.revision).await.ok();
    let warnings = configs::validate_stored(db, &config.caller(), sync.id, Origin::CommandLine).await?;
    let whole = bare(whole(db, "", &sync, warnings).await?);
    let by = revision.map(|row| (row.by, words::date(row.at)));
    tell_one(&whole, by, output);
    Ok(Exit::Done)
}

/// Prints a sync with its document; `by` is who stored the document, and when.
pub(crate) fn tell_one(sync: &Value, by: Option<(String, String)>, output: &Output) {
    output.data(sync);
    output.line(format!(
        "# sync {}, id {}, {}, revision {}{}",
        name_of(sync),
        sync["id"],
        state(sync),
        sync["revision"],
        by.map(|(by, at)| format!(", stored by {by} at {at} UTC")).unwrap_or_default()
    ));
    output.verbatim(yaml::write(std::slice::from_ref(&sync["document"])).trim_end());
}

async fn diff(
    config: &Config,
    db: &DatabaseConnection,
    args: &SyncsDiffArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let sync = syncs::find(db, &args.name).await?;
    let (from, to, found) = configs::diff(db, &config.caller(), sync.id, args.from, args.to).await?;
    tell_diff(
        &json!({ "sync": sync.name, "project": sync.project, "from": from, "to": to, "differences": found }),
        output,
    );
    Ok(Exit::Done)
}

/// Prints what two revisions differ in.
pub(crate) fn tell_diff(diff: &Value, output: &Output) {
    output.data(diff);
    let (sync, from, to) = (sync_name(diff), &diff["from"], &diff["to"]);
    let found = entries(diff, "differences");
    if found.is_empty() {
        output.line(match from == to {
            true => format!("{sync} has one revision so far"),
            false => format!("the revisions {from} and {to} of {sync} are the same"),
        });
        return;
    }
    output.line(format!("{sync}, from revision {from} to {to}:"));
    tell(found, output);
}

/// Prints differences, a line each.
pub(crate) fn tell(found: &[Value], output: &Output) {
    for found in found {
        let (path, before, after) = (text(found, "path"), shown(&found["before"]), shown(&found["after"]));
        output.line(format!("  {path}: {before} -> {after}"));
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
    tell_export(&documents, output);
    Ok(Exit::Done)
}

/// Prints documents as YAML.
pub(crate) fn tell_export(documents: &[Value], output: &Output) {
    let text = yaml::write(documents);
    output.data(&json!({ "documents": documents }));
    output.verbatim(text.trim_end());
    if text.contains("***") {
        output.note("passwords are written as ***; applied where they come from, they stay as they are");
    }
}

async fn delete(
    config: &Config,
    db: &DatabaseConnection,
    args: &SyncsDeleteArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let sync = syncs::find(db, &args.name).await?;
    confirmed(&sync.to_string(), args)?;
    let queue = app::queue(config, db)?;
    configs::delete(db, &queue, &config.caller(), sync.id, None).await?;
    tell_deleted(sync.id, &sync.name, &sync.project, output);
    Ok(Exit::Done)
}

/// Without `--yes`, says what a delete does.
pub(crate) fn confirmed(sync: &str, args: &SyncsDeleteArgs) -> Result<(), Fault> {
    match args.yes {
        true => Ok(()),
        false => Err(Fault::usage(format!(
            "this deletes the sync {sync}: its waiting runs are cancelled, and it runs no more. Its links and history \
             stay until they are purged, and no platform is touched. Add --yes to delete it"
        ))),
    }
}

/// Prints that a sync is deleted.
pub(crate) fn tell_deleted(id: i64, name: &str, project: &str, output: &Output) {
    output.data(&json!({ "id": id, "name": name, "project": project, "deleted": true }));
    let sync = syncs::display_name(project, name);
    output.line(format!("deleted {sync}; `syncline purge` removes what is left of it when it is old enough"));
}
