//! A backend as a source of jobs for an apalis worker. The only file of this crate that uses apalis.
//!
//! The source implements apalis' `Backend` itself. apalis' `Persisted` fetches, renews and acknowledges in one loop, so
//! that each can starve the others. Here each has a task of its own, and `poll_next` only takes what the fetcher has
//! put in line.

use std::{
    fmt, io,
    panic::AssertUnwindSafe,
    sync::Arc,
    task::{Context, Poll},
};

use apalis_core::{
    backend::{Backend as ApalisBackend, BackendConfig, finalize::Ephemeral},
    error::{AbortError, BoxDynError, RetryAfterError},
    task::{Task, builder::TaskBuilder, task_id::TaskId},
    worker::context::WorkerContext,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::runtime::Handle;
use tower::{Layer, Service};
use uuid::Uuid;

use crate::{
    backend::{Backend, Outcome},
    config::SourceConfig,
    fetcher::Gate,
    health::{Health, chain},
    job::LeasedJob,
    running::{Parts, Running, Shared, Started},
    tasks::panic_message,
};

/// Why a source could not start. A store that fails is not a reason: the source retries.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The source was polled outside a Tokio runtime.
    #[error("a queue's source needs a Tokio runtime")]
    NoRuntime,
    /// The lease keeper's thread could not be started.
    #[error("the lease keeper could not be started")]
    Keeper(#[source] io::Error),
}

/// Jobs of one queue for one apalis worker.
///
/// A handler takes a [`LeasedJob`] and returns an [`Outcome`]. An error or a panic counts as a retry; apalis'
/// `AbortError` makes the job dead, its `RetryAfterError` sets the minimum wait. The source limits its own concurrency,
/// so no layer is needed for that; `parallelize(tokio::spawn)` lets handlers use more than one thread.
///
/// The source starts at the first poll and closes with the worker: within [`SourceConfig::close_timeout`] it gives back
/// the jobs that were not started and stores the outcomes of those that ended.
pub struct QueueSource {
    config: SourceConfig,
    health: Health,
    shared: Arc<Shared>,
    stage: Stage,
}

enum Stage {
    New(Box<Parts>),
    Running(Running),
    Closing(BoxFuture<'static, ()>),
    Closed,
}

impl fmt::Debug for QueueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueSource").field("config", &self.config).finish_non_exhaustive()
    }
}

impl QueueSource {
    /// Creates a source of the backend's jobs.
    pub fn new(backend: Arc<dyn Backend>, config: SourceConfig) -> Self {
        let health = Health::new(&backend.place());
        let parts = Parts::new(backend, config.clone(), health.clone());
        Self { config, health, shared: Arc::clone(&parts.shared), stage: Stage::New(Box::new(parts)) }
    }

    /// Returns whether the source reaches its store. Call it before the source is moved to its worker.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    fn start(&mut self, worker: &WorkerContext) -> Result<(), SourceError> {
        if !matches!(self.stage, Stage::New(_)) {
            return Ok(());
        }
        let runtime = Handle::try_current().map_err(|_| SourceError::NoRuntime)?;
        if let Stage::New(parts) = std::mem::replace(&mut self.stage, Stage::Closed) {
            let worker = worker.clone();
            let gate = move || match () {
                () if worker.is_shutting_down() => Gate::Stopping,
                () if worker.is_paused() => Gate::Paused,
                () => Gate::Open,
            };
            self.stage = Stage::Running(parts.start(&runtime, Box::new(gate)).map_err(SourceError::Keeper)?);
        }
        Ok(())
    }
}

impl ApalisBackend for QueueSource {
    type Task = Task<LeasedJob>;
    type Error = SourceError;

    fn poll_ready(&mut self, _: &mut Context<'_>, worker: &WorkerContext) -> Poll<Result<(), SourceError>> {
        Poll::Ready(self.start(worker))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, SourceError>>> {
        if let Err(error) = self.start(worker) {
            return Poll::Ready(Some(Err(error)));
        }
        match self.stage {
            Stage::Running(_) => self.shared.line.poll_take(cx).map(|leased| Some(Ok(task(leased)))),
            _ => Poll::Ready(None),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), SourceError>> {
        if let Stage::Running(running) = &mut self.stage {
            let close = running.close().boxed();
            self.stage = Stage::Closing(close);
        }
        if let Stage::Closing(close) = &mut self.stage {
            std::task::ready!(close.poll_unpin(cx));
        }
        self.stage = Stage::Closed;
        Poll::Ready(Ok(()))
    }
}

/// Converts a job to an apalis task. apalis raises the attempt at the task's first poll, but the store has raised it at
/// the claim already.
fn task(leased: LeasedJob) -> Task<LeasedJob> {
    let job = &leased.job;
    let (id, before) = (TaskId::from_uuid(job.id), job.attempt.saturating_sub(1) as usize);
    let (max_attempts, priority) =
        (job.max_attempts as usize, usize::from(job.priority.rank().unsigned_abs()));
    // The job is moved, not cloned: copying payloads would cost more than the rest of this function.
    TaskBuilder::new(leased).task_id(id).attempt(before).max_attempts(max_attempts).priority(priority).build()
}

impl BackendConfig for QueueSource {
    type Args = LeasedJob;
    type Id = Uuid;
    /// The handler decodes the payload: apalis' durable kind ends the worker at a payload that it cannot decode.
    type Kind = Ephemeral;
    type Config = SourceConfig;
    type Layer = SettleLayer;

    fn config(&self) -> &SourceConfig {
        &self.config
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> SettleLayer {
        SettleLayer { shared: Arc::clone(&self.shared) }
    }
}

/// Hands the handler's outcome to the acknowledger. It is the outermost layer of the worker, so that it sees errors and
/// panics themselves.
#[derive(Debug, Clone)]
pub struct SettleLayer {
    shared: Arc<Shared>,
}

impl<S> Layer<S> for SettleLayer {
    type Service = SettleService<S>;

    fn layer(&self, inner: S) -> SettleService<S> {
        SettleService { shared: Arc::clone(&self.shared), inner }
    }
}

/// The service of [`SettleLayer`].
#[derive(Debug, Clone)]
pub struct SettleService<S> {
    shared: Arc<Shared>,
    inner: S,
}

impl<S> Service<Task<LeasedJob>> for SettleService<S>
where
    S: Service<Task<LeasedJob>, Response = Outcome>,
    S::Error: Into<BoxDynError>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<(), BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<LeasedJob>) -> Self::Future {
        let started = Started::new(Arc::clone(&self.shared), &task.args);
        if !task.args.lease.valid() {
            // The lease ran out before the job started. If no other worker has claimed the job, it waits again and no
            // attempt is used; otherwise this settlement is stale.
            started.settle(Outcome::Snooze { delay: std::time::Duration::ZERO });
            return async { Ok(()) }.boxed();
        }
        let handler = std::panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(task)));
        async move {
            let answer = match handler {
                Ok(future) => AssertUnwindSafe(future).catch_unwind().await,
                Err(panic) => Err(panic),
            };
            started.settle(match answer {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => failure(&*error.into()),
                Err(panic) => {
                    Outcome::Retry { error: format!("panicked: {}", panic_message(&*panic)), at_least: None }
                }
            });
            Ok(())
        }
        .boxed()
    }
}

/// Converts a handler's error to an outcome.
fn failure(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Outcome {
    let text = chain(error);
    if error.is::<AbortError>() {
        return Outcome::Dead { reason: "aborted".to_owned(), error: text };
    }
    let at_least = error.downcast_ref::<RetryAfterError>().map(RetryAfterError::get_duration);
    Outcome::Retry { error: text, at_least }
}
