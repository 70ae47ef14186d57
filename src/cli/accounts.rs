//! Arguments of `accounts` and `discover`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct AccountsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<AccountsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountsAction {
    /// Add an account
    ///
    /// Without --secret the secret is asked for on the terminal, or read from standard input, and stored encrypted with the
    /// key in SYNCLINE_SECRET_KEY.
    Add(AccountsAddArgs),
    /// List the accounts
    List,
    /// Show an account, where its secret is, and the syncs that use it
    Show(AccountArgs),
    /// Log in, and say who the account is, what it may do, and what is left of its limits
    Check(AccountArgs),
    /// Remove an account that no sync uses
    Remove(AccountArgs),
    /// Give an account another secret, or encrypt all of them with the present key
    Rotate(AccountsRotateArgs),
    /// Say whether an account keeps the limits of its platform
    ///
    /// A server of your own may limit nothing, as GitHub Enterprise Server does unless somebody enables its limits. With
    /// `off` the account is called as fast as the server answers.
    Limits(AccountsLimitsArgs),
    /// Keep the syncs of an account from starting runs
    Pause(AccountsPauseArgs),
    /// End the pause of an account
    Resume(AccountArgs),
    /// Make a key for SYNCLINE_SECRET_KEY
    Key(AccountsKeyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AccountArgs {
    /// The account; `PROJECT/NAME` outside the default project
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// Where the secret is kept: env:NAME, file:/PATH or vault:MOUNT/PATH#KEY [default: it is read from standard input]
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) secret: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AccountsAddArgs {
    /// The name in documents; `PROJECT/NAME` outside the default project
    pub(crate) name: String,
    /// The platform
    #[arg(long)]
    pub(crate) platform: String,
    /// The address of a self-hosted edition, or of a stand-in [default: the platform's own]
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Whether the account keeps the limits of the platform; off for a server of your own that limits nothing
    #[arg(long, value_enum, default_value_t = Switch::On)]
    pub(crate) limits: Switch,
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

#[derive(Debug, Args)]
pub(crate) struct AccountsLimitsArgs {
    /// The account; `PROJECT/NAME` outside the default project
    pub(crate) name: String,
    /// Whether it keeps the limits of the platform
    #[arg(value_enum)]
    pub(crate) limits: Switch,
}

#[derive(Debug, Args)]
pub(crate) struct AccountsRotateArgs {
    /// The account; `PROJECT/NAME` outside the default project
    #[arg(required_unless_present = "all")]
    pub(crate) name: Option<String>,
    /// Encrypt the secrets of all accounts with the key in SYNCLINE_SECRET_KEY; the one that they are encrypted with is in
    /// SYNCLINE_SECRET_KEY_PREVIOUS
    #[arg(long, conflicts_with_all = ["name", "secret"])]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AccountsPauseArgs {
    /// The account; `PROJECT/NAME` outside the default project
    pub(crate) name: String,
    /// Why, for those who look at the pauses
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AccountsKeyArgs {
    /// Write the key into this new file, which only its owner may read, instead of printing it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DiscoverArgs {
    /// The account; `PROJECT/NAME` outside the default project
    pub(crate) account: String,
    /// A place of the account, as the list without it names them
    pub(crate) place: Option<String>,
}
