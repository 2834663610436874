//! What processes have used, from `/proc`.

use std::{collections::HashMap, fs, time::Duration};

use anyhow::{Context as _, Result};

/// Linux tells CPU time to user space in hundredths of a second on every architecture.
const TICKS_PER_SECOND: u64 = 100;

/// The CPU time of these processes and all their descendants, in user and kernel mode, ended children included.
pub fn cpu_time(roots: &[u32]) -> Result<Duration> {
    let ticks: u64 = tree(roots)?.iter().map(|process| process.ticks).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// The proportional share of memory of these processes and all their descendants, in bytes: memory that several of
/// them share counts once, and for a single process this is its resident memory.
pub fn memory(roots: &[u32]) -> Result<u64> {
    let mut kibibytes = 0;
    for process in tree(roots)? {
        let path = format!("/proc/{}/smaps_rollup", process.id);
        let rollup = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let pss = pss
            .and_then(|value| value.trim().strip_suffix(" kB"))
            .context("smaps_rollup has no Pss")?;
        kibibytes += pss.trim().parse::<u64>()?;
    }
    Ok(kibibytes * 1024)
}

/// The processor, its cores and the memory of this machine.
pub fn machine() -> Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let models = processors
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = models
        .map(|(_, model)| model.trim())
        .next()
        .unwrap_or("a processor without a name");
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .unwrap_or_default();
    let kibibytes: f64 = total
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or(f64::NAN);
    Ok(format!(
        "{cores} cores of {model} with {:.0} GB of memory",
        kibibytes * 1024.0 / 1e9
    ))
}

struct Process {
    id: u32,
    parent: u32,
    ticks: u64,
}

fn tree(roots: &[u32]) -> Result<Vec<Process>> {
    let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(id) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // A process may end between the listing and the reading.
        let Some(process) = fs::read_to_string(format!("/proc/{id}/stat"))
            .ok()
            .and_then(|stat| parse(id, &stat))
        else {
            continue;
        };
        if roots.contains(&id) {
            found.push(process);
        } else {
            children.entry(process.parent).or_default().push(process);
        }
    }
    anyhow::ensure!(found.len() == roots.len(), "A server's process has ended.");
    let mut next = 0;
    while next < found.len() {
        found.extend(children.remove(&found[next].id).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

/// Reads [`/proc/PID/stat`](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html).
fn parse(id: u32, stat: &str) -> Option<Process> {
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // utime, stime, cutime and cstime are the fields 14 to 17 of the whole line; the first one here is field 3.
    let ticks = fields
        .get(11..15)?
        .iter()
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Some(Process {
        id,
        parent: fields.get(1)?.parse().ok()?,
        ticks,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_with_spaces_and_parentheses_do_not_shift_fields() {
        let stat = "7 (a) b (c)) S 3 7 7 0 -1 4194304 100 0 0 0 11 5 2 1 20 0 1 0 100";
        let process = parse(7, stat).unwrap();
        assert_eq!((process.parent, process.ticks), (3, 19));
    }
}
