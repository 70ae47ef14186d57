//! Arguments of `tokens`, `audit` and `events`.

use std::time::Duration;

use clap::{Args, Subcommand};
use syncline_service::Scope;

use super::queue::age;

#[derive(Debug, Args)]
pub(crate) struct TokensArgs {
    #[command(subcommand)]
    pub(crate) action: Option<TokensAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensAction {
    /// List the tokens; their texts are not stored
    List,
    /// Make a token and show it, once
    Create(TokensCreateArgs),
    /// End a token at once
    Revoke(TokensRevokeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct TokensCreateArgs {
    /// A name for people, which the audit log has
    pub(crate) name: String,
    /// What it may do, with commas between: read, data:read (the values of fields), enqueue, operate (pause, cancel,
    /// replay, resolve), admin (everything)
    #[arg(long, value_delimiter = ',', default_value = "read", value_parser = str::parse::<Scope>)]
    pub(crate) scope: Vec<Scope>,
    /// The only project it sees [default: all]
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// How long it is valid, such as 90d [default: for good]
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) expires: Option<Duration>,
    /// A word in the token that tells people where it belongs
    #[arg(long, value_name = "WORD", default_value = "live")]
    pub(crate) environment: String,
}

#[derive(Debug, Args)]
pub(crate) struct TokensRevokeArgs {
    /// Its number in the list
    pub(crate) id: i64,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Only what this person or token did, as the list shows them
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Only this action, such as account.rotate
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Only changes of this kind of subject, such as account
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only changes of the subject with this id
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Rows shown, the latest first
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) limit: u64,
    /// Go on after the row with this number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) after: Option<i64>,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Only events of this room, such as sync:4 or project:default
    #[arg(long = "room", value_name = "ROOM")]
    pub(crate) rooms: Vec<String>,
    /// Only events of this type, such as run.completed or run.*
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Go on after the event with this position
    #[arg(long, value_name = "POSITION")]
    pub(crate) after: Option<i64>,
    /// Positions looked at, the latest ones
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    pub(crate) limit: i64,
    /// Wait for more events until it is interrupted
    #[arg(long)]
    pub(crate) follow: bool,
}
