//! What an operator can set: times, keys, latencies. A change of configuration is part of a simulator's history
//! and is recorded with it.

use crate::latency::{LATENCY_MS_MAX, Latency};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

const SECOND_MS: u64 = 1_000;
const DAY_MS: u64 = 24 * 3_600 * SECOND_MS;
/// Most retries of a delivery.
const RETRIES_MAX: usize = 100;
/// Longest single wait before a retry, ms.
const RETRY_MS_MAX: u64 = 30 * DAY_MS;
/// Most deliveries at once to one endpoint.
const PARALLEL_MAX: u32 = 1_000;
/// Longest wait for an endpoint's answer, ms.
const TIMEOUT_MS_MAX: u64 = 600 * SECOND_MS;
/// Retries of the standard schedule: with the first after a minute and twice the wait each time, they end within the
/// three days that the provider promises.
const RETRIES_STANDARD: u32 = 12;

/// Configuration of the simulated provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default = "Config::standard")]
pub struct Config {
    /// Where the simulator's own pages are, for `next_action` links; no final slash.
    pub base_url: String,
    /// Version answered to requests that name none.
    pub api_version: String,
    /// Accepted secret keys; without a list every `sk_test_…` key is accepted.
    pub api_keys: Option<Vec<String>>,
    /// How long a new payment intent stays invisible to search, ms.
    pub search_lag_ms: u64,
    /// How long a hanging request is held and its key counts as in use, ms.
    pub hang_ms: u64,
    /// How long idempotency keys are kept, ms.
    pub idempotency_retention_ms: u64,
    /// How long an authorisation lasts, ms.
    pub authorization_lifetime_ms: u64,
    /// From a pending refund to its success, ms.
    pub refund_settle_ms: u64,
    /// From a refund's success to its failure, ms.
    pub refund_failure_ms: u64,
    /// From a capture to its dispute, ms.
    pub dispute_delay_ms: u64,
    /// How long a dispute can be answered, ms.
    pub dispute_response_ms: u64,
    /// From winning or losing evidence to the end of a dispute, ms.
    pub dispute_decision_ms: u64,
    /// From a payout's creation to its arrival or failure, ms.
    pub payout_ms: u64,
    /// Number of the test bank account that payouts go to unless they name another.
    pub payout_account_number: String,
    /// How long events can be read, ms.
    pub event_retention_ms: u64,
    /// How long a bank debit is processing, ms.
    pub bank_debit_ms: u64,
    /// How long a charge under `automatic_async` shows no balance transaction, ms.
    pub transaction_lag_ms: u64,
    /// From a capture to its money being available, ms.
    pub available_after_ms: u64,
    /// Shortest ordinary latency, ms.
    pub latency_ms_min: u64,
    /// Longest ordinary latency, ms, drawn from the seed.
    pub latency_ms_max: u64,
    /// A distribution of ordinary latencies, drawn from the seed, in place of the two bounds.
    pub latency: Option<Latency>,
    /// Waits before each retry of a webhook that was not acknowledged, ms; after the last one it is given up.
    pub webhook_retry_ms: Vec<u64>,
    /// What all waits of webhook deliveries are divided by (retries, delays, holding back), so that days pass in seconds.
    pub webhook_time_divisor: NonZeroU32,
    /// Longest wait for the next events of an object when a delivery is to come after them, ms before division.
    pub webhook_hold_ms: u64,
    /// Longest wait for an endpoint's answer, ms; not divided.
    pub webhook_timeout_ms: u64,
    /// Most deliveries at once to one endpoint.
    pub webhook_parallel_max: NonZeroU32,
    /// Longest that an answer waits for webhooks that are to go before it, ms; not divided.
    pub webhook_early_ms: u64,
    /// Whether the account's rules block payments of the highest risk, as they do unless changed.
    pub radar_blocks_highest_risk: bool,
    /// Metadata name that the truth ledger groups duplicates by.
    pub reference_name: String,
}

impl Config {
    /// The provider's published times, and no latency of its own.
    pub fn standard() -> Self {
        Self {
            base_url: "http://127.0.0.1:4010".to_owned(),
            api_version: "2026-10-28.endive".to_owned(),
            api_keys: None,
            search_lag_ms: SECOND_MS,
            hang_ms: 60 * SECOND_MS,
            idempotency_retention_ms: DAY_MS,
            authorization_lifetime_ms: 7 * DAY_MS,
            refund_settle_ms: 5 * SECOND_MS,
            refund_failure_ms: 5 * SECOND_MS,
            dispute_delay_ms: SECOND_MS,
            dispute_response_ms: 7 * DAY_MS,
            dispute_decision_ms: SECOND_MS,
            payout_ms: 5 * SECOND_MS,
            payout_account_number: "000123456789".to_owned(),
            event_retention_ms: 30 * DAY_MS,
            bank_debit_ms: 5 * SECOND_MS,
            transaction_lag_ms: 0,
            available_after_ms: 2 * DAY_MS,
            latency_ms_min: 0,
            latency_ms_max: 0,
            latency: None,
            webhook_retry_ms: (0..RETRIES_STANDARD).map(|retry| (60 * SECOND_MS) << retry).collect(),
            webhook_time_divisor: NonZeroU32::MIN,
            webhook_hold_ms: 60 * SECOND_MS,
            webhook_timeout_ms: 20 * SECOND_MS,
            webhook_parallel_max: NonZeroU32::MIN.saturating_add(7),
            webhook_early_ms: 5 * SECOND_MS,
            radar_blocks_highest_risk: true,
            reference_name: "order_id".to_owned(),
        }
    }

    /// Checks the configuration's own limits.
    ///
    /// # Errors
    /// What is wrong, in words for the operator.
    pub fn check(&self) -> Result<(), String> {
        if self.webhook_retry_ms.len() > RETRIES_MAX || self.webhook_retry_ms.iter().any(|wait_ms| *wait_ms > RETRY_MS_MAX) {
            return Err(format!("webhook_retry_ms must have at most {RETRIES_MAX} waits of at most {RETRY_MS_MAX} ms"));
        }
        if self.webhook_parallel_max.get() > PARALLEL_MAX {
            return Err(format!("webhook_parallel_max must be at most {PARALLEL_MAX}"));
        }
        if self.webhook_timeout_ms > TIMEOUT_MS_MAX || self.webhook_early_ms > TIMEOUT_MS_MAX {
            return Err(format!("webhook_timeout_ms and webhook_early_ms must be at most {TIMEOUT_MS_MAX}"));
        }
        if self.latency_ms_max > LATENCY_MS_MAX {
            return Err(format!("latency_ms_max must be at most {LATENCY_MS_MAX}"));
        }
        self.latency.map_or(Ok(()), Latency::check)
    }

    /// The same with the members of a JSON object laid over it; what is not named stays.
    ///
    /// # Errors
    /// A name is unknown or a value does not fit; the text says which.
    pub fn overlaid(&self, changes: serde_json::Map<String, serde_json::Value>) -> Result<Self, String> {
        let mut value = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, change) in changes {
            let field = value.get_mut(&name).ok_or_else(|| format!("{name}: no such setting"))?;
            *field = change;
        }
        let config: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        config.check()?;
        Ok(config)
    }

    /// A wait of webhook deliveries in compressed time, ms.
    pub(super) fn webhook_wait_ms(&self, wait_ms: u64) -> u64 {
        wait_ms / u64::from(self.webhook_time_divisor.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_keeps_its_limits_and_retries_for_less_than_three_days() {
        let config = Config::standard();
        config.check().unwrap();
        let all_ms: u64 = config.webhook_retry_ms.iter().sum();
        assert!(all_ms <= 3 * DAY_MS && all_ms > 2 * DAY_MS, "{all_ms}");
    }
}
