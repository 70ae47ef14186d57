//! `syncline purge`: removes what is past its retention, unless an open conflict, an open intent or a tombstone needs
//! it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use indicatif::{ProgressBar, ProgressStyle};
use syncline_upkeep::purge::{Report, Retention, Watch, purge};
use syncline_worker::steps::StopAt;
use tokio_util::sync::CancellationToken;

use crate::{
    app,
    cli::PurgeArgs,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    shutdown,
};

/// Removes rows, or shows what would be removed.
pub(crate) async fn run(
    config: &Config,
    retention: &Retention,
    args: &PurgeArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let environment = app::environment(config, db)?;
    let watch =
        Shown { bar: bar(output), stop_at: environment.stop_at.clone(), shutdown: shutdown::on_signals()? };
    let now = environment.clock.now();
    let report = purge(&environment.db, now, retention, !args.yes, &config.caller().actor, &watch).await;
    watch.bar.finish_and_clear();
    let report = report?;
    if !args.yes && !args.dry_run && report.removed() > 0 {
        table(&report, output);
        return Err(Fault::usage(format!(
            "this removes {} rows for good; nothing was done. If that is right, add --yes. `syncline backup` comes before",
            report.removed()
        )));
    }
    output.data(&report);
    tell(&report, output);
    Ok(if report.complete { Exit::Done } else { Exit::Failed })
}

fn bar(output: &Output) -> ProgressBar {
    if output.is_json() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    // The template is a constant; if it were invalid, the default style would be used.
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn tell(report: &Report, output: &Output) {
    let has_rows = |tally: &syncline_upkeep::purge::Tally| tally.removed > 0 || !tally.kept.is_empty();
    if report.kinds.values().any(has_rows) {
        table(report, output);
    }
    match (report.kinds.values().any(has_rows), report.removed()) {
        (false, _) => output.line("nothing is past its limit"),
        (true, 0) => output.line("Nothing was removed: what is past its limit has to stay."),
        (true, _) if report.dry_run => output.line("Nothing was removed; --yes removes it for good."),
        (true, _) => {}
    }
    if !report.complete {
        output.note("stopped before the end; run it again to go on");
    }
}

fn table(report: &Report, output: &Output) {
    let went = if report.dry_run { "would go" } else { "removed" };
    let row = |(kind, tally): (&syncline_upkeep::purge::Kind, &syncline_upkeep::purge::Tally)| {
        let kept: Vec<String> =
            tally.kept.iter().map(|(reason, rows)| format!("{rows} {}", words(reason))).collect();
        vec![kind.as_str().to_owned(), tally.removed.to_string(), kept.join(", ")]
    };
    output.table(&["kind", went, "stays"], report.kinds.iter().map(row).collect());
}

/// A reason in words.
fn words(reason: &str) -> &str {
    match reason {
        "newest_of_sync" => "newest of their sync",
        "newest_of_link" => "end of their item's chain",
        "open_conflict" => "needed by open conflicts",
        "open_intent" => "needed by writes under way",
        "dead_letter" => "with a job that waits to be replayed or discarded",
        "tombstone" => "say when and why an item was deleted",
        "after_one_that_stays" => "follow a change that stays",
        "unfinished_run" => "with a run that is not over",
        "not_rolled_up" => "not yet in the statistics",
        "not_processed" => "not yet dealt with",
        other => other,
    }
}

struct Shown {
    bar: ProgressBar,
    stop_at: Option<Arc<StopAt>>,
    shutdown: CancellationToken,
}

#[async_trait]
impl Watch for Shown {
    fn may_go_on(&self) -> bool {
        !self.shutdown.is_cancelled()
    }

    async fn progress(&self, report: &Report) {
        let verb = if report.dry_run { "would go" } else { "removed" };
        self.bar.set_message(format!("{} rows {verb}", report.removed()));
    }

    async fn reached(&self, step: &'static str) {
        if let Some(stop_at) = &self.stop_at {
            stop_at.reached(step).await;
        }
    }
}
