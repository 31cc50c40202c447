//! `bezant completions`: what a shell needs to complete this command line.

use super::{Failure, command, show};
use clap::Args;
use clap_complete::Shell;

/// Which shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell that reads them.
    shell: Shell,
}

/// Prints the completions.
pub(super) fn run(arguments: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "bezant", &mut script);
    show(&String::from_utf8_lossy(&script))
}
