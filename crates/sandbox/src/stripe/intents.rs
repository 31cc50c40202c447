//! The calls that change payment intents: create, confirm, capture, cancel. What an attempt to charge does is in
//! `charges`.
//!
//! Source: docs.stripe.com/api/payment_intents, docs.stripe.com/payments/paymentintents/lifecycle.

use super::answers::{Answer, Expand, Outcome};
use super::cards::CardIndex;
use super::charges::{Attempt, Presence};
use super::currency::Currency;
use super::errors::ApiError;
use super::objects::{Account, CaptureMethod, ChargeStatus, Intent, IntentStatus, Metadata, PaymentMethod, RareTexts, Row, Texts};
use super::params::Params;
use super::{Call, Stripe};
use crate::form::Form;
use std::sync::Arc;

/// Longest accepted test card number; longer digits are no card.
const CARD_DIGITS_MAX: usize = 19;

/// Parameters of a creation; those without effect here are read and let pass.
const CREATE_KNOWN: &[&str] = &[
    "amount",
    "currency",
    "automatic_payment_methods",
    "capture_method",
    "confirm",
    "confirmation_method",
    "customer",
    "description",
    "error_on_requires_action",
    "mandate_data",
    "metadata",
    "off_session",
    "payment_details",
    "payment_method",
    "payment_method_data",
    "payment_method_options",
    "payment_method_types",
    "radar_options",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
    "use_stripe_sdk",
];
/// Parameters that would change money or methods in ways the simulator does not model.
const CREATE_UNMODELLED: &[&str] = &[
    "allowed_payment_method_types",
    "amount_details",
    "application_fee_amount",
    "confirmation_token",
    "customer_account",
    "excluded_payment_method_types",
    "hooks",
    "mandate",
    "on_behalf_of",
    "payment_method_configuration",
    "transfer_data",
];
const CONFIRM_KNOWN: &[&str] = &[
    "capture_method",
    "client_secret",
    "error_on_requires_action",
    "mandate_data",
    "off_session",
    "payment_method",
    "payment_method_data",
    "payment_method_options",
    "payment_method_types",
    "radar_options",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "shipping",
    "use_stripe_sdk",
];
const CONFIRM_UNMODELLED: &[&str] = &["amount_details", "confirmation_token", "hooks", "mandate", "payment_details"];
const CAPTURE_KNOWN: &[&str] = &["amount_to_capture", "final_capture", "metadata", "statement_descriptor", "statement_descriptor_suffix"];
const CAPTURE_UNMODELLED: &[&str] = &["amount_details", "application_fee_amount", "hooks", "payment_details", "transfer_data"];
const CANCEL_KNOWN: &[&str] = &["cancellation_reason"];
const CANCELLATION_REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer", "abandoned"];

/// Refuses card numbers that are not published test numbers, before anything could record them, and card details
/// with an impossible expiry or code.
pub(super) fn check_card_data(form: &Form) -> Result<(), ApiError> {
    let Some(card) = form.at(&["payment_method_data", "card"]) else { return Ok(()) };
    let text = |name: &str| card.member(name).and_then(|node| node.text());
    if text("token").is_some() {
        return Ok(());
    }
    let Some(number) = text("number") else { return Err(ApiError::missing_param("payment_method_data[card][number]")) };
    if number.len() > CARD_DIGITS_MAX || CardIndex::by_number(number).is_none() {
        return Err(ApiError::invalid(
            "Sending credit card numbers directly to the Stripe API is generally unsafe. This simulator accepts the published test numbers only.",
        )
        .with_status(402)
        .with_param("payment_method_data[card][number]"));
    }
    let refused = |code: &'static str, message: &str, param: &'static str| {
        let mut error = ApiError::invalid(message).with_status(402).with_code(code).with_param(param);
        error.kind = "card_error";
        Err(error)
    };
    if text("exp_month").is_some_and(|month| !matches!(month.parse::<u8>(), Ok(1..=12))) {
        return refused("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month");
    }
    if text("exp_year").is_some_and(|year| !matches!(year.parse::<u16>(), Ok(26..=75 | 2026..=2075))) {
        return refused("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year");
    }
    if text("cvc").is_some_and(|cvc| !(3..=4).contains(&cvc.len()) || !cvc.bytes().all(|byte| byte.is_ascii_digit())) {
        return refused("invalid_cvc", "Your card's security code is invalid.", "cvc");
    }
    Ok(())
}

/// How a payment method was named in a request.
#[derive(Debug, Clone, Copy)]
enum MethodNamed {
    Existing(Row<PaymentMethod>),
    Test(CardIndex),
}

impl Stripe {
    /// `POST /v1/payment_intents`
    pub(super) fn create_intent(&mut self, call: &Call, params: Params<'_>) -> Outcome {
        params.check_known(CREATE_KNOWN, CREATE_UNMODELLED)?;
        let amount = params.positive("amount")?.ok_or_else(|| ApiError::missing_param("amount"))?;
        let currency = parse_currency(params.required_text("currency")?)?;
        currency.check_amount(amount).map_err(|fault| ApiError::amount(fault, currency, "amount"))?;
        let expand = params.expand(false, Expand::below_intent)?;
        let confirm = params.boolean("confirm")?.unwrap_or(false);
        let presence = parse_presence(params)?;
        if !confirm {
            check_only_with_confirm(params)?;
        }
        let capture_method = parse_capture_method(params)?.unwrap_or(if call.captures_async {
            CaptureMethod::AutomaticAsync
        } else {
            CaptureMethod::Automatic
        });
        let automatic_methods = parse_automatic_methods(params)?.unwrap_or(!params.has("payment_method_types"));
        let confirmed_manually = params.one_of("confirmation_method", &["automatic", "manual"])? == Some("manual");
        let mut texts = parse_texts(params)?;
        texts.metadata = Metadata::default().merged(&texts.metadata);
        let named = self.method_named(call.account, params)?;
        if confirm && named.is_none() {
            return Err(missing_method());
        }
        self.check_method_fits(named, &texts, automatic_methods)?;
        let method = named.map(|named| self.method(call.account, named));
        let row = self.intents.push(Intent {
            account: call.account,
            amount,
            received: 0,
            currency,
            status: if method.is_some() { IntentStatus::RequiresConfirmation } else { IntentStatus::RequiresPaymentMethod },
            capture_method,
            confirmed_manually,
            automatic_methods,
            authenticated: false,
            created_ms: self.now_ms,
            method,
            charge: None,
            failure: None,
            canceled: None,
            texts: Arc::new(texts),
        });
        self.search.add(row, self.intents.at(row));
        match method.filter(|_| confirm) {
            Some(method) => {
                let attempt = self.attempt(row, method, presence);
                Ok(self.attempted(row, attempt, expand))
            }
            None => Ok(Answer::Intent(Box::new(self.view_intent(row, expand)))),
        }
    }

    fn attempted(&self, row: Row<Intent>, attempt: Attempt, expand: Expand) -> Answer {
        let view = Box::new(self.view_intent(row, expand));
        match attempt {
            Attempt::Done => Answer::Intent(view),
            Attempt::Declined => Answer::Decline(view),
        }
    }

    /// `POST /v1/payment_intents/{id}/confirm`
    pub(super) fn confirm_intent(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_intent(account, id)?;
        params.check_known(CONFIRM_KNOWN, CONFIRM_UNMODELLED)?;
        let expand = params.expand(false, Expand::below_intent)?;
        let presence = parse_presence(params)?;
        let capture_method = parse_capture_method(params)?;
        let texts = parse_texts(params)?;
        let named = self.method_named(account, params)?;
        self.check_confirmable(row)?;
        let intent = self.intents.at(row);
        self.check_method_fits(named, &intent.texts, intent.automatic_methods)?;
        if named.is_none() && self.intents.at(row).method.is_none() {
            let mut error = missing_method();
            error.intent = Some(row);
            return Err(error.after_start());
        }
        if let Some(named) = named {
            let method = self.method(account, named);
            let intent = self.intents.at_mut(row);
            if intent.method != Some(method) {
                intent.authenticated = false;
            }
            intent.method = Some(method);
        }
        let intent = self.intents.at_mut(row);
        intent.capture_method = capture_method.unwrap_or(intent.capture_method);
        if texts != Texts::default() {
            intent.texts = Arc::new(overlaid(&intent.texts, texts));
        }
        let method = intent.method.expect("either was given or was there, checked above");
        let attempt = self.attempt(row, method, presence);
        Ok(self.attempted(row, attempt, expand))
    }

    fn check_confirmable(&self, row: Row<Intent>) -> Result<(), ApiError> {
        let message = match self.intents.at(row).status {
            IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation | IntentStatus::RequiresAction => return Ok(()),
            IntentStatus::Succeeded => {
                "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.".to_owned()
            }
            status @ (IntentStatus::Processing | IntentStatus::RequiresCapture | IntentStatus::Canceled) => format!(
                "You cannot confirm this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of the following statuses may be confirmed: requires_confirmation, requires_action.",
                status.name()
            ),
        };
        Err(ApiError::unexpected_state(message, row))
    }

    /// `POST /v1/payment_intents/{id}/capture`: the first capture is final, the rest of the authorisation lapses.
    pub(super) fn capture_intent(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_intent(account, id)?;
        params.check_known(CAPTURE_KNOWN, CAPTURE_UNMODELLED)?;
        let expand = params.expand(false, Expand::below_intent)?;
        let amount = params.positive("amount_to_capture")?;
        if params.boolean("final_capture")? == Some(false) {
            return Err(ApiError::invalid("This payment does not support multicapture.").with_param("final_capture"));
        }
        let texts = parse_texts(params)?;
        let intent = self.intents.at(row);
        let charge = intent.charge.filter(|charge| self.charges.at(*charge).status == ChargeStatus::Authorized);
        let (IntentStatus::RequiresCapture, Some(charge)) = (intent.status, charge) else {
            let message = format!(
                "This PaymentIntent could not be captured because it has a status of {}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
                intent.status.name()
            );
            return Err(ApiError::unexpected_state(message, row));
        };
        let amount = amount.unwrap_or(intent.amount);
        if amount > intent.amount {
            let message = format!(
                "The amount_to_capture must be less than or equal to the amount capturable ({}).",
                intent.currency.display(intent.amount)
            );
            let error = ApiError::invalid(message).with_code("amount_too_large").with_param("amount_to_capture");
            return Err(error.after_start());
        }
        intent.currency.check_divisible(amount).map_err(|fault| ApiError::amount(fault, intent.currency, "amount_to_capture"))?;
        if texts != Texts::default() {
            let intent = self.intents.at_mut(row);
            intent.texts = Arc::new(overlaid(&intent.texts, texts));
            self.search.add(row, self.intents.at(row));
        }
        self.take(charge, amount);
        Ok(Answer::Intent(Box::new(self.view_intent(row, expand))))
    }

    /// `POST /v1/payment_intents/{id}/cancel`
    pub(super) fn cancel_intent(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_intent(account, id)?;
        params.check_known(CANCEL_KNOWN, &[])?;
        let expand = params.expand(false, Expand::below_intent)?;
        let reason = params.one_of("cancellation_reason", CANCELLATION_REASONS)?;
        let status = self.intents.at(row).status;
        match status {
            IntentStatus::Succeeded | IntentStatus::Canceled | IntentStatus::Processing => {
                let message = format!(
                    "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of the following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action.",
                    status.name()
                );
                return Err(ApiError::unexpected_state(message, row));
            }
            IntentStatus::RequiresPaymentMethod
            | IntentStatus::RequiresConfirmation
            | IntentStatus::RequiresAction
            | IntentStatus::RequiresCapture => {}
        }
        let now_ms = self.now_ms;
        let intent = self.intents.at_mut(row);
        intent.status = IntentStatus::Canceled;
        intent.canceled = Some((now_ms, reason));
        if let Some(charge) = intent.charge {
            let charge = self.charges.at_mut(charge);
            if charge.status == ChargeStatus::Authorized {
                charge.status = ChargeStatus::Released;
            }
        }
        Ok(Answer::Intent(Box::new(self.view_intent(row, expand))))
    }

    /// The intent of an id, if it belongs to the account.
    pub(super) fn own_intent(&self, account: Account, id: &str) -> Result<Row<Intent>, ApiError> {
        self.intents
            .find(id)
            .filter(|row| self.intents.at(*row).account == account)
            .ok_or_else(|| ApiError::missing("payment_intent", &shortened(id), "intent", true))
    }

    fn method_named(&self, account: Account, params: Params<'_>) -> Result<Option<MethodNamed>, ApiError> {
        if let Some(name) = params.text("payment_method")? {
            if let Some(card) = CardIndex::by_payment_method(name) {
                return Ok(Some(MethodNamed::Test(card)));
            }
            let own = self.methods.find(name).filter(|row| self.methods.at(*row).account == account);
            return match own {
                Some(row) => Ok(Some(MethodNamed::Existing(row))),
                None => Err(ApiError::missing("PaymentMethod", &shortened(name), "payment_method", false)),
            };
        }
        let form = params.form();
        let text = |path: &[&str]| form.at(path).and_then(|node| node.text());
        if !params.has("payment_method_data") {
            return Ok(None);
        }
        let card = match text(&["payment_method_data", "type"]) {
            None => return Err(ApiError::missing_param("payment_method_data[type]")),
            Some("card") => match text(&["payment_method_data", "card", "token"]) {
                Some(token) => CardIndex::by_token(token)
                    .ok_or_else(|| ApiError::missing("token", &shortened(token), "payment_method_data[card][token]", false))?,
                None => text(&["payment_method_data", "card", "number"])
                    .and_then(CardIndex::by_number)
                    .ok_or_else(|| ApiError::missing_param("payment_method_data[card][number]"))?,
            },
            Some("us_bank_account") => text(&["payment_method_data", "us_bank_account", "account_number"])
                .and_then(CardIndex::by_bank_account)
                .ok_or_else(|| {
                    ApiError::invalid("You must use a test bank account number.")
                        .with_param("payment_method_data[us_bank_account][account_number]")
                })?,
            Some(_) => return Err(ApiError::not_one_of("payment_method_data[type]", &["card", "us_bank_account"])),
        };
        Ok(Some(MethodNamed::Test(card)))
    }

    fn method(&mut self, account: Account, named: MethodNamed) -> Row<PaymentMethod> {
        match named {
            MethodNamed::Existing(row) => row,
            MethodNamed::Test(card) => self.methods.push(PaymentMethod { account, card, created_ms: self.now_ms }),
        }
    }

    /// Whether the method's type is among those that the intent allows: the listed ones, all with automatic methods, else
    /// cards.
    fn check_method_fits(&self, named: Option<MethodNamed>, texts: &Texts, automatic_methods: bool) -> Result<(), ApiError> {
        let listed = texts.rare.as_ref().and_then(|rare| rare.payment_method_types.as_ref());
        let types = match listed {
            Some(types) => types.iter().map(String::as_str).collect(),
            None if automatic_methods => return Ok(()),
            None => vec!["card"],
        };
        let card = match named {
            None => return Ok(()),
            Some(MethodNamed::Test(card)) => card,
            Some(MethodNamed::Existing(row)) => self.methods.at(row).card,
        };
        let kind = if card.card().is_bank_account() { "us_bank_account" } else { "card" };
        if types.contains(&kind) {
            return Ok(());
        }
        let message = format!(
            "The PaymentMethod provided ({kind}) is not allowed for this PaymentIntent. Please attach a PaymentMethod of one of the following types: {}.",
            types.join(", ")
        );
        Err(ApiError::invalid(message).with_code("payment_intent_incompatible_payment_method").with_param("payment_method"))
    }
}

/// An id as it may stand in a message.
pub(super) fn shortened(id: &str) -> String {
    id.chars().take(100).collect()
}

fn missing_method() -> ApiError {
    ApiError::invalid(
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.",
    )
    .with_code("payment_intent_unexpected_state")
}

pub(super) fn parse_currency(code: &str) -> Result<Currency, ApiError> {
    Currency::parse(code).ok_or_else(|| {
        let shown: String = code.chars().take(20).collect();
        let message = format!("Invalid currency: {shown}. Stripe currently supports these currencies: {}", Currency::list());
        ApiError::invalid(message).with_param("currency")
    })
}

fn parse_capture_method(params: Params<'_>) -> Result<Option<CaptureMethod>, ApiError> {
    let name = params.one_of("capture_method", &["automatic", "automatic_async", "manual"])?;
    Ok(name.map(|name| match name {
        "manual" => CaptureMethod::Manual,
        "automatic_async" => CaptureMethod::AutomaticAsync,
        _ => CaptureMethod::Automatic,
    }))
}

fn parse_automatic_methods(params: Params<'_>) -> Result<Option<bool>, ApiError> {
    let Some(node) = params.form().member("automatic_payment_methods") else { return Ok(None) };
    if params.has("payment_method_types") {
        let message = "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.";
        return Err(ApiError::invalid(message).with_code("parameters_exclusive"));
    }
    match node.member("enabled").and_then(|node| node.text()) {
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        _ => Err(ApiError::missing_param("automatic_payment_methods[enabled]")),
    }
}

/// `off_session` is `true`, `false`, `one_off` or `recurring`.
fn parse_presence(params: Params<'_>) -> Result<Presence, ApiError> {
    let off_session = params.one_of("off_session", &["true", "false", "one_off", "recurring"])?;
    Ok(Presence {
        off_session: off_session.is_some_and(|value| value != "false"),
        refuses_action: params.boolean("error_on_requires_action")?.unwrap_or(false),
    })
}

fn check_only_with_confirm(params: Params<'_>) -> Result<(), ApiError> {
    for name in ["off_session", "error_on_requires_action", "return_url"] {
        if params.text(name)?.is_some_and(|value| value != "false") {
            let message = format!("You cannot set `{name}` without also setting `confirm` to true.");
            return Err(ApiError::invalid(message).with_param(name));
        }
    }
    Ok(())
}

fn parse_texts(params: Params<'_>) -> Result<Texts, ApiError> {
    let metadata = params.metadata()?.unwrap_or_default();
    let shipping = params.form().member("shipping");
    if shipping.is_some_and(|node| node.members().is_none()) {
        return Err(ApiError::invalid("Invalid object").with_param("shipping"));
    }
    let types = params.list("payment_method_types", 20)?;
    let types = types.filter(|types| types.as_slice() != ["card"]);
    if let Some(unknown) = types.iter().flatten().find(|kind| **kind != "card" && **kind != "us_bank_account") {
        let shown: String = unknown.chars().take(100).collect();
        let message = format!("The payment method type \"{shown}\" is invalid. The simulator knows: card, us_bank_account.");
        return Err(ApiError::invalid(message).with_param("payment_method_types"));
    }
    let rare = RareTexts {
        description: params.owned("description")?,
        receipt_email: params.owned("receipt_email")?,
        statement_descriptor: params.owned("statement_descriptor")?,
        statement_descriptor_suffix: params.owned("statement_descriptor_suffix")?,
        customer: params.owned("customer")?,
        transfer_group: params.owned("transfer_group")?,
        setup_future_usage: params.one_of("setup_future_usage", &["off_session", "on_session"])?,
        return_url: params.owned("return_url")?,
        shipping: shipping.cloned(),
        payment_method_types: types.map(|types| types.into_iter().map(str::to_owned).collect()),
    };
    let rare = (rare != RareTexts::default()).then(|| Box::new(rare));
    Ok(Texts { metadata, rare })
}

/// Texts with later ones laid over them.
fn overlaid(old: &Texts, new: Texts) -> Texts {
    let metadata = if new.metadata == Metadata::default() { old.metadata.clone() } else { old.metadata.merged(&new.metadata) };
    let Some(new) = new.rare else { return Texts { metadata, rare: old.rare.clone() } };
    let old = old.rare.as_deref().cloned().unwrap_or_default();
    let rare = RareTexts {
        description: new.description.or(old.description),
        receipt_email: new.receipt_email.or(old.receipt_email),
        statement_descriptor: new.statement_descriptor.or(old.statement_descriptor),
        statement_descriptor_suffix: new.statement_descriptor_suffix.or(old.statement_descriptor_suffix),
        customer: new.customer.or(old.customer),
        transfer_group: new.transfer_group.or(old.transfer_group),
        setup_future_usage: new.setup_future_usage.or(old.setup_future_usage),
        return_url: new.return_url.or(old.return_url),
        shipping: new.shipping.or(old.shipping),
        payment_method_types: new.payment_method_types.or(old.payment_method_types),
    };
    Texts { metadata, rare: Some(Box::new(rare)) }
}
