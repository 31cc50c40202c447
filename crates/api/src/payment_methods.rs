//! Payment methods that customers store. A provider keeps each one; here is what may be shown and charged.

use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{Body, IdempotencyKey, MerchantCaller, Parameters, PathText};
use crate::middleware::BEZANT_SEQ;
use crate::objects::{List, provider_name};
use crate::openapi;
use crate::payments::{IDEMPOTENT_REPLAYED, check_payment_method};
use crate::reads::{PAGE_LIMIT_MAX, caught_up, query, read_response};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::{CustomerId, MerchantId, PaymentMethodId, Timestamp};
use engine::{CardFacts, Command, Reply, StorePaymentMethod};
use http::{HeaderMap, HeaderValue, StatusCode};
use payments::StoredMethodStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use views::PaymentMethodRow;

/// Stores a payment method with a customer.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StorePaymentMethod)]
pub(crate) struct StorePaymentMethodRequest {
    /// The provider's token.
    #[schema(max_length = 120, example = "pm_card_visa")]
    payment_method: String,
    /// The provider that gave the token; the platform's first when absent.
    provider: Option<String>,
}

/// A stored payment method.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PaymentMethod {
    /// `pmt_…`
    id: String,
    /// Always `payment_method`.
    #[schema(value_type = String, example = "payment_method")]
    object: &'static str,
    /// The customer that stored it, `cus_…`
    customer: String,
    /// Where it stands; only an active one can be charged.
    #[schema(schema_with = status_schema)]
    status: &'static str,
    /// What may be shown of it; null when it is no card or is not stored yet.
    card: Option<Card>,
    /// Where it can be charged; empty when it cannot be.
    credentials: Vec<Credential>,
    /// Why it was not stored or not removed.
    failure_code: Option<String>,
    /// When it was given (RFC 3339).
    created_at: String,
}

/// What may be shown of a card.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Card {
    /// The provider's word for the scheme.
    #[schema(example = "visa")]
    brand: String,
    /// The last four digits.
    #[schema(example = "4242")]
    last4: String,
    /// Month of expiry.
    #[schema(minimum = 1, maximum = 12)]
    exp_month: u16,
    /// Year of expiry.
    exp_year: u16,
}

/// One provider's token for a stored payment method.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Credential {
    /// The provider.
    provider: String,
    /// The provider's token.
    provider_id: String,
}

/// What the engine's state and a row have in common.
struct Parts<'a> {
    id: PaymentMethodId,
    customer: CustomerId,
    status: StoredMethodStatus,
    card: Option<&'a CardFacts>,
    credentials: Vec<(u16, &'a String)>,
    failure_code: Option<&'a String>,
    created_at: Timestamp,
}

impl<'a> Parts<'a> {
    fn of_state(id: PaymentMethodId, stored: &'a engine::StoredMethod) -> Self {
        Self {
            id,
            customer: stored.customer,
            status: stored.status,
            card: stored.card.as_ref(),
            credentials: stored.credentials.iter().map(|(provider, token)| (*provider, token)).collect(),
            failure_code: stored.failure.as_ref(),
            created_at: stored.created_at,
        }
    }

    fn of_row(row: &'a PaymentMethodRow) -> Self {
        Self {
            id: row.id,
            customer: row.customer,
            status: row.status,
            card: row.card.as_ref(),
            credentials: row.provider_id.iter().map(|token| (row.provider, token)).collect(),
            failure_code: row.failure_code.as_ref(),
            created_at: row.created_at,
        }
    }

    fn object(&self, providers: &[String]) -> PaymentMethod {
        let credential = |(provider, token): &(u16, &String)| Credential {
            provider: provider_name(providers, *provider),
            provider_id: (*token).clone(),
        };
        let card = |card: &CardFacts| {
            let CardFacts { brand, last4, exp_month, exp_year } = card.clone();
            Card { brand, last4, exp_month, exp_year }
        };
        PaymentMethod {
            id: self.id.to_string(),
            object: "payment_method",
            customer: self.customer.to_string(),
            status: self.status.name(),
            card: self.card.map(card),
            credentials: self.credentials.iter().map(credential).collect(),
            failure_code: self.failure_code.cloned(),
            created_at: self.created_at.to_string(),
        }
    }
}

fn status_schema() -> Object {
    let names = StoredMethodStatus::ALL.iter().map(|status| status.name());
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

/// Store a payment method
///
/// Answers 201 once the provider keeps it or has refused to, and 202 while it is `storing`.
#[utoipa::path(
    post, path = "/v1/customers/{id}/payment_methods", tag = "customers", operation_id = "storePaymentMethod",
    params(("id" = String, Path, description = "`cus_…`"), openapi::IdempotencyKeyHeader), request_body = StorePaymentMethodRequest,
    responses((status = 201, description = "decided", body = PaymentMethod), (status = 200, description = "existed", body = PaymentMethod),
        (status = 202, description = "not decided yet", body = PaymentMethod)),
    security(("merchant_key" = []))
)]
pub(crate) async fn store(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    key: IdempotencyKey,
    path: PathText,
    body: Body<StorePaymentMethodRequest>,
) -> Result<Response, Problem> {
    let customer = path.customer()?;
    let idempotency = app.idempotency(merchant, &key, &format!("/v1/customers/{customer}/payment_methods"), &body.json);
    let StorePaymentMethodRequest { payment_method: token, provider } = body.value;
    check_payment_method(Some(&token))?;
    if token.split_once('_').is_some_and(|(prefix, _)| prefix == PaymentMethodId::PREFIX) {
        let detail = "this payment method is stored already; give the provider's token of another one";
        return Err(Problem::of_field(Code::FieldInvalid, "payment_method", detail));
    }
    let provider = provider.map_or(Ok(0), |name| provider_number(&app, &name))?;
    let command = StorePaymentMethod { merchant, customer, idempotency, provider, token };
    let submitted = app.submit(Command::StorePaymentMethod(command)).await?;
    answer(&app, merchant, &submitted, StatusCode::CREATED).await
}

/// Retrieve a payment method
#[utoipa::path(
    get, path = "/v1/payment_methods/{id}", tag = "customers", operation_id = "retrievePaymentMethod",
    params(("id" = String, Path, description = "`pmt_…`"), openapi::MinSeqHeader),
    responses((status = 200, description = "the payment method", body = PaymentMethod)), security(("merchant_key" = []))
)]
pub(crate) async fn retrieve(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    path: PathText,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let id = path.payment_method()?;
    let seq = caught_up(&app, &headers).await?;
    let row = query(&app, move |_, views| views.payment_method(merchant, id)).await?;
    let row = row.ok_or_else(|| Problem::new(Code::PaymentMethodUnknown))?;
    Ok(read_response(Json(Parts::of_row(&row).object(&app.options.providers)), seq))
}

/// List a customer's payment methods
///
/// The newest 100, newest first, failed and removed ones included.
#[utoipa::path(
    get, path = "/v1/customers/{id}/payment_methods", tag = "customers", operation_id = "listPaymentMethods",
    params(("id" = String, Path, description = "`cus_…`"), openapi::MinSeqHeader),
    responses((status = 200, description = "the payment methods", body = List<PaymentMethod>)), security(("merchant_key" = []))
)]
pub(crate) async fn list(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    path: PathText,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let customer = path.customer()?;
    let seq = caught_up(&app, &headers).await?;
    let rows = query(&app, move |_, views| views.payment_methods(merchant, customer, PAGE_LIMIT_MAX)).await?;
    let rows = rows.ok_or_else(|| Problem::new(Code::CustomerUnknown))?;
    let data = rows.iter().map(|row| Parts::of_row(row).object(&app.options.providers)).collect();
    Ok(read_response(Json(List::new(data, None)), seq))
}

/// Remove a payment method
///
/// Answers 200 once the provider gave it up or has refused to, and 202 while it is `removing`. No new payment
/// takes it from the moment on that this is asked; one that was started before goes on.
#[utoipa::path(
    delete, path = "/v1/payment_methods/{id}", tag = "customers", operation_id = "removePaymentMethod",
    params(("id" = String, Path, description = "`pmt_…`")),
    responses((status = 200, description = "decided", body = PaymentMethod),
        (status = 202, description = "not decided yet", body = PaymentMethod)),
    security(("merchant_key" = []))
)]
pub(crate) async fn remove(State(app): State<App>, MerchantCaller(merchant): MerchantCaller, path: PathText) -> Result<Response, Problem> {
    let method = path.payment_method()?;
    let submitted = app.submit(Command::RemovePaymentMethod { merchant, method }).await?;
    answer(&app, merchant, &submitted, StatusCode::OK).await
}

/// Waits for the outcome and answers with the payment method as the engine knows it; `fresh` is the status of an answer
/// that was not given before.
async fn answer(app: &App, merchant: MerchantId, submitted: &crate::platform::Submitted, fresh: StatusCode) -> Result<Response, Problem> {
    let Reply::Method { method, replayed, waiting_for } = submitted.reply else {
        return Err(Problem::new(Code::Internal));
    };
    app.method_settled(method, waiting_for).await;
    let found = app.platform.payment_method(merchant, method).await?;
    let (stored, state_seq) = found.ok_or_else(|| Problem::new(Code::PaymentMethodUnknown))?;
    let status = match (stored.is_undecided(), replayed) {
        (true, _) => StatusCode::ACCEPTED,
        (false, true) => StatusCode::OK,
        (false, false) => fresh,
    };
    let object = Parts::of_state(method, &stored).object(&app.options.providers);
    let mut response = (status, Json(object)).into_response();
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(submitted.seq.max(state_seq)));
    if replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn provider_number(app: &App, name: &str) -> Result<u16, Problem> {
    let position = app.options.providers.iter().position(|known| known == name);
    let unknown = || Problem::of_field(Code::ProviderUnknown, "provider", "no provider of this platform has this name");
    position.and_then(|position| u16::try_from(position).ok()).ok_or_else(unknown)
}
