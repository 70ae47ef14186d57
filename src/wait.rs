//! Waits for a run, with a worker of its own beside any others.

use std::{io::IsTerminal, sync::Arc, time::Duration};

use chrono::Utc;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sea_orm::DatabaseConnection;
use syncline_engine::Side;
use syncline_entity::{
    sync_config, sync_history,
    types::{RunKind, RunStatus, SyncMethod},
};
use syncline_queue::State;
use syncline_runs::{NewRun, RunArgs, accept_noted, dead, holding::holding, sync_key};
use syncline_service::{
    runs::{noting, run_of},
    syncs,
};
use syncline_worker::{Environment, PoolConfig};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    app,
    cli::RunOptions,
    config::{Config, LeaseConfig},
    fault::Fault,
    output::Output,
    shutdown,
};

/// How often to check whether a run of another worker is over; the command's own worker notifies it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the progress bar is updated.
const SHOW_EVERY: Duration = Duration::from_millis(250);

/// A run that a person requests.
pub(crate) fn manual_run(
    config: &sync_config::Model,
    kind: RunKind,
    options: &RunOptions,
) -> Result<NewRun, Fault> {
    Ok(NewRun { args: manual_args(options), ..run_of(config, kind)? })
}

/// The arguments of a run for these options.
pub(crate) fn manual_args(options: &RunOptions) -> RunArgs {
    if !options.items.is_empty() {
        let side = if options.side.as_deref() == Some("target") { Side::Target } else { Side::Source };
        return RunArgs::of_items(side, options.items.clone());
    }
    RunArgs {
        full: options.full,
        confirm_deletes: options.confirm_deletes,
        allow_deletes: options.allow_deletes,
        allow_deletes_of: options.allow_deletes_of.clone(),
        ..RunArgs::default()
    }
}

/// Accepts a run and works on its sync's jobs until it is over. Another worker may take it: then this only waits.
pub(crate) async fn run_to_end(
    config: &Config,
    db: &DatabaseConnection,
    run: &NewRun,
    lease: LeaseConfig,
    output: &Output,
) -> Result<sync_history::Model, Fault> {
    let environment = app::environment(config, db.clone())?;
    let noting = noting(&config.caller(), std::slice::from_ref(run));
    let accepted = accept_noted(db, &environment.queue, run, Some(noting)).await?;
    let id = accepted.id().ok_or_else(|| Fault::failed("the run's schedule has fired already"))?;
    follow(config.role, environment, (id, sync_key(run.sync_config_id)), lease, output).await
}

/// Works on jobs of a key, a sync's or a link's, until this run is over.
pub(crate) async fn follow(
    role: &str,
    environment: Environment,
    (id, key): (Uuid, String),
    lease: LeaseConfig,
    output: &Output,
) -> Result<sync_history::Model, Fault> {
    let signals = shutdown::on_signals()?;
    let stop = CancellationToken::new();
    let settled = Arc::new(Notify::new());
    let pool = PoolConfig {
        concurrency: 1,
        settled: Some(Arc::clone(&settled)),
        only: Some(key),
        schedules: false,
        // It waits for its own run, which is in the queue already.
        listen: false,
        poll_interval: Duration::from_millis(500),
        ..app::own_pool(role, lease)
    };
    let bar = bar(output);
    let mut waiting = Waiting::default();
    // On a terminal a pause is reported at once: nothing else will happen for a while.
    if !bar.is_hidden()
        && let Some(row) = sync_history::by_run(&environment.db, id).await?
    {
        waiting.say(paused(&environment, &row).await?, &bar, output);
    }
    let worker = tokio::spawn(syncline_worker::run(environment.clone(), pool, stop.clone(), |_| {}));
    let (mut look, mut show) = (tokio::time::interval(LOOK_EVERY), tokio::time::interval(SHOW_EVERY));
    // The first tick of both comes at once, when there is nothing to show yet.
    look.tick().await;
    show.tick().await;
    let over = loop {
        tokio::select! {
            () = signals.cancelled() => break None,
            _ = show.tick() => {
                show_progress(&bar, &environment, id).await;
                continue;
            }
            () = settled.notified() => {}
            _ = look.tick() => waiting.tell(&environment, id, &bar, output).await,
        }
        let row = sync_history::by_run(&environment.db, id).await?;
        if let Some(row) = row.filter(|row| row.completed_at.is_some()) {
            break Some(row);
        }
    };
    bar.finish_and_clear();
    stop.cancel();
    match worker.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(Fault::failed(format!("the worker: {error:#}"))),
        Err(error) => return Err(Fault::failed(format!("the worker: {error}"))),
    }
    match over {
        Some(row) => {
            // The waiting person sees the error at once, so it need not stay in the dead letters.
            if row.dead_at.is_some() && row.sync_type == SyncMethod::Manual {
                dead::discard(&environment.db, id).await.map_err(|error| Fault::failed(error.to_string()))?;
            }
            Ok(row)
        }
        None => Err(Fault::failed(format!(
            "interrupted; run {id} stays in the queue and a worker will finish it"
        ))),
    }
}

/// Why a run does not begin yet.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reason {
    /// The complete text, with the remedy.
    whole: String,
    /// The text of the progress bar, which must fit the screen.
    short: String,
}

impl Reason {
    fn alike(text: String) -> Reason {
        Reason { whole: text.clone(), short: text }
    }
}

/// Prints why the run does not begin, each reason once.
#[derive(Default)]
struct Waiting(Option<Reason>);

impl Waiting {
    async fn tell(&mut self, environment: &Environment, id: Uuid, bar: &ProgressBar, output: &Output) {
        self.say(reason(environment, id).await.unwrap_or_default(), bar, output);
    }

    fn say(&mut self, reason: Option<Reason>, bar: &ProgressBar, output: &Output) {
        if reason != self.0
            && let Some(reason) = &reason
        {
            // Printing over a drawn bar would leave parts of it.
            bar.suspend(|| output.note(&reason.whole));
            bar.set_message(reason.short.clone());
        }
        self.0 = reason;
    }
}

/// The pause that a run waits for, if any.
async fn paused(environment: &Environment, row: &sync_history::Model) -> Result<Option<Reason>, Fault> {
    let Some(sync) = syncs::by_id(&environment.db, row.sync_config_id).await? else { return Ok(None) };
    let holding = holding(&environment.db, &sync, &sync.to_string()).await?;
    Ok(holding.map(|holding| Reason {
        whole: holding.to_string(),
        short: "waiting for the end of the pause".to_owned(),
    }))
}

/// Why a run does not begin; none while it runs.
async fn reason(environment: &Environment, id: Uuid) -> Result<Option<Reason>, Fault> {
    let Some(row) = sync_history::by_run(&environment.db, id).await? else { return Ok(None) };
    if row.completed_at.is_some() || row.status == RunStatus::InProgress {
        return Ok(None);
    }
    if let Some(paused) = paused(environment, &row).await? {
        return Ok(Some(paused));
    }
    Ok(match environment.queue.get(id).await {
        Ok(Some(job)) if job.state == State::Waiting && job.run_at > Utc::now() => {
            let at = job.run_at.format("%H:%M:%S UTC");
            Some(match row.error_message {
                Some(error) => Reason {
                    whole: format!("the run is tried again at {at}: {error}"),
                    short: format!("the run is tried again at {at}"),
                },
                None => Reason::alike(format!("the run begins at {at}")),
            })
        }
        Ok(Some(job)) if job.state == State::Waiting => Some(Reason {
            whole:
                "another run of this sync has to end first (if its worker has died, when its lease runs out)"
                    .to_owned(),
            short: "waiting for another run of this sync to end".to_owned(),
        }),
        Err(error) => Some(Reason {
            whole: format!("{}; the run begins when this is over", error.told()),
            short: "waiting for the queue".to_owned(),
        }),
        Ok(_) => None,
    })
}

fn bar(output: &Output) -> ProgressBar {
    let target = if output.is_json() || !std::io::stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(ProgressStyle::default_spinner());
    bar.set_message("waiting to begin");
    bar
}

async fn show_progress(bar: &ProgressBar, environment: &Environment, id: Uuid) {
    bar.tick();
    if bar.is_hidden() {
        return;
    }
    let Ok(Some(job)) = environment.queue.get(id).await else { return };
    if job.state == State::Running {
        bar.set_message("reading both sides");
    }
    if let Some(progress) = job.progress
        && let (Some(done), Some(total)) = (progress["done"].as_u64(), progress["total"].as_u64())
    {
        if bar.length() != Some(total) {
            bar.set_length(total);
            // The template is a constant; if it were invalid, the default style would be used.
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} items {eta}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        bar.set_position(done);
    }
}
