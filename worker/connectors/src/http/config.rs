//! How the network is reached.

use std::{fmt, path::PathBuf, time::Duration};

use url::Url;

use super::AllowPrivate;
use crate::Token;

/// How the network is reached, for all accounts of the process.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Hosts and networks that are reached although they are not public.
    pub allow_private: AllowPrivate,
    /// A PEM file of certificate authorities that are trusted beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// None: connections are direct.
    pub proxy: Option<Proxy>,
    /// The longest time to connect, TLS included.
    pub connect_timeout: Duration,
    /// The longest time between two parts of a response, and until its first part. Longer than `connect_timeout`, or a
    /// request that found no connection would count as sent.
    pub read_timeout: Duration,
    /// The longest time of a request, until its response has been read.
    pub total_timeout: Duration,
    /// The largest response in bytes, decompressed.
    pub largest_body: usize,
    /// The longest that a platform is waited for after a request whose answer was lost, whatever is known of it. Only for
    /// tests, whose stand-ins do their work at once.
    pub patience: Duration,
}

impl HttpConfig {
    /// How long an effect of a platform is waited for that may come so late.
    pub(crate) fn patient(&self, late: Duration) -> Duration {
        late.min(self.patience)
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            allow_private: AllowPrivate::default(),
            ca_file: None,
            proxy: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            total_timeout: Duration::from_secs(60),
            largest_body: 32 << 20,
            patience: Duration::MAX,
        }
    }
}

/// A proxy for all platforms but those that it is bypassed for. It resolves the names of the hosts, so that the guard
/// against private addresses checks only addresses that are written as such.
#[derive(Clone)]
pub struct Proxy {
    /// With user and password, if it has them.
    url: Token,
    shown: String,
    host: String,
    bypass: String,
    https_only: bool,
}

impl Proxy {
    /// Parses the address of a proxy. `bypass` lists the hosts and networks that are reached without it, as `NO_PROXY`
    /// does. An error does not repeat the address, which may contain a password.
    pub fn new(address: &str, bypass: &str) -> Result<Proxy, String> {
        let wanted = "is not the address of an HTTP proxy, like http://proxy.example.org:3128";
        let url = Url::parse(address.trim()).map_err(|_| wanted.to_owned())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(wanted)?.to_owned();
        if !["http", "https"].contains(&url.scheme()) {
            return Err(wanted.to_owned());
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let shown = format!("{}://{host}{port}", url.scheme());
        Ok(Proxy { url: Token::new(url.as_str()), shown, host, bypass: bypass.to_owned(), https_only: false })
    }

    /// The same proxy for `https` addresses alone, as `HTTPS_PROXY` means it.
    #[must_use]
    pub fn for_https_only(self) -> Proxy {
        Proxy { https_only: true, ..self }
    }

    /// The host, which may be private.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn build(&self) -> reqwest::Result<reqwest::Proxy> {
        let url = self.url.reveal();
        let proxy = if self.https_only { reqwest::Proxy::https(url) } else { reqwest::Proxy::all(url) }?;
        Ok(proxy.no_proxy(reqwest::NoProxy::from_string(&self.bypass)))
    }
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("url", &self.shown)
            .field("bypass", &self.bypass)
            .finish_non_exhaustive()
    }
}
