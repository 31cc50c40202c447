//! What this process has used of the machine, as the kernel counts it.

use api::Usage;
use rustix::time::{ClockId, clock_gettime};

/// Reads processor time, bytes written and resident memory. What the system does not say is absent.
pub fn read() -> Usage {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let cpu_us = u64::try_from(cpu.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(cpu.tv_nsec).unwrap_or(0) / 1_000;
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    let resident_bytes = number_after(&text("/proc/self/status"), "VmRSS:").map(|kib| kib * 1_024);
    Usage { cpu_us, written_bytes: number_after(&text("/proc/self/io"), "write_bytes:"), resident_bytes }
}

/// The number that follows a name at the start of a line, as proc(5) prints them.
fn number_after(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{number_after, read};

    #[test]
    fn numbers_are_found_by_their_names() {
        let text = "rchar: 1\nwrite_bytes: 4096\ncancelled_write_bytes: 9\nVmRSS:\t  1234 kB\n";
        assert_eq!(number_after(text, "write_bytes:"), Some(4_096));
        assert_eq!(number_after(text, "VmRSS:"), Some(1_234));
        assert_eq!(number_after(text, "read_bytes:"), None);
        assert_eq!(number_after("VmRSS: none", "VmRSS:"), None);
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
