//! Charges: what was paid with, how it ended, and what can still be done with it.

use super::parties::{bank_account_fields, card_checks, card_expiry, fingerprint};
use super::{metadata_field, nulls, seconds, status_field};
use crate::json::Json;
use crate::random;
use crate::stripe::Stripe;
use crate::stripe::answers::Show;
use crate::stripe::cards::{Decline, Risk};
use crate::stripe::contacts::Shipping;
use crate::stripe::objects::{CaptureMethod, Charge, ChargeStatus, IntentOrigin, RareTexts, Refund, Row, Transaction};
use crate::stripe::payment_methods::billing;

/// Stream of authorisation codes.
const STREAM_AUTHORIZATION: u64 = 210;
/// Most refunds shown inside of a charge.
const REFUNDS_SHOWN_MAX: usize = 10;

/// `charge.status`.
pub(in crate::stripe) fn charge_status(status: ChargeStatus) -> &'static str {
    match status {
        ChargeStatus::Pending => "pending",
        ChargeStatus::Failed => "failed",
        ChargeStatus::Authorized | ChargeStatus::Captured | ChargeStatus::Released | ChargeStatus::Expired => "succeeded",
    }
}

fn three_d_secure_field(json: &mut Json, authenticated: bool) {
    if !authenticated {
        return json.null("three_d_secure");
    }
    json.object_field("three_d_secure", |json| {
        json.text("authentication_flow", "challenge");
        json.text("electronic_commerce_indicator", "05");
        json.null("exemption_indicator");
        json.text("result", "authenticated");
        nulls(json, &["result_reason", "transaction_id"]);
        json.text("version", "2.2.0");
    });
}

impl Stripe {
    pub(in crate::stripe) fn render_charge(&self, json: &mut Json, row: Row<Charge>, charge: &Charge, show: Show<'_>) {
        static NONE: std::sync::LazyLock<RareTexts> = std::sync::LazyLock::new(RareTexts::default);
        let rare = charge.texts.rare.as_deref().unwrap_or(&NONE);
        let status = charge_status(charge.status);
        // An authorisation given back shows as refunded, although no money ever moved.
        let released = matches!(charge.status, ChargeStatus::Released | ChargeStatus::Expired);
        let refunded = if released { charge.amount } else { charge.refunded + charge.refund_pending };
        let failure = charge.decline.map(Decline::facts);
        json.object(|json| {
            json.text("id", &self.charges.id(row));
            json.text("object", "charge");
            json.unsigned("amount", charge.amount);
            json.unsigned("amount_captured", charge.captured);
            json.unsigned("amount_refunded", refunded);
            nulls(json, &["application", "application_fee", "application_fee_amount"]);
            self.transaction_field(json, "balance_transaction", self.visible_transaction(charge, show.at_ms), show);
            billing(charge.method_texts.as_deref()).write(json);
            json.text("calculated_statement_descriptor", "BEZANT SANDBOX");
            json.boolean("captured", charge.status == ChargeStatus::Captured);
            json.unsigned("created", seconds(charge.created_ms));
            json.text("currency", charge.currency.code());
            self.customer_field(json, charge.customer, show);
            json.text_or_null("description", rare.description.as_deref());
            json.boolean("disputed", charge.has_dispute);
            json.null("failure_balance_transaction");
            json.text_or_null("failure_code", failure.map(|facts| facts.code));
            json.text_or_null("failure_message", failure.map(|facts| facts.message));
            json.object_field("fraud_details", |json| {
                if let Some(report) = charge.fraud_report {
                    json.text("user_report", report);
                }
            });
            json.boolean("livemode", false);
            metadata_field(json, &charge.texts.metadata);
            json.null("on_behalf_of");
            self.outcome_field(json, charge);
            json.boolean("paid", status == "succeeded");
            self.intent_field(json, charge.intent, show);
            let direct = self.intents.at(charge.intent).origin == IntentOrigin::DirectCharge;
            json.text("payment_method", &if direct { self.card_id(charge.method) } else { self.methods.id(charge.method) });
            self.method_details_field(json, charge);
            json.text_or_null("receipt_email", rare.receipt_email.as_deref());
            nulls(json, &["receipt_number", "receipt_url"]);
            json.boolean("refunded", refunded > 0 && (released || refunded == charge.captured));
            if let Some(show) = show.below("refunds") {
                self.refunds_field(json, row, show);
            }
            json.null("review");
            Shipping::write(rare.shipping.as_ref(), json);
            if direct {
                json.key("source");
                self.render_source_card(json, charge.method);
            } else {
                json.null("source");
            }
            json.null("source_transfer");
            json.text_or_null("statement_descriptor", rare.statement_descriptor.as_deref());
            json.text_or_null("statement_descriptor_suffix", rare.statement_descriptor_suffix.as_deref());
            status_field(json, status, show);
            json.null("transfer_data");
            json.text_or_null("transfer_group", rare.transfer_group.as_deref());
        });
    }

    fn refunds_field(&self, json: &mut Json, row: Row<Charge>, show: Show<'_>) {
        let rows: Vec<Row<Refund>> = self.refunds_of(row).take(REFUNDS_SHOWN_MAX + 1).collect();
        json.object_field("refunds", |json| {
            json.text("object", "list");
            json.array_field("data", |json| {
                for refund in rows.iter().take(REFUNDS_SHOWN_MAX) {
                    let show = show.below("data").unwrap_or(Show::plain(show.at_ms));
                    self.render_refund(json, *refund, self.refunds.at(*refund), show);
                }
            });
            json.boolean("has_more", rows.len() > REFUNDS_SHOWN_MAX);
            json.text("url", &format!("/v1/charges/{}/refunds", self.charges.id(row)));
        });
    }

    /// A charge's balance transaction, unless asynchronous capture still hides it.
    fn visible_transaction(&self, charge: &Charge, at_ms: u64) -> Option<Row<Transaction>> {
        let row = charge.transaction?;
        let lags = self.intents.at(charge.intent).capture_method == CaptureMethod::AutomaticAsync;
        let lag_ms = if lags { self.config.transaction_lag_ms } else { 0 };
        (self.transactions.at(row).created_ms.saturating_add(lag_ms) <= at_ms).then_some(row)
    }

    fn outcome_field(&self, json: &mut Json, charge: &Charge) {
        let risk = self.methods.at(charge.method).card.card().risk;
        let facts = charge.decline.map(Decline::facts);
        json.object_field("outcome", |json| {
            json.text_or_null("advice_code", facts.and_then(|facts| facts.advice_code));
            json.null("network_advice_code");
            json.text_or_null("network_decline_code", facts.and_then(|facts| facts.network_decline_code));
            json.text("network_status", facts.map_or("approved_by_network", |facts| facts.network_status));
            let elevated = (risk == Risk::Elevated).then_some("elevated_risk_level");
            let blocked = (charge.decline == Some(Decline::Blocked)).then_some("highest_risk_level");
            let reason = blocked.or(facts.and_then(|facts| facts.decline_code)).or(elevated);
            json.text_or_null("reason", reason);
            json.text("risk_level", risk.name());
            json.unsigned("risk_score", risk.score());
            let seller = match risk {
                Risk::Elevated => "Stripe evaluated this payment as having elevated risk, and placed it in your manual review queue.",
                Risk::Normal | Risk::Highest => "Payment complete.",
            };
            json.text("seller_message", facts.map_or(seller, |facts| facts.seller_message));
            let kind = if risk == Risk::Elevated { "manual_review" } else { "authorized" };
            json.text("type", facts.map_or(kind, |facts| facts.outcome_type));
        });
    }

    fn method_details_field(&self, json: &mut Json, charge: &Charge) {
        let card = self.methods.at(charge.method).card.card();
        json.object_field("payment_method_details", |json| {
            if card.is_bank_account() {
                json.object_field("us_bank_account", |json| {
                    bank_account_fields(json, card);
                    json.null("payment_reference");
                });
                return json.text("type", "us_bank_account");
            }
            json.object_field("card", |json| self.card_details_fields(json, charge));
            json.text("type", "card");
        });
    }

    fn card_details_fields(&self, json: &mut Json, charge: &Charge) {
        let card = self.methods.at(charge.method).card.card();
        let texts = charge.method_texts.as_deref();
        let status_field = |json: &mut Json, name: &str, status: &str| json.object_field(name, |json| json.text("status", status));
        json.unsigned("amount_authorized", charge.amount);
        let approved = charge.decline.is_none();
        let code = random::below(self.seed, STREAM_AUTHORIZATION, charge.created_ms, 1_000_000);
        json.text_or_null("authorization_code", approved.then(|| format!("{code:06}")).as_deref());
        json.text("brand", card.brand);
        if charge.status == ChargeStatus::Authorized {
            let until_ms = charge.created_ms.saturating_add(self.config.authorization_lifetime_ms);
            json.unsigned("capture_before", seconds(until_ms));
        }
        card_checks(json, card, texts);
        json.text("country", card.country);
        json.null("electronic_commerce_indicator");
        let (month, year) = card_expiry(texts);
        json.unsigned("exp_month", month);
        json.unsigned("exp_year", year);
        status_field(json, "extended_authorization", "disabled");
        json.text("fingerprint", &fingerprint(card));
        json.text("funding", card.funding);
        status_field(json, "incremental_authorization", if charge.incremental { "available" } else { "unavailable" });
        json.null("installments");
        json.text("last4", card.last4());
        json.null("mandate");
        status_field(json, "multicapture", "unavailable");
        json.text("network", card.brand);
        json.object_field("network_token", |json| json.boolean("used", false));
        json.null("network_transaction_id");
        json.object_field("overcapture", |json| {
            json.unsigned("maximum_amount_capturable", charge.amount);
            json.text("status", "unavailable");
        });
        json.text("regulated_status", "unregulated");
        three_d_secure_field(json, charge.authenticated);
        nulls(json, &["transaction_link_id", "wallet"]);
    }
}
