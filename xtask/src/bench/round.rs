//! One round: every yardstick and the platform, one after the other, each with the machine to itself. The echo is asked
//! before and after the platform, because it is what the platform is held against.

use super::figures::Figures;
use super::programs::{CONNECTIONS, Programs, free_address, number};
use super::{Times, remove};
use crate::Failure;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Payments a second of the open loop.
pub(super) const RATE: u32 = 200;
/// The platform's threads that write files and have no socket. A segment is filled with zeros before payments use it; what
/// `journal` writes counts twice instead of what `segments` does, for that comes in pieces of 64 MiB.
const FILE_THREADS: [&str; 4] = ["journal", "keys", "snapshots", "views"];
const FILLED_BEFORE: &str = "journal";

/// Runs one round in a folder that it leaves empty.
pub(super) fn run(programs: &Programs, folder: &Path, times: Times) -> Result<Figures, Failure> {
    let folder = folder.join("round");
    fs::create_dir_all(&folder).map_err(|error| Failure::new(format!("cannot make {}: {error}", folder.display())))?;
    let mut figures = Figures::default();
    let before = echo(programs, &folder, times.echo)?;
    relay(programs, &folder, times, &mut figures)?;
    payments(programs, &folder, times, &mut figures)?;
    let after = echo(programs, &folder, times.echo)?;
    figures.put("echo_per_s", f64::midpoint(before, after));
    append(programs, &folder, times.append, &mut figures)?;
    figures.put("ratio_to_echo", figures.value("payments_per_s")? / figures.value("echo_per_s")?);
    figures.put("added_p50_ms", (figures.value("open_p50_us")? - figures.value("provider_p50_us")?) / 1_000.0);
    // Against the provider's median: its own slow answers count as ours.
    figures.put("added_p99_ms", (figures.value("open_p99_us")? - figures.value("provider_p50_us")?) / 1_000.0);
    remove(&folder);
    Ok(figures)
}

/// The most that this machine answers: JSON in, JSON out.
fn echo(programs: &Programs, folder: &Path, ms: u64) -> Result<f64, Failure> {
    let (mut server, url) = programs.yardstick.server(folder, &["echo"])?;
    let asked = ask(programs, &url, "payment", ms)?;
    server.stop();
    number(&asked, "per_s")
}

/// The most that a handler answers that only calls the simulator; then the simulator's own time at the rate of the open loop.
fn relay(programs: &Programs, folder: &Path, times: Times, figures: &mut Figures) -> Result<(), Failure> {
    let mut simulator = programs.simulator(folder, None)?;
    let (mut server, url) = programs.yardstick.server(folder, &["relay", "--stripe-url", &simulator.url])?;
    let relayed = ask(programs, &url, "payment", times.relay)?;
    server.stop();
    let (rate, ms) = (RATE.to_string(), times.provider.to_string());
    let provider = programs.yardstick.measure(&["ask", "--url", &simulator.url, "--what", "intent", "--rate", &rate, "--ms", &ms])?;
    simulator.process.stop();
    figures.put("relay_per_s", number(&relayed, "per_s")?);
    figures.put("provider_p50_us", number(&provider, "p50_us")?);
    figures.put("provider_p99_us", number(&provider, "p99_us")?);
    Ok(())
}

fn ask(programs: &Programs, url: &str, what: &str, ms: u64) -> Result<Value, Failure> {
    let (ms, concurrency) = (ms.to_string(), CONNECTIONS.to_string());
    programs.yardstick.measure(&["ask", "--url", url, "--what", what, "--ms", &ms, "--concurrency", &concurrency])
}

/// The platform: first as much as it carries, then at a fixed rate.
fn payments(programs: &Programs, folder: &Path, times: Times, figures: &mut Figures) -> Result<(), Failure> {
    let address = free_address()?;
    let mut simulator = programs.simulator(folder, Some(address))?;
    let mut platform = programs.platform(folder, address, &simulator.url, "info")?;
    let seconds = |ms: u64| (ms / 1_000).to_string();
    let (concurrency, rate, warm_up) = (CONNECTIONS.to_string(), RATE.to_string(), times.warm_up.to_string());
    let closed = ["--concurrency", &concurrency, "--seconds", &seconds(times.payments), "--warm-up-ms", &warm_up];
    let closed = programs.payments(&platform, &simulator, &closed)?;
    let open = programs.payments(&platform, &simulator, &["--rate", &rate, "--seconds", &seconds(times.open)])?;
    platform.process.stop();
    simulator.process.stop();
    for found in [&closed, &open] {
        if number(found, "unexpected")? > 0.0 {
            return Err(Failure::new(format!("not every payment was captured, such as: {}", found["example"])));
        }
    }
    for name in ["payments", "payments_per_s", "p50_us", "p99_us", "settle_us"] {
        figures.put(name, number(&closed, name)?);
    }
    figures.put("open_p50_us", number(&open, "p50_us")?);
    figures.put("open_p99_us", number(&open, "p99_us")?);
    usage(&closed, figures)
}

/// What the processes used in the closed loop, for each payment.
fn usage(closed: &Value, figures: &mut Figures) -> Result<(), Failure> {
    let (count, elapsed_us) = (number(closed, "payments")?, number(closed, "elapsed_us")?);
    figures.put("commits.journal", number(&closed["commits"], "journal")? / count);
    let mut busy_us = 0.0;
    for process in closed["processes"].as_array().into_iter().flatten() {
        let name = process["name"].as_str().unwrap_or_default();
        busy_us += number(process, "cpu_us")?;
        figures.put(format!("cpu.{name}"), number(process, "cpu_us")? / count);
        figures.put(format!("rss.{name}"), number(process, "rss_bytes")?);
        for (thread, stage) in process["stages"].as_object().into_iter().flatten() {
            figures.put(format!("cpu.{name}.{thread}"), number(stage, "cpu_us")? / count);
            if name == "platform" && FILE_THREADS.contains(&thread.as_str()) {
                figures.put(format!("written.{thread}"), number(stage, "written_bytes")? / count);
            }
        }
    }
    figures.put("cpus_busy", busy_us / elapsed_us);
    figures.put("cpu_us_per_payment", figures.value("cpu.platform")?);
    figures.put("rss_mb", figures.value("rss.platform")? / 1e6);
    let written: f64 = FILE_THREADS.iter().filter_map(|thread| figures.get(&format!("written.{thread}"))).sum();
    let filled = figures.value(&format!("written.{FILLED_BEFORE}"))?;
    figures.put("written.segments", filled);
    figures.put("bytes_per_payment", written + filled);
    Ok(())
}

/// The journal alone: the batches that the platform just wrote, each with its write and its `fdatasync`.
fn append(programs: &Programs, folder: &Path, ms: u64, figures: &mut Figures) -> Result<(), Failure> {
    let (data, like, ms) = (folder.join("append"), folder.join("platform"), ms.to_string());
    let arguments = ["append", "--data", &data.to_string_lossy(), "--like", &like.to_string_lossy(), "--ms", &ms];
    let appended = programs.yardstick.measure(&arguments)?;
    for (name, found) in [("append_batches_per_s", "batches_per_s"), ("append_payments_per_s", "payments_per_s")] {
        figures.put(name, number(&appended, found)?);
    }
    for name in ["fsync_p50_us", "fsync_p99_us"] {
        figures.put(name, number(&appended, name)?);
    }
    Ok(())
}
