//! Whole syncs between two platforms: the binary, its workers and the simulator, each as a process of its own.

mod campaign;
mod chain;
mod document;
mod place;
mod sizes;
mod stage;
mod trouble;

const BINARY: &str = env!("CARGO_BIN_EXE_syncline");
