//! The cost of one command of the program: time and peak memory.

use std::{
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};

use crate::program::Program;

#[derive(Debug, Default, Clone)]
pub struct Cost {
    /// Wall-clock time.
    pub wall: Duration,
    /// CPU seconds in the program.
    pub user: f64,
    /// CPU seconds in the kernel.
    pub system: f64,
    /// The largest resident size, in KiB.
    pub peak_kib: u64,
}

/// Runs `binary` with `arguments` in the program's folder under the shell's `time`, and samples its memory.
pub fn measure(program: &Program, binary: &str, arguments: &[&str]) -> Result<Cost> {
    let script = "TIMEFORMAT='%U %S'; time \"$0\" \"$@\" > /dev/null";
    let mut command = program.shell(&[&["-c", script, binary], arguments].concat());
    let began = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let shell = child.id();
    let waiting = std::thread::spawn(move || child.wait_with_output());
    let mut cost = Cost::default();
    while !waiting.is_finished() {
        cost.peak_kib = cost.peak_kib.max(peak_of_child(shell).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    cost.wall = began.elapsed();
    let output = waiting.join().map_err(|_| anyhow!("the waiting thread panicked"))??;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{arguments:?} failed: {text}");
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [.., user, system] = numbers[..] else { return Err(anyhow!("no times in {text}")) };
    (cost.user, cost.system) = (user, system);
    Ok(cost)
}

/// Returns the kernel's peak of the resident size of the shell's child, in KiB.
fn peak_of_child(shell: u32) -> Option<u64> {
    let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).ok()?;
    let child = children.split_whitespace().next()?;
    let status = fs::read_to_string(Path::new("/proc").join(child).join("status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
