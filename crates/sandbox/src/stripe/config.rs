//! What an operator can set: times, keys, latencies. A change of configuration is part of a simulator's history
//! and is recorded with it.

use serde::{Deserialize, Serialize};

const SECOND_MS: u64 = 1_000;
const DAY_MS: u64 = 24 * 3_600 * SECOND_MS;

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
            radar_blocks_highest_risk: true,
            reference_name: "order_id".to_owned(),
        }
    }
}
