//! The calls the simulator knows: from method and path to an operation, and each operation's name in fault rules.

use super::errors::ApiError;
use crate::wire::Method;

/// One call of the provider's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `POST /v1/payment_intents`
    IntentCreate,
    /// `POST /v1/payment_intents/{id}/confirm`
    IntentConfirm(String),
    /// `POST /v1/payment_intents/{id}/capture`
    IntentCapture(String),
    /// `POST /v1/payment_intents/{id}/cancel`
    IntentCancel(String),
    /// `GET /v1/payment_intents/{id}`
    IntentGet(String),
    /// `GET /v1/payment_intents`
    IntentList,
    /// `GET /v1/payment_intents/search`
    IntentSearch,
    /// `POST /v1/refunds`
    RefundCreate,
    /// `GET /v1/refunds/{id}`
    RefundGet(String),
    /// `GET /v1/refunds`
    RefundList,
    /// `GET /v1/charges/{id}`
    ChargeGet(String),
    /// `GET /v1/charges`
    ChargeList,
    /// `GET /v1/balance_transactions/{id}`
    TransactionGet(String),
    /// `GET /v1/balance_transactions`
    TransactionList,
    /// `GET /v1/payment_methods/{id}`
    MethodGet(String),
    /// `GET /v1/disputes/{id}`
    DisputeGet(String),
    /// `GET /v1/disputes`
    DisputeList,
}

impl Operation {
    /// Finds the operation of a request.
    ///
    /// # Errors
    /// No call has this method and path.
    pub fn route(method: Method, path: &str) -> Result<Self, ApiError> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let id = |text: &str| text.to_owned();
        let found = match (method, segments.as_slice()) {
            (Method::Post, ["v1", "payment_intents"]) => Self::IntentCreate,
            (Method::Post, ["v1", "payment_intents", intent, "confirm"]) => Self::IntentConfirm(id(intent)),
            (Method::Post, ["v1", "payment_intents", intent, "capture"]) => Self::IntentCapture(id(intent)),
            (Method::Post, ["v1", "payment_intents", intent, "cancel"]) => Self::IntentCancel(id(intent)),
            (Method::Get, ["v1", "payment_intents"]) => Self::IntentList,
            (Method::Get, ["v1", "payment_intents", "search"]) => Self::IntentSearch,
            (Method::Get, ["v1", "payment_intents", intent]) if !intent.is_empty() => Self::IntentGet(id(intent)),
            (Method::Post, ["v1", "refunds"]) => Self::RefundCreate,
            (Method::Get, ["v1", "refunds"]) => Self::RefundList,
            (Method::Get, ["v1", "refunds", refund]) if !refund.is_empty() => Self::RefundGet(id(refund)),
            (Method::Get, ["v1", "charges"]) => Self::ChargeList,
            (Method::Get, ["v1", "charges", charge]) if !charge.is_empty() => Self::ChargeGet(id(charge)),
            (Method::Get, ["v1", "balance_transactions"]) => Self::TransactionList,
            (Method::Get, ["v1", "balance_transactions", transaction]) if !transaction.is_empty() => Self::TransactionGet(id(transaction)),
            (Method::Get, ["v1", "payment_methods", method]) if !method.is_empty() => Self::MethodGet(id(method)),
            (Method::Get, ["v1", "disputes"]) => Self::DisputeList,
            (Method::Get, ["v1", "disputes", dispute]) if !dispute.is_empty() => Self::DisputeGet(id(dispute)),
            _ => return Err(ApiError::unknown_url(method.name(), path)),
        };
        Ok(found)
    }

    /// The operation's name in fault rules and counters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IntentCreate => "payment_intents.create",
            Self::IntentConfirm(_) => "payment_intents.confirm",
            Self::IntentCapture(_) => "payment_intents.capture",
            Self::IntentCancel(_) => "payment_intents.cancel",
            Self::IntentGet(_) => "payment_intents.get",
            Self::IntentList => "payment_intents.list",
            Self::IntentSearch => "payment_intents.search",
            Self::RefundCreate => "refunds.create",
            Self::RefundGet(_) => "refunds.get",
            Self::RefundList => "refunds.list",
            Self::ChargeGet(_) => "charges.get",
            Self::ChargeList => "charges.list",
            Self::TransactionGet(_) => "balance_transactions.get",
            Self::TransactionList => "balance_transactions.list",
            Self::MethodGet(_) => "payment_methods.get",
            Self::DisputeGet(_) => "disputes.get",
            Self::DisputeList => "disputes.list",
        }
    }

    /// The metadata name whose value scripts faults for this operation, and whether it is looked up on the payment
    /// intent acted on (else in the request itself).
    pub fn script_name(&self) -> Option<(&'static str, bool)> {
        match self {
            Self::IntentCreate => Some(("sim", false)),
            Self::IntentConfirm(_) => Some(("sim_confirm", true)),
            Self::IntentCapture(_) => Some(("sim_capture", true)),
            Self::IntentCancel(_) => Some(("sim_cancel", true)),
            Self::RefundCreate => Some(("sim_refund", true)),
            Self::IntentGet(_)
            | Self::IntentList
            | Self::IntentSearch
            | Self::RefundGet(_)
            | Self::RefundList
            | Self::ChargeGet(_)
            | Self::ChargeList
            | Self::TransactionGet(_)
            | Self::TransactionList
            | Self::MethodGet(_)
            | Self::DisputeGet(_)
            | Self::DisputeList => None,
        }
    }
}
