//! The queue in Redis or Valkey.
//!
//! Every step is one atomic script; keys.rs describes the keys, blob.rs the form of a job. To be fast, a claim and a
//! settlement of plain jobs write nothing but the line, the lease and the job's end, with a few commands per batch.
//! Times are microseconds by the server's clock.

mod blob;
mod claim;
mod connection;
mod error;
mod inbox;
mod keys;
mod listen;
mod look;
mod maintain;
mod push;
mod push_together;
mod queues;
mod reply;
mod script;
mod server;
mod settle;
mod url;

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use redis::{Cmd, Value as Answer};
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

pub(crate) use self::error::RedisFailure;
pub use self::{
    connection::Connection,
    inbox::{INBOX_KIND, InboxEntry},
    script::Script,
    url::UrlError,
};
use self::{queues::Queues, url::Address};
use crate::{
    backend::{
        Backend, Cancelled, ClaimRequest, Claimed, Count, Error, JobQuery, LeaseRef, Page, Pushed, Renewal,
        Rescued, Settled, Settlement,
    },
    job::{Job, NewJob, Priority},
    together::Together,
};

/// The settings of a queue in Redis.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// The common beginning of all key names, so that several installations can share a server.
    pub prefix: String,
    /// The most waiting jobs per queue; `None`: no limit but memory.
    pub limit: Option<u64>,
    /// The timeout of a call.
    pub response_timeout: Duration,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self { prefix: "syncline".to_owned(), limit: Some(100_000), response_timeout: connection::RESPONSE }
    }
}

/// A queue in Redis or Valkey: one server, one behind sentinels, or a cluster.
#[derive(Debug, Clone)]
pub struct RedisBackend {
    connection: Connection,
    config: Arc<RedisConfig>,
    queues: Arc<Queues>,
    wakeups: Arc<watch::Sender<u64>>,
    cancellations: Arc<watch::Sender<u64>>,
    pushes: Together<push_together::PushCall, Result<Vec<Pushed>, Error>>,
    /// The claims made by this process.
    claims: Arc<AtomicU64>,
    /// The connection on which this instance waits for work and claims it, and its name there.
    standing: Connection,
    ear: Arc<str>,
    /// The time of the latest such wait.
    stood_by: Arc<Mutex<Option<Instant>>>,
}

impl RedisBackend {
    /// Creates a queue at this URL. It opens no connection: see [`RedisBackend::check`]. Clones share their connection
    /// and their wake-ups, so use one per process.
    pub fn new(url: &str, config: RedisConfig) -> Result<Self, UrlError> {
        let address = Arc::new(Address::parse(url)?);
        let connection = Connection::new(address, config.response_timeout);
        let ear = uuid::Uuid::now_v7().simple().to_string();
        Ok(Self {
            standing: connection.beside(config.response_timeout + Duration::from_secs(1)),
            ear: ear.into(),
            stood_by: Arc::default(),
            connection,
            config: Arc::new(config),
            queues: Arc::default(),
            wakeups: Arc::default(),
            cancellations: Arc::default(),
            claims: Arc::default(),
            pushes: push_together::meeting_place(),
        })
    }

    /// Checks at startup that the server answers.
    pub async fn check(&self) -> Result<(), Error> {
        let mut ping = Cmd::new();
        ping.arg("PING");
        self.connection.run(&ping).await?;
        Ok(())
    }

    /// Returns a Redis URL for display, without its password and parameters.
    pub fn shown_url(url: &str) -> Result<String, UrlError> {
        Ok(Address::parse(url)?.shown())
    }

    /// Returns the connection, for other data that is kept on the server.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the common beginning of all key names.
    pub fn prefix(&self) -> &str {
        &self.config.prefix
    }

    fn base(&self, queue: &str) -> String {
        keys::base(&self.config.prefix, queue)
    }

    /// Runs a script. The error for a key of the wrong type names that key.
    async fn run(&self, script: &Script, base: &str, call: &Cmd) -> Result<Answer, Error> {
        match script.run(&self.connection, call).await {
            Err(error) if error::is_wrong_type(&error) => Err(self.wrong_type(base, error).await),
            result => Ok(result?),
        }
    }

    async fn wrong_type(&self, base: &str, error: redis::RedisError) -> Error {
        for (key, expected) in keys::fixed(base) {
            let mut ask = Cmd::new();
            ask.arg("TYPE").arg(&key);
            let Ok(Answer::SimpleString(found)) = self.connection.run(&ask).await else { continue };
            if found != "none" && found != expected {
                let what = format!(
                    "the key {key} in Redis holds a {found} where the queue keeps a {expected}; \
                     something else writes there: give the queue another prefix, or remove the key"
                );
                return Error::Refused(what.into());
            }
        }
        Error::Refused(RedisFailure::from(error).into())
    }

    /// Notes that a worker of this instance waits for the queue's token itself.
    fn note_standing_by(&self) {
        *self.stood_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// True if a worker did so recently.
    fn stands_by(&self) -> bool {
        let stood = *self.stood_by.lock().unwrap_or_else(PoisonError::into_inner);
        stood.is_some_and(|at| at.elapsed() < claim::LONGEST_WAIT * 3)
    }

    /// Wakes this process's workers if `reason` is true.
    fn wake_if(&self, reason: bool) {
        if reason {
            bump(&self.wakeups);
        }
    }
}

#[async_trait]
impl Backend for RedisBackend {
    fn place(&self) -> String {
        format!("Redis at {}", self.connection.shown())
    }

    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        push::push(self, jobs, self.config.limit).await
    }

    async fn put_back(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        push::push(self, jobs, None).await
    }

    async fn known(&self, ids: &[Uuid]) -> Result<Vec<bool>, Error> {
        look::known(self, ids).await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Claimed, Error> {
        claim::claim(self, request).await
    }

    async fn claim_next(&self, request: &ClaimRequest, wait: Duration) -> Option<Result<Claimed, Error>> {
        claim::claim_next(self, request, wait).await
    }

    async fn rouse(&self, queue: &str) {
        claim::rouse(self, queue).await;
    }

    async fn renew(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<Renewal>, Error> {
        maintain::renew(self, leases, lease).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, Error> {
        settle::settle(self, settlements).await
    }

    async fn give_back(&self, leases: &[LeaseRef]) -> Result<Vec<Settled>, Error> {
        settle::give_back(self, leases).await
    }

    async fn rescue(&self) -> Result<Vec<Rescued>, Error> {
        maintain::rescue(self).await
    }

    async fn progress(&self, lease: LeaseRef, progress: &Value) -> Result<bool, Error> {
        maintain::progress(self, lease, progress).await
    }

    async fn cancel(&self, id: Uuid) -> Result<Cancelled, Error> {
        maintain::cancel(self, id).await
    }

    async fn get(&self, id: Uuid) -> Result<Option<Job>, Error> {
        look::get(self, id).await
    }

    async fn list(&self, query: &JobQuery) -> Result<Page, Error> {
        look::list(self, query).await
    }

    async fn replay(&self, id: Uuid) -> Result<bool, Error> {
        maintain::replay(self, id).await
    }

    async fn discard(&self, id: Uuid) -> Result<bool, Error> {
        maintain::discard(self, id).await
    }

    async fn set_priority(&self, id: Uuid, priority: Priority) -> Result<bool, Error> {
        maintain::set_priority(self, id, priority).await
    }

    async fn counts(&self, queue: &str) -> Result<Vec<Count>, Error> {
        look::counts(self, queue).await
    }

    async fn pause(&self, queue: &str) -> Result<bool, Error> {
        maintain::pause(self, queue, "pause").await
    }

    async fn resume(&self, queue: &str) -> Result<bool, Error> {
        let resumed = maintain::pause(self, queue, "resume").await?;
        self.wake_if(resumed);
        Ok(resumed)
    }

    async fn is_paused(&self, queue: &str) -> Result<bool, Error> {
        maintain::pause(self, queue, "ask").await
    }

    async fn listen(&self, queue: &str) {
        listen::listen(self, queue).await;
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.wakeups.subscribe()
    }

    fn wake(&self) {
        bump(&self.wakeups);
    }

    fn cancellations(&self) -> watch::Receiver<u64> {
        self.cancellations.subscribe()
    }

    async fn own_connection(&self) -> Result<Option<Arc<dyn Backend>>, Error> {
        let connection = self.connection.beside(self.config.response_timeout);
        Ok(Some(Arc::new(Self { connection, ..self.clone() })))
    }
}

fn bump(hint: &watch::Sender<u64>) {
    hint.send_modify(|generation| *generation = generation.wrapping_add(1));
}
