//! What operators do: merchants, API keys, erasure, the clock. And what anybody may see: probes, metrics, the
//! description.

use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{Body, OperatorCaller, Parameters, PathText};
use crate::middleware::BEZANT_SEQ;
use crate::objects::{List, Merchant, NewApiKey};
use crate::paging::StatePage;
use crate::platform::Readiness;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base::{MerchantId, OperatorId, SubjectId};
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

/// An API key as operators see it: whose it is and whether it works. Its secret is in no answer but the first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ApiKey {
    /// The public id: ten characters, safe to store and show.
    id: String,
    /// Always `api_key`.
    #[schema(value_type = String, example = "api_key")]
    object: &'static str,
    /// The merchant that it acts for, `mer_…`; null for an operator's.
    merchant: Option<String>,
    /// The operator that it acts for, `opr_…`; null for a merchant's.
    operator: Option<String>,
    /// Whether it stopped working.
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
    let id = MerchantId::from_u128(fresh(&app));
    let command = Command::CreateMerchant { merchant: id, handle: handle.clone() };
    let merchant = Merchant { id: id.to_string(), object: "merchant", handle, currencies: Vec::new() };
    carry_out(&app, command, StatusCode::CREATED, merchant).await
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
    parameters: Parameters,
) -> Result<Json<List<Merchant>>, Problem> {
    let page = StatePage::<MerchantId>::parse(parameters)?;
    let found = app.platform.merchants(page.after(), page.count_max()).await?;
    let shown = |(id, merchant): (MerchantId, engine::Merchant)| Merchant {
        id: id.to_string(),
        object: "merchant",
        handle: merchant.handle,
        currencies: merchant.currencies.into_iter().map(base::Currency::alpha).collect(),
    };
    Ok(Json(page.list(found, |(id, _)| *id, shown)))
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
    _body: Body<Empty>,
) -> Result<Response, Problem> {
    let merchant = path.merchant()?;
    let shown = |id, secret| NewApiKey { id, object: "api_key", merchant: merchant.to_string(), secret };
    create_key(&app, KeyOwner::Merchant(merchant), shown).await
}

/// Makes a key and its record durable; answers with what `shown` makes of its public id and its text.
async fn create_key<T: Serialize>(app: &App, owner: KeyOwner, shown: impl FnOnce(String, String) -> T) -> Result<Response, Problem> {
    let kind = match owner {
        KeyOwner::Merchant(_) => KeyKind::Secret,
        KeyOwner::Operator(_) => KeyKind::Operator,
    };
    for _ in 0..KEY_DRAWS_MAX {
        let (secret, record) = app.platform.generate_key(kind);
        let public_id = public_id_bytes(record.public_id)?;
        let command = CreateApiKey { public_id, owner, digest: record.digest, pepper_version: record.pepper_version };
        match app.submit(Command::CreateApiKey(command)).await {
            Ok(submitted) => {
                let key = shown(record.public_id.to_string(), secret.into_inner());
                return Ok(done(StatusCode::CREATED, key, submitted.seq));
            }
            Err(problem) if problem.code == Code::ApiKeyTaken => {}
            Err(problem) => return Err(problem),
        }
    }
    Err(Problem::from(Refusal::KeyTaken))
}

/// List API keys
///
/// In the order of their public ids, revoked ones among them.
#[utoipa::path(
    get, path = "/v1/api_keys", tag = "operators", operation_id = "listApiKeys",
    params(crate::openapi::PageQuery, crate::openapi::ApiKeyQuery),
    responses((status = 200, description = "a page", body = List<ApiKey>)), security(("operator_key" = []))
)]
pub(crate) async fn api_keys(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    mut parameters: Parameters,
) -> Result<Json<List<ApiKey>>, Problem> {
    let merchant = parameters.parse("merchant", "a merchant's id, mer_…", |text| text.parse::<MerchantId>().ok())?;
    let page = StatePage::<PublicId>::parse(parameters)?;
    let after = page.after().map(public_id_bytes).transpose()?;
    let mut found = Vec::new();
    for (bytes, key) in app.platform.api_keys(merchant, after, page.count_max()).await? {
        let public_id: PublicId = String::from_utf8_lossy(&bytes).parse().map_err(|_| Problem::new(Code::Internal))?;
        found.push((public_id, key));
    }
    let shown = |(public_id, key): (PublicId, engine::state::ApiKey)| {
        let (merchant, operator) = match key.owner {
            KeyOwner::Merchant(merchant) => (Some(merchant.to_string()), None),
            KeyOwner::Operator(operator) => (None, Some(operator.to_string())),
        };
        ApiKey { id: public_id.to_string(), object: "api_key", merchant, operator, revoked: key.revoked }
    };
    Ok(Json(page.list(found, |(public_id, _)| *public_id, shown)))
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
    let command = Command::RevokeApiKey { public_id: public_id_bytes(public_id)? };
    let revoked = RevokedApiKey { id: public_id.to_string(), object: "api_key", revoked: true };
    carry_out(&app, command, StatusCode::OK, revoked).await
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
    let erasure = Erasure { object: "erasure", subject: subject.to_string() };
    carry_out(&app, Command::EraseSubject { subject }, StatusCode::OK, erasure).await
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
    let id = OperatorId::from_u128(fresh(&app));
    let command = Command::CreateOperator { operator: id, handle: handle.clone() };
    carry_out(&app, command, StatusCode::CREATED, Operator { id: id.to_string(), object: "operator", handle }).await
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
    _body: Body<Empty>,
) -> Result<Response, Problem> {
    let operator: OperatorId = path.as_str().parse().map_err(|_| Problem::new(Code::OperatorUnknown))?;
    let shown = |id, secret| NewOperatorKey { id, object: "api_key", operator: operator.to_string(), secret };
    create_key(&app, KeyOwner::Operator(operator), shown).await
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
    _body: Body<Empty>,
) -> Result<Response, Problem> {
    carry_out(&app, Command::ConfirmClock, StatusCode::OK, Clock { object: "clock", expiries_suspended: false }).await
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

/// An id's worth of fresh random bits.
fn fresh(app: &App) -> u128 {
    let entropy = app.platform.entropy();
    u128::from_be_bytes(core::array::from_fn(|index| entropy[index]))
}

/// Submits a command that has nothing to say but that it is done, and answers with `body`.
pub(crate) async fn carry_out(app: &App, command: Command, status: StatusCode, body: impl Serialize) -> Result<Response, Problem> {
    let submitted = app.submit(command).await?;
    debug_assert_eq!(submitted.reply, Reply::Done);
    Ok(done(status, body, submitted.seq))
}

fn done(status: StatusCode, body: impl Serialize, seq: u64) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(seq));
    response
}
