//! Descriptions of the metrics of runs.

use metrics::{Unit, describe_counter, describe_histogram};

/// Describes the metrics. Call it once, after the recorder is installed.
pub fn describe_metrics() {
    describe_counter!(
        "sync_operations_total",
        "Items of runs that ended in this process, by target platform and by what became of them."
    );
    describe_counter!("sync_conflicts_total", "Conflicts that runs of this process left open or resolved.");
    describe_histogram!("sync_duration_seconds", Unit::Seconds, "How long runs took, by target platform.");
    describe_counter!("sync_runs_total", "Runs that ended in this process, by target platform and status.");
    describe_counter!(
        "sync_runs_dispatched_total",
        "Runs that this process handed to the queue, because they were due or because the queue had lost them."
    );
    describe_counter!("sync_jobs_dead_total", "Runs that were given up in this process.");
}
