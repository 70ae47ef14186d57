//! Settings of a simulator: those of the start, and those that may be changed while it runs.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Whether limits are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limits {
    /// As the platforms enforce them.
    Real,
    /// Never, as on a server whose limits are disabled: no response tells of a limit.
    #[default]
    Off,
}

/// How a simulator starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Whether limits are enforced. The control API changes it later.
    pub limits: Limits,
    /// What generated content and ids are derived from.
    pub seed: u64,
    /// A file to which every request and its response are appended, one JSON object a line.
    pub log: Option<PathBuf>,
}

impl Default for Settings {
    /// Any free port of this machine, no limits, no file.
    fn default() -> Settings {
        Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), limits: Limits::Off, seed: 1, log: None }
    }
}

/// What the control API changes for all platforms.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Common {
    pub(crate) limits: Limits,
    /// Milliseconds before each response of a platform.
    pub(crate) latency_ms: u64,
    /// Keep response bodies in the log in memory.
    pub(crate) log_responses: bool,
}
