//! What a test of a promise gets: a queue of its own over some store, and ways to do to the store what no call does.
#![allow(dead_code, reason = "each test binary uses its own part")]

#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(feature = "sql")]
pub(crate) mod sql;

use std::{any::Any, fmt, sync::Arc};

use async_trait::async_trait;
use syncline_queue::Backend;
use uuid::Uuid;

/// The queue that tests work on.
pub(crate) const QUEUE: &str = "work";

/// What only the store itself can do. Each store has its own way.
#[async_trait]
pub(crate) trait Hooks: fmt::Debug + Send + Sync {
    /// Whatever waits for its time is due now, in every queue of the store.
    async fn make_due(&self);

    /// A running job is dead, and its claim is stale: as if its worker had been silent for too long, another had taken
    /// it, and that had given it up.
    async fn outdo(&self, id: Uuid);

    /// The stored payload of a waiting job can no longer be read. False: this store keeps nothing that cannot be read.
    async fn spoil(&self, id: Uuid) -> bool;

    /// The same store as another process has it; a queue takes no more than so many waiting jobs from it.
    async fn another(&self, limit: Option<u64>) -> Arc<dyn Backend>;
}

/// A queue of its own for one test, with whatever must live as long.
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
