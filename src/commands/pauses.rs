//! `syncline pause`, `resume` and `pauses`: what must not run until a person says so.

use sea_orm::{DatabaseConnection, EntityTrait};
use serde_json::json;
use syncline_connectors::{no_platform, platform};
use syncline_engine::nearest::alternatives;
use syncline_entity::account;
use syncline_queue::outbox::pause::{self, NewPause, Paused, Subject};

use super::queues;
use crate::{
    app,
    cli::{PauseArgs, ScopeArg, SubjectArgs},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    syncs,
};

/// Begins a pause.
pub(crate) async fn pause(config: &Config, args: &PauseArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let (subject, project_id) = subject(&db, &args.subject).await?;
    if let Subject::Queue(name) = &subject {
        let known = queues::known(&db).await?;
        if !known.contains(name) {
            let queues = alternatives(name, known.iter().map(String::as_str), "queues with workers are");
            return Err(Fault::usage(format!("there is no queue {name:?}; {queues}")));
        }
    }
    let new = NewPause { subject, project_id, reason: args.reason.clone(), by: config.person.shown() };
    let begun = pause::pause(&db, &app::queue(config, &db)?, &new).await?;
    let what = shown(&args.subject);
    output.data(&json!({ "subject": what, "paused": true, "changed": begun }));
    output.line(if begun {
        format!(
            "{what} is paused; what runs goes on, and nothing more begins. `syncline resume {what}` ends it"
        )
    } else {
        format!("{what} was paused already")
    });
    Ok(Exit::Done)
}

/// Ends a pause.
pub(crate) async fn resume(config: &Config, args: &SubjectArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let (subject, _) = subject(&db, args).await?;
    let ended = pause::resume(&db, &app::queue(config, &db)?, &subject).await?;
    let what = shown(args);
    output.data(&json!({ "subject": what, "paused": false, "changed": ended }));
    output.line(if ended { format!("{what} goes on") } else { format!("{what} was not paused") });
    Ok(Exit::Done)
}

/// Lists pauses.
pub(crate) async fn list(config: &Config, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let pauses = pause::list(&db).await?;
    let syncs = syncs::all(&db).await?;
    let accounts = account::Entity::find().all(&db).await?;
    let name = |paused: &Paused| match &paused.subject {
        Subject::Sync(id) => syncs.get(id).map_or_else(|| id.to_string(), ToString::to_string),
        Subject::Account(id) => {
            let found = accounts.iter().find(|account| account.id == *id);
            found.map_or_else(|| id.to_string(), |account| account.name.clone())
        }
        Subject::Queue(name) | Subject::Platform(name) => name.clone(),
    };
    let json = pauses.iter().map(|paused| {
        json!({
            "scope": paused.subject.scope(), "name": name(paused), "reason": paused.reason, "by": paused.by,
            "at": paused.at,
        })
    });
    output.data(&json!({ "pauses": json.collect::<Vec<_>>() }));
    if pauses.is_empty() {
        output.line("nothing is paused");
        return Ok(Exit::Done);
    }
    let line = |paused: &Paused| {
        vec![
            paused.subject.scope().to_string(),
            name(paused),
            paused.at.format("%Y-%m-%d %H:%M:%S").to_string(),
            paused.by.clone(),
            paused.reason.clone().unwrap_or_default(),
        ]
    };
    output.table(&["scope", "name", "since (UTC)", "paused by", "reason"], pauses.iter().map(line).collect());
    Ok(Exit::Done)
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
    Ok(match args.scope {
        ScopeArg::Queue => (Subject::Queue(args.name.clone()), None),
        ScopeArg::Sync => {
            let config = syncs::find(db, &args.name).await?;
            (Subject::Sync(config.id), Some(config.project_id))
        }
        ScopeArg::Platform => {
            let found = platform(&args.name).ok_or_else(|| Fault::usage(no_platform(&args.name)))?;
            (Subject::Platform(found.name().to_owned()), None)
        }
        ScopeArg::Account => {
            let accounts = account::Entity::find().all(db).await?;
            let known = accounts.iter().map(|account| account.name.as_str());
            let none = if accounts.is_empty() {
                "no account is known yet".to_owned()
            } else {
                alternatives(&args.name, known, "the accounts are")
            };
            let found = accounts.iter().find(|account| account.name == args.name);
            let found =
                found.ok_or_else(|| Fault::usage(format!("there is no account {:?}; {none}", args.name)))?;
            (Subject::Account(found.id), Some(found.project_id))
        }
    })
}
