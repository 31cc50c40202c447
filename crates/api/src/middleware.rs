//! What every request passes on its way in and out: trace, bound on concurrency, card numbers, API key; then headers,
//! problem documents, metrics and one log line. Bodies and queries are never logged, paths only as route templates.

use crate::App;
use crate::errors::{Code, PROBLEM_JSON, Problem};
use crate::extract::{BEZANT_MERCHANT, head_holds_card_number, known_merchant, named_merchant};
use crate::platform::Principal;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::id::encode_base32;
use base::{MerchantId, OperatorId, PaymentId, TraceId};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use identity::KeyKind;
use std::time::Instant;
use telemetry::names::{self, field};
use telemetry::{TRACEPARENT, TraceContext};
use tracing::Instrument;

/// The journal's position that an answer contains.
pub(crate) const BEZANT_SEQ: HeaderName = HeaderName::from_static("bezant-seq");
/// The version of the API that a request is written for and its answer is shaped by.
pub(crate) const BEZANT_VERSION: HeaderName = HeaderName::from_static("bezant-version");
/// Published versions, by date, oldest first. An older one is served by stepping answers back from the newest.
pub(crate) const VERSIONS: [&str; 1] = ["2026-11-21"];
/// Names one request; chosen here.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Route label of requests that match no route.
const ROUTE_UNMATCHED: &str = "unmatched";

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody: probes and documentation. Not counted against the bound on concurrency.
    Open,
    /// A merchant's server.
    Merchant,
    /// A merchant's server, or an operator who names the merchant in `Bezant-Merchant`. Only for what changes nothing.
    MerchantRead,
    /// As [`Access::MerchantRead`]; an operator who names nobody reads all merchants'.
    ScopedRead,
    /// Somebody who runs the platform.
    Operator,
    /// A provider: the handler checks its signature.
    Provider,
}

/// The payment that an answer is about, for the log line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About(pub(crate) PaymentId);

/// The outermost layer.
pub(crate) async fn outermost(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let Arrival { trace, request_id } = arrival(&app, request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or(ROUTE_UNMATCHED.to_owned(), |path| path.as_str().to_owned());
    let method = method_label(request.method());
    let durable_seq = app.platform.durable_seq();
    let span = tracing::info_span!(
        names::span::HTTP_REQUEST,
        { field::TRACE_ID } = %trace.trace_id_text(),
        { field::SPAN_ID } = %trace.parent_id_text(),
        { field::METHOD } = method,
        { field::ROUTE } = %route,
    );
    let response = if head_holds_card_number(request.uri(), request.headers()) {
        Problem::new(Code::CardNumberRefused).into_response()
    } else if request.headers().get(BEZANT_VERSION).is_some_and(|version| VERSIONS.iter().all(|known| version != known)) {
        Problem::new(Code::VersionUnknown).into_response()
    } else {
        telemetry::in_trace(TraceId::from_bytes(trace.trace_id()), next.run(request)).instrument(span.clone()).await
    };
    let (problem, mut response) = complete(response, trace.trace_id_text());
    let headers = response.headers_mut();
    headers.entry(BEZANT_SEQ).or_insert(HeaderValue::from(durable_seq));
    headers.insert(BEZANT_VERSION, HeaderValue::from_static(VERSIONS[VERSIONS.len() - 1]));
    headers.insert(REQUEST_ID, request_id);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&trace.to_string()) {
        headers.insert(TRACEPARENT, value);
    }
    let status = response.status();
    let makes_payment = (method, route.as_str(), status) == ("POST", "/v1/payments", StatusCode::CREATED);
    if let Some(About(payment)) = response.extensions().get::<About>().filter(|_| makes_payment) {
        app.platform.activity().payment_answered(app.platform.now(), *payment, started.elapsed());
    }
    metrics::counter!(names::HTTP_REQUESTS_TOTAL, "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned())
        .increment(1);
    metrics::histogram!(names::HTTP_REQUEST_DURATION_SECONDS, "method" => method, "route" => route).record(started.elapsed().as_secs_f64());
    span.in_scope(|| log(&response, problem, started));
    response
}

struct Arrival {
    trace: TraceContext,
    request_id: HeaderValue,
}

/// The trace that the request belongs to, with this process as its newest part. A `traceparent` that cannot be read
/// starts a new trace, as its specification demands.
fn arrival(app: &App, headers: &HeaderMap) -> Arrival {
    let entropy = app.platform.entropy();
    let part = |start: usize| -> [u8; 8] { core::array::from_fn(|index| entropy[start + index]) };
    let given = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<TraceContext>().ok());
    let trace = match given {
        Some(given) => given.child(part(0)),
        None => TraceContext::root(core::array::from_fn(|index| entropy[index])),
    };
    let id = u128::from_be_bytes(core::array::from_fn(|index| entropy[24 + index]));
    let request_id = HeaderValue::from_str(&format!("req_{}", encode_base32(id))).expect("a prefix and base 32 are ASCII");
    Arrival { trace, request_id }
}

/// A closed set of labels: methods are text of clients.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// Writes the problem document of an answer that has one; the router's own refusals get theirs here, too.
fn complete(mut response: Response, trace_id: String) -> (Option<Code>, Response) {
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => Some(Problem::new(Code::MethodNotAllowed)),
        _ => None,
    });
    let Some(problem) = problem else {
        return (None, response);
    };
    let code = problem.code;
    let body = serde_json::to_vec(&problem.document(trace_id)).expect("a problem document holds texts and numbers only");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
    (Some(code), response)
}

fn log(response: &Response, problem: Option<Code>, started: Instant) {
    let status = response.status().as_u16();
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let code = problem.map(|code| code.facts().code);
    let payment = response.extensions().get::<About>().map(|about| about.0.to_string());
    let payment = payment.as_deref();
    if status >= 500 {
        tracing::warn!(
            { field::STATUS } = status,
            { field::CODE } = code,
            { field::PAYMENT_ID } = payment,
            { field::DURATION_MS } = duration_ms,
            "answered"
        );
    } else {
        tracing::info!(
            { field::STATUS } = status,
            { field::CODE } = code,
            { field::PAYMENT_ID } = payment,
            { field::DURATION_MS } = duration_ms,
            "answered"
        );
    }
}

/// What stands before one route: the bound on concurrency and who may call it.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) app: App,
    pub(crate) access: Access,
}

/// Admits a request to its route and notes who calls.
pub(crate) async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    if guard.access == Access::Open {
        return next.run(request).await;
    }
    let places = if guard.access == Access::Provider { &guard.app.webhook_places } else { &guard.app.places };
    let Ok(_place) = places.try_acquire() else {
        return Problem::new(Code::Busy).into_response();
    };
    if guard.access == Access::Provider {
        return next.run(request).await;
    }
    match authenticate(&guard, request.method(), request.headers()) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who the request acts for, if the key is good for this route.
fn authenticate(guard: &Guard, method: &Method, headers: &HeaderMap) -> Result<Principal, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let malformed = |detail: String| Problem::of_field(Code::ApiKeyMalformed, "Authorization", detail);
    let Some(value) = values.next() else {
        return Err(Problem::of_field(Code::ApiKeyMissing, "Authorization", "the header Authorization is missing"));
    };
    if values.next().is_some() {
        return Err(malformed("the header Authorization is there more than once".into()));
    }
    let text = value.to_str().map_err(|_| malformed("the header Authorization is not ASCII".into()))?;
    let credential = identity::authorization_bearer(text).map_err(|error| malformed(error.to_string()))?;
    let key = identity::parse_key(credential.expose()).map_err(|error| malformed(error.to_string()))?;
    let Some(principal) = guard.app.platform.principal(&key) else {
        return Err(Problem::of_field(Code::ApiKeyInvalid, "Authorization", "the key is well-formed, but unknown or revoked"));
    };
    let wrong_kind = |wanted: &str| Problem::of_field(Code::ApiKeyWrongKind, "Authorization", format!("this needs {wanted}"));
    match (guard.access, key.kind(), principal) {
        (Access::Open | Access::Provider, _, _) | (Access::Operator, KeyKind::Operator, Principal::Operator(_)) => Ok(principal),
        (Access::Merchant | Access::MerchantRead | Access::ScopedRead, KeyKind::Secret | KeyKind::Restricted, Principal::Merchant(own)) => {
            match named_merchant(headers)? {
                Some(named) if named != own => {
                    Err(Problem::of_field(Code::ApiKeyWrongKind, BEZANT_MERCHANT, "only an operator's key may name another merchant"))
                }
                Some(_) | None => Ok(principal),
            }
        }
        (Access::MerchantRead | Access::ScopedRead, KeyKind::Operator, Principal::Operator(operator)) if method.is_safe() => {
            let named = known_merchant(&guard.app, headers)?;
            if named.is_none() && guard.access == Access::MerchantRead {
                return Err(Problem::of_field(Code::MerchantMissing, BEZANT_MERCHANT, NAME_IT));
            }
            audit(operator, named);
            Ok(named.map_or(principal, Principal::Merchant))
        }
        (Access::Merchant, _, _) => Err(wrong_kind("a merchant's secret key (sk_… or rk_…)")),
        (Access::MerchantRead | Access::ScopedRead, _, _) => {
            Err(wrong_kind("a merchant's secret key (sk_… or rk_…), or an operator's with Bezant-Merchant"))
        }
        (Access::Operator, _, _) => Err(wrong_kind("an operator's key (ok_…)")),
    }
}

/// What to tell an operator who asks for a merchant's data without naming one.
const NAME_IT: &str = "with an operator's key, name the merchant in the header Bezant-Merchant";

/// Notes that somebody who runs the platform looks at a merchant's data, or at all merchants'. What is looked at stands in the span.
pub(crate) fn audit(operator: OperatorId, merchant: Option<MerchantId>) {
    match merchant {
        Some(merchant) => {
            tracing::info!({ field::OPERATOR_ID } = %operator, { field::MERCHANT_ID } = %merchant, "an operator reads a merchant's data");
        }
        None => tracing::info!({ field::OPERATOR_ID } = %operator, "an operator reads all merchants' data"),
    }
}
