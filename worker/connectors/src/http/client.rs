//! The shared HTTP client, and the client of one account.

use std::{path::PathBuf, sync::Arc};

use reqwest::{Method, redirect, retry};
use syncline_engine::ports::ConnectorError;

use super::{
    Auth, Dialect, HttpConfig, Request,
    base::Base,
    etag::EtagCache,
    guard::{Guard, Resolver},
    kept::Kept,
    tls,
};

/// The HTTP client of a process, with its connections and cached responses. Clones share them.
#[derive(Clone)]
pub struct Http {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) client: reqwest::Client,
    pub(super) guard: Arc<Guard>,
    pub(super) etags: EtagCache,
    pub(super) kept: Kept,
    pub(super) config: HttpConfig,
}

/// Why no client can be made of the settings.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The file of certificate authorities.
    #[error("{path:?} {why}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS or the proxy.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

impl Http {
    /// Makes the client. Opens no connection; reads the file of certificate authorities.
    pub fn new(config: &HttpConfig) -> Result<Http, HttpError> {
        let guard = Arc::new(Guard::new(config));
        let builder = builder(config)?.dns_resolver(Resolver(Arc::clone(&guard)));
        let client = builder.build().map_err(unusable)?;
        let (etags, kept) = Default::default();
        Ok(Http { shared: Arc::new(Shared { client, guard, etags, kept, config: config.clone() }) })
    }

    /// Checks the address of a platform without calling it.
    pub fn check_base(&self, base_url: &str) -> Result<(), ConnectorError> {
        Base::public(base_url, &self.shared.guard).map(|_| ())
    }

    /// The settings that it was made of.
    pub fn config(&self) -> &HttpConfig {
        &self.shared.config
    }
}

/// A client with these settings that reaches private addresses, too: for a server that a person names, and not a document.
pub fn unguarded(config: &HttpConfig) -> Result<reqwest::Client, HttpError> {
    builder(config)?.build().map_err(unusable)
}

fn builder(config: &HttpConfig) -> Result<reqwest::ClientBuilder, HttpError> {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(config.ca_file.as_deref())?)
        .user_agent(concat!("syncline/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.read_timeout)
        .timeout(config.total_timeout)
        // The variables of the environment are read with all other settings.
        .no_proxy();
    Ok(match &config.proxy {
        Some(proxy) => builder.proxy(proxy.build().map_err(unusable)?),
        None => builder,
    })
}

fn unusable(error: reqwest::Error) -> HttpError {
    HttpError::Client(error.without_url().to_string())
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// Sends the requests of one account to one platform.
#[derive(Clone)]
pub struct Client {
    pub(super) http: Http,
    pub(super) dialect: &'static dyn Dialect,
    pub(super) base: Base,
    pub(super) auth: Auth,
    pub(super) account: Arc<str>,
    pub(super) keeps_limits: bool,
}

impl Client {
    /// A client for an address. `account` names the credentials in errors.
    pub fn new(
        http: &Http,
        dialect: &'static dyn Dialect,
        base_url: &str,
        account: &str,
        auth: Auth,
    ) -> Result<Client, ConnectorError> {
        let base = Base::parse(base_url, &http.shared.guard)?;
        Ok(Client { http: http.clone(), dialect, base, auth, account: account.into(), keeps_limits: true })
    }

    /// The name of the credentials.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether the requests are charged to the platform's limits. Otherwise only the number of requests at once is.
    #[must_use]
    pub fn keeping_limits(self, keeps_limits: bool) -> Client {
        Client { keeps_limits, ..self }
    }

    /// True if the requests are charged to the platform's limits.
    pub fn keeps_limits(&self) -> bool {
        self.keeps_limits
    }

    /// A request that reads. Each segment of the path is percent-encoded.
    pub fn get(&self, path: &[&str]) -> Request<'_> {
        Request::new(self, Method::GET, self.base.join(path))
    }

    /// A request that reads, to an address that the platform gave, such as that of the next page. The request fails if the
    /// address is on another server.
    pub fn follow(&self, address: &str) -> Request<'_> {
        Request::new(self, Method::GET, self.base.same_server(address))
    }

    /// A request that changes something, unless [`Request::reads`] says otherwise.
    pub fn post(&self, path: &[&str]) -> Request<'_> {
        Request::new(self, Method::POST, self.base.join(path))
    }

    /// A request that replaces something.
    pub fn put(&self, path: &[&str]) -> Request<'_> {
        Request::new(self, Method::PUT, self.base.join(path))
    }

    /// A request that changes a part of something.
    pub fn patch(&self, path: &[&str]) -> Request<'_> {
        Request::new(self, Method::PATCH, self.base.join(path))
    }

    /// A request that deletes something.
    pub fn delete(&self, path: &[&str]) -> Request<'_> {
        Request::new(self, Method::DELETE, self.base.join(path))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let platform = self.dialect.platform();
        f.debug_struct("Client")
            .field("platform", &platform)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
