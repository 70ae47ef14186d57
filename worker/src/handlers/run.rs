//! A run: begins it, asks its platforms for admission, executes it by its kind, and ends it.

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use syncline_engine::{
    Side,
    ports::{Leave, Stopped},
    spec::{SyncSpec, unknown_keys},
};
use syncline_entity::{sync_config, types::RunKind};
use syncline_queue::{Lease, LeasedJob, Outcome};
use syncline_runs::{Begin, Begun, NEWEST_PAYLOAD_VERSION, bury, needs};
use syncline_service::accounts;
use tracing::Instrument;
use uuid::Uuid;

use super::{
    failure::{Failure, UNREADABLE_DELAY, fail},
    plan, sync,
};
use crate::{
    admission::{self, Accounts},
    environment::Environment,
    gate::Calls,
};

/// Begins the run of a job and executes it.
pub(super) async fn handle(environment: &Environment, leased: &LeasedJob) -> anyhow::Result<Outcome> {
    let job = &leased.job;
    let run = job.payload.get("run").and_then(|run| run.as_str()).and_then(|run| Uuid::from_str(run).ok());
    let Some(run) = run else {
        let (reason, error) = ("payload not understood", format!("payload {} has no run id", job.payload));
        bury(&environment.db, job.id, reason, &error, environment.clock.now()).await?;
        return Ok(Outcome::Dead { reason: reason.to_owned(), error });
    };
    let begun = match environment.run_book().begin(run, job.attempt).await? {
        Begin::Begun(begun) => begun,
        // The run's row waits for the end of the pause; then the dispatcher pushes a new job for it.
        Begin::Parked => return Ok(Outcome::Cancelled),
        // A worker finished it earlier, and only the acknowledgement was lost.
        Begin::Over => return Ok(Outcome::Done),
    };
    let span = tracing::info_span!("run", %run, kind = %begun.row.kind, attempt = job.attempt);
    carry_out(environment, &begun, leased).instrument(span).await
}

async fn carry_out(environment: &Environment, begun: &Begun, leased: &LeasedJob) -> anyhow::Result<Outcome> {
    let mut calls = Calls::unlimited();
    let ended = match &begun.config {
        // An older program may have created the job from the row, with the payload version that it knows.
        _ if needs(&begun.row.args).is_some_and(|version| version > NEWEST_PAYLOAD_VERSION) => {
            let text = "this run asks for what only a newer version can do; it waits for one".to_owned();
            Err(Failure::NotYet(text, environment.clock.now() + UNREADABLE_DELAY))
        }
        Some(config) if config.deleted_at.is_none() => {
            match stored_spec(config) {
                Ok(spec) => admitted(environment, begun, leased, config, spec, &mut calls).await,
                // The document was checked when it was stored, so a newer version stored it, and newer workers can read
                // it.
                Err(error) => {
                    let text =
                        format!("this version cannot read the stored document of {:?}: {error}", config.name);
                    Err(Failure::NotYet(text, environment.clock.now() + UNREADABLE_DELAY))
                }
            }
        }
        _ => Err(Failure::Lasting("the sync was deleted".to_owned())),
    };
    if let (Err(Failure::Refused(side, error)), Some(config)) = (&ended, &begun.config) {
        pause_refused(environment, config, *side, error).await;
    }
    match ended {
        Ok(()) => Ok(Outcome::Done),
        Err(failure) => fail(environment, begun, leased, failure, calls.meter.requests()).await,
    }
}

/// Pauses the account that was refused: this run fails, and its other runs wait for a person instead of failing as
/// well.
async fn pause_refused(environment: &Environment, config: &sync_config::Model, side: Side, error: &str) {
    let id = match side {
        Side::Source => config.source_account_id,
        Side::Target => config.target_account_id,
    };
    let Some(id) = id else { return };
    match accounts::pause_refused(&environment.db, &environment.queue, id, error).await {
        Ok(true) => {
            tracing::warn!(
                sync = config.name,
                account = id,
                error,
                "the account is refused, and paused until a person resumes it"
            );
            metrics::counter!("syncline_accounts_paused_total").increment(1);
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(account = id, %error, "the refused account could not be paused"),
    }
}

/// Parses the stored document of a sync. Keys that only newer versions know are ignored.
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

/// Executes the run if its platforms may be called now.
async fn admitted(
    environment: &Environment,
    begun: &Begun,
    leased: &LeasedJob,
    config: &sync_config::Model,
    spec: SyncSpec,
    calls: &mut Calls,
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
    calls.gates = admitted.gates(&environment.clock);
    let ended = execute(environment, begun, leased, config, spec, calls).await;
    admitted.release().await;
    ended
}

async fn execute(
    environment: &Environment,
    begun: &Begun,
    leased: &LeasedJob,
    config: &sync_config::Model,
    spec: SyncSpec,
    calls: &Calls,
) -> Result<(), Failure> {
    match begun.row.kind {
        RunKind::Plan => plan::execute(environment, begun, leased, config, spec, calls).await,
        // A resolved conflict is applied by a sync of its link alone.
        RunKind::Sync | RunKind::Resolve => {
            sync::execute(environment, begun, leased, config, spec, calls).await
        }
    }
}

/// Adapts a job's lease to the engine's check.
pub(super) struct LeaseLeave(pub(super) Lease);

impl Leave for LeaseLeave {
    fn check(&self) -> Result<(), Stopped> {
        if self.0.cancel_requested() {
            return Err(Stopped::Cancelled);
        }
        if self.0.valid() { Ok(()) } else { Err(Stopped::LeaseLost) }
    }

    fn remaining(&self) -> Duration {
        self.0.deadline().saturating_duration_since(Instant::now())
    }
}
