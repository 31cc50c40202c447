//! Reads of merchants: objects and lists from the read models, balances from the engine.
//!
//! A read waits a moment until the read models hold every event that was durable when it arrived, so that a client
//! always sees its own writes. One that asks for a position with `Bezant-Min-Seq` gets it or 503; one that does not is
//! answered with what is there.

use crate::App;
use crate::details::{self, PaymentDetails, RefundDetails, Shown};
use crate::errors::{Code, Problem};
use crate::extract::{BEZANT_MERCHANT, MerchantCaller, Parameters, PathText, ReadScope, min_seq};
use crate::journey;
use crate::middleware::{About, BEZANT_SEQ};
use crate::objects::{self, Balances, Event, List, Payment, Refund};
use crate::openapi;
use crate::submission;
use crate::times::parse_rfc3339;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::limits::REFERENCE_BYTES_MAX;
use base::{MerchantId, PaymentId, RefundId};
use engine::EventKind;
use http::{HeaderMap, HeaderValue};
use payments::{PaymentStatus, RefundStatus};
use std::time::Duration;
use tokio::time::Instant;
use views::{Cursor, CursorKind, EventFilter, Order, Page, PaymentFilter, PaymentRow, Reader, RefundFilter, Scope};

/// How long a read waits for the read models, in milliseconds.
const READ_WAIT_MS_MAX: u64 = 2_000;
/// Objects on a page when the request does not say.
const PAGE_LIMIT_DEFAULT: usize = 20;
/// Most objects on a page.
pub(crate) const PAGE_LIMIT_MAX: usize = 100;
/// Longest decline code of a provider, in bytes.
const DECLINE_CODE_BYTES_MAX: usize = 64;

/// Retrieve a payment
#[utoipa::path(
    get, path = "/v1/payments/{id}", tag = "payments", operation_id = "retrievePayment",
    params(("id" = String, Path, description = "`pay_…`"), openapi::MinSeqHeader),
    responses((status = 200, description = "the payment", body = Payment)), security(("merchant_key" = []))
)]
pub(crate) async fn payment(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    path: PathText,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let id = path.payment()?;
    let seq = caught_up(&app, &headers).await?;
    let found = query(&app, move |app, views| {
        let Some(row) = views.payment(merchant, id)? else {
            return Ok(None);
        };
        object(app, views, &row).map(Some)
    });
    let payment = found.await?.ok_or_else(|| Problem::new(Code::PaymentUnknown))?;
    let mut response = read_response(Json(payment), seq);
    response.extensions_mut().insert(About(id));
    Ok(response)
}

/// List payments
///
/// Newest first; with an operator's key and without `Bezant-Merchant`, of all merchants.
#[utoipa::path(
    get, path = "/v1/payments", tag = "payments", operation_id = "listPayments",
    params(openapi::PageQuery, openapi::PaymentQuery, openapi::MinSeqHeader),
    responses((status = 200, description = "a page", body = List<Payment>)), security(("merchant_key" = []))
)]
pub(crate) async fn payments(
    State(app): State<App>,
    ReadScope(scope): ReadScope,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = page(&mut parameters, CursorKind::Payments)?;
    let amount = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let reference = parameters
        .parse("reference", "a reference of at most 200 bytes", |text| (text.len() <= REFERENCE_BYTES_MAX).then(|| text.to_owned()))?;
    let reference = match (scope, reference) {
        (_, None) => None,
        (Scope::Merchant(merchant), Some(reference)) => Some(app.reference(merchant, &reference)),
        (Scope::All, Some(_)) => {
            let detail = "a reference is one merchant's: name the merchant in Bezant-Merchant, or ask GET /v1/search";
            return Err(Problem::of_field(Code::MerchantMissing, BEZANT_MERCHANT, detail));
        }
    };
    let code = |text: &str| (text.len() <= DECLINE_CODE_BYTES_MAX).then(|| text.to_owned());
    let filter = PaymentFilter {
        status: parameters.parse("status", "a payment's status", PaymentStatus::parse_name)?,
        created_from: parameters.parse("created_from", "a time such as 2026-11-21T09:33:00Z", parse_rfc3339)?,
        created_until: parameters.parse("created_until", "a time such as 2026-11-21T09:33:00Z", parse_rfc3339)?,
        currency: parameters.parse("currency", "an ISO 4217 code such as EUR", |text| text.parse().ok())?,
        reference,
        amount_minor_min: parameters.parse("amount_minor_min", "a whole number", amount)?,
        amount_minor_max: parameters.parse("amount_minor_max", "a whole number", amount)?,
        customer: parameters.parse("customer", "a customer's id, cus_…", |text| text.parse().ok())?,
        decline_class: parameters.parse("decline_class", "a decline's class, such as soft_funds", objects::parse_decline_class)?,
        decline_code: parameters.parse("decline_code", "a provider's code of at most 64 bytes", code)?,
    };
    parameters.finish()?;
    let seq = caught_up(&app, &headers).await?;
    let found = query(&app, move |app, views| {
        let found = views.payments(scope, &filter, &page)?;
        let data: Result<Vec<_>, _> = found.items.iter().map(|row| object(app, views, row)).collect();
        Ok(List::new(data?, found.next.map(|next| next.to_string())))
    });
    Ok(read_response(Json(found.await?), seq))
}

/// Retrieve a refund
#[utoipa::path(
    get, path = "/v1/refunds/{id}", tag = "refunds", operation_id = "retrieveRefund",
    params(("id" = String, Path, description = "`ref_…`"), openapi::MinSeqHeader),
    responses((status = 200, description = "the refund", body = Refund)), security(("merchant_key" = []))
)]
pub(crate) async fn refund(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    path: PathText,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let id = path.refund()?;
    let seq = caught_up(&app, &headers).await?;
    let row = query(&app, move |_, views| views.refund(merchant, id)).await?;
    let row = row.ok_or_else(|| Problem::new(Code::RefundUnknown))?;
    let shown = details::open(app.platform.as_ref(), row.details.as_ref());
    let mut response = read_response(Json(Refund::of_row(&row, shown)), seq);
    response.extensions_mut().insert(About(row.payment));
    Ok(response)
}

/// List refunds
///
/// Newest first; with an operator's key and without `Bezant-Merchant`, of all merchants.
#[utoipa::path(
    get, path = "/v1/refunds", tag = "refunds", operation_id = "listRefunds",
    params(openapi::PageQuery, openapi::RefundQuery, openapi::MinSeqHeader),
    responses((status = 200, description = "a page", body = List<Refund>)), security(("merchant_key" = []))
)]
pub(crate) async fn refunds(
    State(app): State<App>,
    ReadScope(scope): ReadScope,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = page(&mut parameters, CursorKind::Refunds)?;
    let filter = RefundFilter {
        payment: parameters.parse("payment", "a payment's id, pay_…", |text| text.parse().ok())?,
        status: parameters.parse("status", "a refund's status", RefundStatus::parse_name)?,
    };
    parameters.finish()?;
    let seq = caught_up(&app, &headers).await?;
    let found = query(&app, move |_, views| views.refunds(scope, &filter, &page)).await?;
    let object = |row| Refund::of_row(row, details::open(app.platform.as_ref(), row.details.as_ref()));
    let data = found.items.iter().map(object).collect();
    Ok(read_response(Json(List::new(data, found.next.map(|next| next.to_string()))), seq))
}

/// Retrieve balances
///
/// From the books themselves, as of now.
#[utoipa::path(
    get, path = "/v1/balances", tag = "balances", operation_id = "retrieveBalances",
    responses((status = 200, description = "the merchant's books", body = Balances)), security(("merchant_key" = []))
)]
pub(crate) async fn balances(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    parameters: Parameters,
) -> Result<Json<Balances>, Problem> {
    parameters.finish()?;
    Ok(Json(Balances::new(&app.platform.balances(merchant).await?)))
}

/// List events
///
/// Everything that happened to the merchant and its payments; oldest first unless `order` says otherwise.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "listEvents",
    params(openapi::PageQuery, openapi::EventQuery, openapi::MinSeqHeader),
    responses((status = 200, description = "a page", body = List<Event>)), security(("merchant_key" = []))
)]
pub(crate) async fn events(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = page(&mut parameters, CursorKind::Events)?;
    let order = |text: &str| match text {
        "oldest_first" => Some(Order::OldestFirst),
        "newest_first" => Some(Order::NewestFirst),
        _ => None,
    };
    let kind = |text: &str| EventKind::ALL.iter().copied().find(|kind| kind.name() == text);
    let filter = EventFilter {
        kind: parameters.parse("type", "an event's type, such as payment.created", kind)?,
        order: parameters.parse("order", "oldest_first or newest_first", order)?.unwrap_or(Order::OldestFirst),
    };
    parameters.finish()?;
    let seq = caught_up(&app, &headers).await?;
    let found = query(&app, move |_, views| views.events(merchant, &filter, &page)).await?;
    let data = found.items.iter().map(|row| journey::event(row, &app.options.providers)).collect::<Result<Vec<_>, _>>()?;
    Ok(read_response(Json(List::new(data, found.next.map(|next| next.to_string()))), seq))
}

/// What a payment sealed, for an answer that was replayed or came without plaintext. Waits a moment for the read models
/// to hold event `seq`; shows nothing when they cannot be read, for the answer about money is worth more.
pub(crate) async fn payment_details(app: &App, merchant: MerchantId, id: PaymentId, seq: u64) -> Shown<PaymentDetails> {
    app.platform.wait_views(seq, read_deadline()).await;
    let row = query(app, move |_, views| views.payment(merchant, id)).await.ok().flatten();
    details::open(app.platform.as_ref(), row.and_then(|row| row.details).as_ref())
}

/// As [`payment_details`], for a refund.
pub(crate) async fn refund_details(app: &App, merchant: MerchantId, id: RefundId, seq: u64) -> Shown<RefundDetails> {
    app.platform.wait_views(seq, read_deadline()).await;
    let row = query(app, move |_, views| views.refund(merchant, id)).await.ok().flatten();
    details::open(app.platform.as_ref(), row.and_then(|row| row.details).as_ref())
}

fn object(app: &App, views: &Reader, row: &PaymentRow) -> Result<Payment, views::Error> {
    let attempts = if row.attempts_count == 0 { None } else { views.attempts(row.merchant, row.id)? };
    let shown = details::open(app.platform.as_ref(), row.details.as_ref());
    Ok(Payment::of_row(row, &attempts.unwrap_or_default(), shown, &app.options.providers))
}

/// Until when a read waits for the read models.
pub(crate) fn read_deadline() -> Instant {
    Instant::now() + Duration::from_millis(READ_WAIT_MS_MAX)
}

/// Waits until the read models hold what the client may expect; gives the position that the answer is known to contain.
pub(crate) async fn caught_up(app: &App, headers: &HeaderMap) -> Result<u64, Problem> {
    let asked = min_seq(headers)?;
    let wanted = asked.unwrap_or(0).max(app.platform.durable_seq());
    let deadline = read_deadline();
    if app.platform.wait_views(wanted, deadline).await {
        return Ok(wanted);
    }
    let applied = query(app, |_, views| views.applied_seq()).await?;
    match asked {
        Some(asked) if applied < asked => {
            Err(Problem::of_field(Code::MinSeqNotReached, "Bezant-Min-Seq", format!("the read models hold events up to {applied}")))
        }
        Some(_) | None => Ok(applied),
    }
}

/// Asks the read models on a thread where blocking is allowed.
pub(crate) async fn query<T: Send + 'static>(
    app: &App,
    question: impl FnOnce(&App, &Reader) -> Result<T, views::Error> + Send + 'static,
) -> Result<T, Problem> {
    let app = app.clone();
    let span = tracing::Span::current();
    let answered = tokio::task::spawn_blocking(move || span.in_scope(|| question(&app, app.platform.views()))).await;
    submission::ended(answered, "a read")?.map_err(|error| {
        tracing::error!({ telemetry::names::field::ERROR } = %error, "the read models cannot be read");
        Problem::new(Code::ViewsUnavailable)
    })
}

/// Which part of a list a request asks for.
pub(crate) fn page(parameters: &mut Parameters, kind: CursorKind) -> Result<Page, Problem> {
    let limit = page_limit(parameters)?;
    let after = match parameters.take("cursor")? {
        None => None,
        Some(text) => {
            let refused = |error: views::CursorError| Problem::of_field(Code::CursorInvalid, "cursor", error.to_string());
            Some(Cursor::parse(kind, &text).map_err(refused)?)
        }
    };
    Ok(Page { after, limit })
}

/// `limit`, from 1 to 100.
pub(crate) fn page_limit(parameters: &mut Parameters) -> Result<usize, Problem> {
    let limit = |text: &str| text.parse().ok().filter(|limit| (1..=PAGE_LIMIT_MAX).contains(limit));
    Ok(parameters.parse("limit", "a whole number from 1 to 100", limit)?.unwrap_or(PAGE_LIMIT_DEFAULT))
}

/// An answer that contains everything up to event `seq`.
pub(crate) fn read_response(body: impl IntoResponse, seq: u64) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(seq));
    response
}
