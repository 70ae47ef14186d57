//! The commands that work on this machine or its database only, with the reason and what to do instead.

use crate::{
    cli::{AccountsAction, Command, StatsAction},
    fault::Fault,
};

/// The fault for a command that does not work against a server; none if it does.
pub(super) fn only(command: &Command) -> Option<Fault> {
    let mut name = command.name();
    let (why, instead) = match command {
        Command::Up(_) | Command::Worker(_) | Command::Api(_) => {
            ("it is a server itself", "name its database with --database-url")
        }
        Command::Migrate(_) => {
            ("it changes the schema of a database", "run it where the database is, before the servers start")
        }
        Command::Backup(_) => ("it copies the database into a file", "run it where the database is"),
        Command::MarkRestored(_) | Command::Restored(_) => {
            ("it is about the database that was restored", "run it where the database is")
        }
        Command::Purge(_) => (
            "it removes rows of the database for good",
            "the server's workers do that once a day by their own settings (SYNCLINE_KEEP_RUNS and the like); by hand, run it \
             where the database is",
        ),
        Command::Verify(_) => {
            ("it reads the whole audit trail of the database", "run it where the database is")
        }
        Command::Stats(args) if matches!(args.action, Some(StatsAction::Rebuild(_))) => {
            name = "stats rebuild";
            ("it counts the whole history of the database anew", "run it where the database is")
        }
        Command::Accounts(args) => match &args.action {
            Some(AccountsAction::Key(_)) => {
                name = "accounts key";
                ("the key that it makes must never travel", "run it where the server gets its settings")
            }
            Some(AccountsAction::Rotate(args)) if args.all => {
                name = "accounts rotate --all";
                (
                    "it needs the new and the former key",
                    "run it where the database, SYNCLINE_SECRET_KEY and SYNCLINE_SECRET_KEY_PREVIOUS are",
                )
            }
            _ => return None,
        },
        Command::Init(_) => (
            "it looks at files and databases from here",
            "write the document here, and store it with `syncline apply FILE`, which takes --server",
        ),
        Command::Validate(_) => (
            "it checks files by the rules of this version",
            "`syncline apply --dry-run FILE` has the server check them, which takes --server",
        ),
        Command::Demo(_) | Command::Simulator(_) => {
            ("it starts its own servers, which forget everything at the end", "start it without a server")
        }
        Command::Config(_) => {
            ("it shows the settings of this process", "run it where the server runs, with its environment")
        }
        Command::Openapi => {
            ("it prints what this version has", "GET /openapi.json of the server has the server's own")
        }
        Command::Schema | Command::Completions(_) | Command::Man(_) | Command::Version => {
            ("it prints what this version has and asks nobody", "run it as it is")
        }
        _ => return None,
    };
    Some(Fault::usage(format!(
        "syncline {name} works on this machine and not against a server, because {why}; {instead}. Leave out --server, or unset \
         SYNCLINE_SERVER"
    )))
}
