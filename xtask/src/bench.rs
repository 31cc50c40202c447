//! `cargo xtask bench payments`: how fast the platform is, held against yardsticks of the same run on the same machine.
//!
//! Programs are built with the release profile, unless told otherwise, and run as processes of their own: the platform, the simulator behind it,
//! the load generator (`bezant bench`) and the yardsticks (`crates/bezant/examples/yardstick`). A round measures each of
//! them once; there are three, so that a pause of the machine does not decide. `round.rs` is one round, `million.rs` the
//! long journal, `figures.rs` medians and bars, `report.rs` the text, `page.rs` and `chart.rs` what `--write` changes. `ledger.rs` is `cargo xtask bench ledger`.

mod chart;
mod figures;
pub(crate) mod ledger;
mod machine;
mod million;
mod page;
mod programs;
mod report;
mod round;

use crate::Failure;
use crate::cargo;
use figures::Summary;
use programs::Programs;
use std::fs;
use std::path::{Path, PathBuf};

/// Rounds of which the median counts.
const ROUNDS: usize = 3;

/// How to measure payments.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Shorter: under a minute beside building.
    #[arg(long)]
    quick: bool,
    /// Also make a journal of a million payments through the platform and restart on it. Takes a quarter of an hour, 20 GB of
    /// disk and 8 GB of memory.
    #[arg(long, conflicts_with = "quick")]
    full: bool,
    /// Only see whether it measures: one round of some seconds, programs without optimisation, and no bars.
    #[arg(long, conflicts_with_all = ["quick", "full", "write"])]
    smoke: bool,
    /// Measure the programs of this folder, such as target/release, and build nothing.
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// End with one line that is one JSON object.
    #[arg(long)]
    json: bool,
    /// Put the figures and charts into docs/performance.md.
    #[arg(long)]
    write: bool,
    /// Folder to measure in, on the disk that counts; it is removed at the end.
    #[arg(long, default_value = "bezant-data/bench")]
    data: PathBuf,
    /// Payments of the long journal, for a smaller one.
    #[arg(long, requires = "full", default_value_t = million::PAYMENTS, value_parser = clap::value_parser!(u64).range(1_000..=million::PAYMENTS))]
    journal_payments: u64,
}

/// How long each part of a round asks, in ms.
#[derive(Clone, Copy, Debug)]
struct Times {
    echo: u64,
    relay: u64,
    provider: u64,
    warm_up: u64,
    payments: u64,
    open: u64,
    append: u64,
}

impl Times {
    const STANDARD: Self =
        Self { echo: 1_500, relay: 3_000, provider: 4_000, warm_up: 2_000, payments: 10_000, open: 8_000, append: 2_000 };
    const QUICK: Self = Self { echo: 400, relay: 800, provider: 1_000, warm_up: 800, payments: 3_000, open: 2_000, append: 500 };
    const SMOKE: Self = Self { echo: 100, relay: 100, provider: 200, warm_up: 100, payments: 1_000, open: 1_000, append: 100 };
}

/// Measures payments and says whether every bar was reached.
pub(crate) fn payments(options: &Options) -> Result<(), Failure> {
    let programs = match &options.programs {
        Some(folder) => Programs::built(folder)?,
        None => Programs::build(!options.smoke)?,
    };
    let machine = machine::describe();
    let folder = Folder::make(&options.data)?;
    let (count, times) = match options {
        Options { smoke: true, .. } => (1, Times::SMOKE),
        Options { quick: true, .. } => (ROUNDS, Times::QUICK),
        _ => (ROUNDS, Times::STANDARD),
    };
    let mut rounds = Vec::with_capacity(count);
    for number in 1..=count {
        eprintln!("round {number} of {count}");
        rounds.push(round::run(&programs, &folder.path, times)?);
    }
    let million = if options.full { Some(million::run(&programs, &folder.path, options.journal_payments)?) } else { None };
    let summary = Summary::new(&rounds, million)?;
    let text = report::text(&summary, &machine, times);
    print!("{text}");
    if options.write {
        page::write(&cargo::root(), &summary, &text)?;
    }
    if options.json {
        println!("{}", report::json(&summary)?);
    }
    if options.smoke || summary.bars().iter().all(|bar| bar.is_reached) {
        return Ok(());
    }
    Err(Failure::new("a bar was missed"))
}

/// The folder that is measured in; what is made in it is gone when this is dropped.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("cannot make {}: {error}", path.display()));
        if path.exists() {
            return Err(Failure::new(format!("{} exists: another run uses it, or one was killed; remove it", path.display())));
        }
        fs::create_dir_all(path).map_err(failed)?;
        Ok(Self { path: path.canonicalize().map_err(failed)? })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes a folder with all that is in it.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        eprintln!("xtask: cannot remove {}: {error}", path.display());
    }
}
