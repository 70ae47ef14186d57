//! Whole syncs of GitHub issues: the binary, its workers and the simulator, each as a process of its own.

mod campaign;
mod cases;
mod faults;
mod places;
mod stage;

const BINARY: &str = env!("CARGO_BIN_EXE_syncline");
