//! What a scope names outside of Syncline.

use std::path::PathBuf;

/// Something outside of Syncline that a scope names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The key of the scope that names it.
    pub key: &'static str,
    pub what: Outside,
}

/// A file, variable or server. Contains no password, but text that was meant to be something else may stand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outside {
    /// A file, as its driver opens it; the path may be relative.
    File(PathBuf),
    /// An environment variable, or the file that the variable with `_FILE` at its end names. The operator has set either,
    /// so nothing that the content names is listed.
    Variable(String),
    /// A server in the network, as its driver calls it.
    Host {
        /// A name or an address; an IPv6 address may stand in brackets.
        host: String,
        port: u16,
    },
    /// A server without a host of its own: a Unix socket, or the one that the machine's settings name.
    Local,
}

impl Named {
    pub(crate) fn new(key: &'static str, what: Outside) -> Named {
        Named { key, what }
    }
}
