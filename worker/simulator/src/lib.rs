//! Simulated platforms over HTTP: stateful servers that follow the rules of the real platform, for tests and for trying
//! Syncline without an account.
//!
//! The crate shares no code with the connectors, so that a misunderstanding on one side is found by a test. A platform
//! is a folder; its API is below `/PREFIX`, the control API below `/_control`, and a page for people at `/`.

mod clock;
mod control;
mod deliver;
mod fault;
mod github;
mod graphql;
mod http;
mod jira;
mod linear;
mod log;
mod page;
mod platform;
mod random;
mod server;
mod settings;
mod world;

use std::{io, net::SocketAddr};

use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

pub use crate::settings::{Limits, Settings};
use crate::{
    http::Call,
    world::{Shared, World},
};

/// The simulator of all platforms.
#[derive(Debug, Clone, Copy)]
pub struct Simulator;

impl Simulator {
    /// Starts a simulator with empty platforms. It runs until it is stopped or dropped.
    pub async fn start(settings: Settings) -> io::Result<Running> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let shared = Shared::new(World::new(&settings)?);
        let task = tokio::spawn(server::serve(listener, address, shared.clone()));
        Ok(Running { address, shared, task })
    }
}

/// A running simulator.
pub struct Running {
    /// The address that it listens on.
    pub address: SocketAddr,
    shared: Shared,
    task: JoinHandle<()>,
}

impl Running {
    /// Returns the address of the server, such as `http://127.0.0.1:8090`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the base URL of GitHub's REST API; GraphQL is at `/graphql` below it.
    pub fn github(&self) -> String {
        format!("{}/github", self.url())
    }

    /// Returns the address of the simulated Jira site; its REST API is below `/rest/api/3`.
    pub fn jira(&self) -> String {
        format!("{}/jira", self.url())
    }

    /// Returns the base URL of Linear's API: GraphQL is at `/graphql` and OAuth at `/oauth/token` below it.
    pub fn linear(&self) -> String {
        format!("{}/linear", self.url())
    }

    /// Makes a request to the control API in process; the path is the one below `/_control`. Returns the status and the
    /// body, null if there is none.
    pub fn control(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut call = Call::new(method, &format!("/_control{path}"), query, self.url());
        if !body.is_null() {
            call.body = body.to_string().into_bytes();
        }
        let reply = server::in_process(&self.shared, &call);
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
    }

    /// Stops the server and cuts open connections.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
