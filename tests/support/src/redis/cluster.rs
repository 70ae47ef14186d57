//! A cluster of three servers.

use std::sync::Arc;

use anyhow::Result;

use super::{Server, certificate::Certificate, wait_for};

#[derive(Debug)]
pub struct Cluster {
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Starts the servers and waits until they agree.
    pub fn start() -> Result<Cluster> {
        Cluster::begin(None)
    }

    /// As [`Cluster::start`], with TLS.
    pub fn start_tls() -> Result<Cluster> {
        Cluster::begin(Some(Arc::new(Certificate::new()?)))
    }

    fn begin(certificate: Option<Arc<Certificate>>) -> Result<Cluster> {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"];
        let start = |_| Server::start_with(certificate.as_ref(), &options);
        let nodes = (0..3).map(start).collect::<Result<Vec<_>>>()?;
        for (at, slots) in [0..5461, 5461..10923, 10923..16384].into_iter().enumerate() {
            // One by one: version 6 and older do not accept ranges.
            let slots: Vec<String> = slots.map(|slot| slot.to_string()).collect();
            let command: Vec<&str> =
                ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str)).collect();
            nodes[at].command(&command)?;
            if at > 0 {
                nodes[at].command(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].open_port().to_string()])?;
            }
        }
        for node in &nodes {
            wait_for("a cluster", || {
                let told = node.command(&["CLUSTER", "INFO"])?;
                Ok(told.contains("cluster_state:ok") && told.contains("cluster_known_nodes:3"))
            })?;
        }
        Ok(Cluster { nodes })
    }

    pub fn url(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.open_port())).collect();
        let nodes = nodes.join(",");
        match self.nodes.first().and_then(Server::authority) {
            Some(authority) => format!("rediss+cluster://{nodes}?ca={}", authority.display()),
            None => format!("redis+cluster://{nodes}"),
        }
    }
}
