//! Takes the requests that other services pushed into the queue's inbox. Each request is stored as a run under the id
//! in the request and only then removed from the inbox. An invalid request becomes a dead letter with the reason.

use std::time::Duration;

use syncline_entity::{
    sync_history,
    types::{RunKind, SyncMethod},
};
use syncline_queue::{
    Error, InboxEntry, RedisBackend, chain,
    client::{RequestKind, SyncRequest},
};
use syncline_runs::{NewRun, RUN_QUEUE, RunArgs, accept};
use syncline_service::{Error as ServiceError, Unknown, syncs};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::environment::Environment;

/// Delay between two polls of an empty inbox.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Delay after an error of the store or the database, or if the queue is full.
const BACK_OFF: Duration = Duration::from_secs(2);
/// Requests taken at once.
const AT_ONCE: usize = 100;
/// The lease on taken requests; longer than storing them takes.
const LEASE: Duration = Duration::from_secs(60);
/// Timeout of one call to the store.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes requests until shutdown. A queue in SQL has no inbox.
pub async fn run(environment: Environment, shutdown: CancellationToken) {
    let Some(redis) = environment.queue.inbox().cloned() else { return };
    let forever = async {
        let mut failing = false;
        loop {
            let wait = match take(&environment, &redis).await {
                Ok(0) => LOOK_EVERY,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    // An outage of Redis is logged where jobs are claimed.
                    let is_away = error.downcast_ref::<Error>().is_some_and(Error::is_temporary);
                    if !failing && !is_away {
                        tracing::warn!(
                            error = chain(error.as_ref()),
                            "requests stay in the queue's inbox for now"
                        );
                    }
                    failing = true;
                    sleep(BACK_OFF).await;
                    continue;
                }
            };
            failing = false;
            sleep(wait).await;
        }
    };
    shutdown.run_until_cancelled(forever).await;
}

/// Takes some requests. Returns the number that were stored or refused; after an error the others are taken again.
pub async fn take(environment: &Environment, redis: &RedisBackend) -> anyhow::Result<usize> {
    let entries = timeout(PATIENCE, redis.take_from_inbox(RUN_QUEUE, AT_ONCE, LEASE))
        .await
        .map_err(|_| Error::late())??;
    let mut accepted = Vec::with_capacity(entries.len());
    let mut failed = None;
    for entry in &entries {
        match accept_entry(environment, entry).await {
            Ok(()) => accepted.push(entry.id),
            Err(Refusal::Bad { reason, error }) => {
                tracing::warn!(entry = %entry.id, reason, error, "a request in the inbox was refused");
                metrics::counter!("sync_inbox_total", "result" => "refused").increment(1);
                let id = timeout(PATIENCE, letter_id(environment, entry)).await??;
                timeout(PATIENCE, redis.refuse_from_inbox(RUN_QUEUE, entry, id, reason, &error)).await??;
            }
            Err(Refusal::Later(error)) => {
                failed = Some(error);
                break;
            }
        }
    }
    // After the commit: a request that is taken twice is stored as one run.
    if !accepted.is_empty() {
        timeout(PATIENCE, redis.remove_from_inbox(RUN_QUEUE, &accepted)).await??;
        metrics::counter!("sync_inbox_total", "result" => "accepted").increment(accepted.len() as u64);
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(entries.len()),
    }
}

/// Returns the id under which the sender looks for a refused request: the one in the request, or the entry's own if the
/// request has none or if a run or a job has that id already.
async fn letter_id(environment: &Environment, entry: &InboxEntry) -> anyhow::Result<Uuid> {
    let request: Option<serde_json::Value> = serde_json::from_slice(&entry.text).ok();
    let named = request.and_then(|request| request["id"].as_str()?.parse().ok());
    let Some(id) = named else { return Ok(entry.id) };
    let used = sync_history::by_run(&environment.db, id).await?.is_some()
        || environment.queue.get(id).await?.is_some();
    Ok(if used { entry.id } else { id })
}

enum Refusal {
    /// The request will never be accepted.
    Bad { reason: &'static str, error: String },
    /// The request cannot be stored now.
    Later(anyhow::Error),
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Unknown { what: Unknown::Project, message } => {
                Refusal::Bad { reason: "unknown project", error: message }
            }
            ServiceError::Unknown { message, .. } => Refusal::Bad { reason: "unknown sync", error: message },
            other => Refusal::Later(other.into()),
        }
    }
}

async fn accept_entry(environment: &Environment, entry: &InboxEntry) -> Result<(), Refusal> {
    let bad = |reason: &'static str, error: String| Refusal::Bad { reason, error };
    let request =
        SyncRequest::parse(&entry.text).map_err(|error| bad("request not understood", error.to_string()))?;
    let config = syncs::find_in(&environment.db, &request.project, &request.sync).await?;
    let kind = match request.kind {
        RequestKind::Sync => RunKind::Sync,
        RequestKind::Plan => RunKind::Plan,
    };
    let run = NewRun::of(&config, kind, SyncMethod::Manual)
        .map_err(|error| bad("unreadable sync", format!("the document of {:?}: {error}", config.name)))?;
    let run = NewRun {
        id: Some(request.id.unwrap_or(entry.id)),
        priority: request.priority.unwrap_or(run.priority),
        args: RunArgs {
            full: request.full,
            confirm_deletes: request.confirm_deletes,
            allow_deletes_of: request.allow_deletes_of.clone(),
            allow_deletes: request.allow_deletes,
            ..RunArgs::default()
        },
        not_before: request.not_before,
        ..run
    };
    match accept(&environment.db, &environment.queue, &run).await {
        Ok(accepted) => {
            tracing::info!(sync = config.name, run = ?accepted.id(), "accepted a request from the inbox");
            Ok(())
        }
        // The same document would be refused again.
        Err(Error::Refused(error)) => Err(bad("refused", error.to_string())),
        Err(error) => Err(Refusal::Later(error.into())),
    }
}
