//! `bezant-sandbox`: the Stripe simulator as a process of its own. Arguments, signals, exit codes; the rest is in the
//! library.

use clap::Parser;
use sandbox::log::Durable;
use sandbox::server::{self, Ended};
use sandbox::stripe::Config;
use sandbox::wire::{Headers, Method, Request};
use serde_json::Value;
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Seed of a simulator that was given none.
const SEED_STANDARD: u64 = 1;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// Address that is told of events; may be given several times.
    #[arg(long = "webhook-url", value_name = "URL")]
    webhook_urls: Vec<String>,
    /// What signs for the webhook address in the same place, whsec_…; made up for addresses beyond the last.
    #[arg(long = "webhook-secret", value_name = "SECRET")]
    webhook_secrets: Vec<String>,
    /// The types of events that these addresses are told of, with commas between them.
    #[arg(long = "webhook-events", value_name = "TYPES", value_delimiter = ',', default_value = "*", requires = "webhook_urls")]
    webhook_events: Vec<String>,
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
    config.base_url = arguments.base_url.clone().unwrap_or_else(|| url.clone());
    simulator.configure(config, server::wall_clock_ms())?;
    let endpoints = endpoints(&mut simulator, &arguments)?;
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
            "webhook_endpoints": endpoints,
        });
        println!("{line}");
    } else {
        println!("bezant-sandbox: Stripe simulator on {url}, truth at {url}/_admin/truth");
        for endpoint in endpoints {
            println!("webhooks to {}, signed with {}", text(&endpoint, "url"), text(&endpoint, "secret"));
        }
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

/// Makes the webhook endpoints of the command line, as far as the simulator does not have them already.
fn endpoints(simulator: &mut Durable, arguments: &Arguments) -> Result<Vec<Value>, Box<dyn Error>> {
    let Arguments { webhook_urls: urls, webhook_secrets: secrets, webhook_events: events, .. } = arguments;
    if secrets.len() > urls.len() {
        return Err("there are more --webhook-secret than --webhook-url".into());
    }
    let secrets = secrets.iter().map(Some).chain(std::iter::repeat(None));
    let mut endpoints = Vec::new();
    for (url, secret) in urls.iter().zip(secrets) {
        let request = Request {
            method: Method::Post,
            path: "/_admin/webhook_endpoints".to_owned(),
            query: String::new(),
            headers: Headers::default(),
            body: serde_json::to_vec(&serde_json::json!({"url": url, "secret": secret, "enabled_events": events}))?,
        };
        let response = simulator.handle(&request, server::wall_clock_ms())?.response;
        let answer: Value = serde_json::from_slice(&response.body)?;
        if response.status != 200 {
            return Err(format!("--webhook-url {url}: {}", text(&answer, "error")).into());
        }
        endpoints.push(serde_json::json!({"id": answer["id"], "url": url, "secret": answer["secret"]}));
    }
    Ok(endpoints)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}
