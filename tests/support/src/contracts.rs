//! The checker of requests and responses against the platforms' own descriptions of their APIs.
//!
//! SYNCLINE_CONTRACTS names a folder with a program `check-openapi` that reads recorded exchanges as JSON lines.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Returns the checker, or the reason why it cannot run.
pub fn checker() -> Result<PathBuf, &'static str> {
    let folder = std::env::var_os("SYNCLINE_CONTRACTS")
        .ok_or("SYNCLINE_CONTRACTS names no folder with a contract checker")?;
    let program = Path::new(&folder).join("check-openapi");
    match Command::new("node").arg("--version").output() {
        _ if !program.is_file() => Err("the folder of SYNCLINE_CONTRACTS has no program check-openapi"),
        Err(_) => Err("there is no node to run the contract checker"),
        Ok(_) => Ok(program),
    }
}
