//! How objects look on the wire, field by field, in the shapes of API version 2026-10-28.endive: answers, errors and
//! what several objects share. The objects themselves are in the modules below. Rendering reads pictures taken earlier
//! where an answer is kept, so that it is rendered again to the same bytes.
//!
//! Source: the published object references under docs.stripe.com/api and the types of stripe-node 23.1.0.

mod charges;
mod disputes;
mod events;
mod intents;
mod money;
mod parties;

pub(super) use charges::charge_status;
pub(super) use parties::{EXPIRY, fingerprint};

use super::Stripe;
use super::answers::{Answer, Deleted, IntentPicture, Kept, Outcome, RawAnswer, RefundPicture, Show, Shown, StatusShown};
use super::cards::Decline;
use super::errors::ApiError;
use super::objects::{Charge, Intent, IntentOrigin, Metadata, Row};
use super::records::{Customer, PaymentMethod};
use crate::json::Json;
use crate::random;

/// A status that no client knows.
const UNKNOWN_STATUS: &str = "requires_provider_review";
/// Room for most answers, in bytes.
const ANSWER_BYTES: usize = 6 * 1_024;

fn seconds(time_ms: u64) -> u64 {
    time_ms / 1_000
}

fn metadata_field(json: &mut Json, metadata: &Metadata) {
    json.object_field("metadata", |json| {
        for (name, value) in metadata.pairs() {
            json.text(name, value);
        }
    });
}

fn nulls(json: &mut Json, names: &[&str]) {
    for name in names {
        json.null(name);
    }
}

fn status_field(json: &mut Json, status: &str, show: Show<'_>) {
    json.text(
        "status",
        match show.status {
            StatusShown::True => status,
            StatusShown::Unknown => UNKNOWN_STATUS,
        },
    );
}

/// The type of an error that stands for a decline.
fn error_kind(decline: Decline) -> &'static str {
    let unauthenticated = matches!(decline, Decline::AuthenticationFailed | Decline::SetupAuthenticationFailed);
    if unauthenticated || decline.is_bank() { "invalid_request_error" } else { "card_error" }
}

fn doc_url(code: &str) -> String {
    format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))
}

/// Digits of a client secret.
fn secret_digits(secret: &mut String, seed: u64, stream: u64, index: u32) {
    secret.push_str("_secret_");
    for part in 0..3 {
        random::push_digits(secret, random::mix(seed, stream + part, u64::from(index)), 8);
    }
}

impl Stripe {
    /// An outcome as text.
    pub(super) fn outcome_text(&self, outcome: &Outcome, request_id: &str) -> RawAnswer {
        match outcome {
            Ok(answer) => self.answer_text(answer, request_id),
            Err(error) => self.error_text(error, request_id),
        }
    }

    fn answer_text(&self, answer: &Answer, request_id: &str) -> RawAnswer {
        if let Shown::Text(body) = &answer.shown {
            return RawAnswer { status: 200, should_retry: None, body: body.clone() };
        }
        let mut json = Json::with_capacity(ANSWER_BYTES);
        let status = self.render_shown(&mut json, answer, request_id);
        RawAnswer { status, should_retry: None, body: json.into_bytes() }
    }

    /// Renders what an answer shows; returns its HTTP status.
    fn render_shown(&self, json: &mut Json, answer: &Answer, request_id: &str) -> u16 {
        let show = Show { status: answer.status, ..Show::with(&answer.expand, self.now_ms) };
        match answer.shown {
            Shown::Decline(row) => {
                self.render_decline(json, row, request_id);
                return 402;
            }
            Shown::SetupDecline(row) => {
                self.render_setup_decline(json, row, request_id);
                return 402;
            }
            Shown::Intent(row) => self.render_intent(json, row, self.intents.at(row), show),
            Shown::Refund(row) => self.render_refund(json, row, self.refunds.at(row), show),
            Shown::Charge(row) => self.render_charge(json, row, self.charges.at(row), show),
            Shown::Transaction(row) => self.render_transaction(json, row, show),
            Shown::Method(row) => self.render_method(json, row, self.methods.at(row), show),
            Shown::Dispute(row) => self.render_dispute(json, row, self.disputes.at(row), show),
            Shown::Customer(row) => self.render_customer(json, row, self.customers.at(row), show),
            Shown::Setup(row) => self.render_setup(json, row, self.setups.at(row), show),
            Shown::Payout(row) => self.render_payout(json, row, self.payouts.at(row), show),
            Shown::Warning(row) => self.render_warning(json, row, self.warnings.at(row), show),
            Shown::Endpoint(row, secret) => self.render_endpoint(json, row, secret),
            Shown::Event(row) => self.render_event(json, row, None, answer.status),
            Shown::Deleted(Deleted::Customer(row)) => deleted_object(json, &self.customers.id(row), "customer"),
            Shown::Deleted(Deleted::Endpoint(row)) => deleted_object(json, &self.endpoints.id(row), "webhook_endpoint"),
            Shown::Text(_) => {}
        }
        200
    }

    /// A kept answer as text, its status shown as it is or as one that no client knows.
    pub(super) fn kept_text(&self, kept: Kept, status: StatusShown) -> RawAnswer {
        let shown = |own: StatusShown| if status == StatusShown::Unknown { status } else { own };
        let mut json = Json::with_capacity(ANSWER_BYTES);
        match kept {
            Kept::Text(raw) => return *raw,
            Kept::Intent(picture) => {
                let IntentPicture { row, intent, charge, expand, at_ms, status } = *picture;
                let show = Show { status: shown(status), charge: charge.as_ref(), ..Show::with(&expand, at_ms) };
                self.render_intent(&mut json, row, &intent, show);
            }
            Kept::Refund(picture) => {
                let RefundPicture { row, refund, at_ms, status } = *picture;
                self.render_refund(&mut json, row, &refund, Show { status: shown(status), ..Show::plain(at_ms) });
            }
        }
        RawAnswer { status: 200, should_retry: None, body: json.into_bytes() }
    }

    /// A refusal as text.
    pub(super) fn error_text(&self, error: &ApiError, request_id: &str) -> RawAnswer {
        let mut json = Json::with_capacity(1_024);
        let show = Show::plain(self.now_ms);
        json.object(|json| {
            json.object_field("error", |json| {
                let facts = error.decline.map(Decline::facts);
                if let Some(advice) = facts.and_then(|facts| facts.advice_code) {
                    json.text("advice_code", advice);
                }
                if let Some(code) = error.code {
                    json.text("code", code);
                    json.text("doc_url", &doc_url(code));
                }
                if let Some(decline_code) = facts.and_then(|facts| facts.decline_code) {
                    json.text("decline_code", decline_code);
                }
                json.text("message", &error.message);
                if let Some(network) = facts.and_then(|facts| facts.network_decline_code) {
                    json.text("network_decline_code", network);
                }
                if let Some(param) = &error.param {
                    json.text("param", param);
                }
                if let Some(row) = error.intent {
                    json.key("payment_intent");
                    self.render_intent(json, row, self.intents.at(row), show);
                }
                self.log_url_field(json, request_id);
                if let Some(row) = error.setup {
                    json.key("setup_intent");
                    self.render_setup(json, row, self.setups.at(row), show);
                }
                json.text("type", error.kind);
            });
        });
        RawAnswer { status: error.status, should_retry: error.should_retry, body: json.into_bytes() }
    }

    fn log_url_field(&self, json: &mut Json, request_id: &str) {
        let time = seconds(self.now_ms);
        json.text("request_log_url", &format!("https://dashboard.stripe.com/test/logs/{request_id}?t={time}"));
    }

    /// The client secret of an intent.
    pub(super) fn client_secret(&self, row: Row<Intent>) -> String {
        let mut secret = self.intents.id(row);
        secret_digits(&mut secret, self.seed, STREAM_SECRET, row.index());
        secret
    }

    fn customer_field(&self, json: &mut Json, customer: Option<Row<Customer>>, show: Show<'_>) {
        match (customer, show.below("customer")) {
            (None, _) => json.null("customer"),
            (Some(row), Some(show)) => {
                json.key("customer");
                self.render_customer(json, row, self.customers.at(row), show);
            }
            (Some(row), None) => json.text("customer", &self.customers.id(row)),
        }
    }

    fn method_field(&self, json: &mut Json, method: Option<Row<PaymentMethod>>, show: Show<'_>) {
        match (method, show.below("payment_method")) {
            (None, _) => json.null("payment_method"),
            (Some(row), Some(show)) => {
                json.key("payment_method");
                self.render_method(json, row, self.methods.at(row), show);
            }
            (Some(row), None) => json.text("payment_method", &self.methods.id(row)),
        }
    }

    fn intent_field(&self, json: &mut Json, row: Row<Intent>, show: Show<'_>) {
        if self.intents.at(row).origin == IntentOrigin::DirectCharge {
            return json.null("payment_intent");
        }
        match show.below("payment_intent") {
            Some(show) => {
                json.key("payment_intent");
                self.render_intent(json, row, self.intents.at(row), show);
            }
            None => json.text("payment_intent", &self.intents.id(row)),
        }
    }

    fn charge_field_of(&self, json: &mut Json, row: Row<Charge>, show: Show<'_>) {
        match show.below("charge") {
            Some(show) => {
                json.key("charge");
                self.render_charge(json, row, self.charges.at(row), show);
            }
            None => json.text("charge", &self.charges.id(row)),
        }
    }
}

const STREAM_SECRET: u64 = 201;

fn deleted_object(json: &mut Json, id: &str, object: &str) {
    json.object(|json| {
        json.text("id", id);
        json.text("object", object);
        json.boolean("deleted", true);
    });
}
