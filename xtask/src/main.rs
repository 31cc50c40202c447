//! Automation of the project: `cargo xtask demo|test|ci|seeds|judges|fuzz|bench|tidy`. Each task runs real programs and says what it ran;
//! nothing here is linked into the product.

mod bench;
mod cargo;
mod checks;
mod demo;
mod fuzz;
mod judges;
mod process;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Automation of the Bezant workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build and start the platform and the provider simulator, with a stream of orders or one file of them.
    Demo(demo::Options),
    /// The part of `demo` that runs while a shell waits for signals.
    #[command(hide = true)]
    DemoRun(demo::Run),
    /// Run a few seeds of the simulation, the official clients against the simulator, and all tests.
    Test {
        /// Passed on to the test runner.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run seeds of the deterministic simulation.
    Seeds {
        /// How many, from 0.
        #[arg(long, default_value_t = checks::SEEDS_FULL)]
        count: u32,
    },
    /// Run Stripe's official clients against the simulator and on what the platform made there.
    Judges,
    /// Feed the decoders of hostile input with what libFuzzer makes up; needs a C++ compiler.
    Fuzz {
        /// How long each target runs, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Only these targets.
        targets: Vec<String>,
    },
    /// Measure against yardsticks of the same run; fails below a bar.
    #[command(subcommand)]
    Bench(Bench),
    /// Check the rules of the workspace that no compiler knows.
    Tidy,
    /// Everything that must pass before a change is merged.
    Ci,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
enum Bench {
    /// The provider simulator alone against a bare HTTP echo; the bar is a third.
    Sandbox,
    /// Payments through the platform against an echo, a relay and the disk; see docs/performance.md.
    Payments(bench::Options),
    /// Transfers through the ledger of a platform against its disk and its memory; see docs/ledger-performance.md.
    Ledger(bench::ledger::Options),
}

/// Why a task failed, with the exit code to leave with.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// With exit code 1.
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 1 }
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Demo(options) => demo::start(&options),
        Task::DemoRun(run) => demo::run(&run),
        Task::Test { arguments } => checks::test(&arguments),
        Task::Seeds { count } => checks::seeds(count),
        Task::Judges => judges::run(false),
        Task::Fuzz { seconds, targets } => fuzz::run(&targets, seconds),
        Task::Bench(Bench::Payments(options)) => bench::payments(&options),
        Task::Bench(Bench::Ledger(options)) => bench::ledger::run(&options),
        Task::Bench(Bench::Sandbox) => {
            cargo::succeed(&mut cargo::cargo(["run", "--quiet", "--package", "sandbox", "--example", "ceiling"]))
        }
        Task::Tidy => tidy::run(),
        Task::Ci => checks::ci(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { message, code }) => {
            if !message.is_empty() {
                eprintln!("xtask: {message}");
            }
            ExitCode::from(code)
        }
    }
}
