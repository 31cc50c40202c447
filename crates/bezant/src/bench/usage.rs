//! What Linux says a process has used: CPU and written bytes of each thread, and memory. Threads of one name count as one
//! stage, because a pool's threads do the same work.
//!
//! Bytes are those that were given to write calls (`wchar` of proc(5)). Of a thread that has no socket they are what it
//! writes to files. `write_bytes` would be the wrong number: it counts whole folios of the page cache, so that a batch of
//! two kilobytes in a file that was filled in large pieces counts as megabytes.

use super::Error;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::io;

/// Ticks of `/proc/PID/stat` a second: `USER_HZ` (proc(5)), 100 on every architecture that Linux runs on today.
const TICKS_PER_S: u64 = 100;
const US_PER_S: u64 = 1_000_000;
/// Where threads that ended between two looks are counted.
pub const ENDED_THREADS: &str = "ended threads";

/// One look at a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Each thread by its number.
    threads: BTreeMap<u32, Thread>,
    /// CPU time of the whole process, ended threads included, in µs.
    cpu_us: u64,
    rss_bytes: u64,
}

/// A thread as it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Thread {
    name: String,
    cpu_ns: u64,
    written_bytes: u64,
}

/// What a process used between two looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// By the name of the threads.
    pub stages: BTreeMap<String, Stage>,
    /// CPU time of all of them, in µs.
    pub cpu_us: u64,
    /// Resident memory at the second look, in bytes.
    pub rss_bytes: u64,
}

/// What the threads of one name used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// CPU time in µs.
    pub cpu_us: u64,
    /// Bytes given to write calls, those to sockets included.
    pub written_bytes: u64,
}

/// Looks at a process.
///
/// # Errors
/// [`Error::Process`] when it is gone or belongs to somebody else.
pub fn look(pid: u32) -> Result<Look, Error> {
    look_at(pid).map_err(|source| Error::Process { pid, source })
}

fn look_at(pid: u32) -> io::Result<Look> {
    let unreadable = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("{what} is not as proc(5) says"));
    let folder = format!("/proc/{pid}");
    let (_, ticks) = parse_stat(&fs::read_to_string(format!("{folder}/stat"))?).ok_or_else(|| unreadable("stat"))?;
    let status = fs::read_to_string(format!("{folder}/status"))?;
    let rss_kb = parse_field(&status, "VmRSS:").ok_or_else(|| unreadable("status"))?;
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir(format!("{folder}/task"))? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A thread that ends while it is looked at is counted with those that ended.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let (name, ticks) = parse_stat(&stat).ok_or_else(|| unreadable("a thread's stat"))?;
        // To the nanosecond where the kernel keeps it, else to the tick.
        let precise = fs::read_to_string(entry.path().join("schedstat")).ok();
        let cpu_ns = precise.and_then(|text| parse_schedstat(&text)).unwrap_or(ticks * (1_000 * US_PER_S / TICKS_PER_S));
        let Ok(io) = fs::read_to_string(entry.path().join("io")) else { continue };
        let written_bytes = parse_field(&io, "wchar:").ok_or_else(|| unreadable("a thread's io"))?;
        threads.insert(number, Thread { name, cpu_ns, written_bytes });
    }
    Ok(Look { threads, cpu_us: ticks * (US_PER_S / TICKS_PER_S), rss_bytes: rss_kb * 1_024 })
}

impl Look {
    /// What was used since an earlier look at the same process.
    #[must_use]
    pub fn since(&self, before: &Self) -> Usage {
        let mut stages: BTreeMap<String, Stage> = BTreeMap::new();
        let mut cpu_ns: BTreeMap<&str, u64> = BTreeMap::new();
        for (number, thread) in &self.threads {
            let earlier = before.threads.get(number).cloned().unwrap_or_default();
            *cpu_ns.entry(&thread.name).or_default() += thread.cpu_ns.saturating_sub(earlier.cpu_ns);
            let stage = stages.entry(thread.name.clone()).or_default();
            stage.written_bytes += thread.written_bytes.saturating_sub(earlier.written_bytes);
        }
        for (name, stage) in &mut stages {
            stage.cpu_us = cpu_ns.get(name.as_str()).copied().unwrap_or(0) / 1_000;
        }
        let living_us: u64 = stages.values().map(|stage| stage.cpu_us).sum();
        let ended_us = self.cpu_us.saturating_sub(before.cpu_us).saturating_sub(living_us);
        let has_ended = before.threads.keys().any(|number| !self.threads.contains_key(number));
        if has_ended && ended_us > 0 {
            stages.insert(ENDED_THREADS.to_owned(), Stage { cpu_us: ended_us, written_bytes: 0 });
        }
        Usage { cpu_us: stages.values().map(|stage| stage.cpu_us).sum(), stages, rss_bytes: self.rss_bytes }
    }
}

/// Name and CPU ticks of one `stat` line (proc(5): `comm` is field 2, `utime` 14, `stime` 15). The name may hold spaces
/// and parentheses.
fn parse_stat(line: &str) -> Option<(String, u64)> {
    let (open, close) = (line.find('(')?, line.rfind(')')?);
    let name = line.get(open + 1..close)?.to_owned();
    let mut fields = line.get(close + 1..)?.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((name, user + system))
}

/// Time on a CPU in ns: the first number of `schedstat`.
fn parse_schedstat(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// The number after a name at the start of a line.
fn parse_field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_ascii_whitespace().next()?.parse().ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{ENDED_THREADS, Look, Stage, Thread, Usage, look, parse_field, parse_schedstat, parse_stat};
    use std::collections::BTreeMap;

    #[test]
    fn a_stat_line_is_read_whatever_its_name() {
        let line = "6028 (a (b) c) R 6020 6020 23663 0 -1 4194304 2845 6575 2 0 19 7 5 1 20 0 1 0 3291840";
        assert_eq!(parse_stat(line), Some(("a (b) c".to_owned(), 26)));
        for bad in ["", "1 (x", "1 (x) R 1 2", "1 (x) R 1 1 1 0 -1 1 1 1 1 1 a 7 5"] {
            assert_eq!(parse_stat(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_after_names_are_found_at_the_start_of_a_line() {
        let text = "rchar: 1\ncancelled_write_bytes: 3\nwrite_bytes: 4096\n";
        assert_eq!(parse_field(text, "write_bytes:"), Some(4_096));
        assert_eq!(parse_field("VmRSS:\t  5376 kB\n", "VmRSS:"), Some(5_376));
        assert_eq!(parse_field(text, "wchar:"), None);
        assert_eq!(parse_schedstat("203202872 865765621 79\n"), Some(203_202_872));
        assert_eq!(parse_schedstat(""), None);
    }

    fn seen(threads: &[(u32, &str, u64)], cpu_us: u64) -> Look {
        let thread = |name: &str, cpu_ns: u64| Thread { name: name.to_owned(), cpu_ns, written_bytes: cpu_ns / 1_000 };
        let threads: BTreeMap<_, _> = threads.iter().map(|(number, name, ns)| (*number, thread(name, *ns))).collect();
        Look { threads, cpu_us, rss_bytes: 7 }
    }

    #[test]
    fn threads_of_one_name_add_up_and_new_and_ended_ones_count() {
        let before = seen(&[(1, "main", 1_000_000), (2, "pool", 5_000_600), (3, "gone", 9_000_000)], 20_000);
        let after = seen(&[(1, "main", 3_000_000), (2, "pool", 6_000_000), (4, "pool", 4_000_600)], 60_000);
        let stage = |cpu_us, written_bytes| Stage { cpu_us, written_bytes };
        let expected = [("main", stage(2_000, 2_000)), ("pool", stage(5_000, 5_000)), (ENDED_THREADS, stage(33_000, 0))];
        let stages = expected.into_iter().map(|(name, stage)| (name.to_owned(), stage)).collect();
        assert_eq!(after.since(&before), Usage { stages, cpu_us: 40_000, rss_bytes: 7 });
    }

    #[test]
    fn this_process_can_be_looked_at_and_one_that_is_not_there_cannot() {
        let before = look(std::process::id()).unwrap();
        let usage = look(std::process::id()).unwrap().since(&before);
        assert!(usage.rss_bytes > 0 && !usage.stages.is_empty());
        assert!(look(u32::MAX).is_err());
    }
}
