//! Balance transactions, refunds and payouts.

use super::{metadata_field, nulls, seconds, status_field};
use crate::json::Json;
use crate::stripe::Stripe;
use crate::stripe::answers::Show;
use crate::stripe::cards::Decline;
use crate::stripe::objects::{Refund, RefundStatus, Row, Source, Transaction};
use crate::stripe::payouts::destination_id;
use crate::stripe::queries::transaction_kind;
use crate::stripe::records::{Payout, PayoutStatus};

fn reporting_category(source: Source) -> &'static str {
    match source {
        Source::Charge(_) => "charge",
        Source::Refund(_) => "refund",
        Source::RefundFailure(_) => "refund_failure",
        Source::Dispute(_) => "dispute",
        Source::DisputeReversal(_) => "dispute_reversal",
        Source::Payout(_) => "payout",
        Source::PayoutCancel(_) | Source::PayoutFailure(_) => "payout_reversal",
    }
}

fn description(source: Source) -> Option<&'static str> {
    match source {
        Source::Charge(_) => None,
        Source::Refund(_) => Some("REFUND FOR CHARGE"),
        Source::RefundFailure(_) => Some("REFUND FAILURE"),
        Source::Dispute(_) => Some("Chargeback withdrawal"),
        Source::DisputeReversal(_) => Some("Chargeback reversal"),
        Source::Payout(_) => Some("STRIPE PAYOUT"),
        Source::PayoutCancel(_) => Some("STRIPE PAYOUT CANCELLATION"),
        Source::PayoutFailure(_) => Some("STRIPE PAYOUT FAILURE"),
    }
}

impl Stripe {
    pub(super) fn transaction_field(&self, json: &mut Json, name: &str, row: Option<Row<Transaction>>, show: Show<'_>) {
        match (row, show.below(name)) {
            (None, _) => json.null(name),
            (Some(row), Some(show)) => {
                json.key(name);
                self.render_transaction(json, row, show);
            }
            (Some(row), None) => json.text(name, &self.transactions.id(row)),
        }
    }

    /// A balance transaction; of its own it never changes but for becoming available.
    pub(in crate::stripe) fn render_transaction(&self, json: &mut Json, row: Row<Transaction>, show: Show<'_>) {
        let transaction = self.transactions.at(row);
        let currency = transaction.currency.code();
        json.object(|json| {
            json.text("id", &self.transactions.id(row));
            json.text("object", "balance_transaction");
            json.signed("amount", transaction.amount);
            json.unsigned("available_on", seconds(transaction.available_ms));
            json.text("balance_type", "payments");
            json.unsigned("created", seconds(transaction.created_ms));
            json.text("currency", currency);
            json.text_or_null("description", description(transaction.source));
            json.null("exchange_rate");
            json.signed("fee", transaction.fee);
            json.array_field("fee_details", |json| {
                if transaction.fee != 0 {
                    json.object(|json| {
                        json.signed("amount", transaction.fee);
                        json.null("application");
                        json.text("currency", currency);
                        let dispute = matches!(transaction.source, Source::Dispute(_) | Source::DisputeReversal(_));
                        json.text("description", if dispute { "Dispute fee" } else { "Stripe processing fees" });
                        json.text("type", "stripe_fee");
                    });
                }
            });
            json.signed("net", transaction.amount - transaction.fee);
            json.text("reporting_category", reporting_category(transaction.source));
            match show.below("source") {
                Some(show) => {
                    json.key("source");
                    self.render_source(json, transaction.source, show);
                }
                None => json.text("source", &self.source_id(transaction.source)),
            }
            json.text("status", if transaction.available_ms <= show.at_ms { "available" } else { "pending" });
            json.text("type", transaction_kind(transaction.source));
        });
    }

    fn render_source(&self, json: &mut Json, source: Source, show: Show<'_>) {
        match source {
            Source::Charge(row) => self.render_charge(json, row, self.charges.at(row), show),
            Source::Refund(row) | Source::RefundFailure(row) => self.render_refund(json, row, self.refunds.at(row), show),
            Source::Dispute(row) | Source::DisputeReversal(row) => self.render_dispute(json, row, self.disputes.at(row), show),
            Source::Payout(row) | Source::PayoutCancel(row) | Source::PayoutFailure(row) => {
                self.render_payout(json, row, self.payouts.at(row), show);
            }
        }
    }

    pub(in crate::stripe) fn render_refund(&self, json: &mut Json, row: Row<Refund>, refund: &Refund, show: Show<'_>) {
        let charge = self.charges.at(refund.charge);
        json.object(|json| {
            json.text("id", &self.refunds.id(row));
            json.text("object", "refund");
            json.unsigned("amount", refund.amount);
            self.transaction_field(json, "balance_transaction", refund.transaction, show);
            self.charge_field_of(json, refund.charge, show);
            json.unsigned("created", seconds(refund.created_ms));
            json.text("currency", charge.currency.code());
            nulls(json, &["customer", "customer_account"]);
            json.object_field("destination_details", |json| {
                json.object_field("card", |json| {
                    json.text("type", if refund.status == RefundStatus::Pending { "pending" } else { "refund" });
                });
                json.text("type", "card");
            });
            if refund.failure_transaction.is_some() {
                self.transaction_field(json, "failure_balance_transaction", refund.failure_transaction, show);
                json.text("failure_reason", "expired_or_canceled_card");
            }
            metadata_field(json, &refund.metadata);
            self.intent_field(json, charge.intent, show);
            json.text("payment_method", &self.methods.id(charge.method));
            if refund.status == RefundStatus::Pending {
                json.text("pending_reason", "processing");
            }
            json.text_or_null("reason", refund.reason);
            nulls(json, &["receipt_number", "source_transfer_reversal"]);
            status_field(json, refund.status.name(), show);
            json.null("transfer_reversal");
        });
    }

    fn payout_field(&self, json: &mut Json, name: &str, row: Option<Row<Payout>>, show: Show<'_>) {
        match (row, show.below(name)) {
            (None, _) => json.null(name),
            (Some(row), Some(show)) => {
                json.key(name);
                self.render_payout(json, row, self.payouts.at(row), show);
            }
            (Some(row), None) => json.text(name, &self.payouts.id(row)),
        }
    }

    pub(in crate::stripe) fn render_payout(&self, json: &mut Json, row: Row<Payout>, payout: &Payout, show: Show<'_>) {
        let failure = payout.failure.map(Decline::payout_failure);
        json.object(|json| {
            json.text("id", &self.payouts.id(row));
            json.text("object", "payout");
            json.signed("amount", payout.amount);
            nulls(json, &["application_fee", "application_fee_amount"]);
            json.unsigned("arrival_date", seconds(payout.arrival_ms));
            json.boolean("automatic", false);
            self.transaction_field(json, "balance_transaction", Some(payout.transaction), show);
            json.unsigned("created", seconds(payout.created_ms));
            json.text("currency", payout.currency.code());
            json.text_or_null("description", payout.texts.description.as_deref());
            json.text("destination", &destination_id(payout.destination));
            self.transaction_field(json, "failure_balance_transaction", payout.failure_transaction, show);
            json.text_or_null("failure_code", failure.map(|(code, _)| code));
            json.text_or_null("failure_message", failure.map(|(_, message)| message));
            json.boolean("livemode", false);
            metadata_field(json, &payout.texts.metadata);
            json.text("method", payout.method);
            self.payout_field(json, "original_payout", payout.original, show);
            json.null("payout_method");
            json.text("reconciliation_status", "not_applicable");
            self.payout_field(json, "reversed_by", payout.reversed_by, show);
            json.text("source_type", "card");
            json.text_or_null("statement_descriptor", payout.texts.statement_descriptor.as_deref());
            status_field(json, payout.status.name(), show);
            json.object_field("trace_id", |json| {
                json.text("status", if payout.status == PayoutStatus::Pending { "pending" } else { "unsupported" });
                json.null("value");
            });
            json.text("type", "bank_account");
        });
    }
}
