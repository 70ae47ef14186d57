//! The connection to Redis: one for all calls, opened on demand and again after it broke.
//!
//! Opening it looks up the server again, so after a failover the next call goes to the server that the sentinels then
//! name.

use std::{
    fmt, fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, RedisConnectionInfo, RedisError, ServerErrorKind, TlsCertificates, TlsMode, Value,
    aio::MultiplexedConnection,
    cluster::ClusterClientBuilder,
    cluster_async::ClusterConnection,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use tokio::time;

use super::{
    server,
    url::{Address, Node, Servers},
};

/// The timeout for connecting.
const CONNECT: Duration = Duration::from_secs(5);
/// The timeout for an answer.
pub(super) const RESPONSE: Duration = Duration::from_secs(5);

/// A connection to Redis, opened by the first call and again after it broke. Clones share it.
#[derive(Clone)]
pub struct Connection {
    address: Arc<Address>,
    response: Duration,
    current: Arc<Mutex<Current>>,
    /// Locked while a new connection is opened, so that a broken one is replaced once.
    opening: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Current {
    live: Option<Live>,
    /// Counts the connections opened so far.
    generation: u64,
}

#[derive(Clone)]
enum Live {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens no connection; the first call does.
    pub(super) fn new(address: Arc<Address>, response: Duration) -> Self {
        Self { address, response, current: Arc::default(), opening: Arc::default() }
    }

    /// Returns another connection to the same server, opened by its first call.
    pub(super) fn beside(&self, response: Duration) -> Self {
        Self::new(Arc::clone(&self.address), response)
    }

    /// Sends a command and waits for the answer. A connection that broke while idle is replaced silently.
    pub async fn run(&self, cmd: &Cmd) -> Result<Value, RedisError> {
        let (live, generation, fresh) = self.live().await?;
        let error = match live.send(cmd).await {
            Err(error) if self.is_broken(&error) => error,
            result => return result,
        };
        self.forget(generation);
        if fresh || !error.is_connection_dropped() {
            return Err(error);
        }
        let (live, generation, _) = self.live().await?;
        let result = live.send(cmd).await;
        if result.as_ref().is_err_and(|error| self.is_broken(error)) {
            self.forget(generation);
        }
        result
    }

    /// Sends commands as one pipeline, without waiting in between, and returns one answer each. `None`: a cluster has
    /// several servers, which do not run them as one.
    pub(super) async fn run_in_one_go(
        &self,
        pipeline: &redis::Pipeline,
    ) -> Option<Result<Vec<Value>, RedisError>> {
        let (live, generation, _) = match self.live().await {
            Ok(live) => live,
            Err(error) => return Some(Err(error)),
        };
        let Live::One(mut one) = live else { return None };
        let answers = pipeline.query_async::<Vec<Value>>(&mut one).await;
        if answers.as_ref().is_err_and(|error| self.is_broken(error)) {
            self.forget(generation);
        }
        Some(answers)
    }

    /// Returns the address without secrets.
    pub(super) fn shown(&self) -> String {
        self.address.shown()
    }

    /// True if it leads to a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.address.servers, Servers::Cluster(_))
    }

    fn is_broken(&self, error: &RedisError) -> bool {
        let demoted = matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        ) || error.to_string().contains("READONLY");
        match self.address.servers {
            // A cluster's connection reconnects by itself as long as any node is reachable.
            Servers::Cluster(_) => error.kind() == ErrorKind::ClusterConnectionNotFound,
            _ => error.is_io_error() || error.kind() == ErrorKind::Parse || demoted,
        }
    }

    /// Returns the connection, its generation, and whether it was just opened.
    async fn live(&self) -> Result<(Live, u64, bool), RedisError> {
        if let Some((live, generation)) = self.current() {
            return Ok((live, generation, false));
        }
        let _one_at_a_time = self.opening.lock().await;
        if let Some((live, generation)) = self.current() {
            return Ok((live, generation, false));
        }
        let opened = time::timeout(CONNECT * 2, open(&self.address, self.response)).await;
        let live = opened.map_err(|_| RedisError::from(io::Error::from(io::ErrorKind::TimedOut)))??;
        let mut current = self.lock();
        current.generation += 1;
        current.live = Some(live.clone());
        Ok((live, current.generation, true))
    }

    fn current(&self) -> Option<(Live, u64)> {
        let current = self.lock();
        Some((current.live.clone()?, current.generation))
    }

    fn forget(&self, generation: u64) {
        let mut current = self.lock();
        if current.generation == generation {
            current.live = None;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    async fn send(mut self, cmd: &Cmd) -> Result<Value, RedisError> {
        match &mut self {
            Live::One(one) => cmd.query_async(one).await,
            Live::Cluster(cluster) => cmd.query_async(cluster).await,
        }
    }
}

async fn open(address: &Address, response: Duration) -> Result<Live, RedisError> {
    let certificates = if address.tls { Some(certificates(address)?) } else { None };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(response));
    let live = match &address.servers {
        Servers::Cluster(nodes) => {
            let infos = nodes.iter().map(|node| info(node, address, false)).collect::<Result<Vec<_>, _>>()?;
            let mut builder = ClusterClientBuilder::new(infos)
                .connection_timeout(CONNECT)
                .response_timeout(response)
                .overall_response_timeout(Some(response * 2));
            if let Some(certificates) = certificates {
                builder = builder.tls(TlsMode::Secure).certs(certificates);
            }
            Live::Cluster(builder.build()?.get_async_connection().await?)
        }
        Servers::Sentinel { nodes, service } => {
            let addresses = nodes.iter().map(|node| place(node, address.tls));
            let mut builder =
                SentinelClientBuilder::new(addresses, service.as_str(), SentinelServerType::Master)?
                    .set_client_to_redis_db(address.db);
            if let Some(user) = &address.user {
                builder = builder.set_client_to_redis_username(user);
            }
            if let Some(password) = &address.password {
                builder = builder.set_client_to_redis_password(password);
            }
            if let Some(user) = &address.sentinel_user {
                builder = builder.set_client_to_sentinel_username(user);
            }
            if let Some(password) = &address.sentinel_password {
                builder = builder.set_client_to_sentinel_password(password);
            }
            if let Some(certificates) = certificates {
                builder = builder
                    .set_client_to_redis_tls_mode(TlsMode::Secure)
                    .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates);
            }
            let mut sentinels = builder.build()?;
            Live::One(sentinels.get_async_connection_with_config(&config).await?)
        }
        Servers::One(node) => {
            let info = info(node, address, true)?;
            let client = match certificates {
                Some(certificates) => Client::build_with_tls(info, certificates)?,
                None => Client::open(info)?,
            };
            Live::One(client.get_multiplexed_async_connection_with_config(&config).await?)
        }
        Servers::Unix(path) => {
            let info = ConnectionAddr::Unix(path.clone()).into_connection_info()?;
            let client = Client::open(info.set_redis_settings(who(address, true)))?;
            Live::One(client.get_multiplexed_async_connection_with_config(&config).await?)
        }
    };
    let mut ask = Cmd::new();
    ask.arg("INFO");
    match live.clone().send(&ask).await {
        Ok(told) => server::check(&told)?,
        // The user may lack the permission for this query.
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) => {}
        Err(error) => return Err(error),
    }
    Ok(live)
}

fn place((host, port): &Node, tls: bool) -> ConnectionAddr {
    if tls {
        ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host.clone(), *port)
    }
}

fn who(address: &Address, with_db: bool) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default();
    if let Some(user) = &address.user {
        info = info.set_username(user);
    }
    if let Some(password) = &address.password {
        info = info.set_password(password);
    }
    if with_db { info.set_db(address.db) } else { info }
}

fn info(node: &Node, address: &Address, with_db: bool) -> Result<ConnectionInfo, RedisError> {
    let info = place(node, address.tls).into_connection_info()?;
    Ok(info.set_redis_settings(who(address, with_db)))
}

/// Returns the certificates to use beside those of the system. The TLS provider is ring unless the process has
/// installed another.
fn certificates(address: &Address) -> Result<TlsCertificates, RedisError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client_tls = match (&address.cert, &address.key) {
        (Some(cert), Some(key)) => Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? }),
        _ => None,
    };
    let root_cert = address.ca.as_deref().map(read).transpose()?;
    Ok(TlsCertificates { client_tls, root_cert })
}

fn read(file: &Path) -> Result<Vec<u8>, RedisError> {
    fs::read(file).map_err(|error| {
        let what = format!("{} could not be read: {error}", file.display());
        RedisError::from((ErrorKind::InvalidClientConfig, "a certificate is missing", what))
    })
}
