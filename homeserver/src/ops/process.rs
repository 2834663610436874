//! What the operating system knows of this process, under the names Prometheus has for it.

use std::fs;

use super::metrics::{header, line};

/// The kernel counts in hundredths of a second, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Writes what can be read; a system without `/proc` has none of it.
pub(super) fn write(out: &mut String) {
    if let Some(bytes) = resident_memory() {
        header(
            out,
            "process_resident_memory_bytes",
            "gauge",
            "Memory in use.",
        );
        line(out, "process_resident_memory_bytes", bytes);
    }
    if let Some(seconds) = cpu_seconds() {
        header(
            out,
            "process_cpu_seconds_total",
            "counter",
            "Processor time used.",
        );
        line(out, "process_cpu_seconds_total", seconds);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        header(
            out,
            "process_open_fds",
            "gauge",
            "Open files and connections.",
        );
        line(out, "process_open_fds", open.count());
    }
}

fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the name, may hold anything but ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let user: f64 = fields.get(11)?.parse().ok()?;
    let system: f64 = fields.get(12)?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}
