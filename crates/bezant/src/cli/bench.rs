//! `bezant bench`: measuring a running platform.

use super::Failure;
use crate::bench::{self, BenchCommand};
use std::io;

/// Measures; fails also when an answer was not as expected, because such a measurement is of something else.
pub(super) fn run(command: &BenchCommand) -> Result<(), Failure> {
    match bench::run(command, &mut io::stdout()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::failed("not every payment was captured: the numbers are of something else")),
        Err(error) => Err(Failure::failed(error.to_string())),
    }
}
