//! What the console reads of the API's objects: the fields that pages show. A field that an answer lacks is empty, so that the
//! console shows what there is.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A page of a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
pub(crate) struct List<T> {
    #[serde(default = "Vec::new")]
    pub(crate) data: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { data: Vec::new(), next_cursor: None }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Amount {
    pub(crate) amount_minor: u64,
    pub(crate) currency: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Merchant {
    pub(crate) id: String,
    pub(crate) handle: String,
    pub(crate) currencies: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Person {
    pub(crate) id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) country: Option<String>,
}

impl Person {
    /// By what people know them: the address, or else the id.
    pub(crate) fn name(self) -> Option<String> {
        self.email.or(self.id)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Decline {
    pub(crate) class: String,
    pub(crate) code: String,
    pub(crate) network_code: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Attempt {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) provider: String,
    pub(crate) provider_id: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) merchant: String,
    pub(crate) status: String,
    pub(crate) amount: Amount,
    pub(crate) held_minor: u64,
    pub(crate) captured_minor: u64,
    pub(crate) refunded_minor: u64,
    pub(crate) refunding_minor: u64,
    pub(crate) disputed_minor: u64,
    pub(crate) fee_minor: u64,
    pub(crate) capture: String,
    pub(crate) payment_method: Option<String>,
    pub(crate) off_session: bool,
    pub(crate) reference: Option<String>,
    pub(crate) customer: Option<Person>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    pub(crate) subject: String,
    pub(crate) erased: bool,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) last_decline: Option<Decline>,
    pub(crate) provider: Option<String>,
    pub(crate) provider_id: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: Option<String>,
    pub(crate) expires_at: Option<String>,
}

impl Payment {
    /// Who pays, as far as known.
    pub(crate) fn person(&self) -> Person {
        self.customer.clone().unwrap_or_default()
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Summary {
    pub(crate) title: String,
    pub(crate) sentence: String,
    pub(crate) tone: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Next {
    pub(crate) sentence: String,
    pub(crate) at: Option<String>,
}

/// Something that a person can do about a payment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Action {
    pub(crate) code: String,
    pub(crate) sentence: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) cli: Option<String>,
    pub(crate) by: String,
}

/// A name and a value, ready to be shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// One line in the ledger, ready to be shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LedgerLine {
    pub(crate) sentence: String,
    pub(crate) debit: String,
    pub(crate) credit: String,
    pub(crate) text: String,
    pub(crate) state: String,
}

/// What proves a step.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Evidence {
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) facts: Vec<Fact>,
    pub(crate) lines: Vec<LedgerLine>,
    pub(crate) note: Option<String>,
}

/// A step of a journey, or an event of a list, which is a step without words.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Step {
    pub(crate) id: String,
    pub(crate) seq: u64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) payment: Option<String>,
    pub(crate) created_at: String,
    pub(crate) data: Map<String, Value>,
    pub(crate) title: String,
    pub(crate) sentence: String,
    pub(crate) tone: String,
    pub(crate) evidence: Vec<Evidence>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Journey {
    pub(crate) summary: Summary,
    pub(crate) data: Vec<Step>,
    pub(crate) next: Next,
    pub(crate) actions: Vec<Action>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) merchant: String,
    pub(crate) payment: String,
    pub(crate) status: String,
    pub(crate) amount: Amount,
    pub(crate) reason: Option<String>,
    pub(crate) metadata: Option<BTreeMap<String, String>>,
    pub(crate) provider_id: Option<String>,
    pub(crate) failure_code: Option<String>,
    pub(crate) created_at: String,
    pub(crate) updated_at: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) merchant: String,
    pub(crate) payment: String,
    pub(crate) status: String,
    pub(crate) amount: Amount,
    pub(crate) reason: String,
    pub(crate) respond_by: Option<String>,
    pub(crate) fee_minor: u64,
    pub(crate) provider_id: String,
    pub(crate) created_at: String,
    pub(crate) updated_at: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) reference: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) subject: String,
    pub(crate) erased: bool,
    pub(crate) deleted: bool,
    pub(crate) created_at: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Card {
    pub(crate) brand: String,
    pub(crate) last4: String,
    pub(crate) exp_month: u16,
    pub(crate) exp_year: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StoredMethod {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) card: Option<Card>,
    pub(crate) failure_code: Option<String>,
    pub(crate) created_at: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) seq: u64,
    pub(crate) provider: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) found: String,
    pub(crate) payment: Option<String>,
    pub(crate) received_at: String,
    pub(crate) body_status: String,
    pub(crate) body: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) again: Vec<Webhook>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ParkedCall {
    pub(crate) id: String,
    pub(crate) reason: String,
    pub(crate) operation: String,
    pub(crate) payment: String,
    pub(crate) merchant: String,
    pub(crate) amount: Amount,
    pub(crate) provider: String,
    pub(crate) provider_id: Option<String>,
    pub(crate) reference: String,
    pub(crate) requested_at: String,
    pub(crate) sends: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Quarantined {
    pub(crate) id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Found {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) merchant: Option<String>,
    pub(crate) label: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BookAccount {
    pub(crate) kind: String,
    pub(crate) code: u16,
    pub(crate) balance_minor: i128,
    pub(crate) debits_posted_minor: u64,
    pub(crate) credits_posted_minor: u64,
    pub(crate) debits_pending_minor: u64,
    pub(crate) credits_pending_minor: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CurrencyBalance {
    pub(crate) currency: String,
    pub(crate) pending_minor: i64,
    pub(crate) available_minor: i64,
    pub(crate) accounts: Vec<BookAccount>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Balances {
    pub(crate) data: Vec<CurrencyBalance>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Point {
    pub(crate) at: String,
    pub(crate) created: u64,
    pub(crate) authorized: u64,
    pub(crate) captured: u64,
    pub(crate) declined: u64,
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Pace {
    pub(crate) per_second_now: f64,
    pub(crate) series: Vec<Point>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) sends: u64,
    pub(crate) approved: u64,
    pub(crate) declined: u64,
    pub(crate) unknown: u64,
    pub(crate) rejected: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) last_unknown_at: Option<String>,
    pub(crate) health: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JournalLag {
    pub(crate) durable_seq: u64,
    pub(crate) views_lag_events: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Waiting {
    pub(crate) sentence: String,
    pub(crate) path: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Overview {
    pub(crate) window_s: u64,
    pub(crate) payments: Pace,
    pub(crate) outcomes: BTreeMap<String, u64>,
    pub(crate) unknown_open: u64,
    pub(crate) parked: u64,
    pub(crate) quarantined: u64,
    pub(crate) providers: Vec<Provider>,
    pub(crate) journal: JournalLag,
    pub(crate) needs_attention: Vec<Waiting>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LedgerAccount {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) merchant: Option<String>,
    pub(crate) currency: String,
    pub(crate) balance_minor: i128,
    pub(crate) debits_pending_minor: i128,
    pub(crate) debits_posted_minor: i128,
    pub(crate) credits_pending_minor: i128,
    pub(crate) credits_posted_minor: i128,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TrialBalance {
    pub(crate) currency: String,
    pub(crate) debits_pending_minor: i128,
    pub(crate) debits_posted_minor: i128,
    pub(crate) credits_pending_minor: i128,
    pub(crate) credits_posted_minor: i128,
    pub(crate) balanced: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LedgerAccounts {
    pub(crate) data: Vec<LedgerAccount>,
    pub(crate) next_cursor: Option<String>,
    pub(crate) seq: u64,
    pub(crate) trial_balance: Vec<TrialBalance>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: Option<u64>,
    pub(crate) bytes: u64,
    pub(crate) sealed: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Snapshot {
    pub(crate) seq: u64,
    pub(crate) bytes: u64,
    pub(crate) at: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StateDigest {
    pub(crate) digest: String,
    pub(crate) seq: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClockState {
    pub(crate) expiries_suspended: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Platform {
    pub(crate) version: String,
    pub(crate) build: Value,
    pub(crate) api_version: String,
    pub(crate) started_at: Option<String>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) segments_count: u64,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) chain_hash: String,
    pub(crate) state: Option<StateDigest>,
    pub(crate) schema_versions: BTreeMap<String, Value>,
    pub(crate) clock: ClockState,
    pub(crate) options: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Performance {
    pub(crate) payments_per_s: Option<f64>,
    pub(crate) request_p50_ms: Option<f64>,
    pub(crate) request_p99_ms: Option<f64>,
    pub(crate) fsync_p50_us: Option<f64>,
    pub(crate) fsync_p99_us: Option<f64>,
    pub(crate) added_p50_ms: Option<f64>,
    pub(crate) added_p99_ms: Option<f64>,
    pub(crate) cpu_us_per_payment: Option<f64>,
    pub(crate) rss_mb: Option<f64>,
    pub(crate) bytes_per_payment: Option<u64>,
    pub(crate) since: Option<String>,
}
