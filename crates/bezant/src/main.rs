//! The binary `bezant`; see the library for everything it does.

use std::process::ExitCode;

fn main() -> ExitCode {
    bezant::cli::main()
}
