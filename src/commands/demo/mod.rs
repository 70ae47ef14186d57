//! `syncline demo`: a first look that needs nothing, by the same code as in production.

mod files;
mod issues;
mod words;

use crate::{
    cli::{DemoAction, DemoArgs},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
};

/// Shows a project and a repository of simulated platforms, or a file and a table.
pub(crate) async fn run(config: Config, args: &DemoArgs, output: &Output) -> Result<Exit, Fault> {
    match &args.action {
        Some(DemoAction::Files(args)) => files::run(config, args, output).await,
        None => issues::run(config, args.exit, output).await,
    }
}

/// The name under which the shell found this program.
fn program() -> String {
    let called = std::env::args().next().filter(|name| !name.contains('/'));
    let path = || std::env::current_exe().ok().map(|path| path.display().to_string());
    called.or_else(path).unwrap_or_else(|| "syncline".to_owned())
}
