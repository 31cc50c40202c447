//! The binary `bezant`; see the library for everything it does.

use std::process::ExitCode;

/// A payment makes some hundred small allocations that other threads free.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bezant::cli::main()
}
