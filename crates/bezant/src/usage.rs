//! What this process has used of the machine, as the kernel counts it.

use api::Usage;
use rustix::time::{ClockId, clock_gettime};

/// Threads that write files and have no socket.
const FILE_THREADS: [&str; 7] = ["indexes", "journal", "keys", "merges", "segments", "snapshots", "views"];

/// Reads processor time, bytes written and resident memory. What the system does not say is absent.
pub fn read() -> Usage {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let cpu_us = u64::try_from(cpu.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(cpu.tv_nsec).unwrap_or(0) / 1_000;
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    let resident_bytes = number_after(&text("/proc/self/status"), "VmRSS:").map(|kib| kib * 1_024);
    Usage { cpu_us, written_bytes: written_bytes(), resident_bytes }
}

/// Bytes given to write calls by the threads that write files. The process's `write_bytes` would be the wrong number: it counts
/// whole folios of the page cache, so that a batch of two kilobytes counts as megabytes.
fn written_bytes() -> Option<u64> {
    let mut sum = None;
    for thread in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let text = |name| std::fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        if FILE_THREADS.contains(&text("comm").trim()) {
            sum = Some(sum.unwrap_or(0) + number_after(&text("io"), "wchar:")?);
        }
    }
    sum
}

/// The number that follows a name at the start of a line, as proc(5) prints them.
fn number_after(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{number_after, read, written_bytes};

    #[test]
    fn numbers_are_found_by_their_names() {
        let text = "rchar: 1\nwchar: 4096\ncancelled_write_bytes: 9\nVmRSS:\t  1234 kB\n";
        assert_eq!(number_after(text, "wchar:"), Some(4_096));
        assert_eq!(number_after(text, "VmRSS:"), Some(1_234));
        assert_eq!(number_after(text, "read_bytes:"), None);
        assert_eq!(number_after("VmRSS: none", "VmRSS:"), None);
    }

    #[test]
    fn what_threads_of_files_write_is_counted_and_what_others_write_is_not() {
        let path = std::env::temp_dir().join(format!("bezant-usage-{}", std::process::id()));
        let write = |name: &str| {
            let (path, thread) = (path.clone(), std::thread::Builder::new().name(name.to_owned()));
            let written = move || {
                std::fs::write(path, [0; 5_000]).unwrap();
                written_bytes()
            };
            thread.spawn(written).unwrap().join().unwrap()
        };
        assert_eq!((write("runtime"), write("journal")), (None, Some(5_000)));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_process_that_works_uses_more_and_more() {
        let before = read();
        while read().cpu_us == before.cpu_us {
            std::hint::spin_loop();
        }
        let after = read();
        assert!(after.cpu_us > before.cpu_us, "{before:?} {after:?}");
        assert!(after.resident_bytes.is_none_or(|bytes| bytes > 1_000_000), "{after:?}");
    }
}
