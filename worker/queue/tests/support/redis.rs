//! Queues in Redis for the tests: the tests of a binary share a server, each with its own prefix.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use redis::{Client, Cmd, FromRedisValue, Value, cluster::ClusterClient};
use syncline_queue::{Backend, RedisBackend, RedisConfig};
use syncline_support::redis as servers;
use uuid::Uuid;

use super::{Hooks, QUEUE, Stage};

static STAGES: AtomicU32 = AtomicU32::new(0);

/// Creates a queue with its own keys on this binary's server.
pub(crate) async fn redis() -> Stage {
    let url =
        tokio::task::spawn_blocking(servers::shared_url).await.expect("a thread").expect("a Redis server");
    on(&url, ()).await
}

/// Creates a queue on this server.
pub(crate) async fn on(url: &str, guard: impl std::any::Any + Send + Sync) -> Stage {
    let hooks = RedisHooks { url: url.to_owned(), prefix: prefix() };
    Stage::new(backend(url, &hooks.prefix, Some(100_000)), hooks, guard)
}

pub(crate) fn prefix() -> String {
    format!("test{}", STAGES.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn backend(url: &str, prefix: &str, limit: Option<u64>) -> RedisBackend {
    let config = RedisConfig { prefix: prefix.to_owned(), limit, ..RedisConfig::default() };
    RedisBackend::new(url, config).expect("a URL")
}

/// Makes the changes in the store's keys.
#[derive(Debug)]
pub(crate) struct RedisHooks {
    url: String,
    prefix: String,
}

impl RedisHooks {
    async fn run(&self, script: &str, id: Option<Uuid>) {
        let mut call = Cmd::new();
        call.arg("EVAL").arg(script).arg(1).arg(format!("{{{}:{QUEUE}}}:", self.prefix));
        if let Some(id) = id {
            call.arg(id.as_bytes());
        }
        let done: Value = match self.url.strip_prefix("redis+cluster://") {
            Some(nodes) => {
                let client = ClusterClient::new(nodes.split(',').map(|node| format!("redis://{node}")));
                let connection = client.expect("a URL").get_async_connection().await;
                call.query_async(&mut connection.expect("the cluster")).await.expect("a script")
            }
            None => {
                let client = Client::open(self.url.as_str()).expect("a URL");
                let connection = client.get_multiplexed_async_connection().await;
                call.query_async(&mut connection.expect("the server")).await.expect("a script")
            }
        };
        assert_eq!(i64::from_redis_value(done).expect("a number"), 1);
    }
}

#[async_trait]
impl Hooks for RedisHooks {
    async fn make_due(&self) {
        let script = "
            local time = redis.call('TIME')
            local now = time[1] * 1000000 + time[2]
            for rank = 0, 3 do
                for _, key in ipairs({ KEYS[1] .. 'd' .. rank, KEYS[1] .. 'k' .. rank }) do
                    for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
                        local blob = redis.call('HGET', KEYS[1] .. 'jobs', id)
                        blob = string.sub(blob, 1, 7) .. struct.pack('<I7', now) .. string.sub(blob, 15)
                        redis.call('HSET', KEYS[1] .. 'jobs', id, blob)
                        redis.call('ZADD', key, now, id)
                    end
                end
            end
            return 1";
        self.run(script, None).await;
    }

    async fn outdo(&self, id: Uuid) {
        let script = "
            for rank = 0, 3 do
                for _, member in ipairs(redis.call('ZRANGE', KEYS[1] .. 'r' .. rank, 0, -1)) do
                    if string.sub(member, 1, 16) == ARGV[1] then
                        redis.call('ZREM', KEYS[1] .. 'r' .. rank, member)
                        redis.call('ZADD', KEYS[1] .. 'dead', 1, ARGV[1])
                        redis.call('HSET', KEYS[1] .. 'reasons', ARGV[1], 'outdone')
                        redis.call('HINCRBY', KEYS[1] .. 'meta', 'x' .. rank, 1)
                        return 1
                    end
                end
            end
            return 0";
        self.run(script, Some(id)).await;
    }

    async fn spoil(&self, id: Uuid) -> bool {
        let script = "
            local blob = redis.call('HGET', KEYS[1] .. 'jobs', ARGV[1])
            redis.call('HSET', KEYS[1] .. 'jobs', ARGV[1], string.sub(blob, 1, -2))
            return 1";
        self.run(script, Some(id)).await;
        true
    }

    async fn another(&self, limit: Option<u64>) -> Arc<dyn Backend> {
        Arc::new(backend(&self.url, &self.prefix, limit))
    }
}

/// Creates a queue with its own keys on this binary's cluster.
pub(crate) async fn cluster() -> Stage {
    static SHARED: tokio::sync::OnceCell<servers::Cluster> = tokio::sync::OnceCell::const_new();
    let start = || async { tokio::task::spawn_blocking(servers::Cluster::start).await.expect("a thread") };
    let cluster = SHARED.get_or_try_init(start).await.expect("a cluster");
    on(&cluster.url(), ()).await
}
