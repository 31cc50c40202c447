//! Every error that the API answers, in one table: status, stable code, sentence, what to do, whether a retry can help.
//! Form: problem documents of RFC 9457. Texts here never repeat secrets; what a client sent is repeated only where it
//! names a field.

use crate::platform::SubmitError;
use axum::response::{IntoResponse, Response};
use base::{PaymentId, limits};
use engine::Refusal;
use engine::state::KeyedObject;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Media type of problem documents (RFC 9457, section 3).
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// What is always true of a code.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The stable code.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// One sentence for people, the same each time.
    pub title: &'static str,
    /// What to do next.
    pub what_to_do: &'static str,
    /// Whether the unchanged request may succeed later.
    pub retryable: bool,
}

/// Every problem that the API can answer, in the order of the table.
pub fn problems() -> impl Iterator<Item = Facts> {
    Code::ALL.iter().map(|code| code.facts())
}

macro_rules! codes {
    ($($name:ident = $code:literal, $status:literal, $retry:ident, $title:literal, $todo:literal;)+) => {
        /// Every error code there is. Only grows; a code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub(crate) enum Code { $(#[doc = $title] #[serde(rename = $code)] $name,)+ }

        impl Code {
            /// Every code, in table order.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What is always true of it.
            pub(crate) const fn facts(self) -> Facts {
                match self {
                    $(Self::$name => Facts { code: $code, status: $status, title: $title, what_to_do: $todo, retryable: codes!(@$retry) },)+
                }
            }
        }
    };
    (@later) => { true };
    (@never) => { false };
}

codes! {
    ApiKeyMissing = "api_key_missing", 401, never, "The request has no API key.", "Send the header \"Authorization: Bearer <API key>\".";
    ApiKeyMalformed = "api_key_malformed", 401, never, "The API key cannot be read.", "Copy the whole key again and send it as \"Authorization: Bearer <API key>\".";
    ApiKeyInvalid = "api_key_invalid", 401, never, "The API key is unknown or was revoked.", "Use another key, or ask the platform's operator for a new one.";
    ApiKeyWrongKind = "api_key_wrong_kind", 403, never, "This kind of API key may not do this.", "Use a merchant's secret key for payments, and an operator's key to run the platform; with Bezant-Merchant an operator's key also reads what a merchant's reads.";
    RouteUnknown = "route_unknown", 404, never, "There is nothing at this address.", "Compare method and path with /openapi.json.";
    MethodNotAllowed = "method_not_allowed", 405, never, "This address does not take this method.", "Use one of the methods that the Allow header names.";
    RequestTimeout = "request_timeout", 408, later, "The request's body did not arrive in time.", "Send the whole body at once; with the same Idempotency-Key a retry is safe.";
    BodyTooLarge = "body_too_large", 413, never, "The request's body is too large.", "Send less; the detail says how much is allowed.";
    ContentTypeUnsupported = "content_type_unsupported", 415, never, "The body's media type is not understood.", "Send JSON with \"Content-Type: application/json\".";
    Utf8Invalid = "utf8_invalid", 400, never, "The request holds text that is not UTF-8.", "Encode all text as UTF-8.";
    JsonMalformed = "json_malformed", 400, never, "The body is not JSON.", "Correct the syntax at the place that the detail names.";
    FieldUnknown = "field_unknown", 400, never, "The body has a field that does not exist.", "Remove the field or correct its name.";
    FieldMissing = "field_missing", 400, never, "The body lacks a required field.", "Add the field.";
    FieldDuplicate = "field_duplicate", 400, never, "The body names a field twice.", "Send each field once.";
    FieldTypeWrong = "field_type_wrong", 400, never, "A field has the wrong type.", "Send a value of the type that the detail names.";
    FieldInvalid = "field_invalid", 422, never, "A field's value is not allowed.", "Correct the value as the detail says.";
    FieldTooLong = "field_too_long", 422, never, "A field's value is too long.", "Shorten the value; the detail says how long it may be.";
    AmountZero = "amount_zero", 422, never, "The amount is zero.", "Send at least 1 minor unit.";
    AmountNegative = "amount_negative", 422, never, "The amount is negative.", "Amounts are positive; to give money back, create a refund.";
    AmountTooLarge = "amount_too_large", 422, never, "The amount is too large.", "Send a smaller amount; the detail says how much is allowed.";
    AmountNotWhole = "amount_not_whole", 422, never, "The amount is not a whole number.", "Amounts count minor units: 19.99 EUR is 1999, 500 JPY is 500, 1.250 KWD is 1250.";
    CurrencyUnknown = "currency_unknown", 422, never, "The currency is not known.", "Send an active ISO 4217 code in capital letters, such as EUR.";
    IdempotencyKeyMissing = "idempotency_key_missing", 400, never, "A request that moves money or stores something needs an Idempotency-Key.", "Send the header Idempotency-Key with a text that is unique to this operation, and the same one when you retry.";
    IdempotencyKeyTooLong = "idempotency_key_too_long", 400, never, "The Idempotency-Key is too long.", "Send at most 255 characters.";
    IdempotencyKeyMalformed = "idempotency_key_malformed", 400, never, "The Idempotency-Key cannot be used.", "Send one header with 1 to 255 printable ASCII characters.";
    CardNumberRefused = "card_number_refused", 422, never, "The request holds what looks like a card number.", "Never send card numbers here: send a payment method's token. Nothing of this request was stored or logged.";
    QueryParameterUnknown = "query_parameter_unknown", 400, never, "The address has a query parameter that does not exist.", "Remove the parameter or correct its name.";
    QueryParameterInvalid = "query_parameter_invalid", 400, never, "A query parameter's value is not allowed.", "Correct the value as the detail says.";
    CursorInvalid = "cursor_invalid", 400, never, "The cursor is not one of this list.", "Pass on the next_cursor of an earlier page, unchanged and to the same list.";
    VersionUnknown = "version_unknown", 400, never, "Bezant-Version names a version that does not exist.", "Send the date of a published version, or leave the header out for the newest.";
    MinSeqInvalid = "min_seq_invalid", 400, never, "Bezant-Min-Seq is not a sequence number.", "Send the value of an earlier answer's Bezant-Seq header.";
    MinSeqNotReached = "min_seq_not_reached", 503, later, "The read models have not reached Bezant-Min-Seq yet.", "Retry after the seconds in Retry-After.";
    PaymentUnknown = "payment_unknown", 404, never, "There is no such payment.", "Check the id; a merchant sees its own payments only.";
    CustomerUnknown = "customer_unknown", 404, never, "There is no such customer.", "Check the id; a merchant sees its own customers only, and a deleted one takes nothing new.";
    PaymentMethodUnknown = "payment_method_unknown", 404, never, "There is no such stored payment method.", "Check the id; it must be one of this merchant and of the customer that the request names.";
    ProviderUnknown = "provider_unknown", 422, never, "There is no such provider.", "Name a provider that this platform was started with, or leave the field out.";
    RefundUnknown = "refund_unknown", 404, never, "There is no such refund.", "Check the id; a merchant sees its own refunds only.";
    DisputeUnknown = "dispute_unknown", 404, never, "There is no such dispute.", "Check the id; a merchant sees the disputes of its own payments only.";
    WebhookEndpointUnknown = "webhook_endpoint_unknown", 404, never, "There is no webhook endpoint at this address.", "Compare provider and name with what the platform was started with (--stripe-webhook NAME=SECRET).";
    LedgerBatchEmpty = "ledger_batch_empty", 422, never, "The batch holds nothing.", "Send at least one item.";
    LedgerBatchTooLarge = "ledger_batch_too_large", 422, never, "The batch holds too much.", "Split it; the detail says how much a batch may hold.";
    RecordsMalformed = "records_malformed", 400, never, "The body is no whole number of records.", "Send records of 128 bytes one after the other, as the guide to the ledger describes them.";
    LedgerAccountUnknown = "ledger_account_unknown", 404, never, "There is no such account in this ledger.", "Compare the id, a decimal number, and the API key: every merchant has a ledger of its own.";
    LedgerTransferUnknown = "ledger_transfer_unknown", 404, never, "There is no such transfer in this ledger.", "Compare the id, a decimal number, and the API key: every merchant has a ledger of its own.";
    LedgerEntryUnknown = "ledger_entry_unknown", 404, never, "There is no such entry in this ledger.", "Compare the id, a decimal number, and the API key: every merchant has a ledger of its own. What lies within an entry, reserves or changes its code on its way is no entry, but its transfers are there.";
    WebhookSignatureMissing = "webhook_signature_missing", 400, never, "The webhook has no signature.", "Let the provider itself send webhooks here; a proxy in between must pass the signature's header on.";
    WebhookSignatureMalformed = "webhook_signature_malformed", 400, never, "The webhook's signature cannot be read.", "Let the provider itself send webhooks here; a proxy in between must not change headers.";
    WebhookSignatureMismatch = "webhook_signature_mismatch", 400, never, "The webhook's signature fits no secret of this endpoint.", "Compare the endpoint's secret at the provider with the one the platform was started with; a proxy in between must not change the body.";
    WebhookTimestampOutOfTolerance = "webhook_timestamp_out_of_tolerance", 400, never, "The webhook was signed too long ago or in the future.", "Correct the clocks, or the proxy that holds webhooks back; the provider sends it again with a new signature, and the sweep finds what matters.";
    WebhookMalformed = "webhook_malformed", 422, never, "The kept message cannot be read.", "Read its body in GET /v1/webhooks/{id} and put right by hand what it says; a later version may read it.";
    WebhookUnknown = "webhook_unknown", 404, never, "No message of that id came in.", "Take the id from GET /v1/webhooks: it is the provider's own.";
    WebhookBodyGone = "webhook_body_gone", 409, never, "The message's body is not there any more.", "Nothing of it can be replayed: it was erased with the person's data, or there was a reason not to keep it. Look at the object at the provider.";
    MerchantMissing = "merchant_missing", 400, never, "The request does not say whose data it asks for.", "Send the header \"Bezant-Merchant: mer_…\" with a merchant's id from GET /v1/merchants.";
    MerchantUnknown = "merchant_unknown", 404, never, "There is no such merchant.", "Check the id in GET /v1/merchants.";
    OperatorUnknown = "operator_unknown", 404, never, "There is no such operator.", "Check the id.";
    ApiKeyUnknown = "api_key_unknown", 404, never, "There is no such API key.", "Send the key's public id: the ten characters after \"sk_test_\" or the like.";
    ParkedCallUnknown = "parked_call_unknown", 404, never, "No call of that id waits for a person.", "List GET /v1/parked_calls; what was found out meanwhile is in the payment's journey.";
    OutcomeKnown = "outcome_known", 409, never, "What became of the call is known: the provider did something else than was asked.", "Read the payment's journey and put it right at the provider; another look says the same.";
    HandleTaken = "handle_taken", 409, never, "The handle is taken.", "Choose another handle.";
    ApiKeyTaken = "api_key_taken", 503, later, "The new key's public id is taken by chance.", "Retry; another one will be drawn.";
    IdempotencyKeyReused = "idempotency_key_reused", 422, never, "The Idempotency-Key was used for another request.", "Send a new key for a new operation, or repeat the first request unchanged.";
    IdempotencyKeyInUse = "idempotency_key_in_use", 409, later, "The first request with this Idempotency-Key is still running.", "Retry with the same key after the seconds in Retry-After.";
    IdempotencyKeyExpired = "idempotency_key_expired", 409, never, "The Idempotency-Key is older than 30 days and what it created exists.", "Read what it created, or send a new key for a new operation.";
    ReferenceConflict = "reference_conflict", 409, never, "The reference belongs to a payment with other content.", "Read the payment that this answer names; for a new order use a new reference.";
    StateConflict = "state_conflict", 409, never, "The payment's status does not permit this.", "Read the payment and decide again.";
    OperationInFlight = "operation_in_flight", 409, later, "Another operation has no outcome yet.", "Retry when the payment or payment method has left its present status.";
    PaymentMethodRequired = "payment_method_required", 422, never, "A payment method is needed.", "Send payment_method with a provider's token or a stored payment method's id.";
    StoredPaymentMethodRequired = "stored_payment_method_required", 422, never, "While the customer is away only a stored payment method may be charged.", "Store the payment method with POST /v1/customers/{id}/payment_methods and send its id, or leave off_session out.";
    PaymentMethodStateConflict = "payment_method_state_conflict", 409, never, "The stored payment method's status does not permit this.", "Read the payment method; only an active one can be charged or removed.";
    PaymentMethodNotAtProvider = "payment_method_not_at_provider", 422, never, "The provider that takes the payment does not have this payment method.", "Store it there with POST /v1/customers/{id}/payment_methods, or send another payment method.";
    TooManyPaymentMethods = "too_many_payment_methods", 422, never, "The customer has as many payment methods as it may have.", "Remove one first.";
    AmountAboveProviderMax = "amount_above_provider_max", 422, never, "No provider takes an amount this large.", "Split the payment; the detail says how much is taken at once.";
    CaptureAboveHeld = "capture_above_held", 422, never, "The capture is larger than what is held.", "Capture at most what the detail says is held.";
    RefundAboveRemaining = "refund_above_remaining", 422, never, "The refund is larger than what remains.", "Refund at most what the detail says remains; open refunds and disputes count.";
    TooManyOperations = "too_many_operations", 422, never, "The payment had as many operations of this kind as it may have.", "Create a new payment.";
    SecondPersonRequired = "second_person_required", 409, never, "Two different operators are needed.", "Let another operator agree with a key of their own.";
    VersionNotRaised = "version_not_raised", 409, never, "The version is not above the present one, or this program does not know it.", "Read the present version and upgrade the program first.";
    CommandQuarantined = "command_quarantined", 500, never, "This request crashed the platform before and is kept out.", "Tell the platform's operator the trace id; everything else goes on.";
    Busy = "busy", 503, later, "The platform has more work than it can take.", "Retry with the same Idempotency-Key after the seconds in Retry-After.";
    Stopping = "stopping", 503, later, "The platform is stopping.", "Retry with the same Idempotency-Key after the seconds in Retry-After; it tells whether this request was done.";
    NotReady = "not_ready", 503, later, "The platform is not ready.", "Wait until /readyz answers 200.";
    ViewsUnavailable = "views_unavailable", 503, later, "The read models cannot be read at the moment.", "Retry after the seconds in Retry-After; payments are not affected.";
    Internal = "internal", 500, later, "Something went wrong inside the platform.", "Retry with the same Idempotency-Key; if it happens again, tell the operator the trace id.";
}

/// Seconds in `Retry-After` where nothing better is known.
const RETRY_AFTER_S: u32 = 1;
/// Seconds in `Retry-After` of a platform that stops: about one restart.
const RETRY_AFTER_STOPPING_S: u32 = 5;

/// One error on its way out. The outermost layer turns it into a document, for it knows the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) field: Option<String>,
    pub(crate) payment: Option<PaymentId>,
    pub(crate) retry_after_s: Option<u32>,
}

/// A problem document (RFC 9457). `code` is stable; texts may change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// Address of the page about this code.
    #[serde(rename = "type")]
    kind: String,
    /// One sentence, the same for every problem of this code.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// Stable code for programs.
    code: Code,
    /// What happened this time.
    detail: String,
    /// What to do next.
    what_to_do: &'static str,
    /// The field, header or query parameter that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The payment that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<String>,
    /// Where the code is explained.
    doc_url: String,
    /// Trace to name when asking for help: 32 hexadecimal digits.
    trace_id: String,
    /// Whether the unchanged request may succeed later.
    retryable: bool,
}

impl Problem {
    /// A problem whose detail is its title.
    pub(crate) fn new(code: Code) -> Self {
        let retry_after_s = match code {
            Code::IdempotencyKeyInUse | Code::OperationInFlight | Code::Busy | Code::ApiKeyTaken => Some(RETRY_AFTER_S),
            Code::MinSeqNotReached | Code::NotReady | Code::ViewsUnavailable => Some(RETRY_AFTER_S),
            Code::Stopping => Some(RETRY_AFTER_STOPPING_S),
            _ => None,
        };
        Self { code, detail: code.facts().title.to_owned(), field: None, payment: None, retry_after_s }
    }

    /// A problem with what happened this time.
    pub(crate) fn with_detail(code: Code, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..Self::new(code) }
    }

    /// A problem with one field, header or parameter.
    pub(crate) fn of_field(code: Code, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::with_detail(code, detail) }
    }

    /// The document, completed with the trace.
    pub(crate) fn document(self, trace_id: String) -> ProblemDocument {
        let facts = self.code.facts();
        let page = format!("/docs/errors/{}", facts.code);
        ProblemDocument {
            kind: page.clone(),
            title: facts.title,
            status: facts.status,
            code: self.code,
            detail: self.detail,
            what_to_do: facts.what_to_do,
            field: self.field,
            payment: self.payment.map(|payment| payment.to_string()),
            doc_url: page,
            trace_id,
            retryable: facts.retryable,
        }
    }
}

/// In the description as it is sent.
impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let codes: Vec<&str> = Self::ALL.iter().map(|code| code.facts().code).collect();
        let description = "Every error code there is. Only grows; a code never changes its meaning.";
        ObjectBuilder::new().schema_type(Type::String).description(Some(description)).enum_values(Some(codes)).into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ErrorCode")
    }
}

impl Code {
    /// The HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.facts().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Status and headers; the problem itself travels as an extension to the layer that writes the body.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self.code, Code::ApiKeyMissing | Code::ApiKeyMalformed | Code::ApiKeyInvalid) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bezant\""));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// What each refusal of the engine is over HTTP. Exhaustive: a new refusal does not compile until it has its row.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Quarantined => Self::new(Code::CommandQuarantined),
            Refusal::MerchantUnknown => Self::new(Code::MerchantUnknown),
            Refusal::OperatorUnknown => Self::new(Code::OperatorUnknown),
            Refusal::HandleTaken => Self::of_field(Code::HandleTaken, "handle", "another merchant or operator has this handle"),
            Refusal::KeyTaken => Self::new(Code::ApiKeyTaken),
            Refusal::KeyUnknown => Self::new(Code::ApiKeyUnknown),
            Refusal::SecondPersonRequired => Self::new(Code::SecondPersonRequired),
            Refusal::NotParked => Self::new(Code::ParkedCallUnknown),
            Refusal::OutcomeKnown => Self::new(Code::OutcomeKnown),
            Refusal::PaymentUnknown => Self::new(Code::PaymentUnknown),
            Refusal::CustomerUnknown => Self::new(Code::CustomerUnknown),
            Refusal::MethodUnknown => Self::new(Code::PaymentMethodUnknown),
            Refusal::ProviderUnknown => Self::of_field(Code::ProviderUnknown, "provider", "no provider has this name"),
            Refusal::StoredMethodRequired => Self::of_field(
                Code::StoredPaymentMethodRequired,
                "payment_method",
                "off_session is true and payment_method is not a stored one",
            ),
            Refusal::MethodStateConflict { status } => {
                Self::with_detail(Code::PaymentMethodStateConflict, format!("the payment method's status is {}", status.name()))
            }
            Refusal::MethodNotAtProvider => Self::new(Code::PaymentMethodNotAtProvider),
            Refusal::TooManyMethods { count_max } => {
                Self::with_detail(Code::TooManyPaymentMethods, format!("a customer may have {count_max} payment methods"))
            }
            Refusal::IdempotencyKeyReused => Self::of_field(
                Code::IdempotencyKeyReused,
                "Idempotency-Key",
                "an earlier request with this key had another method, path or body",
            ),
            Refusal::IdempotencyKeyInUse => Self::of_field(
                Code::IdempotencyKeyInUse,
                "Idempotency-Key",
                "the provider has not answered the first request with this key",
            ),
            Refusal::IdempotencyKeyExpired { created } => {
                let (payment, id) = match created {
                    KeyedObject::Payment(payment) | KeyedObject::Refund { payment, .. } => (Some(payment), payment.to_string()),
                    KeyedObject::Customer(customer) => (None, customer.to_string()),
                    KeyedObject::Method(method) => (None, method.to_string()),
                };
                let detail = format!("this key acted on {id} more than 30 days ago");
                Self { payment, ..Self::of_field(Code::IdempotencyKeyExpired, "Idempotency-Key", detail) }
            }
            Refusal::ReferenceConflict { payment, status } => Self {
                payment: Some(payment),
                ..Self::of_field(
                    Code::ReferenceConflict,
                    "reference",
                    format!("{payment} has this reference, other content and the status {}", status.name()),
                )
            },
            Refusal::StateConflict { status } => {
                Self::with_detail(Code::StateConflict, format!("the payment's status is {}", status.name()))
            }
            Refusal::OperationInFlight => Self::new(Code::OperationInFlight),
            Refusal::PaymentMethodRequired => {
                Self::of_field(Code::PaymentMethodRequired, "payment_method", "an attempt needs a payment method and there is none")
            }
            Refusal::AmountAboveProviderMax { amount_minor_max } => Self::of_field(
                Code::AmountAboveProviderMax,
                "amount.amount_minor",
                format!("at most {amount_minor_max} minor units are taken at once"),
            ),
            Refusal::CaptureAboveHeld { held_minor } => {
                Self::of_field(Code::CaptureAboveHeld, "amount_minor", format!("{held_minor} minor units are held"))
            }
            Refusal::RefundAboveRemaining { remaining_minor } => {
                Self::of_field(Code::RefundAboveRemaining, "amount_minor", format!("{remaining_minor} minor units remain"))
            }
            Refusal::TooMany { what, count_max } => {
                Self::with_detail(Code::TooManyOperations, format!("a payment may have {count_max} {what}"))
            }
            Refusal::VersionNotRaised => Self::new(Code::VersionNotRaised),
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Busy { retry_after_s } => Self { retry_after_s: Some(retry_after_s), ..Self::new(Code::Busy) },
            SubmitError::Stopping => Self::new(Code::Stopping),
            SubmitError::Poisoned => Self::new(Code::CommandQuarantined),
        }
    }
}

const _: () = assert!(limits::IDEMPOTENCY_KEY_BYTES_MAX == 255, "a sentence above says 255");

#[cfg(test)]
mod tests {
    use super::{Code, Problem, SubmitError};
    use base::PaymentId;
    use engine::Refusal;
    use engine::state::KeyedObject;
    use payments::{PaymentStatus, StoredMethodStatus};
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_unique_and_say_what_to_do_in_sentences() {
        let mut seen = BTreeSet::new();
        for code in Code::ALL {
            let facts = code.facts();
            assert!(seen.insert(facts.code), "{}", facts.code);
            assert!(facts.code.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'));
            assert!(facts.title.ends_with('.') && facts.what_to_do.ends_with('.'), "{}", facts.code);
            assert_eq!(code.status().as_u16(), facts.status, "{}", facts.code);
            assert!((400..=599).contains(&facts.status), "{}", facts.code);
            assert_eq!(serde_json::to_value(code).unwrap(), facts.code);
        }
    }

    #[test]
    fn what_answers_503_or_in_use_says_when_to_retry() {
        for code in Code::ALL {
            let waits = code.facts().status == 503 || *code == Code::IdempotencyKeyInUse;
            assert!(!waits || (code.facts().retryable && Problem::new(*code).retry_after_s.is_some()), "{code:?}");
        }
    }

    #[test]
    fn every_refusal_has_its_status_and_code() {
        let payment = PaymentId::from_u128(7);
        let status = PaymentStatus::Captured;
        let table = [
            (Refusal::Quarantined, 500, "command_quarantined"),
            (Refusal::MerchantUnknown, 404, "merchant_unknown"),
            (Refusal::OperatorUnknown, 404, "operator_unknown"),
            (Refusal::HandleTaken, 409, "handle_taken"),
            (Refusal::KeyTaken, 503, "api_key_taken"),
            (Refusal::KeyUnknown, 404, "api_key_unknown"),
            (Refusal::PaymentUnknown, 404, "payment_unknown"),
            (Refusal::IdempotencyKeyReused, 422, "idempotency_key_reused"),
            (Refusal::IdempotencyKeyInUse, 409, "idempotency_key_in_use"),
            (Refusal::CustomerUnknown, 404, "customer_unknown"),
            (Refusal::MethodUnknown, 404, "payment_method_unknown"),
            (Refusal::ProviderUnknown, 422, "provider_unknown"),
            (Refusal::StoredMethodRequired, 422, "stored_payment_method_required"),
            (Refusal::MethodStateConflict { status: StoredMethodStatus::Removed }, 409, "payment_method_state_conflict"),
            (Refusal::MethodNotAtProvider, 422, "payment_method_not_at_provider"),
            (Refusal::TooManyMethods { count_max: 50 }, 422, "too_many_payment_methods"),
            (Refusal::IdempotencyKeyExpired { created: KeyedObject::Payment(payment) }, 409, "idempotency_key_expired"),
            (Refusal::ReferenceConflict { payment, status }, 409, "reference_conflict"),
            (Refusal::StateConflict { status }, 409, "state_conflict"),
            (Refusal::OperationInFlight, 409, "operation_in_flight"),
            (Refusal::PaymentMethodRequired, 422, "payment_method_required"),
            (Refusal::AmountAboveProviderMax { amount_minor_max: 1 }, 422, "amount_above_provider_max"),
            (Refusal::CaptureAboveHeld { held_minor: 1 }, 422, "capture_above_held"),
            (Refusal::RefundAboveRemaining { remaining_minor: 1 }, 422, "refund_above_remaining"),
            (Refusal::TooMany { what: "captures", count_max: 50 }, 422, "too_many_operations"),
            (Refusal::VersionNotRaised, 409, "version_not_raised"),
        ];
        for (refusal, expected_status, expected_code) in table {
            let named = matches!(refusal, Refusal::ReferenceConflict { .. } | Refusal::IdempotencyKeyExpired { .. });
            let problem = Problem::from(refusal);
            assert_eq!((problem.code.facts().status, problem.code.facts().code), (expected_status, expected_code));
            assert_eq!(problem.payment, named.then_some(payment), "{expected_code}");
        }
    }

    #[test]
    fn a_submission_without_an_answer_has_its_status() {
        for (error, status, retry_after_s) in [
            (SubmitError::Busy { retry_after_s: 3 }, 503, Some(3)),
            (SubmitError::Stopping, 503, Some(5)),
            (SubmitError::Poisoned, 500, None),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.code.facts().status, problem.retry_after_s), (status, retry_after_s));
        }
    }
}
