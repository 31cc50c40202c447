//! Runs seeds of the simulation: one with its result, or a range on all cores with a table of faults.

use clap::Parser;
use sim::{Broken, Counters, Report, run_seed};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Every kind of fault strikes at least this often per thousand seeds.
const STRIKES_PER_1000_SEEDS_MIN: u64 = 100;
/// Worker threads at most.
const THREADS_MAX: usize = 64;

/// Deterministic simulation of the platform's core.
#[derive(Parser)]
struct Arguments {
    /// One seed to run.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// A range of seeds, FROM..TO, without TO.
    #[arg(long, value_parser = parse_range)]
    seeds: Option<(u64, u64)>,
    /// A deliberate mistake: ack-before-sync, new-key-on-replay or unknown-as-decline.
    #[arg(long, value_parser = parse_broken)]
    broken: Option<Broken>,
}

fn parse_range(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    parts.filter(|(from, to)| from < to).ok_or_else(|| "a range looks like 0..1000".to_owned())
}

fn parse_broken(text: &str) -> Result<Broken, String> {
    Broken::parse(text).ok_or_else(|| "one of ack-before-sync, new-key-on-replay, unknown-as-decline".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let broken = arguments.broken.unwrap_or(Broken::Nothing);
    if let Some(range) = arguments.seeds {
        return run_range(range, broken);
    }
    let report = run_seed(arguments.seed.unwrap_or(0), broken);
    println!("{report}");
    if report.violation.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Sums {
    counters: Counters,
    payments: u64,
    parked: u64,
    crashes: u64,
    erased: u64,
    clean: u64,
    violated: Vec<Report>,
}

impl Sums {
    fn add(&mut self, report: Report) {
        self.counters.merge(&report.counters);
        self.payments += report.payments_count;
        self.parked += report.parked_count;
        self.crashes += report.crashes_count;
        self.erased += report.erased_count;
        if report.violation.is_some() {
            self.violated.push(report);
        } else {
            self.clean += 1;
        }
    }
}

fn run_range((from, to): (u64, u64), broken: Broken) -> ExitCode {
    let started = Instant::now();
    let next = AtomicU64::new(from);
    let sums = Mutex::new(Sums::default());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get).min(THREADS_MAX);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to {
                        return;
                    }
                    let report = run_seed(seed, broken);
                    sums.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(report);
                }
            });
        }
    });
    let mut sums = sums.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    sums.violated.sort_by_key(|report| report.seed);
    print_sums(&sums, to - from, started);
    let weak = if broken == Broken::Nothing && to - from >= 1_000 { weak_kinds(&sums.counters, to - from) } else { Vec::new() };
    for (kind, count) in &weak {
        println!("TOO RARE: {kind}: {count}");
    }
    if sums.violated.is_empty() && weak.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn weak_kinds(counters: &Counters, seeds: u64) -> Vec<(&'static str, u64)> {
    counters.rows().into_iter().filter(|(_, count)| count * 1_000 < STRIKES_PER_1000_SEEDS_MIN * seeds).collect()
}

fn print_sums(sums: &Sums, seeds: u64, started: Instant) {
    println!("{:<50} {:>10}", "fault", "strikes");
    for (kind, count) in sums.counters.rows() {
        println!("{kind:<50} {count:>10}");
    }
    for report in sums.violated.iter().take(5) {
        println!("{report}");
    }
    println!(
        "{seeds} seeds in {:.1} s: {} clean, {} violated; {} payments, {} parked, {} crashes, {} erasures, {} faults",
        started.elapsed().as_secs_f64(),
        sums.clean,
        sums.violated.len(),
        sums.payments,
        sums.parked,
        sums.crashes,
        sums.erased,
        sums.counters.total()
    );
}
