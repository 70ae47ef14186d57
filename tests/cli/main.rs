//! The built binary: what it answers, what it promises, and what it does when a place is not as it should be.

mod backup;
mod changes;
mod common;
mod conflicts;
mod database;
mod deletes;
mod demo;
mod directions;
mod disk;
mod documents;
mod files;
mod migrate;
mod migrations;
mod mistakes;
mod output;
mod plans;
mod pools;
mod postgres;
mod purge;
mod queue;
mod redis;
mod roles;
mod schedules;
mod tables;
mod tls;
mod workers;
