//! The setup of a contract test: a queue over some store, and changes to the store that no call makes.
#![allow(dead_code, reason = "each test binary uses its own part")]

#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(feature = "sql")]
pub(crate) mod sql;

use std::{any::Any, fmt, sync::Arc};

use async_trait::async_trait;
use syncline_queue::Backend;
use uuid::Uuid;

/// The queue that tests use.
pub(crate) const QUEUE: &str = "work";

/// Changes that only the store itself can make, in each store's own way.
#[async_trait]
pub(crate) trait Hooks: fmt::Debug + Send + Sync {
    /// Makes all delayed jobs due now, in every queue of the store.
    async fn make_due(&self);

    /// Makes a running job dead and its claim stale, as if its lease had run out, another worker had claimed it, and
    /// that one had given it up.
    async fn outdo(&self, id: Uuid);

    /// Makes the stored payload of a waiting job unreadable. Returns false if this store cannot contain unreadable
    /// payloads.
    async fn spoil(&self, id: Uuid) -> bool;

    /// Opens the same store as another process would; its queues take at most `limit` waiting jobs.
    async fn another(&self, limit: Option<u64>) -> Arc<dyn Backend>;
}

/// The queue of one test, and everything that must live as long.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) hooks: Arc<dyn Hooks>,
    _guard: Box<dyn Any + Send + Sync>,
}

impl Stage {
    pub(crate) fn new(
        backend: impl Backend,
        hooks: impl Hooks + 'static,
        guard: impl Any + Send + Sync,
    ) -> Self {
        Self { backend: Arc::new(backend), hooks: Arc::new(hooks), _guard: Box::new(guard) }
    }
}
