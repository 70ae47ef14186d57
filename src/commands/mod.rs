//! A file per command.

mod about;
mod apply;
mod backup;
mod changes;
mod config;
mod conflicts;
mod dead;
mod demo;
mod enqueue;
mod history;
mod init;
mod jobs;
mod migrate;
mod pauses;
mod plan;
mod purge;
mod queues;
pub(crate) mod restored;
mod runs;
mod schedules;
mod serve;
mod stats;
mod sync;
mod validate;
mod verify;
mod workers;

use crate::{
    cli::{Cli, Command, RestoredArgs},
    fault::{Exit, Fault},
    output::Output,
    settings,
};

/// Runs the command asked for.
pub(crate) async fn run(cli: Cli, output: &Output) -> Result<Exit, Fault> {
    settings::be(cli.command.name());
    settings::set_queue(&cli.queue)?;
    let url = settings::database_url(cli.database_url)?;
    let url = url.as_str();
    match cli.command {
        Command::Demo(args) => demo::run(&args, output).await,
        Command::Up(args) => serve::up(url, &args).await,
        Command::Worker(args) => serve::worker(url, &args).await,
        Command::Api(args) => serve::api(url, &args).await,
        Command::Migrate(args) => migrate::run(url, &args, output).await,
        Command::Backup(args) => backup::run(url, &args, output).await,
        Command::MarkRestored(args) => restored::run(url, &args, output).await,
        Command::Restored(_) => restored::run(url, &RestoredArgs { show: true, yes: false }, output).await,
        Command::Init(args) => init::run(&args, output).await,
        Command::Schema => about::schema(),
        Command::Config(_) => config::run(output),
        Command::Completions(args) => about::completions(&args),
        Command::Man(args) => about::man(&args),
        Command::Version => Ok(about::version(output)),
        Command::Apply(args) => apply::run(url, &args, output).await,
        Command::Validate(args) => validate::run(&args, output),
        Command::Plan(args) => plan::run(url, &args, output).await,
        Command::Sync(args) => sync::run(url, &args, output).await,
        Command::Enqueue(args) => enqueue::run(url, &args, output).await,
        Command::Jobs(args) => jobs::run(url, &args, output).await,
        Command::Dead(args) => dead::run(url, &args, output).await,
        Command::Queues => queues::run(url, output).await,
        Command::Pause(args) => pauses::pause(url, &args, output).await,
        Command::Resume(args) => pauses::resume(url, &args, output).await,
        Command::Pauses => pauses::list(url, output).await,
        Command::Schedules => schedules::run(url, output).await,
        Command::Runs(args) => runs::run(url, &args, output).await,
        Command::History(args) => history::run(url, &args, output).await,
        Command::Conflicts(args) => conflicts::run(url, &args, output).await,
        Command::Purge(args) => purge::run(url, &args, output).await,
        Command::Stats(args) => stats::run(url, &args, output).await,
        Command::Verify(args) => verify::run(url, &args, output).await,
        Command::Workers => workers::run(url, output).await,
    }
}
