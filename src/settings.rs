//! Addresses, from flags and from the environment under present and older names.

mod database_url;

use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddr},
    sync::OnceLock,
};

use syncline_queue::RedisBackend;
use uuid::Uuid;

pub(crate) use self::database_url::DatabaseUrl;
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
        self.redis.as_ref().map_or_else(
            || "in the database".to_owned(),
            // An address that cannot be read was refused before it is shown anywhere.
            |(url, _)| RedisBackend::shown_url(url).unwrap_or_default(),
        )
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
        (_, Some(url)) => {
            RedisBackend::shown_url(&url).map_err(|error| Fault::usage(format!("REDIS_URL: {error}")))?;
            Some(url)
        }
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

/// The database's address: as given, or put together from the older `DB_*` variables, or the embedded default.
pub(crate) fn database_url(given: Option<String>) -> Result<String, Fault> {
    let parts = ["DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_PASSWORD"].map(older);
    match (given.filter(|url| !url.trim().is_empty()), parts) {
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

/// Where a role listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    /// The address is the default, so another free port may be used.
    pub(crate) or_next: bool,
}

/// Where the API listens.
pub(crate) fn api_address(given: Option<SocketAddr>) -> Result<Listen, Fault> {
    // Its callers have to know the port.
    Ok(Listen { or_next: false, ..address(given, "SYNC_PORT", 8080)? })
}

/// Where a worker tells how it is.
pub(crate) fn worker_address(given: Option<SocketAddr>) -> Result<Listen, Fault> {
    address(given, "MONITOR_PORT", 8000)
}

fn address(given: Option<SocketAddr>, older_name: &str, default: u16) -> Result<Listen, Fault> {
    if let Some(address) = given {
        return Ok(Listen { address, or_next: false });
    }
    let told = older(older_name);
    let port = match &told {
        Some(text) => text
            .parse()
            .map_err(|_| Fault::usage(format!("{older_name} {text:?} is no port; write 1 to 65535")))?,
        None => default,
    };
    Ok(Listen { address: (Ipv4Addr::LOCALHOST, port).into(), or_next: told.is_none() })
}

/// A variable that is set to something.
pub(crate) fn older(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
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
}
