//! Commands against a running server, over its API.
//!
//! Each function asks the API for what the command of the same name reads from the database, brings it into the shape of
//! that command's JSON, and has the command print it.

mod access;
mod accounts;
mod begin;
mod client;
mod conflicts;
mod dead;
mod discover;
mod events;
mod here;
mod history;
mod jobs;
mod people;
mod places;
mod refused;
mod runs;
mod syncs;

use crate::{
    cli::Command,
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

/// Runs a command against a server.
pub(crate) async fn run(command: &Command, config: &RemoteConfig, output: &Output) -> Result<Exit, Fault> {
    if let Some(here) = here::only(command) {
        return Err(here);
    }
    let client = Client::new(config)?;
    let client = &client;
    match command {
        Command::Syncs(args) => syncs::run(client, args, output).await,
        Command::Apply(args) => syncs::apply(client, args, output).await,
        Command::Plan(args) => begin::plan(client, args, output).await,
        Command::Sync(args) => begin::sync(client, args, output).await,
        Command::Enqueue(args) => begin::enqueue(client, args, output).await,
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
        Command::Accounts(args) => accounts::run(client, args, output).await,
        Command::Discover(args) => discover::run(client, args, output).await,
        Command::People(args) => people::run(client, args, output).await,
        Command::History(args) => history::run(client, args, output).await,
        Command::Top => top::run(&top::Source::Server(Box::new(client.clone())), output).await,
        other => Err(Fault::usage(format!("syncline {} does not work against a server", other.name()))),
    }
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
