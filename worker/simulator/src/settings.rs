//! Settings of a simulator: those at the start, and those that can be changed while it runs.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Whether limits are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limits {
    /// As the platforms enforce them.
    Real,
    /// Not enforced, as on a server whose limits are disabled: no response mentions a limit.
    #[default]
    Off,
}

/// How a simulator starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on; port 0 chooses a free one.
    pub listen: SocketAddr,
    /// Whether limits are enforced. The control API changes it later.
    pub limits: Limits,
    /// The seed of generated content and ids.
    pub seed: u64,
    /// A file to which every request and its response are appended, one JSON object per line.
    pub log: Option<PathBuf>,
}

impl Default for Settings {
    /// Returns a free port of this machine, no limits, no file.
    fn default() -> Settings {
        Settings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), limits: Limits::Off, seed: 1, log: None }
    }
}

/// The settings of all platforms that the control API can change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Common {
    pub(crate) limits: Limits,
    /// Milliseconds before each response of a platform.
    pub(crate) latency_ms: u64,
    /// Keep response bodies in the log in memory.
    pub(crate) log_responses: bool,
}
