//! The versioned migrations of Syncline's database.
//!
//! A file per table or change, in the order of dependence. A released migration is frozen; a later one corrects its
//! errors. Migrations name tables and columns by literals and never use the entities, which change.
//!
//! The migrations are SeaORM's; [`Migrator`] applies them. SeaORM's own runner has no lock between processes, no
//! transaction on SQLite unless each file remembers it, and a `fresh` that drops every table of the schema.

pub mod check;
pub mod tables;

mod columns;
mod error;
mod lock;
mod migrator;
mod recorder;
mod refused;
mod steps;

mod m20261120_000100_create_projects;
mod m20261120_000200_create_accounts;
mod m20261120_000300_create_sync_configs;
mod m20261120_000400_create_sync_config_revisions;
mod m20261120_000500_create_sync_metadata;
mod m20261120_000600_align_sync_schema;
mod m20261120_000700_create_schedules;
mod m20261120_000800_create_sync_cursors;
mod m20261120_000900_create_sync_history;
mod m20261120_001000_create_sync_attempts;
mod m20261120_001100_create_sync_conflicts;
mod m20261120_001200_create_sync_changes;
mod m20261120_001300_create_jobs;
mod m20261122_000100_note_compatibility;
mod m20261122_000200_create_sync_texts;
mod m20261122_000300_create_workers;
mod m20261122_000400_create_status_history;
mod m20261122_000500_create_pauses;
mod m20261122_000600_create_alerts;
mod m20261122_000700_create_audit_log;
mod m20261122_000800_create_webhook_deliveries;
mod m20261122_000900_create_api_tokens;
mod m20261122_001000_create_idempotency_keys;
mod m20261122_001100_create_approvals;
mod m20261122_001200_index_open_conflicts;
mod m20261122_002000_create_sync_stats;
mod m20261122_002100_note_rolled_up_runs;
mod m20261122_002200_count_links;
mod m20261122_002300_count_open_conflicts;
mod m20261122_003000_create_sync_change_checkpoints;
mod m20261122_003100_index_what_retention_looks_for;
mod m20261122_003200_create_maintenance_tasks;
mod m20261122_004000_create_installation;
mod m20261122_004100_hold_deletes_after_a_restore;
mod m20261125_000100_widen_jobs;
mod m20261125_000200_create_job_unique_windows;
mod m20261125_000300_create_job_results;
mod m20261125_000400_note_dead_runs;
mod m20261125_000500_delay_runs;
mod m20261125_000600_page_unfinished_runs;
mod m20261125_000700_note_run_windows;
mod m20261125_000800_create_rate_buckets;
mod m20261125_000900_create_circuit_breakers;
mod m20261125_001000_join_waiting_runs;
mod m20261129_000100_count_living_links;
mod m20261129_000300_note_broken_listings;
mod m20261130_000100_keep_unwritten_changes;
mod m20261130_000200_store_choices;
mod m20261130_000300_note_readers;
mod m20261130_000500_switch_limits_off;
mod m20261130_000600_create_person_identities;
mod m20261130_000800_lease_token_refreshes;
mod m20261130_000900_order_links;
mod m20261130_001000_drop_running_keys;
mod m20261130_001100_index_lists;
mod m20261130_001200_count_dead_letters;
mod m20261130_001210_create_operations;
mod m20261130_001220_drain_workers;
mod m20261130_001300_create_events;
mod m20261130_001400_note_audiences;
mod m20261130_001500_index_open_runs;

pub use error::{MigrateError, sqlstate, words, words_of_driver};
pub use migrator::{Migrator, Rebuild, Until};
pub use recorder::{Rehearsed, StatementHook};
pub use steps::Step;

use sea_orm_migration::MigrationTrait;

/// The table that records applied migrations.
pub const MIGRATION_TABLE: &str = "syncline_migrations";

/// Returns every migration, oldest first, with its effect on programs that do not know it (see [`Step`]).
fn in_order() -> Vec<(Box<dyn MigrationTrait>, Compatibility)> {
    use Compatibility::{Expands, Requires, RequiresSince};
    vec![
        (Box::new(m20261120_000100_create_projects::Migration), Requires),
        (Box::new(m20261120_000200_create_accounts::Migration), Requires),
        (Box::new(m20261120_000300_create_sync_configs::Migration), Requires),
        (Box::new(m20261120_000400_create_sync_config_revisions::Migration), Requires),
        (Box::new(m20261120_000500_create_sync_metadata::Migration), Requires),
        (Box::new(m20261120_000600_align_sync_schema::Migration), Requires),
        (Box::new(m20261120_000700_create_schedules::Migration), Requires),
        (Box::new(m20261120_000800_create_sync_cursors::Migration), Requires),
        (Box::new(m20261120_000900_create_sync_history::Migration), Requires),
        (Box::new(m20261120_001000_create_sync_attempts::Migration), Requires),
        (Box::new(m20261120_001100_create_sync_conflicts::Migration), Requires),
        (Box::new(m20261120_001200_create_sync_changes::Migration), Requires),
        (Box::new(m20261120_001300_create_jobs::Migration), Requires),
        (Box::new(m20261122_000100_note_compatibility::Migration), Requires),
        (Box::new(m20261122_000200_create_sync_texts::Migration), Expands),
        (Box::new(m20261122_000300_create_workers::Migration), Expands),
        (Box::new(m20261122_000400_create_status_history::Migration), Expands),
        (Box::new(m20261122_000500_create_pauses::Migration), Expands),
        (Box::new(m20261122_000600_create_alerts::Migration), Expands),
        (Box::new(m20261122_000700_create_audit_log::Migration), Expands),
        (Box::new(m20261122_000800_create_webhook_deliveries::Migration), Expands),
        (Box::new(m20261122_000900_create_api_tokens::Migration), Expands),
        (Box::new(m20261122_001000_create_idempotency_keys::Migration), Expands),
        (Box::new(m20261122_001100_create_approvals::Migration), Expands),
        (Box::new(m20261122_001200_index_open_conflicts::Migration), Expands),
        (Box::new(m20261122_002000_create_sync_stats::Migration), Expands),
        (Box::new(m20261122_002100_note_rolled_up_runs::Migration), Expands),
        (Box::new(m20261122_002200_count_links::Migration), Expands),
        (Box::new(m20261122_002300_count_open_conflicts::Migration), Expands),
        (Box::new(m20261122_003000_create_sync_change_checkpoints::Migration), Expands),
        (Box::new(m20261122_003100_index_what_retention_looks_for::Migration), Expands),
        (Box::new(m20261122_003200_create_maintenance_tasks::Migration), Expands),
        (Box::new(m20261122_004000_create_installation::Migration), Expands),
        (Box::new(m20261122_004100_hold_deletes_after_a_restore::Migration), Expands),
        (Box::new(m20261125_000100_widen_jobs::Migration), Expands),
        (Box::new(m20261125_000200_create_job_unique_windows::Migration), Expands),
        (Box::new(m20261125_000300_create_job_results::Migration), Expands),
        (Box::new(m20261125_000400_note_dead_runs::Migration), Expands),
        (Box::new(m20261125_000500_delay_runs::Migration), Expands),
        (Box::new(m20261125_000600_page_unfinished_runs::Migration), Expands),
        (Box::new(m20261125_000700_note_run_windows::Migration), Expands),
        (Box::new(m20261125_000800_create_rate_buckets::Migration), Expands),
        (Box::new(m20261125_000900_create_circuit_breakers::Migration), Expands),
        (Box::new(m20261125_001000_join_waiting_runs::Migration), Expands),
        (Box::new(m20261129_000100_count_living_links::Migration), Expands),
        (Box::new(m20261129_000300_note_broken_listings::Migration), Expands),
        // From here on a link may be out of scope. An older program takes such a link for one whose item is missing,
        // and may delete the counterpart. Programs that know the state also know this migration; the state itself
        // needed no migration.
        (
            Box::new(m20261130_000100_keep_unwritten_changes::Migration),
            RequiresSince("m20261129_000100_count_living_links"),
        ),
        (Box::new(m20261130_000200_store_choices::Migration), Expands),
        (Box::new(m20261130_000300_note_readers::Migration), Expands),
        (Box::new(m20261130_000500_switch_limits_off::Migration), Expands),
        (Box::new(m20261130_000600_create_person_identities::Migration), Expands),
        (Box::new(m20261130_000800_lease_token_refreshes::Migration), Expands),
        (Box::new(m20261130_000900_order_links::Migration), Expands),
        (Box::new(m20261130_001000_drop_running_keys::Migration), Expands),
        (Box::new(m20261130_001100_index_lists::Migration), Expands),
        (Box::new(m20261130_001200_count_dead_letters::Migration), Expands),
        (Box::new(m20261130_001210_create_operations::Migration), Expands),
        (Box::new(m20261130_001220_drain_workers::Migration), Expands),
        (Box::new(m20261130_001300_create_events::Migration), Expands),
        (Box::new(m20261130_001400_note_audiences::Migration), Expands),
        (Box::new(m20261130_001500_index_open_runs::Migration), Expands),
    ]
}

/// The effect of a migration on programs that do not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compatibility {
    /// Such programs can ignore what it adds, so they continue to run.
    Expands,
    /// It changes or removes what such programs use, so they must refuse to run.
    Requires,
    /// Programs that know at least this earlier migration continue to run, and older ones must refuse to.
    RequiresSince(&'static str),
}
