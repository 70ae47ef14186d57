//! Describes the machine.

use std::{fs, process::Command};

use crate::scale::Scale;

pub(crate) fn tell(scale: &Scale) {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    println!("machine: {cores} cores, {model}, load before the start {load}");
    let postgres = syncline_support::postgres::bin().join("postgres");
    println!(
        "versions: {} | {} | node {} | {} | {}",
        version("redis-server", "--version").split(" sha").next().unwrap_or_default(),
        version(&postgres.to_string_lossy(), "--version"),
        version("node", "--version"),
        version("python3", "--version"),
        version("rustc", "--version"),
    );
    println!(
        "setting: no-op jobs with a payload of 200 bytes, concurrency 64, {} round{}, median",
        scale.rounds,
        if scale.rounds == 1 { "" } else { "s" },
    );
    println!(
        "stores: Redis without persistence, PostgreSQL with fsync, SQLite with WAL and synchronous=NORMAL\n"
    );
}

fn version(program: &str, flag: &str) -> String {
    let output = Command::new(program).arg(flag).output();
    output.map_or_else(
        |_| "none".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
