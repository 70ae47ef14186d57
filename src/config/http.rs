//! How platforms are reached over HTTP.

use std::{path::PathBuf, time::Duration};

use syncline_connectors::http::{AllowPrivate, Http, HttpConfig, HttpError, Proxy};

use super::{
    fault_tests,
    reader::{Origin, Reader},
};
use crate::fault::Fault;

/// Reads `SYNCLINE_HTTP_*`, `SYNCLINE_ALLOW_PRIVATE_HOSTS`, `SYNCLINE_CA_FILE` and the variables of proxies.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<HttpConfig, Fault> {
    // `SYNCLINE_HTTP_CONNECT_MS`; default 10000.
    let connect = reader.number("SYNCLINE_HTTP_CONNECT_MS", 10_000, 100..=600_000)?;
    // `SYNCLINE_HTTP_READ_MS`; default 30000.
    let read = reader.number("SYNCLINE_HTTP_READ_MS", 30_000, 100..=600_000)?;
    // `SYNCLINE_HTTP_TOTAL_MS`; default 60000.
    let total = reader.number("SYNCLINE_HTTP_TOTAL_MS", 60_000, 100..=600_000)?;
    let in_order = [
        ("SYNCLINE_HTTP_CONNECT_MS", connect, "SYNCLINE_HTTP_READ_MS", read),
        ("SYNCLINE_HTTP_READ_MS", read, "SYNCLINE_HTTP_TOTAL_MS", total),
    ];
    if let Some((shorter, first, longer, second)) = in_order.into_iter().find(|(_, a, _, b)| a >= b) {
        return Err(Fault::usage(format!(
            "{shorter} {first} is not less than {longer} {second}; lower the one or raise the other"
        )));
    }
    let config = HttpConfig {
        allow_private: allow_private(reader)?,
        ca_file: ca_file(reader)?,
        proxy: proxy(reader)?,
        connect_timeout: Duration::from_millis(connect),
        read_timeout: Duration::from_millis(read),
        total_timeout: Duration::from_millis(total),
        // `SYNCLINE_HTTP_LARGEST_BODY`, in bytes; default 33554432.
        largest_body: reader.number("SYNCLINE_HTTP_LARGEST_BODY", 32 << 20, 1 << 20..=1 << 30)?,
        patience: fault_tests::patience(reader)?.unwrap_or(Duration::MAX),
    };
    if config.ca_file.is_some() || config.proxy.is_some() {
        // Reads the file of authorities, so that a wrong one is told before anything is opened.
        client(&config)?;
    }
    Ok(config)
}

/// The client of these settings.
pub(crate) fn client(config: &HttpConfig) -> Result<Http, Fault> {
    Http::new(config).map_err(|error| match error {
        HttpError::CaFile { .. } => Fault::usage(format!("SYNCLINE_CA_FILE: {error}")),
        HttpError::Client(_) => Fault::usage(error.to_string()),
    })
}

/// `SYNCLINE_ALLOW_PRIVATE_HOSTS`; default none.
fn allow_private(reader: &mut Reader<'_>) -> Result<AllowPrivate, Fault> {
    const NAME: &str = "SYNCLINE_ALLOW_PRIVATE_HOSTS";
    let text = reader.environment.text(NAME)?;
    let origin = text.as_ref().map_or(Origin::Default, |_| Origin::Variable(NAME.to_owned()));
    let allow: AllowPrivate =
        text.unwrap_or_default().parse().map_err(|error| Fault::usage(format!("{NAME}: {error}")))?;
    reader.note(NAME, &allow, origin);
    Ok(allow)
}

/// `SYNCLINE_CA_FILE`; default none.
fn ca_file(reader: &mut Reader<'_>) -> Result<Option<PathBuf>, Fault> {
    const NAME: &str = "SYNCLINE_CA_FILE";
    let path = reader.environment.set(NAME).map(PathBuf::from);
    match &path {
        Some(path) => reader.note(NAME, path.display(), Origin::Variable(NAME.to_owned())),
        None => reader.note(NAME, "not set", Origin::Default),
    }
    Ok(path)
}

/// `SYNCLINE_HTTP_PROXY` for all addresses, else `HTTPS_PROXY` for those with TLS, bypassed for `NO_PROXY`; default none.
fn proxy(reader: &mut Reader<'_>) -> Result<Option<Proxy>, Fault> {
    const NAME: &str = "SYNCLINE_HTTP_PROXY";
    const BYPASS: &str = "NO_PROXY";
    // Other programs take both spellings.
    let bypass = match reader.environment.text(BYPASS)? {
        Some(bypass) => Some((bypass, BYPASS)),
        None => reader.environment.text("no_proxy")?.map(|bypass| (bypass, "no_proxy")),
    };
    let without = bypass.as_ref().map_or("", |(bypass, _)| bypass);
    let proxy = if let Some(secret) = reader.secret(NAME)? {
        let proxy = Proxy::new(&secret.value, without);
        let proxy = proxy.map_err(|error| secret.explained(Fault::usage(format!("{NAME} {error}"))))?;
        Some((proxy, secret.origin))
    } else {
        let mut found = None;
        for name in ["HTTPS_PROXY", "https_proxy"] {
            if let (None, Some(text)) = (&found, reader.environment.text(name)?) {
                let proxy = Proxy::new(&text, without);
                let proxy = proxy.map_err(|error| Fault::usage(format!("{name} {error}")))?;
                found = Some((proxy.for_https_only(), Origin::Variable(name.to_owned())));
            }
        }
        found
    };
    match &proxy {
        Some((proxy, origin)) => reader.note(NAME, proxy, origin.clone()),
        None => reader.note(NAME, "not set", Origin::Default),
    }
    if let Some((bypass, name)) = bypass.as_ref().filter(|_| proxy.is_some()) {
        reader.note(BYPASS, bypass, Origin::Variable((*name).to_owned()));
    }
    Ok(proxy.map(|(proxy, _)| proxy))
}

#[cfg(test)]
mod tests;
