//! The route of a payment's journey: reads the payment's events and how it stands, and has them told.

use super::{Happened, Journey, Materials, tell};
use crate::App;
use crate::errors::{Code, Problem};
use crate::extract::{MerchantCaller, Parameters, PathText};
use crate::middleware::About;
use crate::openapi;
use crate::reads::{caught_up, query, read_deadline, read_response};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use base::{MerchantId, PaymentId};
use http::HeaderMap;
use views::{EventRow, LegRow, Reader};

/// Most events of one journey; later ones are left out. Attempts, captures, refunds and cancels of a payment are limited
/// to far fewer, but a customer who is waited for is looked for again and again.
const JOURNEY_EVENTS_MAX: usize = 20_000;

/// Retrieve a payment's journey
///
/// Everything that happened to the payment, oldest first, in plain sentences with what proves them; above it how the
/// payment stands, below it what happens next and what one can do. Texts are in English.
#[utoipa::path(
    get, path = "/v1/payments/{id}/journey", tag = "payments", operation_id = "retrieveJourney",
    params(("id" = String, Path, description = "`pay_…`"), openapi::MinSeqHeader),
    responses((status = 200, description = "the journey", body = Journey)), security(("merchant_key" = []))
)]
pub(crate) async fn retrieve(
    State(app): State<App>,
    MerchantCaller(merchant): MerchantCaller,
    path: PathText,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let id = path.payment()?;
    let seq = caught_up(&app, &headers).await?;
    let found = app.platform.outlook(merchant, id).await?;
    let (outlook, now) = found.ok_or_else(|| Problem::new(Code::PaymentUnknown))?;
    // What the summary knows, the steps shall tell. If the read models stand still, they end earlier.
    app.platform.wait_views(outlook.seq, read_deadline()).await;
    let rows = query(&app, move |_, views| rows(views, merchant, id, outlook.seq).map(|rows| (rows, outlook))).await?;
    let ((events, legs), outlook) = rows;
    let events = happened(events, legs)?;
    let open_request = |provider, sealed: &engine::Sealed| app.platform.open_request(provider, sealed);
    let materials =
        Materials { payment: id, events: &events, outlook: &outlook, now, providers: &app.options.providers, open_request: &open_request };
    let mut response = read_response(Json(tell(&materials)), seq);
    response.extensions_mut().insert(About(id));
    Ok(response)
}

/// A payment's events and ledger lines up to event `seq_max`. None of a payment that the read models do not know yet.
fn rows(views: &Reader, merchant: MerchantId, id: PaymentId, seq_max: u64) -> Result<(Vec<EventRow>, Vec<LegRow>), views::Error> {
    let mut events: Vec<EventRow> = Vec::new();
    while events.len() < JOURNEY_EVENTS_MAX {
        let after = events.last().map_or(0, |row| row.seq);
        let page = views.journey(merchant, id, after, views::PAGE_ROWS_MAX)?.unwrap_or_default();
        let is_last = page.len() < views::PAGE_ROWS_MAX;
        events.extend(page.into_iter().filter(|row| row.seq <= seq_max));
        if is_last || events.last().is_some_and(|row| row.seq >= seq_max) {
            break;
        }
    }
    let mut legs: Vec<LegRow> = Vec::new();
    while legs.len() < JOURNEY_EVENTS_MAX {
        let after = legs.last().map(|row| (row.seq, row.position));
        let page = views.legs(merchant, id, after, views::PAGE_ROWS_MAX)?.unwrap_or_default();
        let is_last = page.len() < views::PAGE_ROWS_MAX;
        legs.extend(page);
        if is_last {
            break;
        }
    }
    Ok((events, legs))
}

/// Events with their ledger lines.
fn happened(events: Vec<EventRow>, legs: Vec<LegRow>) -> Result<Vec<Happened>, Problem> {
    let mut legs = legs.into_iter().peekable();
    let mut all = Vec::with_capacity(events.len());
    for row in events {
        let payload = super::data::payload(&row)?;
        while legs.next_if(|leg| leg.seq < row.seq).is_some() {}
        let mut own = Vec::new();
        while let Some(leg) = legs.next_if(|leg| leg.seq == row.seq) {
            own.push(leg);
        }
        all.push(Happened {
            seq: row.seq,
            at: row.at,
            event: payload.event,
            legs: own,
            trace_id: payload.trace_id.map(|trace| trace.to_string()),
        });
    }
    Ok(all)
}
