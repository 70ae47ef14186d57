//! The database's address.

use crate::fault::Fault;

/// Syncline's own database.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Checks an address as far as that goes without connecting.
    pub(crate) fn parse(text: &str) -> Result<DatabaseUrl, Fault> {
        let text = text.trim();
        let known = ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        if known {
            return Ok(DatabaseUrl(text.to_owned()));
        }
        let url = DatabaseUrl(text.to_owned());
        Err(Fault::usage(format!(
            "DATABASE_URL {:?} is not understood; write sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE",
            url.shown()
        )))
    }

    /// The address as it may be shown: without its password.
    pub(crate) fn shown(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let (authority, path) =
            rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
        let authority = match authority.rsplit_once('@') {
            Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
            None => authority.to_owned(),
        };
        // Passwords may also stand in the query.
        let path =
            path.map(|path| format!("/{}", path.split('?').next().unwrap_or_default())).unwrap_or_default();
        format!("{scheme}://{authority}{path}")
    }

    /// The address to connect with. A SQLite file is made when it is missing.
    pub(crate) fn connect_url(&self) -> String {
        if self.is_sqlite() && !self.0.contains('?') && !self.0.contains(":memory:") {
            format!("{}?mode=rwc", self.0)
        } else {
            self.0.clone()
        }
    }

    /// Whether it is a file of our own rather than a server.
    pub(crate) fn is_sqlite(&self) -> bool {
        self.0.starts_with("sqlite:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for url in
            ["postgres://me:s3cret@db:5432/x", "postgres://me@db/x?password=s3cret", "mysql://me:s3cret@db/x"]
        {
            assert!(!DatabaseUrl(url.to_owned()).shown().contains("s3cret"), "{url}");
        }
        let fault =
            DatabaseUrl::parse("mysql://me:s3cret@db/x").err().map(|fault| fault.message).unwrap_or_default();
        assert!(fault.contains("mysql://me@db/x") && !fault.contains("s3cret"), "{fault}");
    }
}
