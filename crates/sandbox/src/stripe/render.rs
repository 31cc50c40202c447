//! How objects look on the wire, field by field, in the shapes of API version 2026-10-28.endive. Rendering reads
//! pictures taken earlier, so that a kept answer is rendered again to the same bytes.
//!
//! Source: the published object references under docs.stripe.com/api and the types of stripe-node 23.1.0.

use super::Stripe;
use super::answers::{Answer, ChargeView, Expand, IntentView, Page, RawAnswer, RefundView, StatusShown};
use super::cards::{Card, Decline, DisputeKind, Risk};
use super::charges::signed;
use super::errors::ApiError;
use super::objects::{
    CaptureMethod, Charge, ChargeStatus, Dispute, Failure, Intent, IntentStatus, PaymentMethod, RareTexts, Refund, RefundStatus, Row,
    Source, Transaction,
};
use super::queries::transaction_kind;
use crate::form::Node;
use crate::json::Json;
use crate::random;

/// A status that no client knows.
pub(super) const UNKNOWN_STATUS: &str = "requires_provider_review";
const EXPIRY_MONTH: u64 = 12;
const EXPIRY_YEAR: u64 = 2034;
const STREAM_SECRET: u64 = 201;
const ADDRESS_FIELDS: [&str; 6] = ["city", "country", "line1", "line2", "postal_code", "state"];

fn seconds(time_ms: u64) -> u64 {
    time_ms / 1_000
}

fn metadata_field(json: &mut Json, metadata: &super::objects::Metadata) {
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

fn billing_details_field(json: &mut Json) {
    json.object_field("billing_details", |json| {
        json.object_field("address", |json| nulls(json, &ADDRESS_FIELDS));
        nulls(json, &["email", "name", "phone", "tax_id"]);
    });
}

fn shipping_field(json: &mut Json, shipping: Option<&Node>) {
    let Some(shipping) = shipping else { return json.null("shipping") };
    let text = |node: &Node, name: &str| node.member(name).and_then(Node::text).map(str::to_owned);
    json.object_field("shipping", |json| {
        let address = shipping.member("address");
        json.object_field("address", |json| {
            for name in ADDRESS_FIELDS {
                json.text_or_null(name, address.and_then(|node| text(node, name)).as_deref());
            }
        });
        for name in ["carrier", "name", "phone", "tracking_number"] {
            json.text_or_null(name, text(shipping, name).as_deref());
        }
    });
}

fn checks_field(json: &mut Json, card: &Card) {
    json.object_field("checks", |json| {
        json.text_or_null("address_line1_check", card.checks.line1);
        json.text_or_null("address_postal_code_check", card.checks.postal);
        json.text_or_null("cvc_check", card.checks.cvc);
    });
}

impl Stripe {
    /// An answer as text.
    pub(super) fn answer_text(&self, answer: &Answer) -> RawAnswer {
        let mut json = Json::with_capacity(4_096);
        let mut status = 200;
        match answer {
            Answer::Intent(view) => self.intent(&mut json, view),
            Answer::Refund(view) => self.refund(&mut json, view),
            Answer::Charge(view) => self.charge(&mut json, view),
            Answer::Transaction(row, at_ms) => self.transaction(&mut json, *row, *at_ms),
            Answer::Method(row) => self.method_object(&mut json, *row),
            Answer::Dispute(row, at_ms) => self.dispute(&mut json, *row, *at_ms),
            Answer::Decline(view) => {
                status = 402;
                self.decline_text(&mut json, view);
            }
            Answer::Raw(raw) => return (**raw).clone(),
        }
        RawAnswer { status, should_retry: None, body: json.into_bytes().into_boxed_slice() }
    }

    /// A refusal as text.
    pub(super) fn error_text(&self, error: &ApiError) -> RawAnswer {
        let mut json = Json::with_capacity(512);
        json.object(|json| {
            json.object_field("error", |json| {
                if let Some(code) = error.code {
                    json.text("code", code);
                    json.text("doc_url", &doc_url(code));
                }
                json.text("message", &error.message);
                if let Some(param) = &error.param {
                    json.text("param", param);
                }
                if let Some(row) = error.intent {
                    json.key("payment_intent");
                    self.intent(json, &self.view_intent(row, Expand::NONE));
                }
                json.text("type", error.kind);
            });
        });
        RawAnswer { status: error.status, should_retry: error.should_retry, body: json.into_bytes().into_boxed_slice() }
    }

    fn decline_text(&self, json: &mut Json, view: &IntentView) {
        json.object(|json| {
            json.object_field("error", |json| {
                if let Some(failure) = view.intent.failure {
                    self.failure_fields(json, failure);
                }
                json.key("payment_intent");
                self.intent(json, view);
                json.text("type", "card_error");
            });
        });
    }

    /// What a decline says, without its type and intent.
    fn failure_fields(&self, json: &mut Json, failure: Failure) {
        let facts = failure.decline.facts();
        if let Some(advice) = facts.advice_code {
            json.text("advice_code", advice);
        }
        if let Some(charge) = failure.charge {
            json.text("charge", &self.charges.id(charge));
        }
        json.text("code", facts.code);
        if let Some(decline_code) = facts.decline_code {
            json.text("decline_code", decline_code);
        }
        json.text("doc_url", &doc_url(facts.code));
        json.text("message", facts.message);
        if let Some(network) = facts.network_decline_code {
            json.text("network_decline_code", network);
        }
        if let Some(param) = facts.param {
            json.text("param", param);
        }
        json.key("payment_method");
        self.method_object(json, failure.method);
    }

    /// A page of a list.
    pub(super) fn list_text(&self, url: &str, page: &Page, has_more: bool, expand: Expand) -> Vec<u8> {
        let mut json = Json::with_capacity(4_096);
        json.object(|json| {
            json.text("object", "list");
            json.array_field("data", |json| match page {
                Page::Intents(rows) => rows.iter().for_each(|row| self.intent(json, &self.view_intent(*row, expand))),
                Page::Charges(rows) => rows.iter().for_each(|row| self.charge(json, &self.view_charge(*row, expand))),
                Page::Refunds(rows) => rows.iter().for_each(|row| self.refund(json, &self.view_refund(*row, expand))),
                Page::Transactions(rows) => rows.iter().for_each(|row| self.transaction(json, *row, self.now_ms)),
                Page::Disputes(rows) => rows.iter().for_each(|row| self.dispute(json, *row, self.now_ms)),
            });
            json.boolean("has_more", has_more);
            json.text("url", url);
        });
        json.into_bytes()
    }

    /// A page of search results.
    pub(super) fn search_text(&self, url: &str, rows: &[Row<Intent>], has_more: bool, expand: Expand) -> Vec<u8> {
        let mut json = Json::with_capacity(4_096);
        json.object(|json| {
            json.text("object", "search_result");
            json.array_field("data", |json| {
                rows.iter().for_each(|row| self.intent(json, &self.view_intent(*row, expand)));
            });
            json.boolean("has_more", has_more);
            let next = rows.last().filter(|_| has_more).map(|row| self.intents.id(*row));
            json.text_or_null("next_page", next.as_deref());
            json.text("url", url);
        });
        json.into_bytes()
    }

    /// The client secret of an intent.
    pub(super) fn client_secret(&self, row: Row<Intent>) -> String {
        let mut secret = self.intents.id(row);
        secret.push_str("_secret_");
        for part in 0..3 {
            let number = random::mix(self.seed, STREAM_SECRET + part, u64::from(row.index()));
            random::push_digits(&mut secret, number, 8);
        }
        secret
    }

    fn intent(&self, json: &mut Json, view: &IntentView) {
        let IntentView { row, intent, charge, expand, at_ms, status } = view;
        let none = RareTexts::default();
        let rare = intent.texts.rare.as_deref().unwrap_or(&none);
        json.object(|json| {
            json.text("id", &self.intents.id(*row));
            json.text("object", "payment_intent");
            nulls(json, &["allowed_payment_method_types"]);
            json.unsigned("amount", intent.amount);
            let capturable = if intent.status == IntentStatus::RequiresCapture { intent.amount } else { 0 };
            json.unsigned("amount_capturable", capturable);
            json.object_field("amount_details", |json| json.object_field("tip", |_| {}));
            json.unsigned("amount_received", intent.received);
            nulls(json, &["application", "application_fee_amount"]);
            automatic_methods_field(json, intent.automatic_methods);
            json.unsigned_or_null("canceled_at", intent.canceled.map(|(time_ms, _)| seconds(time_ms)));
            json.text_or_null("cancellation_reason", intent.canceled.and_then(|(_, reason)| reason));
            json.text("capture_method", intent.capture_method.name());
            json.text("client_secret", &self.client_secret(*row));
            json.text("confirmation_method", if intent.confirmed_manually { "manual" } else { "automatic" });
            json.unsigned("created", seconds(intent.created_ms));
            json.text("currency", intent.currency.code());
            json.text_or_null("customer", rare.customer.as_deref());
            json.null("customer_account");
            json.text_or_null("description", rare.description.as_deref());
            json.null("excluded_payment_method_types");
            self.last_payment_error_field(json, intent);
            self.latest_charge_field(json, intent, charge.as_ref(), *expand, *at_ms);
            json.boolean("livemode", false);
            json.null("managed_payments");
            metadata_field(json, &intent.texts.metadata);
            self.next_action_field(json, *row, intent, rare);
            json.null("on_behalf_of");
            self.method_field(json, intent.method, *expand);
            nulls(json, &["payment_method_configuration_details"]);
            payment_method_options_field(json);
            json.array_field("payment_method_types", |json| match &rare.payment_method_types {
                None => {
                    json.text_element("card");
                    if intent.automatic_methods && intent.currency.code() == "usd" {
                        json.text_element("us_bank_account");
                    }
                }
                Some(types) => types.iter().for_each(|kind| json.text_element(kind)),
            });
            nulls(json, &["payment_record", "processing"]);
            json.text_or_null("receipt_email", rare.receipt_email.as_deref());
            json.null("review");
            json.text_or_null("setup_future_usage", rare.setup_future_usage);
            shipping_field(json, rare.shipping.as_ref());
            json.null("source");
            json.text_or_null("statement_descriptor", rare.statement_descriptor.as_deref());
            json.text_or_null("statement_descriptor_suffix", rare.statement_descriptor_suffix.as_deref());
            json.text(
                "status",
                match status {
                    StatusShown::True => intent.status.name(),
                    StatusShown::Unknown => UNKNOWN_STATUS,
                },
            );
            json.null("transfer_data");
            json.text_or_null("transfer_group", rare.transfer_group.as_deref());
        });
    }

    fn last_payment_error_field(&self, json: &mut Json, intent: &Intent) {
        match intent.failure {
            None => json.null("last_payment_error"),
            Some(failure) => json.object_field("last_payment_error", |json| {
                self.failure_fields(json, failure);
                json.text("type", error_kind(failure.decline));
            }),
        }
    }

    fn latest_charge_field(&self, json: &mut Json, intent: &Intent, charge: Option<&Charge>, expand: Expand, at_ms: u64) {
        match (intent.charge, charge) {
            (Some(row), Some(charge)) => {
                json.key("latest_charge");
                self.charge_fields(json, row, charge, None, expand, at_ms);
            }
            (Some(row), None) => json.text("latest_charge", &self.charges.id(row)),
            (None, _) => json.null("latest_charge"),
        }
    }

    fn next_action_field(&self, json: &mut Json, row: Row<Intent>, intent: &Intent, rare: &RareTexts) {
        if intent.status != IntentStatus::RequiresAction {
            return json.null("next_action");
        }
        json.object_field("next_action", |json| {
            json.object_field("redirect_to_url", |json| {
                json.text_or_null("return_url", rare.return_url.as_deref());
                json.text("url", &format!("{}/3ds/{}", self.config.base_url, self.intents.id(row)));
            });
            json.text("type", "redirect_to_url");
        });
    }

    fn method_field(&self, json: &mut Json, method: Option<Row<PaymentMethod>>, expand: Expand) {
        match method {
            None => json.null("payment_method"),
            Some(row) if expand.has(Expand::METHOD) => {
                json.key("payment_method");
                self.method_object(json, row);
            }
            Some(row) => json.text("payment_method", &self.methods.id(row)),
        }
    }

    fn charge(&self, json: &mut Json, view: &ChargeView) {
        let ChargeView { row, charge, intent, expand, at_ms } = view;
        self.charge_fields(json, *row, charge, intent.as_deref(), *expand, *at_ms);
    }

    fn charge_fields(&self, json: &mut Json, row: Row<Charge>, charge: &Charge, inner: Option<&IntentView>, expand: Expand, at_ms: u64) {
        let texts = &self.intents.at(charge.intent).texts;
        let none = RareTexts::default();
        let rare = texts.rare.as_deref().unwrap_or(&none);
        let (status, paid) = match charge.status {
            ChargeStatus::Pending => ("pending", false),
            ChargeStatus::Failed => ("failed", false),
            ChargeStatus::Authorized | ChargeStatus::Captured | ChargeStatus::Released | ChargeStatus::Expired => ("succeeded", true),
        };
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
            self.transaction_field(
                json,
                "balance_transaction",
                self.visible_transaction(charge, at_ms),
                expand.has(Expand::CHARGE_TRANSACTION),
                at_ms,
            );
            billing_details_field(json);
            json.text("calculated_statement_descriptor", "BEZANT SANDBOX");
            json.boolean("captured", charge.status == ChargeStatus::Captured);
            json.unsigned("created", seconds(charge.created_ms));
            json.text("currency", charge.currency.code());
            json.text_or_null("customer", rare.customer.as_deref());
            json.text_or_null("description", rare.description.as_deref());
            json.boolean("disputed", charge.has_dispute);
            json.null("failure_balance_transaction");
            json.text_or_null("failure_code", failure.map(|facts| facts.code));
            json.text_or_null("failure_message", failure.map(|facts| facts.message));
            json.object_field("fraud_details", |_| {});
            json.boolean("livemode", false);
            metadata_field(json, &texts.metadata);
            json.null("on_behalf_of");
            self.outcome_field(json, charge);
            json.boolean("paid", paid);
            match inner {
                Some(view) => {
                    json.key("payment_intent");
                    self.intent(json, view);
                }
                None => json.text("payment_intent", &self.intents.id(charge.intent)),
            }
            json.text("payment_method", &self.methods.id(charge.method));
            self.method_details_field(json, charge);
            json.text_or_null("receipt_email", rare.receipt_email.as_deref());
            nulls(json, &["receipt_number", "receipt_url"]);
            json.boolean("refunded", refunded == charge.amount);
            json.null("review");
            shipping_field(json, rare.shipping.as_ref());
            nulls(json, &["source", "source_transfer"]);
            json.text_or_null("statement_descriptor", rare.statement_descriptor.as_deref());
            json.text_or_null("statement_descriptor_suffix", rare.statement_descriptor_suffix.as_deref());
            json.text("status", status);
            nulls(json, &["transfer_data"]);
            json.text_or_null("transfer_group", rare.transfer_group.as_deref());
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
            json.object_field("card", |json| {
                json.unsigned("amount_authorized", charge.amount);
                let approved = charge.decline.is_none();
                let code = random::below(self.seed, STREAM_SECRET + 9, charge.created_ms, 1_000_000);
                json.text_or_null("authorization_code", approved.then(|| format!("{code:06}")).as_deref());
                json.text("brand", card.brand);
                if charge.status == ChargeStatus::Authorized {
                    let until_ms = charge.created_ms.saturating_add(self.config.authorization_lifetime_ms);
                    json.unsigned("capture_before", seconds(until_ms));
                }
                checks_field(json, card);
                json.text("country", card.country);
                json.null("electronic_commerce_indicator");
                json.unsigned("exp_month", EXPIRY_MONTH);
                json.unsigned("exp_year", EXPIRY_YEAR);
                json.object_field("extended_authorization", |json| json.text("status", "disabled"));
                json.text("fingerprint", &fingerprint(card));
                json.text("funding", card.funding);
                json.object_field("incremental_authorization", |json| json.text("status", "unavailable"));
                json.null("installments");
                json.text("last4", card.last4());
                json.null("mandate");
                json.object_field("multicapture", |json| json.text("status", "unavailable"));
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
            });
            json.text("type", "card");
        });
    }

    fn transaction_field(&self, json: &mut Json, name: &str, row: Option<Row<Transaction>>, whole: bool, at_ms: u64) {
        match row {
            None => json.null(name),
            Some(row) if whole => {
                json.key(name);
                self.transaction(json, row, at_ms);
            }
            Some(row) => json.text(name, &self.transactions.id(row)),
        }
    }

    fn transaction(&self, json: &mut Json, row: Row<Transaction>, at_ms: u64) {
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
            nulls(json, &["description", "exchange_rate"]);
            json.unsigned("fee", transaction.fee);
            json.array_field("fee_details", |json| {
                if transaction.fee > 0 {
                    json.object(|json| {
                        json.unsigned("amount", transaction.fee);
                        json.null("application");
                        json.text("currency", currency);
                        let dispute = matches!(transaction.source, Source::Dispute(_));
                        json.text("description", if dispute { "Dispute fee" } else { "Stripe processing fees" });
                        json.text("type", "stripe_fee");
                    });
                }
            });
            json.signed("net", transaction.amount - signed(transaction.fee));
            json.text(
                "reporting_category",
                match transaction.source {
                    Source::Charge(_) => "charge",
                    Source::Refund(_) => "refund",
                    Source::RefundFailure(_) => "refund_failure",
                    Source::Dispute(_) => "dispute",
                },
            );
            json.text("source", &self.source_id(transaction.source));
            json.text("status", if transaction.available_ms <= at_ms { "available" } else { "pending" });
            json.text("type", transaction_kind(transaction.source));
        });
    }

    fn refund(&self, json: &mut Json, view: &RefundView) {
        let RefundView { row, refund, charge: shown_charge, intent, expand, at_ms, status } = view;
        let charge = self.charges.at(refund.charge);
        json.object(|json| {
            json.text("id", &self.refunds.id(*row));
            json.text("object", "refund");
            json.unsigned("amount", refund.amount);
            let whole = expand.has(Expand::OWN_TRANSACTION);
            self.transaction_field(json, "balance_transaction", refund.transaction, whole, *at_ms);
            match shown_charge {
                Some(shown) => {
                    json.key("charge");
                    self.charge_fields(json, refund.charge, shown, None, *expand, *at_ms);
                }
                None => json.text("charge", &self.charges.id(refund.charge)),
            }
            json.unsigned("created", seconds(refund.created_ms));
            json.text("currency", charge.currency.code());
            nulls(json, &["customer", "customer_account"]);
            destination_field(json, refund);
            if let Some(failed) = refund.failure_transaction {
                json.text("failure_balance_transaction", &self.transactions.id(failed));
                json.text("failure_reason", "expired_or_canceled_card");
            }
            metadata_field(json, &refund.metadata);
            match intent {
                Some(view) => {
                    json.key("payment_intent");
                    self.intent(json, view);
                }
                None => json.text("payment_intent", &self.intents.id(charge.intent)),
            }
            json.text("payment_method", &self.methods.id(charge.method));
            if refund.status == RefundStatus::Pending {
                json.text("pending_reason", "processing");
            }
            json.text_or_null("reason", refund.reason);
            nulls(json, &["receipt_number", "source_transfer_reversal"]);
            json.text(
                "status",
                match status {
                    StatusShown::True => refund.status.name(),
                    StatusShown::Unknown => UNKNOWN_STATUS,
                },
            );
            json.null("transfer_reversal");
        });
    }

    fn method_object(&self, json: &mut Json, row: Row<PaymentMethod>) {
        let method = self.methods.at(row);
        let card = method.card.card();
        json.object(|json| {
            json.text("id", &self.methods.id(row));
            json.text("object", "payment_method");
            json.text("allow_redisplay", "unspecified");
            billing_details_field(json);
            if card.is_bank_account() {
                json.unsigned("created", seconds(method.created_ms));
            } else {
                card_field(json, card);
                json.unsigned("created", seconds(method.created_ms));
            }
            nulls(json, &["customer", "customer_account"]);
            json.boolean("livemode", false);
            json.object_field("metadata", |_| {});
            if card.is_bank_account() {
                json.text("type", "us_bank_account");
                json.object_field("us_bank_account", |json| {
                    bank_account_fields(json, card);
                    nulls(json, &["financial_connections_account", "networks", "status_details"]);
                });
            } else {
                json.text("type", "card");
            }
        });
    }

    fn dispute(&self, json: &mut Json, row: Row<Dispute>, at_ms: u64) {
        let dispute = self.disputes.at(row);
        let charge = self.charges.at(dispute.charge);
        let card = self.methods.at(charge.method).card.card();
        json.object(|json| {
            json.text("id", &self.disputes.id(row));
            json.text("object", "dispute");
            json.unsigned("amount", dispute.amount);
            json.array_field("balance_transactions", |json| {
                if let Some(transaction) = dispute.transaction {
                    self.transaction(json, transaction, at_ms);
                }
            });
            json.text("charge", &self.charges.id(dispute.charge));
            json.unsigned("created", seconds(dispute.created_ms));
            json.text("currency", charge.currency.code());
            json.array_field("enhanced_eligibility_types", |json| match dispute.kind {
                DisputeKind::CompellingEvidence => json.text_element("visa_compelling_evidence_3"),
                DisputeKind::Compliance => json.text_element("visa_compliance"),
                _ => {}
            });
            evidence_fields(json, seconds(dispute.created_ms));
            json.null("intended_submission_method");
            json.boolean("is_charge_refundable", dispute.kind == DisputeKind::Inquiry);
            json.boolean("livemode", false);
            json.object_field("metadata", |_| {});
            json.text("payment_intent", &self.intents.id(charge.intent));
            if !card.is_bank_account() {
                dispute_card_field(json, dispute, card);
            }
            json.text(
                "reason",
                match dispute.kind {
                    DisputeKind::ProductNotReceived => "product_not_received",
                    DisputeKind::Compliance => "noncompliant",
                    _ => "fraudulent",
                },
            );
            let inquiry = dispute.kind == DisputeKind::Inquiry;
            json.text("status", if inquiry { "warning_needs_response" } else { "needs_response" });
        });
    }
}

/// The type of an error that stands for a decline.
fn error_kind(decline: Decline) -> &'static str {
    if decline == Decline::AuthenticationFailed || decline.is_bank() { "invalid_request_error" } else { "card_error" }
}

fn doc_url(code: &str) -> String {
    format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))
}

fn fingerprint(card: &Card) -> String {
    let mut text = String::new();
    let number = card.number.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    random::push_digits(&mut text, random::scramble(number), 8);
    random::push_digits(&mut text, random::scramble(number ^ 1), 8);
    text
}

fn automatic_methods_field(json: &mut Json, automatic: bool) {
    if !automatic {
        return json.null("automatic_payment_methods");
    }
    json.object_field("automatic_payment_methods", |json| {
        json.text("allow_redirects", "always");
        json.boolean("enabled", true);
    });
}

fn payment_method_options_field(json: &mut Json) {
    json.object_field("payment_method_options", |json| {
        json.object_field("card", |json| {
            nulls(json, &["installments", "mandate_options", "network"]);
            json.text("request_three_d_secure", "automatic");
        });
    });
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

fn bank_account_fields(json: &mut Json, card: &Card) {
    json.text("account_holder_type", "individual");
    json.text("account_type", "checking");
    json.text("bank_name", "STRIPE TEST BANK");
    json.text("fingerprint", &fingerprint(card));
    json.text("last4", card.last4());
    json.text("routing_number", "110000000");
}

fn card_field(json: &mut Json, card: &Card) {
    json.object_field("card", |json| {
        json.text("brand", card.brand);
        checks_field(json, card);
        json.text("country", card.country);
        json.text("display_brand", card.brand);
        json.unsigned("exp_month", EXPIRY_MONTH);
        json.unsigned("exp_year", EXPIRY_YEAR);
        json.text("fingerprint", &fingerprint(card));
        json.text("funding", card.funding);
        json.null("generated_from");
        json.text("last4", card.last4());
        json.object_field("networks", |json| {
            json.array_field("available", |json| json.text_element(card.brand));
            json.null("preferred");
        });
        json.text("regulated_status", "unregulated");
        json.object_field("three_d_secure_usage", |json| json.boolean("supported", true));
        json.null("wallet");
    });
}

fn destination_field(json: &mut Json, refund: &Refund) {
    json.object_field("destination_details", |json| {
        json.object_field("card", |json| {
            json.text("type", if refund.status == RefundStatus::Pending { "pending" } else { "refund" });
        });
        json.text("type", "card");
    });
}

fn dispute_card_field(json: &mut Json, dispute: &Dispute, card: &Card) {
    json.object_field("payment_method_details", |json| {
        json.object_field("card", |json| {
            json.text("brand", card.brand);
            let case = match dispute.kind {
                DisputeKind::Inquiry => "inquiry",
                DisputeKind::Compliance => "compliance",
                _ => "chargeback",
            };
            json.text("case_type", case);
            json.text("network", card.brand);
            json.text("network_reason_code", "10.4");
        });
        json.text("type", "card");
    });
}

/// How long after its creation a dispute can be answered, in seconds: the card networks' seven days at least.
const EVIDENCE_WINDOW_S: u64 = 7 * 24 * 3_600;

fn evidence_fields(json: &mut Json, created_s: u64) {
    json.object_field("evidence", |json| {
        nulls(
            json,
            &[
                "access_activity_log",
                "billing_address",
                "cancellation_policy",
                "cancellation_policy_disclosure",
                "cancellation_rebuttal",
                "customer_communication",
                "customer_email_address",
                "customer_name",
                "customer_purchase_ip",
                "customer_signature",
                "duplicate_charge_documentation",
                "duplicate_charge_explanation",
                "duplicate_charge_id",
            ],
        );
        json.object_field("enhanced_evidence", |_| {});
        nulls(
            json,
            &[
                "product_description",
                "receipt",
                "refund_policy",
                "refund_policy_disclosure",
                "refund_refusal_explanation",
                "service_date",
                "service_documentation",
                "shipping_address",
                "shipping_carrier",
                "shipping_date",
                "shipping_documentation",
                "shipping_tracking_number",
                "uncategorized_file",
                "uncategorized_text",
            ],
        );
    });
    json.object_field("evidence_details", |json| {
        json.unsigned("due_by", created_s + EVIDENCE_WINDOW_S);
        json.object_field("enhanced_eligibility", |_| {});
        json.boolean("has_evidence", false);
        json.boolean("past_due", false);
        json.unsigned("submission_count", 0);
        json.text("submission_method", "not_submitted");
    });
}
