//! `bezant-sandbox`: the Stripe simulator as a process of its own. Arguments, signals, exit codes; the rest is in the
//! library.

use clap::Parser;
use sandbox::log::Durable;
use sandbox::server::{self, Ended};
use sandbox::stripe::Config;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Seed of a simulator that was given none.
const SEED_STANDARD: u64 = 1;

/// A payment provider to test against: Stripe's API, its test cards, its idempotency, and scripted faults.
#[derive(Debug, Parser)]
#[command(name = "bezant-sandbox", version)]
struct Arguments {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:4010")]
    listen: SocketAddr,
    /// Folder that keeps the simulator's state; without it the state ends with the process.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Seed of ids, draws and latencies; must be that of an existing folder.
    #[arg(long)]
    seed: Option<u64>,
    /// Address under which clients reach the simulator's own pages; the bound address unless given.
    #[arg(long)]
    base_url: Option<String>,
    /// One setting as name=value, such as search_lag_ms=0; may be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Print one JSON line once listening, instead of a sentence.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("BEZANT_LOG").unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("bezant-sandbox: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(Ended::Stopped) => ExitCode::SUCCESS,
        Ok(Ended::Broken(reason)) => {
            eprintln!("bezant-sandbox: stopped, a change could not be recorded: {reason}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bezant-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<Ended, Box<dyn Error>> {
    let standard = Config::standard();
    let (mut simulator, recovered) = match &arguments.data {
        Some(folder) => {
            let (simulator, recovered) = Durable::open(folder, arguments.seed, standard)?;
            (simulator, Some(recovered))
        }
        None => (Durable::in_memory(arguments.seed.unwrap_or(SEED_STANDARD), standard), None),
    };
    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| format!("cannot listen on {}: {error}", arguments.listen))?;
    let address = listener.local_addr()?;
    let url = format!("http://{address}");
    let mut config = server::overlay(simulator.stripe().config(), &arguments.settings)?;
    config.base_url = arguments.base_url.unwrap_or_else(|| url.clone());
    simulator.configure(config, server::wall_clock_ms())?;
    let (stop, stopping) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    if arguments.json {
        let line = serde_json::json!({
            "event": "listening",
            "address": address.to_string(),
            "url": url,
            "data": arguments.data,
            "records": recovered.map(|recovered| recovered.record_count),
            "torn_bytes": recovered.map(|recovered| recovered.torn_bytes),
        });
        println!("{line}");
    } else {
        println!("bezant-sandbox: Stripe simulator on {url}, truth at {url}/_admin/truth");
    }
    let signals = async {
        // Cancel-safe: both arms only wait for a signal.
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
        std::future::pending::<()>().await;
    };
    // Cancel-safe: the signals only set a flag, serving is never cancelled by this.
    tokio::select! {
        ended = server::serve(listener, simulator, stopping) => Ok(ended),
        () = signals => Ok(Ended::Stopped),
    }
}
