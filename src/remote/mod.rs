//! Commands against a running server, over its API.
//!
//! Each function asks the API for what the command of the same name reads from the database, brings it into the shape of
//! that command's JSON, and has the command print it.

mod access;
mod client;
mod conflicts;
mod dead;
mod events;
mod jobs;
mod places;
mod refused;
mod runs;
mod syncs;

use crate::{
    cli::{AccountsAction, Command, StatsAction},
    commands::{stats as told_stats, top},
    config::RemoteConfig,
    fault::{Exit, Fault},
    output::Output,
};

pub(crate) use self::{
    client::Client,
    dead::groups,
    places::{queues_document, stats, workers_document},
    syncs::documents,
};

/// The commands that work against a server.
const COMMANDS: &str = "syncs, apply, plan NAME, sync, enqueue, jobs, dead, operations, queues, pause, resume, pauses, \
                        schedules, runs, conflicts, stats, workers, top, events, projects, tokens, audit";

/// Runs a command against a server.
pub(crate) async fn run(command: &Command, config: &RemoteConfig, output: &Output) -> Result<Exit, Fault> {
    works(command)?;
    let client = Client::new(config)?;
    let client = &client;
    match command {
        Command::Syncs(args) => syncs::run(client, args, output).await,
        Command::Apply(args) => syncs::apply(client, args, output).await,
        Command::Plan(args) => runs::plan(client, args, output).await,
        Command::Sync(args) => runs::sync(client, args, output).await,
        Command::Enqueue(args) => runs::enqueue(client, args, output).await,
        Command::Runs(args) => runs::run(client, args, output).await,
        Command::Jobs(args) => jobs::run(client, args, output).await,
        Command::Dead(args) => dead::run(client, args, output).await,
        Command::Operations(args) => dead::operations(client, args, output).await,
        Command::Queues(args) => places::queues(client, args, output).await,
        Command::Workers(args) => places::workers(client, args, output).await,
        Command::Pause(args) => places::pause(client, args, output).await,
        Command::Resume(args) => places::resume(client, args, output).await,
        Command::Pauses => places::pauses(client, output).await,
        Command::Schedules(args) => places::schedules(client, args, output).await,
        Command::Stats(args) => {
            let found = stats(client, args).await?;
            told_stats::show(&found, args.by, output);
            Ok(Exit::Done)
        }
        Command::Conflicts(args) => conflicts::run(client, args, output).await,
        Command::Events(args) => events::run(client, args, output).await,
        Command::Projects(args) => access::projects(client, args, output).await,
        Command::Tokens(args) => access::tokens(client, args, output).await,
        Command::Audit(args) => access::audit(client, args, output).await,
        Command::Top => top::run(&top::Source::Server(client.clone()), output).await,
        other => Err(not_yet(other.name())),
    }
}

/// Refuses the commands that do not work against a server.
fn works(command: &Command) -> Result<(), Fault> {
    let name = command.name();
    match command {
        Command::Up(_)
        | Command::Worker(_)
        | Command::Api(_)
        | Command::Migrate(_)
        | Command::Backup(_)
        | Command::MarkRestored(_)
        | Command::Restored(_)
        | Command::Purge(_)
        | Command::Verify(_)
        | Command::Demo(_)
        | Command::Simulator(_)
        | Command::Init(_)
        | Command::Validate(_)
        | Command::Config(_)
        | Command::Schema
        | Command::Openapi
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Version => Err(here_only(name)),
        Command::Stats(args) if matches!(args.action, Some(StatsAction::Rebuild(_))) => {
            Err(here_only("stats rebuild"))
        }
        Command::Accounts(args) if matches!(args.action, Some(AccountsAction::Key(_))) => {
            Err(here_only("accounts key"))
        }
        Command::Accounts(_) | Command::People(_) | Command::History(_) | Command::Discover(_) => {
            Err(not_yet(name))
        }
        _ => Ok(()),
    }
}

fn here_only(name: &str) -> Fault {
    Fault::usage(format!(
        "syncline {name} works on this machine and on its own database, not against a server; leave out --server, or unset \
         SYNCLINE_SERVER"
    ))
}

fn not_yet(name: &str) -> Fault {
    Fault::usage(format!(
        "syncline {name} does not work against a server yet; run it where the database is, without --server. These do: \
         {COMMANDS}"
    ))
}

/// The parts of a sync's name as commands take it: the project's key and the name.
fn parts(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("default", name))
}

/// The project and the name of an optional sync, as parameters of a query.
fn sync_query(name: Option<&str>) -> [(&'static str, Option<String>); 2] {
    let parts = name.map(parts);
    [
        ("sync", parts.map(|(_, name)| name.to_owned())),
        ("project", parts.map(|(project, _)| project.to_owned())),
    ]
}
