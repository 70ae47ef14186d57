//! A server certificate for this machine, and its authority.

use std::{fs, path::PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use crate::tls::Authority;

/// The certificate files that servers with TLS share.
#[derive(Debug)]
pub(super) struct Certificate {
    files: TempDir,
}

impl Certificate {
    pub(super) fn new() -> Result<Certificate> {
        let files = tempfile::Builder::new().prefix("sl-redis-tls-").tempdir()?;
        let authority = Authority::new("An authority")?;
        // Nodes of a cluster and masters are addressed by IP.
        let [certificate, key] = authority.issue(&["localhost", "127.0.0.1"], "localhost")?;
        for (name, text) in [("root.pem", &authority.pem), ("server.pem", &certificate), ("server.key", &key)]
        {
            fs::write(files.path().join(name), text)?;
        }
        Ok(Certificate { files })
    }

    pub(super) fn authority(&self) -> PathBuf {
        self.files.path().join("root.pem")
    }

    /// Returns the options of a server with TLS on this port.
    pub(super) fn options(&self, port: u16) -> [(&'static str, String); 7] {
        let file = |name: &str| self.files.path().join(name).display().to_string();
        [
            ("tls-port", port.to_string()),
            ("tls-cert-file", file("server.pem")),
            ("tls-key-file", file("server.key")),
            ("tls-ca-cert-file", file("root.pem")),
            ("tls-auth-clients", "no".to_owned()),
            ("tls-replication", "yes".to_owned()),
            ("tls-cluster", "yes".to_owned()),
        ]
    }
}
