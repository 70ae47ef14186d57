//! A server, its replica, and the sentinels that watch both.

use std::{fs, path::Path, sync::Arc};

use anyhow::Result;
use tempfile::TempDir;

use super::{Server, certificate::Certificate, free_port, tls, wait_for};

#[derive(Debug)]
pub struct Watched {
    /// The first server is the master at the start.
    pub servers: Vec<Server>,
    sentinels: Vec<Server>,
    _files: TempDir,
}

impl Watched {
    /// The master's name in the sentinels.
    pub const SERVICE: &str = "work";

    /// Starts all of them and waits until they know each other.
    pub fn start() -> Result<Watched> {
        Watched::begin(None)
    }

    /// As [`Watched::start`], with TLS.
    pub fn start_tls() -> Result<Watched> {
        Watched::begin(Some(Arc::new(Certificate::new()?)))
    }

    fn begin(certificate: Option<Arc<Certificate>>) -> Result<Watched> {
        let certificate = certificate.as_ref();
        let master = Server::start_with(certificate, &[])?;
        let of_master = ["--replicaof", "127.0.0.1", &master.open_port().to_string()];
        let replica = Server::start_with(certificate, &of_master)?;
        wait_for("a replica", || {
            Ok(replica.command(&["INFO", "replication"])?.contains("master_link_status:up"))
        })?;
        let files = tempfile::tempdir()?;
        let mut sentinels = Vec::new();
        for number in 0..3 {
            let file = files.path().join(format!("sentinel-{number}.conf"));
            let (name, port) = (Watched::SERVICE, master.open_port());
            // Sentinels write their state into this file.
            fs::write(
                &file,
                format!(
                    "sentinel monitor {name} 127.0.0.1 {port} 2\nsentinel down-after-milliseconds {name} 1000\n\
                     sentinel failover-timeout {name} 5000\n"
                ),
            )?;
            sentinels.push(Server::sentinel(&file, certificate)?);
        }
        for sentinel in &sentinels {
            wait_for("the sentinels", || {
                let told = sentinel.command(&["INFO", "sentinel"])?;
                Ok(told.contains("slaves=1") && told.contains("sentinels=3"))
            })?;
        }
        Ok(Watched { servers: vec![master, replica], sentinels, _files: files })
    }

    pub fn url(&self) -> String {
        let sentinels: Vec<_> =
            self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.open_port())).collect();
        let (sentinels, service) = (sentinels.join(","), Watched::SERVICE);
        match self.servers.first().and_then(Server::authority) {
            Some(authority) => format!("rediss+sentinel://{sentinels}/{service}?ca={}", authority.display()),
            None => format!("redis+sentinel://{sentinels}/{service}"),
        }
    }
}

impl Server {
    fn sentinel(file: &Path, certificate: Option<&Arc<Certificate>>) -> Result<Server> {
        let (folder, port) = (tempfile::Builder::new().prefix("sl-redis-").tempdir()?.keep(), free_port()?);
        let mut arguments = vec![file.display().to_string(), "--sentinel".to_owned()];
        let settings = [
            ["--bind", "127.0.0.1"],
            ["--port", &port.to_string()],
            ["--dir", &folder.display().to_string()],
        ];
        arguments.extend(settings.into_iter().flatten().map(str::to_owned));
        let tls = tls(certificate, &mut arguments)?;
        let mut server = Server { folder, port, arguments, password: None, tls, keeper: None };
        server.launch()?;
        Ok(server)
    }
}
