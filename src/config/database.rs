//! The location of Syncline's own database, and its connection pool.

use std::{fmt::Write, net::Ipv6Addr};

use super::{
    connections::PoolLimits,
    database_url::DatabaseUrl,
    reader::{Origin, Reader},
};
use crate::fault::Fault;

/// The older variables, which together form an address.
const PARTS: [&str; 5] = ["DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"];

#[derive(Clone)]
pub(crate) struct DatabaseConfig {
    /// The address. `--database-url`, else `DATABASE_URL` or `DATABASE_URL_FILE`, else `DB_HOST`, `DB_PORT` (5432),
    /// `DB_NAME`, `DB_USER`, and `DB_PASSWORD` or `DB_PASSWORD_FILE`; default `sqlite://syncline.db`.
    pub(crate) url: DatabaseUrl,
    /// The pool of connections. `SYNCLINE_DB_POOL_*`.
    pub(crate) pool: PoolLimits,
    /// The application name of connections to a server: `syncline` and the command.
    pub(crate) client: String,
}

impl DatabaseConfig {
    /// Reads the address and the pool settings, and checks the files in the address.
    pub(super) fn read(
        given: Option<&str>,
        role: &str,
        reader: &mut Reader<'_>,
    ) -> Result<DatabaseConfig, Fault> {
        let url = match reader.secret_flag("database_url", "DATABASE_URL", given)? {
            Some(secret) => {
                let url = DatabaseUrl::parse(&secret.value).and_then(|url| url.check_tls().map(|()| url));
                let url = url.map_err(|fault| secret.explained(fault))?;
                let winner = if secret.origin == Origin::Flag { "--database-url" } else { "DATABASE_URL" };
                reader.note_flag("database_url", "DATABASE_URL", url.shown(), secret.origin);
                reader.note_unused(&PARTS, winner);
                url
            }
            None => match reader.environment.text("DB_HOST")? {
                Some(host) => of_parts(&host, reader)?,
                None => DatabaseConfig::embedded(reader),
            },
        };
        DatabaseConfig::at(url, role, reader)
    }

    /// The default: a file in the working directory.
    fn embedded(reader: &mut Reader<'_>) -> DatabaseUrl {
        let url = DatabaseUrl::embedded();
        reader.note_flag("database_url", "DATABASE_URL", url.shown(), Origin::Default);
        url
    }

    /// The configuration of a database with a given address.
    pub(super) fn at(url: DatabaseUrl, role: &str, reader: &mut Reader<'_>) -> Result<DatabaseConfig, Fault> {
        // A connection to a file is cheap to open, and a command that soon ends seldom needs two; on a server, starting
        // a connection's process takes longer than most of these commands.
        let needs_one = url.is_sqlite() || !["up", "worker", "api"].contains(&role);
        // SQLite lets one connection write at a time, and each keeps a thread, a page cache and prepared statements.
        let most = if url.is_sqlite() { 4 } else { 10 };
        let pool = PoolLimits::read(needs_one, most, reader)?;
        Ok(DatabaseConfig { url, pool, client: format!("syncline {role}") })
    }
}

/// Builds the address from `DB_HOST` and the other older variables.
fn of_parts(host: &str, reader: &mut Reader<'_>) -> Result<DatabaseUrl, Fault> {
    let place = place(host)?;
    let port = match reader.environment.text("DB_PORT")? {
        Some(text) => text.trim().parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            Fault::usage(format!("DB_PORT {text:?} is no port; write a number from 1 to 65535"))
        })?,
        None => 5432_u16,
    };
    let name = reader
        .environment
        .text("DB_NAME")?
        .ok_or_else(|| Fault::usage("DB_HOST is set and DB_NAME is not; or set DATABASE_URL"))?;
    let user = reader.environment.text("DB_USER")?;
    let password = reader.secret("DB_PASSWORD")?;
    let text = postgres_url(
        &place,
        port,
        &name,
        user.as_deref(),
        password.as_ref().map(|password| password.value.as_str()),
    );
    let url = DatabaseUrl::parse(&text)?;
    let variable = |name: &str| Origin::Variable(name.to_owned());
    reader.note_flag("database_url", "DATABASE_URL", url.shown(), variable("DB_HOST"));
    reader.note("DB_HOST", host, variable("DB_HOST"));
    let of_port = reader.environment.set("DB_PORT").map_or(Origin::Default, |_| variable("DB_PORT"));
    reader.note("DB_PORT", port, of_port);
    reader.note("DB_NAME", name, variable("DB_NAME"));
    match user {
        Some(user) => reader.note("DB_USER", user, variable("DB_USER")),
        None => reader.note("DB_USER", "not set", Origin::Default),
    }
    match password {
        Some(password) => reader.note("DB_PASSWORD", "(hidden)", password.origin),
        None => reader.note("DB_PASSWORD", "not set", Origin::Default),
    }
    Ok(url)
}

/// The host in the form for an address.
fn place(host: &str) -> Result<String, Fault> {
    let host = host.trim();
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Ok(format!("[{bare}]"));
    }
    if host.chars().all(|c| c.is_alphanumeric() || "-._".contains(c)) {
        return Ok(host.to_owned());
    }
    // An address in this variable by mistake may contain a password.
    let shown = if host.contains(['@', '/', '?']) { String::new() } else { format!("{host:?} ") };
    Err(Fault::usage(format!(
        "DB_HOST {shown}is no host; write its name or IP address alone, and the port into DB_PORT; a whole address \
         belongs into DATABASE_URL"
    )))
}

fn postgres_url(host: &str, port: u16, name: &str, user: Option<&str>, password: Option<&str>) -> String {
    let user = user.map(|user| {
        let password = password.map(|password| format!(":{}", escaped(password))).unwrap_or_default();
        format!("{}{password}@", escaped(user))
    });
    format!("postgres://{}{host}:{port}/{}", user.unwrap_or_default(), escaped(name))
}

/// Escapes every special character as `%XX`.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(String, String), String> {
        let (matches, variables) = (matches(arguments), Variables(variables));
        let mut reader = Reader::new(&matches, &variables);
        let given = matches.get_one::<String>("database_url").map(String::as_str);
        let config = DatabaseConfig::read(given, "up", &mut reader).map_err(|fault| fault.message)?;
        let settings = reader.into_settings();
        assert!(settings.iter().all(|setting| !setting.value.contains("s3c")), "{settings:?}");
        let origin = settings.first().map(|setting| setting.origin.to_string()).unwrap_or_default();
        Ok((config.url.connect_url(), origin))
    }

    #[test]
    fn an_address_comes_from_the_flag_the_variable_the_parts_or_the_default() {
        let parts = [("DB_HOST", "db"), ("DB_NAME", "x"), ("DB_USER", "me"), ("DB_PASSWORD", "s3c/r:t")];
        let of = |url: &str, origin: &str| Ok((url.to_owned(), origin.to_owned()));
        assert_eq!(read(&["up"], &[]), of("sqlite://syncline.db?mode=rwc", "default"));
        let composed = of("postgres://me:s3c%2Fr%3At@db:5432/x", "environment: DB_HOST");
        assert_eq!(read(&["up"], &parts), composed);
        let with_url = [&parts[..], &[("DATABASE_URL", "postgres://db/y")]].concat();
        assert_eq!(read(&["up"], &with_url), of("postgres://db/y", "environment: DATABASE_URL"));
        let flag = ["up", "--database-url", "postgres://db/z"];
        assert_eq!(read(&flag, &with_url), of("postgres://db/z", "flag"));
    }

    #[test]
    fn a_part_that_makes_no_address_is_refused_by_its_own_name() {
        for (name, value, told) in [
            ("DB_PORT", "54x", "DB_PORT \"54x\" is no port"),
            ("DB_PORT", "0", "DB_PORT \"0\" is no port"),
            ("DB_HOST", "db:5433", "DB_HOST \"db:5433\" is no host"),
            ("DB_HOST", "postgres://me:s3cret@db", "DB_HOST is no host"),
            ("DB_NAME", "", "DB_HOST is set and DB_NAME is not"),
        ] {
            let mut parts = vec![(name, value)];
            parts.extend([("DB_HOST", "db"), ("DB_NAME", "x")].into_iter().filter(|(part, _)| *part != name));
            let refused = read(&["up"], &parts).unwrap_err();
            assert!(refused.contains(told) && !refused.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn older_names_make_an_address_whatever_the_password() {
        let url = postgres_url("db", 5433, "tickets", Some("me"), Some("p@ss/w:rd"));
        assert_eq!(url, "postgres://me:p%40ss%2Fw%3Ard@db:5433/tickets");
        assert_eq!(postgres_url("db", 5432, "x", None, None), "postgres://db:5432/x");
        for host in ["::1", "[::1]"] {
            assert_eq!(place(host).ok().as_deref(), Some("[::1]"), "{host}");
        }
    }
}
