//! `bezant bench`: measuring a running platform.

use super::complain;
use crate::bench::{self, BenchCommand};
use std::io;
use std::process::ExitCode;

/// Measures; exit code 1 also when an answer was not as expected, because such a measurement is of something else.
pub(super) fn run(command: &BenchCommand) -> ExitCode {
    match bench::run(command, &mut io::stdout()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            complain(&"not every payment was captured: the numbers are of something else");
            ExitCode::FAILURE
        }
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}
