//! The files, variables and servers that the scope of a table names.

use std::path::PathBuf;

use sqlx::postgres::PgConnectOptions;

use super::scope::{SqlScope, Target, Url};
use crate::{
    address,
    named::{Named, Outside},
    scope::ScopeError,
};

impl SqlScope {
    /// What the `url` names.
    pub(super) fn names(&self) -> Result<Vec<Named>, ScopeError> {
        let outside = match &self.url {
            // The operator has set the variable, or `NAME_FILE`, so the content is trusted and not read here.
            Url::Env(name) => vec![Outside::Variable(name.clone())],
            Url::Literal(url) => match self.target()? {
                Target::Sqlite(path, _) => vec![Outside::File(path)],
                Target::Postgres(options) => server(url, &options),
            },
        };
        Ok(outside.into_iter().map(|what| Named::new("url", what)).collect())
    }
}

/// The server of an address, and the files of its certificates. The host and port are those that the driver has read:
/// a parameter after the `?` goes before the host in front of it.
fn server(url: &str, options: &PgConnectOptions) -> Vec<Outside> {
    let (host, port) = (options.get_host(), options.get_port());
    let is_socket = options.get_socket().is_some() || host.starts_with('/');
    let mut outside: Vec<Outside> = match address::names_host(url) && !is_socket {
        // libpq takes several hosts with commas between them. This driver does not, but another one may.
        true => host.split(',').map(|host| Outside::Host { host: host.trim().to_owned(), port }).collect(),
        false => vec![Outside::Local],
    };
    outside.extend(address::certificates(url).into_iter().map(|path| Outside::File(PathBuf::from(path))));
    outside
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::*;

    fn names(url: Json) -> Vec<Outside> {
        let scope = SqlScope::parse(&json!({ "url": url, "table": "t" })).unwrap();
        scope.names().unwrap().into_iter().map(|named| named.what).collect()
    }

    fn host(host: &str, port: u16) -> Outside {
        Outside::Host { host: host.to_owned(), port }
    }

    #[rstest]
    #[case("postgres://u:p@db/x", &[("db", 5432)])]
    #[case("postgres://u:p@DB.example:5433/x", &[("DB.example", 5433)])]
    #[case("postgres://u:p@[::1]:5433/x", &[("[::1]", 5433)])]
    #[case("postgres://u:p@db/x?host=evil&port=1", &[("evil", 1)])]
    #[case("postgres://u:p@db/x?hostaddr=10.0.0.1", &[("10.0.0.1", 5432)])]
    #[case("postgres:///x?host=a,b", &[("a", 5432), ("b", 5432)])]
    fn a_server_is_the_one_that_the_driver_calls(#[case] url: &str, #[case] expected: &[(&str, u16)]) {
        let expected: Vec<Outside> = expected.iter().map(|(name, port)| host(name, *port)).collect();
        assert_eq!(names(json!(url)), expected);
    }

    #[rstest]
    #[case("postgres:///x")]
    #[case("postgres:///x?user=u")]
    #[case("postgres://%2Frun%2Fpostgresql/x")]
    #[case("postgres://db/x?host=/run/postgresql")]
    fn an_address_without_a_host_is_local(#[case] url: &str) {
        assert_eq!(names(json!(url)), [Outside::Local]);
    }

    #[test]
    fn files_are_named_as_they_are_opened() {
        let file = |path: &str| Outside::File(PathBuf::from(path));
        assert_eq!(names(json!("sqlite:///srv/%2e%2E/a%3Fb.db?mode=ro")), [file("/srv/../a?b.db")]);
        assert_eq!(names(json!("sqlite:tasks.db")), [file("tasks.db")]);
        let url = "postgres://db/x?sslmode=verify-ca&sslrootcert=%2Fetc%2Fmy+ca.pem&ssl-key=/k";
        assert_eq!(names(json!(url)), [host("db", 5432), file("/etc/my ca.pem"), file("/k")]);
    }

    #[test]
    fn a_variable_is_named_without_being_read() {
        assert_eq!(names(json!({ "env": "NOT_SET" })), [Outside::Variable("NOT_SET".to_owned())]);
    }
}
