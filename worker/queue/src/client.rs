//! How other services ask for work, without an ORM and without Syncline's database.

pub mod document;

#[cfg(feature = "redis")]
use uuid::Uuid;

pub use self::document::{DocumentError, MAX_DOCUMENT, RequestKind, SyncRequest};
#[cfg(feature = "redis")]
use crate::{Backend, Error, RedisBackend, RedisConfig, UrlError};

/// A client of an installation whose queue is in Redis.
///
/// A request is put into the queue's inbox, a list from which a worker takes it: it checks the document, writes the run
/// under the request's id, and dispatches it. Until then it is as durable as Redis. Whoever needs to know at once which run
/// stands for the request, or whether there is room, uses the HTTP API.
#[cfg(feature = "redis")]
#[derive(Debug, Clone)]
pub struct Client {
    backend: RedisBackend,
    queue: String,
}

/// Why a client could not be made, or a request not be put into the inbox.
#[cfg(feature = "redis")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL is of no use.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The request is one that no worker would take.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Redis did not take it.
    #[error(transparent)]
    Store(#[from] Error),
}

#[cfg(feature = "redis")]
impl Client {
    /// Connects to Redis or Valkey; `prefix` is that of the installation, `syncline` unless it was set otherwise.
    pub async fn connect(url: &str, prefix: &str) -> Result<Self, ClientError> {
        let config = RedisConfig { prefix: prefix.to_owned(), ..RedisConfig::default() };
        let backend = RedisBackend::new(url, config)?;
        backend.check().await?;
        Ok(Self { backend, queue: "default".to_owned() })
    }

    /// The same for another queue than `default`.
    #[must_use]
    pub fn with_queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = queue.into();
        self
    }

    /// Asks for a run and gives the id that it will have. Asking again with the same id is one run.
    pub async fn enqueue_sync(&self, mut request: SyncRequest) -> Result<Uuid, ClientError> {
        let id = *request.id.get_or_insert_with(Uuid::now_v7);
        let text = request.to_text()?;
        self.backend.put_into_inbox(&self.queue, text.as_bytes()).await?;
        Ok(id)
    }

    /// The queue itself, for jobs of one's own: push them, look at them, cancel them.
    pub fn backend(&self) -> &dyn Backend {
        &self.backend
    }
}
