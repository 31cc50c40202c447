//! Payment methods: made from test cards, tokens and bank accounts, attached to customers and taken off them; and how
//! other requests name one.
//!
//! Source: docs.stripe.com/api/payment_methods, docs.stripe.com/payments/payment-methods.

use super::Stripe;
use super::answers::{Answer, Outcome, Shown};
use super::cards::{Behavior, CardIndex};
use super::contacts::Billing;
use super::customers::METHODS_MAX;
use super::errors::ApiError;
use super::expand::{Expand, Place, Shape};
use super::intents::shortened;
use super::objects::{Account, AutomaticMethods, Metadata, Row};
use super::params::Params;
use super::queries::{own, page};
use super::records::{CardOrigin, Customer, MethodTexts, MethodUse, PaymentMethod};
use crate::form::{Form, Node};
use std::sync::Arc;

const CREATE_KNOWN: &[&str] =
    &["allow_redisplay", "billing_details", "card", "customer", "metadata", "payment_method", "radar_options", "type", "us_bank_account"];
const UPDATE_KNOWN: &[&str] = &["allow_redisplay", "billing_details", "card", "metadata", "us_bank_account"];
const DATA_KNOWN: &[&str] = &["allow_redisplay", "billing_details", "card", "metadata", "radar_options", "type", "us_bank_account"];
const REDISPLAY: &[&str] = &["always", "limited", "unspecified"];
/// Types of payment methods that the simulator can make.
pub(super) const TYPES: &[&str] = &["card", "us_bank_account"];

/// How a payment method was named in a request.
#[derive(Debug, Clone)]
pub(super) enum MethodNamed {
    Existing(Row<PaymentMethod>),
    New(CardIndex, Option<Arc<MethodTexts>>),
}

/// The parts of a request that describe a new payment method: at its top level, or below `payment_method_data`.
#[derive(Clone, Copy)]
struct Data<'a> {
    form: &'a Form,
    below: &'static str,
}

impl<'a> Data<'a> {
    fn at(self, path: &[&str]) -> Option<&'a Node> {
        if self.below.is_empty() {
            return self.form.at(path);
        }
        let whole: Vec<&str> = std::iter::once(self.below).chain(path.iter().copied()).collect();
        self.form.at(&whole)
    }

    fn text(self, path: &[&str]) -> Option<&'a str> {
        self.at(path).and_then(Node::text).filter(|text| !text.is_empty())
    }

    fn param(self, path: &[&str]) -> String {
        let mut segments = std::iter::once(self.below).filter(|below| !below.is_empty()).chain(path.iter().copied());
        let mut param = segments.next().unwrap_or_default().to_owned();
        segments.for_each(|segment| {
            param.push('[');
            param.push_str(segment);
            param.push(']');
        });
        param
    }

    fn card(self) -> Result<CardIndex, ApiError> {
        let missing = |path: &[&str]| ApiError::missing_param(&self.param(path));
        match self.text(&["type"]) {
            None => Err(missing(&["type"])),
            Some("card") => match self.text(&["card", "token"]) {
                Some(token) => CardIndex::by_token(token).ok_or_else(|| {
                    let mut error = ApiError::missing("token", &shortened(token), "card", false);
                    error.param = Some(self.param(&["card", "token"]));
                    error
                }),
                None => self.text(&["card", "number"]).and_then(CardIndex::by_number).ok_or_else(|| missing(&["card", "number"])),
            },
            Some("us_bank_account") => {
                let number = self.text(&["us_bank_account", "account_number"]);
                number.and_then(CardIndex::by_bank_account).ok_or_else(|| {
                    ApiError::invalid("You must use a test bank account number.")
                        .with_param(self.param(&["us_bank_account", "account_number"]))
                })
            }
            Some(_) => Err(ApiError::not_one_of(&self.param(&["type"]), TYPES)),
        }
    }

    fn texts(self) -> Result<MethodTexts, ApiError> {
        let mut texts = MethodTexts::default();
        if let Some(node) = self.at(&["billing_details"]) {
            texts.billing.overlay(node, &self.param(&["billing_details"]))?;
        }
        if let Some(value) = self.text(&["allow_redisplay"]) {
            let known = REDISPLAY.iter().find(|known| **known == value);
            texts.allow_redisplay = Some(known.ok_or_else(|| ApiError::not_one_of(&self.param(&["allow_redisplay"]), REDISPLAY))?);
        }
        if self.text(&["card", "token"]).is_none() && self.text(&["card", "number"]).is_some() {
            let with_code = self.text(&["card", "cvc"]).is_some();
            texts.origin = if with_code { CardOrigin::NumberWithCode } else { CardOrigin::NumberWithoutCode };
            let number = |name: &'static str| {
                let text = self.text(&["card", name]).ok_or_else(|| ApiError::missing_param(&self.param(&["card", name])))?;
                text.parse::<u64>().map_err(|_| ApiError::not_integer(&self.param(&["card", name]), text))
            };
            texts.expiry = Some((number("exp_month")?, century(number("exp_year")?)));
        }
        Ok(texts)
    }

    fn named(self, metadata: Option<Metadata>) -> Result<MethodNamed, ApiError> {
        let card = self.card()?;
        let mut texts = self.texts()?;
        texts.metadata = metadata.unwrap_or_default();
        Ok(MethodNamed::New(card, (texts != MethodTexts::default()).then(|| Arc::new(texts))))
    }
}

/// A year of two digits is one of this century.
fn century(year: u64) -> u64 {
    if year < 100 { year + 2_000 } else { year }
}

impl Stripe {
    /// The payment method that a payment or setup intent's request names, if any.
    pub(super) fn method_named(&self, account: Account, params: Params<'_>) -> Result<Option<MethodNamed>, ApiError> {
        if let Some(name) = params.text("payment_method")? {
            return self.method_by_name(account, name).map(Some);
        }
        let members = params.members("payment_method_data")?;
        if let Some((name, _)) = members.iter().find(|(name, _)| !DATA_KNOWN.contains(&name.as_str())) {
            return Err(ApiError::unknown_param(&format!("payment_method_data[{name}]")));
        }
        if members.is_empty() {
            return Ok(None);
        }
        Data { form: params.form(), below: "payment_method_data" }.named(None).map(Some)
    }

    fn method_by_name(&self, account: Account, name: &str) -> Result<MethodNamed, ApiError> {
        match CardIndex::by_payment_method(name) {
            Some(card) => Ok(MethodNamed::New(card, None)),
            None => own(&self.methods, account, name, "payment_method", false).map(MethodNamed::Existing),
        }
    }

    /// The card or bank account behind a named method.
    pub(super) fn card_named(&self, named: &MethodNamed) -> CardIndex {
        match named {
            MethodNamed::Existing(row) => self.methods.at(*row).card,
            MethodNamed::New(card, _) => *card,
        }
    }

    /// The named method, made if it is new.
    pub(super) fn method(&mut self, account: Account, named: MethodNamed) -> Row<PaymentMethod> {
        match named {
            MethodNamed::Existing(row) => row,
            MethodNamed::New(card, texts) => {
                let (created_ms, customer, used) = (self.now_ms, None, MethodUse::Fresh);
                self.methods.push(PaymentMethod { account, card, created_ms, customer, used, set_up: false, texts })
            }
        }
    }

    /// Whether a named method can be charged or set up for this customer.
    pub(super) fn check_method_usable(&self, named: &MethodNamed, customer: Option<Row<Customer>>, what: &str) -> Result<(), ApiError> {
        let MethodNamed::Existing(row) = named else { return Ok(()) };
        let method = self.methods.at(*row);
        let refused = |message: String| Err(ApiError::invalid(message).with_param("payment_method"));
        match (method.customer, customer) {
            (Some(owner), Some(customer)) if owner == customer => Ok(()),
            (Some(_), Some(_)) => refused(format!(
                "The customer does not have a payment method with the ID {}. The payment method must be attached to the customer.",
                self.methods.id(*row)
            )),
            (Some(owner), None) => refused(format!(
                "The PaymentMethod {} belongs to the Customer {}. Please include the Customer in the `customer` parameter on the {what}.",
                self.methods.id(*row),
                self.customers.id(owner)
            )),
            (None, _) => self.check_fresh(*row),
        }
    }

    fn check_fresh(&self, row: Row<PaymentMethod>) -> Result<(), ApiError> {
        match self.methods.at(row).used {
            MethodUse::Fresh => Ok(()),
            MethodUse::Spent | MethodUse::Detached => Err(ApiError::invalid(
                "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
            )
            .with_param("payment_method")),
        }
    }

    /// Whether the method's type is among those that the intent allows: the listed ones, all with automatic methods, else
    /// cards.
    pub(super) fn check_method_fits(
        &self,
        named: &MethodNamed,
        listed: Option<&[String]>,
        automatic_methods: AutomaticMethods,
        what: &str,
    ) -> Result<(), ApiError> {
        let types = match listed {
            Some(types) => types.iter().map(String::as_str).collect(),
            None if automatic_methods.is_on() => return Ok(()),
            None => vec!["card"],
        };
        let kind = if self.card_named(named).card().is_bank_account() { "us_bank_account" } else { "card" };
        if types.contains(&kind) {
            return Ok(());
        }
        let message = format!(
            "The PaymentMethod provided ({kind}) is not allowed for this {what}. Please attach a PaymentMethod of one of the following types: {}.",
            types.join(", ")
        );
        Err(ApiError::invalid(message).with_code("payment_intent_incompatible_payment_method").with_param("payment_method"))
    }

    /// Whether the issuer and the customer's list let a method be attached.
    pub(super) fn check_attachable(&self, named: &MethodNamed, customer: Row<Customer>) -> Result<(), ApiError> {
        if let MethodNamed::Existing(row) = named {
            match self.methods.at(*row).customer {
                Some(owner) if owner == customer => return Ok(()),
                Some(_) => {
                    let message = "The payment method you provided has already been attached to a customer.";
                    return Err(ApiError::invalid(message).with_code("payment_method_unexpected_state").after_start());
                }
                None => self.check_fresh(*row).map_err(ApiError::after_start)?,
            }
        }
        if let Behavior::Declines(decline) = self.card_named(named).card().behavior {
            return Err(ApiError::declined(decline));
        }
        if self.customer_methods.get(&customer).is_some_and(|methods| methods.len() >= METHODS_MAX) {
            let message = "The maximum number of PaymentMethods for this Customer has been reached.";
            return Err(ApiError::invalid(message).with_code("customer_max_payment_methods").after_start());
        }
        Ok(())
    }

    /// Gives a method to a customer. The caller has checked that it can be.
    pub(super) fn attach(&mut self, row: Row<PaymentMethod>, customer: Row<Customer>) {
        let method = self.methods.at_mut(row);
        if method.customer == Some(customer) {
            return;
        }
        assert!(method.customer.is_none());
        method.customer = Some(customer);
        method.used = MethodUse::Fresh;
        let methods = self.customer_methods.entry(customer).or_default();
        methods.push(row);
        methods.sort_unstable();
        self.emit_method(row, "payment_method.attached", None);
    }

    /// Takes a method off its customer, for good.
    pub(super) fn detach(&mut self, row: Row<PaymentMethod>) {
        let before = self.methods.at(row).clone();
        let Some(customer) = before.customer else { return };
        let method = self.methods.at_mut(row);
        method.customer = None;
        method.used = MethodUse::Detached;
        method.set_up = false;
        if let Some(methods) = self.customer_methods.get_mut(&customer) {
            methods.retain(|kept| *kept != row);
        }
        self.forget_default_method(customer, row);
        self.emit_method(row, "payment_method.detached", Some(before));
    }

    /// `POST /v1/payment_methods`
    pub(super) fn create_method(&mut self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(CREATE_KNOWN, &["payment_method"])?;
        let expand = Expand::parse(params, Shape::Method, Place::Object)?;
        let metadata = params.metadata()?.map(|metadata| Metadata::default().merged(&metadata));
        if params.has("customer") {
            return Err(ApiError::unmodelled_param("customer"));
        }
        let named = Data { form: params.form(), below: "" }.named(metadata)?;
        let row = self.method(account, named);
        Ok(Answer::new(Shown::Method(row), expand))
    }

    /// `POST /v1/payment_methods/{id}`
    pub(super) fn update_method(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.methods, account, id, "payment_method", true)?;
        params.check_known(UPDATE_KNOWN, &["us_bank_account"])?;
        let expand = Expand::parse(params, Shape::Method, Place::Object)?;
        let before = self.methods.at(row).clone();
        let mut texts = before.texts.as_deref().cloned().unwrap_or_default();
        if let Some(node) = params.form().member("billing_details") {
            texts.billing.overlay(node, "billing_details")?;
        }
        texts.allow_redisplay = params.one_of("allow_redisplay", REDISPLAY)?.or(texts.allow_redisplay);
        params.change_metadata(&mut texts.metadata)?;
        texts.expiry = updated_expiry(params, texts.expiry)?;
        if before.customer.is_none() {
            let message = "You must save this PaymentMethod to a customer before you can update it.";
            return Err(ApiError::invalid(message).after_start());
        }
        self.methods.at_mut(row).texts = Some(Arc::new(texts));
        self.emit_method(row, "payment_method.updated", Some(before));
        Ok(Answer::new(Shown::Method(row), expand))
    }

    /// `POST /v1/payment_methods/{id}/attach`
    pub(super) fn attach_method(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let named = self.method_by_name(account, id).map_err(|error| error.with_status(404))?;
        params.check_known(&["customer"], &["customer_account"])?;
        let expand = Expand::parse(params, Shape::Method, Place::Object)?;
        let customer = self.own_customer(account, params.required_text("customer")?, false)?;
        self.check_attachable(&named, customer)?;
        let row = self.method(account, named);
        self.attach(row, customer);
        Ok(Answer::new(Shown::Method(row), expand))
    }

    /// `POST /v1/payment_methods/{id}/detach`
    pub(super) fn detach_method(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.methods, account, id, "payment_method", true)?;
        params.check_known(&[], &[])?;
        let expand = Expand::parse(params, Shape::Method, Place::Object)?;
        if self.methods.at(row).customer.is_none() {
            let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(ApiError::invalid(message).with_code("payment_method_unexpected_state").after_start());
        }
        self.detach(row);
        Ok(Answer::new(Shown::Method(row), expand))
    }

    /// `GET /v1/payment_methods/{id}`
    pub(super) fn get_method(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.methods, account, id, "payment_method", true)?;
        params.check_known(&[], &[])?;
        Ok(Answer::new(Shown::Method(row), Expand::parse(params, Shape::Method, Place::Object)?))
    }

    /// `GET /v1/payment_methods`: those of a customer, or of all customers.
    pub(super) fn list_methods(&self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&["allow_redisplay", "customer", "ending_before", "limit", "starting_after", "type"], &["customer_account"])?;
        let customer = match params.text("customer")? {
            None => None,
            Some(id) => Some(self.own_customer(account, id, false)?),
        };
        self.list_methods_of(account, customer, "/v1/payment_methods", params)
    }

    pub(super) fn list_methods_of(&self, account: Account, customer: Option<Row<Customer>>, url: &str, params: Params<'_>) -> Outcome {
        let expand = Expand::parse(params, Shape::Method, Place::List)?;
        let kind = params.text("type")?;
        let redisplay = params.one_of("allow_redisplay", REDISPLAY)?;
        let fits = |method: &PaymentMethod| {
            let own_kind = if method.card.card().is_bank_account() { "us_bank_account" } else { "card" };
            let own_redisplay = method.texts.as_ref().and_then(|texts| texts.allow_redisplay).unwrap_or("unspecified");
            method.account == account
                && method.customer.is_some()
                && kind.is_none_or(|kind| kind == own_kind)
                && redisplay.is_none_or(|redisplay| redisplay == own_redisplay)
        };
        let of_customer: Option<&[Row<PaymentMethod>]> =
            customer.map(|customer| self.customer_methods.get(&customer).map_or(&[][..], Vec::as_slice));
        let found = page(&self.methods, of_customer, params, fits)?;
        Ok(self.list(url, &found, &expand, |stripe, json, row, show| stripe.render_method(json, row, stripe.methods.at(row), show)))
    }
}

fn updated_expiry(params: Params<'_>, old: Option<(u64, u64)>) -> Result<Option<(u64, u64)>, ApiError> {
    let mut expiry = old.unwrap_or(super::render::EXPIRY);
    let members = params.members("card")?;
    for (name, node) in members {
        let param = format!("card[{name}]");
        let number = || {
            let text = node.text().unwrap_or_default();
            text.parse::<u64>().map_err(|_| ApiError::not_integer(&param, text))
        };
        match name.as_str() {
            "exp_month" => expiry.0 = number()?,
            "exp_year" => expiry.1 = century(number()?),
            "networks" => {}
            _ => return Err(ApiError::unknown_param(&param)),
        }
    }
    Ok(if members.is_empty() { old } else { Some(expiry) })
}

/// The billing details of a method, empty if it has none.
pub(super) fn billing(texts: Option<&MethodTexts>) -> &Billing {
    static NONE: std::sync::LazyLock<Billing> = std::sync::LazyLock::new(Billing::default);
    texts.map_or(&NONE, |texts| &texts.billing)
}
