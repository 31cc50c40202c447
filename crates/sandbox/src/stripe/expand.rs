//! `expand[]`: which references an answer shows as whole objects. Paths are checked against what the API can expand,
//! whether or not the reference is there.
//!
//! Source: docs.stripe.com/api/expanding_objects (four levels at most).

use super::errors::ApiError;
use super::params::Params;

/// Most levels of one path (docs.stripe.com/api/expanding_objects).
const LEVELS_MAX: usize = 4;
/// Most paths of one request.
const PATHS_MAX: usize = 20;

/// A kind of object as far as expansion is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Payment intent.
    Intent,
    /// Charge.
    Charge,
    /// The refunds of a charge.
    ChargeRefunds,
    /// Refund.
    Refund,
    /// Balance transaction.
    Transaction,
    /// Payment method.
    Method,
    /// Customer.
    Customer,
    /// `invoice_settings` of a customer.
    InvoiceSettings,
    /// Setup intent.
    Setup,
    /// Dispute.
    Dispute,
    /// Payout.
    Payout,
    /// Early fraud warning.
    Warning,
    /// One of several kinds, known only when it is looked at.
    Any,
    /// Nothing to expand below.
    Leaf,
}

/// References that the simulator never has, so that expanding them changes nothing.
const ABSENT: &[&str] = &[
    "application",
    "application_fee",
    "default_source",
    "latest_attempt",
    "mandate",
    "on_behalf_of",
    "review",
    "single_use_mandate",
    "source",
    "source_transfer",
    "source_transfer_reversal",
    "sources",
    "subscriptions",
    "tax_ids",
    "test_clock",
    "transfer",
    "transfer_reversal",
];

impl Shape {
    fn below(self, field: &str) -> Option<Self> {
        let found = match (self, field) {
            (Self::Any, _) => Self::Any,
            (Self::Intent, "latest_charge") => Self::Charge,
            (Self::Charge, "balance_transaction" | "failure_balance_transaction")
            | (Self::Refund, "balance_transaction" | "failure_balance_transaction")
            | (Self::Payout, "balance_transaction" | "failure_balance_transaction") => Self::Transaction,
            (Self::Charge, "refunds") => Self::ChargeRefunds,
            (Self::ChargeRefunds, "data") => Self::Refund,
            (Self::Refund | Self::Dispute | Self::Warning, "charge") => Self::Charge,
            (Self::Charge | Self::Refund | Self::Dispute | Self::Warning, "payment_intent") => Self::Intent,
            (Self::Intent | Self::Setup, "payment_method") => Self::Method,
            (Self::Intent | Self::Charge | Self::Setup | Self::Method, "customer") => Self::Customer,
            (Self::Transaction, "source") => Self::Any,
            (Self::Customer, "invoice_settings") => Self::InvoiceSettings,
            (Self::InvoiceSettings, "default_payment_method") => Self::Method,
            (Self::Payout, "original_payout" | "reversed_by") => Self::Payout,
            (Self::Payout, "destination") => Self::Leaf,
            (Self::Leaf | Self::InvoiceSettings | Self::ChargeRefunds, _) => return None,
            (_, absent) if ABSENT.contains(&absent) => Self::Leaf,
            _ => return None,
        };
        Some(found)
    }
}

/// Whether paths begin at an object or at the list around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the object.
    Object,
    /// At a list: each path begins with `data.`.
    List,
}

/// What to show whole: a tree of field names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expand {
    fields: Vec<(String, Expand)>,
}

/// Nothing.
pub static NOTHING: Expand = Expand { fields: Vec::new() };

impl Expand {
    /// Reads `expand` of a request.
    ///
    /// # Errors
    /// A path that cannot be expanded, too deep, or too many.
    pub fn parse(params: Params<'_>, shape: Shape, place: Place) -> Result<Self, ApiError> {
        let mut expand = Self::default();
        for path in params.list("expand", PATHS_MAX)?.unwrap_or_default() {
            let refused = |reason: &str| {
                let shown: String = path.chars().take(100).collect();
                ApiError::invalid(format!("{reason} ({shown}).")).with_param("expand")
            };
            let inner = match place {
                Place::Object => path,
                Place::List => path.strip_prefix("data.").ok_or_else(|| refused("This property cannot be expanded"))?,
            };
            if path.split('.').count() > LEVELS_MAX {
                return Err(refused("You cannot expand more than 4 levels of a property"));
            }
            let mut shape = shape;
            let mut level = &mut expand;
            for field in inner.split('.') {
                shape = shape.below(field).ok_or_else(|| refused("This property cannot be expanded"))?;
                level = level.add(field);
            }
        }
        Ok(expand)
    }

    fn add(&mut self, field: &str) -> &mut Self {
        let index = self.fields.iter().position(|(name, _)| name == field).unwrap_or_else(|| {
            self.fields.push((field.to_owned(), Self::default()));
            self.fields.len() - 1
        });
        &mut self.fields[index].1
    }

    /// What to show whole below a field that is itself shown whole.
    pub fn below(&self, field: &str) -> Option<&Self> {
        self.fields.iter().find(|(name, _)| name == field).map(|(_, below)| below)
    }

    /// Whether nothing is shown whole.
    pub fn is_nothing(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether at most the latest charge and its balance transaction are shown whole.
    pub fn is_charge_at_most(&self) -> bool {
        self.fields.iter().all(|(name, below)| {
            name == "latest_charge" && below.fields.iter().all(|(name, below)| name == "balance_transaction" && below.is_nothing())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;

    fn parse(form: &str, shape: Shape, place: Place) -> Result<Expand, ApiError> {
        Expand::parse(Params::new(&Form::parse(form.as_bytes()).unwrap()), shape, place)
    }

    #[test]
    fn paths_are_known_ones_of_at_most_four_levels() {
        for (form, place, fits) in [
            ("expand[]=latest_charge.balance_transaction.source", Place::Object, true),
            ("expand[0]=data.latest_charge&expand[1]=data.customer", Place::List, true),
            ("expand[]=latest_charge", Place::List, false),
            ("expand[]=charge", Place::Object, false),
            ("expand[]=latest_charge.balance_transaction.source.payment_intent", Place::Object, true),
            ("expand[]=latest_charge.balance_transaction.source.payment_intent.customer", Place::Object, false),
            ("expand[]=latest_charge..customer", Place::Object, false),
            ("expand[]=customer.invoice_settings.default_payment_method", Place::Object, true),
        ] {
            assert_eq!(parse(form, Shape::Intent, place).is_ok(), fits, "{form}");
        }
    }

    #[test]
    fn only_small_pictures_hold_a_charge_at_most() {
        for (form, small) in [
            ("", true),
            ("expand[]=latest_charge", true),
            ("expand[]=latest_charge.balance_transaction", true),
            ("expand[]=latest_charge.customer", false),
            ("expand[]=customer", false),
        ] {
            assert_eq!(parse(form, Shape::Intent, Place::Object).unwrap().is_charge_at_most(), small, "{form}");
        }
    }
}
