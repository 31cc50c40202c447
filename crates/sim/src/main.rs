//! Runs seeds of the simulation: one with its result, or a range on all cores with a table of faults.

use clap::Parser;
use sim::{Broken, Counters, FAULT_KINDS, LEDGER_FAULT_KINDS, LedgerReport, Mistake, Report, run_ledger_seed, run_seed};
use std::fmt::Display;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Every kind of fault strikes at least this often per thousand seeds.
const STRIKES_PER_1000_SEEDS_MIN: u64 = 100;
/// Worker threads at most.
const THREADS_MAX: usize = 64;
/// Violated seeds that are shown.
const SHOWN_MAX: usize = 5;

/// Deterministic simulation of the platform's core.
#[derive(Parser)]
struct Arguments {
    /// One seed to run.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// A range of seeds, FROM..TO, without TO.
    #[arg(long, value_parser = parse_range)]
    seeds: Option<(u64, u64)>,
    /// Seeds of the ledgers that merchants keep themselves, instead of payments.
    #[arg(long)]
    ledgers: bool,
    /// A deliberate mistake, by its name.
    #[arg(long)]
    broken: Option<String>,
}

fn parse_range(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    parts.filter(|(from, to)| from < to).ok_or_else(|| "a range looks like 0..1000".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let name = arguments.broken.as_deref();
    let known: Vec<&str> = if arguments.ledgers {
        Mistake::ALL.iter().filter_map(|mistake| mistake.name()).collect()
    } else {
        Broken::ALL.iter().filter_map(|broken| broken.name()).collect()
    };
    if let Some(name) = name.filter(|name| !known.contains(name)) {
        println!("there is no mistake {name}; there are {}", known.join(", "));
        return ExitCode::FAILURE;
    }
    if arguments.ledgers {
        let mistake = name.and_then(Mistake::parse).unwrap_or(Mistake::None);
        return match arguments.seeds {
            Some(range) => ledgers(range, mistake),
            None => one(&run_ledger_seed(arguments.seed.unwrap_or(0), mistake), |report| report.violation.is_none()),
        };
    }
    let broken = name.and_then(Broken::parse).unwrap_or(Broken::Nothing);
    match arguments.seeds {
        Some(range) => payments(range, broken),
        None => one(&run_seed(arguments.seed.unwrap_or(0), broken), |report| report.violation.is_none()),
    }
}

fn one<R: Display>(report: &R, is_clean: impl Fn(&R) -> bool) -> ExitCode {
    println!("{report}");
    if is_clean(report) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all seeds of a range on all cores; the reports in order.
fn run_all<R: Send>((from, to): (u64, u64), run: impl Fn(u64) -> R + Sync) -> Vec<R> {
    let next = AtomicU64::new(from);
    let reports = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get).min(THREADS_MAX);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= to {
                        return;
                    }
                    let report = run(seed);
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push((seed, report));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(seed, _)| *seed);
    reports.into_iter().map(|(_, report)| report).collect()
}

fn payments(range: (u64, u64), broken: Broken) -> ExitCode {
    let started = Instant::now();
    let reports = run_all(range, |seed| run_seed(seed, broken));
    let (violated, clean): (Vec<Report>, Vec<Report>) = reports.into_iter().partition(|report| report.violation.is_some());
    let all = || clean.iter().chain(&violated);
    let mut counters = Counters::default();
    all().for_each(|report| counters.merge(&report.counters));
    let provider = sandbox::stripe::FaultKind::ALL.map(sandbox::stripe::FaultKind::name);
    let kinds: Vec<&'static str> = FAULT_KINDS.iter().copied().chain(provider).collect();
    let are_all_there = print_faults(&counters, &kinds, range, broken == Broken::Nothing);
    violated.iter().take(SHOWN_MAX).for_each(|report| println!("{report}"));
    let sum = |of: fn(&Report) -> u64| all().map(of).sum::<u64>();
    println!(
        "{} seeds in {:.1} s: {} clean, {} violated; {} payments, {} parked, {} crashes, {} erasures, {} faults",
        range.1 - range.0,
        started.elapsed().as_secs_f64(),
        clean.len(),
        violated.len(),
        sum(|report| report.payments_count),
        sum(|report| report.parked_count),
        sum(|report| report.crashes_count),
        sum(|report| report.erased_count),
        counters.total()
    );
    if violated.is_empty() && are_all_there { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ledgers(range: (u64, u64), mistake: Mistake) -> ExitCode {
    let started = Instant::now();
    let reports = run_all(range, |seed| run_ledger_seed(seed, mistake));
    let (violated, clean): (Vec<LedgerReport>, Vec<LedgerReport>) = reports.into_iter().partition(|report| report.violation.is_some());
    let all = || clean.iter().chain(&violated);
    let mut counters = Counters::default();
    all().for_each(|report| counters.merge(&report.counters));
    let are_all_there = print_faults(&counters, &LEDGER_FAULT_KINDS, range, mistake == Mistake::None);
    violated.iter().take(SHOWN_MAX).for_each(|report| println!("{report}"));
    let sum = |of: fn(&LedgerReport) -> u64| all().map(of).sum::<u64>();
    println!(
        "{} seeds of ledgers in {:.1} s: {} clean, {} violated; {} transfers, {} tables, {} snapshots, {} looks, {} crashes, {} faults",
        range.1 - range.0,
        started.elapsed().as_secs_f64(),
        clean.len(),
        violated.len(),
        sum(|report| report.transfers_count),
        sum(|report| report.tables_count),
        sum(|report| report.snapshots_count),
        sum(|report| report.looks_count),
        sum(|report| report.crashes_count),
        counters.total()
    );
    if violated.is_empty() && are_all_there { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The table of faults. Whether each kind struck often enough, which is asked of long ranges only.
fn print_faults(counters: &Counters, kinds: &[&'static str], (from, to): (u64, u64), is_sound: bool) -> bool {
    println!("{:<50} {:>10}", "fault", "strikes");
    let rows = counters.rows(kinds);
    for (kind, count) in &rows {
        println!("{kind:<50} {count:>10}");
    }
    let seeds = to - from;
    let is_weak = |count: u64| is_sound && seeds >= 1_000 && count * 1_000 < STRIKES_PER_1000_SEEDS_MIN * seeds;
    let weak: Vec<_> = rows.iter().filter(|(_, count)| is_weak(*count)).collect();
    for (kind, count) in &weak {
        println!("TOO RARE: {kind}: {count}");
    }
    weak.is_empty()
}
