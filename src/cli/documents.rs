//! Arguments of the commands that read documents.

use std::path::PathBuf;

use clap::Args;

use super::MakeArgs;

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) make: MakeArgs,
    /// Only say what would change, and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    pub(crate) files: FileArgs,
    /// Open both places, too, and check mapped fields and values against what is there
    #[arg(long)]
    pub(crate) online: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// YAML files, or folders of them; `-` reads standard input
    #[arg(value_name = "FILE", required_unless_present = "files")]
    paths: Vec<PathBuf>,
    /// Another way to name a file; may be given several times
    #[arg(short, long = "file", value_name = "FILE", num_args = 1..)]
    files: Vec<PathBuf>,
}

impl FileArgs {
    /// The files of both forms.
    pub(crate) fn all(&self) -> Vec<PathBuf> {
        [&*self.paths, &*self.files].concat()
    }
}
