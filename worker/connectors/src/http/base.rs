//! The address of a platform, and addresses below it.

use syncline_engine::ports::ConnectorError;
use url::{Host, Url};

use super::guard::Guard;

/// A checked base address; ends with a slash.
#[derive(Debug, Clone)]
pub(super) struct Base(Url);

impl Base {
    /// Parses an address. Without TLS only hosts that the operator allows by name or address: the secret would go over
    /// the network for everyone to read.
    pub(super) fn parse(text: &str, guard: &Guard) -> Result<Base, ConnectorError> {
        let wrong = |why: &str| ConnectorError::permanent(format!("base_url: {why}"));
        let mut url = Url::parse(text.trim())
            .map_err(|_| wrong("is not an address like https://gitlab.example.org"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a user or a password; the account's secret belongs elsewhere"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("has a part after ? or #; leave it out"));
        }
        let host = url.host().ok_or_else(|| wrong("names no host"))?;
        match url.scheme() {
            "https" => {}
            "http" if guard.allows_plain(&host) => {}
            "http" => {
                let text = format!(
                    "http://{host} would send the secret unencrypted; use https, or add the host to \
                     SYNCLINE_ALLOW_PRIVATE_HOSTS if it is your own"
                );
                return Err(wrong(&text));
            }
            _ => return Err(wrong("must begin with https://")),
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Base(url))
    }

    /// As [`Base::parse`], and refuses a host that is written as an address which would not be dialled. Names are checked
    /// whenever they are resolved.
    pub(super) fn public(text: &str, guard: &Guard) -> Result<Base, ConnectorError> {
        let base = Base::parse(text, guard)?;
        match guard.check(&base.0) {
            Ok(()) => Ok(base),
            Err(blocked) => Err(ConnectorError::permanent(format!("base_url: {blocked}"))),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// An address below the base. Each segment is percent-encoded, so that no value can lead elsewhere.
    pub(super) fn join(&self, segments: &[&str]) -> Result<Url, ConnectorError> {
        let leads_up = |segment: &&&str| {
            let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
            decoded.is_empty() || decoded == "." || decoded == ".."
        };
        if let Some(wrong) = segments.iter().find(leads_up) {
            return Err(ConnectorError::permanent(format!("{wrong:?} cannot be part of a path")));
        }
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Ok(url)
    }

    /// An address that the platform gave. Only on the same server: the secret goes nowhere else.
    pub(super) fn same_server(&self, text: &str) -> Result<Url, ConnectorError> {
        let url = self.0.join(text).map_err(|_| {
            ConnectorError::permanent("the platform named an address that cannot be read".to_owned())
        })?;
        if url.origin() == self.0.origin() && url.username().is_empty() && url.password().is_none() {
            return Ok(url);
        }
        let host = url.host().map(|host: Host<&str>| host.to_string()).unwrap_or_default();
        let own = self.0.host_str().unwrap_or_default();
        let text = format!(
            "leads to another server, {}://{host}, instead of {own}; nothing is sent there",
            url.scheme()
        );
        Err(ConnectorError::permanent(text))
    }
}
