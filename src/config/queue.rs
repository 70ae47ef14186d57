//! The location of the queue, and its limit.

use syncline_queue::RedisBackend;
use uuid::Uuid;

use super::reader::{Origin, Reader};
use crate::{
    cli::{QueueArgs, QueueChoice},
    fault::Fault,
};

#[derive(Clone)]
pub(crate) struct QueueConfig {
    /// The location in Redis; none: the queue is in Syncline's own database. `--queue`, `SYNCLINE_QUEUE`: `redis` or
    /// `sql`; default `redis` if there is a `REDIS_URL`.
    pub(crate) redis: Option<RedisPlace>,
    /// Most runs that may wait. `--queue-limit`, `SYNCLINE_QUEUE_LIMIT`; default 100000.
    pub(crate) limit: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedisPlace {
    /// The address. `--redis-url`, else `REDIS_URL` or `REDIS_URL_FILE`.
    pub(crate) url: String,
    /// The prefix of the queue's keys. `--queue-prefix`, `SYNCLINE_QUEUE_PREFIX`; default `syncline`.
    pub(crate) prefix: String,
}

impl QueueConfig {
    /// Reads the location of the queue, and checks the address as far as possible without connecting.
    pub(super) fn read(args: &QueueArgs, role: &str, reader: &mut Reader<'_>) -> Result<QueueConfig, Fault> {
        let url = url(args, reader)?;
        reader.note_argument("queue_prefix", "SYNCLINE_QUEUE_PREFIX", &args.queue_prefix);
        reader.note_argument("queue_limit", "SYNCLINE_QUEUE_LIMIT", args.queue_limit);
        // A demo has a database of its own, so no other worker may find its jobs.
        let prefix = match role {
            "demo" => format!("{}-demo-{}", args.queue_prefix, Uuid::now_v7().simple()),
            _ => args.queue_prefix.clone(),
        };
        let redis = url.map(|url| RedisPlace { url, prefix });
        Ok(QueueConfig { redis, limit: args.queue_limit })
    }

    /// The location of the queue for display.
    pub(crate) fn shown(&self) -> String {
        self.redis.as_ref().map_or_else(
            || "in the database".to_owned(),
            // An invalid address is refused before this is called.
            |redis| RedisBackend::shown_url(&redis.url).unwrap_or_default(),
        )
    }
}

/// The address of the queue's Redis; none for the queue in the database.
fn url(args: &QueueArgs, reader: &mut Reader<'_>) -> Result<Option<String>, Fault> {
    if args.queue == Some(QueueChoice::Sql) {
        reader.note_argument("queue", "SYNCLINE_QUEUE", "sql");
        // An address that is not used is neither read nor checked.
        match reader.secret_origin("redis_url", "REDIS_URL") {
            Some(origin) => {
                reader.note_flag("redis_url", "REDIS_URL", "not used: the queue is in the database", origin);
            }
            None => reader.note_flag("redis_url", "REDIS_URL", "not set", Origin::Default),
        }
        return Ok(None);
    }
    let secret = reader.secret_flag("redis_url", "REDIS_URL", args.redis_url.as_deref())?;
    let Some(secret) = secret else {
        if args.queue == Some(QueueChoice::Redis) {
            return Err(Fault::usage("--queue redis needs REDIS_URL (or --redis-url) to say where Redis is"));
        }
        reader.note_argument("queue", "SYNCLINE_QUEUE", "sql");
        reader.note_flag("redis_url", "REDIS_URL", "not set", Origin::Default);
        return Ok(None);
    };
    let shown = RedisBackend::shown_url(&secret.value)
        .map_err(|error| secret.explained(Fault::usage(format!("REDIS_URL: {error}"))))?;
    match (args.queue, &secret.origin) {
        (Some(_), _) => reader.note_argument("queue", "SYNCLINE_QUEUE", "redis"),
        (None, Origin::Flag) => {
            reader.note_flag("queue", "SYNCLINE_QUEUE", "redis", Origin::FlagOf("--redis-url"));
        }
        (None, origin) => reader.note_flag("queue", "SYNCLINE_QUEUE", "redis", origin.clone()),
    }
    reader.note_flag("redis_url", "REDIS_URL", shown, secret.origin);
    Ok(Some(secret.value))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    fn read(
        queue: Option<QueueChoice>,
        variables: &[(&str, &str)],
        role: &str,
    ) -> Result<Option<RedisPlace>, String> {
        let args = QueueArgs { redis_url: None, queue, queue_prefix: "mine".to_owned(), queue_limit: 7 };
        let matches = matches(&["up"]);
        let read = QueueConfig::read(&args, role, &mut Reader::new(&matches, &Variables(variables)));
        read.map(|config| config.redis).map_err(|fault| fault.message)
    }

    #[test]
    fn the_queue_is_where_redis_is_unless_it_is_said_otherwise() {
        let url = &[("REDIS_URL", "redis://h")][..];
        let own = Ok(Some(RedisPlace { url: "redis://h".to_owned(), prefix: "mine".to_owned() }));
        assert_eq!(read(None, &[], "up"), Ok(None));
        assert_eq!(read(None, &[("REDIS_URL", " ")], "up"), Ok(None));
        assert_eq!(read(None, url, "up"), own);
        assert_eq!(read(Some(QueueChoice::Redis), url, "up"), own);
        assert_eq!(read(Some(QueueChoice::Sql), url, "up"), Ok(None));
        assert!(read(Some(QueueChoice::Redis), &[], "up").unwrap_err().contains("REDIS_URL"));
        let demos = [read(None, url, "demo"), read(None, url, "demo")];
        assert!(demos[0] != demos[1] && demos[0] != own, "demos keep apart");
    }

    #[test]
    fn an_address_that_is_not_used_is_not_read() {
        let missing = &[("REDIS_URL_FILE", "/nowhere/redis")][..];
        assert_eq!(read(Some(QueueChoice::Sql), missing, "up"), Ok(None));
        assert!(read(None, missing, "up").unwrap_err().contains("REDIS_URL_FILE /nowhere/redis: "));
    }
}
