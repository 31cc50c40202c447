//! How long a platform that is being started takes to its first captured payment.

use crate::{Failure, say};
use base::Redacted;
use bezant::bench::ask::{Answered, Connection, authority_of};
use bezant::bench::command::{first_number, payment_template};
use clap::Args;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pause between two attempts.
const AGAIN_AFTER: Duration = Duration::from_millis(1);
/// Longest wait.
const WAIT_MAX: Duration = Duration::from_secs(300);

#[derive(Debug, Args)]
pub struct Options {
    /// Address that the platform will have.
    #[arg(long)]
    url: String,
    /// A merchant's secret API key.
    #[arg(long, env = "BEZANT_API_KEY", hide_env_values = true)]
    api_key: String,
}

/// Asks until a payment is captured, and says how long that took.
pub fn run(options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    let authority: Arc<str> = Arc::from(authority_of(&options.url)?);
    let template = payment_template(&authority, &Redacted::new(options.api_key.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let number = first_number();
    runtime.block_on(async {
        while started.elapsed() < WAIT_MAX {
            // Refused, closed or answered 503: it is not ready. The same number again charges nobody twice.
            if let Ok(mut connection) = Connection::open(&authority, &template).await
                && let Ok(Answered::AsExpected) = connection.ask(number).await
            {
                let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                say(&serde_json::json!({"first_answer_ms": ms}));
                return Ok(());
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        Err(format!("no payment was captured within {} s", WAIT_MAX.as_secs()).into())
    })
}
