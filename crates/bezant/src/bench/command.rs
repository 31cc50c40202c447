//! `bezant bench`: what to measure on a running platform, and how it is told.

use super::ask::{self, Template};
use super::load::{self, Load, Pace, Plan};
use super::usage::{self, Look, Stage, Usage};
use super::{Error, ask::NUMBER};
use crate::pay::redacted;
use base::Redacted;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longest wait for webhooks to be delivered and views to catch up.
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// Pause between two looks at whether they have.
const SETTLE_LOOK_EVERY: Duration = Duration::from_millis(2);
/// Numbers between the first ones of two runs that start a microsecond apart.
const NUMBERS_PER_US: u128 = 10_000;
/// This process, among those that are looked at.
const LOAD_GENERATOR: &str = "load generator";
/// Requests a second, at most.
const RATE_MAX: i64 = 1_000_000;
/// Longest run, in seconds: an hour.
const SECONDS_MAX: u64 = 3_600;

/// What can be measured.
#[derive(Debug, clap::Subcommand)]
pub enum BenchCommand {
    /// Charge made-up orders through a RUNNING platform and say how fast it was.
    ///
    /// Every request creates and confirms one payment of 19.99 EUR with the test card pm_card_visa, for a customer of its own.
    /// They stay in the platform's books, so point it at one that serves tests: one that was started with --demo, or
    /// with the simulator (bezant-sandbox) or a Stripe test key behind it.
    ///
    /// With --concurrency so many connections each send the next payment as soon as the last is answered: the most that
    /// the platform carries. With --rate payments arrive at fixed times whatever the answers do, and each latency counts from
    /// the moment at which its request was due: what customers see.
    ///
    /// The clock stops when all is done: views caught up and, with --simulator-url, webhooks delivered. For yardsticks
    /// of the same machine and what the numbers mean, see `cargo xtask bench payments` and docs/performance.md.
    #[command(after_long_help = "\
Examples:
  bezant bench payments --seconds 2 --concurrency 8
  bezant bench payments --seconds 2 --rate 20 --json")]
    Payments(PaymentsOptions),
}

/// How to charge made-up orders.
#[derive(Clone, Debug, clap::Args)]
pub struct PaymentsOptions {
    /// Address of the running platform.
    #[arg(long, env = "BEZANT_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A merchant's secret API key.
    #[arg(long, value_name = "KEY", env = "BEZANT_API_KEY", hide_env_values = true, value_parser = redacted)]
    pub api_key: Redacted<String>,
    /// Connections that send the next payment as soon as the last is answered.
    #[arg(long, default_value_t = 64, conflicts_with = "rate", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub concurrency: u16,
    /// Payments a second that arrive at fixed times, instead of --concurrency.
    #[arg(long, value_name = "PER_SECOND", value_parser = clap::value_parser!(u32).range(1..=RATE_MAX))]
    pub rate: Option<u32>,
    /// For how many seconds payments are sent.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub seconds: u64,
    /// Stop after so many payments, if they are sent before the time is over.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub payments: Option<u64>,
    /// For how many milliseconds payments are sent before the clock starts.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=600_000))]
    pub warm_up_ms: u64,
    /// Address of the simulator behind the platform: the clock runs until its webhooks are delivered.
    #[arg(long)]
    pub simulator_url: Option<String>,
    /// Say what a process of this machine used meanwhile: CPU by thread, memory, bytes written. May be given several times.
    #[arg(long = "process", value_name = "NAME=PID", value_parser = parse_process)]
    pub processes: Vec<(String, u32)>,
    /// End with one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

fn parse_process(text: &str) -> Result<(String, u32), String> {
    let (name, pid) = text.split_once('=').ok_or("expected NAME=PID")?;
    let pid = pid.parse().map_err(|_| format!("{pid} is no process number"))?;
    Ok((name.to_owned(), pid))
}

/// Runs one measurement; whether every payment was captured.
///
/// # Errors
/// See [`Error`].
pub fn run(command: &BenchCommand, out: &mut impl std::io::Write) -> Result<bool, Box<dyn std::error::Error>> {
    let BenchCommand::Payments(options) = command;
    // One thread: the client leaves as much of the machine as it can to what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::System)?;
    let report = runtime.block_on(payments(options))?;
    if options.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(out, "{}", report.table())?;
    }
    Ok(report.unexpected == 0)
}

/// The request of one payment.
pub fn payment_template(authority: &str, api_key: &Redacted<String>) -> Template {
    let headers = [
        format!("authorization: Bearer {}", api_key.expose()),
        "content-type: application/json".to_owned(),
        format!("idempotency-key: bench-{NUMBER}"),
    ];
    Template::post(authority, "/v1/payments", &headers, PAYMENT_BODY, "\"status\":\"captured\"")
}

/// A payment as a shop sends it: an order of a customer who was never seen before.
pub const PAYMENT_BODY: &str = "{\"amount\":{\"amount_minor\":1999,\"currency\":\"EUR\"},\"capture\":\"automatic\",\"confirm\":true,\
    \"payment_method\":\"pm_card_visa\",\"reference\":\"bench-{number}\",\
    \"customer\":{\"email\":\"customer-{number}@example.com\",\"country\":\"DE\"},\"description\":\"Order bench-{number}\"}";

/// The first of numbers that no other run has.
pub fn first_number() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_micros() * NUMBERS_PER_US
}

/// What one measurement found. Times in µs unless named otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    payments: u64,
    /// Payments that were answered otherwise than captured.
    unexpected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<String>,
    concurrency: Option<u16>,
    rate: Option<u32>,
    /// From the first request until all is done.
    elapsed_us: u64,
    /// Of that, after the last answer.
    settle_us: u64,
    payments_per_s: u64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
    processes: Vec<ProcessUsage>,
    commits: Commits,
}

#[derive(Clone, Debug, Serialize)]
struct ProcessUsage {
    name: String,
    cpu_us: u64,
    stages: BTreeMap<String, Stage>,
    rss_bytes: u64,
}

/// Groups that were made durable, as the platform's metrics count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Commits {
    journal: u64,
    keys: u64,
}

impl Commits {
    fn parse(metrics: &str) -> Self {
        let count = |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("_count ")?.trim().parse().ok());
        Self {
            journal: count(telemetry::names::JOURNAL_APPEND_DURATION_SECONDS).unwrap_or(0),
            keys: count(telemetry::names::KEYSTORE_COMMIT_DURATION_SECONDS).unwrap_or(0),
        }
    }

    fn since(self, before: Self) -> Self {
        Self { journal: self.journal.saturating_sub(before.journal), keys: self.keys.saturating_sub(before.keys) }
    }
}

async fn payments(options: &PaymentsOptions) -> Result<Report, Error> {
    let authority: Arc<str> = Arc::from(ask::authority_of(&options.url)?);
    let simulator = options.simulator_url.as_deref().map(ask::authority_of).transpose()?;
    let template = payment_template(&authority, &options.api_key);
    let pace = match options.rate {
        Some(per_s) => Pace::Open { per_s },
        None => Pace::Closed { connections: usize::from(options.concurrency) },
    };
    let settle = Settle { authority: &authority, simulator: simulator.as_deref(), api_key: &options.api_key };
    let plan = |time, count_max| Plan {
        authority: Arc::clone(&authority),
        template: template.clone(),
        pace,
        time,
        count_max,
        first_number: first_number(),
    };
    let mut processes = options.processes.clone();
    processes.push((LOAD_GENERATOR.to_owned(), std::process::id()));
    if options.warm_up_ms > 0 {
        load::run(&plan(Duration::from_millis(options.warm_up_ms), None)).await?;
        settle.wait().await?;
    }
    let commits = settle.commits().await?;
    let before = look_at_all(&processes)?;
    let started = Instant::now();
    let load = load::run(&plan(Duration::from_secs(options.seconds), options.payments)).await?;
    let answered = Instant::now();
    settle.wait().await?;
    let (elapsed, settled) = (started.elapsed(), answered.elapsed());
    let after = look_at_all(&processes)?;
    let commits = settle.commits().await?.since(commits);
    let used = processes.iter().zip(before.iter().zip(&after));
    let processes = used.map(|((name, _), (before, after))| ProcessUsage::new(name, after.since(before))).collect();
    Ok(Report::new(options, load, (elapsed, settled), processes, commits))
}

fn look_at_all(processes: &[(String, u32)]) -> Result<Vec<Look>, Error> {
    processes.iter().map(|(_, pid)| usage::look(*pid)).collect()
}

/// Waits until nothing is left to do.
struct Settle<'a> {
    authority: &'a str,
    simulator: Option<&'a str>,
    api_key: &'a Redacted<String>,
}

impl Settle<'_> {
    async fn wait(&self) -> Result<(), Error> {
        let waited = tokio::time::timeout(SETTLE_MAX, async {
            if let Some(simulator) = self.simulator {
                while open_deliveries(simulator).await? > 0 {
                    tokio::time::sleep(SETTLE_LOOK_EVERY).await;
                }
            }
            self.views_caught_up().await
        });
        waited.await.map_err(|_| Error::Slow { what: "delivering webhooks and catching up the views", limit_s: SETTLE_MAX.as_secs() })?
    }

    /// Asks where the journal is now, then for rows at least as new.
    async fn views_caught_up(&self) -> Result<(), Error> {
        let authorization = format!("authorization: Bearer {}", self.api_key.expose());
        let ready = ask::get(self.authority, "/readyz", &[]).await?;
        let wrong = |what: &str| Error::Answer { address: self.authority.to_owned(), what: what.to_owned() };
        let seq = ready.header("bezant-seq").ok_or_else(|| wrong("no Bezant-Seq"))?;
        let headers = [authorization, format!("bezant-min-seq: {seq}")];
        loop {
            let answer = ask::get(self.authority, "/v1/payments?limit=1", &headers).await?;
            match answer.status {
                200 => return Ok(()),
                503 => tokio::time::sleep(SETTLE_LOOK_EVERY).await,
                other => return Err(wrong(&format!("{other} to a list of payments"))),
            }
        }
    }

    async fn commits(&self) -> Result<Commits, Error> {
        let answer = ask::get(self.authority, "/metrics", &[]).await?;
        Ok(Commits::parse(&String::from_utf8_lossy(&answer.body)))
    }
}

/// Webhooks that the simulator has not delivered yet.
async fn open_deliveries(simulator: &str) -> Result<u64, Error> {
    let answer = ask::get(simulator, "/_admin/deliveries", &[]).await?;
    let shown: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let what = || "no counts of deliveries".to_owned();
    shown["counts"]["open"].as_u64().ok_or_else(|| Error::Answer { address: simulator.to_owned(), what: what() })
}

impl ProcessUsage {
    fn new(name: &str, usage: Usage) -> Self {
        let Usage { stages, cpu_us, rss_bytes } = usage;
        Self { name: name.to_owned(), cpu_us, stages, rss_bytes }
    }
}

fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Report {
    fn new(
        options: &PaymentsOptions,
        load: Load,
        (elapsed, settled): (Duration, Duration),
        processes: Vec<ProcessUsage>,
        commits: Commits,
    ) -> Self {
        Self {
            payments: load.count,
            unexpected: load.unexpected,
            concurrency: options.rate.is_none().then_some(options.concurrency),
            rate: options.rate,
            elapsed_us: us(elapsed),
            settle_us: us(settled),
            payments_per_s: load::per_s(load.count, elapsed),
            p50_us: load.latencies.quantile_us(500).unwrap_or(0),
            p99_us: load.latencies.quantile_us(990).unwrap_or(0),
            max_us: load.latencies.quantile_us(1_000).unwrap_or(0),
            example: load.example,
            processes,
            commits,
        }
    }

    /// For people.
    fn table(&self) -> String {
        let Self { payments, payments_per_s, p50_us, p99_us, max_us, settle_us, .. } = self;
        let mut text = format!(
            "payments        {payments}, {payments_per_s} a second until all was done ({} ms after the last answer)\n\
             latency         p50 {}, p99 {}, longest {}\n",
            settle_us / 1_000,
            ms(*p50_us),
            ms(*p99_us),
            ms(*max_us)
        );
        let Commits { journal, keys } = self.commits;
        let _ = writeln!(text, "group commits   {journal} of the journal, {keys} of the key store"); // a String takes all
        let count = (*payments).max(1);
        for ProcessUsage { name, cpu_us, stages, rss_bytes } in &self.processes {
            let (cpu_us, rss_mib) = (cpu_us / count, rss_bytes / (1024 * 1024));
            let _ = writeln!(text, "{name:<15} {cpu_us} µs CPU for each payment, {rss_mib} MiB resident");
            for (thread, Stage { cpu_us, written_bytes }) in stages {
                let _ = writeln!(text, "  {thread:<18} {:>5} µs {:>7} bytes written", cpu_us / count, written_bytes / count);
            }
        }
        if let Some(example) = &self.example {
            let _ = writeln!(text, "NOT captured    {}, such as: {example}", self.unexpected);
        }
        text
    }
}

fn ms(us: u64) -> String {
    format!("{}.{:03} ms", us / 1_000, us % 1_000)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::{BenchCommand, Commits, ms, parse_process};
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: BenchCommand,
    }

    fn parse(line: &str) -> Result<BenchCommand, clap::Error> {
        Line::try_parse_from(std::iter::once("bench").chain(line.split(' '))).map(|line| line.command)
    }

    #[test]
    fn a_rate_takes_the_place_of_a_concurrency() {
        let BenchCommand::Payments(options) = parse("payments --api-key k --rate 200 --seconds 3 --process platform=12").unwrap();
        assert_eq!((options.rate, options.seconds, options.processes), (Some(200), 3, vec![("platform".to_owned(), 12)]));
        for bad in [
            "payments --api-key k --rate 200 --concurrency 8",
            "payments --api-key k --rate 0",
            "payments --api-key k --concurrency 0",
            "payments --api-key k --seconds 0",
            "payments --api-key k --process platform",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_process_has_a_name_and_a_number() {
        assert_eq!(parse_process("a=7"), Ok(("a".to_owned(), 7)));
        for bad in ["a", "a=", "a=x", "7"] {
            assert!(parse_process(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn commits_are_counted_from_metrics() {
        let text = "# TYPE journal_append_duration_seconds histogram\n\
            journal_append_duration_seconds_bucket{le=\"+Inf\"} 99\njournal_append_duration_seconds_count 12\n\
            keystore_commit_duration_seconds_count 5\n";
        let commits = Commits::parse(text);
        assert_eq!(commits, Commits { journal: 12, keys: 5 });
        assert_eq!(commits.since(Commits { journal: 2, keys: 5 }), Commits { journal: 10, keys: 0 });
        assert_eq!(Commits::parse(""), Commits::default());
        assert_eq!(ms(1_042), "1.042 ms");
    }
}
