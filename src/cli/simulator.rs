//! Arguments of `simulator`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, ValueEnum};

use super::environment;

#[derive(Debug, Args)]
pub(crate) struct SimulatorArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:8090", value_parser = environment::listen)]
    pub(crate) listen: SocketAddr,
    /// Whether rate limits are enforced
    #[arg(long, value_enum, default_value_t = LimitsChoice::Real)]
    pub(crate) limits: LimitsChoice,
    /// Issues in each repository and project of the example
    #[arg(long, default_value_t = 25, value_name = "COUNT")]
    pub(crate) items: u32,
    /// Append every request and its response to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// What the example's content is derived from; the same number makes the same content
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Whether rate limits are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LimitsChoice {
    /// As the platform does.
    Real,
    /// Never, as on a server whose limits are disabled.
    Off,
}
