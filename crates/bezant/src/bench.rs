//! Measuring: a load generator for a running platform (`bezant bench`), and the parts that the yardsticks of
//! `cargo xtask bench` share with it, so that all are asked by the same client.
//!
//! `ask.rs` is the client, `load.rs` says when it asks, `usage.rs` reads what the system says of a process,
//! `command.rs` is the command line. What is measured against what stands in `docs/performance.md`.

pub mod ask;
pub mod command;
pub mod load;
pub mod usage;

pub use command::{BenchCommand, run};

/// Why a measurement failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be used.
    #[error("{url} is not an address such as http://127.0.0.1:8080")]
    Url {
        /// As given.
        url: String,
    },
    /// No connection, or one that broke.
    #[error("cannot talk to {address}: {source}")]
    Link {
        /// Who.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// An answer that is none of HTTP/1.1, has no length, is too long or ended early.
    #[error("{address} answered what this client does not read: {what}")]
    Answer {
        /// Who.
        address: String,
        /// What was wrong.
        what: String,
    },
    /// A process that cannot be looked at.
    #[error("cannot read what the system says of process {pid}: {source}")]
    Process {
        /// Which.
        pid: u32,
        /// Why.
        source: std::io::Error,
    },
    /// What was asked for did not come to an end.
    #[error("{what} took longer than {limit_s} s")]
    Slow {
        /// What.
        what: &'static str,
        /// The limit, in seconds.
        limit_s: u64,
    },
    /// No thread or runtime could be had.
    #[error("the system gave no thread: {0}")]
    System(std::io::Error),
}
