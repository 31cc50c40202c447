//! What operators do: merchants, API keys, erasure, the clock. And what anybody may see: probes, metrics, the
//! description.

use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{Body, OperatorCaller, Parameters, PathText};
use crate::middleware::BEZANT_SEQ;
use crate::objects::{List, Merchant, NewApiKey};
use crate::platform::Readiness;
use crate::reads::page_limit;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::{MerchantId, OperatorId, Redacted, SubjectId};
use engine::{Command, CreateApiKey, KeyOwner, Refusal, Reply};
use http::{HeaderValue, StatusCode, header};
use identity::{KeyKind, PublicId};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use utoipa::ToSchema;

/// Longest handle, in bytes.
const HANDLE_BYTES_MAX: usize = 40;
/// How often a new key's public id is drawn; a second draw is already a once-in-a-lifetime event.
const KEY_DRAWS_MAX: usize = 3;

/// Admits a merchant or an operator.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateWithHandle)]
pub(crate) struct CreateRequest {
    /// Short name: 1 to 40 lower-case letters, digits and hyphens, not starting or ending with a hyphen.
    #[schema(max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    handle: String,
}

/// No fields.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

/// Makes a person's data unreadable.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateErasure)]
pub(crate) struct EraseRequest {
    /// Whose, `sub_…`, as payments name it.
    subject: String,
}

/// Somebody who may run the platform.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Operator {
    /// `opr_…`
    id: String,
    /// Always `operator`.
    #[schema(value_type = String, example = "operator")]
    object: &'static str,
    /// Short name.
    handle: String,
}

/// An operator's new API key; the only answer that ever shows the secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewOperatorKey {
    /// The public id: ten characters, safe to store and show.
    id: String,
    /// Always `api_key`.
    #[schema(value_type = String, example = "api_key")]
    object: &'static str,
    /// The operator that it acts for, `opr_…`
    operator: String,
    /// The whole key. It is shown this once.
    secret: String,
}

/// A person's data is unreadable from now on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Erasure {
    /// Always `erasure`.
    #[schema(value_type = String, example = "erasure")]
    object: &'static str,
    /// Whose, `sub_…`
    subject: String,
}

/// The clock is trusted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Clock {
    /// Always `clock`.
    #[schema(value_type = String, example = "clock")]
    object: &'static str,
    /// Whether expiries wait because the clock jumped; false, now that it is confirmed.
    expiries_suspended: bool,
}

/// An API key that works no more.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RevokedApiKey {
    /// The public id.
    id: String,
    /// Always `api_key`.
    #[schema(value_type = String, example = "api_key")]
    object: &'static str,
    /// Always true.
    revoked: bool,
}

/// Whether the process lives or can take work.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Probe {
    /// `ok` or `ready`.
    #[schema(value_type = String)]
    status: &'static str,
}

/// Create a merchant
#[utoipa::path(
    post, path = "/v1/merchants", tag = "operators", operation_id = "createMerchant", request_body = CreateRequest,
    responses((status = 201, description = "created", body = Merchant)), security(("operator_key" = []))
)]
pub(crate) async fn create_merchant(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    body: Body<CreateRequest>,
) -> Result<Response, Problem> {
    let CreateRequest { handle } = body.value;
    check_handle(&handle)?;
    let entropy = app.platform.entropy();
    let id = MerchantId::from_u128(u128::from_be_bytes(core::array::from_fn(|index| entropy[index])));
    let submitted = app.submit(Command::CreateMerchant { merchant: id, handle: handle.clone() }).await?;
    let merchant = Merchant { id: id.to_string(), object: "merchant", handle, currencies: Vec::new() };
    Ok(done(StatusCode::CREATED, merchant, submitted.seq))
}

/// List merchants
///
/// In the order of their ids.
#[utoipa::path(
    get, path = "/v1/merchants", tag = "operators", operation_id = "listMerchants", params(crate::openapi::PageQuery),
    responses((status = 200, description = "a page", body = List<Merchant>)), security(("operator_key" = []))
)]
pub(crate) async fn merchants(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    mut parameters: Parameters,
) -> Result<Json<List<Merchant>>, Problem> {
    let limit = page_limit(&mut parameters)?;
    let after = match parameters.take("cursor")? {
        None => None,
        Some(text) => {
            let refused = |_| Problem::of_field(Code::CursorInvalid, "cursor", "this is not a cursor; pass on what an earlier page gave");
            Some(text.parse::<MerchantId>().map_err(refused)?)
        }
    };
    parameters.finish()?;
    let mut found = app.platform.merchants(after, limit + 1).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| has_more).map(|(id, _)| id.to_string());
    let data = found.into_iter().map(|(id, merchant)| Merchant {
        id: id.to_string(),
        object: "merchant",
        handle: merchant.handle,
        currencies: merchant.currencies.into_iter().map(base::Currency::alpha).collect(),
    });
    Ok(Json(List::new(data.collect(), next_cursor)))
}

/// Create an API key
///
/// The answer holds the secret, and no other answer ever will.
#[utoipa::path(
    post, path = "/v1/merchants/{id}/api_keys", tag = "operators", operation_id = "createApiKey",
    params(("id" = String, Path, description = "`mer_…`")), request_body(content = Empty),
    responses((status = 201, description = "created", body = NewApiKey)), security(("operator_key" = []))
)]
pub(crate) async fn create_api_key(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    path: PathText,
    body: Body<Empty>,
) -> Result<Response, Problem> {
    let Empty {} = body.value;
    let merchant = path.merchant()?;
    let (id, secret, seq) = create_key(&app, KeyKind::Secret, KeyOwner::Merchant(merchant)).await?;
    let key = NewApiKey { id, object: "api_key", merchant: merchant.to_string(), secret: secret.into_inner() };
    Ok(done(StatusCode::CREATED, key, seq))
}

/// Makes a key and its record durable; answers its public id, its text and the sequence number.
async fn create_key(app: &App, kind: KeyKind, owner: KeyOwner) -> Result<(String, Redacted<String>, u64), Problem> {
    for _ in 0..KEY_DRAWS_MAX {
        let (secret, record) = app.platform.generate_key(kind);
        let public_id = public_id_bytes(record.public_id)?;
        let command = CreateApiKey { public_id, owner, digest: record.digest, pepper_version: record.pepper_version };
        match app.submit(Command::CreateApiKey(command)).await {
            Ok(submitted) => return Ok((record.public_id.to_string(), secret, submitted.seq)),
            Err(problem) if problem.code == Code::ApiKeyTaken => {}
            Err(problem) => return Err(problem),
        }
    }
    Err(Problem::from(Refusal::KeyTaken))
}

/// Revoke an API key
///
/// The key stops working with the answer. Revoking it again changes nothing.
#[utoipa::path(
    delete, path = "/v1/api_keys/{public_id}", tag = "operators", operation_id = "revokeApiKey",
    params(("public_id" = String, Path, description = "the ten characters after `sk_test_` or the like")),
    responses((status = 200, description = "revoked", body = RevokedApiKey)), security(("operator_key" = []))
)]
pub(crate) async fn revoke_api_key(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    path: PathText,
) -> Result<Response, Problem> {
    let public_id: PublicId = path.as_str().parse().map_err(|_| Problem::new(Code::ApiKeyUnknown))?;
    let submitted = app.submit(Command::RevokeApiKey { public_id: public_id_bytes(public_id)? }).await?;
    let revoked = RevokedApiKey { id: public_id.to_string(), object: "api_key", revoked: true };
    Ok(done(StatusCode::OK, revoked, submitted.seq))
}

/// Erase a person's data
///
/// Destroys the key under which the person's data is sealed, everywhere and for ever. Payments, books and hashes stay.
#[utoipa::path(
    post, path = "/v1/privacy/erasures", tag = "operators", operation_id = "createErasure", request_body = EraseRequest,
    responses((status = 200, description = "erased", body = Erasure)), security(("operator_key" = []))
)]
pub(crate) async fn erase(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    body: Body<EraseRequest>,
) -> Result<Response, Problem> {
    let refused = |error: base::IdError| Problem::of_field(Code::FieldInvalid, "subject", error.to_string());
    let subject: SubjectId = body.value.subject.parse().map_err(refused)?;
    if subject == SubjectId::PLATFORM {
        return Err(Problem::of_field(Code::FieldInvalid, "subject", "this is the platform itself, which is nobody's data"));
    }
    let submitted = app.submit(Command::EraseSubject { subject }).await?;
    Ok(done(StatusCode::OK, Erasure { object: "erasure", subject: subject.to_string() }, submitted.seq))
}

/// Create an operator
///
/// Somebody else who may run the platform. What two people must agree on needs a second one.
#[utoipa::path(
    post, path = "/v1/operators", tag = "operators", operation_id = "createOperator", request_body = CreateRequest,
    responses((status = 201, description = "created", body = Operator)), security(("operator_key" = []))
)]
pub(crate) async fn create_operator(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    body: Body<CreateRequest>,
) -> Result<Response, Problem> {
    let CreateRequest { handle } = body.value;
    check_handle(&handle)?;
    let entropy = app.platform.entropy();
    let id = OperatorId::from_u128(u128::from_be_bytes(core::array::from_fn(|index| entropy[index])));
    let submitted = app.submit(Command::CreateOperator { operator: id, handle: handle.clone() }).await?;
    Ok(done(StatusCode::CREATED, Operator { id: id.to_string(), object: "operator", handle }, submitted.seq))
}

/// Create an operator's API key
///
/// The answer holds the secret, and no other answer ever will.
#[utoipa::path(
    post, path = "/v1/operators/{id}/api_keys", tag = "operators", operation_id = "createOperatorApiKey",
    params(("id" = String, Path, description = "`opr_…`")), request_body(content = Empty),
    responses((status = 201, description = "created", body = NewOperatorKey)), security(("operator_key" = []))
)]
pub(crate) async fn create_operator_key(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    path: PathText,
    body: Body<Empty>,
) -> Result<Response, Problem> {
    let Empty {} = body.value;
    let operator: OperatorId = path.as_str().parse().map_err(|_| Problem::new(Code::OperatorUnknown))?;
    let (id, secret, seq) = create_key(&app, KeyKind::Operator, KeyOwner::Operator(operator)).await?;
    let key = NewOperatorKey { id, object: "api_key", operator: operator.to_string(), secret: secret.into_inner() };
    Ok(done(StatusCode::CREATED, key, seq))
}

/// Confirm the clock
///
/// Says that the wall clock is right after a jump, so that expiries go on.
#[utoipa::path(
    post, path = "/v1/platform/clock/confirm", tag = "operators", operation_id = "confirmClock", request_body(content = Empty),
    responses((status = 200, description = "confirmed", body = Clock)), security(("operator_key" = []))
)]
pub(crate) async fn confirm_clock(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    body: Body<Empty>,
) -> Result<Response, Problem> {
    let Empty {} = body.value;
    let submitted = app.submit(Command::ConfirmClock).await?;
    debug_assert_eq!(submitted.reply, Reply::Done);
    Ok(done(StatusCode::OK, Clock { object: "clock", expiries_suspended: false }, submitted.seq))
}

/// Whether the process lives
#[utoipa::path(
    get, path = "/healthz", tag = "probes", operation_id = "healthz",
    responses((status = 200, description = "it does", body = Probe)), security(())
)]
pub(crate) async fn healthz() -> Json<Probe> {
    Json(Probe { status: "ok" })
}

/// Whether the platform can take work
#[utoipa::path(
    get, path = "/readyz", tag = "probes", operation_id = "readyz",
    responses((status = 200, description = "it can", body = Probe)), security(())
)]
pub(crate) async fn readyz(State(app): State<App>) -> Result<Json<Probe>, Problem> {
    match app.platform.readiness() {
        Readiness::Ready => Ok(Json(Probe { status: "ready" })),
        Readiness::NotReady(reason) => Err(Problem::with_detail(Code::NotReady, reason)),
    }
}

/// Metrics
///
/// In Prometheus' text format, version 0.0.4.
#[utoipa::path(
    get, path = "/metrics", tag = "probes", operation_id = "metrics",
    responses((status = 200, description = "all metrics", body = String, content_type = "text/plain")), security(())
)]
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.platform.metrics()).into_response()
}

/// This description
#[utoipa::path(
    get, path = "/openapi.json", tag = "probes", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")), security(())
)]
pub(crate) async fn openapi_json() -> Response {
    static DESCRIPTION: LazyLock<String> = LazyLock::new(crate::openapi);
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION.as_str()).into_response()
}

fn check_handle(handle: &str) -> Result<(), Problem> {
    if handle.len() > HANDLE_BYTES_MAX {
        let detail = format!("handle has {} bytes and may have {HANDLE_BYTES_MAX}", handle.len());
        return Err(Problem::of_field(Code::FieldTooLong, "handle", detail));
    }
    let allowed = handle.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if handle.is_empty() || !allowed || handle.starts_with('-') || handle.ends_with('-') {
        let rule = "handle must be lower-case letters, digits and hyphens, and not start or end with a hyphen";
        return Err(Problem::of_field(Code::FieldInvalid, "handle", rule));
    }
    Ok(())
}

fn public_id_bytes(public_id: PublicId) -> Result<[u8; 10], Problem> {
    public_id.as_str().as_bytes().try_into().map_err(|_| Problem::new(Code::Internal))
}

pub(crate) fn done(status: StatusCode, body: impl Serialize, seq: u64) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(seq));
    response
}
