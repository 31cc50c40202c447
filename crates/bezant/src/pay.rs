//! `bezant pay`: charges a file of orders through a running platform, over the same HTTP API that every merchant uses.
//!
//! Each row's order id is the payment's permanent reference and its key follows from its content, so running a file
//! again, or after a crash, charges nobody twice. One thread reads ahead by a bounded number of rows, a fixed number
//! of workers send one order at a time, and one loop in between hands out orders and counts: memory does not grow
//! with the file. Read `row.rs` for what a row must be, `judge.rs` for what an answer means, `worker.rs` for what is
//! sent again.

mod judge;
mod link;
mod progress;
mod records;
mod row;
mod source;
mod summary;
mod worker;

pub use summary::{Ended, RefusedRow, Summary};

use crate::pay::link::{Link, Target};
use crate::pay::progress::Progress;
use crate::pay::row::Prepared;
use crate::pay::source::{Item, OpenError, Source};
use crate::pay::worker::{End, Settled, Shared};
use base::Redacted;
use http::StatusCode;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// Rows that are read ahead of the workers.
const ROWS_AHEAD_MAX: usize = 256;
/// Most workers.
const CONCURRENCY_MAX: u16 = 1_024;
/// Longest patience, in seconds: a day.
const PATIENCE_S_MAX: u64 = 86_400;
/// Between two looks at a platform that is not ready.
const READY_EVERY: Duration = Duration::from_millis(200);
/// Variable that holds the API key, which keeps it out of the list of processes.
const API_KEY_VARIABLE: &str = "BEZANT_API_KEY";

/// What to charge, where, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct PayOptions {
    /// CSV file with the columns order_id, amount, currency, country, customer_email, payment_method and any others.
    #[arg(long, value_name = "FILE")]
    pub orders: PathBuf,
    /// Address of the platform.
    #[arg(long, env = "BEZANT_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A merchant's secret API key; the variable BEZANT_API_KEY unless given.
    #[arg(long, value_name = "KEY", value_parser = redacted)]
    pub api_key: Option<Redacted<String>>,
    /// Orders that are sent at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=i64::from(CONCURRENCY_MAX)))]
    pub concurrency: u16,
    /// End with one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Start a new attempt for orders that were declined before.
    #[arg(long)]
    pub retry_declined: bool,
    /// Seconds for which an order is sent again while the platform cannot be reached or is busy.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=PATIENCE_S_MAX))]
    pub patience: u64,
    /// Show no progress and name no refused rows on standard error.
    #[arg(long)]
    pub quiet: bool,
}

pub(crate) fn redacted(text: &str) -> Result<Redacted<String>, Infallible> {
    Ok(Redacted::new(text.to_owned()))
}

/// Why no order was sent.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The file of orders cannot be read.
    #[error("cannot read the orders in {path}: {source}")]
    Orders {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The first line of the file is not a usable header.
    #[error("cannot use {path}: {reason}")]
    Header {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what it must name.
        reason: String,
    },
    /// The platform's address cannot be used.
    #[error("cannot use the address {url:?}: {reason}")]
    Url {
        /// As given.
        url: String,
        /// Why.
        reason: &'static str,
    },
    /// No API key was given.
    #[error("no API key: give --api-key or set {API_KEY_VARIABLE}")]
    KeyMissing,
    /// The API key cannot stand in a header.
    #[error("the API key holds characters that no key has")]
    KeyMalformed,
    /// The platform does not answer or does not become ready.
    #[error("the platform at {url} is not ready after {patience_s} s: {reason}")]
    NotReady {
        /// Where.
        url: String,
        /// How long it was asked, in seconds.
        patience_s: u64,
        /// What it answered last.
        reason: String,
    },
    /// Something answers there, and it is not the platform.
    #[error("what answers at {url} is not the platform: GET /readyz gave {status}")]
    NotThePlatform {
        /// Where.
        url: String,
        /// What it answered.
        status: StatusCode,
    },
    /// The platform does not accept the API key.
    #[error("the platform at {url} does not accept the API key: {reason}")]
    KeyRefused {
        /// Where.
        url: String,
        /// What it says.
        reason: String,
    },
    /// The operating system gives no random numbers or no signals.
    #[error("cannot start: {0}")]
    System(String),
}

/// Runs the command with its printing: summary on standard output, everything else on standard error.
pub async fn command(options: PayOptions) -> ExitCode {
    let json = options.json;
    match run(options).await {
        Ok(summary) => {
            if let Ended::Failed(reason) = &summary.ended {
                eprintln!("bezant pay: stopped early: {reason}; run the same file again to go on");
            }
            let text = if json { summary.json() + "\n" } else { summary.table() };
            let mut output = std::io::stdout().lock();
            let printed = output.write_all(text.as_bytes()).and_then(|()| output.flush());
            if printed.is_ok() { ExitCode::from(summary.exit_code()) } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("bezant pay: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Charges the file until its end or the first interrupt; a second one does not wait for what is in flight.
///
/// # Errors
/// A [`PayError`] when nothing was sent. A run that stops later is a summary with [`Ended::Failed`].
pub async fn run(options: PayOptions) -> Result<Summary, PayError> {
    let system = |error: std::io::Error| PayError::System(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let (stops, stop) = mpsc::channel(2);
    // Cancel-safe: listening to signals has no result to lose, and the run is only polled here.
    tokio::select! {
        result = run_until(options, stop) => result,
        never = pass_on(&mut interrupt, &mut terminate, &stops) => match never {},
    }
}

async fn pass_on(interrupt: &mut Signal, terminate: &mut Signal, stops: &mpsc::Sender<()>) -> Infallible {
    loop {
        // Cancel-safe: both arms only wait for a signal.
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // A full queue already says everything.
        let _sent_or_full = stops.try_send(());
    }
}

/// As [`run`], with interrupts from a channel instead of signals.
///
/// # Errors
/// As [`run`].
pub async fn run_until(options: PayOptions, mut stop: mpsc::Receiver<()>) -> Result<Summary, PayError> {
    let started = Instant::now();
    let api_key = match &options.api_key {
        Some(key) => key.clone(),
        None => Redacted::new(std::env::var(API_KEY_VARIABLE).map_err(|_| PayError::KeyMissing)?),
    };
    let target = Arc::new(Target::parse(&options.url, api_key.expose().trim())?);
    let orders_error = |source| PayError::Orders { path: options.orders.clone(), source };
    let file = File::open(&options.orders).map_err(orders_error)?;
    let file_bytes = file.metadata().map_err(orders_error)?.len();
    let retry_token = if options.retry_declined { Some(random_token()?) } else { None };
    let source = tokio::task::spawn_blocking(move || Source::open(file, retry_token))
        .await
        .map_err(|error| PayError::System(error.to_string()))?
        .map_err(|error| match error {
            OpenError::Io(source) => orders_error(source),
            OpenError::Header(fault) => PayError::Header { path: options.orders.clone(), reason: fault.to_string() },
        })?;
    let mut summary = Summary::new();
    let patience = Duration::from_secs(options.patience);
    // Cancel-safe: looking whether the platform is ready changes nothing.
    let run_started = tokio::select! {
        ready = wait_until_ready(&target, patience) => ready?,
        Some(()) = stop.recv() => {
            summary.ended = Ended::Interrupted;
            return Ok(summary);
        }
    };
    let (stopping, stopped) = watch::channel(false);
    let shared =
        Arc::new(Shared { target, patience, run_started, epoch: Instant::now(), answered_ms: AtomicU64::new(0), stopping: stopped });
    let progress = if options.quiet { Progress::Silent } else { Progress::new(file_bytes) };
    let (items, rows) = mpsc::channel(ROWS_AHEAD_MAX);
    let reader = tokio::task::spawn_blocking(move || source.pump(&items));
    let mut run = Run::start(&shared, options.concurrency, stopping, summary, progress, started);
    run.drive(rows, &mut stop).await;
    let mut summary = run.finish().await;
    if reader.await.is_err() {
        summary.ended = Ended::Failed("reading the orders crashed".to_owned());
    }
    summary.wall = started.elapsed();
    Ok(summary)
}

fn random_token() -> Result<[u8; 16], PayError> {
    let mut token = [0; 16];
    getrandom::fill(&mut token).map_err(|error| PayError::System(error.to_string()))?;
    Ok(token)
}

/// Waits for a platform that is starting; gives its clock, to the second, or nothing when it shows none.
async fn wait_until_ready(target: &Arc<Target>, patience: Duration) -> Result<String, PayError> {
    let deadline = Instant::now() + patience;
    let mut link = Link::new(target.clone());
    loop {
        let reason = match link.exchange(target.probe("/readyz")).await {
            Ok(answer) if answer.status.is_success() => {
                check_key(&mut link, target).await?;
                return Ok(answer.date.unwrap_or_default());
            }
            Ok(answer) if answer.status.is_client_error() => {
                return Err(PayError::NotThePlatform { url: target.to_string(), status: answer.status });
            }
            Ok(answer) => format!("answered {}", answer.status),
            Err(error) => error.reason().to_owned(),
        };
        if Instant::now() + READY_EVERY > deadline {
            return Err(PayError::NotReady { url: target.to_string(), patience_s: patience.as_secs(), reason });
        }
        sleep(READY_EVERY).await;
    }
}

/// Asks for something that needs the key, so that a wrong one is told once and not for every order. Any other trouble
/// is left to the orders, which are sent again.
async fn check_key(link: &mut Link, target: &Target) -> Result<(), PayError> {
    match link.exchange(target.read("/v1/payments?limit=1")).await {
        Ok(answer) => match judge::key_refusal(&answer) {
            Some(reason) => Err(PayError::KeyRefused { url: target.to_string(), reason }),
            None => Ok(()),
        },
        Err(_) => Ok(()),
    }
}

/// The loop between reader and workers: the only place that counts.
struct Run {
    workers: JoinSet<()>,
    /// One queue of one order per worker.
    queues: Vec<mpsc::Sender<Prepared>>,
    idle: Vec<usize>,
    settled: mpsc::Receiver<Settled>,
    /// References in flight: rows with the same one go one after the other, so that the first one wins.
    in_flight: BTreeSet<[u8; 16]>,
    /// A row that waits for an earlier one with the same reference.
    held: Option<Prepared>,
    reading: bool,
    abandoned: bool,
    stopping: watch::Sender<bool>,
    bytes_taken: u64,
    summary: Summary,
    progress: Progress,
    started: Instant,
}

impl Run {
    fn start(
        shared: &Arc<Shared>,
        concurrency: u16,
        stopping: watch::Sender<bool>,
        summary: Summary,
        progress: Progress,
        started: Instant,
    ) -> Self {
        let count = usize::from(concurrency);
        let (done, settled) = mpsc::channel(count);
        let mut workers = JoinSet::new();
        let mut queues = Vec::with_capacity(count);
        for worker in 0..count {
            let (queue, orders) = mpsc::channel(1);
            workers.spawn(worker::run(worker, shared.clone(), orders, done.clone()));
            queues.push(queue);
        }
        Self {
            workers,
            queues,
            idle: (0..count).collect(),
            settled,
            in_flight: BTreeSet::new(),
            held: None,
            reading: true,
            abandoned: false,
            stopping,
            bytes_taken: 0,
            summary,
            progress,
            started,
        }
    }

    async fn drive(&mut self, mut rows: mpsc::Receiver<Item>, stop: &mut mpsc::Receiver<()>) {
        let mut tick = interval(progress::DRAW_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.dispatch_held();
            if !self.reading {
                rows.close();
            }
            if self.abandoned || (!self.reading && self.held.is_none() && self.in_flight.is_empty()) {
                return;
            }
            // Cancel-safe: receiving from channels and ticking lose nothing when another arm is taken.
            tokio::select! {
                Some(()) = stop.recv() => self.interrupt(),
                Some(settled) = self.settled.recv() => self.take_settled(settled),
                item = rows.recv(), if self.reading && self.held.is_none() && !self.idle.is_empty() => self.take_item(item),
                _ = tick.tick() => self.progress.show(&self.summary, self.bytes_taken, self.started.elapsed()),
            }
        }
    }

    fn take_item(&mut self, item: Option<Item>) {
        match item {
            Some(Item::Order { order, bytes_taken }) => {
                self.bytes_taken = bytes_taken;
                self.held = Some(order);
            }
            Some(Item::Refused { line, fault }) => {
                self.refuse(RefusedRow { line, code: fault.code().to_owned(), reason: fault.to_string() });
            }
            Some(Item::Failed(error)) => self.fail(format!("the orders cannot be read any further: {error}")),
            None => self.reading = false,
        }
    }

    /// Gives the held row to an idle worker, unless an earlier row with its reference is in flight.
    fn dispatch_held(&mut self) {
        let Some(order) = self.held.take_if(|order| !self.in_flight.contains(&order.reference_hash)) else {
            return;
        };
        let Some(worker) = self.idle.pop() else {
            self.held = Some(order);
            return;
        };
        self.in_flight.insert(order.reference_hash);
        if self.queues[worker].try_send(order).is_err() {
            self.fail("a worker ended before the run did".to_owned());
        }
    }

    fn take_settled(&mut self, settled: Settled) {
        let Settled { worker, order, end, latency } = settled;
        self.idle.push(worker);
        self.in_flight.remove(&order.reference_hash);
        match end {
            End::Answered(outcome) => {
                if let judge::Outcome::Refused { code, reason } = &outcome {
                    self.progress.refused(&RefusedRow { line: order.line, code: code.clone(), reason: reason.clone() });
                }
                self.summary.count_answered(order.line, order.money, outcome, latency);
            }
            End::GivenUp { code, reason, platform_gone } => {
                self.progress.say(&format!("line {}: pending, {code}: {reason}", order.line));
                self.summary.count_pending(&code);
                if platform_gone {
                    self.fail(format!("the platform gave no answer for longer than --patience: {reason}"));
                }
            }
            End::Hopeless(reason) => {
                self.summary.count_refused(RefusedRow { line: order.line, code: "api_key_refused".to_owned(), reason: reason.clone() });
                self.fail(format!("the platform does not accept the API key: {reason}"));
            }
        }
    }

    fn refuse(&mut self, row: RefusedRow) {
        self.progress.refused(&row);
        self.summary.count_refused(row);
    }

    fn interrupt(&mut self) {
        if *self.stopping.borrow() {
            self.abandoned = true;
            return;
        }
        self.progress.say("stopping; waiting for the orders in flight (interrupt again to leave at once)");
        self.summary.ended = Ended::Interrupted;
        self.end_early();
    }

    fn fail(&mut self, reason: String) {
        if self.summary.ended == Ended::Completed {
            self.summary.ended = Ended::Failed(reason);
        }
        self.end_early();
    }

    fn end_early(&mut self) {
        self.reading = false;
        self.held = None;
        self.stopping.send_replace(true);
    }

    /// Ends the workers; what is still in flight is counted as not known.
    async fn finish(mut self) -> Summary {
        for _ in &self.in_flight {
            self.summary.count_pending("interrupted");
        }
        self.queues.clear();
        if self.abandoned {
            self.workers.abort_all();
        }
        while self.workers.join_next().await.is_some() {}
        self.progress.finish();
        self.summary
    }
}
