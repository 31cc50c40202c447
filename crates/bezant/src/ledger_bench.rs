//! `bezant ledger bench`: how many transfers a second a platform makes durable, asked over HTTP as any client asks it, with
//! records of 128 bytes. Unless an address is given it starts a platform of its own in an empty folder, as a process of its
//! own, and kills and restarts it at the end.
//!
//! `client.rs` asks, `server.rs` is the platform that is measured, `made.rs` makes accounts and transfers up.

mod client;
mod made;
mod server;

use crate::bench::usage;
use base::Redacted;
use client::Connection;
use made::Transfers;
use serde::Serialize;
use server::Server;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use telemetry::Histogram;

/// How often is looked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often that is told.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Pages that are asked for at the end.
const QUERIES: u64 = 200;
/// Transfers between two points of a curve.
const CURVE_STEP: u64 = 1_000_000;

/// How ids of transfers are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Ids {
    /// Growing with time, as ULIDs are.
    Time,
    /// Without any order.
    Random,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// A running platform with a merchant's key; none starts one.
    pub running: Option<(SocketAddr, Redacted<String>)>,
    /// Folder for the data of a platform that is started; it must not exist.
    pub data: PathBuf,
    /// Whether the data stays there.
    pub keep: bool,
    /// Whether each million is told apart.
    pub curve: bool,
    /// Accounts.
    pub accounts: u64,
    /// Transfers.
    pub transfers: u64,
    /// Transfers of one request.
    pub batch: usize,
    /// Connections, each of which asks again as soon as it is answered.
    pub clients: usize,
    /// How ids are chosen.
    pub ids: Ids,
    /// Whether accounts ask for their history.
    pub history: bool,
    /// When to stop, even if fewer transfers were made.
    pub time_max: Option<Duration>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or one that broke.
    #[error("cannot talk to {address}: {source}")]
    Link {
        /// Who.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// An answer that is not what was asked for.
    #[error("{address} answered {what}")]
    Answer {
        /// Who.
        address: SocketAddr,
        /// What.
        what: String,
    },
    /// The platform that is measured.
    #[error("cannot run a platform in {}: {what}", folder.display())]
    Server {
        /// Where.
        folder: PathBuf,
        /// Why not.
        what: String,
    },
    /// What the system says of it.
    #[error(transparent)]
    Usage(#[from] crate::bench::Error),
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Transfers that were created.
    pub transfers: u64,
    /// Transfers that were refused, such as for a limit.
    pub refused: u64,
    /// From the first request to the last answer, in seconds.
    pub elapsed_s: f64,
    /// Created transfers a second.
    pub transfers_per_s: f64,
    /// Half of the batches were answered within this, in ms.
    pub batch_p50_ms: f64,
    /// Of a hundred batches 99 were answered within this, in ms.
    pub batch_p99_ms: f64,
    /// The slowest batch, in ms.
    pub batch_max_ms: f64,
    /// How many transfers were answered and how many a second they were since the point before, for every million.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<(u64, f64)>,
    /// Half of the pages of an account's transfers were answered within this, in ms, when all transfers were there.
    pub query_p50_ms: f64,
    /// Of a hundred pages 99 were answered within this, in ms.
    pub query_p99_ms: f64,
    /// What is known of a platform that was started for this.
    #[serde(flatten)]
    pub server: Option<ServerFound>,
}

/// What a platform took.
#[derive(Clone, Debug, Serialize)]
pub struct ServerFound {
    /// Resident memory at the end, in MB.
    pub rss_mb: f64,
    /// CPU time of a transfer, in µs.
    pub cpu_us_per_transfer: f64,
    /// Size of the data folder for each transfer, in bytes.
    pub bytes_on_disk_per_transfer: f64,
    /// Bytes written to files for each transfer, segments that are filled ahead included.
    pub bytes_written_per_transfer: f64,
    /// From the start of the process after a `kill -9` until it serves, in seconds.
    pub restart_s: f64,
}

/// Measures.
///
/// # Errors
/// See [`Error`].
pub fn run(options: &Options, progress: &mut dyn FnMut(u64)) -> Result<Found, Error> {
    let Some((address, key)) = &options.running else {
        let mut server = Server::start(&options.data)?;
        create_accounts(options, server.address, &server.key)?;
        let before = server.look()?;
        let mut found = ask(options, server.address, &server.key, progress)?;
        let used = server.look()?.since(&before);
        found.server = Some(used_by(&mut server, &found, &used)?);
        server.end(options.keep);
        return Ok(found);
    };
    create_accounts(options, *address, key)?;
    ask(options, *address, key, progress)
}

/// Creates what transfers are between; what that takes is no part of what is found.
fn create_accounts(options: &Options, address: SocketAddr, key: &Redacted<String>) -> Result<(), Error> {
    let mut connection = Connection::open(address, key)?;
    for accounts in made::accounts(options.accounts, options.batch, options.history) {
        let statuses = connection.ask("/v1/ledger/accounts", "application/vnd.bezant.accounts", &accounts)?;
        if let Some(refused) = statuses.iter().find(|status| !is_created(**status)) {
            return Err(Error::Answer { address, what: format!("an account with status {refused}: the ledger must be empty") });
        }
    }
    Ok(())
}

/// Creates transfers, and reports on them.
fn ask(options: &Options, address: SocketAddr, key: &Redacted<String>, progress: &mut dyn FnMut(u64)) -> Result<Found, Error> {
    let mut curve = Vec::new();
    let taken = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let started = Instant::now();
    let clients = std::thread::scope(|scope| {
        let ask = |client: usize| {
            let (taken, done) = (&taken, &done);
            scope.spawn(move || client_loop(options, address, key, client, started, taken, done))
        };
        let running: Vec<_> = (0..options.clients).map(ask).collect();
        let mut told_at = started;
        let mut before = (0, started);
        while running.iter().any(|client| !client.is_finished()) {
            std::thread::park_timeout(LOOK_EVERY);
            let count = done.load(Ordering::Relaxed);
            if told_at.elapsed() >= TELL_EVERY {
                told_at = Instant::now();
                progress(count);
            }
            if options.curve && count - before.0 >= CURVE_STEP {
                let now = Instant::now();
                curve.push((count, precise(count - before.0) / now.duration_since(before.1).as_secs_f64().max(1e-9)));
                before = (count, now);
            }
        }
        running.into_iter().map(|client| client.join().expect("a client does not panic")).collect::<Vec<_>>()
    });
    let mut all = Client::default();
    let mut ended = started;
    for client in clients {
        let client = client?;
        ended = ended.max(client.ended.unwrap_or(started));
        all.created += client.created;
        all.refused += client.refused;
        all.latencies.merge(&client.latencies);
        all.slowest = all.slowest.max(client.slowest);
    }
    let elapsed_s = ended.duration_since(started).as_secs_f64();
    // A connection of its own: the first one was idle for as long as all transfers took.
    let queries = query(&mut Connection::open(address, key)?, options.accounts)?;
    let query_ms = |permille| queries.quantile_us(permille).map_or(0.0, |us| precise(us) / 1e3);
    let quantile = |permille| all.latencies.quantile_us(permille).map_or(0.0, |us| precise(us) / 1e3);
    Ok(Found {
        transfers: all.created,
        refused: all.refused,
        elapsed_s,
        transfers_per_s: precise(all.created) / elapsed_s.max(1e-9),
        batch_p50_ms: quantile(500),
        batch_p99_ms: quantile(990),
        batch_max_ms: all.slowest.as_secs_f64() * 1e3,
        curve,
        query_p50_ms: query_ms(500),
        query_p99_ms: query_ms(990),
        server: None,
    })
}

/// Asks for pages of accounts all over the ledger, half of them from the newest transfer on.
fn query(connection: &mut Connection, accounts: u64) -> Result<Histogram, Error> {
    let mut latencies = Histogram::default();
    for number in 0..QUERIES {
        let account = 1 + number * (accounts / QUERIES).max(1) % accounts;
        let order = if number % 2 == 0 { "newest_first" } else { "oldest_first" };
        let asked = Instant::now();
        connection.get(&format!("/v1/ledger/accounts/{account}/transfers?limit=10&order={order}"))?;
        latencies.record(asked.elapsed());
    }
    Ok(latencies)
}

/// What one client saw.
#[derive(Default)]
struct Client {
    created: u64,
    refused: u64,
    latencies: Histogram,
    slowest: Duration,
    ended: Option<Instant>,
}

/// Asks until all transfers are taken or the time is up.
fn client_loop(
    options: &Options,
    address: SocketAddr,
    key: &Redacted<String>,
    number: usize,
    started: Instant,
    taken: &AtomicU64,
    done: &AtomicU64,
) -> Result<Client, Error> {
    let mut connection = Connection::open(address, key)?;
    let mut transfers = Transfers::new(number, options.accounts, options.ids);
    let mut client = Client::default();
    let batch = u64::try_from(options.batch).unwrap_or(u64::MAX);
    let mut body = Vec::with_capacity(options.batch * ledger::TRANSFER_SIZE_BYTES);
    while options.time_max.is_none_or(|time_max| started.elapsed() < time_max) {
        let before = taken.fetch_add(batch, Ordering::Relaxed);
        let count = options.transfers.saturating_sub(before).min(batch);
        if count == 0 {
            break;
        }
        transfers.fill(&mut body, count);
        let asked = Instant::now();
        let statuses = connection.ask("/v1/ledger/transfers", "application/vnd.bezant.transfers", &body)?;
        let latency = asked.elapsed();
        let created = u64::try_from(statuses.iter().filter(|status| is_created(**status)).count()).unwrap_or(0);
        client.created += created;
        client.refused += count - created;
        client.latencies.record(latency);
        client.slowest = client.slowest.max(latency);
        done.fetch_add(count, Ordering::Relaxed);
    }
    client.ended = Some(Instant::now());
    Ok(client)
}

fn used_by(server: &mut Server, found: &Found, used: &usage::Usage) -> Result<ServerFound, Error> {
    let each = |bytes: u64| precise(bytes) / precise(found.transfers.max(1));
    let bytes_on_disk = server.bytes_on_disk();
    let restart_s = server.kill_and_restart()?.as_secs_f64();
    Ok(ServerFound {
        rss_mb: precise(used.rss_bytes) / 1e6,
        cpu_us_per_transfer: each(used.cpu_us),
        bytes_on_disk_per_transfer: each(bytes_on_disk),
        bytes_written_per_transfer: each(server::written_bytes(used)),
        restart_s,
    })
}

fn is_created(status: u32) -> bool {
    status == ledger::CreateTransferStatus::Created.code()
}

/// As a float, which is exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn precise(number: u64) -> f64 {
    number as f64
}
