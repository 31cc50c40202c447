//! The calls that change payment intents: create, update, confirm, capture, cancel, raising an authorisation. What an
//! attempt to charge does is in `charges`.
//!
//! Source: docs.stripe.com/api/payment_intents, docs.stripe.com/payments/paymentintents/lifecycle.

use super::answers::{Answer, Outcome, Shown};
use super::charges::{Attempt, Presence};
use super::contacts::Shipping;
use super::currency::Currency;
use super::errors::ApiError;
use super::expand::{Expand, Place, Shape};
use super::objects::{
    Account, AutomaticMethods, CaptureMethod, CardOptions, ChallengeWish, Charge, ChargeStatus, IncrementWish, Intent, IntentOrigin,
    IntentStatus, RareTexts, Row, Texts,
};
use super::params::Params;
use super::payment_methods::{MethodNamed, TYPES};
use super::queries::own;
use super::records::{Customer, PaymentMethod};
use super::{Call, Stripe};
use std::sync::Arc;

/// Most increments of one authorisation (docs.stripe.com/api/payment_intents/increment_authorization).
const INCREMENTS_MAX: u32 = 10;
/// Most entries of `payment_method_types`.
const METHOD_TYPES_MAX: usize = 20;

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
const UPDATE_KNOWN: &[&str] = &[
    "amount",
    "capture_method",
    "currency",
    "customer",
    "description",
    "metadata",
    "payment_details",
    "payment_method",
    "payment_method_data",
    "payment_method_options",
    "payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
];
/// Parameters that can be changed whatever became of the intent.
const UPDATE_ALWAYS: &[&str] = &["description", "expand", "metadata", "payment_details", "receipt_email", "shipping", "transfer_group"];
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
const CONFIRM_UNMODELLED: &[&str] = &[
    "allowed_payment_method_types",
    "amount_details",
    "amount_to_confirm",
    "confirmation_token",
    "excluded_payment_method_types",
    "hooks",
    "mandate",
    "payment_details",
];
const CAPTURE_KNOWN: &[&str] = &["amount_to_capture", "final_capture", "metadata", "statement_descriptor", "statement_descriptor_suffix"];
const CAPTURE_UNMODELLED: &[&str] = &["amount_details", "application_fee_amount", "hooks", "payment_details", "transfer_data"];
const CANCEL_KNOWN: &[&str] = &["cancellation_reason"];
const CANCELLATION_REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
const INCREMENT_KNOWN: &[&str] = &["amount", "description", "metadata", "statement_descriptor"];
const INCREMENT_UNMODELLED: &[&str] = &["amount_details", "application_fee_amount", "hooks", "payment_details", "transfer_data"];

impl Stripe {
    /// `POST /v1/payment_intents`
    pub(super) fn create_intent(&mut self, call: &Call, params: Params<'_>) -> Outcome {
        params.check_known(CREATE_KNOWN, CREATE_UNMODELLED)?;
        let amount = params.positive("amount")?.ok_or_else(|| ApiError::missing_param("amount"))?;
        let currency = parse_currency(params.required_text("currency")?)?;
        currency.check_amount(amount).map_err(|fault| ApiError::amount(fault, currency, "amount"))?;
        let expand = Expand::parse(params, Shape::Intent, Place::Object)?;
        let confirm = params.boolean("confirm")?.unwrap_or(false);
        let presence = parse_presence(params)?;
        if !confirm {
            check_only_with_confirm(params)?;
        }
        let standard = if call.captures_async { CaptureMethod::AutomaticAsync } else { CaptureMethod::Automatic };
        let capture_method = parse_capture_method(params)?.unwrap_or(standard);
        let automatic_methods = parse_automatic_methods(params, call.chooses_methods)?;
        let confirmed_manually = params.one_of("confirmation_method", &["automatic", "manual"])? == Some("manual");
        let mut texts = Texts::default();
        change_texts(params, &mut texts)?;
        let options = parse_card_options(params, CardOptions::PLAIN)?;
        let customer = self.customer_named(call.account, params)?;
        let named = self.method_named(call.account, params)?;
        match &named {
            Some(named) => self.check_method(named, customer, &texts, automatic_methods)?,
            None if confirm => return Err(missing_method()),
            None => {}
        }
        if confirm {
            check_returns(automatic_methods, &texts)?;
        }
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
            origin: IntentOrigin::Own,
            authenticated: false,
            created_ms: self.now_ms,
            customer,
            options,
            increment_count: 0,
            method,
            charge: None,
            failure: None,
            canceled: None,
            texts: Arc::new(texts),
        });
        self.search.add(row, self.intents.at(row));
        self.emit_intent(row, "payment_intent.created");
        match method.filter(|_| confirm) {
            Some(method) => {
                let attempt = self.attempt(row, method, presence);
                Ok(attempted(row, attempt, expand))
            }
            None => Ok(Answer::new(Shown::Intent(row), expand)),
        }
    }

    /// Whether the intent can use a named method, and keep it if it is to be used again.
    fn check_method(
        &self,
        named: &MethodNamed,
        customer: Option<Row<Customer>>,
        texts: &Texts,
        automatic_methods: AutomaticMethods,
    ) -> Result<(), ApiError> {
        let rare = texts.rare.as_deref();
        let listed = rare.and_then(|rare| rare.payment_method_types.as_deref());
        self.check_method_fits(named, listed, automatic_methods, "PaymentIntent")?;
        self.check_method_usable(named, customer, "PaymentIntent")
    }

    /// `POST /v1/payment_intents/{id}`
    pub(super) fn update_intent(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_intent(account, id)?;
        params.check_known(UPDATE_KNOWN, CREATE_UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Intent, Place::Object)?;
        let old = self.intents.at(row);
        let currency = params.text("currency")?.map(parse_currency).transpose()?.unwrap_or(old.currency);
        let amount = params.positive("amount")?.unwrap_or(old.amount);
        currency.check_amount(amount).map_err(|fault| ApiError::amount(fault, currency, "amount"))?;
        let capture_method = parse_capture_method(params)?.unwrap_or(old.capture_method);
        let options = parse_card_options(params, old.options)?;
        let mut texts = (*old.texts).clone();
        change_texts(params, &mut texts)?;
        let customer = self.customer_named(account, params)?;
        if old.customer.is_some() && customer.is_some() && old.customer != customer {
            let message = "You cannot modify `customer` on a PaymentIntent once it already has been set. To fulfill a payment with a different Customer, cancel this PaymentIntent and create a new one.";
            return Err(ApiError::invalid(message).with_param("customer").after_start());
        }
        let customer = customer.or(old.customer);
        let named = self.method_named(account, params)?;
        self.check_updatable(row, params)?;
        let old = self.intents.at(row);
        if let Some(named) = &named {
            self.check_method(named, customer, &texts, old.automatic_methods)?;
        }
        let unset = params.form().member("payment_method").and_then(|node| node.text()) == Some("");
        let method = named.map(|named| self.method(account, named));
        let intent = self.intents.at_mut(row);
        (intent.amount, intent.currency, intent.capture_method) = (amount, currency, capture_method);
        (intent.customer, intent.options, intent.texts) = (customer, options, Arc::new(texts));
        if method.is_some() || unset {
            intent.method = method;
            intent.authenticated = false;
            intent.status = if unset { IntentStatus::RequiresPaymentMethod } else { IntentStatus::RequiresConfirmation };
        }
        self.search.add(row, self.intents.at(row));
        Ok(Answer::new(Shown::Intent(row), expand))
    }

    /// Whether the intent's status allows the parameters to be changed.
    fn check_updatable(&self, row: Row<Intent>, params: Params<'_>) -> Result<(), ApiError> {
        let status = self.intents.at(row).status;
        match status {
            IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresConfirmation | IntentStatus::RequiresAction => return Ok(()),
            IntentStatus::Processing | IntentStatus::RequiresCapture | IntentStatus::Canceled | IntentStatus::Succeeded => {}
        }
        let refused = params.form().members().iter().find(|(name, _)| !UPDATE_ALWAYS.contains(&name.as_str()));
        let Some((name, _)) = refused else { return Ok(()) };
        let message = format!(
            "This PaymentIntent's {name} could not be updated because it has a status of {}. You may only update the {name} of a PaymentIntent with one of the following statuses: requires_payment_method, requires_confirmation, requires_action.",
            status.name()
        );
        Err(ApiError::unexpected_state(message, row))
    }

    /// `POST /v1/payment_intents/{id}/confirm`
    pub(super) fn confirm_intent(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_intent(account, id)?;
        params.check_known(CONFIRM_KNOWN, CONFIRM_UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Intent, Place::Object)?;
        let presence = parse_presence(params)?;
        let capture_method = parse_capture_method(params)?;
        let old = self.intents.at(row);
        let options = parse_card_options(params, old.options)?;
        let mut texts = Draft::new(&old.texts);
        texts.change(params)?;
        let named = self.method_named(account, params)?;
        self.check_confirmable(row)?;
        let intent = self.intents.at(row);
        match &named {
            Some(named) => self.check_method(named, intent.customer, &texts.texts, intent.automatic_methods)?,
            None if intent.method.is_none() => {
                let mut error = missing_method();
                error.intent = Some(row);
                return Err(error.after_start());
            }
            None => {}
        }
        check_returns(intent.automatic_methods, &texts.texts)?;
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
        intent.options = options;
        intent.texts = texts.texts;
        let method = intent.method.expect("either was given or was there, checked above");
        let attempt = self.attempt(row, method, presence);
        Ok(attempted(row, attempt, expand))
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
        let expand = Expand::parse(params, Shape::Intent, Place::Object)?;
        let amount = params.positive("amount_to_capture")?;
        if params.boolean("final_capture")? == Some(false) {
            return Err(ApiError::invalid("This payment does not support multicapture.").with_param("final_capture"));
        }
        let mut texts = Draft::new(&self.intents.at(row).texts);
        texts.change(params)?;
        let Some(charge) = self.capturable(row) else {
            let message = format!(
                "This PaymentIntent could not be captured because it has a status of {}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
                self.intents.at(row).status.name()
            );
            return Err(ApiError::unexpected_state(message, row));
        };
        let amount = self.check_capture(row, amount, "amount_to_capture")?;
        if texts.changed {
            self.intents.at_mut(row).texts = texts.texts;
            self.search.add(row, self.intents.at(row));
        }
        self.take(charge, amount);
        Ok(Answer::new(Shown::Intent(row), expand))
    }

    /// The authorised charge of an intent that can be captured.
    pub(super) fn capturable(&self, row: Row<Intent>) -> Option<Row<Charge>> {
        let intent = self.intents.at(row);
        let charge = intent.charge.filter(|charge| self.charges.at(*charge).status == ChargeStatus::Authorized);
        charge.filter(|_| intent.status == IntentStatus::RequiresCapture)
    }

    /// The amount that a capture takes.
    pub(super) fn check_capture(&self, row: Row<Intent>, amount: Option<u64>, param: &'static str) -> Result<u64, ApiError> {
        let intent = self.intents.at(row);
        let amount = amount.unwrap_or(intent.amount);
        if amount > intent.amount {
            let message =
                format!("The {param} must be less than or equal to the amount capturable ({}).", intent.currency.display(intent.amount));
            return Err(ApiError::invalid(message).with_code("amount_too_large").with_param(param).after_start());
        }
        intent.currency.check_divisible(amount).map_err(|fault| ApiError::amount(fault, intent.currency, param))?;
        Ok(amount)
    }

    /// `POST /v1/payment_intents/{id}/increment_authorization`
    pub(super) fn increment_intent(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_intent(account, id)?;
        params.check_known(INCREMENT_KNOWN, INCREMENT_UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Intent, Place::Object)?;
        let amount = params.positive("amount")?.ok_or_else(|| ApiError::missing_param("amount"))?;
        let intent = self.intents.at(row);
        intent.currency.check_amount(amount).map_err(|fault| ApiError::amount(fault, intent.currency, "amount"))?;
        let mut texts = Draft::new(&intent.texts);
        texts.change(params)?;
        let Some(charge_row) = self.capturable(row) else {
            let message = format!(
                "This PaymentIntent's authorization could not be incremented because it has a status of {}. Only a PaymentIntent with one of the following statuses may be incremented: requires_capture.",
                intent.status.name()
            );
            return Err(ApiError::unexpected_state(message, row));
        };
        if !self.charges.at(charge_row).incremental {
            let message =
                "This PaymentIntent is not eligible for incremental authorizations: the card or the payment does not support them.";
            return Err(ApiError::unexpected_state(message, row));
        }
        if intent.increment_count >= INCREMENTS_MAX {
            let message = format!("A PaymentIntent can have at most {INCREMENTS_MAX} incremental authorization attempts.");
            return Err(ApiError::unexpected_state(message, row));
        }
        if amount <= intent.amount {
            let message = "The amount must be greater than the currently authorized amount.";
            return Err(ApiError::invalid(message).with_code("payment_intent_invalid_parameter").with_param("amount").after_start());
        }
        let before = self.charges.at(charge_row).clone();
        self.charges.at_mut(charge_row).amount = amount;
        let intent = self.intents.at_mut(row);
        intent.amount = amount;
        intent.increment_count += 1;
        intent.texts = texts.texts;
        self.emit_charge(charge_row, "charge.updated", Some(before));
        self.emit_intent(row, "payment_intent.amount_capturable_updated");
        Ok(Answer::new(Shown::Intent(row), expand))
    }

    /// `POST /v1/payment_intents/{id}/cancel`
    pub(super) fn cancel_intent(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_intent(account, id)?;
        params.check_known(CANCEL_KNOWN, &[])?;
        let expand = Expand::parse(params, Shape::Intent, Place::Object)?;
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
        if let Some(charge_row) = intent.charge
            && self.charges.at(charge_row).status == ChargeStatus::Authorized
        {
            let before = self.charges.at(charge_row).clone();
            self.charges.at_mut(charge_row).status = ChargeStatus::Released;
            self.emit_charge(charge_row, "charge.refunded", Some(before));
        }
        self.emit_intent(row, "payment_intent.canceled");
        Ok(Answer::new(Shown::Intent(row), expand))
    }

    /// The intent of an id, if it belongs to the account.
    pub(super) fn own_intent(&self, account: Account, id: &str) -> Result<Row<Intent>, ApiError> {
        own(&self.intents, account, id, "intent", true)
    }

    /// What becomes of a payment method that was charged: saved for its customer if that was asked for, spent if nobody
    /// owns it.
    pub(super) fn settle_method(&mut self, row: Row<Intent>, method: Row<PaymentMethod>) {
        let intent = self.intents.at(row);
        let usage = intent.texts.rare.as_ref().and_then(|rare| rare.setup_future_usage);
        let customer = intent.customer.filter(|_| usage.is_some());
        if usage == Some("off_session") {
            self.methods.at_mut(method).set_up = true;
        }
        if let Some(customer) = customer
            && self.check_attachable_if_new(&MethodNamed::Existing(method), customer).is_ok()
        {
            self.attach(method, customer);
        }
        let method = self.methods.at_mut(method);
        if method.customer.is_none() {
            method.used = super::records::MethodUse::Spent;
        }
    }
}

fn attempted(row: Row<Intent>, attempt: Attempt, expand: Expand) -> Answer {
    let shown = match attempt {
        Attempt::Done => Shown::Intent(row),
        Attempt::Declined => Shown::Decline(row),
    };
    Answer::new(shown, expand)
}

/// Texts that are copied only when a request changes them.
struct Draft {
    texts: Arc<Texts>,
    changed: bool,
}

impl Draft {
    fn new(texts: &Arc<Texts>) -> Self {
        Self { texts: Arc::clone(texts), changed: false }
    }

    fn change(&mut self, params: Params<'_>) -> Result<(), ApiError> {
        let touched = TEXT_PARAMS.iter().any(|name| params.has(name));
        if touched {
            change_texts(params, Arc::make_mut(&mut self.texts))?;
            self.changed = true;
        }
        Ok(())
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

/// `automatic_payment_methods`, on unless the request lists the types.
pub(super) fn parse_automatic_methods(params: Params<'_>, standard: bool) -> Result<AutomaticMethods, ApiError> {
    let Some(node) = params.form().member("automatic_payment_methods") else {
        let off = params.has("payment_method_types") || !standard;
        return Ok(if off { AutomaticMethods::Off } else { AutomaticMethods::On });
    };
    if params.has("payment_method_types") {
        return Err(ApiError::exclusive("automatic_payment_methods, payment_method_types"));
    }
    let text = |name: &str| node.member(name).and_then(|node| node.text());
    match (text("enabled"), text("allow_redirects")) {
        (_, Some(other)) if !["always", "never"].contains(&other) => {
            Err(ApiError::not_one_of("automatic_payment_methods[allow_redirects]", &["always", "never"]))
        }
        (Some("true"), Some("never")) => Ok(AutomaticMethods::WithoutRedirects),
        (Some("true"), _) => Ok(AutomaticMethods::On),
        (Some("false"), _) => Ok(AutomaticMethods::Off),
        _ => Err(ApiError::missing_param("automatic_payment_methods[enabled]")),
    }
}

/// Among methods that the provider chooses some send the customer elsewhere, who must be able to come back
/// (docs.stripe.com/payments/payment-intents/upgrade-to-automatic-payment-methods).
fn check_returns(automatic_methods: AutomaticMethods, texts: &Texts) -> Result<(), ApiError> {
    let returns = texts.rare.as_ref().is_some_and(|rare| rare.return_url.is_some());
    if returns || automatic_methods != AutomaticMethods::On {
        return Ok(());
    }
    Err(ApiError::invalid(
        "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.",
    ))
}

/// `off_session` is `true`, `false`, `one_off` or `recurring`.
fn parse_presence(params: Params<'_>) -> Result<Presence, ApiError> {
    let off_session = params.one_of("off_session", &["true", "false", "one_off", "recurring"])?;
    Ok(Presence {
        off_session: off_session.is_some_and(|value| value != "false"),
        refuses_action: params.boolean("error_on_requires_action")?.unwrap_or(false),
    })
}

fn parse_card_options(params: Params<'_>, old: CardOptions) -> Result<CardOptions, ApiError> {
    let mut options = old;
    let Some(card) = params.form().at(&["payment_method_options", "card"]) else { return Ok(options) };
    let one_of = |name: &str, allowed: &[&'static str]| match card.member(name).and_then(|node| node.text()) {
        None | Some("") => Ok(None),
        Some(text) => match allowed.iter().find(|known| **known == text) {
            Some(known) => Ok(Some(*known)),
            None => Err(ApiError::not_one_of(&format!("payment_method_options[card][{name}]"), allowed)),
        },
    };
    match one_of("request_three_d_secure", &["any", "automatic", "challenge"])? {
        Some("automatic") => options.challenge = ChallengeWish::Automatic,
        Some(_) => options.challenge = ChallengeWish::Whenever,
        None => {}
    }
    match one_of("request_incremental_authorization", &["if_available", "never"])? {
        Some("if_available") => options.increment = IncrementWish::IfAvailable,
        Some(_) => options.increment = IncrementWish::Never,
        None => {}
    }
    Ok(options)
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

/// `payment_method_types`, unless it is just `card`.
pub(super) fn parse_method_types(params: Params<'_>) -> Result<Option<Vec<String>>, ApiError> {
    let types = params.list("payment_method_types", METHOD_TYPES_MAX)?;
    let types = types.filter(|types| types.as_slice() != ["card"]);
    if let Some(unknown) = types.iter().flatten().find(|kind| !TYPES.contains(kind)) {
        let shown: String = unknown.chars().take(100).collect();
        let message = format!("The payment method type \"{shown}\" is invalid. The simulator knows: {}.", TYPES.join(", "));
        return Err(ApiError::invalid(message).with_param("payment_method_types"));
    }
    Ok(types.map(|types| types.into_iter().map(str::to_owned).collect()))
}

/// The parameters that [`change_texts`] reads.
const TEXT_PARAMS: &[&str] = &[
    "description",
    "metadata",
    "payment_method_types",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
];

/// Lays the request's texts over older ones; an empty text unsets.
fn change_texts(params: Params<'_>, texts: &mut Texts) -> Result<(), ApiError> {
    params.change_metadata(&mut texts.metadata)?;
    let mut rare = texts.rare.take().map_or_else(RareTexts::default, |rare| *rare);
    params.change("description", &mut rare.description)?;
    params.change("receipt_email", &mut rare.receipt_email)?;
    params.change("statement_descriptor", &mut rare.statement_descriptor)?;
    params.change("statement_descriptor_suffix", &mut rare.statement_descriptor_suffix)?;
    params.change("transfer_group", &mut rare.transfer_group)?;
    params.change("return_url", &mut rare.return_url)?;
    if params.has("setup_future_usage") {
        rare.setup_future_usage = params.one_of("setup_future_usage", &["off_session", "on_session"])?;
    }
    if let Some(shipping) = Shipping::parse(params.form(), rare.shipping.as_ref())? {
        rare.shipping = shipping;
    }
    if params.has("payment_method_types") {
        rare.payment_method_types = parse_method_types(params)?;
    }
    texts.rare = (rare != RareTexts::default()).then(|| Box::new(rare));
    Ok(())
}
