//! Who reaches a server: callers of the API, and those of health and metrics on a second address.

use std::{net::SocketAddr, sync::Arc};

use sea_orm::DatabaseConnection;
use syncline_api::{ApiState, Hosts, Starting};
use syncline_service::tokens::{self, Gate};
use tokio_util::sync::CancellationToken;

use super::bind;
use crate::{
    config::{Listen, ServerConfig},
    fault::Fault,
};

/// Who may use the API. Where others can reach it, there must be a token.
pub(super) async fn gate(
    db: &DatabaseConnection,
    server: &ServerConfig,
    hosts: &Hosts,
    listens: SocketAddr,
) -> Result<Gate, Fault> {
    let gate = match hosts.is_local() {
        true => Gate::local(),
        false => {
            let address = match listens.ip().to_canonical().is_loopback() {
                true => format!("{listens}, with SYNCLINE_PUBLIC_URL or SYNCLINE_ALLOWED_HOSTS set,"),
                false => listens.to_string(),
            };
            tokens::check_public(db, &address, server.token.is_some()).await?;
            Gate::public()
        }
    };
    match &server.token {
        Some(token) => Ok(gate.with_given(db, token).await?),
        None => Ok(gate),
    }
}

/// The names of a server that listens there.
pub(super) fn hosts(server: &ServerConfig, listens: SocketAddr) -> Result<Hosts, Fault> {
    server.reach.hosts(listens.ip().to_canonical().is_loopback())
}

/// The second address, with health and metrics only.
pub(super) struct Ops {
    pub(super) listens: SocketAddr,
    starting: Starting,
}

impl Ops {
    /// Listens, if an address for it is given, until `served` is cancelled.
    pub(super) async fn begin(
        server: &ServerConfig,
        started: &Starting,
        served: &CancellationToken,
    ) -> Result<Option<Ops>, Fault> {
        let Some(address) = server.reach.ops else { return Ok(None) };
        let listener = bind("--ops-listen", Listen { address, or_next: false }).await?;
        let (listens, starting) = (listener.local_addr()?, started.beside(true));
        tokio::spawn(syncline_api::serve(listener, None, starting.router(), served.clone()));
        Ok(Some(Ops { listens, starting }))
    }

    /// From now on it tells how the process is.
    pub(super) fn ready(&self, server: &ServerConfig, state: &ApiState) -> Result<(), Fault> {
        let hosts = Arc::new(hosts(server, self.listens)?);
        self.starting.ready(syncline_api::ops_router(ApiState { hosts, ..state.clone() }));
        Ok(())
    }
}
