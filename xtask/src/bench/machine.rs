//! What machine this is, in a line: figures of another one cannot be compared with these.

use std::fs;

/// Model and number of the processors, and the kernel.
pub(super) fn describe() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    let (model, count) = (model(&processors), cpus());
    format!("{model}, {count} CPUs, Linux {version}")
}

/// CPUs that a program may use.
pub(super) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn model(processors: &str) -> &str {
    let line = processors.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(':')).map_or("unknown processor", |(_, model)| model.trim())
}

#[cfg(test)]
mod tests {
    use super::model;

    #[test]
    fn the_model_is_named_or_unknown() {
        assert_eq!(model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), "Some CPU @ 2 GHz");
        assert_eq!(model(""), "unknown processor");
    }
}
