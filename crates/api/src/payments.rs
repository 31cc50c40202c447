//! Creating, confirming, capturing and canceling payments.

use crate::App;
use crate::details::{self, Customer, PaymentDetails, Shown};
use crate::errors::{Code, Problem};
use crate::extract::{Body, IdempotencyKey, MerchantCaller, PathText};
use crate::middleware::{About, BEZANT_SEQ};
use crate::objects::{Amount, Capture, Payment};
use crate::platform::Submitted;
use crate::submission::SubjectName;
use crate::{openapi, reads};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::limits::{
    AMOUNT_MINOR_MAX, DESCRIPTION_BYTES_MAX, EMAIL_BYTES_MAX, METADATA_ENTRIES_MAX, METADATA_KEY_BYTES_MAX, METADATA_VALUE_BYTES_MAX,
    PAYMENT_METHOD_BYTES_MAX, REFERENCE_BYTES_MAX,
};
use base::{Currency, CustomerId, EffectId, MerchantId, Money, MoneyError, PaymentId, PaymentMethodId, Redacted, SubjectId};
use engine::{CancelPayment, CapturePayment, Command, ConfirmPayment, CreatePayment, Presence, Private, Reply};
use http::{HeaderName, HeaderValue, StatusCode};
use payments::PaymentStatus;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Says that an earlier request was answered again.
pub(crate) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Longest `return_url`, in bytes.
const RETURN_URL_BYTES_MAX: usize = 2_048;
/// Longest name of a simulated fault, in bytes.
const SIMULATE_BYTES_MAX: usize = METADATA_VALUE_BYTES_MAX;
/// The metadata entry that asks a simulator for a fault.
const METADATA_SIM: &str = "sim";

/// A number that ought to be an amount. What is wrong with it is said by field and not by the JSON parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AmountMinor {
    /// A whole number from 0 on.
    Whole(u64),
    /// Below zero.
    Negative,
    /// Beyond 64 bits.
    TooLarge,
    /// With decimals.
    NotWhole,
}

impl<'de> Deserialize<'de> for AmountMinor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = AmountMinor;

    fn expecting(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("a whole number of minor units")
    }

    fn visit_u64<E>(self, value: u64) -> Result<AmountMinor, E> {
        Ok(AmountMinor::Whole(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<AmountMinor, E> {
        Ok(u64::try_from(value).map_or(AmountMinor::Negative, AmountMinor::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<AmountMinor, E> {
        Ok(match value {
            below if below < 0.0 => AmountMinor::Negative,
            beyond if beyond >= 1e18 => AmountMinor::TooLarge,
            _ => AmountMinor::NotWhole,
        })
    }
}

impl AmountMinor {
    /// An amount that may move money, in minor units.
    pub(crate) fn check(self, field: &str) -> Result<u64, Problem> {
        let too_large = || Problem::of_field(Code::AmountTooLarge, field, format!("{field} may be at most {AMOUNT_MINOR_MAX}"));
        match self {
            Self::Whole(0) => Err(Problem::of_field(Code::AmountZero, field, format!("{field} is zero"))),
            Self::Whole(amount_minor) if amount_minor > AMOUNT_MINOR_MAX => Err(too_large()),
            Self::Whole(amount_minor) => Ok(amount_minor),
            Self::Negative => Err(Problem::of_field(Code::AmountNegative, field, format!("{field} is negative"))),
            Self::TooLarge => Err(too_large()),
            Self::NotWhole => Err(Problem::of_field(Code::AmountNotWhole, field, format!("{field} has decimals"))),
        }
    }
}

/// How much to take.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AmountRequest {
    /// Minor units: 19.99 EUR is 1999, 500 JPY is 500, 1.250 KWD is 1250.
    #[schema(value_type = u64, minimum = 1, maximum = 1_000_000_000_000_u64)]
    pub(crate) amount_minor: AmountMinor,
    /// Active ISO 4217 code in capital letters.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub(crate) currency: String,
}

/// Creates a payment, or names an existing one again by its reference.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreatePayment)]
pub(crate) struct CreatePaymentRequest {
    /// How much.
    pub(crate) amount: AmountRequest,
    /// Whether money is taken at once; `automatic` when absent.
    capture: Option<Capture>,
    /// Whether to start an attempt now; true when absent.
    confirm: Option<bool>,
    /// The provider's token of the payment method, or a stored payment method, `pmt_…`; needed to confirm.
    #[schema(max_length = 120, example = "pm_card_visa")]
    payment_method: Option<String>,
    /// Whether the customer is away: only a stored payment method may then be charged, and where the issuer wants an
    /// authentication the payment is declined. False when absent.
    off_session: Option<bool>,
    /// The merchant's permanent, unique reference of the order, at most 200 bytes. The same reference with the same
    /// content is the same payment, for ever and whatever the `Idempotency-Key`.
    #[schema(max_length = 200)]
    reference: Option<String>,
    /// Who pays.
    customer: Option<Customer>,
    /// What for, at most 1,000 bytes.
    #[schema(max_length = 1_000)]
    description: Option<String>,
    /// The merchant's own fields: at most 50, keys of at most 40 bytes, values of at most 500.
    metadata: Option<BTreeMap<String, String>>,
    /// Where the provider sends the customer back to: an http or https URL of at most 2,048 bytes.
    #[schema(max_length = 2_048)]
    return_url: Option<String>,
    /// Whether a declined payment with this reference gets a new attempt; false when absent.
    retry_declined: Option<bool>,
}

/// Starts an attempt, or asks the provider again after the customer acted.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfirmPayment)]
pub(crate) struct ConfirmPaymentRequest {
    /// The provider's token or a stored payment method, `pmt_…`; the payment keeps its own when absent.
    #[schema(max_length = 120)]
    payment_method: Option<String>,
    /// Whether the customer is away; as the payment says when absent.
    off_session: Option<bool>,
    /// Where the provider sends the customer back to.
    #[schema(max_length = 2_048)]
    return_url: Option<String>,
    /// A fault for the provider simulator; refused where real money moves.
    #[schema(max_length = 500)]
    simulate: Option<String>,
}

/// Takes held money.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CapturePayment)]
pub(crate) struct CapturePaymentRequest {
    /// How much, in minor units of the payment's currency; everything held when absent.
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 1_000_000_000_000_u64)]
    amount_minor: Option<AmountMinor>,
    /// A fault for the provider simulator; refused where real money moves.
    #[schema(max_length = 500)]
    simulate: Option<String>,
}

/// Gives a payment up before its money is taken.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CancelPayment)]
pub(crate) struct CancelPaymentRequest {
    /// A fault for the provider simulator; refused where real money moves.
    #[schema(max_length = 500)]
    simulate: Option<String>,
}

/// What a payment is, beside its reference and the moment: the input of its content hash.
#[derive(Serialize)]
struct Content<'a> {
    amount: Amount,
    capture: Capture,
    payment_method: Option<&'a str>,
    customer: Option<&'a Customer>,
    description: Option<&'a str>,
    metadata: Option<&'a BTreeMap<String, String>>,
    return_url: Option<&'a str>,
    /// Left out when the customer is there, so that what was hashed before this field came has the same hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    off_session: Option<bool>,
}

/// Create a payment
///
/// Answers 201 with the payment once its outcome is known, 202 while it is processing, and 200 when the payment existed.
#[utoipa::path(
    post, path = "/v1/payments", tag = "payments", operation_id = "createPayment",
    params(openapi::IdempotencyKeyHeader), request_body = CreatePaymentRequest,
    responses((status = 201, description = "created", body = Payment), (status = 200, description = "existed", body = Payment),
        (status = 202, description = "processing", body = Payment)),
    security(("merchant_key" = []))
)]
pub(crate) async fn create(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    key: IdempotencyKey,
    body: Body<CreatePaymentRequest>,
) -> Result<Response, Problem> {
    let idempotency = app.idempotency(merchant, &key, "/v1/payments", &body.json);
    let request = body.value;
    let money = request.check()?;
    let content = app.content(merchant, &serde_json::to_value(request.content(money)).map_err(|_| Problem::new(Code::Internal))?);
    let reference = request.reference.as_deref().map(|reference| app.reference(merchant, reference));
    let simulate = request.metadata.as_ref().and_then(|metadata| metadata.get(METADATA_SIM)).cloned();
    let charged = Charged::parse(request.payment_method, request.customer.as_ref())?;
    let known = charged.known(&app, merchant).await?;
    let subject = known.as_ref().map_or_else(
        || app.subject(merchant, &subject_name(request.customer.as_ref(), idempotency.key)),
        |(_, subject)| app.platform.living_subject(*subject),
    );
    let customer = known.map_or(request.customer.clone(), |(id, _)| Some(with_id(request.customer, id)));
    let capture = request.capture.unwrap_or(Capture::Automatic).into();
    let details = PaymentDetails { reference: request.reference, customer, description: request.description, metadata: request.metadata };
    let sealed = app.seal(subject, details::plaintext(&details)).await?;
    let command = Command::CreatePayment(CreatePayment {
        merchant,
        idempotency,
        reference,
        content,
        subject,
        money,
        capture,
        payment_method: charged.token,
        customer: charged.customer,
        method: charged.method,
        presence: if request.off_session == Some(true) { Presence::OffSession } else { Presence::OnSession },
        confirm: request.confirm.unwrap_or(true),
        retry_declined: request.retry_declined.unwrap_or(false),
        details: sealed,
        private: Private { return_url: request.return_url.map(Redacted::new), simulate: simulate.filter(|_| app.options.allow_simulate) },
    });
    let submitted = app.submit(command).await?;
    answer(&app, merchant, &submitted, Some(details)).await
}

/// Confirm a payment
///
/// Starts an attempt for a payment that was created without one or was declined, or asks the provider again after the
/// customer acted.
#[utoipa::path(
    post, path = "/v1/payments/{id}/confirm", tag = "payments", operation_id = "confirmPayment",
    params(("id" = String, Path, description = "`pay_…`"), openapi::IdempotencyKeyHeader), request_body(content = ConfirmPaymentRequest),
    responses((status = 200, description = "decided", body = Payment), (status = 202, description = "processing", body = Payment)),
    security(("merchant_key" = []))
)]
pub(crate) async fn confirm(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    key: IdempotencyKey,
    path: PathText,
    body: Body<ConfirmPaymentRequest>,
) -> Result<Response, Problem> {
    let payment = path.payment()?;
    let idempotency = app.idempotency(merchant, &key, &format!("/v1/payments/{payment}/confirm"), &body.json);
    let ConfirmPaymentRequest { payment_method, off_session, return_url, simulate } = body.value;
    check_payment_method(payment_method.as_deref())?;
    check_return_url(return_url.as_deref())?;
    check_simulate(&app, simulate.as_deref())?;
    let private = Private { return_url: return_url.map(Redacted::new), simulate };
    let Charged { token: payment_method, method, customer: _ } = Charged::parse(payment_method, None)?;
    let presence = off_session.map(|away| if away { Presence::OffSession } else { Presence::OnSession });
    let command = Command::ConfirmPayment(ConfirmPayment { merchant, payment, idempotency, payment_method, method, presence, private });
    let submitted = app.submit(command).await?;
    answer(&app, merchant, &submitted, None).await
}

/// Capture a payment
///
/// Takes held money, or a part of it. Where a provider has only one capture, the rest is released.
#[utoipa::path(
    post, path = "/v1/payments/{id}/capture", tag = "payments", operation_id = "capturePayment",
    params(("id" = String, Path, description = "`pay_…`"), openapi::IdempotencyKeyHeader), request_body(content = CapturePaymentRequest),
    responses((status = 200, description = "decided", body = Payment), (status = 202, description = "not decided yet", body = Payment)),
    security(("merchant_key" = []))
)]
pub(crate) async fn capture(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    key: IdempotencyKey,
    path: PathText,
    body: Body<CapturePaymentRequest>,
) -> Result<Response, Problem> {
    let payment = path.payment()?;
    let idempotency = app.idempotency(merchant, &key, &format!("/v1/payments/{payment}/capture"), &body.json);
    let CapturePaymentRequest { amount_minor, simulate } = body.value;
    let amount_minor = amount_minor.map(|amount| amount.check("amount_minor")).transpose()?;
    check_simulate(&app, simulate.as_deref())?;
    let private = Private { return_url: None, simulate };
    let command = Command::CapturePayment(CapturePayment { merchant, payment, idempotency, amount_minor, private });
    let submitted = app.submit(command).await?;
    answer(&app, merchant, &submitted, None).await
}

/// Cancel a payment
///
/// Gives a payment up before its money is taken. Where a provider holds money, only its confirmation makes it so.
#[utoipa::path(
    post, path = "/v1/payments/{id}/cancel", tag = "payments", operation_id = "cancelPayment",
    params(("id" = String, Path, description = "`pay_…`"), openapi::IdempotencyKeyHeader), request_body(content = CancelPaymentRequest),
    responses((status = 200, description = "decided", body = Payment), (status = 202, description = "not decided yet", body = Payment)),
    security(("merchant_key" = []))
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    key: IdempotencyKey,
    path: PathText,
    body: Body<CancelPaymentRequest>,
) -> Result<Response, Problem> {
    let payment = path.payment()?;
    let idempotency = app.idempotency(merchant, &key, &format!("/v1/payments/{payment}/cancel"), &body.json);
    let CancelPaymentRequest { simulate } = body.value;
    check_simulate(&app, simulate.as_deref())?;
    let private = Private { return_url: None, simulate };
    let submitted = app.submit(Command::CancelPayment(CancelPayment { merchant, payment, idempotency, private })).await?;
    answer(&app, merchant, &submitted, None).await
}

/// Waits for the outcome and answers with the payment as the engine knows it. `created` holds the plaintext of a
/// request that creates; a replay shows what was sealed, for the subject may have been erased since.
async fn answer(app: &App, merchant: MerchantId, submitted: &Submitted, created: Option<PaymentDetails>) -> Result<Response, Problem> {
    let (id, replayed, waiting_for) = about_payment(&submitted.reply)?;
    let settled = app.settled(id, waiting_for).await;
    let creates = created.is_some();
    let fresh = created.filter(|_| !replayed);
    let shown = match fresh {
        Some(details) => Shown { details, erased: false },
        None => reads::payment_details(app, merchant, id, submitted.seq).await,
    };
    let (payment, state_seq) = app.platform.payment(merchant, id).await?.ok_or_else(|| Problem::new(Code::PaymentUnknown))?;
    let object = Payment::of_state(id, &payment, shown, &app.options.providers);
    let status = if !settled || payment.status == PaymentStatus::Processing {
        StatusCode::ACCEPTED
    } else if creates && !replayed && payment.attempts.len() <= 1 {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(money_response(status, Json(object), &Answered { payment: id, replayed, seq: submitted.seq.max(state_seq) }))
}

fn about_payment(reply: &Reply) -> Result<(PaymentId, bool, Option<EffectId>), Problem> {
    match reply {
        Reply::Payment { payment, replayed, waiting_for } => Ok((*payment, *replayed, *waiting_for)),
        Reply::Refund { .. }
        | Reply::Customer { .. }
        | Reply::Method { .. }
        | Reply::LedgerAccounts { .. }
        | Reply::LedgerTransfers { .. }
        | Reply::LedgerEntries { .. }
        | Reply::Done
        | Reply::Refused(_) => Err(Problem::new(Code::Internal)),
    }
}

/// What headers say about an answer that moved money.
pub(crate) struct Answered {
    pub(crate) payment: PaymentId,
    pub(crate) replayed: bool,
    pub(crate) seq: u64,
}

/// An object with the headers of an answer that moved money.
pub(crate) fn money_response(status: StatusCode, body: impl IntoResponse, answered: &Answered) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(answered.seq));
    if answered.replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    response.extensions_mut().insert(About(answered.payment));
    response
}

impl CreatePaymentRequest {
    /// Checks every field in the order of the description; gives the money.
    fn check(&self) -> Result<Money, Problem> {
        let amount_minor = self.amount.amount_minor.check("amount.amount_minor")?;
        let currency = parse_currency(&self.amount.currency)?;
        check_payment_method(self.payment_method.as_deref())?;
        check_text("reference", self.reference.as_deref(), REFERENCE_BYTES_MAX)?;
        if let Some(customer) = &self.customer {
            check_customer(customer)?;
        }
        check_length("description", self.description.as_deref(), DESCRIPTION_BYTES_MAX)?;
        check_metadata(self.metadata.as_ref())?;
        check_return_url(self.return_url.as_deref())?;
        Ok(Money { amount_minor, currency })
    }

    /// What the content hash covers: all but the reference, the key and what belongs to this moment only.
    fn content(&self, money: Money) -> Content<'_> {
        Content {
            amount: Amount::new(money),
            capture: self.capture.unwrap_or(Capture::Automatic),
            payment_method: self.payment_method.as_deref(),
            customer: self.customer.as_ref(),
            description: self.description.as_deref(),
            metadata: self.metadata.as_ref(),
            return_url: self.return_url.as_deref(),
            off_session: self.off_session.filter(|away| *away),
        }
    }
}

fn subject_name(customer: Option<&Customer>, key: [u8; 16]) -> SubjectName<'_> {
    let id = customer.and_then(|customer| customer.id.as_deref()).map(SubjectName::Customer);
    let email = customer.and_then(|customer| customer.email.as_deref()).map(SubjectName::Email);
    id.or(email).unwrap_or(SubjectName::Payment(key))
}

/// Whom a request charges, and with what.
struct Charged {
    token: Option<String>,
    method: Option<PaymentMethodId>,
    customer: Option<CustomerId>,
}

impl Charged {
    /// Tells our own ids from providers' tokens and from merchants' ids. What starts like an id of ours and is none is
    /// refused where a provider could have no such token; a merchant may call its customers whatever it likes.
    fn parse(payment_method: Option<String>, customer: Option<&Customer>) -> Result<Self, Problem> {
        let customer = customer.and_then(|customer| customer.id.as_deref()).and_then(|id| id.parse().ok());
        let is_ours = |text: &String| text.split_once('_').is_some_and(|(prefix, _)| prefix == PaymentMethodId::PREFIX);
        match payment_method {
            Some(text) if is_ours(&text) => {
                let unknown = || Problem { field: Some("payment_method".to_owned()), ..Problem::new(Code::PaymentMethodUnknown) };
                Ok(Self { token: None, method: Some(text.parse().map_err(|_| unknown())?), customer })
            }
            token => Ok(Self { token, method: None, customer }),
        }
    }

    /// The stored customer and whose data is theirs; `None` when the request names nobody that is stored.
    async fn known(&self, app: &App, merchant: MerchantId) -> Result<Option<(CustomerId, SubjectId)>, Problem> {
        let named = match (self.customer, self.method) {
            (Some(customer), _) => Some(customer),
            (None, Some(method)) => {
                let stored = app.platform.payment_method(merchant, method).await?;
                let (stored, _) = stored.ok_or_else(|| Problem::new(Code::PaymentMethodUnknown))?;
                Some(stored.customer)
            }
            (None, None) => None,
        };
        let Some(customer) = named else {
            return Ok(None);
        };
        let (found, _) = app.platform.customer(merchant, customer).await?.ok_or_else(|| Problem::new(Code::CustomerUnknown))?;
        Ok(Some((customer, found.subject)))
    }
}

/// What a request says of a stored customer, with the customer's id.
fn with_id(customer: Option<Customer>, id: CustomerId) -> Customer {
    let (email, country) = customer.map_or((None, None), |customer| (customer.email, customer.country));
    Customer { id: Some(id.to_string()), email, country }
}

/// A currency by its code.
fn parse_currency(text: &str) -> Result<Currency, Problem> {
    text.parse().map_err(|error: MoneyError| Problem::of_field(Code::CurrencyUnknown, "amount.currency", error.to_string()))
}

fn check_customer(customer: &Customer) -> Result<(), Problem> {
    let Customer { id, email, country } = customer;
    check_text("customer.id", id.as_deref(), REFERENCE_BYTES_MAX)?;
    check_email("customer.email", email.as_deref())?;
    let is_code = |country: &str| country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    if country.as_deref().is_some_and(|country| !is_code(country)) {
        return Err(invalid("customer.country", "must be two capital letters, such as DE"));
    }
    Ok(())
}

/// An e-mail address as far as that can be told without asking its domain.
pub(crate) fn check_email(field: &str, email: Option<&str>) -> Result<(), Problem> {
    check_text(field, email, EMAIL_BYTES_MAX)?;
    let has_at = |email: &str| email.split_once('@').is_some_and(|(name, domain)| !name.trim().is_empty() && !domain.trim().is_empty());
    if email.is_some_and(|email| !has_at(email)) {
        return Err(invalid(field, "must have a name, an @ and a domain"));
    }
    Ok(())
}

/// A provider's token: letters, digits, underscores and hyphens.
pub(crate) fn check_payment_method(token: Option<&str>) -> Result<(), Problem> {
    check_text("payment_method", token, PAYMENT_METHOD_BYTES_MAX)?;
    let is_token = |token: &str| token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if token.is_some_and(|token| !is_token(token)) {
        return Err(invalid("payment_method", "must be a provider's token of letters, digits, underscores and hyphens"));
    }
    Ok(())
}

fn check_return_url(url: Option<&str>) -> Result<(), Problem> {
    check_length("return_url", url, RETURN_URL_BYTES_MAX)?;
    let host = |url: &str| url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).map(str::len);
    let is_plain = |url: &str| url.bytes().all(|byte| byte.is_ascii_graphic());
    if url.is_some_and(|url| host(url).unwrap_or(0) == 0 || !is_plain(url)) {
        return Err(invalid("return_url", "must be an absolute http or https URL in ASCII"));
    }
    Ok(())
}

/// A wish for a simulated fault is an error where nothing simulates: silence would hide that it was not heard.
fn check_simulate(app: &App, simulate: Option<&str>) -> Result<(), Problem> {
    check_length("simulate", simulate, SIMULATE_BYTES_MAX)?;
    if simulate.is_some() && !app.options.allow_simulate {
        return Err(invalid("simulate", "is not available on this platform"));
    }
    Ok(())
}

/// The merchant's own fields are bounded in number and size.
pub(crate) fn check_metadata(metadata: Option<&BTreeMap<String, String>>) -> Result<(), Problem> {
    let Some(metadata) = metadata else {
        return Ok(());
    };
    if metadata.len() > METADATA_ENTRIES_MAX {
        let detail = format!("metadata has {} entries and may have {METADATA_ENTRIES_MAX}", metadata.len());
        return Err(Problem::of_field(Code::FieldTooLong, "metadata", detail));
    }
    for (key, value) in metadata {
        if key.is_empty() {
            return Err(invalid("metadata", "has an entry without a key"));
        }
        if key.len() > METADATA_KEY_BYTES_MAX {
            let detail = format!("a key in metadata has {} bytes and may have {METADATA_KEY_BYTES_MAX}", key.len());
            return Err(Problem::of_field(Code::FieldTooLong, "metadata", detail));
        }
        check_length(&format!("metadata.{key}"), Some(value), METADATA_VALUE_BYTES_MAX)?;
    }
    Ok(())
}

/// A text that names something: not empty, bounded, without control characters.
pub(crate) fn check_text(field: &str, text: Option<&str>, bytes_max: usize) -> Result<(), Problem> {
    check_length(field, text, bytes_max)?;
    if text.is_some_and(|text| text.trim().is_empty()) {
        return Err(invalid(field, "must not be empty; leave it out instead"));
    }
    if text.is_some_and(|text| text.chars().any(char::is_control)) {
        return Err(invalid(field, "must not have control characters"));
    }
    Ok(())
}

/// A bounded text.
pub(crate) fn check_length(field: &str, text: Option<&str>, bytes_max: usize) -> Result<(), Problem> {
    let bytes = text.map_or(0, str::len);
    if bytes > bytes_max {
        return Err(Problem::of_field(Code::FieldTooLong, field, format!("{field} has {bytes} bytes and may have {bytes_max}")));
    }
    Ok(())
}

fn invalid(field: &str, rule: &str) -> Problem {
    Problem::of_field(Code::FieldInvalid, field, format!("{field} {rule}"))
}
