//! Runs that did not finish, and the outcome that the queue gets for them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use syncline_engine::{
    Side,
    ports::{ConnectorError, ErrorKind, ErrorScope, Stopped, StoreError},
    run::RunError,
};
use syncline_entity::types::RunStatus;
use syncline_queue::{LeasedJob, Outcome};
use syncline_runs::{Begun, Ending, GivenUp, kinds};

use crate::{environment::Environment, open::OpenError};

/// Why a run did not finish.
pub(super) enum Failure {
    /// A retry may help, after this delay at the earliest.
    Passing(String, Option<Duration>),
    /// The run cannot be tried before this time; that uses up no attempt.
    NotYet(String, DateTime<Utc>),
    /// A retry changes nothing.
    Lasting(String),
    /// The platform refused the account of this side, which affects every run of the account.
    Refused(Side, String),
    /// A person or a program cancelled the run.
    Cancelled,
    /// Another worker has the lease, or this worker ends.
    LeaseLost,
}

/// The delay of a run whose stored data only newer workers can read. It uses up no attempt.
pub(super) const UNREADABLE_DELAY: TimeDelta = TimeDelta::seconds(5);

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let text = error.to_string();
        match error {
            OpenError::Database(error) => error.into(),
            OpenError::Document(_) => Failure::Lasting(text),
            OpenError::Place { side, error } => of_place(side, &error, text),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let text = error.to_string();
        match error {
            RunError::Place { side, error } => of_place(side, &error, text),
            RunError::NotBefore(time) => Failure::NotYet(text, time),
            RunError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped(stopped) => of_kind(ErrorKind::Stopped(stopped), stopped.to_string()),
            // The other runs wait for a person.
            StoreError::Paused(reason) => Failure::Lasting(format!("the sync was paused: {reason}")),
            StoreError::Newer { .. } => Failure::NotYet(error.to_string(), Utc::now() + UNREADABLE_DELAY),
            other => Failure::Passing(other.to_string(), None),
        }
    }
}

impl From<sea_orm::DbErr> for Failure {
    fn from(error: sea_orm::DbErr) -> Self {
        Failure::Passing(format!("Syncline's database: {error}"), None)
    }
}

fn of_place(side: Side, error: &ConnectorError, text: String) -> Failure {
    match (error.kind, error.scope) {
        (ErrorKind::Auth, ErrorScope::Account) => Failure::Refused(side, text),
        (kind, _) => of_kind(kind, text),
    }
}

fn of_kind(kind: ErrorKind, text: String) -> Failure {
    match kind {
        ErrorKind::RateLimited { until } => Failure::NotYet(text, until),
        ErrorKind::Transient | ErrorKind::Conflict => Failure::Passing(text, None),
        ErrorKind::Permanent | ErrorKind::NoTransition | ErrorKind::Auth | ErrorKind::NotFound => {
            Failure::Lasting(text)
        }
        ErrorKind::Stopped(Stopped::Cancelled) => Failure::Cancelled,
        ErrorKind::Stopped(Stopped::LeaseLost) => Failure::LeaseLost,
        ErrorKind::Stopped(Stopped::Deadline) => Failure::Passing(text, None),
    }
}

/// Records the failure and the requests made on the run's row, and returns the job's outcome.
pub(super) async fn fail(
    environment: &Environment,
    begun: &Begun,
    leased: &LeasedJob,
    failure: Failure,
    calls: u64,
) -> anyhow::Result<Outcome> {
    let last = leased.job.is_last_attempt();
    let kind = if matches!(failure, Failure::Refused(..)) { kinds::AUTH } else { kinds::PERMANENT };
    let mut dead = None;
    let (status, outcome_name, error, outcome) = match failure {
        Failure::Passing(error, at_least) => {
            let (status, name) = if last {
                let reason = format!("failed {} times", leased.job.attempt);
                dead = Some(GivenUp { reason, kind: kinds::TRANSIENT });
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
        Failure::Lasting(error) | Failure::Refused(_, error) => {
            let reason = "trying again would not help".to_owned();
            dead = Some(GivenUp { reason: reason.clone(), kind });
            (RunStatus::Failed, "dead", Some(error.clone()), Outcome::Dead { reason, error })
        }
        Failure::Cancelled => (RunStatus::Cancelled, "cancelled", None, Outcome::Cancelled),
        // This worker is ending and gives the run back: another worker continues it, and no attempt is used.
        Failure::LeaseLost if leased.lease.is_interrupted() && !leased.lease.is_lost() => {
            tracing::info!("the worker stops; the run is given back");
            (RunStatus::Queued, "returned", None, Outcome::Snooze { delay: Duration::ZERO })
        }
        // Stale: the queue refuses the outcome, and the row belongs to another worker.
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
    let ending = Ending {
        status,
        outcome: outcome_name,
        error,
        dead,
        report: None,
        calls,
        plan: None,
        restore_over: None,
    };
    environment.run_book().end(begun, ending).await?;
    Ok(outcome)
}
