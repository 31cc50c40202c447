//! Fuzz targets: the programs of `fuzz`, a workspace of its own, which libFuzzer drives with coverage counters.

use crate::Failure;
use crate::cargo::{cargo, metadata, root, show, succeed};
use std::fs;
use std::path::PathBuf;

/// Every target.
pub(crate) const TARGETS: [&str; 6] =
    ["form_decoder", "journal_reader", "record_decoder", "response_decoder", "table_reader", "webhook_verifier"];
/// How long each target runs before a change is merged, in seconds.
pub(crate) const SECONDS_CI: u32 = 6;
/// Longest input that is tried, in bytes.
const INPUT_BYTES_MAX: u32 = 4_096;
/// Flags of the caller would take the place of those that ask for counters.
const FLAGS: [&str; 2] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"];

/// Builds the targets and lets each run for so many seconds, from its corpus on and whatever earlier runs found.
pub(crate) fn run(targets: &[String], seconds: u32) -> Result<(), Failure> {
    let named: Vec<&str> = if targets.is_empty() { TARGETS.to_vec() } else { targets.iter().map(String::as_str).collect() };
    if let Some(unknown) = named.iter().find(|name| !TARGETS.contains(name)) {
        return Err(Failure::new(format!("there is no fuzz target {unknown}; there are {}", TARGETS.join(", "))));
    }
    let folder = root().join("fuzz");
    let target = metadata()?["target_directory"].as_str().map(PathBuf::from).ok_or_else(|| Failure::new("cargo named no target folder"))?;
    let found = target.join("fuzz");
    for name in named {
        let grown = found.join("corpus").join(name);
        fs::create_dir_all(&grown).map_err(|error| Failure::new(format!("{}: {error}", grown.display())))?;
        let mut command = cargo(["run", "--release", "--locked", "--quiet", "--bin", name, "--"]);
        command.current_dir(&folder).env("CARGO_TARGET_DIR", &found);
        for flags in FLAGS {
            command.env_remove(flags);
        }
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}")).arg("-verbosity=0");
        command.arg("-print_final_stats=1").arg(format!("-artifact_prefix={}/{name}-", found.display()));
        command.arg(&grown).arg(format!("corpus/{name}"));
        let shown = show(&command);
        succeed(&mut command).map_err(|failure| {
            Failure::new(format!("{}; an input that it choked on is below {}; again: {shown}", failure.message, found.display()))
        })?;
    }
    Ok(())
}
