//! Stripe: payment intents confirmed on creation, refunds, customers with their payment methods, webhooks and events.
//! Sources: Stripe's API reference for the pinned version, its pages on errors, declines, webhooks and disputes, and the
//! wire facts gathered from its own client libraries.
//!
//! Not here: card data (a payment method is Stripe's token), when to sweep or look up, what to do about a dispute.

mod amount;
mod decline;
mod decode;
mod dispute;
mod encode;
mod json;
mod notice;
mod object;
mod stored;
mod webhook;

pub use amount::{AmountError, from_provider, to_provider};
pub use decline::{class_of_code, is_known_code};
pub use notice::WEBHOOK_TYPES;
pub use webhook::{SIGNATURE_BYTES_MAX, SIGNATURE_HEADER, SIGNATURES_MAX, TOLERANCE_S};

use crate::connector::{Call, Capabilities, Connector, CredentialHeader, Decoded, EncodeError, Resolve, ResolveLadder, Rung, RungKind};
use crate::notices::{EventsPage, EventsQuestion, NoticeError};
use crate::stored::StoredOutcome;
use base::time::NS_PER_S;
use base::{DisputeFact, Notice, Redacted, Timestamp};
use egress::{Request, Response};

/// The API version that every request names. The one after it, 2026-09-30.endive, refuses `payment_method_types` (Stripe's
/// changelog of that version), so moving on changes golden requests and tables too: a release of its own.
pub const API_VERSION: &str = "2026-06-24.dahlia";
/// The metadata entry that carries our reference.
pub const REFERENCE_METADATA: &str = "bezant_reference";
/// Largest response that a call can need, in bytes: a page of 100 refunds with room to spare.
pub const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// Largest page of events that is read, in bytes: 100 events of 40 KiB on average. An event holds its whole object, with up to
/// 27 KiB of metadata.
pub const EVENTS_RESPONSE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest redirect or return address, in bytes.
pub const URL_BYTES_MAX: usize = 2_048;
/// Longest id of a Stripe object that we read or send, in bytes.
pub const PROVIDER_ID_BYTES_MAX: usize = 100;

const MINUTE_NS: u64 = 60 * NS_PER_S;
const HOUR_NS: u64 = 60 * MINUTE_NS;
/// How long Stripe lists events (its API reference of the list of events): 30 days.
const EVENTS_KEPT_NS: u64 = 30 * 24 * HOUR_NS;
/// Stripe's longest idempotency key, in bytes.
const KEY_BYTES_MAX: usize = 255;
/// Our longest reference, in bytes; Stripe's metadata values may have 500.
const REFERENCE_BYTES_MAX: usize = 200;
/// Stripe takes at most twelve digits in any currency, eight in most; it says so itself where eight is the limit.
const PROVIDER_AMOUNT_MAX: u64 = 999_999_999_999;
/// The documented values of `cancellation_reason`.
const CANCEL_REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer", "abandoned"];

const _: () = assert!(KEY_BYTES_MAX <= base::limits::IDEMPOTENCY_KEY_BYTES_MAX);
const _: () = assert!(REFERENCE_BYTES_MAX <= base::limits::METADATA_VALUE_BYTES_MAX);

/// Which kind of account the requests go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Real money. Simulator instructions are refused, and so are currencies whose unit is not confirmed.
    Live,
    /// Stripe's test mode or the simulator.
    Test,
}

/// The connector.
#[derive(Clone, Debug)]
pub struct Stripe {
    environment: Environment,
    capabilities: Capabilities,
}

/// When to resolve unknown outcomes at Stripe: replays while the client may still wait, lookups from the minute on in
/// which search has normally caught up (it may lag an hour, hence the growing gaps), a person after a day, when the
/// key may be forgotten.
pub fn resolve_ladder() -> ResolveLadder {
    let replays = [2 * NS_PER_S, 10 * NS_PER_S, MINUTE_NS].map(|after_ns| Rung { after_ns, how: RungKind::Replay });
    let mut after_ns = MINUTE_NS;
    let mut rungs = replays.to_vec();
    rungs.push(Rung { after_ns, how: RungKind::Lookup });
    for gap_ns in [5 * MINUTE_NS, 30 * MINUTE_NS, 2 * HOUR_NS, 6 * HOUR_NS, 6 * HOUR_NS] {
        after_ns += gap_ns;
        rungs.push(Rung { after_ns, how: RungKind::Lookup });
    }
    ResolveLadder { rungs, operator_after_ns: 24 * HOUR_NS }
}

impl Stripe {
    /// A connector for one kind of account.
    pub fn new(environment: Environment) -> Self {
        // Iraq and Libya use three decimals in ISO 4217 but are absent from Stripe's list of such currencies.
        let mut currencies_refused = vec!["IQD", "LYD"];
        if environment == Environment::Live {
            // Stripe's page lists UGX as a zero-decimal currency and, in its special cases, as hundredths. Until a
            // test account has shown which one is true, a mistake would be a factor of one hundred.
            currencies_refused.push("UGX");
        }
        let capabilities = Capabilities {
            name: "stripe",
            base_url: "https://api.stripe.com",
            credential: CredentialHeader { name: "authorization", prefix: "Bearer " },
            multiple_captures: false,
            partial_captures: true,
            refund_can_fail_later: true,
            declined_stays_open: true,
            key_retention_ns: 24 * HOUR_NS,
            key_bytes_max: KEY_BYTES_MAX,
            reference_bytes_max: REFERENCE_BYTES_MAX,
            search_lag_ns: MINUTE_NS,
            search_lag_ns_max: HOUR_NS,
            provider_amount_max: PROVIDER_AMOUNT_MAX,
            currencies_refused,
            cancel_reasons: CANCEL_REASONS,
            response_bytes_max: RESPONSE_BYTES_MAX,
            resolve_ladder: resolve_ladder(),
            signature_header: SIGNATURE_HEADER,
            events_response_bytes_max: EVENTS_RESPONSE_BYTES_MAX,
            events_kept_ns: EVENTS_KEPT_NS,
        };
        Self { environment, capabilities }
    }
}

impl Connector for Stripe {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn shown_fields(&self) -> &'static [&'static str] {
        encode::SHOWN_FIELDS
    }

    fn encode(&self, call: &Call) -> Result<Request, EncodeError> {
        encode::request(self.environment, &self.capabilities, call)
    }

    fn encode_resolve(&self, call: &Call, how: &Resolve) -> Result<Request, EncodeError> {
        match how {
            Resolve::Replay => self.encode(call),
            Resolve::Fetch { provider_id } => encode::fetch(call, provider_id),
            Resolve::Search => encode::search(call),
        }
    }

    fn decode(&self, call: &Call, response: &Response) -> Decoded {
        decode::answer(call, response)
    }

    fn decode_resolve(&self, call: &Call, how: &Resolve, response: &Response) -> Decoded {
        match how {
            Resolve::Replay => decode::answer(call, response),
            Resolve::Fetch { .. } => decode::fetched(call, response),
            Resolve::Search => decode::searched(call, response),
        }
    }

    fn decode_stored(&self, call: &Call, response: &Response) -> StoredOutcome {
        stored::answer(call, response)
    }

    fn decode_stored_resolve(&self, call: &Call, how: &Resolve, response: &Response) -> StoredOutcome {
        stored::resolved(call, how, response)
    }

    fn verify_notice(&self, signature: Option<&str>, body: &[u8], secrets: &[Redacted<String>], now: Timestamp) -> Result<(), NoticeError> {
        webhook::verify(signature, body, secrets, now)
    }

    fn parse_notice(&self, body: &[u8]) -> Result<Notice, NoticeError> {
        notice::parse(body)
    }

    fn encode_events(&self, question: &EventsQuestion) -> Result<Request, EncodeError> {
        encode::events(question)
    }

    fn decode_events(&self, response: &Response) -> Option<EventsPage> {
        notice::page(response)
    }

    fn encode_dispute(&self, dispute: &str) -> Result<Request, EncodeError> {
        encode::dispute(dispute)
    }

    fn decode_dispute(&self, dispute: &str, response: &Response) -> Option<(String, DisputeFact)> {
        dispute::fetched(dispute, response)
    }
}
