//! Arguments of the servers with the API.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use super::environment;

/// How a server is reached.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Another address for health and metrics, which need no token there, such as 0.0.0.0:9090 [default: none]
    #[arg(long, env = "SYNCLINE_OPS_ADDR", value_name = "ADDRESS", value_parser = environment::listen)]
    pub(crate) ops_listen: Option<SocketAddr>,
    /// Certificate of the API in PEM, with those that sign it [default: no TLS]
    #[arg(long, env = "SYNCLINE_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key in PEM
    #[arg(long, env = "SYNCLINE_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
}
