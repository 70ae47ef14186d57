//! The address of Syncline's own database.

use std::{path::PathBuf, str::FromStr};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use syncline_connectors::address;

use crate::fault::{Fault, said};

const FORMS: &str = "write sqlite://FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE";
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

#[derive(Clone)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The default: a file in the working directory.
    pub(crate) fn embedded() -> DatabaseUrl {
        DatabaseUrl("sqlite://syncline.db".to_owned())
    }

    /// Checks an address as far as possible without connecting. The error repeats no part that may be secret.
    pub(crate) fn parse(text: &str) -> Result<DatabaseUrl, Fault> {
        let text = text.trim();
        let url = DatabaseUrl(text.to_owned());
        let refuse = |what: String| Err(Fault::usage(format!("DATABASE_URL: {what}; {FORMS}")));
        if url.is_sqlite() {
            if address::may_hold_password(text.split('?').next().unwrap_or_default()) {
                return refuse("a SQLite address names a file and has neither user nor password".to_owned());
            }
            return match SqliteConnectOptions::from_str(text) {
                Ok(_) => Ok(url),
                Err(_) => refuse(format!("{} has a parameter that SQLite does not know", url.shown())),
            };
        }
        if !url.is_postgres() {
            let shown = address::shown(text).map(|shown| format!("{shown} ")).unwrap_or_default();
            return Err(Fault::usage(format!("DATABASE_URL {shown}is not understood; {FORMS}")));
        }
        if let Err(error) = address::check(text) {
            return refuse(error.to_string());
        }
        if let Some(mode) = url.parameter("sslmode").filter(|mode| !MODES.contains(&mode.as_str())) {
            return Err(Fault::usage(format!(
                "DATABASE_URL {}: sslmode={mode} is unknown; write one of {}",
                url.shown(),
                MODES.join(", ")
            )));
        }
        Ok(url)
    }

    /// The address for display, without its password.
    pub(crate) fn shown(&self) -> String {
        if self.is_sqlite() {
            return self.0.split('?').next().unwrap_or_default().to_owned();
        }
        address::shown(&self.0).unwrap_or_else(|_| "(an address that cannot be read)".to_owned())
    }

    /// The absolute path of a SQLite database; none for a server or a database in memory.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        if !self.is_sqlite() || self.0.contains(":memory:") || self.0.contains("mode=memory") {
            return None;
        }
        let options = SqliteConnectOptions::from_str(&self.0).ok()?;
        let file = options.get_filename();
        Some(std::path::absolute(file).unwrap_or_else(|_| file.to_owned()))
    }

    /// The address to connect with. A missing SQLite file is created.
    pub(crate) fn connect_url(&self) -> String {
        if self.is_sqlite() && !self.0.contains('?') && !self.0.contains(":memory:") {
            format!("{}?mode=rwc", self.0)
        } else {
            self.0.clone()
        }
    }

    /// A parameter of the query part of the address; the last one if it is repeated, under any name that the driver
    /// accepts.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let aliases: &[&str] = match name {
            "sslmode" => &["ssl-mode"],
            "sslrootcert" => &["ssl-root-cert", "ssl-ca"],
            "sslcert" => &["ssl-cert"],
            "sslkey" => &["ssl-key"],
            _ => &[],
        };
        let (_, query) = self.0.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let last = pairs.rfind(|(key, _)| *key == name || aliases.contains(key));
        last.map(|(_, value)| unescaped(value))
    }

    /// Refuses what the driver would ignore, or report without the name of the file.
    pub(crate) fn check_tls(&self) -> Result<(), Fault> {
        let refuse = |text: String| Err(Fault::usage(format!("DATABASE_URL {}: {text}", self.shown())));
        for name in ["sslrootcert", "sslcert", "sslkey"] {
            // The address may also contain the certificate itself.
            let Some(file) = self.parameter(name).filter(|file| !file.contains("-----BEGIN ")) else {
                continue;
            };
            if let Err(error) = std::fs::read(&file) {
                let error = said(&error);
                return refuse(format!("{name} {file}: {error}; name a PEM file that this user may read"));
            }
        }
        match (self.parameter("sslcert"), self.parameter("sslkey")) {
            (Some(_), None) => return refuse("sslcert is there and sslkey is not; name both".to_owned()),
            (None, Some(_)) => return refuse("sslkey is there and sslcert is not; name both".to_owned()),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let mode = self.parameter("sslmode").unwrap_or_else(|| "prefer".to_owned());
        if self.parameter("sslrootcert").is_some() && !mode.starts_with("verify-") {
            return refuse(format!(
                "sslmode={mode} does not look at the server's certificate, so sslrootcert means nothing; write \
                 sslmode=verify-full, or verify-ca if the server has another name in its certificate"
            ));
        }
        Ok(())
    }

    /// True if it is a SQLite database instead of a server.
    pub(crate) fn is_sqlite(&self) -> bool {
        self.0.starts_with("sqlite:")
    }

    fn is_postgres(&self) -> bool {
        ["postgres://", "postgresql://"].iter().any(|scheme| self.0.starts_with(scheme))
    }
}

/// Decodes `%XX` and `+`.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().replace('+', " ").into_bytes();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        let rest = if byte.is_some() { part.get(2..).unwrap_or_default() } else { part };
        bytes.extend(rest.replace('+', " ").into_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        DatabaseUrl::parse(url).err().map(|fault| fault.message).unwrap_or_default()
    }

    #[test]
    fn parameters_of_an_address_are_read_as_the_driver_reads_them() {
        let url = DatabaseUrl(
            "postgres://db/x?sslmode=require&sslrootcert=%2Fetc%2Fmy+%C3%A4.pem&odd=5%".to_owned(),
        );
        assert_eq!(url.parameter("sslmode").as_deref(), Some("require"));
        assert_eq!(url.parameter("sslrootcert").as_deref(), Some("/etc/my ä.pem"));
        assert_eq!(url.parameter("odd").as_deref(), Some("5%"));
        assert_eq!(url.parameter("sslkey"), None);
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in
            ["postgres://me:s3cret@db:5432/x", "postgres://me@db/x?password=s3cret", "mysql://me:s3cret@db/x"]
        {
            assert!(!DatabaseUrl(url.to_owned()).shown().contains("s3cret"), "{url}");
        }
        let fault = refusal("mysql://me:s3cret@db/x");
        assert!(fault.contains("mysql://me@db/x") && !fault.contains("s3cret"), "{fault}");
        for url in [
            "postgres://me:s3c/ret@db/x",
            "postgres://me:s3c#ret@db/x",
            "postgres://me:s3c?ret@db/x",
            "postgres://me:s3@c/ret@db/x",
            "mysql://me:s3c/ret@db/x",
            "me:s3c@ret",
        ] {
            let fault = refusal(url);
            assert!(fault.contains("DATABASE_URL") && fault.contains("PASSWORD@HOST"), "{fault}");
            assert!(!fault.contains("s3") && !fault.contains("ret@"), "{fault}");
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        assert!(refusal("postgres://me@db/x?foo=bar").contains("\"foo\""));
        assert!(refusal("sqlite://a.db?foo=bar").contains("a.db has a parameter"));
        assert!(refusal("postgres://me@db/x?sslmode=on").contains("sslmode=on is unknown"));
    }
}
