//! How other services request runs, without an ORM and without Syncline's database.

pub mod document;

#[cfg(feature = "redis")]
use uuid::Uuid;

pub use self::document::{DocumentError, MAX_DOCUMENT, RequestKind, SyncRequest};
#[cfg(feature = "redis")]
use crate::{Backend, Error, RedisBackend, RedisConfig, UrlError};

/// A client of an installation whose queue is in Redis.
///
/// A request goes into the queue's inbox, a list. A worker takes it from there, checks the document, writes the run
/// under the request's id, and dispatches it. Until then the request is as durable as Redis. A caller that must know at
/// once which run stands in for the request, or whether there is room, uses the HTTP API.
#[cfg(feature = "redis")]
#[derive(Debug, Clone)]
pub struct Client {
    backend: RedisBackend,
    queue: String,
}

/// Why a client could not be created, or a request not be put into the inbox.
#[cfg(feature = "redis")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL is invalid.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The document is invalid; a worker would refuse it.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Redis could not be reached, or refused the call.
    #[error(transparent)]
    Store(#[from] Error),
}

#[cfg(feature = "redis")]
impl Client {
    /// Connects to Redis or Valkey. `prefix` is the installation's key prefix, `syncline` by default.
    pub async fn connect(url: &str, prefix: &str) -> Result<Self, ClientError> {
        let config = RedisConfig { prefix: prefix.to_owned(), ..RedisConfig::default() };
        let backend = RedisBackend::new(url, config)?;
        backend.check().await?;
        Ok(Self { backend, queue: "default".to_owned() })
    }

    /// Uses another queue than `default`.
    #[must_use]
    pub fn with_queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = queue.into();
        self
    }

    /// Requests a run and returns its id. Requests with the same id are one run.
    pub async fn enqueue_sync(&self, mut request: SyncRequest) -> Result<Uuid, ClientError> {
        let id = *request.id.get_or_insert_with(Uuid::now_v7);
        let text = request.to_text()?;
        self.backend.put_into_inbox(&self.queue, text.as_bytes()).await?;
        Ok(id)
    }

    /// Returns the queue itself, to push, list or cancel jobs of your own.
    pub fn backend(&self) -> &dyn Backend {
        &self.backend
    }
}
