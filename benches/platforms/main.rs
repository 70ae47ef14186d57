//! The speed of syncs between platforms of a simulator without limits.
//!
//! `cargo bench --bench platforms` runs the release binary against a simulator of its own, both on the same machine;
//! `-- github` or `-- jira` runs one of the two parts. Processor time is that of Syncline alone.

#![allow(clippy::print_stdout, reason = "its table is its purpose")]

mod github;
mod jira;
mod raw;
mod stage;

use anyhow::Result;

const BINARY: &str = env!("CARGO_BIN_EXE_syncline");

#[tokio::main]
async fn main() -> Result<()> {
    let named: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| name == part);
    stage::head();
    if wanted("github") {
        github::run().await?;
    }
    if wanted("jira") {
        jira::run().await?;
    }
    Ok(())
}
