//! Arguments of the commands that maintain the database.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(subcommand)]
    pub(crate) action: MigrateAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MigrateAction {
    /// Apply migrations: all, so many, or until one is the newest
    Up(MigrateUp),
    /// Take migrations back: the last, so many, or until one is the newest. Tables and columns that go take
    /// their rows and values along
    Down(MigrateDown),
    /// Show which migrations are applied, and who may run on the schema they make
    Status {
        /// Only the last so many
        #[arg(long)]
        steps: Option<u32>,
    },
    /// Drop Syncline's tables and make them anew, empty
    Fresh(MigrateAgain),
    /// Take every migration back and apply it again
    Refresh(MigrateAgain),
    /// Take every migration back: nothing of Syncline's stays
    Reset(MigrateAgain),
}

#[derive(Debug, Args)]
pub(crate) struct MigrateUp {
    #[command(flatten)]
    pub(crate) steps: MigrateSteps,
    #[command(flatten)]
    pub(crate) make: MakeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateDown {
    #[command(flatten)]
    pub(crate) steps: MigrateSteps,
    /// Do it, even if rows or values go, as it shows them
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Where a command may make Syncline's database.
#[derive(Debug, Args, Clone, Copy, Default)]
pub(crate) struct MakeArgs {
    /// Make Syncline's tables also in a database or schema that has other tables and none of Syncline's
    #[arg(long)]
    pub(crate) among_other_tables: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateSteps {
    /// How many
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) steps: Option<u32>,
    /// Until this migration is the newest applied: its name, or a part that no other name has
    #[arg(long, value_name = "MIGRATION", conflicts_with = "steps")]
    pub(crate) to: Option<String>,
    /// Show the statements, executed in a transaction that is rolled back
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateAgain {
    /// Do it: the rows that it shows are gone for good
    #[arg(long)]
    pub(crate) yes: bool,
    /// Show the statements, executed in a transaction that is rolled back
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to write
    pub(crate) file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoredArgs {
    /// Only show whether it is known, and which syncs have not looked at both their sides since
    #[arg(long, conflicts_with = "yes")]
    pub(crate) show: bool,
    /// Do it: every sync is careful until a run of it has looked at both sides
    #[arg(long)]
    pub(crate) yes: bool,
}

/// The arguments of the older name.
#[derive(Debug, Args)]
pub(crate) struct RestoredShowArgs {
    /// It shows in any case
    #[arg(long = "show")]
    _show: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    /// Show what would go, and what stays though it is old, and why; remove nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do it: what goes cannot be brought back
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
}

/// What to keep. As text: the same words stand in variables, and are read in one place.
#[derive(Debug, Args, Default)]
pub(crate) struct KeepArgs {
    /// Keep runs and operations so long after their end: 90d, 12w, forever [default: SYNCLINE_KEEP_RUNS, or 90d]
    #[arg(long, value_name = "AGE")]
    pub(crate) keep_runs: Option<String>,
    /// Keep at most so many runs of each sync; or all [default: SYNCLINE_KEEP_RUNS_COUNT, or 100000]
    #[arg(long, value_name = "COUNT")]
    pub(crate) keep_runs_count: Option<String>,
    /// Keep changes so long [default: SYNCLINE_KEEP_CHANGES, or 365d]
    #[arg(long, value_name = "AGE")]
    pub(crate) keep_changes: Option<String>,
    /// Keep at most so many changes in all [default: SYNCLINE_KEEP_CHANGES_COUNT, or all]
    #[arg(long, value_name = "COUNT")]
    pub(crate) keep_changes_count: Option<String>,
    /// Keep conflicts so long after they were resolved [default: SYNCLINE_KEEP_CONFLICTS, or 365d]
    #[arg(long, value_name = "AGE")]
    pub(crate) keep_conflicts: Option<String>,
    /// Keep webhook deliveries so long [default: SYNCLINE_KEEP_DELIVERIES, or 30d]
    #[arg(long, value_name = "AGE")]
    pub(crate) keep_deliveries: Option<String>,
    /// Keep at most so many webhook deliveries in all [default: SYNCLINE_KEEP_DELIVERIES_COUNT, or all]
    #[arg(long, value_name = "COUNT")]
    pub(crate) keep_deliveries_count: Option<String>,
    /// Keep the audit log so long [default: SYNCLINE_KEEP_AUDIT, or 365d]
    #[arg(long, value_name = "AGE")]
    pub(crate) keep_audit: Option<String>,
    /// Keep deleted syncs, and all that hangs on them, so long [default: SYNCLINE_KEEP_DELETED_SYNCS, or 30d]
    #[arg(long, value_name = "AGE")]
    pub(crate) keep_deleted_syncs: Option<String>,
}
