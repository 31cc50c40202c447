//! Payment intents, setup intents and the declines that hold them.

use super::{STREAM_SECRET, doc_url, error_kind, metadata_field, nulls, seconds, secret_digits, status_field};
use crate::json::Json;
use crate::random;
use crate::stripe::Stripe;
use crate::stripe::answers::Show;
use crate::stripe::cards::Decline;
use crate::stripe::contacts::Shipping;
use crate::stripe::objects::{
    AutomaticMethods, CardOptions, ChallengeWish, Charge, IncrementWish, Intent, IntentOrigin, IntentStatus, RareTexts, Row,
};
use crate::stripe::records::{PaymentMethod, SetupIntent, SetupStatus};

/// Streams of the digits of setup intents' secrets and attempts.
const STREAM_SETUP_SECRET: u64 = STREAM_SECRET + 20;
const STREAM_ATTEMPT: u64 = STREAM_SECRET + 30;

fn automatic_methods_field(json: &mut Json, automatic: AutomaticMethods) {
    if !automatic.is_on() {
        return json.null("automatic_payment_methods");
    }
    json.object_field("automatic_payment_methods", |json| {
        json.text("allow_redirects", if automatic == AutomaticMethods::On { "always" } else { "never" });
        json.boolean("enabled", true);
    });
}

fn method_types_field(json: &mut Json, listed: Option<&[String]>, automatic_bank_accounts: bool) {
    json.array_field("payment_method_types", |json| match listed {
        Some(types) => types.iter().for_each(|kind| json.text_element(kind)),
        None => {
            json.text_element("card");
            if automatic_bank_accounts {
                json.text_element("us_bank_account");
            }
        }
    });
}

fn card_options_field(json: &mut Json, options: CardOptions) {
    json.object_field("payment_method_options", |json| {
        json.object_field("card", |json| {
            nulls(json, &["installments", "mandate_options", "network"]);
            if options.increment == IncrementWish::IfAvailable {
                json.text("request_incremental_authorization", "if_available");
            }
            json.text("request_three_d_secure", if options.challenge == ChallengeWish::Whenever { "any" } else { "automatic" });
        });
    });
}

impl Stripe {
    pub(in crate::stripe) fn render_intent(&self, json: &mut Json, row: Row<Intent>, intent: &Intent, show: Show<'_>) {
        static NONE: std::sync::LazyLock<RareTexts> = std::sync::LazyLock::new(RareTexts::default);
        let rare = intent.texts.rare.as_deref().unwrap_or(&NONE);
        json.object(|json| {
            json.text("id", &self.intents.id(row));
            json.text("object", "payment_intent");
            json.null("allowed_payment_method_types");
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
            json.text("client_secret", &self.client_secret(row));
            json.text("confirmation_method", if intent.confirmed_manually { "manual" } else { "automatic" });
            json.unsigned("created", seconds(intent.created_ms));
            json.text("currency", intent.currency.code());
            self.customer_field(json, intent.customer, show);
            json.null("customer_account");
            json.text_or_null("description", rare.description.as_deref());
            json.null("excluded_payment_method_types");
            self.last_payment_error_field(json, intent, show.at_ms);
            self.latest_charge_field(json, intent, show);
            json.boolean("livemode", false);
            json.null("managed_payments");
            metadata_field(json, &intent.texts.metadata);
            let waits = intent.status == IntentStatus::RequiresAction;
            self.next_action_field(json, waits.then(|| self.intents.id(row)), rare.return_url.as_deref());
            json.null("on_behalf_of");
            self.method_field(json, intent.method, show);
            json.null("payment_method_configuration_details");
            card_options_field(json, intent.options);
            let bank_accounts = intent.automatic_methods.is_on() && intent.currency.code() == "usd";
            method_types_field(json, rare.payment_method_types.as_deref(), bank_accounts);
            nulls(json, &["payment_record", "processing"]);
            json.text_or_null("receipt_email", rare.receipt_email.as_deref());
            json.null("review");
            json.text_or_null("setup_future_usage", rare.setup_future_usage);
            Shipping::write(rare.shipping.as_ref(), json);
            json.null("source");
            json.text_or_null("statement_descriptor", rare.statement_descriptor.as_deref());
            json.text_or_null("statement_descriptor_suffix", rare.statement_descriptor_suffix.as_deref());
            status_field(json, intent.status.name(), show);
            json.null("transfer_data");
            json.text_or_null("transfer_group", rare.transfer_group.as_deref());
        });
    }

    fn last_payment_error_field(&self, json: &mut Json, intent: &Intent, at_ms: u64) {
        match intent.failure {
            None => json.null("last_payment_error"),
            Some(failure) => json.object_field("last_payment_error", |json| {
                self.failure_fields(json, failure.decline, failure.charge, failure.method, at_ms);
                json.text("type", error_kind(failure.decline));
            }),
        }
    }

    fn latest_charge_field(&self, json: &mut Json, intent: &Intent, show: Show<'_>) {
        match (intent.charge, show.below("latest_charge")) {
            (None, _) => json.null("latest_charge"),
            (Some(row), Some(below)) => {
                json.key("latest_charge");
                self.render_charge(json, row, show.charge.unwrap_or_else(|| self.charges.at(row)), below);
            }
            (Some(row), None) => json.text("latest_charge", &self.charges.id(row)),
        }
    }

    fn next_action_field(&self, json: &mut Json, waiting_id: Option<String>, return_url: Option<&str>) {
        let Some(id) = waiting_id else { return json.null("next_action") };
        json.object_field("next_action", |json| {
            json.object_field("redirect_to_url", |json| {
                json.text_or_null("return_url", return_url);
                json.text("url", &format!("{}/3ds/{id}", self.config.base_url));
            });
            json.text("type", "redirect_to_url");
        });
    }

    /// What a decline says, without its type and intent.
    fn failure_fields(&self, json: &mut Json, decline: Decline, charge: Option<Row<Charge>>, method: Row<PaymentMethod>, at_ms: u64) {
        let facts = decline.facts();
        if let Some(advice) = facts.advice_code {
            json.text("advice_code", advice);
        }
        if let Some(charge) = charge {
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
        self.render_method(json, method, self.methods.at(method), Show::plain(at_ms));
    }

    pub(super) fn render_decline(&self, json: &mut Json, row: Row<Intent>, request_id: &str) {
        let intent = self.intents.at(row);
        json.object(|json| {
            json.object_field("error", |json| {
                if let Some(failure) = intent.failure {
                    self.failure_fields(json, failure.decline, failure.charge, failure.method, self.now_ms);
                }
                if intent.origin == IntentOrigin::Own {
                    json.key("payment_intent");
                    self.render_intent(json, row, intent, Show::plain(self.now_ms));
                }
                self.log_url_field(json, request_id);
                json.text("type", "card_error");
            });
        });
    }

    pub(super) fn render_setup_decline(&self, json: &mut Json, row: Row<SetupIntent>, request_id: &str) {
        let setup = self.setups.at(row);
        json.object(|json| {
            json.object_field("error", |json| {
                if let Some((decline, method)) = setup.failure {
                    self.failure_fields(json, decline, None, method, self.now_ms);
                }
                self.log_url_field(json, request_id);
                json.key("setup_intent");
                self.render_setup(json, row, setup, Show::plain(self.now_ms));
                json.text("type", "card_error");
            });
        });
    }

    /// The client secret of a setup intent.
    pub(in crate::stripe) fn setup_secret(&self, row: Row<SetupIntent>) -> String {
        let mut secret = self.setups.id(row);
        secret_digits(&mut secret, self.seed, STREAM_SETUP_SECRET, row.index());
        secret
    }

    fn attempt_id(&self, row: Row<SetupIntent>, number: u32) -> String {
        let mut id = "setatt_".to_owned();
        let counter = u64::from(row.index()) << 32 | u64::from(number);
        for part in 0..3 {
            random::push_digits(&mut id, random::mix(self.seed, STREAM_ATTEMPT + part, counter), 8);
        }
        id
    }

    pub(in crate::stripe) fn render_setup(&self, json: &mut Json, row: Row<SetupIntent>, setup: &SetupIntent, show: Show<'_>) {
        json.object(|json| {
            json.text("id", &self.setups.id(row));
            json.text("object", "setup_intent");
            nulls(json, &["allowed_payment_method_types", "application"]);
            automatic_methods_field(json, setup.automatic_methods);
            json.text_or_null("cancellation_reason", setup.cancellation_reason);
            json.text("client_secret", &self.setup_secret(row));
            json.unsigned("created", seconds(setup.created_ms));
            self.customer_field(json, setup.customer, show);
            json.null("customer_account");
            json.text_or_null("description", setup.texts.description.as_deref());
            nulls(json, &["excluded_payment_method_types", "flow_directions"]);
            match setup.failure {
                None => json.null("last_setup_error"),
                Some((decline, method)) => json.object_field("last_setup_error", |json| {
                    self.failure_fields(json, decline, None, method, show.at_ms);
                    json.text("type", error_kind(decline));
                }),
            }
            let attempt = (setup.attempt_count > 0).then(|| self.attempt_id(row, setup.attempt_count));
            json.text_or_null("latest_attempt", attempt.as_deref());
            json.boolean("livemode", false);
            nulls(json, &["managed_payments", "mandate"]);
            metadata_field(json, &setup.texts.metadata);
            let waits = setup.status == SetupStatus::RequiresAction;
            self.next_action_field(json, waits.then(|| self.setups.id(row)), setup.texts.return_url.as_deref());
            json.null("on_behalf_of");
            self.method_field(json, setup.method, show);
            json.null("payment_method_configuration_details");
            json.object_field("payment_method_options", |json| {
                json.object_field("card", |json| {
                    nulls(json, &["mandate_options", "network"]);
                    json.text("request_three_d_secure", "automatic");
                });
            });
            method_types_field(json, setup.texts.payment_method_types.as_deref(), setup.automatic_methods.is_on());
            json.null("single_use_mandate");
            status_field(json, setup.status.name(), show);
            json.text("usage", setup.usage);
        });
    }
}
