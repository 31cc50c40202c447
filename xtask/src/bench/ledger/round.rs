//! One round of one case: the load, then what it is held against, each with the machine to itself.

use super::super::figures::Figures;
use super::super::programs::{Yardstick, last_line, number};
use super::super::remove;
use super::case::Case;
use crate::{Failure, cargo};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `bezant ledger bench` says of every run.
const FOUND: [&str; 10] = [
    "transfers",
    "transfers_per_s",
    "batch_p50_ms",
    "batch_p99_ms",
    "batch_max_ms",
    "rss_mb",
    "cpu_us_per_transfer",
    "bytes_on_disk_per_transfer",
    "bytes_written_per_transfer",
    "restart_s",
];
/// What it may say, too.
const FOUND_PERHAPS: [&str; 2] = ["query_p50_ms", "query_p99_ms"];
/// Bytes that the disk takes for one that is appended: the journal's segments are filled with zeros before. Bytes written
/// for a transfer count in the same way.
const WRITTEN_FOR_APPENDED: f64 = 2.0;

/// Paths of the built programs.
pub(super) struct Programs {
    bezant: PathBuf,
    yardstick: Yardstick,
    /// The ledger in memory; a folder of programs may lack it.
    rate: Option<PathBuf>,
}

impl Programs {
    /// Takes what was built already, in a folder as cargo leaves it.
    pub(super) fn built(folder: &Path) -> Result<Self, Failure> {
        let program = |name: &str| cargo::built(folder, name);
        let rate = program("examples/rate");
        if let Err(failure) = &rate {
            eprintln!("xtask: no ceiling of the memory: {}", failure.message);
        }
        let yardstick = Yardstick::new(program("examples/yardstick")?);
        Ok(Self { bezant: program("bezant")?, yardstick, rate: rate.ok() })
    }

    /// Builds everything.
    pub(super) fn build(optimised: bool) -> Result<Self, Failure> {
        let targets = ["--bin", "bezant", "--example", "yardstick", "--example", "rate"];
        let built = cargo::build_with(&["bezant", "ledger"], optimised, &targets)?;
        let program = |name: &str| built.get(name).cloned().ok_or_else(|| Failure::new(format!("cargo built no program {name}")));
        Ok(Self { bezant: program("bezant")?, yardstick: Yardstick::new(program("yardstick")?), rate: Some(program("rate")?) })
    }

    /// Runs the load of a case, with the data in a folder that must not exist, and what it found.
    pub(super) fn load(&self, case: &Case, data: &Path, arguments: &[&str]) -> Result<Value, Failure> {
        let Case { accounts, transfers, batch, clients, ids, seconds, .. } = case;
        let mut command = Command::new(&self.bezant);
        command.args(["ledger", "bench", "--json", "--accounts", &accounts.to_string(), "--transfers", &transfers.to_string()]);
        command.args(["--batch", &batch.to_string(), "--clients", &clients.to_string(), "--ids", ids]);
        if let Some(seconds) = seconds {
            command.args(["--seconds", &seconds.to_string()]);
        }
        let found = last_line(command.arg("--data").arg(data).args(arguments))?;
        let refused = number(&found, "refused")?;
        if refused > 0.0 {
            return Err(Failure::new(format!("{refused} transfers were refused: this measured something else")));
        }
        Ok(found)
    }
}

/// Runs one round in a folder that it leaves empty.
pub(super) fn run(programs: &Programs, folder: &Path, case: &Case) -> Result<Figures, Failure> {
    let mut figures = Figures::default();
    if let Some(rate) = &programs.rate {
        let found = last_line(Command::new(rate).args(["--json", case.in_memory]))?;
        figures.put("memory_ceiling_per_s", number(&found, "transfers_per_s")?);
    }
    let (data, copy) = (folder.join("ledger"), folder.join("append"));
    let found = programs.load(case, &data, &["--keep"])?;
    for name in FOUND {
        figures.put(name, number(&found, name)?);
    }
    for name in FOUND_PERHAPS {
        if let Some(value) = found[name].as_f64() {
            figures.put(name, value);
        }
    }
    append(programs, &data.join("platform"), &copy, case, &mut figures)?;
    remove(&data);
    echo(programs, folder, case, &mut figures)?;
    Ok(figures)
}

/// The journal alone: the batches that the platform just wrote, each with its write and its `fdatasync`.
fn append(programs: &Programs, like: &Path, data: &Path, case: &Case, figures: &mut Figures) -> Result<(), Failure> {
    let ms = case.yardstick_ms.to_string();
    let arguments = ["append", "--data", &data.to_string_lossy(), "--like", &like.to_string_lossy(), "--ms", &ms];
    let found = programs.yardstick.measure(&arguments)?;
    if data.exists() {
        remove(data);
    }
    let (batches, bytes, batches_per_s) = (number(&found, "batches")?, number(&found, "bytes")?, number(&found, "batches_per_s")?);
    figures.put("append_bytes_per_s", WRITTEN_FOR_APPENDED * bytes / batches.max(1.0) * batches_per_s);
    figures.put("fdatasync_per_s", batches_per_s);
    figures.put("fdatasync_p50_us", number(&found, "fsync_p50_us")?);
    figures.put("fdatasync_p99_us", number(&found, "fsync_p99_us")?);
    Ok(())
}

/// One request after the other on one connection, of a server that does nothing but answer.
fn echo(programs: &Programs, folder: &Path, case: &Case, figures: &mut Figures) -> Result<(), Failure> {
    let (mut server, url) = programs.yardstick.server(folder, &["echo"])?;
    let ms = case.yardstick_ms.to_string();
    let found = programs.yardstick.measure(&["ask", "--url", &url, "--what", "payment", "--ms", &ms, "--concurrency", "1"]);
    server.stop();
    figures.put("echo_p50_us", number(&found?, "p50_us")?);
    Ok(())
}
