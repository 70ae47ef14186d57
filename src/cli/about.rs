//! Arguments of the commands about the program itself, and of `init`.

use std::path::PathBuf;

use clap::Args;

use super::UpArgs;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder instead: the pages that the one page names
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// The settings of the servers, so that `config` shows what they would use.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) servers: UpArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The source: a CSV file, a database's URL, env:NAME for a URL in an environment variable, or ACCOUNT/PLACE
    #[arg(required_unless_present = "from")]
    source: Option<String>,
    /// The target, in the same way
    #[arg(required_unless_present = "to")]
    target: Option<String>,
    /// Another way to name the source
    #[arg(long = "source", value_name = "PLACE", conflicts_with_all = ["source", "target"], requires = "to")]
    from: Option<String>,
    /// Another way to name the target
    #[arg(long = "target", value_name = "PLACE", conflicts_with_all = ["source", "target"], requires = "from")]
    to: Option<String>,
    /// The target's table, where it is a database
    #[arg(long, visible_alias = "target-table")]
    pub(crate) table: Option<String>,
    /// The source's table, where it is a database
    #[arg(long)]
    pub(crate) source_table: Option<String>,
    /// The column that identifies a row on both sides [default: a unique column called id or key]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) key: Option<String>,
    /// The name of the sync [default: the table's or the file's]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The file to write [default: NAME.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    pub(crate) force: bool,
}

impl InitArgs {
    /// The source of either form.
    pub(crate) fn source(&self) -> &str {
        self.from.as_deref().or(self.source.as_deref()).unwrap_or_default()
    }

    /// The target of either form.
    pub(crate) fn target(&self) -> &str {
        self.to.as_deref().or(self.target.as_deref()).unwrap_or_default()
    }
}
