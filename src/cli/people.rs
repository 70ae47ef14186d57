//! Arguments of `people`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct PeopleArgs {
    /// The project of the people
    #[arg(long, global = true, default_value = "default")]
    pub(crate) project: String,
    #[command(subcommand)]
    pub(crate) action: Option<PeopleAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PeopleAction {
    /// List the people, what each account calls them, and how they were matched
    List,
    /// Ask an account for the people of a place, and match them with those who are known
    ///
    /// Identities are matched by e-mail address, then by a name that only one person has. Those mapped by hand are kept.
    Sync(PeopleSyncArgs),
    /// Say that two identities are one person
    ///
    /// An identity is ACCOUNT:LOGIN, or a text as it stands in files and tables; one with a colon is written with `text:`
    /// before it.
    Map(PeopleMapArgs),
    /// Take an identity out of its person; it is not matched again by itself
    Unmap(PeopleUnmapArgs),
    /// Map the people of a YAML or CSV file, as `export` writes it: all, or none
    Import(PeopleImportArgs),
    /// Write the people as YAML or CSV
    Export(PeopleExportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PeopleSyncArgs {
    /// The account, without its project
    pub(crate) account: String,
    /// A place of the account, as `syncline discover ACCOUNT` names it
    pub(crate) place: String,
}

#[derive(Debug, Args)]
pub(crate) struct PeopleMapArgs {
    /// An identity of the person
    pub(crate) person: String,
    /// The identity that becomes theirs as well
    pub(crate) identity: String,
}

#[derive(Debug, Args)]
pub(crate) struct PeopleUnmapArgs {
    /// The identity
    pub(crate) identity: String,
}

#[derive(Debug, Args)]
pub(crate) struct PeopleImportArgs {
    /// The file; - for standard input
    pub(crate) file: PathBuf,
    /// The form of the file [default: csv if its name ends with .csv, else yaml]
    #[arg(long, value_enum)]
    pub(crate) format: Option<PeopleFormat>,
}

/// The form of a file of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PeopleFormat {
    Yaml,
    /// A row a person, with a column for each account.
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct PeopleExportArgs {
    /// Write into this file instead of printing it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The form of the file [default: csv if its name ends with .csv, else yaml]
    #[arg(long, value_enum)]
    pub(crate) format: Option<PeopleFormat>,
}
