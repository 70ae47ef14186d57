//! The server that a command works against, in place of a database.

use reqwest::Url;
use syncline_connectors::http::HttpConfig;
use zeroize::Zeroizing;

use super::{
    http,
    reader::{Origin, Reader},
    token,
};
use crate::{cli::Cli, fault::Fault};

const SERVER: &str = "SYNCLINE_SERVER";

/// A running server, and how it is reached.
pub(crate) struct RemoteConfig {
    /// Its address, whose path ends with a slash. `--server`, `SYNCLINE_SERVER`.
    pub(crate) url: Url,
    /// The token of the API. `SYNCLINE_TOKEN`, `SYNCLINE_TOKEN_FILE`; default none.
    pub(crate) token: Option<Zeroizing<String>>,
    /// Time limits, certificate authorities and the proxy. `SYNCLINE_HTTP_*`, `SYNCLINE_CA_FILE`.
    pub(crate) http: HttpConfig,
}

impl RemoteConfig {
    /// Reads the settings; none if the command works on a database. A flag goes before a variable: `--database-url` before
    /// `SYNCLINE_SERVER`, and `--server` before `DATABASE_URL`. Commands that use no database ignore the variable.
    pub(crate) fn read(cli: &Cli, reader: &mut Reader<'_>) -> Result<Option<RemoteConfig>, Fault> {
        let Some(given) = cli.server.as_deref().map(str::trim).filter(|given| !given.is_empty()) else {
            return Ok(None);
        };
        let origin = reader.origin("server", SERVER);
        let database = reader.origin("database_url", "DATABASE_URL") == Origin::Flag;
        match (&origin, database) {
            (Origin::Flag, true) => {
                return Err(Fault::usage(
                    "--server and --database-url stand beside each other; a command works against one of them",
                ));
            }
            (Origin::Flag, false) => {}
            (_, true) => return Ok(None),
            (_, false) if !cli.command.uses_a_database() => return Ok(None),
            (_, false) => {}
        }
        let url = address(given).map_err(|why| {
            let name = if origin == Origin::Flag { "--server" } else { SERVER };
            Fault::usage(format!("{name}: {why}"))
        })?;
        Ok(Some(RemoteConfig { url, token: token(reader)?, http: http::read(reader)? }))
    }
}

/// Records the server for `syncline config`.
pub(super) fn note(cli: &Cli, reader: &mut Reader<'_>) {
    let shown = match cli.server.as_deref().map(address) {
        None => "not set".to_owned(),
        Some(Ok(url)) => url.into(),
        // It may hold a password.
        Some(Err(_)) => "not usable".to_owned(),
    };
    reader.note_argument("server", SERVER, shown);
}

/// The address of a server. A user and a password in it are refused without being repeated.
fn address(given: &str) -> Result<Url, String> {
    const LIKE: &str = "write it like https://syncline.example.org or http://127.0.0.1:8080";
    let mut url = Url::parse(given).map_err(|error| format!("no address: {error}; {LIKE}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address with a user or a password; the token belongs into SYNCLINE_TOKEN".to_owned());
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("{:?} is no address of a server; {LIKE}", url.as_str()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{:?} has more than a host and a path; {LIKE}", url.as_str()));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_perhaps_a_path() {
        let read = |given| address(given).map(String::from);
        assert_eq!(read("http://127.0.0.1:8080"), Ok("http://127.0.0.1:8080/".to_owned()));
        assert_eq!(read("https://example.org/sync"), Ok("https://example.org/sync/".to_owned()));
        for given in
            ["127.0.0.1:8080", "localhost:8080", "example.org", "ftp://example.org", "https://a/?b=c"]
        {
            assert!(read(given).is_err_and(|why| why.contains("https://syncline.example.org")), "{given}");
        }
        let told = read("https://me:s3cret@example.org").unwrap_or_else(|why| why);
        assert!(told.contains("SYNCLINE_TOKEN") && !told.contains("s3cret"), "{told}");
    }
}
