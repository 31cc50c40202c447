//! A journal of a million payments, made through the platform itself, and restarts on it.
//!
//! Payments are sent in pieces; after each the webhooks are delivered and the read models caught up, so that nothing piles up
//! that a platform under its usual load would not have.

use super::figures::{Million, Spread};
use super::programs::{CONNECTIONS, Programs, Simulator, free_address, number};
use super::remove;
use crate::Failure;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Payments of the journal.
pub(super) const PAYMENTS: u64 = 1_000_000;
/// Payments of one piece.
const PIECE_PAYMENTS: u64 = 20_000;
/// What the platform logs: a line for every request would be gigabytes.
const LOG: &str = "warn";
/// Longest time for one piece, in seconds.
const PIECE_S_MAX: u64 = 600;
/// Pieces at the end whose rate is told.
const LAST_PIECES: usize = 3;
/// Restarts of which the median counts.
const RESTARTS: usize = 3;

/// Makes the journal and restarts on it.
pub(super) fn run(programs: &Programs, folder: &Path, payments: u64) -> Result<Million, Failure> {
    let folder = folder.join("million");
    fs::create_dir_all(&folder).map_err(|error| Failure::new(format!("cannot make {}: {error}", folder.display())))?;
    let address = free_address()?;
    let mut simulator = programs.simulator(&folder, Some(address))?;
    let mut platform = programs.platform(&folder, address, &simulator.url, LOG)?;
    let (started, mut sent, mut rates) = (Instant::now(), 0, Vec::new());
    let mut fill_rss_mb = 0.0;
    while sent < payments {
        let piece = PIECE_PAYMENTS.min(payments - sent);
        let (count, seconds, concurrency) = (piece.to_string(), PIECE_S_MAX.to_string(), CONNECTIONS.to_string());
        let arguments = ["--payments", &count, "--seconds", &seconds, "--concurrency", &concurrency];
        let found = programs.payments(&platform, &simulator, &arguments)?;
        if number(&found, "unexpected")? > 0.0 {
            return Err(Failure::new(format!("not every payment was captured, such as: {}", found["example"])));
        }
        sent += found["payments"].as_u64().ok_or_else(|| Failure::new("nothing was counted"))?;
        rates.push(number(&found, "payments_per_s")?);
        fill_rss_mb = number(&found["processes"][0], "rss_bytes")? / 1e6;
        eprintln!("{sent} of {payments} payments, {:.0} a second, {fill_rss_mb:.0} MB", rates[rates.len() - 1]);
    }
    let fill_s = started.elapsed().as_secs_f64();
    let api_key = platform.api_key.clone();
    platform.process.stop();
    let last = rates.split_off(rates.len().saturating_sub(LAST_PIECES));
    let (restarts, memories) = restarts(programs, &folder, &simulator, &api_key)?;
    simulator.process.stop();
    let data = folder.join("platform");
    let million = Million {
        payments: sent,
        events: newest_seq(&data),
        fill_s,
        last_payments_per_s: Spread::of(last).map_or(0.0, |spread| spread.median),
        restart_s: Spread::of(restarts).ok_or_else(|| Failure::new("nothing was restarted"))?,
        rss_mb: Spread::of(memories).ok_or_else(|| Failure::new("nothing was restarted"))?,
        fill_rss_mb,
        journal_bytes: bytes_of(&data.join("journal")),
        snapshot_bytes: newest_snapshot_bytes(&data.join("snapshots")),
        views_bytes: fs::metadata(data.join("views.sqlite")).map_or(0, |found| found.len()),
    };
    remove(&folder);
    Ok(million)
}

/// Seconds from the start of the process to the first answered payment, and megabytes then.
fn restarts(programs: &Programs, folder: &Path, simulator: &Simulator, api_key: &str) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    let (mut seconds, mut memories) = (Vec::new(), Vec::new());
    for _ in 0..RESTARTS {
        let address = free_address()?;
        let waiting = programs.yardstick.first_answer(address, api_key)?;
        let mut platform = programs.platform(folder, address, &simulator.url, LOG)?;
        let found = waiting.found()?;
        seconds.push(number(&found, "first_answer_ms")? / 1_000.0);
        memories.push(resident_mb(platform.process.id()));
        platform.process.stop();
    }
    Ok((seconds, memories))
}

fn resident_mb(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    kib * 1_024.0 / 1e6
}

fn files(folder: &Path) -> impl Iterator<Item = fs::DirEntry> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

fn bytes_of(folder: &Path) -> u64 {
    files(folder).filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum()
}

/// Snapshots are named by their position.
fn newest_snapshot(folder: &Path) -> Option<(u64, fs::DirEntry)> {
    let named = files(folder).filter_map(|file| Some((file.file_name().to_str()?.strip_suffix(".snap")?.parse().ok()?, file)));
    named.max_by_key(|(seq, _): &(u64, _)| *seq)
}

fn newest_snapshot_bytes(folder: &Path) -> u64 {
    newest_snapshot(folder).and_then(|(_, file)| file.metadata().ok()).map_or(0, |found| found.len())
}

/// A lower estimate of the events: the first one of the newest segment.
fn newest_seq(data: &Path) -> u64 {
    let named = files(&data.join("journal")).filter_map(|file| file.file_name().to_str()?.strip_suffix(".seg")?.parse().ok());
    named.max().unwrap_or(0)
}
