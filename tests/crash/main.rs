//! A worker killed with SIGKILL, anywhere: nothing is lost, nothing is doubled, nothing stays half-done.

mod campaign;
mod frozen;
mod ledger;
mod migrations;
mod postgres;
mod purge;
mod restart;
mod steps;

const BINARY: &str = env!("CARGO_BIN_EXE_syncline");
