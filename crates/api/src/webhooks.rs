//! Webhooks in: what providers send of their own accord, and what operators see of it. The signature is the
//! authentication; which one a provider makes, and what a message says, is the platform's to know.

use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{Body, OperatorCaller, Parameters, PathPair, PathText, RawBody, known_merchant};
use crate::middleware::BEZANT_SEQ;
use crate::objects::{self, List};
use crate::openapi;
use crate::operators::Empty;
use crate::platform::{Opened, Webhook, WebhookRefused};
use crate::reads::{caught_up, page, query, read_deadline, read_response};
use crate::submission::ended;
use crate::times::parse_rfc3339;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::{Event, NoticeSource, NoticeUse, Sealed};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use tracing::Instrument;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use views::{CursorKind, WebhookFilter, WebhookRow};

/// Largest webhook that is taken, in bytes. A message with the largest object that a provider makes is far below; sealed, it
/// still fits into an event.
pub const WEBHOOK_BYTES_MAX: usize = 192 * 1024;
/// Most times that one message is shown to have come in.
const RECEPTIONS_MAX: usize = 100;
/// Longest provider's id or type of a message that a request may name, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// Ways in which a message comes in.
const SOURCES: [NoticeSource; 3] = [NoticeSource::Webhook, NoticeSource::Sweep, NoticeSource::Replay];
/// What a message can be good for.
const USES: [NoticeUse; 5] = [NoticeUse::News, NoticeUse::Known, NoticeUse::Unmatched, NoticeUse::Kept, NoticeUse::Unclear];

/// The message is durable.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct WebhookReceived {
    /// Always true.
    received: bool,
}

/// A provider's message.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookLine {
    /// The provider's id of the message.
    id: String,
    /// Always `webhook`.
    #[schema(value_type = String, example = "webhook")]
    object: &'static str,
    /// The event in the journal.
    seq: u64,
    /// The provider.
    provider: String,
    /// The provider's name of what happened.
    #[serde(rename = "type")]
    kind: String,
    /// How it came in: the provider called, it was found in the provider's list of events, or somebody replayed it.
    #[schema(schema_with = source_schema)]
    source: &'static str,
    /// What it was good for: `news` led to something, `known` changed nothing, `unmatched` is not ours or for a person,
    /// `kept` is of a kind that changes nothing, `unclear` says something that is not understood and is heard again.
    #[schema(schema_with = found_schema)]
    found: &'static str,
    /// The payment that it is about, `pay_…`
    payment: Option<String>,
    /// When it came in (RFC 3339).
    received_at: String,
}

/// A provider's message with its body, and every time that it came in again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WebhookDetails {
    /// As it came in first.
    #[serde(flatten)]
    first: WebhookLine,
    /// `kept`; `erased` when the person's data was erased; `not_kept` when there was a reason not to keep it: the person's
    /// data was erased before it came, or it held what looks like a card number.
    #[schema(value_type = String)]
    body_status: &'static str,
    /// The exact body, as text.
    body: Option<String>,
    /// The person under whose key the body is sealed, for erasure: `sub_…`
    subject: Option<String>,
    /// When it came in again, oldest first.
    again: Vec<WebhookLine>,
}

fn source_schema() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(SOURCES.map(NoticeSource::name))).build()
}

fn found_schema() -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(USES.map(NoticeUse::name))).build()
}

fn line(row: WebhookRow, providers: &[String]) -> WebhookLine {
    WebhookLine {
        id: row.event_id,
        object: "webhook",
        seq: row.seq,
        provider: objects::provider_name(providers, row.provider),
        kind: row.event_type,
        source: row.source.name(),
        found: row.found.name(),
        payment: row.payment.map(|payment| payment.to_string()),
        received_at: row.at.to_string(),
    }
}

/// Receive a webhook
///
/// For providers. The body is taken as it comes; its signature, in the provider's own header, is checked against the secrets
/// of this endpoint. The answer comes when the message is durable, and is the same when it came before.
#[utoipa::path(
    post, path = "/v1/webhooks/{provider}/{endpoint}", tag = "webhooks", operation_id = "receiveWebhook",
    params(
        ("provider" = String, Path, description = "the provider, such as `stripe`"),
        ("endpoint" = String, Path, description = "the endpoint's name in the platform's configuration"),
    ),
    request_body(content = String, content_type = "application/json", description = "the provider's message, at most 192 KiB"),
    responses((status = 200, description = "it is durable", body = WebhookReceived)), security(("provider_signature" = []))
)]
pub(crate) async fn receive(
    State(app): State<App>,
    path: PathPair,
    headers: HeaderMap,
    RawBody(body): RawBody<WEBHOOK_BYTES_MAX>,
) -> Result<Json<WebhookReceived>, Problem> {
    let webhook = Webhook { provider: path.first, endpoint: path.second, headers, body };
    // Runs to its end whoever hangs up: the message may have been durable already.
    let received = tokio::spawn(telemetry::in_current_trace(async move { app.platform.receive_webhook(webhook).await }.in_current_span()));
    ended(received.await, "a webhook")??;
    Ok(Json(WebhookReceived { received: true }))
}

/// List webhooks
///
/// What providers sent, newest first; a message that was replayed stands there again. Of all merchants, or with `Bezant-Merchant`
/// what is about payments of one.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "operators", operation_id = "listWebhooks",
    params(openapi::PageQuery, openapi::WebhookQuery, openapi::MerchantHeader, openapi::MinSeqHeader),
    responses((status = 200, description = "a page", body = List<WebhookLine>)), security(("operator_key" = []))
)]
pub(crate) async fn list(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    mut parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = page(&mut parameters, CursorKind::Webhooks)?;
    let source = |text: &str| SOURCES.into_iter().find(|source| source.name() == text);
    let found = |text: &str| USES.into_iter().find(|found| found.name() == text);
    let name = |text: &str| (text.len() <= NAME_BYTES_MAX).then(|| text.to_owned());
    let filter = WebhookFilter {
        source: parameters.parse("source", "webhook, sweep or replay", source)?,
        found: parameters.parse("found", "news, known, unmatched, kept or unclear", found)?,
        event_type: parameters.parse("type", "a provider's event type of at most 100 bytes", name)?,
        received_from: parameters.parse("received_from", "a time such as 2026-11-21T09:33:00Z", parse_rfc3339)?,
        merchant: known_merchant(&app, &headers)?,
    };
    parameters.finish()?;
    let seq = caught_up(&app, &headers).await?;
    let found = query(&app, move |_, views| views.webhooks(&filter, &page)).await?;
    let data = found.items.into_iter().map(|row| line(row, &app.options.providers)).collect();
    Ok(read_response(Json(List::new(data, found.next.map(|next| next.to_string()))), seq))
}

/// Retrieve a webhook
///
/// With the body exactly as it came, unless the person's data was erased.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "operators", operation_id = "retrieveWebhook",
    params(("id" = String, Path, description = "the provider's id of the message"), openapi::MinSeqHeader),
    responses((status = 200, description = "the message", body = WebhookDetails)), security(("operator_key" = []))
)]
pub(crate) async fn retrieve(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    path: PathText,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let seq = caught_up(&app, &headers).await?;
    let Kept { rows, sealed } = kept(&app, path.as_str()).await?;
    let (body_status, body) = match sealed.as_ref().map(|sealed| app.platform.open_webhook(sealed)) {
        None => ("not_kept", None),
        Some(Opened::Erased) => ("erased", None),
        Some(Opened::Plain(bytes)) => ("kept", Some(String::from_utf8_lossy(&bytes).into_owned())),
    };
    let mut lines = rows.into_iter().map(|row| line(row, &app.options.providers));
    let first = lines.next().ok_or_else(|| Problem::new(Code::WebhookUnknown))?;
    let subject = sealed.map(|sealed| sealed.subject.to_string());
    Ok(read_response(Json(WebhookDetails { first, body_status, body, subject, again: lines.collect() }), seq))
}

/// Replay a webhook
///
/// Reads the kept body again, with what this program knows now, and looks whether it is news. Harmless as often as one
/// likes: what money did is looked up at the provider.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", tag = "operators", operation_id = "replayWebhook",
    params(("id" = String, Path, description = "the provider's id of the message")), request_body(content = Empty),
    responses((status = 200, description = "the message as it came in this time", body = WebhookLine)), security(("operator_key" = []))
)]
pub(crate) async fn replay(
    State(app): State<App>,
    OperatorCaller(_operator): OperatorCaller,
    path: PathText,
    _body: Body<Empty>,
) -> Result<Response, Problem> {
    app.platform.wait_views(app.platform.durable_seq(), read_deadline()).await;
    let Kept { rows, sealed } = kept(&app, path.as_str()).await?;
    let provider = rows.first().map(|row| row.provider).ok_or_else(|| Problem::new(Code::WebhookUnknown))?;
    let Some(Opened::Plain(body)) = sealed.map(|sealed| app.platform.open_webhook(&sealed)) else {
        return Err(Problem::new(Code::WebhookBodyGone));
    };
    let replaying = app.clone();
    let replayed =
        tokio::spawn(telemetry::in_current_trace(async move { replaying.platform.replay_webhook(provider, body).await }.in_current_span()));
    let (event_id, seq) = ended(replayed.await, "a replay")??;
    if !app.platform.wait_views(seq, read_deadline()).await {
        return Err(Problem::new(Code::ViewsUnavailable));
    }
    let rows = query(&app, move |_, views| views.webhooks_of(&event_id, views::PAGE_ROWS_MAX)).await?;
    let newest = rows.into_iter().rfind(|row| row.seq <= seq).ok_or_else(|| Problem::new(Code::WebhookUnknown))?;
    let mut response = Json(line(newest, &app.options.providers)).into_response();
    response.headers_mut().insert(BEZANT_SEQ, HeaderValue::from(seq));
    Ok(response)
}

/// Every time that a message came in, at least once, and its body where one of them has it.
struct Kept {
    rows: Vec<WebhookRow>,
    sealed: Option<Sealed>,
}

async fn kept(app: &App, event_id: &str) -> Result<Kept, Problem> {
    if event_id.len() > NAME_BYTES_MAX {
        return Err(Problem::new(Code::WebhookUnknown));
    }
    let event_id = event_id.to_owned();
    let found = query(app, move |_, views| {
        let rows = views.webhooks_of(&event_id, RECEPTIONS_MAX)?;
        // A replay brings no body of its own.
        let mut with_body = rows.iter().filter(|row| row.source != NoticeSource::Replay);
        let event = with_body.next().map_or(Ok(None), |row| views.event(row.seq))?;
        Ok((rows, event))
    });
    let (rows, event) = found.await?;
    if rows.is_empty() {
        return Err(Problem::new(Code::WebhookUnknown));
    }
    let Some(event) = event else {
        return Ok(Kept { rows, sealed: None });
    };
    let entry = events::decode_payload(event.seq, &event.payload).map_err(|error| {
        tracing::error!({ telemetry::names::field::ERROR } = %error, "a kept webhook cannot be read");
        Problem::new(Code::ViewsUnavailable)
    })?;
    let sealed = match entry.event {
        Event::WebhookReceived { payload, .. } => payload,
        _ => None,
    };
    Ok(Kept { rows, sealed })
}

impl From<WebhookRefused> for Problem {
    fn from(refused: WebhookRefused) -> Self {
        match refused {
            WebhookRefused::EndpointUnknown => Self::new(Code::WebhookEndpointUnknown),
            WebhookRefused::TooLarge => Self::with_detail(Code::BodyTooLarge, format!("a webhook may have {WEBHOOK_BYTES_MAX} bytes")),
            WebhookRefused::SignatureMissing => Self::new(Code::WebhookSignatureMissing),
            WebhookRefused::SignatureMalformed => Self::new(Code::WebhookSignatureMalformed),
            WebhookRefused::SignatureMismatch => Self::new(Code::WebhookSignatureMismatch),
            WebhookRefused::TimestampOutOfTolerance => Self::new(Code::WebhookTimestampOutOfTolerance),
            WebhookRefused::Unreadable => Self::new(Code::WebhookMalformed),
            WebhookRefused::Unavailable(error) => error.into(),
        }
    }
}
