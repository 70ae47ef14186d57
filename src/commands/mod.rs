//! One file per command.

mod about;
pub(crate) mod accounts;
pub(crate) mod apply;
pub(crate) mod audit;
mod backup;
pub(crate) mod changes;
mod config;
mod confirm;
pub(crate) mod conflicts;
pub(crate) mod dead;
mod demo;
pub(crate) mod discover;
pub(crate) mod enqueue;
pub(crate) mod events;
pub(crate) mod history;
mod init;
pub(crate) mod jobs;
mod migrate;
pub(crate) mod operations;
pub(crate) mod pauses;
pub(crate) mod people;
pub(crate) mod plan;
pub(crate) mod projects;
mod purge;
pub(crate) mod queues;
pub(crate) mod restored;
pub(crate) mod runs;
pub(crate) mod schedules;
mod serve;
mod simulator;
pub(crate) mod stats;
pub(crate) mod sync;
pub(crate) mod syncs;
pub(crate) mod tokens;
pub(crate) mod top;
mod validate;
mod verify;
mod watch;
pub(crate) mod workers;

use crate::{
    cli::{AccountsAction, AccountsArgs, Cli, Command, RestoredArgs},
    config::{self as settings, Config, Reader, RemoteConfig, ServerConfig},
    fault::{Exit, Fault},
    output::Output,
    remote,
};

/// Runs the command of the command line, with `--watch` again and again.
pub(crate) async fn run(cli: &Cli, reader: Reader<'_>, output: &Output) -> Result<Exit, Fault> {
    match cli.command.watch() {
        Some(every) => watch::run(every, output, async || once(cli, reader.anew(), output).await).await,
        None => once(cli, reader, output).await,
    }
}

async fn once(cli: &Cli, mut reader: Reader<'_>, output: &Output) -> Result<Exit, Fault> {
    if let Some(config) = RemoteConfig::read(cli, &mut reader)? {
        return remote::run(&cli.command, &config, output).await;
    }
    match &cli.command {
        Command::Init(args) => init::run(args, || Config::read(cli, &mut reader), output).await,
        Command::Accounts(AccountsArgs { action: Some(AccountsAction::Key(args)) }) => {
            accounts::key(args, output)
        }
        Command::Schema => about::schema(),
        Command::Openapi => about::openapi(),
        Command::Config(args) => config::run(&settings::all(cli, args, reader)?, output),
        Command::Completions(args) => about::completions(args),
        Command::Man(args) => about::man(args),
        Command::Version => Ok(about::version(output)),
        Command::Validate(args) => validate::run(args, || Config::read(cli, &mut reader), output).await,
        Command::Simulator(args) => simulator::run(args, output).await,
        Command::Demo(args) => {
            let config = Config::of_demo(&cli.queue, &mut reader)?;
            let queue = config.queue.clone();
            demo::run(config, args, output).await.map_err(|fault| fault.placed(&queue))
        }
        command => {
            let config = Config::read(cli, &mut reader)?;
            let done = on_database(command, &config, reader, output).await;
            done.map_err(|fault| fault.placed(&config.queue))
        }
    }
}

/// Runs a command that uses Syncline's database.
async fn on_database(
    command: &Command,
    config: &Config,
    mut reader: Reader<'_>,
    output: &Output,
) -> Result<Exit, Fault> {
    match command {
        Command::Up(args) => serve::run(config, &ServerConfig::up(args, &mut reader)?).await,
        Command::Worker(args) => serve::run(config, &ServerConfig::worker(args, &mut reader)?).await,
        Command::Api(args) => serve::run(config, &ServerConfig::api(args, &mut reader)?).await,
        Command::Tokens(args) => tokens::run(config, args, output).await,
        Command::Audit(args) => audit::run(config, args, output).await,
        Command::Events(args) => events::run(config, args, output).await,
        Command::Migrate(args) => migrate::run(config, args, output).await,
        Command::Backup(args) => backup::run(config, args, output).await,
        Command::MarkRestored(args) => restored::run(config, args, output).await,
        Command::Restored(_) => restored::run(config, &RestoredArgs { show: true, yes: false }, output).await,
        Command::People(args) => people::run(config, args, output).await,
        Command::Discover(args) => discover::run(config, args, output).await,
        Command::Accounts(args) => accounts::run(config, args, output).await,
        Command::Apply(args) => apply::run(config, args, output).await,
        Command::Syncs(args) => syncs::run(config, args, output).await,
        Command::Plan(args) => plan::run(config, args, output).await,
        Command::Sync(args) => sync::run(config, args, output).await,
        Command::Enqueue(args) => enqueue::run(config, args, output).await,
        Command::Jobs(args) => jobs::run(config, args, output).await,
        Command::Dead(args) => dead::run(config, args, output).await,
        Command::Operations(args) => operations::run(config, args, output).await,
        Command::Projects(args) => projects::run(config, args, output).await,
        Command::Queues(args) => queues::run(config, args, output).await,
        Command::Pause(args) => pauses::pause(config, args, output).await,
        Command::Resume(args) => pauses::resume(config, args, output).await,
        Command::Pauses => pauses::list(config, output).await,
        Command::Schedules(args) => schedules::run(config, args, output).await,
        Command::Runs(args) => runs::run(config, args, output).await,
        Command::History(args) => history::run(config, args, output).await,
        Command::Conflicts(args) => conflicts::run(config, args, output).await,
        Command::Purge(args) => {
            let retention = settings::retention(&args.keep, &mut reader)?;
            purge::run(config, &retention, args, output).await
        }
        Command::Stats(args) => stats::run(config, args, output).await,
        Command::Verify(args) => verify::run(config, args, output).await,
        Command::Workers(args) => workers::run(config, args, output).await,
        Command::Top => top::on_database(config, output).await,
        // These need no database; `run` has handled them.
        Command::Demo(_)
        | Command::Simulator(_)
        | Command::Init(_)
        | Command::Schema
        | Command::Openapi
        | Command::Config(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Version
        | Command::Validate(_) => Ok(Exit::Done),
    }
}
