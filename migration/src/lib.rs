//! The versioned migrations of Syncline's database.
//!
//! A file per table or change, in the order of dependence. A migration that was released is frozen; what it did wrong is
//! put right by a later one. Tables and columns are named by literals and the entities are never used: they move on.

pub mod check;

mod columns;
mod transaction;

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

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

use crate::transaction::InTransaction;

/// The table in which applied migrations are noted.
pub const MIGRATION_TABLE: &str = "syncline_migrations";

/// Applies and reverts the migrations, each in a transaction of its own.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let in_order: Vec<Box<dyn MigrationTrait>> = vec![
            Box::new(m20261120_000100_create_projects::Migration),
            Box::new(m20261120_000200_create_accounts::Migration),
            Box::new(m20261120_000300_create_sync_configs::Migration),
            Box::new(m20261120_000400_create_sync_config_revisions::Migration),
            Box::new(m20261120_000500_create_sync_metadata::Migration),
            Box::new(m20261120_000600_align_sync_schema::Migration),
            Box::new(m20261120_000700_create_schedules::Migration),
            Box::new(m20261120_000800_create_sync_cursors::Migration),
            Box::new(m20261120_000900_create_sync_history::Migration),
            Box::new(m20261120_001000_create_sync_attempts::Migration),
            Box::new(m20261120_001100_create_sync_conflicts::Migration),
            Box::new(m20261120_001200_create_sync_changes::Migration),
            Box::new(m20261120_001300_create_jobs::Migration),
            Box::new(m20261122_000200_create_sync_texts::Migration),
            Box::new(m20261122_000300_create_workers::Migration),
            Box::new(m20261122_000400_create_status_history::Migration),
            Box::new(m20261122_000500_create_pauses::Migration),
            Box::new(m20261122_000600_create_alerts::Migration),
            Box::new(m20261122_000700_create_audit_log::Migration),
            Box::new(m20261122_000800_create_webhook_deliveries::Migration),
            Box::new(m20261122_000900_create_api_tokens::Migration),
            Box::new(m20261122_001000_create_idempotency_keys::Migration),
            Box::new(m20261122_001100_create_approvals::Migration),
        ];
        in_order.into_iter().map(InTransaction::boxed).collect()
    }

    fn migration_table_name() -> DynIden {
        MIGRATION_TABLE.into_iden()
    }
}
