//! Addresses, from flags and from the environment under present and older names.

use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddr},
    sync::OnceLock,
};

use uuid::Uuid;

use crate::{
    cli::{QueueArgs, QueueChoice},
    fault::Fault,
};

/// The embedded default: a file in the working directory.
const DEFAULT_DATABASE: &str = "sqlite://syncline.db";

static ROLE: OnceLock<&str> = OnceLock::new();
static QUEUE: OnceLock<QueueSettings> = OnceLock::new();

/// Notes which command this process is.
pub(crate) fn be(role: &'static str) {
    // The first one stays: a process is one command.
    let _ = ROLE.set(role);
}

/// Which command this process is.
pub(crate) fn role() -> &'static str {
    ROLE.get().copied().unwrap_or("syncline")
}

/// Where jobs wait, and how many may.
#[derive(Clone)]
pub(crate) struct QueueSettings {
    /// Redis and the prefix of the queue's keys there; none: the queue is in Syncline's own database.
    pub(crate) redis: Option<(String, String)>,
    /// Runs that may wait.
    pub(crate) limit: u64,
}

impl QueueSettings {
    /// Where the queue is, for people.
    pub(crate) fn shown(&self) -> String {
        self.redis.as_ref().map_or_else(|| "in the database".to_owned(), |(url, _)| without_password(url))
    }
}

/// Notes where this process's jobs wait.
pub(crate) fn set_queue(args: &QueueArgs) -> Result<(), Fault> {
    let settings = queue_settings(args, role())?;
    // The first one stays, as with the role.
    let _ = QUEUE.set(settings);
    Ok(())
}

/// Where this process's jobs wait.
pub(crate) fn queue() -> Result<&'static QueueSettings, Fault> {
    QUEUE.get().ok_or_else(|| Fault::failed("the queue's settings were not read"))
}

fn queue_settings(args: &QueueArgs, role: &str) -> Result<QueueSettings, Fault> {
    let url = args.redis_url.clone().filter(|url| !url.trim().is_empty());
    let redis = match (args.queue, url) {
        (Some(QueueChoice::Sql), _) | (None, None) => None,
        (_, Some(url)) => Some(url),
        (Some(QueueChoice::Redis), None) => {
            return Err(Fault::usage("--queue redis needs REDIS_URL (or --redis-url) to say where Redis is"));
        }
    };
    // A demo has a database of its own, so nobody else must find its jobs.
    let prefix = match role {
        "demo" => format!("{}-demo-{}", args.queue_prefix, Uuid::now_v7().simple()),
        _ => args.queue_prefix.clone(),
    };
    Ok(QueueSettings { redis: redis.map(|url| (url, prefix)), limit: args.queue_limit })
}

/// An address as it may be shown: without its password, and without parameters, in which one may stand as well.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(no address)".to_owned() };
    let rest = rest.split('?').next().unwrap_or_default();
    let (authority, path) =
        rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let authority = match authority.rsplit_once('@') {
        Some((user, hosts)) => match user.split(':').next().unwrap_or_default() {
            "" => hosts.to_owned(),
            user => format!("{user}@{hosts}"),
        },
        None => authority.to_owned(),
    };
    format!("{scheme}://{authority}{}", path.map(|path| format!("/{path}")).unwrap_or_default())
}

/// The database's address: as given, or put together from the older `DB_*` variables, or the embedded default.
pub(crate) fn database_url(given: Option<String>) -> Result<String, Fault> {
    let parts = ["DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"].map(older);
    match (given, parts) {
        (Some(given), _) => Ok(given),
        (None, [None, ..]) => Ok(DEFAULT_DATABASE.to_owned()),
        (None, [Some(host), port, name, user, password]) => {
            let name =
                name.ok_or_else(|| Fault::usage("DB_HOST is set and DB_NAME is not; or set DATABASE_URL"))?;
            Ok(postgres_url(
                &host,
                port.as_deref().unwrap_or("5432"),
                &name,
                user.as_deref(),
                password.as_deref(),
            ))
        }
    }
}

fn postgres_url(host: &str, port: &str, name: &str, user: Option<&str>, password: Option<&str>) -> String {
    let user = user.map(|user| {
        let password = password.map(|password| format!(":{}", escaped(password))).unwrap_or_default();
        format!("{}{password}@", escaped(user))
    });
    format!("postgres://{}{host}:{port}/{}", user.unwrap_or_default(), escaped(name))
}

/// Everything that means something in an address is written as `%XX`.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}

/// `%XX` and `+` as what they stand for.
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

/// Where the API listens.
pub(crate) fn api_address(given: Option<SocketAddr>) -> Result<SocketAddr, Fault> {
    address(given, "SYNC_PORT", 8080)
}

/// Where a worker tells how it is.
pub(crate) fn worker_address(given: Option<SocketAddr>) -> Result<SocketAddr, Fault> {
    address(given, "MONITOR_PORT", 8000)
}

fn address(given: Option<SocketAddr>, older_name: &str, default: u16) -> Result<SocketAddr, Fault> {
    if let Some(given) = given {
        return Ok(given);
    }
    let port = match older(older_name) {
        Some(text) => text
            .parse()
            .map_err(|_| Fault::usage(format!("{older_name} {text:?} is no port; write 1 to 65535")))?,
        None => default,
    };
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

/// A variable that is set to something.
pub(crate) fn older(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

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

    /// A parameter of the address, the part behind the question mark; the last one where it stands there twice, and under
    /// each name that the driver knows it by.
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

    /// Refuses what the driver would pass over, or tell without saying which file it means.
    pub(crate) fn check_tls(&self) -> Result<(), Fault> {
        let refuse = |text: String| Err(Fault::usage(format!("DATABASE_URL {}: {text}", self.shown())));
        for name in ["sslrootcert", "sslcert", "sslkey"] {
            // A certificate may also stand in the address itself.
            let Some(file) = self.parameter(name).filter(|file| !file.contains("-----BEGIN ")) else {
                continue;
            };
            if let Err(error) = std::fs::read(&file) {
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

    /// Whether it is a file of our own rather than a server.
    pub(crate) fn is_sqlite(&self) -> bool {
        self.0.starts_with("sqlite:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_names_make_an_address_whatever_the_password() {
        let url = postgres_url("db", "5433", "tickets", Some("me"), Some("p@ss/w:rd"));
        assert_eq!(url, "postgres://me:p%40ss%2Fw%3Ard@db:5433/tickets");
        assert_eq!(postgres_url("db", "5432", "x", None, None), "postgres://db:5432/x");
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

    fn queue_args(queue: Option<QueueChoice>, redis_url: Option<&str>) -> QueueArgs {
        let redis_url = redis_url.map(str::to_owned);
        QueueArgs { redis_url, queue, queue_prefix: "mine".to_owned(), queue_limit: 7 }
    }

    #[test]
    fn the_queue_is_where_redis_is_unless_it_is_said_otherwise() {
        let url = Some("redis://h");
        let redis =
            |queue, url, role| queue_settings(&queue_args(queue, url), role).map(|settings| settings.redis);
        let own = Some(("redis://h".to_owned(), "mine".to_owned()));
        assert!(redis(None, None, "up").is_ok_and(|redis| redis.is_none()));
        assert!(redis(None, Some(" "), "up").is_ok_and(|redis| redis.is_none()));
        assert!(redis(None, url, "up").is_ok_and(|redis| redis == own));
        assert!(redis(Some(QueueChoice::Redis), url, "up").is_ok_and(|redis| redis == own));
        assert!(redis(Some(QueueChoice::Sql), url, "up").is_ok_and(|redis| redis.is_none()));
        let fault = redis(Some(QueueChoice::Redis), None, "up").err().map(|fault| fault.message);
        assert!(fault.is_some_and(|message| message.contains("REDIS_URL")));
        let demos = [redis(None, url, "demo"), redis(None, url, "demo")].map(|demo| demo.ok().flatten());
        assert!(demos[0] != demos[1] && demos[0] != own, "demos keep apart");
    }

    #[test]
    fn a_password_of_the_queue_is_never_shown() {
        let shown = without_password("redis://me:s3cret@h:1,i:2/0?sentinel_password=s3cret");
        assert_eq!(shown, "redis://me@h:1,i:2/0");
        assert_eq!(without_password("rediss://:s3cret@h"), "rediss://h");
        assert!(!without_password("s3cret").contains("s3cret"));
    }

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
