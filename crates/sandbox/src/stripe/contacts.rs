//! Postal addresses, billing details and shipping: typed, read from forms, laid over older ones, written as JSON. An
//! empty text unsets its field, as everywhere on this wire.

use super::errors::ApiError;
use crate::form::{Form, Node};
use crate::json::Json;

/// The fields of an address in the order of the wire.
const ADDRESS_FIELDS: [&str; 6] = ["city", "country", "line1", "line2", "postal_code", "state"];
/// Longest text of one field, in characters.
const FIELD_CHARS_MAX: usize = 5_000;

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    fields: [Option<Box<str>>; 6],
}

/// Name, address and ways to reach somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Billing {
    /// Address.
    pub address: Address,
    /// `email`.
    pub email: Option<Box<str>>,
    /// `name`.
    pub name: Option<Box<str>>,
    /// `phone`.
    pub phone: Option<Box<str>>,
    /// `tax_id`.
    pub tax_id: Option<Box<str>>,
}

/// Where goods go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shipping {
    /// Address.
    pub address: Address,
    /// `carrier`.
    pub carrier: Option<Box<str>>,
    /// `name`.
    pub name: Option<Box<str>>,
    /// `phone`.
    pub phone: Option<Box<str>>,
    /// `tracking_number`.
    pub tracking_number: Option<Box<str>>,
}

/// The members of a group parameter; none if it is an empty text, which unsets it.
///
/// # Errors
/// It is another text.
pub fn members<'a>(node: &'a Node, param: &str) -> Result<&'a [(String, Node)], ApiError> {
    match node {
        Node::Group(members) => Ok(members),
        Node::Text(text) if text.is_empty() => Ok(&[]),
        Node::Text(_) => Err(ApiError::invalid("Invalid object").with_param(param)),
    }
}

fn field(slot: &mut Option<Box<str>>, node: &Node, param: &str) -> Result<(), ApiError> {
    let text = node.text().ok_or_else(|| ApiError::invalid(format!("Invalid string: {param} must be a string")).with_param(param))?;
    if text.len() > FIELD_CHARS_MAX && text.chars().count() > FIELD_CHARS_MAX {
        let message = format!("Invalid string: {param} must be at most {FIELD_CHARS_MAX} characters");
        return Err(ApiError::invalid(message).with_param(param));
    }
    *slot = (!text.is_empty()).then(|| text.into());
    Ok(())
}

impl Address {
    /// Lays a form's group over the address.
    ///
    /// # Errors
    /// Not a group, or an unknown field.
    pub fn overlay(&mut self, node: &Node, param: &str) -> Result<(), ApiError> {
        if node.text() == Some("") {
            *self = Self::default();
        }
        for (name, node) in members(node, param)? {
            let inner = format!("{param}[{name}]");
            let index = ADDRESS_FIELDS.iter().position(|known| known == name).ok_or_else(|| ApiError::unknown_param(&inner))?;
            field(&mut self.fields[index], node, &inner)?;
        }
        Ok(())
    }

    /// Whether the field is set.
    pub fn has_postal_code(&self) -> bool {
        self.fields[4].is_some()
    }

    /// The postal code.
    pub fn postal_code(&self) -> Option<&str> {
        self.fields[4].as_deref()
    }

    /// Whether the first line is set.
    pub fn has_line1(&self) -> bool {
        self.fields[2].is_some()
    }

    /// Writes the address as a field.
    pub fn write(&self, json: &mut Json) {
        json.object_field("address", |json| {
            for (name, value) in ADDRESS_FIELDS.iter().zip(&self.fields) {
                json.text_or_null(name, value.as_deref());
            }
        });
    }
}

impl Billing {
    /// Lays a form's group over the details.
    ///
    /// # Errors
    /// Not a group, or an unknown field.
    pub fn overlay(&mut self, node: &Node, param: &str) -> Result<(), ApiError> {
        if node.text() == Some("") {
            *self = Self::default();
        }
        for (name, node) in members(node, param)? {
            let inner = format!("{param}[{name}]");
            match name.as_str() {
                "address" => self.address.overlay(node, &inner)?,
                "email" => field(&mut self.email, node, &inner)?,
                "name" => field(&mut self.name, node, &inner)?,
                "phone" => field(&mut self.phone, node, &inner)?,
                "tax_id" => field(&mut self.tax_id, node, &inner)?,
                _ => return Err(ApiError::unknown_param(&inner)),
            }
        }
        Ok(())
    }

    /// Writes the details as a field.
    pub fn write(&self, json: &mut Json) {
        json.object_field("billing_details", |json| {
            self.address.write(json);
            json.text_or_null("email", self.email.as_deref());
            json.text_or_null("name", self.name.as_deref());
            json.text_or_null("phone", self.phone.as_deref());
            json.text_or_null("tax_id", self.tax_id.as_deref());
        });
    }
}

impl Shipping {
    /// The form's `shipping`, laid over an older one; `None` if it was not sent.
    ///
    /// # Errors
    /// Not a group, or an unknown field.
    pub fn parse(form: &Form, old: Option<&Self>) -> Result<Option<Option<Self>>, ApiError> {
        let Some(node) = form.member("shipping") else { return Ok(None) };
        if node.text() == Some("") {
            return Ok(Some(None));
        }
        let mut shipping = old.cloned().unwrap_or_default();
        for (name, node) in members(node, "shipping")? {
            let inner = format!("shipping[{name}]");
            match name.as_str() {
                "address" => shipping.address.overlay(node, &inner)?,
                "carrier" => field(&mut shipping.carrier, node, &inner)?,
                "name" => field(&mut shipping.name, node, &inner)?,
                "phone" => field(&mut shipping.phone, node, &inner)?,
                "tracking_number" => field(&mut shipping.tracking_number, node, &inner)?,
                _ => return Err(ApiError::unknown_param(&inner)),
            }
        }
        Ok(Some(Some(shipping)))
    }

    /// Writes `shipping` of a payment as a field.
    pub fn write(shipping: Option<&Self>, json: &mut Json) {
        let Some(shipping) = shipping else { return json.null("shipping") };
        json.object_field("shipping", |json| {
            shipping.address.write(json);
            json.text_or_null("carrier", shipping.carrier.as_deref());
            json.text_or_null("name", shipping.name.as_deref());
            json.text_or_null("phone", shipping.phone.as_deref());
            json.text_or_null("tracking_number", shipping.tracking_number.as_deref());
        });
    }

    /// Writes `shipping` of a customer, which has fewer fields.
    pub fn write_for_customer(shipping: Option<&Self>, json: &mut Json) {
        let Some(shipping) = shipping else { return json.null("shipping") };
        json.object_field("shipping", |json| {
            shipping.address.write(json);
            json.text_or_null("name", shipping.name.as_deref());
            json.text_or_null("phone", shipping.phone.as_deref());
        });
    }
}
