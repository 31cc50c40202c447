//! Customers: creating, changing, deleting, finding them.
//!
//! Source: docs.stripe.com/api/customers.

use super::Stripe;
use super::answers::{Answer, Deleted, Outcome, Shown};
use super::contacts::{self, Address, Shipping};
use super::errors::ApiError;
use super::expand::{Expand, Place, Shape};
use super::objects::{Account, Row};
use super::params::Params;
use super::payment_methods::MethodNamed;
use super::queries::{Created, own, page};
use super::records::{Customer, CustomerTexts, PaymentMethod};
use super::search::{Field, Query, Value};
use std::sync::Arc;

/// Most payment methods of one customer.
pub(super) const METHODS_MAX: usize = 500;
/// Most preferred locales of one customer.
const LOCALES_MAX: usize = 20;

const KNOWN: &[&str] = &[
    "address",
    "balance",
    "business_name",
    "description",
    "email",
    "individual_name",
    "invoice_prefix",
    "invoice_settings",
    "metadata",
    "name",
    "next_invoice_sequence",
    "phone",
    "preferred_locales",
    "shipping",
    "tax_exempt",
    "validate",
];
const CREATE_ONLY: &[&str] = &["payment_method"];
const UNMODELLED: &[&str] = &["cash_balance", "coupon", "default_source", "promotion_code", "source", "tax", "tax_id_data", "test_clock"];
const SEARCH_FIELDS: &[(&str, Field)] =
    &[("created", Field::Number), ("email", Field::Text), ("metadata", Field::Metadata), ("name", Field::Text), ("phone", Field::Text)];

impl Stripe {
    /// The customer of an id, if it belongs to the account and was not deleted.
    pub(super) fn own_customer(&self, account: Account, id: &str, in_path: bool) -> Result<Row<Customer>, ApiError> {
        let row = own(&self.customers, account, id, if in_path { "id" } else { "customer" }, in_path)?;
        if self.customers.at(row).deleted {
            return Err(ApiError::missing("customer", id, if in_path { "id" } else { "customer" }, in_path));
        }
        Ok(row)
    }

    /// The customer that a request names, if it names one.
    pub(super) fn customer_named(&self, account: Account, params: Params<'_>) -> Result<Option<Row<Customer>>, ApiError> {
        params.text("customer")?.map(|id| self.own_customer(account, id, false)).transpose()
    }

    /// `POST /v1/customers`
    pub(super) fn create_customer(&mut self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&[KNOWN, CREATE_ONLY].concat(), UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Customer, Place::Object)?;
        let mut texts = CustomerTexts::default();
        change_texts(params, &mut texts)?;
        let named = match params.text("payment_method")? {
            None => None,
            Some(_) => self.method_named(account, params)?,
        };
        let row = self.customers.next_row();
        if let Some(named) = &named {
            self.check_attachable(named, row)?;
        }
        let default = params.form().at(&["invoice_settings", "default_payment_method"]).and_then(|node| node.text());
        if let Some(default) = default.filter(|default| !default.is_empty()) {
            // Of a new customer only the method that comes along can be the default.
            let same = named.is_some() && params.text("payment_method")? == Some(default);
            if !same {
                return Err(default_not_attached(default));
            }
        }
        let created_ms = self.now_ms;
        self.customers.push(Customer { account, created_ms, deleted: false, texts: Arc::new(texts) });
        self.emit_customer(row, "customer.created", None);
        if let Some(named) = named {
            let method = self.method(account, named);
            self.attach(method, row);
            if default.is_some() {
                Arc::make_mut(&mut self.customers.at_mut(row).texts).default_method = Some(method);
            }
        }
        Ok(Answer::new(Shown::Customer(row), expand))
    }

    /// `POST /v1/customers/{id}`
    pub(super) fn update_customer(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_customer(account, id, true)?;
        params.check_known(KNOWN, UNMODELLED)?;
        let expand = Expand::parse(params, Shape::Customer, Place::Object)?;
        let before = self.customers.at(row).clone();
        let mut texts = (*before.texts).clone();
        change_texts(params, &mut texts)?;
        let default = params.form().at(&["invoice_settings", "default_payment_method"]).and_then(|node| node.text());
        match default {
            None => {}
            Some("") => texts.default_method = None,
            Some(id) => {
                let method = own(&self.methods, account, id, "invoice_settings[default_payment_method]", false)?;
                if self.methods.at(method).customer != Some(row) {
                    return Err(default_not_attached(id));
                }
                texts.default_method = Some(method);
            }
        }
        if texts != *before.texts {
            self.customers.at_mut(row).texts = Arc::new(texts);
            self.emit_customer(row, "customer.updated", Some(before));
        }
        Ok(Answer::new(Shown::Customer(row), expand))
    }

    /// `DELETE /v1/customers/{id}`: its payment methods go with it.
    pub(super) fn delete_customer(&mut self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_customer(account, id, true)?;
        params.check_known(&[], &[])?;
        for method in self.customer_methods.remove(&row).unwrap_or_default() {
            self.detach(method);
        }
        self.emit_customer(row, "customer.deleted", None);
        self.customers.at_mut(row).deleted = true;
        Ok(Answer::new(Shown::Deleted(Deleted::Customer(row)), Expand::default()))
    }

    /// `GET /v1/customers/{id}`: of a deleted one only that it was.
    pub(super) fn get_customer(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = own(&self.customers, account, id, "id", true)?;
        params.check_known(&[], &[])?;
        Ok(Answer::new(Shown::Customer(row), Expand::parse(params, Shape::Customer, Place::Object)?))
    }

    /// `GET /v1/customers`
    pub(super) fn list_customers(&self, account: Account, params: Params<'_>) -> Outcome {
        params.check_known(&["created", "email", "ending_before", "limit", "starting_after"], &["test_clock"])?;
        let expand = Expand::parse(params, Shape::Customer, Place::List)?;
        let created = Created::parse(params)?;
        let email = params.text("email")?;
        let found = page(&self.customers, None, params, |customer: &Customer| {
            customer.account == account
                && !customer.deleted
                && created.holds(customer.created_ms)
                && (email.is_none() || customer.texts.email.as_deref() == email)
        })?;
        Ok(self.list("/v1/customers", &found, &expand, |stripe, json, row, show| {
            stripe.render_customer(json, row, stripe.customers.at(row), show);
        }))
    }

    /// `GET /v1/customers/search`
    pub(super) fn search_customers(&self, account: Account, params: Params<'_>) -> Outcome {
        let query = Query::parse_of(params, SEARCH_FIELDS)?;
        let expand = Expand::parse(params, Shape::Customer, Place::List)?;
        let found = self.search_page(&self.customers, account, None, params, |customer| {
            !customer.deleted
                && query.holds(|field, name| match field {
                    "email" => customer.texts.email.as_deref().into(),
                    "name" => customer.texts.name.as_deref().into(),
                    "phone" => customer.texts.phone.as_deref().into(),
                    "metadata" => customer.texts.metadata.value(name).into(),
                    _ => Value::Number(customer.created_ms / 1_000),
                })
        })?;
        Ok(self.search_result("/v1/customers/search", &self.customers, &found, &expand, |stripe, json, row, show| {
            stripe.render_customer(json, row, stripe.customers.at(row), show);
        }))
    }

    /// `GET /v1/customers/{id}/payment_methods`
    pub(super) fn list_customer_methods(&self, account: Account, id: &str, params: Params<'_>) -> Outcome {
        let row = self.own_customer(account, id, true)?;
        params.check_known(&["allow_redisplay", "ending_before", "limit", "starting_after", "type"], &[])?;
        self.list_methods_of(account, Some(row), &format!("/v1/customers/{}/payment_methods", self.customers.id(row)), params)
    }

    /// `GET /v1/customers/{id}/payment_methods/{second}`
    pub(super) fn get_customer_method(&self, account: Account, id: &str, second: &str, params: Params<'_>) -> Outcome {
        let customer = self.own_customer(account, id, true)?;
        let row = own(&self.methods, account, second, "payment_method", true)?;
        params.check_known(&[], &[])?;
        if self.methods.at(row).customer != Some(customer) {
            return Err(ApiError::missing("PaymentMethod", second, "payment_method", true));
        }
        Ok(Answer::new(Shown::Method(row), Expand::parse(params, Shape::Method, Place::Object)?))
    }

    /// A detached method is no longer anybody's default.
    pub(super) fn forget_default_method(&mut self, customer: Row<Customer>, method: Row<PaymentMethod>) {
        let customer = self.customers.at_mut(customer);
        if customer.texts.default_method == Some(method) {
            Arc::make_mut(&mut customer.texts).default_method = None;
        }
    }

    /// Makes the named method one of the customer's, for payments that are to be repeated.
    pub(super) fn check_attachable_if_new(&self, named: &MethodNamed, customer: Row<Customer>) -> Result<(), ApiError> {
        match named {
            MethodNamed::Existing(row) if self.methods.at(*row).customer == Some(customer) => Ok(()),
            MethodNamed::Existing(_) | MethodNamed::New(..) => self.check_attachable(named, customer),
        }
    }
}

fn default_not_attached(id: &str) -> ApiError {
    let shown: String = id.chars().take(100).collect();
    let message =
        format!("The customer does not have a payment method with the ID {shown}. The payment method must be attached to the customer.");
    ApiError::invalid(message).with_code("resource_missing").with_param("invoice_settings[default_payment_method]")
}

fn change_texts(params: Params<'_>, texts: &mut CustomerTexts) -> Result<(), ApiError> {
    if let Some(node) = params.form().member("address") {
        let mut address = texts.address.take().unwrap_or_default();
        address.overlay(node, "address")?;
        texts.address = (address != Address::default()).then_some(address);
    }
    if let Some(balance) = params.signed("balance")? {
        texts.balance = balance;
    }
    params.change("business_name", &mut texts.business_name)?;
    params.change("description", &mut texts.description)?;
    params.change("email", &mut texts.email)?;
    params.change("individual_name", &mut texts.individual_name)?;
    params.change("invoice_prefix", &mut texts.invoice_prefix)?;
    params.change("name", &mut texts.name)?;
    params.change("phone", &mut texts.phone)?;
    params.change_metadata(&mut texts.metadata)?;
    texts.next_invoice_sequence = params.positive("next_invoice_sequence")?.or(texts.next_invoice_sequence);
    texts.tax_exempt = params.one_of("tax_exempt", &["exempt", "none", "reverse"])?.or(texts.tax_exempt);
    if params.has("preferred_locales") {
        let locales = params.list("preferred_locales", LOCALES_MAX)?.unwrap_or_default();
        texts.preferred_locales = locales.into_iter().map(str::to_owned).collect();
    }
    if let Some(shipping) = Shipping::parse(params.form(), texts.shipping.as_ref())? {
        texts.shipping = shipping;
    }
    for (name, node) in params.members("invoice_settings")? {
        let param = format!("invoice_settings[{name}]");
        match name.as_str() {
            "default_payment_method" => {}
            "footer" => texts.invoice_footer = node.text().filter(|text| !text.is_empty()).map(str::to_owned),
            "custom_fields" | "rendering_options" => {
                if !contacts::members(node, &param)?.is_empty() {
                    return Err(ApiError::unmodelled_param(&param));
                }
            }
            _ => return Err(ApiError::unknown_param(&param)),
        }
    }
    Ok(())
}
