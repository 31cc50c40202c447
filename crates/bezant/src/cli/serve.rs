//! `bezant serve`: its arguments as options of the platform.

use super::{DATA, Failure, Output, block_on, redacted_text};
use crate::config::{self, Given, Verdict};
use crate::policy::{Ladder, PAYMENTS_KEPT_DEFAULT, parse_gaps_ms};
use crate::sweep::Schedule;
use crate::{archive, serve, webhooks};
use base::Redacted;
use clap::Args;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use telemetry::LogFormat;

/// How to run the platform.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Folder with everything durable.
    #[arg(long, value_name = "FOLDER", default_value = DATA)]
    data: PathBuf,
    /// Address to listen on; loopback unless you say otherwise, port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where Stripe's API is.
    #[arg(long, default_value = "https://api.stripe.com")]
    stripe_url: String,
    /// Stripe's secret key.
    #[arg(long, env = "BEZANT_STRIPE_KEY", hide_env_values = true, value_parser = redacted_text())]
    stripe_key: Option<Redacted<String>>,
    /// An address /v1/webhooks/stripe/NAME for Stripe's webhooks with the endpoint's secret; two secrets while it is being
    /// rolled: NAME=SECRET,SECRET. May be given several times; in the environment with a semicolon between endpoints.
    #[arg(
        long, value_name = "NAME=SECRET", env = "BEZANT_STRIPE_WEBHOOKS", hide_env_values = true, value_delimiter = ';',
        value_parser = redacted_text()
    )]
    stripe_webhook: Vec<Redacted<String>>,
    /// Pause in ms between two looks through Stripe's list of events for what webhooks missed, or off.
    #[arg(long, value_name = "MS|off", default_value = "60000", value_parser = Schedule::parse)]
    sweep_every_ms: Schedule,
    /// Set up a demonstration merchant and let requests ask the simulator for faults.
    #[arg(long)]
    demo: bool,
    #[command(flatten)]
    output: Output,
    /// Waits in ms between replays of a request whose outcome is unknown, such as 2000,8000,50000; the connector's own
    /// when absent. A replay carries the same key, so that it never acts twice.
    #[arg(long, value_name = "MS,MS,…", value_parser = parse_gaps_ms)]
    replay_gaps_ms: Option<engine::Gaps>,
    /// Waits in ms between lookups after the replays; past the last one a person decides. The connector's own when absent.
    #[arg(long, value_name = "MS,MS,…", value_parser = parse_gaps_ms)]
    lookup_gaps_ms: Option<engine::Gaps>,
    /// Longest time in ms for a request's head to arrive, and for a connection to be idle.
    #[arg(long, default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    head_timeout_ms: u64,
    /// Size of a new journal segment in MiB; two are made ahead, so that a small disk wants small ones.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(2..=1_024))]
    segment_mib: u64,
    /// Ids of transfers of merchants' own ledgers that are held in memory before they are written to an index on disk; 32 bytes
    /// and more for each.
    #[arg(long, value_name = "COUNT", default_value_t = 524_288, value_parser = clap::value_parser!(u32).range(1_024..=16_777_216))]
    index_ids: u32,
    /// Payments at which nothing is open that stay in memory. Older ones are found in the journal, which takes a look at the disk.
    #[arg(long, value_name = "COUNT", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(..=16_777_216))]
    payments_kept: u32,
    /// What to log, as tracing directives such as info or bezant=debug.
    #[arg(long, env = "BEZANT_LOG", default_value = "info")]
    log: String,
}

/// Bytes of a mebibyte.
const MIB: u64 = 1024 * 1024;

impl Serve {
    /// What is checked before a start.
    pub(super) fn given(&self) -> Given {
        Given {
            data: self.data.clone(),
            listen: self.listen,
            stripe_url: self.stripe_url.clone(),
            stripe_key: self.stripe_key.clone(),
            stripe_webhooks: self.stripe_webhook.clone(),
            sweep: self.sweep_every_ms,
            demo: self.demo,
            segment_bytes: self.segment_mib * MIB,
            log: self.log.clone(),
        }
    }

    /// Whether what is printed is JSON.
    pub(super) const fn wants_json(&self) -> bool {
        self.output.json
    }

    /// The options of a platform, once every check has passed or only warns.
    fn checked(self) -> Result<serve::Options, Failure> {
        let mut failures = Vec::new();
        for check in config::checks(&self.given()) {
            let what_to_do = check.what_to_do.unwrap_or_default();
            match check.verdict {
                Verdict::Ok => {}
                Verdict::Warn => tracing::warn!("{}: {}; {what_to_do}", check.name, check.found),
                Verdict::Fail => failures.push(format!("{}; {what_to_do}", check.found)),
            }
        }
        let stripe_key = self.stripe_key.filter(|_| failures.is_empty()).ok_or_else(|| Failure::failed(failures.join("\n  ")))?;
        let Self { data, listen, stripe_url, stripe_webhook, sweep_every_ms, demo, output, .. } = self;
        let Self { replay_gaps_ms, lookup_gaps_ms, head_timeout_ms, segment_mib, index_ids, payments_kept, .. } = self;
        Ok(serve::Options {
            data,
            listen,
            stripe_url,
            stripe_key,
            demo,
            json: output.json,
            ladder: Ladder { replay_gaps: replay_gaps_ms, lookup_gaps: lookup_gaps_ms },
            head_timeout: Duration::from_millis(head_timeout_ms),
            segment_bytes: segment_mib * MIB,
            index_keys: usize::try_from(index_ids).unwrap_or(archive::GENERATION_KEYS_DEFAULT),
            payments_kept: usize::try_from(payments_kept).unwrap_or(PAYMENTS_KEPT_DEFAULT),
            // Read here and not by the parser of arguments, which repeats what it refuses.
            stripe_webhooks: webhooks::parse_endpoints(&stripe_webhook).map_err(Failure::failed)?,
            sweep: sweep_every_ms,
        })
    }
}

/// Runs the platform until it is told to stop.
pub(super) fn run(arguments: Serve) -> Result<(), Failure> {
    telemetry::init_logs(LogFormat::Json, &arguments.log, io::stderr).map_err(|error| Failure::usage(error.to_string()))?;
    let ended = |error: String| {
        tracing::error!(%error, "bezant ends");
        Failure::failed(error)
    };
    let options = arguments.checked().map_err(|failure| ended(failure.to_string()))?;
    block_on(async move { serve::run(options).await.map_err(|error| ended(error.to_string())) })
}
