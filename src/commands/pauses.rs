//! `syncline pause`, `resume` and `pauses`: stops and restarts queues, syncs, accounts and platforms.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::pauses::views;
use syncline_entity::types::PauseScope;
use syncline_runs::pause::Subject;
use syncline_service::{pauses, syncs::display_name};

use crate::{
    app,
    cli::{PauseArgs, ScopeArg, SubjectArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list as list_of, moment, text},
    words::date,
};

/// Begins a pause.
pub(crate) async fn pause(config: &Config, args: &PauseArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let subject = subject(&db, &args.subject).await?;
    let (queue, caller) = (app::queue(config, &db)?, config.caller());
    let begun = pauses::pause(&db, &queue, &caller, subject, args.reason.clone()).await?;
    tell_paused(&args.subject, begun, output);
    Ok(Exit::Done)
}

/// Prints that something is paused.
pub(crate) fn tell_paused(subject: &SubjectArgs, begun: bool, output: &Output) {
    let what = shown(subject);
    output.data(&json!({ "subject": what, "paused": true, "changed": begun }));
    output.line(if begun {
        format!(
            "{what} is paused; what runs goes on, and nothing more begins. `syncline resume {what}` ends it"
        )
    } else {
        format!("{what} was paused already")
    });
}

/// Ends a pause.
pub(crate) async fn resume(config: &Config, args: &SubjectArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let subject = subject(&db, args).await?;
    let ended = pauses::resume(&db, &app::queue(config, &db)?, &config.caller(), subject).await?;
    tell_resumed(args, ended, output);
    Ok(Exit::Done)
}

/// Prints that something is no longer paused.
pub(crate) fn tell_resumed(subject: &SubjectArgs, ended: bool, output: &Output) {
    let what = shown(subject);
    output.data(&json!({ "subject": what, "paused": false, "changed": ended }));
    output.line(if ended { format!("{what} goes on") } else { format!("{what} was not paused") });
}

/// Lists pauses.
pub(crate) async fn list(config: &Config, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    tell(&json!({ "pauses": views(&db, &config.caller()).await? }), output);
    Ok(Exit::Done)
}

/// Prints pauses.
pub(crate) fn tell(document: &Value, output: &Output) {
    output.data(document);
    let pauses = list_of(document, "pauses");
    if pauses.is_empty() {
        output.line("nothing is paused");
        return;
    }
    let name = |paused: &Value| match (paused["name"].as_str(), paused["project"].as_str()) {
        (Some(name), Some(project)) if paused["scope"] == "sync" => display_name(project, name),
        (Some(name), _) => name.to_owned(),
        (None, _) => text(paused, "subject"),
    };
    let line = |paused: &Value| {
        vec![
            text(paused, "scope"),
            name(paused),
            moment(paused, "at").map(date).unwrap_or_default(),
            text(paused, "by"),
            text(paused, "reason"),
        ]
    };
    output.table(&["scope", "name", "since (UTC)", "paused by", "reason"], pauses.iter().map(line).collect());
}

fn shown(args: &SubjectArgs) -> String {
    let scope = match args.scope {
        ScopeArg::Queue => "queue",
        ScopeArg::Sync => "sync",
        ScopeArg::Account => "account",
        ScopeArg::Platform => "platform",
    };
    format!("{scope} {}", args.name)
}

async fn subject(db: &DatabaseConnection, args: &SubjectArgs) -> Result<(Subject, Option<i64>), Fault> {
    let scope = match args.scope {
        ScopeArg::Queue => PauseScope::Queue,
        ScopeArg::Sync => PauseScope::Sync,
        ScopeArg::Account => PauseScope::Account,
        ScopeArg::Platform => PauseScope::Platform,
    };
    Ok(pauses::subject(db, scope, &args.name).await?)
}
