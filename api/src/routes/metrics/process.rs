//! The process's use of CPU, memory and files, under the names that Prometheus recommends:
//! <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>.

/// Empty if the numbers cannot be read, as on systems other than Linux.
pub(super) fn gauges() -> String {
    #[cfg(target_os = "linux")]
    return linux().unwrap_or_default();
    #[cfg(not(target_os = "linux"))]
    String::new()
}

#[cfg(target_os = "linux")]
fn linux() -> Option<String> {
    let process = procfs::process::Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let ticks = procfs::ticks_per_second() as f64;
    let start = procfs::boot_time_secs().ok()? as f64 + stat.starttime as f64 / ticks;
    let numbers = [
        (
            "process_cpu_seconds_total",
            "counter",
            "Time on the processor.",
            (stat.utime + stat.stime) as f64 / ticks,
        ),
        (
            "process_resident_memory_bytes",
            "gauge",
            "Memory in use.",
            stat.rss as f64 * procfs::page_size() as f64,
        ),
        ("process_virtual_memory_bytes", "gauge", "Memory in the address space.", stat.vsize as f64),
        ("process_open_fds", "gauge", "Open file descriptors.", process.fd_count().ok()? as f64),
        ("process_start_time_seconds", "gauge", "When the process started, in Unix time.", start),
    ];
    let lines = numbers.map(|(name, kind, help, number)| {
        format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {number}\n")
    });
    Some(lines.concat())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn every_gauge_has_a_number_above_zero() {
        let text = gauges();
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            let number: f64 = line.trim_start_matches(name).trim().parse().unwrap_or_default();
            assert!(number > 0.0, "{line:?} in {text}");
        }
    }
}
