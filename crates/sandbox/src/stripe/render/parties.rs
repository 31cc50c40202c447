//! Customers, payment methods and webhook endpoints.

use super::{deleted_object, metadata_field, nulls, seconds};
use crate::json::Json;
use crate::random;
use crate::stripe::Stripe;
use crate::stripe::answers::{SecretShown, Show};
use crate::stripe::cards::Card;
use crate::stripe::contacts::Shipping;
use crate::stripe::objects::Row;
use crate::stripe::payment_methods::billing;
use crate::stripe::records::{CardOrigin, Customer, Endpoint, MethodTexts, PaymentMethod};

/// Month and year in which test cards expire unless told otherwise.
pub(in crate::stripe) const EXPIRY: (u64, u64) = (12, 2034);

/// Tells cards of one number from others.
pub(in crate::stripe) fn fingerprint(card: &Card) -> String {
    let mut text = String::new();
    let number = card.number.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    random::push_digits(&mut text, random::scramble(number), 8);
    random::push_digits(&mut text, random::scramble(number ^ 1), 8);
    text
}

pub(super) fn card_expiry(texts: Option<&MethodTexts>) -> (u64, u64) {
    texts.and_then(|texts| texts.expiry).unwrap_or(EXPIRY)
}

/// What was checked: of a card given by its number only what came with it.
pub(super) fn card_checks(json: &mut Json, card: &Card, texts: Option<&MethodTexts>) {
    let checks = card.checks;
    let address = &billing(texts).address;
    let origin = texts.map_or(CardOrigin::Name, |texts| texts.origin);
    let given = |given: bool, found: Option<&'static str>| match (origin, given) {
        (CardOrigin::Name, false) => found,
        (_, true) => found.or(Some("pass")),
        (_, false) => None,
    };
    json.object_field("checks", |json| {
        json.text_or_null("address_line1_check", given(address.has_line1(), checks.line1));
        json.text_or_null("address_postal_code_check", given(address.has_postal_code(), checks.postal));
        json.text_or_null("cvc_check", checks.cvc.filter(|_| origin != CardOrigin::NumberWithoutCode));
    });
}

pub(super) fn bank_account_fields(json: &mut Json, card: &Card) {
    json.text("account_holder_type", "individual");
    json.text("account_type", "checking");
    json.text("bank_name", "STRIPE TEST BANK");
    json.text("fingerprint", &fingerprint(card));
    json.text("last4", card.last4());
    json.text("routing_number", "110000000");
}

fn card_field(json: &mut Json, card: &Card, texts: Option<&MethodTexts>) {
    json.object_field("card", |json| {
        json.text("brand", card.brand);
        card_checks(json, card, texts);
        json.text("country", card.country);
        json.text("display_brand", card.networks().first().unwrap_or(&card.brand));
        let (month, year) = card_expiry(texts);
        json.unsigned("exp_month", month);
        json.unsigned("exp_year", year);
        json.text("fingerprint", &fingerprint(card));
        json.text("funding", card.funding);
        json.null("generated_from");
        json.text("last4", card.last4());
        json.object_field("networks", |json| {
            json.array_field("available", |json| card.networks().iter().for_each(|network| json.text_element(network)));
            json.null("preferred");
        });
        json.text("regulated_status", "unregulated");
        json.object_field("three_d_secure_usage", |json| json.boolean("supported", card.supports_challenges()));
        json.null("wallet");
    });
}

impl Stripe {
    /// The id of the card behind a charge without an intent.
    pub(super) fn card_id(&self, row: Row<PaymentMethod>) -> String {
        self.methods.id(row).replacen("pm_", "card_", 1)
    }

    /// The card behind a charge without an intent, in its old shape.
    pub(super) fn render_source_card(&self, json: &mut Json, row: Row<PaymentMethod>) {
        let card = self.methods.at(row).card.card();
        json.object(|json| {
            json.text("id", &self.card_id(row));
            json.text("object", "card");
            nulls(json, &["address_city", "address_country", "address_line1"]);
            json.text_or_null("address_line1_check", card.checks.line1);
            nulls(json, &["address_line2", "address_state", "address_zip"]);
            json.text_or_null("address_zip_check", card.checks.postal);
            json.text("brand", card.old_brand());
            json.text("country", card.country);
            json.null("customer");
            json.text_or_null("cvc_check", card.checks.cvc);
            json.null("dynamic_last4");
            json.unsigned("exp_month", EXPIRY.0);
            json.unsigned("exp_year", EXPIRY.1);
            json.text("fingerprint", &fingerprint(card));
            json.text("funding", card.funding);
            json.text("last4", card.last4());
            json.object_field("metadata", |_| {});
            json.null("name");
            json.text("regulated_status", "unregulated");
            nulls(json, &["tokenization_method", "wallet"]);
        });
    }

    pub(in crate::stripe) fn render_method(&self, json: &mut Json, row: Row<PaymentMethod>, method: &PaymentMethod, show: Show<'_>) {
        let card = method.card.card();
        let texts = method.texts.as_deref();
        json.object(|json| {
            json.text("id", &self.methods.id(row));
            json.text("object", "payment_method");
            json.text("allow_redisplay", texts.and_then(|texts| texts.allow_redisplay).unwrap_or("unspecified"));
            billing(texts).write(json);
            if !card.is_bank_account() {
                card_field(json, card, texts);
            }
            json.unsigned("created", seconds(method.created_ms));
            self.customer_field(json, method.customer, show);
            json.null("customer_account");
            json.boolean("livemode", false);
            match texts {
                Some(texts) => metadata_field(json, &texts.metadata),
                None => json.object_field("metadata", |_| {}),
            }
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

    pub(in crate::stripe) fn render_customer(&self, json: &mut Json, row: Row<Customer>, customer: &Customer, show: Show<'_>) {
        if customer.deleted {
            return deleted_object(json, &self.customers.id(row), "customer");
        }
        let texts = &*customer.texts;
        json.object(|json| {
            json.text("id", &self.customers.id(row));
            json.text("object", "customer");
            match &texts.address {
                Some(address) => address.write(json),
                None => json.null("address"),
            }
            json.signed("balance", texts.balance);
            for (name, value) in [("business_name", &texts.business_name), ("individual_name", &texts.individual_name)] {
                if let Some(value) = value {
                    json.text(name, value);
                }
            }
            json.unsigned("created", seconds(customer.created_ms));
            nulls(json, &["currency", "customer_account", "default_source"]);
            json.boolean("delinquent", false);
            json.text_or_null("description", texts.description.as_deref());
            json.null("discount");
            json.text_or_null("email", texts.email.as_deref());
            let id = self.customers.id(row);
            let prefix = || id.get(4..12).unwrap_or_default().to_ascii_uppercase();
            json.text("invoice_prefix", &texts.invoice_prefix.clone().unwrap_or_else(prefix));
            json.object_field("invoice_settings", |json| {
                json.null("custom_fields");
                let whole = show.below("invoice_settings").and_then(|show| show.below("default_payment_method"));
                match (texts.default_method, whole) {
                    (None, _) => json.null("default_payment_method"),
                    (Some(method), Some(show)) => {
                        json.key("default_payment_method");
                        self.render_method(json, method, self.methods.at(method), show);
                    }
                    (Some(method), None) => json.text("default_payment_method", &self.methods.id(method)),
                }
                json.text_or_null("footer", texts.invoice_footer.as_deref());
                json.null("rendering_options");
            });
            json.boolean("livemode", false);
            metadata_field(json, &texts.metadata);
            json.text_or_null("name", texts.name.as_deref());
            json.unsigned("next_invoice_sequence", texts.next_invoice_sequence.unwrap_or(1));
            json.text_or_null("phone", texts.phone.as_deref());
            json.array_field("preferred_locales", |json| texts.preferred_locales.iter().for_each(|locale| json.text_element(locale)));
            Shipping::write_for_customer(texts.shipping.as_ref(), json);
            json.text("tax_exempt", texts.tax_exempt.unwrap_or("none"));
            json.null("test_clock");
        });
    }

    pub(in crate::stripe) fn render_endpoint(&self, json: &mut Json, row: Row<Endpoint>, secret: SecretShown) {
        let endpoint = self.endpoints.at(row);
        json.object(|json| {
            json.text("id", &self.endpoints.id(row));
            json.text("object", "webhook_endpoint");
            json.text_or_null("api_version", endpoint.api_version.as_deref());
            json.null("application");
            json.unsigned("created", seconds(endpoint.created_ms));
            json.text_or_null("description", endpoint.description.as_deref());
            json.array_field("enabled_events", |json| endpoint.events.iter().for_each(|event| json.text_element(event)));
            json.boolean("livemode", false);
            metadata_field(json, &endpoint.metadata);
            if secret == SecretShown::Once {
                json.text("secret", &self.endpoint_secret(row));
            }
            json.text("status", if endpoint.enabled { "enabled" } else { "disabled" });
            json.text("url", &endpoint.url);
        });
    }
}
