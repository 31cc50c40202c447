//! What `cargo xtask bench payments` holds the platform against: servers that do as little as they can (an echo, a relay to the
//! simulator), the journal alone, and a client that waits for a start. Each says what it found in one JSON line.
//!
//! An example and not a part of the platform: nothing here is of use to those who run it.

mod append;
mod ask;
mod first;
mod servers;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::process::ExitCode;

type Failure = Box<dyn Error + Send + Sync>;

/// Yardsticks for the benches.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    yardstick: Yardstick,
}

#[derive(Debug, Subcommand)]
enum Yardstick {
    /// Serve: read a payment as JSON and answer with it.
    Echo,
    /// Serve: for a payment, only call the provider, with the platform's own connector and client.
    Relay(servers::Relay),
    /// Ask a server as `bezant bench` asks the platform.
    Ask(ask::Options),
    /// Ask a platform that is being started until it captures a payment.
    First(first::Options),
    /// Append batches to a journal of their own, each made durable before the next.
    Append(append::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().yardstick {
        Yardstick::Echo => servers::echo(),
        Yardstick::Relay(options) => servers::relay(&options),
        Yardstick::Ask(options) => ask::run(&options),
        Yardstick::First(options) => first::run(&options),
        Yardstick::Append(options) => append::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("yardstick: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Says it in one line for the program that started this one.
fn say(line: &serde_json::Value) {
    println!("{line}");
}
