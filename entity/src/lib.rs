//! The tables of Syncline's database as SeaORM entities.
//!
//! A file per table: its model, its relations and the queries that clearly belong to it. Migrations create the tables
//! and never use these types, because migrations are frozen and entities change.

#[macro_use]
mod text_column;

pub mod account;
pub mod alert;
pub mod api_token;
pub mod approval;
pub mod audit_log;
pub mod circuit_breaker;
pub mod dead_letter_count;
pub mod event;
pub mod histogram;
pub mod idempotency_key;
pub mod installation;
pub mod job;
pub mod job_result;
pub mod job_unique_window;
pub mod maintenance_task;
pub mod operation;
pub mod pause;
pub mod person_identity;
pub mod prelude;
pub mod project;
pub mod rate_bucket;
pub mod schedule;
pub mod secret;
pub mod status_history;
pub mod sync_attempt;
pub mod sync_change;
pub mod sync_change_checkpoint;
pub mod sync_config;
pub mod sync_config_revision;
pub mod sync_conflict;
pub mod sync_conflict_count;
pub mod sync_cursor;
pub mod sync_history;
pub mod sync_link_count;
pub mod sync_metadata;
pub mod sync_state;
pub mod sync_stats;
pub mod sync_text;
pub mod types;
pub mod webhook_delivery;
pub mod worker;
