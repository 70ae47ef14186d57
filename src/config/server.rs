//! How the HTTP servers are reached: names, TLS, the second listener, and how much callers may ask.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf};

use syncline_api::{Hosts, Limits, Tls};

use super::reader::{Origin, Reader};
use crate::{
    cli::{ServeArgs, environment},
    fault::Fault,
};

/// How a server is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// The address of health and metrics, beside that of the API. `--ops-listen`, `SYNCLINE_OPS_ADDR`; default none.
    pub(crate) ops: Option<SocketAddr>,
    /// The address of the API as others see it. `SYNCLINE_PUBLIC_URL`; default none.
    pub(crate) public_url: Option<String>,
    /// Names under which the servers are addressed. `SYNCLINE_ALLOWED_HOSTS`; default none.
    pub(crate) allowed_hosts: Option<String>,
    /// The certificate and key of the API. `--tls-cert`, `SYNCLINE_TLS_CERT`, `--tls-key`, `SYNCLINE_TLS_KEY`; default none.
    pub(crate) tls: Option<Tls>,
    /// Requests a second and token. `SYNCLINE_API_READS`, default 50; `SYNCLINE_API_WRITES`, default 200; 0: no limit.
    pub(crate) limits: Option<Limits>,
    /// True if there are no pages about the API at `/docs`. `SYNCLINE_DOCS`, `on` or `off`; default `on`.
    pub(crate) without_docs: bool,
}

impl Reach {
    /// Reads the settings of a server that has no API.
    pub(super) fn worker(reader: &mut Reader<'_>) -> Result<Reach, Fault> {
        let reach = Reach {
            public_url: None,
            allowed_hosts: text(reader, "SYNCLINE_ALLOWED_HOSTS")?,
            ..Reach::default()
        };
        reach.hosts(true)?;
        Ok(reach)
    }

    /// Reads the settings of a server with the API.
    pub(super) fn api(args: &ServeArgs, reader: &mut Reader<'_>) -> Result<Reach, Fault> {
        let ops = match (args.ops_listen, reader.environment.text("SYNCLINE_OPS_ADDR")?) {
            (Some(address), _) => Some(address),
            // `syncline config` has no flag for it, so clap has not read its variable.
            (None, Some(text)) => Some(environment::listen(&text).map_err(|remedy| {
                Fault::usage(format!("SYNCLINE_OPS_ADDR {text:?} is no address; {remedy}"))
            })?),
            (None, None) => None,
        };
        reader.note_argument("ops_listen", "SYNCLINE_OPS_ADDR", shown(ops.as_ref()));
        let reach = Reach {
            ops,
            public_url: text(reader, "SYNCLINE_PUBLIC_URL")?,
            allowed_hosts: text(reader, "SYNCLINE_ALLOWED_HOSTS")?,
            tls: tls(args, reader)?,
            limits: Some(Limits {
                reads: NonZeroU32::new(reader.number("SYNCLINE_API_READS", 50, 0..=1_000_000)?),
                writes: NonZeroU32::new(reader.number("SYNCLINE_API_WRITES", 200, 0..=1_000_000)?),
            }),
            without_docs: !docs(reader)?,
        };
        reach.hosts(true)?;
        Ok(reach)
    }

    /// The names of a server that listens on an address of this machine, or on another one.
    pub(crate) fn hosts(&self, loopback: bool) -> Result<Hosts, Fault> {
        let (url, allowed) = (self.public_url.as_deref(), self.allowed_hosts.as_deref());
        Hosts::new(loopback, url, allowed).map_err(Fault::usage)
    }
}

fn docs(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    const NAME: &str = "SYNCLINE_DOCS";
    let (on, origin) = match reader.environment.text(NAME)?.as_deref() {
        None => (true, Origin::Default),
        Some("on") => (true, Origin::Variable(NAME.to_owned())),
        Some("off") => (false, Origin::Variable(NAME.to_owned())),
        Some(other) => return Err(Fault::usage(format!("{NAME} {other:?} is neither \"on\" nor \"off\""))),
    };
    reader.note(NAME, if on { "on" } else { "off" }, origin);
    Ok(on)
}

fn text(reader: &mut Reader<'_>, name: &'static str) -> Result<Option<String>, Fault> {
    let text = reader.environment.text(name)?;
    let origin = text.as_ref().map_or(Origin::Default, |_| Origin::Variable(name.to_owned()));
    reader.note(name, shown(text.as_ref()), origin);
    Ok(text)
}

fn shown(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "not set".to_owned(), ToString::to_string)
}

/// Reads the files, so that a wrong one is told before anything is opened.
fn tls(args: &ServeArgs, reader: &mut Reader<'_>) -> Result<Option<Tls>, Fault> {
    let file = |given: &Option<PathBuf>, name: &str| {
        given.clone().or_else(|| reader.environment.set(name).map(PathBuf::from))
    };
    let (cert, key) = (file(&args.tls_cert, "SYNCLINE_TLS_CERT"), file(&args.tls_key, "SYNCLINE_TLS_KEY"));
    let told = |file: &Option<PathBuf>| shown(file.as_ref().map(|file| file.display()).as_ref());
    reader.note_argument("tls_cert", "SYNCLINE_TLS_CERT", told(&cert));
    reader.note_argument("tls_key", "SYNCLINE_TLS_KEY", told(&key));
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Tls::read(&cert, &key)
            .map(Some)
            .map_err(|why| Fault::usage(format!("--tls-cert, --tls-key: {why}"))),
        (Some(_), None) => {
            Err(Fault::usage("--tls-cert needs the key of the certificate; add --tls-key FILE"))
        }
        (None, Some(_)) => Err(Fault::usage("--tls-key needs its certificate; add --tls-cert FILE")),
    }
}
