//! A file per kind of job.

mod plan;
mod purge;
mod sync;

pub use plan::{ITEMS_KEPT, show};
pub use purge::purge_job;

use std::{str::FromStr, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use syncline_engine::{
    Side,
    ports::{ErrorKind, Leave, Stopped, StoreError},
    run::RunError,
    spec::{SyncSpec, unknown_keys},
};
use syncline_entity::{
    sync_config,
    types::{RunKind, RunStatus},
};
use syncline_queue::{Lease, LeasedJob, Outcome};
use syncline_runs::{Begin, Begun, Ending, PAYLOAD_VERSION, bury};
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    admission::{self, Accounts, Blame},
    environment::Environment,
    open::OpenError,
};

/// Runs one job. Errors of the run are outcomes; an error here is Syncline's own database.
pub async fn handle(environment: Arc<Environment>, leased: LeasedJob) -> anyhow::Result<Outcome> {
    let job = &leased.job;
    if job.kind == purge::KIND {
        return Ok(purge::handle(&environment, &leased).await);
    }
    if job.payload_version > PAYLOAD_VERSION {
        // An older binary beside newer ones: they know what it means.
        return Ok(Outcome::Snooze { delay: Duration::from_secs(5) });
    }
    let run = job.payload.get("run").and_then(|run| run.as_str()).and_then(|run| Uuid::from_str(run).ok());
    let Some(run) = run else {
        let (reason, error) = ("payload not understood", format!("payload {} has no run id", job.payload));
        bury(&environment.db, job.id, reason, &error, environment.clock.now()).await?;
        return Ok(Outcome::Dead { reason: reason.to_owned(), error });
    };
    let begun = match environment.run_book().begin(run, job.attempt).await? {
        Begin::Begun(begun) => begun,
        // Its row waits for the end of the pause, and the dispatcher makes another job of it then.
        Begin::Parked => return Ok(Outcome::Cancelled),
        // Finished by whoever had it before, and only the acknowledgement was lost.
        Begin::Over => return Ok(Outcome::Done),
    };
    let span = tracing::info_span!("run", %run, kind = %begun.row.kind, attempt = job.attempt);
    carry_out(&environment, &begun, &leased).instrument(span).await
}

async fn carry_out(environment: &Environment, begun: &Begun, leased: &LeasedJob) -> anyhow::Result<Outcome> {
    let ended = match &begun.config {
        Some(config) if config.deleted_at.is_none() => {
            match stored_spec(config) {
                Ok(spec) => admitted(environment, begun, leased, config, spec).await,
                // It was checked when it was stored, so a newer version did that, whose workers can read it.
                Err(error) => {
                    let text =
                        format!("this version cannot read the stored document of {:?}: {error}", config.name);
                    Err(Failure::NotYet(text, environment.clock.now() + UNREADABLE_DELAY))
                }
            }
        }
        _ => Err(Failure::Lasting("the sync was deleted".to_owned())),
    };
    match ended {
        Ok(()) => Ok(Outcome::Done),
        Err(failure) => fail(environment, begun, leased, failure).await,
    }
}

/// How long a run stays with the newer workers that can read its document.
const UNREADABLE_DELAY: TimeDelta = TimeDelta::seconds(5);

/// The document of a sync. Keys that only newer versions know are ignored.
fn stored_spec(config: &sync_config::Model) -> Result<SyncSpec, serde_json::Error> {
    let unknown = unknown_keys(&config.config_json);
    if !unknown.is_empty() {
        tracing::warn!(
            sync = config.name,
            keys = unknown.join(", "),
            "the stored document has keys that this version does not know; it ignores them"
        );
    }
    serde_json::from_value(config.config_json.clone())
}

/// Runs it if its platforms may be called now, and tells their breakers how that went.
async fn admitted(
    environment: &Environment,
    begun: &Begun,
    leased: &LeasedJob,
    config: &sync_config::Model,
    spec: SyncSpec,
) -> Result<(), Failure> {
    let lane = admission::lane(begun);
    let admitted = match admission::admit(&environment.limits, Accounts::of(config), lane).await {
        Ok(admitted) => admitted,
        Err(not_now) => {
            let until =
                environment.clock.now() + TimeDelta::from_std(not_now.delay).unwrap_or(TimeDelta::days(1));
            return Err(Failure::NotYet(not_now.to_string(), until));
        }
    };
    let ended = execute(environment, begun, leased, config, spec).await;
    match &ended {
        Ok(()) => admitted.settle(None, environment.clock.now()).await,
        Err(Failure::Place { side, kind, text }) => {
            let blame = Blame { side: *side, kind, text };
            admitted.settle(Some(blame), environment.clock.now()).await;
        }
        // It says nothing of the platforms, and dropping it gives back what it holds.
        Err(_) => drop(admitted),
    }
    ended
}

async fn execute(
    environment: &Environment,
    begun: &Begun,
    leased: &LeasedJob,
    config: &sync_config::Model,
    spec: SyncSpec,
) -> Result<(), Failure> {
    match begun.row.kind {
        RunKind::Plan => plan::execute(environment, begun, leased, config, spec).await,
        // A settled conflict is applied by a sync of its link alone.
        RunKind::Sync | RunKind::Resolve => sync::execute(environment, begun, leased, config, spec).await,
    }
}

/// Why a run did not come to its end.
enum Failure {
    /// A side did; what follows depends on how.
    Place { side: Side, kind: ErrorKind, text: String },
    /// Trying again may help; not before this time.
    Passing(String, Option<Duration>),
    /// It cannot be tried now, and that uses up no attempt.
    NotYet(String, DateTime<Utc>),
    /// Trying again changes nothing.
    Lasting(String),
    /// Somebody cancelled it.
    Cancelled,
    /// Another worker has it, or this one ends.
    LeaseLost,
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let text = error.to_string();
        match error {
            OpenError::Document(_) => Failure::Lasting(text),
            OpenError::Place { side, error } => Failure::Place { side, kind: error.kind, text },
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let text = error.to_string();
        match error {
            RunError::Connector { side, error } => Failure::Place { side, kind: error.kind, text },
            RunError::NotBefore(time) => Failure::NotYet(text, time),
            RunError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped(stopped) => of_kind(ErrorKind::Stopped(stopped), stopped.to_string()),
            other => Failure::Passing(other.to_string(), None),
        }
    }
}

impl From<sea_orm::DbErr> for Failure {
    fn from(error: sea_orm::DbErr) -> Self {
        Failure::Passing(format!("Syncline's database: {error}"), None)
    }
}

fn of_kind(kind: ErrorKind, text: String) -> Failure {
    match kind {
        ErrorKind::RateLimited { until } => Failure::NotYet(text, until),
        ErrorKind::Transient | ErrorKind::Conflict => Failure::Passing(text, None),
        ErrorKind::Permanent | ErrorKind::Auth | ErrorKind::NotFound => Failure::Lasting(text),
        ErrorKind::Stopped(Stopped::Cancelled) => Failure::Cancelled,
        ErrorKind::Stopped(Stopped::LeaseLost) => Failure::LeaseLost,
    }
}

/// Notes the failure on the run's row and tells the queue what to do.
async fn fail(
    environment: &Environment,
    begun: &Begun,
    leased: &LeasedJob,
    failure: Failure,
) -> anyhow::Result<Outcome> {
    let last = leased.job.is_last_attempt();
    let mut dead = None;
    let (status, outcome_name, error, outcome) = match failure {
        Failure::Place { kind, text, .. } => {
            return Box::pin(fail(environment, begun, leased, of_kind(kind, text))).await;
        }
        Failure::Passing(error, at_least) => {
            let (status, name) = if last {
                dead = Some(format!("failed {} times", leased.job.attempt));
                (RunStatus::Failed, "dead")
            } else {
                (RunStatus::Queued, "retry")
            };
            (status, name, Some(error.clone()), Outcome::Retry { error, at_least })
        }
        Failure::NotYet(reason, time) => {
            let delay =
                (time - environment.clock.now()).clamp(TimeDelta::milliseconds(10), TimeDelta::days(1));
            let delay = delay.to_std().unwrap_or(Duration::from_secs(1));
            (RunStatus::Queued, "snoozed", Some(reason), Outcome::Snooze { delay })
        }
        Failure::Lasting(error) => {
            let reason = "trying again would not help".to_owned();
            dead = Some(reason.clone());
            (RunStatus::Failed, "dead", Some(error.clone()), Outcome::Dead { reason, error })
        }
        Failure::Cancelled => (RunStatus::Cancelled, "cancelled", None, Outcome::Cancelled),
        // Its worker ends and gives it back: another one goes on, and no attempt is used.
        Failure::LeaseLost if leased.lease.is_interrupted() && !leased.lease.is_lost() => {
            tracing::info!("the worker stops; the run is given back");
            (RunStatus::Queued, "returned", None, Outcome::Snooze { delay: Duration::ZERO })
        }
        // Stale: the queue refuses it, and the row belongs to another worker.
        Failure::LeaseLost => {
            tracing::warn!("lost the lease; another worker goes on");
            return Ok(Outcome::Snooze { delay: Duration::ZERO });
        }
    };
    if outcome_name != "returned" {
        tracing::warn!(
            outcome = outcome_name,
            error = error.as_deref().unwrap_or(""),
            "the run did not come to its end"
        );
        metrics::counter!("sync_attempts_failed_total", "outcome" => outcome_name).increment(1);
    }
    let ending =
        Ending { status, outcome: outcome_name, error, dead, report: None, plan: None, settled: None };
    environment.run_book().end(begun, ending).await?;
    Ok(outcome)
}

/// A job's lease as the engine asks for it.
struct LeaseLeave(Lease);

impl Leave for LeaseLeave {
    fn check(&self) -> Result<(), Stopped> {
        if self.0.cancel_requested() {
            return Err(Stopped::Cancelled);
        }
        if self.0.valid() { Ok(()) } else { Err(Stopped::LeaseLost) }
    }

    fn deadline(&self) -> DateTime<Utc> {
        let left = self.0.deadline().saturating_duration_since(std::time::Instant::now());
        Utc::now() + TimeDelta::from_std(left).unwrap_or_default()
    }
}
