//! The client of `bezant bench`, asking other servers than the platform.

use crate::{Failure, say};
use base::Redacted;
use bezant::bench::ask::{NUMBER, Template, authority_of};
use bezant::bench::command::{first_number, payment_template};
use bezant::bench::load::{self, Pace, Plan};
use clap::{Args, ValueEnum};
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct Options {
    /// Address of the server.
    #[arg(long)]
    url: String,
    /// What to ask.
    #[arg(long, value_enum)]
    what: What,
    /// Connections that ask again as soon as they are answered.
    #[arg(long, default_value_t = 64)]
    concurrency: u16,
    /// Requests a second at fixed times instead.
    #[arg(long)]
    rate: Option<u32>,
    /// For how many milliseconds.
    #[arg(long, default_value_t = 1_000)]
    ms: u64,
}

/// The requests there are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// The payment that the platform is sent.
    Payment,
    /// The payment intent that the platform sends to Stripe for it.
    Intent,
}

/// What the connector sends for a payment that is taken at once.
const INTENT: &str = "amount=1999&currency=eur&capture_method=automatic&confirm=true&payment_method=pm_card_visa\
    &payment_method_types[0]=card&return_url=https%3A%2F%2Fshop.example%2Fdone\
    &metadata[bezant_reference]=bzr_{number}&expand[0]=latest_charge.balance_transaction";

impl What {
    fn template(self, authority: &str) -> Template {
        match self {
            // An echo says what it was sent; the relay answers with another status when the provider did not approve.
            Self::Payment => payment_template(authority, &Redacted::new("sk_test_yardstick".to_owned())).expecting(""),
            Self::Intent => {
                let headers = [
                    "authorization: Bearer sk_test_yardstick".to_owned(),
                    "stripe-version: 2026-06-24.dahlia".to_owned(),
                    "content-type: application/x-www-form-urlencoded".to_owned(),
                    format!("idempotency-key: bench-{NUMBER}"),
                ];
                Template::post(authority, "/v1/payment_intents", &headers, INTENT, "")
            }
        }
    }
}

/// Asks and says how fast it was answered.
pub fn run(options: &Options) -> Result<(), Failure> {
    let Options { url, what, concurrency, rate, ms } = options;
    let authority: Arc<str> = Arc::from(authority_of(url)?);
    let pace = rate.map_or(Pace::Closed { connections: usize::from(*concurrency) }, |per_s| Pace::Open { per_s });
    let template = what.template(&authority);
    let time = Duration::from_millis(*ms);
    let plan = Plan { authority, template, pace, time, count_max: None, first_number: first_number() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let load = runtime.block_on(load::run(&plan))?;
    if let Some(example) = &load.example {
        return Err(format!("{} of {} answers were none of success, such as: {example}", load.unexpected, load.count).into());
    }
    say(&serde_json::json!({
        "answers": load.count,
        "per_s": load.per_s(),
        "p50_us": load.latencies.quantile_us(500).unwrap_or(0),
        "p99_us": load.latencies.quantile_us(990).unwrap_or(0),
    }));
    Ok(())
}
