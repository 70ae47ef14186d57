//! The HTTP address of a role.

use std::net::{Ipv4Addr, SocketAddr};

use super::reader::{Origin, Reader};
use crate::{cli::environment, fault::Fault};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen {
    /// The address. `--listen`; `SYNCLINE_API_ADDR`, or the port in `SYNC_PORT`, default `127.0.0.1:8080` (`up`,
    /// `api`); `SYNCLINE_WORKER_ADDR`, or the port in `MONITOR_PORT`, default `127.0.0.1:8000` (`worker`).
    pub(crate) address: SocketAddr,
    /// True if the address is a worker's default, so that another free port may be used.
    pub(crate) or_next: bool,
}

/// The variables and the default of a role.
struct Names {
    variable: &'static str,
    /// An older variable that contains only the port.
    port: &'static str,
    default: u16,
}

const API: Names = Names { variable: "SYNCLINE_API_ADDR", port: "SYNC_PORT", default: 8080 };
const WORKER: Names = Names { variable: "SYNCLINE_WORKER_ADDR", port: "MONITOR_PORT", default: 8000 };

impl Listen {
    /// Reads the address of the API.
    pub(super) fn api(given: Option<SocketAddr>, reader: &mut Reader<'_>) -> Result<Listen, Fault> {
        let (address, origin) = address(given, &API, reader)?;
        reader.note_flag("listen", API.variable, address, origin.clone());
        note_unused_port(&API, &origin, reader);
        // Clients of the API must know the port.
        Ok(Listen { address, or_next: false })
    }

    /// Reads the address of a worker's health and metrics.
    pub(super) fn worker(given: Option<SocketAddr>, reader: &mut Reader<'_>) -> Result<Listen, Fault> {
        let (address, origin) = address(given, &WORKER, reader)?;
        reader.note(WORKER.variable, address, origin.clone());
        note_unused_port(&WORKER, &origin, reader);
        Ok(Listen { address, or_next: origin == Origin::Default })
    }
}

fn address(
    given: Option<SocketAddr>,
    names: &Names,
    reader: &Reader<'_>,
) -> Result<(SocketAddr, Origin), Fault> {
    let variable = |name: &str| Origin::Variable(name.to_owned());
    let (address, origin) = if let Some(address) = given {
        (address, reader.origin("listen", names.variable))
    } else if let Some(text) = reader.environment.text(names.variable)? {
        // `syncline config` has no flag for it, so clap has not read its variable.
        let address = environment::listen(&text)
            .map_err(|remedy| Fault::usage(format!("{} {text:?} is no address; {remedy}", names.variable)))?;
        (address, variable(names.variable))
    } else if let Some(text) = reader.environment.text(names.port)? {
        let port: u16 = text
            .trim()
            .parse()
            .map_err(|_| Fault::usage(format!("{} {text:?} is no port; write 1 to 65535", names.port)))?;
        ((Ipv4Addr::LOCALHOST, port).into(), variable(names.port))
    } else {
        ((Ipv4Addr::LOCALHOST, names.default).into(), Origin::Default)
    };
    Ok((address, origin))
}

fn note_unused_port(names: &Names, origin: &Origin, reader: &mut Reader<'_>) {
    match origin {
        Origin::Flag => reader.note_unused(&[names.port], "--listen"),
        Origin::Variable(name) if name == names.variable => {
            reader.note_unused(&[names.port], names.variable);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    fn worker(variables: &[(&str, &str)]) -> Result<(String, bool), String> {
        let matches = matches(&["config"]);
        let listen = Listen::worker(None, &mut Reader::new(&matches, &Variables(variables)));
        listen.map(|listen| (listen.address.to_string(), listen.or_next)).map_err(|fault| fault.message)
    }

    #[test]
    fn only_a_default_address_may_give_way_to_the_next_port() {
        assert_eq!(worker(&[]), Ok(("127.0.0.1:8000".to_owned(), true)));
        let port = [("MONITOR_PORT", "8000"), ("SYNC_PORT", "7")];
        assert_eq!(worker(&port), Ok(("127.0.0.1:8000".to_owned(), false)));
        let both = [("MONITOR_PORT", "1"), ("SYNCLINE_WORKER_ADDR", ":9000")];
        assert_eq!(worker(&both), Ok(("127.0.0.1:9000".to_owned(), false)));
        let matches = matches(&["api"]);
        let api = Listen::api(None, &mut Reader::new(&matches, &Variables(&[]))).unwrap();
        assert_eq!((api.address.port(), api.or_next), (8080, false));
    }

    #[test]
    fn a_wrong_address_is_refused_by_the_name_of_its_variable() {
        for (name, value, told) in [
            ("MONITOR_PORT", "http", "MONITOR_PORT \"http\" is no port"),
            ("SYNCLINE_WORKER_ADDR", "x", "SYNCLINE_WORKER_ADDR \"x\" is no address; write"),
        ] {
            let refused = worker(&[(name, value)]).unwrap_err();
            assert!(refused.contains(told), "{refused}");
        }
    }
}
