//! Arguments of the servers that take requests.

use clap::Args;

/// What sync documents over HTTP may name. As text: an entry may turn out to be a password, which clap would print.
#[derive(Debug, Args)]
pub(crate) struct AllowArgs {
    /// Folders whose files sync documents over HTTP may name, with commas between them [default: none]
    #[arg(long, env = "SYNCLINE_ALLOW_PATHS", value_name = "FOLDERS")]
    pub(crate) allow_paths: Option<String>,
    /// Environment variables that sync documents over HTTP may name: NAME, or NAME* for all that begin so [default: none]
    #[arg(long, env = "SYNCLINE_ALLOW_VARIABLES", value_name = "NAMES")]
    pub(crate) allow_variables: Option<String>,
    /// Hosts that sync documents over HTTP may name: HOST, or HOST:PORT [default: none]
    #[arg(long, env = "SYNCLINE_ALLOW_HOSTS", value_name = "HOSTS")]
    pub(crate) allow_hosts: Option<String>,
    /// Secrets of Vault that accounts over HTTP may name: MOUNT/PATH, or MOUNT/PATH* for all that begin so [default: none]
    #[arg(long, env = "SYNCLINE_ALLOW_VAULT", value_name = "SECRETS")]
    pub(crate) allow_vault: Option<String>,
}
